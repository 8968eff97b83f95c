"""Read plain orders: from the bytes of a form to Command records.

A parameter counts as plain here when it is of those that nearly all orders have, sent once, not empty, in plain
ASCII, with a value that is right as far as that can be told without state. One look is enough for a no:
the caller then reads the request in Python (`ingress/params.py`, `ingress/order_entry.py`), which knows all
parameters, all forms and all refusals. A yes must mean exactly what it means there.
"""

from collections.abc import Iterable

import numpy as np

from ingress.compiled import BYTES, NUMBERS, OCTETS, TABLE, TEXTS, bare, compiled
from ingress.compiled.tables import (
    ACK,
    FULL,
    PRICE_DECIMALS,
    QTY_DECIMALS,
    RESULT,
    SYMBOL_LENGTH,
    TEXT_WIDTH,
    Numbers,
    Octets,
    Table,
)
from protocol.layout import TEXT_LIMIT
from protocol.records import Command
from protocol.terms import CommandKind, OrdType, Side, StpMode, TimeInForce

(
    SYMBOL,
    SIDE,
    TYPE,
    TIME_IN_FORCE,
    QUANTITY,
    PRICE,
    CLIENT_ID,
    ANSWER,
    STP_MODE,
    TIMESTAMP,
    WINDOW,
    BATCH,
) = range(12)
FIELD_NAMES = (
    "symbol",
    "side",
    "type",
    "timeInForce",
    "quantity",
    "price",
    "newClientOrderId",
    "newOrderRespType",
    "selfTradePreventionMode",
    "timestamp",
    "recvWindow",
    "batchOrders",
)
OF_ORDER = TIMESTAMP
"""The fields before this one are an order's own."""
MARKS = 2 * len(FIELD_NAMES)
"""Numbers of `marks`: where the value of each field begins, and how long it is (0: not sent)."""
RECORD = Command.dtype.itemsize
DIGITS = 18
"""Numbers of more digits than this may not fit into 63 bits: Python looks."""
_PLACES = 20
"""A decimal number may have so many digits behind its point, as in `params.DECIMAL`."""


def spelled(words: Iterable[str]) -> tuple[Octets, Numbers]:
    """Write words as rows of bytes, and their lengths."""
    texts = [word.encode() for word in words]
    rows = np.frombuffer(b"".join(text.ljust(TEXT_WIDTH, b"\0") for text in texts), np.uint8)
    return rows.reshape(len(texts), TEXT_WIDTH), np.array([len(text) for text in texts], np.int64)


def values_of(words: Iterable[int]) -> Numbers:
    """Write what words stand for."""
    return np.array([int(word) for word in words], np.int64)


_ORD_TYPES = (OrdType.LIMIT, OrdType.MARKET, OrdType.LIMIT_MAKER)
_TIMES = [one for one in TimeInForce if one is not TimeInForce.GTD]
_MODES = [one for one in StpMode if one]
NAME, NAME_LENGTH = spelled(FIELD_NAMES)
NAME_VALUE = values_of(range(len(FIELD_NAMES)))
_SIDE, _SIDE_LENGTH = spelled(one.name for one in Side)
_SIDE_VALUE = values_of(Side)
_TYPE, _TYPE_LENGTH = spelled(one.name for one in _ORD_TYPES)
_TYPE_VALUE = values_of(_ORD_TYPES)
_TIME, _TIME_LENGTH = spelled(one.name for one in _TIMES)
_TIME_VALUE = values_of(_TIMES)
_MODE, _MODE_LENGTH = spelled(one.name for one in _MODES)
_MODE_VALUE = values_of(_MODES)
_ANSWER, _ANSWER_LENGTH = spelled(("ACK", "RESULT", "FULL"))
_ANSWER_VALUE = values_of((ACK, RESULT, FULL))

