"""Describe the memory of the core, and read it from plain Python.

The core's memory is a set of named blocks: arrays of records, of plain numbers, or single rows. An
annotated class names them (`state.Core`). This file turns such a class into a list of blocks and
gives the interpreted view of them; the compiled view of the same bytes is in `kernel.py`.

The interpreted view is strict where machine code is silent: an index outside the block and a value
that does not fit its field raise. Arithmetic is on Python integers, so nothing wraps unseen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from protocol.layout import Record

Row = TypeVar("Row")
Array = npt.NDArray[Any]


class Table(Generic[Row]):
    """Annotation of a block of records; `core.block[i]` is a row."""

    def __getitem__(self, index: int) -> Row:
        raise TypeError("an annotation, never an object")


class Numbers:
    """Annotation of a block of unsigned 64-bit numbers."""

    def __getitem__(self, index: int) -> int:
        raise TypeError("an annotation, never an object")

    def __setitem__(self, index: int, value: int) -> None:
        raise TypeError("an annotation, never an object")


class SmallNumbers(Numbers):
    """Annotation of a block of unsigned 32-bit numbers."""


class Integers(Numbers):
    """Annotation of a block of signed 64-bit numbers."""


NUMBER_DTYPES: dict[type, np.dtype[Any]] = {
    Numbers: np.dtype("<u8"),
    SmallNumbers: np.dtype("<u4"),
    Integers: np.dtype("<i8"),
}


@dataclass(frozen=True)
class Block:
    """One named block: `record` rows or plain numbers; `single` when it is one row."""

    name: str
    dtype: np.dtype[Any]
    record: type[Record] | None
    single: bool


def blocks_of(memory: type) -> list[Block]:
    """List the blocks that the annotations of `memory` declare, in order."""
    return [_block(name, hint) for name, hint in get_type_hints(memory).items()]


def _block(name: str, hint: Any) -> Block:
    if get_origin(hint) is Table:
        record = get_args(hint)[0]
        return Block(name, record.dtype, record, single=False)
    if hint in NUMBER_DTYPES:
        return Block(name, NUMBER_DTYPES[hint], None, single=False)
    assert issubclass(hint, Record), f"block {name} is neither rows nor numbers"
    return Block(name, hint.dtype, hint, single=True)


class RowView:
    """One row, interpreted: attributes are Python integers, texts are `TextView`."""

    __slots__ = ("_row",)

    def __init__(self, row: Array) -> None:
        object.__setattr__(self, "_row", row)

    def __getattr__(self, name: str) -> Any:
        row: Array = object.__getattribute__(self, "_row")
        if name not in (row.dtype.fields or {}):
            raise AttributeError(name)
        column = row[name]
        return TextView(column.view("<i8")) if column.dtype.kind == "S" else column.item()

    def __setattr__(self, name: str, value: int) -> None:
        self._row[name] = value

    def clear(self) -> None:
        """Fill the row with zeros."""
        self._row.view(np.uint8)[:] = 0

    def seen_as(self, dtype: np.dtype[Any]) -> "RowView":
        """View the same bytes in another layout."""
        return RowView(self._row.view(dtype))

    def copy_from(self, other: "RowView") -> None:
        """Take over every byte of another row."""
        self._row.view(np.uint8)[:] = other._row.view(np.uint8)  # noqa: SLF001


class TextView:
    """One text field, interpreted: five signed words that can be read and written."""

    __slots__ = ("words",)

    def __init__(self, words: Array) -> None:
        self.words = words


class TableView:
    """A block of rows, interpreted."""

    __slots__ = ("_rows",)

    def __init__(self, rows: Array) -> None:
        self._rows = rows

    def __getitem__(self, index: int) -> RowView:
        if not 0 <= index < len(self._rows):
            raise IndexError(f"row {index} of {len(self._rows)}")
        return RowView(self._rows[index : index + 1])


class NumbersView:
    """A block of plain numbers, interpreted."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Array) -> None:
        self._numbers = numbers

    def __getitem__(self, index: int) -> int:
        if not 0 <= index < len(self._numbers):
            raise IndexError(f"number {index} of {len(self._numbers)}")
        return int(self._numbers[index])

    def __setitem__(self, index: int, value: int) -> None:
        if not 0 <= index < len(self._numbers):
            raise IndexError(f"number {index} of {len(self._numbers)}")
        self._numbers[index] = value


class MemoryView:
    """All blocks of one core, interpreted: what `core` is when nothing is compiled."""

    def __init__(self, blocks: list[Block], arrays: Mapping[str, Array]) -> None:
        for block in blocks:
            array = arrays[block.name]
            assert array.dtype == block.dtype, f"{block.name} holds {array.dtype}"
            view: object
            if block.single:
                view = RowView(array)
            else:
                view = NumbersView(array) if block.record is None else TableView(array)
            setattr(self, block.name, view)
