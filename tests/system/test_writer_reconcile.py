"""The database beside the journal's events: a whole story in batches, then every kind of damage."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from protocol.layout import Rows
from tests.test_writer_books import lived
from writer import tables
from writer.ledger import Holdings
from writer.migrate import migrate
from writer.project import project, whole_commands
from writer.reconcile import COMPARED, reconcile
from writer.store import Connection, Store, connect

pytestmark = pytest.mark.system


def write(store: Store, events: Rows, cuts: list[int]) -> None:
    """Write the events in batches that end at about these cuts."""
    holdings, done = Holdings(), 0
    for cut in [*sorted(cuts), len(events)]:
        count = whole_commands(events[done:cut])
        if count:
            store.write(project(events[done : done + count], holdings))
            done += count


@pytest.fixture(scope="module")
def events() -> Rows:
    """The events of a story."""
    return lived(5, 800)[1]


@pytest.fixture
def connection(database: str, events: Rows) -> Iterator[Connection]:
    """A database that holds the story."""
    with connect(database, 30) as made:
        migrate(made)
        cuts = np.random.default_rng(5).integers(0, len(events), 60).tolist()
        write(Store(made), events, cuts)
        yield made


def test_a_story_written_in_batches_stands_row_by_row(connection: Connection, events: Rows) -> None:
    report = reconcile(connection, np.array_split(events, 17))
    assert report.differences == []
    assert report.agrees
    assert report.watermark.event_seq == len(events)
    assert all(report.checked[table.name] > 0 for table in COMPARED)


def test_money_in_the_database_is_conserved(connection: Connection, events: Rows) -> None:
    query = (
        "select asset, sum(free + locked), (select sum(amount) from transfers where asset = b.asset) "
        "from balances b group by asset order by asset"
    )
    rows = connection.execute(query.encode()).fetchall()
    assert len(rows) == 3
    assert all(held == transferred for _, held, transferred in rows)


def test_events_above_the_watermark_are_left_out(connection: Connection, events: Rows) -> None:
    more = events[-1:].copy()
    more["event_seq"] += 1
    more["seq"] += 1
    assert reconcile(connection, [events, more]).agrees


def test_a_journal_that_ends_before_the_watermark_is_told(
    connection: Connection, events: Rows
) -> None:
    count = whole_commands(events[:-50])
    report = reconcile(connection, [events[:count]])
    assert "watermark" in report.different


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        ("update orders set cum_qty = cum_qty + 1 where order_id = 3", "orders (3,): expected {'cum_qty': "),
        ("update orders set cl_ord_id = 'x' where order_id = 3", "orders (3,): expected {'cl_ord_id': "),
        ("delete from orders where order_id = 4", "orders (4,): missing"),
        ("update balances set free = free + 1 where account = 0 and asset = 2", "balances (0, 2): "),
        ("delete from ledger where event_seq = (select max(event_seq) from ledger)", "missing, expected"),
        ("update trades set price = price + 1 where trade_id = 100000003 and instrument = 0", "trades (0, 100000003): "),
        ("insert into transfers values (999999, 1, 1, 1, 1, 'gift')", "not in the journal, found"),
        ("update klines_1m set qty = qty + 1", "klines_1m"),
        ("update accounts set fee_tier = 9 where account = 1", "accounts (1,): "),
        ("update watermark set seq = seq - 1", "watermark"),
    ],
)  # fmt: skip
def test_every_damage_is_named(
    connection: Connection, events: Rows, damage: str, told: str
) -> None:
    assert connection.execute(damage.encode()).rowcount > 0
    report = reconcile(connection, [events])
    assert not report.agrees
    assert any(told in str(difference) for difference in report.differences)


def test_tables_that_differ_are_counted_and_only_some_rows_told(
    connection: Connection, events: Rows
) -> None:
    done = connection.execute(b"update trades set qty = qty + 1")
    report = reconcile(connection, [events])
    assert report.different == {"trades": done.rowcount}
    assert len(report.differences) == 5
    assert report.checked["trades"] == done.rowcount


def test_what_is_declared_covers_every_projected_table() -> None:
    assert {table.name for table in COMPARED} == {table.name for table in tables.TABLES}


def test_the_questions_in_the_document_have_answers(connection: Connection) -> None:
    text = (Path(__file__).parents[2] / "docs" / "database.md").read_text()
    (block,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    block = block.replace("'alice'", "'trader 1'").replace("'BTCUSDT'", "'PAIR0'")
    answers = [
        connection.execute(one.encode()).fetchall() for one in block.split(";") if one.strip()
    ]
    assert len(answers) >= 3
    assert all(answers)
