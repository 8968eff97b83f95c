"""Command rows to Python values, Python values to Event rows."""

import struct
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from protocol.layout import Rows
from protocol.records import Command, Event

EventRow = list[Any]
"""The values of one Event, in the order of its fields."""

_CODES = {"<i8": "q", "<u4": "I", "<u2": "H", "|u1": "B", "|S40": "40s"}
_PACKER = struct.Struct("<" + "".join(_CODES[width.str] for _, width in Event.fields))
EVENT_FIELD = {name: index for index, (name, _) in enumerate(Event.fields)}
_EMPTY: EventRow = [b"" if width.kind == "S" else 0 for _, width in Event.fields]

assert _PACKER.size == Event.dtype.itemsize


class Asked(NamedTuple):
    """One Command as Python values, under the field names of the record."""

    seq: int
    at_ns: int
    kind: int
    side: int
    ord_type: int
    time_in_force: int
    stp_mode: int
    list_kind: int
    leg: int
    legs: int
    account: int
    instrument: int
    reply_to: int
    request_id: int
    flags: int
    order_id: int
    price: int
    order_qty: int
    quote_qty: int
    stop_px: int
    display_qty: int
    expire_ns: int
    strategy_id: int
    strategy_type: int
    trailing_bips: int
    amount: int
    received_ns: int
    cl_ord_id: bytes
    target_cl_ord_id: bytes
    list_cl_ord_id: bytes
    asset: int
    term: int

    @classmethod
    def nothing(cls) -> "Asked":
        """Return the all-zero command."""
        return read_commands(np.zeros(1, Command.dtype))[0]


assert Asked._fields == tuple(name for name, _ in Command.fields)


def read_commands(rows: Rows) -> list[Asked]:
    """Turn Command rows into Python values."""
    return [Asked._make(values) for values in rows.tolist()]


def event_row(**fields: int | bytes) -> EventRow:
    """Make the values of an Event; the fields not named are 0."""
    row = _EMPTY.copy()
    for name, value in fields.items():
        row[EVENT_FIELD[name]] = value
    return row


def event_rows(rows: Iterable[EventRow]) -> Rows:
    """Turn values into Event rows."""
    packed = bytearray().join(_PACKER.pack(*row) for row in rows)
    return np.frombuffer(packed, Event.dtype)
