"""Write orders, answers and trades as clients see them (API sections 8 and 9).

Everything is computed from events. Open orders from shared memory and rows of the books of record come
in the same shape (`ingress/live_orders.py`, `ingress/queries.py`), so one order reads the same wherever it was found. The
dialect's spelling is kept, `cummulativeQuoteQty` included.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ingress import errors
from ingress.requests import ACK, FULL
from ingress.views import Instrument, Views
from protocol.records import Event
from protocol.terms import (
    EventFlag,
    EventKind,
    ExpiryReason,
    OrdStatus,
    OrdType,
    Side,
    StpMode,
    TimeInForce,
)

Told = dict[str, Any]
MILLISECOND_NS = 1_000_000

_SIDES = {int(side): side.name for side in Side}
_ORD_TYPES = {int(kind): kind.name for kind in OrdType}
_TIMES = {0: TimeInForce.GTC.name} | {int(time): time.name for time in TimeInForce}
_STATUSES = {int(status): status.name for status in OrdStatus}
_STP_MODES = {int(mode): mode.name for mode in StpMode}
_TRADE = int(EventKind.TRADE)
_EXPIRIES = {int(reason): reason.name for reason in ExpiryReason}
_STATES = frozenset(
    int(kind)
    for kind in (
        EventKind.ACCEPTED,
        EventKind.TRADE,
        EventKind.CANCELED,
        EventKind.EXPIRED,
        EventKind.RESTED,
        EventKind.TRIGGERED,
        EventKind.REPLACED,
        EventKind.PREVENTED,
    )
)
"""Events that say how an order stands."""


@dataclass(frozen=True, slots=True)
class Teller:
    """How one request wants to be told: names by number, and its unit of time in nanoseconds."""

    views: Views
    unit_ns: int = MILLISECOND_NS

    def time(self, at_ns: int) -> int:
        """Write a time; -1 for one that has not come."""
        return at_ns // self.unit_ns if at_ns else -1


def text_of(field: bytes) -> str:
    """Read a text field, which is padded with zeros."""
    return field.rstrip(b"\0").decode("latin-1")


def placed(events: list[Event], order_id: int, answer: str, teller: Teller) -> Told:
    """Answer a new order: ACK, RESULT or FULL, from the events of its command.

    The order stands as its last event says. Follow-ups of the same command (stops that it triggered,
    orders that then hit its remainder) are part of that.
    """
    own = events
    if len(events) > 1:
        own = [one for one in events if one.order_id == order_id and one.kind in _STATES]
    first, last = own[0], own[-1]
    instrument = teller.views.instrument_at(first.instrument)
    told = _name(first, instrument)
    told["transactTime"] = first.at_ns // teller.unit_ns
    if answer == ACK:
        return told
    told |= _standing(last, instrument)
    told["workingTime"] = teller.time(last.working_ns)
    _add_conditional(told, last, instrument, teller)
    if answer == FULL:
        fills = [one for one in own if one.kind == _TRADE]
        told["fills"] = [_fill(one, instrument, teller) for one in fills]
    if len(own) > 1:
        _add_prevented(told, events, last, instrument)
    return told


def _name(event: Event, instrument: Instrument) -> Told:
    return {
        "symbol": instrument.symbol,
        "orderId": event.order_id,
        "orderListId": event.list_id or -1,
        "clientOrderId": text_of(event.cl_ord_id),
    }


def _standing(event: Event, instrument: Instrument) -> Told:
    money = instrument.quote.text
    return {
        "price": instrument.price(event.price),
        "origQty": instrument.qty(event.order_qty),
        "executedQty": instrument.qty(event.cum_qty),
        "origQuoteOrderQty": money(event.quote_qty),
        "cummulativeQuoteQty": money(event.cum_quote),
        "status": _STATUSES[event.ord_status],
        "timeInForce": _TIMES[event.time_in_force],
        "type": _ORD_TYPES[event.ord_type],
        "side": _SIDES[event.side],
        "selfTradePreventionMode": _STP_MODES[event.stp_mode],
    }


def _add_prevented(told: Told, events: list[Event], last: Event, instrument: Instrument) -> None:
    """Add the trades that self-trade prevention kept an order from, whichever side lost something."""
    matches: dict[int, Told] = {}
    for event in events:
        if event.kind != EventKind.PREVENTED:
            continue
        if last.order_id not in (event.order_id, event.contra_order_id):
            continue
        maker = bool(event.flags & EventFlag.MAKER)
        match = {
            "preventedMatchId": event.trade_id,
            "makerOrderId": event.order_id if maker else event.contra_order_id,
            "price": instrument.price(event.last_px),
        }
        match = matches.setdefault(event.trade_id, match)
        if event.last_qty:
            side = "maker" if maker else "taker"
            match[f"{side}PreventedQuantity"] = instrument.qty(event.last_qty)
    if matches:
        told["preventedMatches"] = list(matches.values())
        if last.ord_status == OrdStatus.EXPIRED_IN_MATCH:
            told["preventedMatchId"] = max(matches)


def _add_conditional(told: Told, event: Event, instrument: Instrument, teller: Teller) -> None:
    """Add what only some orders have (API section 8.1, conditional fields)."""
    if event.display_qty:
        told["icebergQty"] = instrument.qty(event.display_qty)
    if event.stop_px:
        told["stopPrice"] = instrument.price(event.stop_px)
    if event.trailing_bips:
        told["trailingDelta"] = event.trailing_bips
        # Without a stop price the trail starts at entry; with one, when the market reaches it.
        told["trailingTime"] = -1 if event.stop_px else teller.time(event.created_ns)
    if event.strategy_id:
        told["strategyId"] = event.strategy_id
    if event.strategy_type:
        told["strategyType"] = event.strategy_type
    if event.expire_ns:
        told["goodTillDate"] = teller.time(event.expire_ns)
    if event.prevented_qty:
        told["preventedQuantity"] = instrument.qty(event.prevented_qty)
    if event.ord_status == OrdStatus.EXPIRED and event.reason in _EXPIRIES:
        told["expiryReason"] = _EXPIRIES[event.reason]


def _fill(event: Event, instrument: Instrument, teller: Teller) -> Told:
    asset = teller.views.asset(event.asset)
    return {
        "price": instrument.price(event.last_px),
        "qty": instrument.qty(event.last_qty),
        "commission": asset.text(event.fee),
        "commissionAsset": asset.code,
        "tradeId": event.trade_id,
    }


def canceled(event: Event, cancel_id: str, teller: Teller) -> Told:
    """Answer the cancel of one order from its CANCELED event (API section 8.3)."""
    instrument = teller.views.instrument_at(event.instrument)
    told = {
        "symbol": instrument.symbol,
        "origClientOrderId": text_of(event.cl_ord_id),
        "orderId": event.order_id,
        "orderListId": event.list_id or -1,
        "clientOrderId": cancel_id,
        "transactTime": event.at_ns // teller.unit_ns,
    }
    told.update(_standing(event, instrument))
    _add_conditional(told, event, instrument, teller)
    return told


def canceled_all(events: list[Event], cancel_id: str, teller: Teller) -> list[Told]:
    """Answer a cancel of several orders: orders and, once per list, list objects (8.4)."""
    lists = {one.list_id: one for one in events if one.kind == EventKind.LIST_DONE}
    legs: dict[int, list[Event]] = {}
    told: list[Told] = []
    for event in events:
        if event.kind != EventKind.CANCELED:
            continue
        if event.list_id not in lists:
            told.append(canceled(event, cancel_id, teller))
            continue
        legs.setdefault(event.list_id, []).append(event)
    told.extend(
        order_list(lists[list_id], members, teller)
        | {"orderReports": [canceled(leg, cancel_id, teller) for leg in members]}
        for list_id, members in legs.items()
    )
    return told


_LIST_STATES = {
    EventKind.LIST_OPENED: ("EXEC_STARTED", "EXECUTING"),
    EventKind.LIST_UPDATED: ("UPDATED", "EXECUTING"),
    EventKind.LIST_DONE: ("ALL_DONE", "ALL_DONE"),
}
CONTINGENCIES = {1: "OCO", 2: "OTO", 3: "OTO"}


def order_list(event: Event, legs: Iterable[Event], teller: Teller) -> Told:
    """Write an order list from one of its events and the events of its legs (API section 8.6)."""
    instrument = teller.views.instrument_at(event.instrument)
    status_type, status = _LIST_STATES[EventKind(event.kind)]
    return {
        "orderListId": event.list_id,
        "contingencyType": CONTINGENCIES[event.ord_type],
        "listStatusType": status_type,
        "listOrderStatus": status,
        "listClientOrderId": text_of(event.cl_ord_id),
        "transactionTime": event.at_ns // teller.unit_ns,
        "symbol": instrument.symbol,
        "orders": [
            {
                "symbol": instrument.symbol,
                "orderId": leg.order_id,
                "clientOrderId": text_of(leg.cl_ord_id),
            }
            for leg in legs
        ],
    }


def amended(event: Event, old_id: str, teller: Teller) -> Told:
    """Answer an amend in place from its REPLACED event (API section 8.7)."""
    instrument = teller.views.instrument_at(event.instrument)
    order = {
        "symbol": instrument.symbol,
        "orderId": event.order_id,
        "orderListId": event.list_id or -1,
        "origClientOrderId": old_id,
        "clientOrderId": text_of(event.cl_ord_id),
        "price": instrument.price(event.price),
        "qty": instrument.qty(event.order_qty),
        "executedQty": instrument.qty(event.cum_qty),
        "preventedQty": instrument.qty(event.prevented_qty),
        "quoteOrderQty": instrument.quote.text(event.quote_qty),
        "cumulativeQuoteQty": instrument.quote.text(event.cum_quote),
        "status": _STATUSES[event.ord_status],
        "timeInForce": _TIMES[event.time_in_force],
        "type": _ORD_TYPES[event.ord_type],
        "side": _SIDES[event.side],
        "workingTime": teller.time(event.working_ns),
        "selfTradePreventionMode": _STP_MODES[event.stp_mode],
    }
    _add_conditional(order, event, instrument, teller)
    return {
        "transactTime": event.at_ns // teller.unit_ns,
        "executionId": event.event_seq,
        "amendedOrder": order,
    }


def queried(event: Event, teller: Teller) -> Told:
    """Answer a query of one order (API section 9); `at_ns` is the time of its last change."""
    instrument = teller.views.instrument_at(event.instrument)
    told = _name(event, instrument)
    told.update(_standing(event, instrument))
    told["workingTime"] = teller.time(event.working_ns)
    told["stopPrice"] = instrument.price(event.stop_px)
    told["icebergQty"] = instrument.qty(event.display_qty)
    told["time"] = event.created_ns // teller.unit_ns
    told["updateTime"] = event.at_ns // teller.unit_ns
    told["isWorking"] = bool(event.flags & EventFlag.WORKING)
    _add_conditional(told, event, instrument, teller)
    return told


def rejected(event: Event) -> errors.Refused:
    """Turn a reject event into what the client hears."""
    kind = EventKind(event.kind)
    request = {
        EventKind.CANCEL_REJECTED: errors.CANCEL,
        EventKind.AMEND_REJECTED: errors.AMEND,
    }.get(kind, errors.PLACE)
    return errors.rejection(event.reason, request, event.ord_type)
