"""Rows become the bytes of a binary COPY, and columns the bytes of binary arrays: no loop over rows.

A row of a binary COPY is a field count, then a length word and a value per column, all big-endian. For
columns of fixed width the count and the length words never change, so they are written once into a
buffer that is kept; a batch then costs one strided, byte-swapping copy per column. Texts are
written at their full width and the bytes behind their ends are dropped with one mask.
Everything is NOT NULL, and the types must be exactly those of the table: COPY makes no casts.
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from protocol.layout import Rows
from writer.tables import WIDTHS, Column

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TAIL = b"\xff\xff"
_ARRAY_HEAD = struct.Struct(">iiiii")
ARRAY_OIDS = {
    "bigint": (1016, 20),
    "integer": (1007, 23),
    "smallint": (1005, 21),
    "boolean": (1000, 16),
}
"""Type numbers of the array and its element, as in pg_type."""

Bytes = npt.NDArray[np.uint8]


class CopyEncoder:
    """Encodes rows that have at least the fields named by `columns`; keeps one growing buffer."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns
        fields: list[tuple[str, np.dtype[Any]]] = [("count", np.dtype(">i2"))]
        for column in columns:
            fields.append((f"length of {column.name}", np.dtype(">i4")))
            fields.append((column.name, _big_endian(column.kind)))
        self._dtype = np.dtype(fields)
        self._texts = [column.name for column in columns if column.kind == "text"]
        self._buffer = bytearray()

    def encode(self, rows: Rows) -> memoryview | bytes:
        """Return head and rows; TAIL ends the COPY. Valid until the next call."""
        out = self._template(len(rows))
        for column in self._columns:
            if column.kind == "text":
                texts, lengths = clean_texts(rows[column.name])
                out[column.name] = texts
                out[f"length of {column.name}"] = lengths
            else:
                out[column.name] = rows[column.name]
        if self._texts:
            return HEAD + self._trimmed(out)
        return memoryview(self._buffer)[: len(HEAD) + out.nbytes]

    def _template(self, count: int) -> Rows:
        size = len(HEAD) + count * self._dtype.itemsize
        if size > len(self._buffer):
            room = max(count, 1024, 2 * ((len(self._buffer) - len(HEAD)) // self._dtype.itemsize))
            self._buffer = bytearray(len(HEAD) + room * self._dtype.itemsize)
            self._buffer[: len(HEAD)] = HEAD
            whole = np.frombuffer(self._buffer, self._dtype, room, len(HEAD))
            whole["count"] = len(self._columns)
            for column in self._columns:
                whole[f"length of {column.name}"] = _big_endian(column.kind).itemsize
        return np.frombuffer(self._buffer, self._dtype, count, len(HEAD))

    def _trimmed(self, out: Rows) -> bytes:
        flat: Bytes = out.view(np.uint8).reshape(len(out), self._dtype.itemsize)
        kept = np.ones(flat.shape, np.bool_)
        for name in self._texts:
            assert self._dtype.fields is not None
            width, offset = self._dtype.fields[name][:2]
            within = np.arange(width.itemsize) < out[f"length of {name}"][:, None]
            kept[:, offset : offset + width.itemsize] = within
        return flat[kept].tobytes()


def binary_array(kind: str, values: Rows) -> bytes:
    """Return the bytes of a one-dimensional SQL array whose elements have a fixed width."""
    _, element_oid = ARRAY_OIDS[kind]
    width = _big_endian(kind)
    items = np.empty(len(values), np.dtype([("length", ">i4"), ("value", width)]))
    items["length"] = width.itemsize
    items["value"] = values
    dimensions = 1 if len(values) else 0
    head = _ARRAY_HEAD.pack(dimensions, 0, element_oid, len(values), 1)
    return (head if dimensions else head[:12]) + items.tobytes()


def clean_texts(texts: Rows) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Return texts that PostgreSQL takes, and their lengths in bytes.

    What is not UTF-8 and zero bytes become question marks: a text must never stop the writing.
    """
    texts = np.ascontiguousarray(texts)
    lengths = np.strings.str_len(texts)
    flat = texts.view(np.uint8).reshape(len(texts), texts.dtype.itemsize)
    zeros_behind = texts.dtype.itemsize - lengths
    odd = np.flatnonzero((flat >= 0x80).any(axis=1) | ((flat == 0).sum(axis=1) != zeros_behind))
    if len(odd):
        texts = texts.copy()
        for index in odd:
            texts[index] = as_text(bytes(texts[index])).encode()
        lengths = np.strings.str_len(texts)
    return texts, lengths


def as_text(raw: bytes) -> str:
    """Return what stands in the database for the bytes of a text field."""
    return raw.decode("utf-8", "replace").replace("\ufffd", "?").replace("\0", "?")


def _big_endian(kind: str) -> np.dtype[Any]:
    return WIDTHS[kind].newbyteorder(">")
