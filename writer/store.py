"""The database: one transaction per batch, and the watermark that makes it exactly once.

The transaction that writes a batch also moves the watermark, and only from where the batch
begins: a second writer, or the same batch twice, finds another value and writes nothing. After
any error of the connection nobody knows whether the last COMMIT was done, so whoever catches `Lost`
connects anew and asks for the watermark. The only place in the writer that knows psycopg; its pipeline
mode is not used, for it was seen to hang on transactions of 10 MB.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from protocol.layout import Rows
from writer import statements, tables
from writer.copy import ARRAY_OIDS, TAIL, CopyEncoder, as_text, binary_array
from writer.ledger import Holdings
from writer.project import Batch
from writer.tables import Column, Table

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_TIMEOUT_S = 5
_NEW_DAYS = 8
"""Days that one batch may bring; rows of further ones go to the default partition."""
_DAYS_AHEAD = 2
_DAYS_AGAIN_S = 10.0


class Lost(Exception):
    """The database cannot be reached, or gave up on a statement: connect anew and ask again."""


class Fenced(Exception):
    """Somebody else has moved the watermark: there is another writer, or another journal."""


class Watermark(NamedTuple):
    """How far the database has come: the last command and the last event that are in it."""

    seq: int
    event_seq: int


def connect(dsn: str, statement_timeout_s: float) -> Connection:
    """Open a connection in autocommit mode, with limits on how long anything may take.

    Raises: Lost.
    """
    limit_ms = int(statement_timeout_s * 1000)
    options = (
        f"-c statement_timeout={limit_ms} -c lock_timeout={limit_ms} "
        f"-c idle_in_transaction_session_timeout={2 * limit_ms} -c timezone=UTC"
    )
    with lost_when_broken():
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="openbourse writer",
            options=options,
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
    for wrapper, dumper in _ARRAYS.values():
        connection.adapters.register_dumper(wrapper, dumper)
    return connection


class Store:
    """One connection of the writer to a database that has the schema of this code.

    Raises (every method): Lost; the database's other errors, which are bugs.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._encoders = {table.name: CopyEncoder(table.columns) for table in tables.APPENDED}
        self._days = self._found_days()
        self._days_again = 0.0

    def close(self) -> None:
        """Close the connection; a transaction in progress is rolled back."""
        self._connection.close()

    def watermark(self) -> Watermark:
        """Return how far the database has come."""
        with lost_when_broken():
            row = self._connection.execute("select seq, event_seq from watermark").fetchone()
        assert row is not None, "the watermark has no row"
        return Watermark(*row)

    def holdings(self) -> Holdings:
        """Read what the projection needs to know from before. Cost: one read of all balances."""
        found = Holdings()
        with lost_when_broken():
            for instrument, base, quote in self._connection.execute(
                "select instrument, base_asset, quote_asset from instruments"
            ):
                found.assets_of[instrument] = (base, quote)
            for row in self._connection.execute(
                "select account, asset, free, locked from balances"
            ):
                found.set_balance(*row)
        return found

    def write(self, batch: Batch) -> None:
        """Write a batch and move the watermark, both or neither.

        Raises: Fenced when the watermark is not where the batch begins; nothing was written.
        """
        with lost_when_broken():
            self.make_days(batch.days)
            with self._connection.transaction():
                self._move_watermark(batch)
                self._write_rows(batch)

    def _move_watermark(self, batch: Batch) -> None:
        values = (batch.seq, batch.event_seq, batch.at_ns, batch.previous_event_seq)
        if self._connection.execute(statements.MOVE_WATERMARK, values).rowcount != 1:
            raise Fenced(
                f"the watermark is not at event {batch.previous_event_seq}: "
                "another writer, or another exchange, uses this database"
            )

    def _write_rows(self, batch: Batch) -> None:
        for table in tables.ADDED:
            self._each_column(statements.insert(table), table.columns, batch.added[table.name])
        for table in tables.APPENDED:
            self._copy(table, batch.appended[table.name])
        self._update(tables.ORDERS, batch.changed_orders, tables.ORDER_CHANGES)
        self._update(tables.ORDERS, batch.renamed_orders, ("cl_ord_id",))
        self._update(tables.BALANCES, batch.changed_balances, tables.BALANCE_CHANGES)
        for table in tables.REPLACED:
            self._each_column(statements.replace(table), table.columns, batch.replaced[table.name])
        for column, value, account in batch.account_terms:
            self._connection.execute(statements.ACCOUNT_TERMS[column], (value, account))
        for name, parts in batch.candles.items():
            if parts:
                columns = [list(column) for column in zip(*parts, strict=True)]
                self._connection.execute(statements.add_to_candles(name), columns)

    def _copy(self, table: Table, rows: Rows) -> None:
        if len(rows):
            with self._connection.cursor() as cursor, cursor.copy(statements.copy(table)) as copy:
                copy.write(self._encoders[table.name].encode(rows))
                copy.write(TAIL)

    def _update(self, table: Table, rows: Rows, names: tuple[str, ...]) -> None:
        columns = table.only((*table.key, *names))
        known = self._each_column(statements.update(table, columns), columns, rows)
        assert known == len(rows), f"{len(rows)} {table.name} changed, of which {known} are known"

    def _each_column(self, statement: bytes, columns: tuple[Column, ...], rows: Rows) -> int:
        """Run a statement that takes one array per column; return how many rows it touched."""
        if not len(rows):
            return 0
        return self._connection.execute(statement, _values(columns, rows)).rowcount

    def _found_days(self) -> set[str]:
        with lost_when_broken():
            rows = self._connection.execute(
                "select inhrelid::regclass::text from pg_inherits "
                "where inhparent in ('trades'::regclass, 'ledger'::regclass)"
            ).fetchall()
        return {name for (name,) in rows}

    def make_days(self, days: list[int]) -> None:
        """Make the partitions of these days, and of some ahead, as far as that is possible now.

        A day that has rows in the default partition keeps them there: it gets no partition. Nor does
        one while somebody's long query holds the table; writing does not wait for readers.
        """
        wanted = {day + ahead for day in days[:_NEW_DAYS] for ahead in range(_DAYS_AHEAD + 1)}
        missing = [
            (table, day)
            for table, day in product(tables.PARTITIONED, sorted(wanted))
            if statements.day_partition(table, day) not in self._days
        ]
        if not missing or time.monotonic() < self._days_again:
            return
        try:
            for table, day in missing:
                self._make_day(table, day)
        except psycopg.errors.LockNotAvailable:
            self._days_again = time.monotonic() + _DAYS_AGAIN_S

    def _make_day(self, table: Table, day: int) -> None:
        with self._connection.transaction():
            self._connection.execute(statements.BRIEF_LOCK)
            kept = self._connection.execute(statements.in_default_partition(table, day))
            if kept.fetchone() is None:
                self._connection.execute(statements.make_day(table, day))
        self._days.add(statements.day_partition(table, day))


def _values(columns: tuple[Column, ...], rows: Rows) -> list[object]:
    found: list[object] = []
    for column in columns:
        values = rows[column.name]
        if column.kind == "text":
            found.append([as_text(text) for text in values.tolist()])
        else:
            found.append(_ARRAYS[column.kind][0](binary_array(column.kind, values)))
    return found


def _array_type(kind: str) -> tuple[type[bytes], type[Dumper]]:
    """Make a class for bytes that already are a binary array, and what passes them on unchanged."""
    oid, _ = ARRAY_OIDS[kind]
    wrapper = type(f"{kind} array", (bytes,), {})
    fields = {"format": Format.BINARY, "oid": oid, "dump": lambda _, raw: bytes(raw)}
    return wrapper, type(f"{kind} array dumper", (Dumper,), fields)


_ARRAYS = {kind: _array_type(kind) for kind in ARRAY_OIDS}


@contextmanager
def lost_when_broken() -> Iterator[None]:
    """Turn every error that a new connection may cure into Lost."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError) as error:
        raise Lost(str(error).strip() or type(error).__name__) from error
