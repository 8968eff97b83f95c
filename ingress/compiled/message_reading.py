"""Read plain orders of the WebSocket API: from the JSON of messages to Command records and what the signatures cover.

What is said of one order (`ingress/compiled/reading.py`) holds here, too. A message is plain when it has an id, the method of new orders
and parameters, each once and no others; its strings have no escapes, its numbers are whole, and not negative; and
when its time is right (`auth.check_time`).
"""

import numpy as np

from ingress.compiled import BYTES, COUNT, NUMBERS, OCTETS, TABLE, TEXTS, bare, compiled
from ingress.compiled.batch_reading import past_blanks, past_string
from ingress.compiled.reading import (
    BATCH,
    DIGITS,
    FIELD_NAMES,
    NINE,
    TIMESTAMP,
    WINDOW,
    ZERO,
    spelled,
    values_of,
    whole,
    word,
    write_order,
)
from ingress.compiled.tables import Numbers, Octets, Table

API_KEY, SIGNATURE, ID, _WORD = range(BATCH, BATCH + 4)
"""Beside the fields of a form; the last is for the name that is being read."""
MESSAGE_MARKS = 2 * (_WORD + 1)
(
    HOW,
    ID_AT,
    ID_LENGTH,
    KEY_AT,
    KEY_LENGTH,
    SEAL_AT,
    SEAL_LENGTH,
    PAYLOAD_AT,
    PAYLOAD_LENGTH,
) = range(9)
"""What is found of a message: how it is to be answered (ACK …; -1: it is not plain), and places: in the text of all messages its
id, its key and its signature, in that of all payloads what the signature covers. A length of 0: it was not sent."""
FOUND = 9
NOW_NS, WINDOW_MS, WINDOW_LIMIT_MS, AHEAD_NS, MICROSECONDS_FROM = range(5)
"""What `clock` holds: the time, the usual window and the longest, how far ahead a client may be, and the least
timestamp that counts microseconds."""
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
_MICROSECOND_NS, _MILLISECOND_NS = 1_000, 1_000_000
_LATEST_NS = (1 << 62) - 1


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
    """Mark the name of a member that begins here ; return where its value begins, -1: it is not plain."""
    at = past_blanks(text, at, end)
    stop = past_string(text, at, end)
    if stop < 0:
        return -1
    marks[2 * _WORD] = at + 1
    marks[2 * _WORD + 1] = stop - at - 2
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
        name, length = marks[2 * _WORD], marks[2 * _WORD + 1]
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
        name, length = marks[2 * _WORD], marks[2 * _WORD + 1]
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
def write_payload(text: Octets, marks: Numbers, payload: Octets, start: int) -> int:
    """Write what a signature covers from a place on; return where it ends, -1: there is no room."""
    to = start
    for field in _SIGNED:
        at, length = marks[2 * field], marks[2 * field + 1]
        name_length = _NAME_LENGTH[field]
        if length == 0:
            continue
        if to + name_length + length + 2 > len(payload):
            return -1
        if to > start:
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


@bare
def whole_number(text: Octets, at: int, length: int) -> int:
    """Read a whole number; -1: it is no plain one."""
    if length > DIGITS:
        return -1
    value = 0
    for place in range(length):
        digit = whole(text[at + place]) - ZERO
        if digit < 0 or digit > NINE:
            return -1
        value = value * 10 + digit
    return value


@bare
def is_in_time(text: Octets, marks: Numbers, clock: Numbers) -> bool:
    """Tell whether a message has come within its window; False: not, or this cannot be told simply."""
    length = marks[2 * TIMESTAMP + 1]
    sent = whole_number(text, marks[2 * TIMESTAMP], length)
    scale = _MICROSECOND_NS if sent >= clock[MICROSECONDS_FROM] else _MILLISECOND_NS
    if length == 0 or sent < 0 or sent > _LATEST_NS // scale:
        return False
    window_ms = clock[WINDOW_MS]
    if marks[2 * WINDOW + 1] != 0:
        window_ms = whole_number(text, marks[2 * WINDOW], marks[2 * WINDOW + 1])
        if window_ms < 0 or window_ms > clock[WINDOW_LIMIT_MS]:
            return False
    late_ns = clock[NOW_NS] - sent * scale
    return bool(-clock[AHEAD_NS] < late_ns <= window_ms * _MILLISECOND_NS)


@bare
def _put_place(found: Numbers, column: int, marks: Numbers, field: int, start: int) -> None:
    found[column] = start + marks[2 * field]
    found[column + 1] = marks[2 * field + 1]


@compiled(BYTES, NUMBERS, COUNT, TEXTS, TABLE, OCTETS, NUMBERS, NUMBERS, OCTETS, NUMBERS, TABLE)
def read_messages(
    messages: bytes,
    ends: Numbers,
    n: int,
    symbols: Octets,
    instruments: Table,
    rows: Octets,
    words: Numbers,
    marks: Numbers,
    payloads: Octets,
    clock: Numbers,
    found: Table,
) -> int:
    """Read n messages, one behind the other, each as one order into its own of `rows`.

    ends: where in the text of all each message ends. marks: room for MESSAGE_MARKS. payloads: room for what the signatures cover,
    as long as the messages at least. found: gets a row for each. Returns how many are plain; what is in the records of the others
    means nothing.
    """
    text = np.frombuffer(messages, np.uint8)
    for message in range(n):
        found[message, HOW] = -1
    start = to = plain = 0
    for message in range(n):
        one = text[start : ends[message]]
        row = found[message]
        for place in range(MESSAGE_MARKS):
            marks[place] = 0
        if past_message(one, marks) and is_in_time(one, marks, clock):
            row[PAYLOAD_AT] = to
            if marks[2 * SIGNATURE + 1] != 0:
                to = write_payload(one, marks, payloads, to)
                if to < 0:
                    break
            row[PAYLOAD_LENGTH] = to - row[PAYLOAD_AT]
            _put_place(row, ID_AT, marks, ID, start)
            _put_place(row, KEY_AT, marks, API_KEY, start)
            _put_place(row, SEAL_AT, marks, SIGNATURE, start)
            row[HOW] = write_order(one, marks, symbols, instruments, rows, words, message)
            if row[HOW] >= 0:
                plain += 1
        start = ends[message]
    return plain
