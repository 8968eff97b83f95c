"""Compare the database with the journal's events, row by row and value by value.

The comparison is pure (`compare`); `load` reads a table in one piece, as binary COPY out of a query that
gives texts a fixed width, so that a million rows take seconds. Everything is read in one
transaction that sees one instant, the one of the watermark it finds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from protocol.layout import Rows
from writer import tables
from writer.books import COMPARED, Books, in_key_order
from writer.candles import Candle
from writer.copy import HEAD, clean_texts
from writer.project import whole_commands
from writer.store import Connection, Watermark
from writer.tables import WIDTHS, Column, Table

_TOLD = 5
_NEVER_ADDED = {"accounts": "account = 0"}
"""Rows that the schema itself puts in."""


@dataclass(frozen=True)
class Difference:
    """One row that is not as it must be: None on the side where it is not at all."""

    table: str
    key: tuple[object, ...]
    expected: dict[str, object] | None
    found: dict[str, object] | None

    def __str__(self) -> str:
        """Say it in one line."""
        if self.found is None:
            return f"{self.table} {self.key}: missing, expected {self.expected}"
        if self.expected is None:
            return f"{self.table} {self.key}: not in the journal, found {self.found}"
        return f"{self.table} {self.key}: expected {self.expected}, found {self.found}"


@dataclass(frozen=True)
class Report:
    """What a reconciliation found; `differences` tells the first few of each table."""

    watermark: Watermark
    checked: dict[str, int]
    different: dict[str, int]
    differences: list[Difference]

    @property
    def agrees(self) -> bool:
        """Whether the database holds exactly what the journal says."""
        return not self.different


def reconcile(connection: Connection, events: Iterable[Rows]) -> Report:
    """Compare the database with the events of a full replay; those above its watermark are left out.

    `events` are Event rows in order from event 1 on, cut anywhere. The watermark itself is compared too.
    Raises: the database's own errors.
    """
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        row = connection.execute("select seq, event_seq from watermark").fetchone()
        assert row is not None, "the watermark has no row"
        watermark = Watermark(*row)
        books = books_of(events, watermark.event_seq)
        checked: dict[str, int] = {}
        different: dict[str, int] = {}
        told: list[Difference] = []
        for table in COMPARED:
            expected, found = books.rows(table), load(connection, table)
            _clean(table, expected)
            checked[table.name] = len(found)
            _note(compare(table, expected, found), different, told)
        for name in tables.CANDLES:
            rows = _load_candles(connection, name)
            checked[name] = len(rows)
            _note(_compare_candles(name, books.candles(name), rows), different, told)
        _note(_compare_accounts(connection, books), different, told)
    reached = Watermark(books.seq, books.event_seq)
    if reached != watermark:
        _note(
            [Difference("watermark", (), reached._asdict(), watermark._asdict())], different, told
        )
    return Report(watermark, checked, different, told)


def books_of(events: Iterable[Rows], last_event_seq: int) -> Books:
    """Return what the tables must hold after event `last_event_seq`, or the last one there is."""
    books = Books()
    pending: Rows | None = None
    for rows in events:
        rows = rows[rows["event_seq"] <= last_event_seq]
        pending = rows if pending is None else np.concatenate([pending, rows])
        count = whole_commands(pending)
        if count:
            books.add(pending[:count])
            pending = pending[count:]
    return books


def compare(table: Table, expected: Rows, found: Rows) -> list[Difference]:
    """Return every row that is missing, not expected, or has other values. Both in key order."""
    if len(expected) == len(found) and bool((expected == found).all()):
        return []
    names = table.names()
    key_places = [names.index(name) for name in table.key]
    wanted = {tuple(row[place] for place in key_places): row for row in expected.tolist()}
    there = {tuple(row[place] for place in key_places): row for row in found.tolist()}
    differences = []
    for key in sorted(wanted.keys() | there.keys()):
        ours, theirs = wanted.get(key), there.get(key)
        if ours != theirs:
            differences.append(_difference(table.name, key, names, ours, theirs))
    return differences


def load(connection: Connection, table: Table) -> Rows:
    """Read a table in key order. Cost: one scan and one copy of its rows."""
    fields: list[tuple[str, np.dtype[np.generic]]] = [("count", np.dtype(">i2"))]
    for column in table.columns:
        fields += [(f"length of {column.name}", np.dtype(">i4")), (column.name, _wire(column))]
    wire = np.dtype(fields)
    columns = ", ".join(_fixed_width(column) for column in table.columns)
    but = f"where not {_NEVER_ADDED[table.name]}" if table.name in _NEVER_ADDED else ""
    query = f"copy (select {columns} from {table.name} {but}) to stdout (format binary)"  # noqa: S608
    with connection.cursor() as cursor, cursor.copy(query.encode()) as copy:
        raw = b"".join(bytes(piece) for piece in copy)
    count, rest = divmod(len(raw) - len(HEAD) - 2, wire.itemsize)
    assert rest == 0, f"{table.name} has columns of other types than declared"
    read = np.frombuffer(raw, wire, count, len(HEAD))
    rows = np.zeros(count, table.dtype)
    for name in table.names():
        rows[name] = read[name]
    return in_key_order(table, rows)


def _fixed_width(column: Column) -> str:
    if column.kind != "text":
        return column.name
    width = WIDTHS["text"].itemsize
    zeros = "\\x" + "00" * width
    return f"substring(convert_to({column.name}, 'UTF8') || '{zeros}'::bytea for {width})"


def _wire(column: Column) -> np.dtype[np.generic]:
    return WIDTHS[column.kind].newbyteorder(">")


def _clean(table: Table, rows: Rows) -> None:
    for column in table.columns:
        if column.kind == "text":
            rows[column.name] = clean_texts(rows[column.name])[0]


def _load_candles(connection: Connection, name: str) -> list[Candle]:
    columns = ", ".join(Candle._fields)
    query = f"select {columns} from {name}"  # noqa: S608
    return [Candle(*map(int, row)) for row in connection.execute(query.encode()).fetchall()]


def _compare_candles(name: str, expected: list[Candle], found: list[Candle]) -> list[Difference]:
    wanted = {(one.instrument, one.open_ns): one for one in expected}
    there = {(one.instrument, one.open_ns): one for one in found}
    names = list(Candle._fields)
    return [
        _difference(name, key, names, wanted.get(key), there.get(key))
        for key in sorted(wanted.keys() | there.keys())
        if wanted.get(key) != there.get(key)
    ]


def _compare_accounts(connection: Connection, books: Books) -> list[Difference]:
    columns = ", ".join(tables.ACCOUNT_TERMS)
    query = f"select account, {columns} from accounts order by account"  # noqa: S608
    differences = []
    for account, *values in connection.execute(query.encode()).fetchall():
        wanted = [
            books.account_terms.get(account, {}).get(name, 0) for name in tables.ACCOUNT_TERMS
        ]
        if wanted != values:
            names = list(tables.ACCOUNT_TERMS)
            differences.append(
                _difference("accounts", (account,), names, tuple(wanted), tuple(values))
            )
    return differences


def _difference(
    table: str,
    key: tuple[object, ...],
    names: list[str],
    expected: tuple[object, ...] | None,
    found: tuple[object, ...] | None,
) -> Difference:
    """Name only the columns that differ, when the row is on both sides."""

    def told(
        ours: tuple[object, ...] | None, other: tuple[object, ...] | None
    ) -> dict[str, object] | None:
        if ours is None:
            return None
        return {
            name: ours[place]
            for place, name in enumerate(names)
            if other is None or ours[place] != other[place]
        }

    return Difference(table, key, told(expected, found), told(found, expected))


def _note(found: list[Difference], different: dict[str, int], told: list[Difference]) -> None:
    if found:
        name = found[0].table
        different[name] = different.get(name, 0) + len(found)
        told += found[:_TOLD]
