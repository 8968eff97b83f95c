"""Orders: place, test, cancel, replace, amend (API section 8). Answers are computed from events alone."""

from collections.abc import Mapping
from typing import Any

from ingress import errors, order_entry, present, static_checks
from ingress.door import Asked, Door
from ingress.gateway import Answer, Fields
from ingress.order_entry import text_id
from ingress.requests import ACK, ALLOW_FAILURE, FULL
from protocol.records import Event
from protocol.terms import CommandFlag, CommandKind, EventFlag, EventKind, OrdType

Told = dict[str, Any]
_REJECTS = (EventKind.REJECTED, EventKind.CANCEL_REJECTED, EventKind.AMEND_REJECTED)
_MAKER = int(EventFlag.MAKER)
_FULL_BY_DEFAULT = (OrdType.MARKET, OrdType.LIMIT)


async def place(door: Door, asked: Asked) -> Told:
    """POST /api/v3/order."""
    values = asked.values
    order_entry.check(values)
    instrument = door.views.instrument(values["symbol"])
    events = await door.ask(order_entry.enter(values, instrument, asked.account))
    return placed(door, asked, values, events)


def placed(door: Door, asked: Asked, values: Mapping[str, Any], events: Answer) -> Told:
    """Answer a new order from the events of its command, and count it.

    Raises: Refused when the matcher rejected it.
    """
    if events[0].kind == EventKind.REJECTED:
        raise present.rejected(events[0])
    order_id = events[0].order_id
    _count(door, asked, events, order_id)
    return present.placed(events, order_id, _answer(values), asked.teller)


async def test(door: Door, asked: Asked) -> Told:
    """POST /api/v3/order/test: everything that can be judged without entering the order."""
    values = asked.values
    order_entry.check(values)
    instrument = door.views.instrument(values["symbol"])
    fields = order_entry.enter(values, instrument, asked.account)
    terms = door.views.terms(instrument)
    static_checks.check(fields, terms)
    if not values.get("computeCommissionRates"):
        return {}
    return static_checks.commission_for_order(terms)


