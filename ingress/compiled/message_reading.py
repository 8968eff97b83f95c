"""Read a plain order of the WebSocket API: from a message's JSON to a Command record and what the signature covers.

What is said of one order (`ingress/compiled/reading.py`) holds here, too. A message is plain when it has an id, the method of new orders
and parameters, each once and no others; its strings have no escapes, its numbers are whole, and not negative.
"""

import numpy as np

from ingress.compiled import BYTES, NUMBERS, OCTETS, TABLE, TEXTS, bare, compiled
from ingress.compiled.batch_reading import past_blanks, past_string
from ingress.compiled.reading import (
    BATCH,
    DIGITS,
    FIELD_NAMES,
    NINE,
    ZERO,
    spelled,
    values_of,
    whole,
    word,
    write_order,
)
from ingress.compiled.tables import Numbers, Octets, Table

API_KEY, SIGNATURE, ID, PAYLOAD = range(BATCH, BATCH + 4)
"""Beside the fields of a form: their marks tell where they are in the message; that of the payload how long it is."""
MESSAGE_MARKS = 2 * (PAYLOAD + 1)
PAYLOAD_LIMIT = 1 << 12
"""A longer one is not plain: those of plain orders are a tenth of it."""
ID_LIMIT = 36
_PARAMETERS = (*FIELD_NAMES[:BATCH], "apiKey", "signature")
_NAME, _NAME_LENGTH = spelled(_PARAMETERS)
_NAME_VALUE = values_of(range(len(_PARAMETERS)))
_SIGNED = values_of(sorted(range(SIGNATURE), key=_PARAMETERS.__getitem__))
"""The parameters in the order in which they are signed: by name."""
_IS_ID, _IS_METHOD, _IS_PARAMS = 1, 2, 4
_MEMBER, _MEMBER_LENGTH = spelled(("id", "method", "params"))
_MEMBER_VALUE = values_of((_IS_ID, _IS_METHOD, _IS_PARAMS))
_METHOD, _METHOD_LENGTH = spelled(("order.place", "v3/order.place"))
_METHOD_VALUE = values_of(range(2))
_QUOTE, _COMMA, _COLON = (int(byte) for byte in b'",:')
_OPEN, _CLOSE, _AND, _EQUALS = (int(byte) for byte in b"{}&=")


@bare
def past_value(text: Octets, at: int, end: int, marks: Numbers, field: int) -> int:
    """Mark a string that is not empty, or a number; return the place behind it, -1: it is not plain."""
    if at < end and text[at] == _QUOTE:
        stop = past_string(text, at, end)
        if stop < at + 3:
            return -1
        marks[2 * field] = at + 1
        marks[2 * field + 1] = stop - at - 2
        return stop
    stop = at
    while stop < end and ZERO <= whole(text[stop]) <= ZERO + NINE:
        stop += 1
    length = stop - at
    if length == 0 or length > DIGITS or (length > 1 and text[at] == ZERO):
        return -1
    marks[2 * field] = at
    marks[2 * field + 1] = length
    return stop


@bare
def past_name(text: Octets, at: int, end: int, marks: Numbers) -> int:
    """Mark the name of a member that begins here (where the payload is marked later); return where its value begins, -1: it is not plain."""
    at = past_blanks(text, at, end)
    stop = past_string(text, at, end)
    if stop < 0:
        return -1
    marks[2 * PAYLOAD] = at + 1
    marks[2 * PAYLOAD + 1] = stop - at - 2
    at = past_blanks(text, stop, end)
    if at >= end or text[at] != _COLON:
        return -1
    return past_blanks(text, at + 1, end)


