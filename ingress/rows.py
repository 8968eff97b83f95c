"""Turn records into plain objects and back, quickly, from the record's own field list.

Reading one field of one numpy row costs more than unpacking the whole record, and an answer needs
most fields of one event; so rows become named tuples. To the type checker they are the Record class
itself: its annotations name exactly these fields.
"""

import struct
from collections import namedtuple
from collections.abc import Iterable
from functools import partial
from typing import Any, Generic, TypeVar, cast

import numpy as np

from protocol.layout import Record, Rows

R = TypeVar("R", bound=Record)
_CODES = {"<i8": "q", "<u4": "I", "<i4": "i", "<u2": "H", "|u1": "B", "|S40": "40s"}


class Shape(Generic[R]):
    """One record class as named tuples; text fields are bytes, from `unpack` zero-padded."""

    def __init__(self, record: type[R]) -> None:
        names = [name for name, _ in record.fields]
        blank = {name: b"" if width.kind == "S" else 0 for name, width in record.fields}
        self._record = record
        self._struct = struct.Struct("<" + "".join(_CODES[width.str] for _, width in record.fields))
        self._blank: dict[str, int | bytes] = blank
        shape: Any = namedtuple(record.__name__, names)  # type: ignore[misc]  # noqa: PYI024
        self._make = shape._make
        # What _make does, but for its count of the values: that the Struct and the dtype see to.
        self._made_of: Any = partial(tuple.__new__, shape)
        assert self._struct.size == record.dtype.itemsize, record.__name__

    def unpack(self, data: bytes | memoryview) -> list[R]:
        """Read whole records."""
        return list(map(self._made_of, self._struct.iter_unpack(data)))

    def from_rows(self, rows: Rows) -> list[R]:
        """Read numpy rows of this record, also with texts as words (`kernel_dtype`)."""
        return list(map(self._made_of, rows.view(self._record.dtype).tolist()))

    def from_row(self, row: Rows) -> R:
        """Read one numpy row."""
        return self.from_rows(np.array([row], row.dtype))[0]

    def make(self, values: Iterable[tuple[str, Any]]) -> R:
        """Make one from some of its fields; the others are 0 or empty."""
        return cast("R", self._make({**self._blank, **dict(values)}.values()))

    def pack(self, fields: dict[str, int | bytes]) -> bytes:
        """Write one record from some of its fields; the others are 0 or empty.

        Raises: struct.error when a value does not fit its field.
        """
        values = self._blank.copy()
        values.update(fields)
        assert len(values) == len(self._blank), f"unknown field among {sorted(fields)}"
        return self._struct.pack(*values.values())


def offset_of(record: type[Record], field: str) -> int:
    """Return where a field lies in the bytes of a record."""
    return int(record.dtype.fields[field][1])  # type: ignore[index]


def reader_of(record: type[Record], *names: str) -> struct.Struct:
    """Make what reads some fields of whole records and skips the others; in the record's own order."""
    assert {*names} <= {name for name, _ in record.fields}, f"unknown field among {names}"
    codes = (
        _CODES[width.str] if name in names else f"{width.itemsize}x"
        for name, width in record.fields
    )
    return struct.Struct("<" + "".join(codes))
