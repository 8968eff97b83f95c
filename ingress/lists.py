"""Order lists: OCO, OTO, OTOCO; cancel and query (API section 8.6). Answers come from events alone.

A leg is checked and made as a new order is, under the plain names of its parameters; a refusal is then told
in the names that the client used.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ingress import errors, list_queries, order_entry, orders, present
from ingress.account import LONGEST_SPAN_H, span_of
from ingress.door import Asked, Door, Operation
from ingress.gateway import Answer, Fields
from ingress.history import Mark
from ingress.list_queries import StoredList
from ingress.list_requests import LISTS, Leg
from ingress.order_entry import text_id
from ingress.params import Request
from ingress.present import Told
from ingress.requests import RESULT
from ingress.views import Instrument
from protocol.terms import CommandKind, EventKind, ListKind, OrdStatus, OrdType, Side

_NO_LIST = (-2018, "Order list does not exist.")
_STOPS = (OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT)
_QUOTED = re.compile(r"'(\w+)'")


def placing(request: Request) -> Operation:
    """Make the operation that places the list of a request."""
    kind, legs = LISTS[request]

    async def place(door: Door, asked: Asked) -> Told:
        instrument = door.views.instrument(asked.values["symbol"])
        plain = [_plain(asked.values, leg) for leg in legs]
        if kind != ListKind.OTO and "type" in legs[-1].names:
            _check_pair(below=plain[-2], above=plain[-1])
        commands = [
            _enter(values, leg, instrument, asked.account)
            for values, leg in zip(plain, legs, strict=True)
        ]
        list_id = text_id(asked.values.get("listClientOrderId"))
        for number, command in enumerate(commands):
            command.update(list_kind=kind, leg=number, legs=len(legs), list_cl_ord_id=list_id)
        events = await orders.entered(door, asked, len(legs), *commands)
        if events[0].kind == EventKind.LIST_REJECTED:
            raise errors.rejection(events[0].reason, errors.PLACE)
        return _placed(events, len(legs), asked)

    place.__doc__ = f"{request.verb} {request.path}."
    return place


def _plain(values: Mapping[str, Any], leg: Leg) -> dict[str, Any]:
    """Return the values of one leg under the names of a new order."""
    plain = {name: values[given] for name, given in leg.names.items() if given in values}
    plain.update(leg.fixed)
    if "type" not in plain:
        # The old form names no types: a limit price makes the stop a stop-limit.
        plain["type"] = OrdType.STOP_LOSS_LIMIT if "price" in plain else OrdType.STOP_LOSS
        if "price" in plain and "timeInForce" not in plain:
            code, text, *_ = errors.BAD_COMBINATION
            hint = "Recommendation: 'stopLimitTimeInForce' should also be sent."
            raise errors.Refused(code, f"{text} {hint}")
    if "selfTradePreventionMode" in values:
        plain["selfTradePreventionMode"] = values["selfTradePreventionMode"]
    return plain


def _check_pair(below: Mapping[str, Any], above: Mapping[str, Any]) -> None:
    """Check that each leg of an OCO stands on its own side of the market.

    Raises: Refused (-1165, -1166, -1168, -1196 to -1199).
    """
    if below["type"] == above["type"] == OrdType.LIMIT_MAKER:
        raise errors.Refused(-1168, "At least one OCO order must be contingent.")
    buys = above["side"] == Side.BUY
    name = "buy" if buys else "sell"
    for leg, is_above in ((below, False), (above, True)):
        stop = leg["type"] in _STOPS
        if is_above == (stop == buys):
            continue
        where = "above" if (stop == buys) else "below"
        if stop:
            code, what = (-1196 if buys else -1197), "stop loss"
        elif leg["type"] == OrdType.LIMIT_MAKER:
            code, what = (-1165 if buys else -1166), "limit"
        else:
            code, what = (-1198 if buys else -1199), "take profit"
        raise errors.Refused(code, f"A {what} order in a {name} OCO must be {where}.")


def _enter(values: Mapping[str, Any], leg: Leg, instrument: Instrument, account: int) -> Fields:
    try:
        order_entry.check(values)
        return order_entry.enter(values, instrument, account)
    except errors.Refused as refusal:
        told = _QUOTED.sub(lambda found: f"'{leg.names.get(found[1], found[1])}'", refusal.msg)
        raise errors.Refused(refusal.code, told, refusal.status) from None


def _placed(events: Answer, count: int, asked: Asked) -> Told:
    opened, legs = events[0], events[1 : 1 + count]
    answer = asked.values.get("newOrderRespType", RESULT)
    # A pending leg is told as it was accepted, even when the working order was filled at once.
    reports = [
        present.placed(
            [leg] if leg.ord_status == OrdStatus.PENDING_NEW else events,
            leg.order_id,
            answer,
            asked.teller,
        )
        for leg in legs
    ]
    return {**present.order_list(opened, legs, asked.teller), "orderReports": reports}


async def cancel(door: Door, asked: Asked) -> Told:
    """DELETE /api/v3/orderList."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    if "orderListId" not in values and "listClientOrderId" not in values:
        raise errors.one_of_two("orderListId", "listClientOrderId")
    cancel_id = text_id(values.get("newClientOrderId"))
    command: Fields = {
        "kind": CommandKind.CANCEL_LIST,
        "account": asked.account,
        "instrument": instrument.number,
        "cl_ord_id": cancel_id,
    }
    if "orderListId" in values:
        # To the matcher 0 means "not given"; to a client it is a list that does not exist.
        command["order_id"] = values["orderListId"] or -1
    if "listClientOrderId" in values:
        command["list_cl_ord_id"] = values["listClientOrderId"].encode()
    events = await door.ask(command)
    if events[0].kind == EventKind.CANCEL_REJECTED:
        raise present.rejected(events[0])
    return present.canceled_all(events, cancel_id.decode(), asked.teller)[0]


