"""Tell new orders from the raw records of their events: the bytes that `present.placed` would become.

What is told here is told in `ingress/present.py`, too; there for every order, here for plain ones, whose answers
have the same bytes. An order is plain when its first event is ACCEPTED, self-trade prevention had nothing to do with its
command, and it has none of the fields that only some orders have (an expiry reason it may have). Everything else,
and every number, text or record that is not as it should be, is for the Python way: `tell` returns -1.

The same pass adds up which counted orders come back to accounts with the first fills (`Limits.give_back`).
"""

import numpy as np

from ingress.compiled import BYTES, COUNT, NUMBERS, OCTETS, TABLE, TEXTS, bare, compiled
from ingress.compiled.event_fields import (
    ACCOUNT,
    CUM_QTY,
    FLAGS,
    KIND,
    LAST_QTY,
    OCTETS_EACH,
    ORDER_ID,
    WORDS_EACH,
    cut,
)
from ingress.compiled.order_told import NOT_PLAIN, ORDER_ROOM, put_order
from ingress.compiled.tables import Numbers, Octets, Table, Texts
from ingress.compiled.writing import CLOSE, COMMA, OPEN, members
from protocol.terms import EventFlag, EventKind

BACK_TO_TAKER, BACK_TO_MAKER = 1, 5
"""As in `ingress/limits.py`; once more because kept machine code does not notice a change over there."""

_ACCEPTED, _TRADE, _PREVENTED = (
    int(EventKind.ACCEPTED),
    int(EventKind.TRADE),
    int(EventKind.PREVENTED),
)
_MAKER, _LAST = int(EventFlag.MAKER), int(EventFlag.LAST)
_STATES = members(
    frozenset(
        {
            EventKind.ACCEPTED,
            EventKind.TRADE,
            EventKind.CANCELED,
            EventKind.EXPIRED,
            EventKind.RESTED,
            EventKind.TRIGGERED,
            EventKind.REPLACED,
        }
    )
)
"""Events that say how an order stands; PREVENTED does, too, but is not plain."""


@bare
def events_of_one(octets: Texts) -> int:
    """Return how many events the command has that the first of these belongs to; 0: its last one is missing."""
    for record in range(len(octets)):
        if octets[record, FLAGS] & _LAST:
            return record + 1
    return 0


@bare
def standing(octets: Texts, words: Table) -> int:
    """Find which of a command's events says how its order stands in the end; -1 when they are not plain."""
    last = 0 if len(words) > 0 else NOT_PLAIN
    for record in range(len(words)):
        kind = octets[record, KIND]
        if kind == _PREVENTED or (record == 0 and kind != _ACCEPTED):
            return NOT_PLAIN
        if _STATES[kind] and words[record, ORDER_ID] == words[0, ORDER_ID]:
            last = record
    return last


@bare
def add_backs(octets: Texts, words: Table, backs: Table, rows: int) -> int:
    """Add what accounts get back with first fills to so many rows; return how many there are then, -1: there is no room."""
    for record in range(len(words)):
        if octets[record, KIND] != _TRADE or words[record, CUM_QTY] != words[record, LAST_QTY]:
            continue
        account = cut(words[record], ACCOUNT)
        row = 0
        while row < rows and backs[row, 0] != account:
            row += 1
        if row == len(backs):
            return NOT_PLAIN
        if row == rows:
            backs[row, 0], backs[row, 1] = account, 0
            rows += 1
        maker = octets[record, FLAGS] & _MAKER
        backs[row, 1] += BACK_TO_MAKER if maker else BACK_TO_TAKER
    return rows


@compiled(
    BYTES, OCTETS, COUNT, COUNT, COUNT, TEXTS, TABLE, TEXTS, TABLE, OCTETS, TABLE, NUMBERS
)  # fmt: skip
def tell(
    events: bytes,
    answers: Octets,
    n: int,
    as_array: int,
    unit_ns: int,
    symbols: Texts,
    instruments: Table,
    codes: Texts,
    assets: Table,
    out: Octets,
    backs: Table,
    found: Numbers,
) -> int:
    """Write the answers of n new orders to `out` as JSON; return how many bytes, or -1: something is not plain.

    events: the records of one order's events behind those of the other, the last of each with flag LAST.
    answers: ACK, RESULT or FULL for each order. as_array: 1 for an array, 0 for one order as it is. The four
    tables as in `Tables`. out: needs ORDER_ROOM bytes left before each order and FILL_ROOM before each fill.
    backs: gets rows of an account and how many counted orders it gets back, found[0] how many rows; each
    account has one. What is in out, backs and found after -1 means nothing.
    """
    if n < 1 or n > len(answers) or (as_array == 0 and n > 1) or unit_ns < 1 or len(found) < 1:
        return NOT_PLAIN
    if len(events) == 0 or len(events) % OCTETS_EACH != 0:
        return NOT_PLAIN
    octets = np.frombuffer(events, np.uint8).reshape((-1, OCTETS_EACH))
    words = np.frombuffer(events, np.int64).reshape((-1, WORDS_EACH))
    at = first = 0
    for order in range(n):
        own = events_of_one(octets[first:])
        last = standing(octets[first : first + own], words[first : first + own])
        if last < 0 or at + ORDER_ROOM > len(out):
            return NOT_PLAIN
        if as_array:
            out[at] = OPEN if order == 0 else COMMA
            at += 1
        at = put_order(
            octets[first : first + own],
            words[first : first + own],
            last,
            answers[order],
            unit_ns,
            symbols,
            instruments,
            codes,
            assets,
            out,
            at,
        )
        if at < 0:
            return NOT_PLAIN
        first += own
    found[0] = add_backs(octets, words, backs, 0)
    if first != len(octets) or found[0] < 0:
        return NOT_PLAIN
    if as_array:
        out[at] = CLOSE
        at += 1
    return at
