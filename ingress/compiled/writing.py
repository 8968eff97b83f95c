"""Write JSON into bytes from compiled code: constant pieces, words of enums, texts and numbers.

Every function writes at `at` and returns where what it wrote ends. Who calls them has seen to it that there is
room; without it nothing is written outside, but what is written may be cut off. Numbers must not be negative where
nothing else is said. Digits are computed unsigned, because a signed division has to round down.

A step first takes its part of the output, then fills that from 0: so the machine code has one check a step, not two
an octet (may the index be negative, may it be too large). Whole answers took four times as long without that, and
without `bare`.
"""

from collections.abc import Mapping

import numpy as np

from ingress.compiled import bare
from ingress.compiled.tables import Numbers, Octets, Texts

PLACES = 8
"""Decimals in every number that a client sees, as in `ingress/views.py`."""
MOST_DECIMALS = 18
"""No asset has more (`matcher/core/admin.py`), and 10**18 is the largest power that an int64 holds."""
LEAST = -(1 << 63)

OPEN, COMMA, CLOSE, END = b"[,]}"

_ZERO, _POINT, _MINUS = b"0.-"
_POWERS = np.array([10**power for power in range(MOST_DECIMALS + 1)], np.uint64)
_TEN, _HUNDRED, _TEN_THOUSAND, _HALF = _POWERS[[1, 2, 4, PLACES]]
_VALUES = 256
_NO_ROOM = "no room is left"


def piece(text: str) -> Octets:
    """Make a constant piece of JSON; for the global names of compiled functions."""
    return np.frombuffer(text.encode(), np.uint8).copy()


def words_of(before: str, names: Mapping[int, str], after: str = "") -> tuple[Texts, Numbers]:
    """Make the words of an enum with the JSON around them, and their lengths; 0: there is no such value."""
    told = {value: (before + name + after).encode() for value, name in names.items()}
    texts = np.zeros((_VALUES, max(map(len, told.values()))), np.uint8)
    lengths = np.zeros(_VALUES, np.int64)
    for value, text in told.items():
        texts[value, : len(text)] = np.frombuffer(text, np.uint8)
        lengths[value] = len(text)
    return texts, lengths


def members(values: frozenset[int]) -> Octets:
    """Make a table that says which values of an enum belong to a set."""
    table = np.zeros(_VALUES, np.uint8)
    table[list(values)] = 1
    return table


@bare
def put(out: Octets, at: int, text: Octets) -> int:
    """Write a piece."""
    place = out[at : at + len(text)]
    if len(place) != len(text):
        raise IndexError(_NO_ROOM)
    for one in range(len(text)):
        place[one] = text[one]
    return at + len(text)


@bare
def put_word(out: Octets, at: int, texts: Texts, lengths: Numbers, value: int) -> int:
    """Write the word of a value; all of its row is copied, because a known length is faster."""
    width = texts.shape[1]
    place, text = out[at : at + width], texts[value]
    if len(place) != width:
        raise IndexError(_NO_ROOM)
    for one in range(width):
        place[one] = text[one]
    length: int = lengths[value]
    return at + length


@bare
def put_text(out: Octets, at: int, text: Octets) -> int:
    """Write a text; -1 when JSON would escape some of it, or it is not ASCII."""
    place = out[at : at + len(text)]
    if len(place) != len(text):
        raise IndexError(_NO_ROOM)
    escaped = 0
    for one in range(len(text)):
        octet = text[one]
        place[one] = octet
        # Printable but for quote and backslash. Added up, because a loop without a way out is faster.
        escaped += int(octet < 32) + int(octet > 126) + int(octet == 34) + int(octet == 92)
    return at + len(text) if escaped == 0 else -1


@bare
def put_whole(out: Octets, at: int, value: int) -> int:
    """Write a whole number."""
    return _put_unsigned(out, at, np.uint64(value))


@bare
def put_decimal(out: Octets, at: int, value: int, decimals: int) -> int:
    """Write a count of 10**-decimals (0 … MOST_DECIMALS) with eight places, or with more if it has more."""
    if value == 0:
        whole = fraction = np.uint64(0)
    else:
        whole = np.uint64(value) // _POWERS[decimals]
        fraction = np.uint64(value) - whole * _POWERS[decimals]
    at = _put_unsigned(out, at, whole)
    out[at] = _POINT
    if decimals <= PLACES:
        return _put_eight(out, at + 1, fraction * _POWERS[PLACES - decimals])
    _put_digits(out[at + 1 : at + 1 + decimals], fraction)
    return at + 1 + decimals


@bare
def put_signed(out: Octets, at: int, value: int, decimals: int) -> int:
    """Write a decimal number that may be negative, but not LEAST."""
    if value < 0:
        out[at] = _MINUS
        return put_decimal(out, at + 1, -value, decimals)
    return put_decimal(out, at, value, decimals)


@bare
def _put_unsigned(out: Octets, at: int, value: np.uint64) -> int:
    if value < _HALF:
        return _put_short(out, at, value)
    half = value // _HALF
    if half < _HALF:
        at = _put_short(out, at, half)
    else:
        top = half // _HALF
        at = _put_eight(out, _put_short(out, at, top), half - top * _HALF)
    return _put_eight(out, at, value - half * _HALF)


@bare
def _put_short(out: Octets, at: int, value: np.uint64) -> int:
    """Write a whole number of at most eight digits."""
    digits = 1
    while digits < PLACES and value >= _POWERS[digits]:
        digits += 1
    _put_digits(out[at : at + digits], value)
    return at + digits


@bare
def _put_digits(place: Octets, value: np.uint64) -> None:
    """Fill a place with the last digits of a number."""
    for one in range(len(place) - 1, -1, -1):
        rest = value // _TEN
        place[one] = _ZERO + np.int64(value - rest * _TEN)
        value = rest


@bare
def _put_eight(out: Octets, at: int, value: np.uint64) -> int:
    """Write eight digits, zeros in front included; the halves do not wait for each other."""
    place = out[at : at + PLACES]
    front = value // _TEN_THOUSAND
    _put_four(place[:4], front)
    _put_four(place[4:], value - front * _TEN_THOUSAND)
    return at + PLACES


@bare
def _put_four(place: Octets, value: np.uint64) -> None:
    front = value // _HUNDRED
    back = value - front * _HUNDRED
    first, third = front // _TEN, back // _TEN
    place[0] = _ZERO + np.int64(first)
    place[1] = _ZERO + np.int64(front - first * _TEN)
    place[2] = _ZERO + np.int64(third)
    place[3] = _ZERO + np.int64(back - third * _TEN)