async def order_list(door: Door, asked: Asked) -> Told:
    """GET /api/v3/orderList."""
    values = asked.values
    if "orderListId" in values:
        statement = list_queries.list_by_id(asked.account, values["orderListId"])
    elif "origClientOrderId" in values:
        statement = list_queries.list_by_text(asked.account, values["origClientOrderId"])
    else:
        raise errors.one_of_two("orderListId", "origClientOrderId")
    await door.watermark.reach(Mark(seq=door.views.account(asked.account).last_seq))
    found = [StoredList(*row) for row in await door.pool.fetch(*statement)]
    if not found or values.get("origClientOrderId", found[0].text_id) != found[0].text_id:
        raise errors.Refused(*_NO_LIST)
    return (await _told(door, asked, found))[0]


async def all_lists(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/allOrderList."""
    values = asked.values
    if "fromId" in values and ("startTime" in values or "endTime" in values):
        raise errors.Refused(*errors.BAD_COMBINATION)
    span = span_of(values, "fromId", longest_h=LONGEST_SPAN_H)
    await door.watermark.reach(Mark(seq=door.views.account(asked.account).last_seq))
    rows = span.turned(await door.pool.fetch(*list_queries.lists(asked.account, span)))
    return await _told(door, asked, [StoredList(*row) for row in rows])


async def open_lists(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/openOrderList."""
    view = door.views.account(asked.account)
    listed = view.extras["list_id"][(view.orders["extra"] > 0) & (view.extras["list_id"] > 0)]
    if not len(listed):
        return []
    await door.watermark.reach(Mark(seq=view.last_seq))
    rows = await door.pool.fetch(*list_queries.live_lists(sorted(set(listed.tolist()))))
    return await _told(door, asked, [StoredList(*row) for row in rows])


async def _told(door: Door, asked: Asked, found: Sequence[StoredList]) -> list[Told]:
    legs: dict[int, list[Told]] = {one.list_id: [] for one in found}
    symbols = {one.list_id: door.views.instrument_at(one.instrument).symbol for one in found}
    if found:
        for list_id, order_id, text in await door.pool.fetch(*list_queries.legs(list(legs))):
            leg = {"symbol": symbols[list_id], "orderId": order_id, "clientOrderId": text}
            legs[list_id].append(leg)
    return [
        {
            "orderListId": one.list_id,
            "contingencyType": present.CONTINGENCIES[one.list_kind],
            "listStatusType": "ALL_DONE" if one.done else "EXEC_STARTED",
            "listOrderStatus": "ALL_DONE" if one.done else "EXECUTING",
            "listClientOrderId": one.text_id,
            "transactionTime": one.updated_ns // asked.teller.unit_ns,
            "symbol": symbols[one.list_id],
            "orders": legs[one.list_id],
        }
        for one in found
    ]
