"""What of the events may leave the host: the same rows, with everything of single accounts and orders blank.

The numbers stay dense, so a receiver notices a loss just as on the wire. A row that no public stream
tells keeps its place in the count and nothing else; a public one loses account, order and what is hidden.
"""

import numpy as np

from protocol.layout import Rows, rows_of
from protocol.records import EVENT_FIELDS, Event
from protocol.terms import EventFlag, EventKind

_COUNTED = ("seq", "event_seq", "at_ns")
_OF_THE_BOOK = (
    "kind", "flags", "instrument", "side", "price", "level_qty", "update_id", "order_count",
    "last_px", "last_qty", "trade_id", "agg_trade_id",
)  # fmt: skip
_WHOLE = (
    EventKind.PHASE_CHANGED,
    EventKind.INDICATED,
    EventKind.UNCROSSED,
    EventKind.ASSET_ADDED,
    EventKind.INSTRUMENT_ADDED,
    EventKind.INSTRUMENT_CHANGED,
)
_ADDRESS = {"account", "reply_to", "request_id", "seq", "event_seq", "at_ns"}
LISTINGS = (EventKind.ASSET_ADDED, EventKind.INSTRUMENT_ADDED, EventKind.INSTRUMENT_CHANGED)
"""Events after which the tables of assets, instruments and terms are others."""


def public_rows(rows: Rows) -> Rows:
    """Return as many Event rows, with what everybody may know."""
    told = rows_of(Event, len(rows))
    for name in _COUNTED:
        told[name] = rows[name]
    told["flags"] = rows["flags"] & np.uint8(EventFlag.LAST)
    of_level = (rows["flags"] & np.uint8(EventFlag.LEVEL)) != 0
    of_book = of_level | (rows["kind"] == EventKind.TRADE)
    for name in _OF_THE_BOOK:
        told[name][of_book] = rows[name][of_book]
    for kind in _WHOLE:
        found = rows["kind"] == kind
        if found.any():
            for name in set(EVENT_FIELDS[kind.name].split()) - _ADDRESS:
                told[name][found] = rows[name][found]
    return told


def touched(rows: Rows) -> list[int]:
    """Return the instruments whose public state the events have changed."""
    of_level = (rows["flags"] & np.uint8(EventFlag.LEVEL)) != 0
    whole = np.isin(rows["kind"], [int(kind) for kind in (EventKind.TRADE, *_WHOLE)])
    return sorted({int(number) for number in rows["instrument"][of_level | whole]})
