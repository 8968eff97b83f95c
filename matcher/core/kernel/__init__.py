"""The only place that knows numba: how the core's Python becomes machine code over raw memory.

Kernel functions see, beside integers and booleans, four kinds of value, all bare addresses:

* `core`: the table of blocks (`state.Core`); `core.orders` is a block;
* a block of rows, `Table[OrderRow]`, or of plain `Numbers`: `core.orders[slot]` is a row;
* a row: `row.price` reads and writes one field, always as int64;
* a text, `row.cl_ord_id`: five words, for `copy_text`, `same_text`, `has_text`, `fold_text`, …

Why not numpy arrays: reference counting and the wraparound check of every index made the same code
three times slower, and a field of type uint8 drags unsigned arithmetic into everything it meets.

With NUMBA_DISABLE_JIT=1 the same functions run as plain Python over the same memory (`blocks.py`,
`interpreted.py`), on Python integers, so a value that does not fit its field raises.
NUMBA_BOUNDSCHECK=1 compiles an index check into every block access; interpreted code always has it.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

from numba import njit, types
from numba.core import config

from matcher.core.blocks import Array
from matcher.core.kernel import program
from matcher.core.kernel.cache import cache_directory
from matcher.core.kernel.intrinsics import (
    INTERPRETED,
    array_address,
    array_length,
    clear_row,
    copy_row,
    copy_text,
    fence,
    fold,
    fold_either,
    fold_text,
    has_text,
    memory_at,
    prefetch,
    rows_at,
    same_text,
    words_of,
    zeros_above,
    zeros_below,
)
from matcher.core.kernel.program import Helper, without_literals
from matcher.core.kernel.values import CHECKED, ArrayType

__all__ = [
    "INTERPRETED",
    "array_address",
    "array_length",
    "batch_entry",
    "clear_row",
    "compile_entries",
    "copy_row",
    "copy_text",
    "entry",
    "fence",
    "fold",
    "fold_either",
    "fold_text",
    "has_text",
    "inlined",
    "kernel",
    "memory_at",
    "prefetch",
    "rows_at",
    "same_text",
    "straight_to",
    "words_of",
    "zeros_above",
    "zeros_below",
]

P = ParamSpec("P")
R = TypeVar("R")

E = TypeVar("E", bound=Callable[..., int])
Entry = Callable[[int, int, int], int]
BatchEntry = Callable[[Array, Array], int]
_entries: list[tuple[Any, Any]] = []
_ENTRY: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}
_HELPER: dict[str, Any] = {**_ENTRY, "no_cpython_wrapper": True}
_NUMBERS = types.int64(types.int64, types.int64, types.int64)
_ARRAYS = types.int64(ArrayType(), ArrayType())

config.CACHE_DIR = str(cache_directory(checked=CHECKED))  # type: ignore[attr-defined]


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of the core; LLVM decides whether to inline it."""
    return _helper(function, forceinline=False)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function of the core into each of its callers: for the few on the hot path."""
    return _helper(function, forceinline=True)


def _helper(function: Callable[P, R], *, forceinline: bool) -> Callable[P, R]:
    # forceinline is always stated: numba lets a callee inherit the flags of whoever calls it first.
    compiled = njit(pipeline_class=Helper, forceinline=forceinline, **_HELPER)(function)
    return cast("Callable[P, R]", compiled if INTERPRETED else without_literals(compiled))


def entry(function: Entry) -> Entry:
    """Declare a way into the core from Python: three integers in, one out, kept on disk.

    `compile_entries` compiles it; no argument can ever cause a compilation after that.
    """
    return _entry(function, _NUMBERS)


def batch_entry(function: BatchEntry) -> BatchEntry:
    """Declare the way in for batches: the table of blocks and the rows, both numpy arrays, as they are.

    Numbers would first be made, counted and taken apart again: 130 ns a call, as much as a command takes.
    Only `straight_to` can call it.
    """
    return _entry(function, _ARRAYS)


def _entry(function: E, signature: Any) -> E:
    if INTERPRETED:
        return function
    compiled = njit(pipeline_class=program.Entry, cache=True, **_ENTRY)(function)
    _entries.append((compiled, signature))
    return cast("E", compiled)


def straight_to(function: E) -> E:
    """Return the machine code of a compiled entry, past numba's look at the arguments: 95 ns a call."""
    if INTERPRETED:
        return function
    (compiled,) = cast("Any", function).overloads.values()
    return cast("E", compiled.entry_point)


def compile_entries() -> None:
    """Compile every entry declared so far, or load it from disk. Cost: up to a minute, or 0.2 s."""
    while _entries:
        compiled, signature = _entries.pop()
        compiled.compile(signature)
        compiled.disable_compile()
