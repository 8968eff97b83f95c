"""Many orders in one request: one signature, few frames to the matcher, one answer for each order.

An extension of the dialect, in the form of its derivatives' API: `batchOrders` is a JSON array of objects with
the parameters of POST (to cancel: DELETE) /api/v3/order. The orders are entered, or cancelled, in the order of the
array; each on its own, and the answer is an array of order answers and refusals in the same order.
"""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import msgspec

from ingress import errors, order_entry, orders
from ingress.door import Asked, Door
from ingress.gateway import Answer, Fields, events_of
from ingress.params import Kind, Request, Security, need
from ingress.plain import ANSWERS, PlainForm
from ingress.present import Told
from ingress.requests import CANCEL, PLACE

ORDERS_LIMIT = 50
_WEIGHT = 5
_decode = msgspec.json.Decoder(list[dict[str, str]]).decode


def _read_orders(name: str, text: str) -> list[dict[str, str]]:
    try:
        batch = _decode(text)
    except msgspec.ValidationError:
        batch = _read_scalars(name, text)
    except (msgspec.DecodeError, RecursionError):
        raise _not_json(name) from None
    if not batch:
        raise errors.mandatory(name)
    if len(batch) > ORDERS_LIMIT:
        told = f"Too many values sent for parameter '{name}', maximum allowed up to {ORDERS_LIMIT}."
        raise errors.Refused(-1101, told)
    return batch


def _read_scalars(name: str, text: str) -> list[dict[str, str]]:
    """Read values that are not all strings: numbers keep the text that they were sent as."""
    try:
        batch = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise _not_json(name) from None
    if not isinstance(batch, list) or not all(isinstance(one, dict) for one in batch):
        raise _not_json(name)
    return [{field: _text(name, value) for field, value in one.items()} for one in batch]


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        raise _not_json(name)
    return value


def _not_json(name: str) -> errors.Refused:
    return errors.Refused(-1135, f"JSON sent for parameter '{name}' is not valid")


_ORDERS = need(
    "batchOrders",
    Kind(_read_orders, {"type": "array", "items": {"type": "object"}, "maxItems": ORDERS_LIMIT}),
)
BATCH = Request(
    "order.batch",
    "POST",
    "/api/v3/batchOrders",
    Security.TRADE,
    weight=_WEIGHT,
    params=(_ORDERS,),
    free_when_done=True,
)
CANCEL_BATCH = Request(
    "order.cancelBatch",
    "DELETE",
    "/api/v3/batchOrders",
    Security.TRADE,
    weight=_WEIGHT,
    params=(_ORDERS,),
    free_when_done=True,
)
Waiting = asyncio.Future[Answer] | errors.Refused
"""What an order that was sent waits for, or why it was not sent."""


async def place(door: Door, asked: Asked) -> list[Told] | bytes:
    """POST /api/v3/batchOrders."""
    if asked.plain is not None:
        try:
            asked.order_counts = door.limits.take_orders(
                asked.account, asked.plain.count, asked.now_ns
            )
        except errors.Refused:
            # Some of them may still be taken: one by one.
            asked.values = BATCH.parse(asked.plain.again().fields)
        else:
            return await _place_plain(door, asked, asked.plain)
    waiting = [_entered(door, asked, fields) for fields in asked.values["batchOrders"]]
    await _answers(one for _, one in waiting)
    return [_told(door, asked, answer, one) for answer, one in waiting]


async def _place_plain(door: Door, asked: Asked, form: PlainForm) -> list[Told] | bytes:
    """Do it with orders whose records are made already, and that are counted."""
    try:
        answers = await door.ask_records(form.records_of(asked.account), form.count)
    except errors.Refused as refusal:
        orders.settle(door, asked, form.count, refusal)
        return [refusal.body()] * form.count
    events = [one for one in answers if isinstance(one, bytes)]
    if len(events) == form.count:
        told = door.plain.tell(b"".join(events), form, asked.teller.unit_ns, as_list=True)
        if told is not None:
            orders.settle_plain(door, asked, told)
            return told.body
    ended = [one if isinstance(one, errors.Refused) else events_of(one) for one in answers]
    return [
        _ended(door, asked, ANSWERS[how], one)
        for how, one in zip(form.answers.tolist(), ended, strict=True)
    ]


async def cancel(door: Door, asked: Asked) -> list[Told]:
    """DELETE /api/v3/batchOrders."""
    waiting = [_canceled(door, asked, fields) for fields in asked.values["batchOrders"]]
    await _answers(one for _, one in waiting)
    return [_told_canceled(asked, command, one) for command, one in waiting]


async def _answers(waiting: Iterable[Waiting]) -> None:
    """Wait until every order that was sent is answered, or never will be."""
    futures = [one for one in waiting if isinstance(one, asyncio.Future)]
    if futures:
        await asyncio.wait(futures)


def _entered(door: Door, asked: Asked, fields: dict[str, str]) -> tuple[str, Waiting]:
    """Send one order on its way: in full frames, with what else leaves in this turn of the event loop."""
    try:
        values = PLACE.parse(fields)
        order_entry.check(values)
        instrument = door.views.instrument(values["symbol"])
        command = order_entry.enter(values, instrument, asked.account)
        asked.order_counts = door.limits.take_orders(asked.account, 1, asked.now_ns)
    except errors.Refused as refusal:
        return "", refusal
    try:
        return orders.answer_of(values), door.ask(command)
    except errors.Refused as refusal:
        orders.settle(door, asked, 1, refusal)
        return "", refusal


def _told(door: Door, asked: Asked, answer: str, one: Waiting) -> Told:
    if isinstance(one, errors.Refused):
        return one.body()
    refusal = one.exception()
    return _ended(
        door, asked, answer, refusal if isinstance(refusal, errors.Refused) else one.result()
    )


def _ended(door: Door, asked: Asked, answer: str, ended: Answer | errors.Refused) -> Told:
    """Tell what became of an order that was sent, and give back what that returns."""
    orders.settle(door, asked, 1, ended)
    try:
        if isinstance(ended, errors.Refused):
            raise ended
        return orders.placed(asked, answer, ended)
    except errors.Refused as refusal:
        return refusal.body()


def _canceled(door: Door, asked: Asked, fields: dict[str, str]) -> tuple[Fields, Waiting]:
    """Send one cancel on its way, in the frames of the others."""
    try:
        command = orders.cancelling(door, asked, CANCEL.parse(fields))
        return command, door.ask(command)
    except errors.Refused as refusal:
        return {}, refusal


def _told_canceled(asked: Asked, command: Fields, one: Waiting) -> Told:
    if isinstance(one, errors.Refused):
        return one.body()
    try:
        return orders.canceled(asked, command, one.result())
    except errors.Refused as refusal:
        return refusal.body()
