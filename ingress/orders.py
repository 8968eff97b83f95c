"""Orders: place, test, cancel, replace, amend (API section 8). Answers are computed from events alone."""

from collections.abc import Mapping
from typing import Any

from ingress import errors, order_entry, plain, present, static_checks
from ingress.door import Asked, Door
from ingress.gateway import Answer, Fields, RawAnswer, events_of
from ingress.order_entry import text_id
from ingress.plain import ANSWERS, PlainForm
from ingress.requests import ACK, ALLOW_FAILURE, CANCEL_ONLY, FULL
from protocol.terms import CommandFlag, CommandKind, EventKind, OrdType

Told = dict[str, Any]
_REJECTS = (EventKind.REJECTED, EventKind.CANCEL_REJECTED, EventKind.AMEND_REJECTED)
_NOT_TAKEN = (EventKind.REJECTED, EventKind.LIST_REJECTED)
_FAILED = (-2022, "Order cancel-replace failed.")
_PARTLY_FAILED = (-2021, "Order cancel-replace partially failed.")
_TOO_MANY = 429
_FULL_BY_DEFAULT = (OrdType.MARKET, OrdType.LIMIT)


async def place(door: Door, asked: Asked) -> Told | bytes:
    """POST /api/v3/order."""
    if asked.plain is not None:
        return await _place_plain(door, asked, asked.plain)
    values = asked.values
    order_entry.check(values)
    instrument = door.views.instrument(values["symbol"])
    command = order_entry.enter(values, instrument, asked.account)
    return placed(asked, answer_of(values), await entered(door, asked, 1, command))


async def _place_plain(door: Door, asked: Asked, form: PlainForm) -> Told | bytes:
    """Do the same for an order whose record is made already."""
    asked.order_counts = door.limits.take_orders(asked.account, 1, asked.now_ns)
    try:
        (events,) = await door.ask_records(form.records_of(asked.account), 1)
    except errors.Refused as refusal:
        settle(door, asked, 1, refusal)
        raise
    told = None
    if not isinstance(events, errors.Refused):
        told = door.plain.tell(events, form, asked.teller.unit_ns, as_list=False)
    if told is None:
        return ended(door, asked, ANSWERS[form.answers[0]], events)
    settle_plain(door, asked, told)
    return told.body


def ended(door: Door, asked: Asked, answer: str, raw: RawAnswer) -> Told:
    """Tell what became of an order whose record was made already, and give back what that returns.

    Raises: Refused.
    """
    told = raw if isinstance(raw, errors.Refused) else events_of(raw)
    settle(door, asked, 1, told)
    if isinstance(told, errors.Refused):
        raise told
    return placed(asked, answer, told)


def settle_plain(door: Door, asked: Asked, told: plain.Told) -> None:
    """Give back what the first fills of plain orders return; each account stands there once."""
    for account, back in told.backs:
        counts = door.limits.count_orders(account, -back, asked.now_ns)
        if account == asked.account:
            asked.order_counts = counts


async def entered(door: Door, asked: Asked, orders: int, *commands: Fields) -> Answer:
    """Send new orders; they are counted before they go, and not any more when they are not taken.

    Raises: Refused.
    """
    asked.order_counts = door.limits.take_orders(asked.account, orders, asked.now_ns)
    try:
        events = await door.ask(*commands)
    except errors.Refused as refusal:
        settle(door, asked, orders, refusal)
        raise
    settle(door, asked, orders, events)
    return events


def settle(door: Door, asked: Asked, orders: int, told: Answer | errors.Refused) -> None:
    """Give back what counted orders return: all when they were not taken, some with first fills."""
    if isinstance(told, errors.Refused):
        # An order of which nothing is known may have been taken.
        lost = told.code != errors.status_unknown().code
    else:
        lost = told[0].kind in _NOT_TAKEN
        if len(told) > orders:
            door.limits.give_back(told, asked.now_ns)
        elif not lost:
            # Nothing came back: what it was counted with still holds.
            return
    back = -orders if lost else 0
    asked.order_counts = door.limits.count_orders(asked.account, back, asked.now_ns)


