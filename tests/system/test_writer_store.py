"""Batches in a real PostgreSQL: every value comes back, the watermark goes with the rows."""

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pytest

from protocol.terms import AccountTerm, EventKind, OrdStatus, Side
from tests.event_rows import AT_NS, commands, opening, order, trade
from tests.test_writer_copy import filled
from writer import tables
from writer.ledger import Holdings
from writer.migrate import migrate
from writer.project import Batch, project
from writer.store import Fenced, Lost, Store, Watermark, connect
from writer.tables import Table

pytestmark = pytest.mark.system
DAY = tables.DAY_NS


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    """A store on an empty database with the schema."""
    connection = connect(database, 10)
    migrate(connection)
    made = Store(connection)
    yield made
    made.close()


@pytest.fixture
def reader(database: str, store: Store) -> Iterator[psycopg.Connection[Any]]:
    """Another connection to look with."""
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def batch_of(*told: list[dict[str, Any]]) -> Batch:
    return project(commands(*opening(), *told), Holdings())


def rows_of(reader: psycopg.Connection[Any], table: Table) -> list[tuple[Any, ...]]:
    columns = ", ".join(table.names())
    return reader.execute(
        f"select {columns} from {table.name} order by {', '.join(table.key)}"
    ).fetchall()


def as_values(rows: Any) -> list[tuple[Any, ...]]:
    return [
        tuple(value.decode() if isinstance(value, bytes) else value for value in row)
        for row in rows.tolist()
    ]


def test_the_declared_columns_are_those_of_the_schema(reader: psycopg.Connection[Any]) -> None:
    for table in tables.TABLES:
        found = reader.execute(
            "select column_name, data_type, is_nullable from information_schema.columns "
            "where table_name = %s and table_schema = 'public' order by ordinal_position",
            (table.name,),
        ).fetchall()
        if table is tables.ACCOUNTS:
            found = [one for one in found if one[0] not in tables.ACCOUNT_TERMS]
        assert found == [(column.name, column.kind, "NO") for column in table.columns]


def test_every_table_that_grows_with_trading_is_declared(reader: psycopg.Connection[Any]) -> None:
    found = reader.execute(
        "select table_name from information_schema.tables where table_schema = 'public'"
    ).fetchall()
    names = {name for (name,) in found if not re.search(r"_(other|\d{4}_\d\d_\d\d)$", name)}
    declared = {table.name for table in tables.TABLES} | set(tables.CANDLES)
    assert names - declared == {"watermark", "schema_version", "api_keys"}


@pytest.mark.parametrize("table", tables.APPENDED, ids=lambda table: table.name)
def test_what_is_copied_comes_back_value_by_value(
    table: Table, store: Store, reader: psycopg.Connection[Any]
) -> None:
    rows = filled(table, 300, 3)
    for number, name in enumerate(table.key):
        rows[name] = np.arange(300) if number == 0 else rows[name]
    batch = batch_of([{"kind": EventKind.PHASE_CHANGED}])
    for other in batch.appended:
        batch.appended[other] = np.zeros(0, tables.TABLES[0].dtype)
    batch.appended[table.name] = rows
    store.write(batch)
    assert rows_of(reader, table) == as_values(rows)


def test_extremes_of_every_width_survive(store: Store, reader: psycopg.Connection[Any]) -> None:
    far = {"strategy_type": (1 << 32) - 1, "price": (1 << 62), "strategy_id": -(1 << 63)}
    store.write(batch_of([order(EventKind.ACCEPTED, (1 << 53) - 1, 1, **far)]))
    query = "select strategy_type, price, strategy_id from orders where order_id = (1::bigint << 53) - 1"
    assert reader.execute(query).fetchone() == tuple(far.values())