async def cancel(door: Door, asked: Asked) -> Told:
    """DELETE /api/v3/order; cancelling a leg of a list cancels the list and answers with it."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    cancel_id = text_id(values.get("newClientOrderId"))
    command: Fields = {
        "kind": CommandKind.CANCEL,
        "account": asked.account,
        "instrument": instrument.number,
        "flags": values.get("cancelRestrictions", 0),
        "cl_ord_id": cancel_id,
        **_target(values, "orderId", "origClientOrderId"),
    }
    events = await door.ask(command)
    if events[0].kind == EventKind.CANCEL_REJECTED:
        raise present.rejected(events[0])
    return present.canceled_all(events, cancel_id.decode(), asked.teller)[0]


async def cancel_open(door: Door, asked: Asked) -> list[Told]:
    """DELETE /api/v3/openOrders."""
    instrument = door.views.instrument(asked.values["symbol"])
    cancel_id = text_id(None)
    command: Fields = {
        "kind": CommandKind.CANCEL_ALL,
        "account": asked.account,
        "instrument": instrument.number,
        "cl_ord_id": cancel_id,
    }
    events = await door.ask(command)
    if events[0].kind == EventKind.CANCEL_REJECTED:
        raise present.rejected(events[0])
    return present.canceled_all(events, cancel_id.decode(), asked.teller)


async def cancel_replace(door: Door, asked: Asked) -> Told:
    """POST /api/v3/order/cancelReplace: one command, so nothing comes between its two halves."""
    values = asked.values
    order_entry.check(values)
    instrument = door.views.instrument(values["symbol"])
    cancel_id = text_id(values.get("cancelNewClientOrderId"))
    flags = values.get("cancelRestrictions", CommandFlag(0))
    if values["cancelReplaceMode"] == ALLOW_FAILURE:
        flags |= CommandFlag.ALLOW_FAILURE
    command = order_entry.enter(values, instrument, asked.account)
    command.update(_target(values, "cancelOrderId", "cancelOrigClientOrderId"))
    command["kind"] = CommandKind.REPLACE
    command["flags"] = flags
    command["list_cl_ord_id"] = cancel_id
    events = await door.ask(command)
    if events[0].kind == EventKind.REJECTED:
        # The checks that come before the cancel failed: neither half was tried.
        raise present.rejected(events[0])
    return _halves(door, asked, events, cancel_id.decode())


def _halves(door: Door, asked: Asked, events: Answer, cancel_id: str) -> Told:
    """Tell the two halves of a cancel-replace (the table of API section 8.5)."""
    accepted = next((one for one in events if one.kind == EventKind.ACCEPTED), None)
    rejects = [one for one in events if one.kind in _REJECTS]
    cancel_failed = any(one.kind == EventKind.CANCEL_REJECTED for one in rejects)
    told: Told = {
        "cancelResult": "FAILURE" if cancel_failed else "SUCCESS",
        "newOrderResult": "SUCCESS" if accepted else "FAILURE",
        "cancelResponse": None,
        "newOrderResponse": None,
    }
    if cancel_failed and accepted is None and len(rejects) == 1:
        told["newOrderResult"] = "NOT_ATTEMPTED"
    for reject in rejects:
        half = "cancelResponse" if reject.kind == EventKind.CANCEL_REJECTED else "newOrderResponse"
        told[half] = present.rejected(reject).body()
    if not cancel_failed:
        before = events if accepted is None else events[: events.index(accepted)]
        told["cancelResponse"] = present.canceled_all(before, cancel_id, asked.teller)[0]
    if accepted is not None:
        _count(door, asked, events, accepted.order_id)
        told["newOrderResponse"] = present.placed(
            events, accepted.order_id, _answer(asked.values), asked.teller
        )
    if not rejects:
        return told
    if cancel_failed and accepted is None:
        raise errors.Refused(-2022, "Order cancel-replace failed.", 400, told)
    raise errors.Refused(-2021, "Order cancel-replace partially failed.", 409, told)


async def amend(door: Door, asked: Asked) -> Told:
    """PUT /api/v3/order/amend/keepPriority."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    command: Fields = {
        "kind": CommandKind.AMEND,
        "account": asked.account,
        "instrument": instrument.number,
        "order_qty": order_entry.qty_units("newQty", values["newQty"], instrument),
        "cl_ord_id": text_id(values.get("newClientOrderId")),
        **_target(values, "orderId", "origClientOrderId"),
    }
    events = await door.ask(command)
    if events[0].kind == EventKind.AMEND_REJECTED:
        raise present.rejected(events[0])
    return _amended(asked, events, values)


def _amended(asked: Asked, events: Answer, values: Mapping[str, Any]) -> Told:
    replaced = [one for one in events if one.kind == EventKind.REPLACED]
    label = next((one for one in events if one.kind == EventKind.LABELED), None)
    named = replaced[0]
    if label is not None:
        named = next(one for one in replaced if one.order_id == label.order_id)
    elif "orderId" in values:
        named = next(one for one in replaced if one.order_id == values["orderId"])
    old_id = present.text_of(named.cl_ord_id if label is None else label.cl_ord_id)
    told = present.amended(named, old_id, asked.teller)
    updated = next((one for one in events if one.kind == EventKind.LIST_UPDATED), None)
    if updated is not None:
        status = present.order_list(updated, replaced, asked.teller)
        del status["listStatusType"], status["transactionTime"]
        told["listStatus"] = status
    return told


def _target(values: Mapping[str, Any], order: str, client: str) -> Fields:
    """Name the order that is meant.

    Raises: Refused (-1102) when neither id was sent.
    """
    if order not in values and client not in values:
        raise errors.one_of_two(order, client)
    fields: Fields = {}
    if order in values:
        fields["order_id"] = values[order]
        if values[order] == 0:
            # To the matcher 0 means "not given"; to a client it is an order that does not exist.
            fields["order_id"] = -1
    if client in values:
        fields["target_cl_ord_id"] = values[client].encode()
    return fields


def _answer(values: Mapping[str, Any]) -> str:
    default = FULL if values["type"] in _FULL_BY_DEFAULT else ACK
    return str(values.get("newOrderRespType", default))


def _count(door: Door, asked: Asked, events: list[Event], order_id: int) -> None:
    """Count a new order; one that was filled at once as taker gives its count back (API section 3)."""
    taken = len(events) > 1 and any(
        one.order_id == order_id and one.kind == EventKind.TRADE and not one.flags & _MAKER
        for one in events
    )
    orders = 0 if taken else 1
    asked.order_counts = door.limits.count_orders(asked.account, orders, asked.now_ns)