def placed(asked: Asked, answer: str, events: Answer) -> Told:
    """Answer a new order, as ACK, RESULT or FULL, from the events of its command.

    Raises: Refused when the matcher rejected it.
    """
    if events[0].kind == EventKind.REJECTED:
        raise present.rejected(events[0])
    order_id = events[0].order_id
    return present.placed(events, order_id, answer, asked.teller)


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
    command = cancelling(door, asked, asked.values)
    return canceled(asked, command, await door.ask(command))


def cancelling(door: Door, asked: Asked, values: Mapping[str, Any]) -> Fields:
    """Make the command that cancels an order.

    Raises: Refused (-1121, -1102).
    """
    return {
        "kind": CommandKind.CANCEL,
        "account": asked.account,
        "instrument": door.views.instrument(values["symbol"]).number,
        "flags": values.get("cancelRestrictions", 0),
        "cl_ord_id": text_id(values.get("newClientOrderId")),
        **_target(values, "orderId", "origClientOrderId"),
    }


def canceled(asked: Asked, command: Fields, events: Answer) -> Told:
    """Answer a cancel from the events of its command.

    Raises: Refused when there is no such order.
    """
    if events[0].kind == EventKind.CANCEL_REJECTED:
        raise present.rejected(events[0])
    cancel_id = command["cl_ord_id"]
    assert isinstance(cancel_id, bytes)
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
    try:
        events = await entered(door, asked, 1, command)
    except errors.Refused as refusal:
        if refusal.status != _TOO_MANY or values.get("orderRateLimitExceededMode") != CANCEL_ONLY:
            raise
        return await _only_cancel(door, asked, command, refusal)
    if events[0].kind == EventKind.REJECTED:
        # The checks that come before the cancel failed: neither half was tried.
        raise present.rejected(events[0])
    return _halves(asked, events, cancel_id.decode())


async def _only_cancel(door: Door, asked: Asked, command: Fields, refusal: errors.Refused) -> Told:
    """Do the cancel alone, because the account may not place another order now.

    Raises: Refused, always: one half is not done.
    """
    names = ("account", "instrument", "order_id", "target_cl_ord_id")
    alone: Fields = {name: command[name] for name in names if name in command}
    cancel_id = command["list_cl_ord_id"]
    assert isinstance(cancel_id, bytes)
    alone["kind"] = CommandKind.CANCEL
    alone["cl_ord_id"] = cancel_id
    alone["flags"] = asked.values.get("cancelRestrictions", 0)
    events = await door.ask(alone)
    failed = events[0].kind == EventKind.CANCEL_REJECTED
    told: Told = {
        "cancelResult": "FAILURE" if failed else "SUCCESS",
        "newOrderResult": "FAILURE",
        "cancelResponse": present.rejected(events[0]).body()
        if failed
        else present.canceled_all(events, cancel_id.decode(), asked.teller)[0],
        "newOrderResponse": refusal.body(),
    }
    status = 400 if failed else 409
    if asked.values["cancelReplaceMode"] != ALLOW_FAILURE:
        status = _TOO_MANY
    code, text = _FAILED if failed else _PARTLY_FAILED
    raise errors.Refused(code, text, status, told, refusal.retry_after_s)


def _halves(asked: Asked, events: Answer, cancel_id: str) -> Told:
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
        told["newOrderResponse"] = present.placed(
            events, accepted.order_id, answer_of(asked.values), asked.teller
        )
    if not rejects:
        return told
    if cancel_failed and accepted is None:
        raise errors.Refused(*_FAILED, 400, told)
    raise errors.Refused(*_PARTLY_FAILED, 409, told)


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


def answer_of(values: Mapping[str, Any]) -> str:
    """Say how a new order is to be answered: ACK, RESULT or FULL."""
    default = FULL if values["type"] in _FULL_BY_DEFAULT else ACK
    return str(values.get("newOrderRespType", default))
