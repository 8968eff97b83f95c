r"""Rows per second into PostgreSQL, beside `psql \copy` of the same rows into the same tables.

The server is the embedded one with the settings it runs with, on a disk that syncs. Every subject
writes as the writer does: batches, each a transaction that also moves the watermark. The yardstick is
one binary COPY of a file made beforehand, in one transaction: what no writer can beat by much.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import writer_flow
from benchmarks.report import Report, Row, compare, spread
from protocol.layout import Rows
from runtime import endpoints
from runtime.postgres import STOP_SIGNAL, EmbeddedPostgres
from writer import statements, tables
from writer.copy import TAIL, CopyEncoder
from writer.migrate import migrate
from writer.project import Batch, project
from writer.store import Connection, Store, connect
from writer.tables import ORDERS, TRADES, Table

ROUNDS = 100_000
"""Trades of the measured stream; twice as many orders, four times as many events."""
PRODUCTION_BATCH = 20_000
_ROW_BATCHES = (100, 1_000, 10_000)
_TIMEOUT_S = 300.0
_NO_INDEXES = b"drop index trades_by_agg_trade, trades_by_maker, trades_by_taker"
_EMPTY = b"truncate orders, trades, ledger, balances, klines_1s, klines_1m, klines_1h"


def run(runs: int) -> Report:
    """Measure and return the report."""
    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedPostgres(Path(folder), endpoints.run_dir(Path(folder)))
        server.prepare()
        argv, environ = server.command()
        child = subprocess.Popen(argv, env=environ, stderr=subprocess.DEVNULL)
        try:
            server.wait_ready(60)
            with connect(server.dsn(), _TIMEOUT_S) as connection:
                migrate(connection)
                rows = _measure(Bench(connection, server, Path(folder)), runs)
        finally:
            child.send_signal(STOP_SIGNAL)
            child.wait()
    return Report(
        bench="writer",
        rows=rows,
        excluded="the wire, the catch-up from the journal; the trades cases also exclude the projection",
    )


class Bench:
    """The prepared stream, its rows, and the two ways to load them."""

    def __init__(self, connection: Connection, server: EmbeddedPostgres, folder: Path) -> None:
        self._connection = connection
        self._psql = [
            str(server.bin_dir / "psql"),
            "-qX",
            "-v",
            "ON_ERROR_STOP=1",
            "-1",
            "-d",
            server.dsn(),
        ]
        self._folder = folder
        self.events = writer_flow.events(ROUNDS)
        whole = project(self.events, writer_flow.holdings())
        self.rows = {table.name: whole.appended[table.name] for table in tables.APPENDED}
        for table in (ORDERS, TRADES, tables.LEDGER):
            content = bytes(CopyEncoder(table.columns).encode(self.rows[table.name]))
            self._file(table).write_bytes(content + TAIL)

    def fresh(self) -> Store:
        """Empty the tables and return a store on them."""
        self._connection.execute(_EMPTY)
        self._connection.execute(b"update watermark set seq = 0, event_seq = 0, at_ns = 0")
        self._connection.execute(b"checkpoint")
        store = Store(self._connection)
        store.make_days(np.unique(self.events["at_ns"] // tables.DAY_NS).tolist())
        return store

    def execute(self, statement: bytes) -> None:
        """Run one statement."""
        self._connection.execute(statement)

    def psql(self, *names: Table) -> float:
        """Load the files of these tables in one transaction; rows per second."""
        self.fresh()
        script = "\n".join(
            f"\\{statements.copy(table).decode().replace('stdin', repr(str(self._file(table))))}"
            for table in names
        )
        begun = time.perf_counter()
        subprocess.run(self._psql, input=script.encode(), check=True, capture_output=True)
        return sum(len(self.rows[table.name]) for table in names) / (time.perf_counter() - begun)

    def trades(self, size: int) -> float:
        """Write the trades in batches of `size`; rows per second."""
        return self._write(
            self._batches("trades", self.rows["trades"], size), len(self.rows["trades"])
        )

    def orders(self, size: int) -> float:
        """Write as many order events, half of them new orders, half changes; events per second."""
        new = self.rows["orders"]
        events = len(new) - len(new) % size
        half = size // 2
        batches = self._batches("orders", new[: events // 2], half)
        for index, batch in enumerate(batches):
            # What the batch before brought changes now, as most orders change soon after their entry.
            before = new[max(0, index - 1) * half : max(0, index - 1) * half + half].copy()
            before["ord_status"] = 4
            batches[index] = _with_changes(batch, before if index else before[:0])
        return self._write(batches, events)

    def stream(self, size: int) -> float:
        """Project and write the whole stream in batches of `size` events; rows per second."""
        store, holdings = self.fresh(), writer_flow.holdings()
        begun = time.perf_counter()
        for start in range(0, len(self.events), size):
            store.write(project(self.events[start : start + size], holdings))
        return self._count() / (time.perf_counter() - begun)

    def _count(self) -> int:
        return sum(len(self.rows[name]) for name in ("orders", "trades", "ledger"))

    def _write(self, batches: list[Batch], count: int) -> float:
        store = self.fresh()
        begun = time.perf_counter()
        for batch in batches:
            store.write(batch)
        return count / (time.perf_counter() - begun)

    def _batches(self, name: str, rows: Rows, size: int) -> list[Batch]:
        nothing = {table.name: np.zeros(0, table.dtype) for table in tables.TABLES}
        found = []
        for start in range(0, len(rows), size):
            appended = {**nothing, name: rows[start : start + size]}
            end = start + len(appended[name])
            found.append(
                Batch(
                    previous_event_seq=start, seq=end, event_seq=end, at_ns=0, appended=appended,
                    replaced=nothing, added=nothing, changed_orders=nothing["orders"],
                    renamed_orders=nothing["orders"],
                    changed_balances=nothing["balances"], account_terms=[],
                    candles={name: [] for name in tables.CANDLES}, count=size, days=[],
                )
            )  # fmt: skip
        return found

    def _file(self, table: Table) -> Path:
        return self._folder / f"{table.name}.pgcopy"


def _measure(bench: Bench, runs: int) -> list[Row]:
    found = []
    indexed = compare(lambda: bench.trades(10_000), lambda: bench.psql(TRADES), runs)
    found.append(indexed.row("trades in batches of 10,000, all indexes", "rows/s"))
    stream = compare(
        lambda: bench.stream(PRODUCTION_BATCH),
        lambda: bench.psql(ORDERS, TRADES, tables.LEDGER),
        runs,
    )
    share = len(bench.events) / sum(
        len(bench.rows[name]) for name in ("orders", "trades", "ledger")
    )
    note = f"all tables, projection included: {stream.value * share:,.0f} events/s"
    found.append(
        stream.row(f"whole stream in batches of {PRODUCTION_BATCH:,} events", "rows/s", note=note)
    )
    bench.execute(_NO_INDEXES)
    plain = 0.0
    for size in reversed(_ROW_BATCHES):
        one = compare(_trades_of(bench, size), lambda: bench.psql(TRADES), runs)
        found.append(one.row(f"trades in batches of {size:,}, primary key only", "rows/s"))
        plain = max(plain, one.yardstick)
    bench.execute(
        b"drop index orders_by_account, orders_by_cl_ord_id, orders_by_list, orders_by_created"
    )
    orders = compare(lambda: bench.orders(10_000), lambda: bench.psql(TRADES), runs)
    note = "half new, half changes; yardstick: trades, primary key only"
    found.append(
        orders.row("order events in batches of 10,000, primary key only", "events/s", note=note)
    )
    found += [_encoding(bench, table, plain, runs) for table in (TRADES, ORDERS)]
    return found


def _trades_of(bench: Bench, size: int) -> Callable[[], float]:
    return lambda: bench.trades(size)


def _encoding(bench: Bench, table: Table, psql: float, runs: int) -> Row:
    """Measure the encoder alone; its yardstick is what psql loaded into a bare table above."""
    rows, encoder = bench.rows[table.name][:10_000], CopyEncoder(table.columns)
    encoder.encode(rows)
    rates = []
    for _ in range(runs):
        begun = time.perf_counter()
        encoder.encode(rows)
        rates.append(len(rows) / (time.perf_counter() - begun))
    value = float(np.median(rates))
    return Row(
        case=f"encoding {table.name} alone, 10,000 rows",
        value=value,
        unit="rows/s",
        yardstick=psql,
        ratio=value / psql,
        runs=runs,
        spread=spread(rates),
        note="yardstick: psql, trades, primary key only",
    )


def _with_changes(batch: Batch, changed: Rows) -> Batch:
    return Batch(**{**vars(batch), "changed_orders": changed})