@bare
def past_params(text: Octets, at: int, end: int, marks: Numbers) -> int:
    """Mark the parameters that begin here; return the place behind them, -1: they are not plain."""
    if at >= end or text[at] != _OPEN:
        return -1
    while True:
        at = past_name(text, at + 1, end, marks)
        if at < 0:
            return -1
        name, length = marks[2 * PAYLOAD], marks[2 * PAYLOAD + 1]
        field = word(text, name, length, _NAME, _NAME_LENGTH, _NAME_VALUE)
        if field < 0 or marks[2 * field + 1] != 0:
            return -1
        at = past_value(text, at, end, marks, field)
        if at < 0:
            return -1
        at = past_blanks(text, at, end)
        if at >= end:
            return -1
        if text[at] == _CLOSE:
            return at + 1
        if text[at] != _COMMA:
            return -1


@bare
def past_method(text: Octets, at: int, end: int) -> int:
    """Return the place behind the method of new orders, -1: it is another one."""
    stop = past_string(text, at, end)
    if stop < 0:
        return -1
    found = word(text, at + 1, stop - at - 2, _METHOD, _METHOD_LENGTH, _METHOD_VALUE)
    return stop if found >= 0 else -1


@bare
def past_id(text: Octets, at: int, end: int, marks: Numbers) -> int:
    """Mark an id as it stands, with its quotes; return the place behind it, -1: it is not plain."""
    stop = past_value(text, at, end, marks, ID)
    if stop >= 0 and text[at] == _QUOTE and stop - at - 2 > ID_LIMIT:
        return -1
    marks[2 * ID] = at
    marks[2 * ID + 1] = stop - at
    return stop


@bare
def past_message(text: Octets, marks: Numbers) -> bool:
    """Mark what a whole message says; False: it is not plain."""
    end = len(text)
    at = past_blanks(text, 0, end)
    if at >= end or text[at] != _OPEN:
        return False
    seen = 0
    while True:
        at = past_name(text, at + 1, end, marks)
        if at < 0:
            return False
        name, length = marks[2 * PAYLOAD], marks[2 * PAYLOAD + 1]
        member = word(text, name, length, _MEMBER, _MEMBER_LENGTH, _MEMBER_VALUE)
        if member < 0 or seen & member:
            return False
        seen |= member
        if member == _IS_PARAMS:
            at = past_params(text, at, end, marks)
        elif member == _IS_METHOD:
            at = past_method(text, at, end)
        else:
            at = past_id(text, at, end, marks)
        if at < 0:
            return False
        at = past_blanks(text, at, end)
        if at >= end:
            return False
        if text[at] == _CLOSE:
            return (
                seen == _IS_ID + _IS_METHOD + _IS_PARAMS and past_blanks(text, at + 1, end) == end
            )
        if text[at] != _COMMA:
            return False


@bare
def write_payload(text: Octets, marks: Numbers, payload: Octets) -> int:
    """Write what a signature covers; return its length, -1: it is too long."""
    to = 0
    for field in _SIGNED:
        at, length = marks[2 * field], marks[2 * field + 1]
        name_length = _NAME_LENGTH[field]
        if length == 0:
            continue
        if to + name_length + length + 2 > len(payload):
            return -1
        if to > 0:
            payload[to] = _AND
            to += 1
        for place in range(name_length):
            payload[to + place] = _NAME[field, place]
        to += name_length
        payload[to] = _EQUALS
        to += 1
        for place in range(length):
            payload[to + place] = text[at + place]
        to += length
    return to


@compiled(BYTES, TEXTS, TABLE, OCTETS, NUMBERS, NUMBERS, OCTETS)
def read_message(
    message: bytes,
    symbols: Octets,
    instruments: Table,
    rows: Octets,
    words: Numbers,
    marks: Numbers,
    payload: Octets,
) -> int:
    """Read a message as one order into the first of `rows`, and write into `payload` what its signature covers.

    Returns how it wants to be answered (ACK …), -1 when it is not plain.
    """
    text = np.frombuffer(message, np.uint8)
    for place in range(MESSAGE_MARKS):
        marks[place] = 0
    if not past_message(text, marks):
        return -1
    length = write_payload(text, marks, payload)
    if length < 0:
        return -1
    marks[2 * PAYLOAD + 1] = length
    return write_order(text, marks, symbols, instruments, rows, words, 0)
