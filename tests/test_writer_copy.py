"""The bytes of binary COPY and of binary arrays, against a plain loop that writes them."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.layout import Rows
from writer.copy import ARRAY_OIDS, HEAD, CopyEncoder, as_text, binary_array, clean_texts
from writer.tables import AMENDMENTS, APPENDED, WIDTHS, Column, Table

_CODES = {"bigint": "q", "integer": "i", "smallint": "h", "boolean": "?"}


def plainly(table: Table, rows: Rows) -> bytes:
    """The same COPY, value by value."""
    out = [HEAD]
    for row in rows:
        out.append(struct.pack(">h", len(table.columns)))
        for column in table.columns:
            value = row[column.name]
            if column.kind == "text":
                raw = as_text(bytes(value)).encode()
            else:
                raw = struct.pack(f">{_CODES[column.kind]}", value.item())
            out.append(struct.pack(">i", len(raw)) + raw)
    return b"".join(out)


def filled(table: Table, count: int, seed: int) -> Rows:
    """Rows with random values, ids of every length among the texts."""
    random = np.random.default_rng(seed)
    rows = np.zeros(count, table.dtype)
    for column in table.columns:
        if column.kind == "text":
            rows[column.name] = [b"x" * int(n) for n in random.integers(0, 41, count)]
        elif column.kind == "boolean":
            rows[column.name] = random.integers(0, 2, count)
        else:
            limits = np.iinfo(WIDTHS[column.kind])
            rows[column.name] = random.integers(limits.min, limits.max, count)
    return rows


@pytest.mark.parametrize("table", APPENDED, ids=lambda table: table.name)
def test_every_table_is_encoded_as_a_plain_loop_would(table: Table) -> None:
    rows = filled(table, 50, 1)
    assert bytes(CopyEncoder(table.columns).encode(rows)) == plainly(table, rows)


def test_an_encoder_is_used_again_with_more_and_with_fewer_rows() -> None:
    for table in (AMENDMENTS, APPENDED[1]):
        encoder = CopyEncoder(table.columns)
        for count in (3, 5000, 1, 0, 2000):
            rows = filled(table, count, count)
            assert bytes(encoder.encode(rows)) == plainly(table, rows)


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_become_a_text_that_the_database_takes(raw: list[bytes]) -> None:
    texts = np.array(raw, "S40")
    cleaned, lengths = clean_texts(texts)
    for given_text, text, length in zip(
        texts.tolist(), cleaned.tolist(), lengths.tolist(), strict=True
    ):
        assert text.decode() == as_text(given_text)
        assert len(text) == length <= 40
        assert b"\0" not in text


def test_plain_and_foreign_letters_stay_as_they_are() -> None:
    texts = np.array([b"", b"abc", "Zoë".encode(), "株".encode() * 13], "S40")
    assert clean_texts(texts)[0].tolist() == texts.tolist()


@pytest.mark.parametrize("kind", list(ARRAY_OIDS))
@pytest.mark.parametrize("count", [1, 3])
def test_an_array_has_its_head_and_big_endian_values(kind: str, count: int) -> None:
    values = filled(Table("t", (Column("v", kind),), ()), count, 7)["v"]
    raw = binary_array(kind, values)
    assert struct.unpack_from(">iiiii", raw) == (1, 0, ARRAY_OIDS[kind][1], count, 1)
    width = WIDTHS[kind].itemsize
    for index in range(count):
        at = 20 + index * (4 + width)
        assert struct.unpack_from(f">i{_CODES[kind]}", raw, at) == (width, values[index].item())
    assert len(raw) == 20 + count * (4 + width)


def test_an_empty_array_has_no_dimension() -> None:
    assert binary_array("bigint", np.zeros(0, "<i8")) == struct.pack(">iii", 0, 0, 20)