_LIMIT, _MARKET, _LIMIT_MAKER = (int(one) for one in _ORD_TYPES)
_GTC, _ENTER = int(TimeInForce.GTC), int(CommandKind.ENTER)
_MOST_ID = TEXT_LIMIT
_ID_CHARACTER = np.zeros(256, np.bool_)
_ID_CHARACTER[list(b".:/_-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] = True
_AT = {name: Command.dtype.fields[name][1] for name, _ in Command.fields}  # type: ignore[index]
_KIND_AT, _SIDE_AT, _TYPE_AT = _AT["kind"], _AT["side"], _AT["ord_type"]
_TIME_AT, _MODE_AT, _INSTRUMENT_AT = _AT["time_in_force"], _AT["stp_mode"], _AT["instrument"]
_PRICE_WORD, _QTY_WORD, ID_AT = _AT["price"] // 8, _AT["order_qty"] // 8, _AT["cl_ord_id"]
_WORDS = RECORD // 8

_AND, _EQUALS, PERCENT, PLUS = (int(byte) for byte in b"&=%+")
_POINT, ZERO = (int(byte) for byte in b".0")
ASCII, NINE, _BYTE, _BYTE_BITS = 0x80, 9, 0xFF, 8


@bare
def whole(octet: np.uint8 | np.int64) -> int:
    """Return an octet as a signed number: numba makes a float of one without and one with a sign."""
    return np.int64(octet)  # type: ignore[return-value]


@bare
def same(text: Octets, at: int, length: int, rows: Octets, row: int) -> bool:
    """Tell whether the text at a place is what a row begins with."""
    for place in range(length):  # noqa: SIM110 - numba compiles no generator
        if text[at + place] != rows[row, place]:
            return False
    return True


@bare
def word(
    text: Octets, at: int, length: int, spelled: Octets, lengths: Numbers, values: Numbers
) -> int:
    """Return the value of the word at a place of the text, -1 when it is none of them."""
    for row in range(len(lengths)):
        if lengths[row] == length and same(text, at, length, spelled, row):
            return whole(values[row])
    return -1


@bare
def units(text: Octets, at: int, length: int, decimals: int) -> int:
    """Read a decimal number above 0 as a count of 10**-decimals; -1 when it is no plain one of those."""
    point = 0
    while point < length and text[at + point] != _POINT:
        point += 1
    places = length - point - 1
    if point == 0 or point + decimals > DIGITS or places == 0 or places > _PLACES:
        return -1
    value = 0
    for place in range(length):
        if place == point:
            continue
        digit = whole(text[at + place]) - ZERO
        if digit < 0 or digit > NINE:
            return -1
        if place - point <= decimals:
            value = value * 10 + digit
        elif digit != 0:
            return -1
    for _ in range(max(places, 0), decimals):
        value *= 10
    return value if value > 0 else -1


@bare
def find_instrument(text: Octets, at: int, length: int, symbols: Octets, instruments: Table) -> int:
    """Find an instrument by its symbol; -1: there is none."""
    for number in range(len(instruments)):
        if instruments[number, SYMBOL_LENGTH] == length and same(text, at, length, symbols, number):
            return number
    return -1


@bare
def fits_type(ord_type: int, marks: Numbers) -> bool:
    """Tell whether what the order's type needs was sent, and nothing else."""
    priced, timed = marks[2 * PRICE + 1] > 0, marks[2 * TIME_IN_FORCE + 1] > 0
    if marks[2 * QUANTITY + 1] == 0:
        return False
    if ord_type == _LIMIT:
        return bool(priced and timed)
    return bool(not timed and priced == (ord_type == _LIMIT_MAKER))


@bare
def copy_id(text: Octets, marks: Numbers, rows: Octets, to: int) -> bool:
    """Copy the order's text id, if it has one, into its record; False: it is none."""
    at, length = marks[2 * CLIENT_ID], marks[2 * CLIENT_ID + 1]
    if length > _MOST_ID:
        return False
    for place in range(length):
        octet = text[at + place]
        if not _ID_CHARACTER[octet]:
            return False
        rows[to + place] = octet
    return True


@bare
def write_numbers(
    text: Octets, marks: Numbers, instruments: Table, number: int, words: Numbers, to: int
) -> bool:
    """Write price and quantity in the instrument's units into the words of a record; False: they are not plain."""
    qty = units(
        text, marks[2 * QUANTITY], marks[2 * QUANTITY + 1], instruments[number, QTY_DECIMALS]
    )
    if qty < 0:
        return False
    words[to + _QTY_WORD] = qty
    if marks[2 * PRICE + 1] == 0:
        return True
    price = units(text, marks[2 * PRICE], marks[2 * PRICE + 1], instruments[number, PRICE_DECIMALS])
    words[to + _PRICE_WORD] = price
    return price > 0


@bare
def either(
    text: Octets,
    marks: Numbers,
    field: int,
    spelled: Octets,
    lengths: Numbers,
    values: Numbers,
    default: int,
) -> int:
    """Return the value of a field that may be sent; -1: it is none of the words."""
    if marks[2 * field + 1] == 0:
        return default
    return word(text, marks[2 * field], marks[2 * field + 1], spelled, lengths, values)


@bare
def write_order(
    text: Octets,
    marks: Numbers,
    symbols: Octets,
    instruments: Table,
    rows: Octets,
    words: Numbers,
    order: int,
) -> int:
    """Write the record of one order, whose fields `marks` tells; return its ACK …, -1: it is not plain."""
    side = either(text, marks, SIDE, _SIDE, _SIDE_LENGTH, _SIDE_VALUE, -1)
    ord_type = either(text, marks, TYPE, _TYPE, _TYPE_LENGTH, _TYPE_VALUE, -1)
    time = either(text, marks, TIME_IN_FORCE, _TIME, _TIME_LENGTH, _TIME_VALUE, _GTC)
    mode = either(text, marks, STP_MODE, _MODE, _MODE_LENGTH, _MODE_VALUE, 0)
    default = ACK if ord_type == _LIMIT_MAKER else FULL
    answer = either(text, marks, ANSWER, _ANSWER, _ANSWER_LENGTH, _ANSWER_VALUE, default)
    if min(side, ord_type, time, mode, answer) < 0 or not fits_type(ord_type, marks):
        return -1
    at, length = marks[2 * SYMBOL], marks[2 * SYMBOL + 1]
    number = find_instrument(text, at, length, symbols, instruments) if length > 0 else -1
    if number < 0:
        return -1
    to = order * RECORD
    for place in range(order * _WORDS, (order + 1) * _WORDS):
        words[place] = 0
    rows[to + _KIND_AT] = _ENTER
    rows[to + _SIDE_AT] = side
    rows[to + _TYPE_AT] = ord_type
    rows[to + _TIME_AT] = time
    rows[to + _MODE_AT] = mode
    rows[to + _INSTRUMENT_AT] = number & _BYTE
    rows[to + _INSTRUMENT_AT + 1] = number >> _BYTE_BITS
    if not copy_id(text, marks, rows, to + ID_AT):
        return -1
    if not write_numbers(text, marks, instruments, number, words, order * _WORDS):
        return -1
    return answer


@bare
def take_pair(text: Octets, at: int, marks: Numbers, escaped: bool) -> int:
    """Mark one `name=value` of a form; return where the next one begins, -1: it is not plain.

    With `escaped` the value of `batchOrders` may have escapes; no other field may.
    """
    end = len(text)
    equals = at
    while equals < end and text[equals] != _EQUALS:
        equals += 1
    field = word(text, at, equals - at, NAME, NAME_LENGTH, NAME_VALUE)
    if field < 0 or marks[2 * field + 1] != 0 or (field == BATCH and not escaped):
        return -1
    stop = equals + 1
    while stop < end and text[stop] != _AND:
        octet = text[stop]
        if octet >= ASCII or (field != BATCH and (octet in (PERCENT, PLUS))):
            return -1
        stop += 1
    marks[2 * field] = equals + 1
    marks[2 * field + 1] = stop - equals - 1
    return stop + 1 if stop > equals + 1 else -1


@bare
def take_pairs(text: Octets, marks: Numbers, escaped: bool) -> bool:
    """Mark all the pairs of a form; False: one of them is not plain."""
    for place in range(MARKS):
        marks[place] = 0
    at = 0
    while 0 <= at <= len(text):
        at = take_pair(text, at, marks, escaped)
    return at > 0


@compiled(BYTES, TEXTS, TABLE, OCTETS, NUMBERS, NUMBERS)
def read_form(
    form: bytes,
    symbols: Octets,
    instruments: Table,
    rows: Octets,
    words: Numbers,
    marks: Numbers,
) -> int:
    """Read a form, without its signature, as one order into the first of `rows`.

    `words` are the same bytes as `rows`. Returns how it wants to be answered (ACK …), -1 when it is not plain.
    """
    text = np.frombuffer(form, np.uint8)
    if not take_pairs(text, marks, False):
        return -1
    return write_order(text, marks, symbols, instruments, rows, words, 0)
