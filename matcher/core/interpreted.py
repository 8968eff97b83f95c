"""The interpreted twins of what `kernel.py` writes in machine code: same names, same answers.

Used with NUMBA_DISABLE_JIT=1, where the core runs as plain Python for branch coverage and as a
second opinion on overflow. Every function here must agree with its twin bit for bit.
"""

import ctypes
import weakref
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from matcher.core.blocks import Array, MemoryView, RowView, Table, TableView, TextView
from protocol.layout import Record

R = TypeVar("R")

KEYS = (
    0x2D358DCCAA6C78A5,
    0x0BB67AE8584CAA73,
    0x4B33A62ED433D4A3,
    0x4D5A2DA51DE1AA47,
    0x1F83D9ABFB41BD6B,
)
"""Odd multipliers, one per word of a text."""

ARRAY_DATA = object.__basicsize__
"""Where a numpy array object keeps the address of its data,"""
ARRAY_SHAPE = ARRAY_DATA + 16
"""and that of its lengths, behind the number of its dimensions."""
_WORD = (1 << 64) - 1
_memories: "weakref.WeakValueDictionary[int, MemoryView]" = weakref.WeakValueDictionary()


def array_address(array: Array) -> int:
    """Return the address of an array's data.

    numpy keeps it right behind the object head. `array.ctypes.data` is the same and takes 800 ns,
    more than a whole batch of one command.
    """
    return ctypes.c_int64.from_address(id(array) + ARRAY_DATA).value


def array_length(array: Array) -> int:
    """Return how many rows an array has."""
    shape = ctypes.c_int64.from_address(id(array) + ARRAY_SHAPE).value
    return ctypes.c_int64.from_address(shape).value


def register(address: int, memory: MemoryView) -> None:
    """Let `memory_at(address)` find this memory while it is alive."""
    _memories[address] = memory


def memory_at(address: int) -> Any:
    """Find the registered memory whose table of blocks lies at `address`."""
    return _memories[address]


def rows_at(record: type[R]) -> Callable[[int, int], Table[R]]:
    """Make the function that views `count` rows of `record` at an address."""
    dtype = cast("type[Record]", record).dtype

    def at(address: int, count: int) -> Table[R]:
        memory = (ctypes.c_uint8 * (dtype.itemsize * count)).from_address(address)
        return cast("Table[R]", TableView(np.ctypeslib.as_array(memory).view(dtype)))

    return at


def words_of(record: type[R]) -> Callable[[object], R]:
    """Make the function that views a row as another layout of the same bytes."""
    dtype = cast("type[Record]", record).dtype

    def view(row: object) -> R:
        return cast("R", cast("RowView", row).seen_as(dtype))

    return view


def _words(text: object) -> list[int]:
    return cast("list[int]", cast("TextView", text).words.tolist())


def copy_text(to: bytes, source: bytes) -> None:
    """Copy the five words of a text."""
    cast("TextView", to).words[:] = cast("TextView", source).words


def same_text(left: bytes, right: bytes) -> bool:
    """Compare two texts."""
    return _words(left) == _words(right)


def has_text(text: bytes) -> bool:
    """Say whether a text is not empty."""
    return _words(text)[0] != 0


def fold(one: int, other: int) -> int:
    """Mix two numbers into 63 bits: the halves of the 128-bit product, xored."""
    product = (one & _WORD) * (other & _WORD)
    return (product ^ (product >> 64)) & (_WORD >> 1)


def fold_text(seed: int, text: bytes) -> int:
    """Hash a text, starting from `seed`, into 63 bits."""
    for word, key in zip(_words(text), KEYS, strict=True):
        seed = fold(seed ^ word, key)
    return seed


def fold_either(seed: int, text: bytes, other: bytes) -> int:
    """Hash whichever of two texts there is, as `fold_text` does; of two that there are, neither."""
    for word, others, key in zip(_words(text), _words(other), KEYS, strict=True):
        seed = fold(seed ^ (word | others), key)
    return seed


def zeros_below(word: int) -> int:
    """Count the zero bits below the lowest set bit of a non-zero word."""
    word &= _WORD
    return (word & -word).bit_length() - 1


def zeros_above(word: int) -> int:
    """Count the zero bits above the highest set bit of a non-zero word."""
    return 64 - (word & _WORD).bit_length()


def fence() -> None:
    """Order earlier stores before later ones, for readers on other cores."""


def prefetch(block: object, index: int, line: int) -> None:
    """Hint that cache line `line` of element `index` is needed soon."""


def clear_row(row: object) -> None:
    """Fill a row with zeros."""
    cast("RowView", row).clear()


def copy_row(to: object, source: object) -> None:
    """Copy every byte of a row into another of the same record."""
    cast("RowView", to).copy_from(cast("RowView", source))
