"""Read a batch of plain orders: the JSON in a form's `batchOrders`, percent-encoded or not.

What is said of one order (`ingress/compiled/reading.py`) holds for each; and all values are strings without escapes.
"""

import numpy as np

from ingress.compiled import BYTES, NUMBERS, OCTETS, TABLE, TEXTS, bare, compiled
from ingress.compiled.reading import (
    ASCII,
    BATCH,
    NAME,
    NAME_LENGTH,
    NAME_VALUE,
    NINE,
    OF_ORDER,
    PERCENT,
    PLUS,
    ZERO,
    take_pairs,
    whole,
    word,
    write_order,
)
from ingress.compiled.tables import Numbers, Octets, Table

ORDERS_LIMIT = 50
_QUOTE, _BACKSLASH, _COMMA, _COLON, _SPACE, _TILDE = (int(byte) for byte in b'"\\,: ~')
_OPEN_LIST, _CLOSE_LIST, _OPEN, _CLOSE = (int(byte) for byte in b"[]{}")
_TAB, _LINE, _RETURN = (int(byte) for byte in b"\t\n\r")
_LOWER_A, _LOWER_F = (int(byte) for byte in b"af")
_LOWER_BIT = 0x20


@bare
def digit_of(octet: int) -> int:
    """Return the value of a hexadecimal digit, -1 when it is none."""
    if ZERO <= octet <= ZERO + NINE:
        return octet - ZERO
    lower = octet | _LOWER_BIT
    return lower - _LOWER_A + 10 if _LOWER_A <= lower <= _LOWER_F else -1


@bare
def unescape(form: Octets, at: int, length: int, text: Octets) -> int:
    """Write what a value means into `text`; return its length, -1: it is not plain."""
    stop, to = at + length, 0
    if length > len(text):
        return -1
    while at < stop:
        octet = whole(form[at])
        at += 1
        if octet == PLUS:
            octet = _SPACE
        elif octet == PERCENT:
            if at + 2 > stop:
                return -1
            high, low = digit_of(whole(form[at])), digit_of(whole(form[at + 1]))
            octet = high * 16 + low
            if high < 0 or low < 0 or octet >= ASCII:
                return -1
            at += 2
        text[to] = octet
        to += 1
    return to


@bare
def past_blanks(text: Octets, at: int, end: int) -> int:
    """Return the first place that is no blank of JSON."""
    while at < end and text[at] in (_SPACE, _TAB, _LINE, _RETURN):
        at += 1
    return at


@bare
def past_string(text: Octets, at: int, end: int) -> int:
    """Return the place behind a string of plain ASCII that begins here, -1: none does."""
    if at >= end or text[at] != _QUOTE:
        return -1
    at += 1
    while at < end:
        octet = text[at]
        if octet == _QUOTE:
            return at + 1
        if octet < _SPACE or octet > _TILDE or octet == _BACKSLASH:
            return -1
        at += 1
    return -1


@bare
def past_object(text: Octets, at: int, end: int, marks: Numbers) -> int:
    """Mark the fields of an order that begins here; return the place behind it, -1: it is not plain."""
    if at >= end or text[at] != _OPEN:
        return -1
    for place in range(2 * OF_ORDER):
        marks[place] = 0
    while True:
        at = past_blanks(text, at + 1, end)
        stop = past_string(text, at, end)
        if stop < 0:
            return -1
        field = word(text, at + 1, stop - at - 2, NAME, NAME_LENGTH, NAME_VALUE)
        at = past_blanks(text, stop, end)
        if field < 0 or field >= OF_ORDER or at >= end or text[at] != _COLON:
            return -1
        at = past_blanks(text, at + 1, end)
        stop = past_string(text, at, end)
        if stop < at + 3 or marks[2 * field + 1] != 0:
            return -1
        marks[2 * field] = at + 1
        marks[2 * field + 1] = stop - at - 2
        at = past_blanks(text, stop, end)
        if at >= end:
            return -1
        if text[at] == _CLOSE:
            return at + 1
        if text[at] != _COMMA:
            return -1


@compiled(BYTES, TEXTS, TABLE, OCTETS, OCTETS, NUMBERS, OCTETS, NUMBERS)
def read_batch(
    form: bytes,
    symbols: Octets,
    instruments: Table,
    text: Octets,
    rows: Octets,
    words: Numbers,
    answers: Octets,
    marks: Numbers,
) -> int:
    """Read a form with a batch of orders, without its signature, into `rows`, and how each is to be answered.

    `text` is room for the JSON; a longer one is not plain. Returns how many orders, -1 when it is not plain.
    """
    sent = np.frombuffer(form, np.uint8)
    if not take_pairs(sent, marks, True):
        return -1
    for field in range(OF_ORDER):
        if marks[2 * field + 1] != 0:
            return -1
    end = unescape(sent, marks[2 * BATCH], marks[2 * BATCH + 1], text)
    at = past_blanks(text, 0, end)
    if at >= end or text[at] != _OPEN_LIST:
        return -1
    for order in range(ORDERS_LIMIT):
        at = past_object(text, past_blanks(text, at + 1, end), end, marks)
        if at < 0:
            return -1
        answer = write_order(text, marks, symbols, instruments, rows, words, order)
        if answer < 0:
            return -1
        answers[order] = answer
        at = past_blanks(text, at, end)
        if at >= end:
            return -1
        if text[at] == _CLOSE_LIST:
            return order + 1 if past_blanks(text, at + 1, end) == end else -1
        if text[at] != _COMMA:
            return -1
    return -1