def story() -> tuple[Batch, Batch]:
    """Two batches: orders and a trade, then changes of what the first one wrote."""
    maker = order(
        EventKind.TRADE,
        1,
        1,
        side=Side.SELL,
        cum_qty=4,
        leaves_qty=6,
        base_free=990,
        base_locked=6,
        quote_free=1399,
    )
    taker = order(
        EventKind.TRADE,
        2,
        2,
        cum_qty=4,
        leaves_qty=0,
        ord_status=OrdStatus.FILLED,
        base_free=1004,
        quote_free=600,
        fee=1,
        asset=0,
    )
    about = {"account": 1, "list_id": 1, "ord_type": 1, "order_count": 2, "cl_ord_id": "oco"}
    first = [
        [
            {"kind": EventKind.LIST_OPENED, **about},
            order(
                EventKind.ACCEPTED,
                1,
                1,
                side=Side.SELL,
                base_free=990,
                base_locked=10,
                quote_free=1000,
            ),
        ],
        [
            order(EventKind.ACCEPTED, 2, 2, base_free=1000, quote_free=600, quote_locked=400),
            *trade(maker, taker, last_px=100, last_qty=4, trade_id=1, agg_trade_id=1),
        ],
    ]
    second = [
        [{"kind": EventKind.LABELED, "account": 1, "order_id": 1, "cl_ord_id": "id-1"},
         order(EventKind.REPLACED, 1, 1, order_qty=8, leaves_qty=4, cum_qty=4, base_free=992, base_locked=4, quote_free=1399, cl_ord_id="renamed")],
        [{"kind": EventKind.LIST_DONE, **about}],
        [{"kind": EventKind.ACCOUNT_CHANGED, "account": 2, "order_count": AccountTerm.TRADE_GROUP, "order_qty": (1 << 32) - 1}],
        [order(EventKind.ACCEPTED, 3, 2, base_free=1004, quote_free=600),
         *trade({**maker, "order_qty": 8, "leaves_qty": 0, "cum_qty": 8, "cl_ord_id": "renamed"}, {**taker, "order_id": 3, "cl_ord_id": "id-3"}, last_px=90, last_qty=4, trade_id=2, agg_trade_id=2)],
    ]  # fmt: skip
    events = commands(*opening(), *first, *second)
    cut = int((events["seq"] <= len(opening()) + len(first)).sum())
    know = Holdings()
    return project(events[:cut], know), project(events[cut:], know)


def test_later_batches_change_what_earlier_ones_wrote(
    store: Store, reader: psycopg.Connection[Any]
) -> None:
    for batch in story():
        store.write(batch)
    query = "select order_id, cl_ord_id, entered_qty, order_qty, leaves_qty, cum_qty from orders order by 1"
    assert reader.execute(query).fetchall() == [
        (1, "renamed", 10, 8, 0, 8), (2, "id-2", 10, 10, 0, 4), (3, "id-3", 10, 10, 0, 4),
    ]  # fmt: skip
    assert reader.execute("select done, created_ns < updated_ns from order_lists").fetchall() == [
        (True, True)
    ]
    assert reader.execute("select trade_group from accounts where account = 2").fetchone() == (
        (1 << 32) - 1,
    )
    assert reader.execute("select orig_cl_ord_id, cl_ord_id from amendments").fetchall() == [
        ("id-1", "renamed")
    ]
    query = "select open, high, low, close, qty, quote_qty, trade_count, first_trade_id, last_trade_id from "
    for name in tables.CANDLES:
        assert reader.execute(query + name).fetchall() == [(100, 100, 90, 90, 8, 760, 2, 1, 2)]


def test_the_holdings_read_back_are_those_that_were_projected(store: Store) -> None:
    know = Holdings()
    events = commands(*opening())
    store.write(project(events, know))
    assert store.holdings() == know


def test_the_watermark_moves_with_the_rows(store: Store, reader: psycopg.Connection[Any]) -> None:
    first, second = story()
    assert store.watermark() == Watermark(0, 0)
    store.write(first)
    assert store.watermark() == Watermark(first.seq, first.event_seq)
    store.write(second)
    assert store.watermark() == Watermark(second.seq, second.event_seq)


def test_a_batch_that_was_written_cannot_be_written_again(
    store: Store, reader: psycopg.Connection[Any]
) -> None:
    first, _ = story()
    store.write(first)
    with pytest.raises(Fenced, match="not at event 0"):
        store.write(first)
    assert reader.execute("select count(*) from orders").fetchone() == (2,)
    assert store.watermark() == Watermark(first.seq, first.event_seq)


def test_of_two_writers_one_is_fenced(store: Store, database: str) -> None:
    first, second = story()
    store.write(first)
    other = Store(connect(database, 10))
    outcomes: list[str] = []

    def write(mine: Store) -> None:
        try:
            mine.write(second)
            outcomes.append("written")
        except Fenced:
            outcomes.append("fenced")

    threads = [threading.Thread(target=write, args=(mine,)) for mine in (store, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    other.close()
    assert sorted(outcomes) == ["fenced", "written"]


def test_a_batch_that_fails_leaves_nothing(store: Store, reader: psycopg.Connection[Any]) -> None:
    first, second = story()
    store.write(first)
    second.appended["trades"] = first.appended["trades"]
    with pytest.raises(psycopg.errors.UniqueViolation):
        store.write(second)
    assert store.watermark() == Watermark(first.seq, first.event_seq)
    assert reader.execute("select max(order_id) from orders").fetchone() == (2,)


def test_a_change_of_an_order_that_is_not_there_stops_the_writer(store: Store) -> None:
    _, second = story()
    second = second.__class__(**{**vars(second), "previous_event_seq": 0})
    with pytest.raises(AssertionError, match="orders changed"):
        store.write(second)
    assert store.watermark() == Watermark(0, 0)


def test_days_ahead_have_their_partitions(store: Store, reader: psycopg.Connection[Any]) -> None:
    store.write(story()[0])
    query = "select inhrelid::regclass::text from pg_inherits where inhparent = 'trades'::regclass order by 1"
    assert [name for (name,) in reader.execute(query)] == [
        "trades_2026_01_01", "trades_2026_01_02", "trades_2026_01_03", "trades_other",
    ]  # fmt: skip
    assert reader.execute("select count(*) from trades_2026_01_01").fetchone() == (1,)


def test_a_clock_that_jumps_over_many_days_stops_nothing(
    store: Store, reader: psycopg.Connection[Any]
) -> None:
    events = commands(*opening())
    events["at_ns"] = AT_NS + np.arange(len(events)) * 400 * DAY
    deposits = [
        {"kind": EventKind.DEPOSITED, "account": 1, "asset": 0, "last_qty": 1, "base_free": free,
         "at_ns": AT_NS + free * 1000 * DAY}
        for free in range(1, 40)
    ]  # fmt: skip
    store.write(project(commands(*opening(), *[[one] for one in deposits]), Holdings()))
    assert reader.execute("select count(*) from ledger").fetchone() == (43,)
    (other,) = reader.execute("select count(*) from ledger_other").fetchone() or (0,)
    assert other > 20


def test_a_day_with_rows_in_the_default_partition_keeps_them_there(
    store: Store, reader: psycopg.Connection[Any]
) -> None:
    day = (AT_NS + DAY) // DAY
    reader.execute(
        "insert into ledger select %s, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0", (day * DAY + 5,)
    )
    store.write(story()[0])
    assert reader.execute("select count(*) from ledger_other").fetchone() == (1,)
    assert reader.execute("select to_regclass('ledger_2026_01_02')").fetchone() == (None,)
    assert reader.execute("select to_regclass('trades_2026_01_02')").fetchone() != (None,)


def test_a_long_query_does_not_stop_the_writing(
    database: str, store: Store, reader: psycopg.Connection[Any]
) -> None:
    with psycopg.connect(database) as analyst:
        analyst.execute("select count(*) from trades")
        start = time.monotonic()
        store.write(story()[0])
        assert time.monotonic() - start < 5
    assert reader.execute("select count(*) from trades_other").fetchone() == (1,)
    assert reader.execute("select count(*) from trades").fetchone() == (1,)


def test_a_statement_that_takes_too_long_is_given_up(database: str, store: Store) -> None:
    impatient = Store(connect(database, 0.2))
    with psycopg.connect(database) as other:
        other.execute("lock table watermark in exclusive mode")
        start = time.monotonic()
        with pytest.raises(Lost, match="timeout"):
            impatient.write(story()[0])
        assert time.monotonic() - start < 5
    impatient.close()
    assert store.watermark() == Watermark(0, 0)


def test_a_lost_connection_says_so_and_a_new_one_finds_the_watermark(
    database: str, store: Store, reader: psycopg.Connection[Any]
) -> None:
    first, second = story()
    store.write(first)
    reader.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name = 'openbourse writer'"
    )
    with pytest.raises(Lost):
        store.write(second)
    again = Store(connect(database, 10))
    assert again.watermark() == Watermark(first.seq, first.event_seq)
    again.write(second)
    assert again.watermark() == Watermark(second.seq, second.event_seq)
    again.close()


def test_a_database_that_is_not_there_is_lost() -> None:
    with pytest.raises(Lost):
        connect("host=/nonexistent dbname=none", 1)
