"""The tables after a whole story, against the exchange that lived it and against plain loops."""

import numpy as np
import pytest

from protocol.layout import Rows
from protocol.terms import EventKind, OrdStatus
from tests.market_story import ACCOUNTS, Story
from tests.reference import Capacities, Reference
from writer import tables
from writer.books import COMPARED, Books
from writer.ledger import ORDER_KINDS
from writer.project import whole_commands

SEEDS = (1, 2, 3)


def lived(seed: int, count: int = 1200) -> tuple[Reference, Rows]:
    """A reference after a story, and all events of it."""
    story, exchange = Story(seed), Reference(Capacities())
    told = [exchange.apply(story.opening())[0]]
    told += [exchange.apply(story.portion(100))[0] for _ in range(count // 100)]
    events: Rows = np.concatenate(told)
    events["event_seq"] = np.arange(1, len(events) + 1)
    return exchange, events


def books_of(events: Rows, cuts: list[int]) -> Books:
    """The books of the events, taken in at these cuts (moved to the ends of commands)."""
    books, pending = Books(), events[:0]
    for part in np.split(events, sorted(cuts)):
        pending = np.concatenate([pending, part])
        count = whole_commands(pending)
        if count:
            books.add(pending[:count])
            pending = pending[count:]
    assert len(pending) == 0
    return books


@pytest.mark.parametrize("seed", SEEDS)
def test_balances_are_those_of_the_exchange_fee_account_included(seed: int) -> None:
    exchange, events = lived(seed)
    rows = books_of(events, []).rows(tables.BALANCES)
    found = {(row["account"], row["asset"]): (row["free"], row["locked"]) for row in rows}
    for account in range(ACCOUNTS):
        for asset in range(3):
            assert found.get((account, asset), (0, 0)) == exchange.balance(account, asset)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_ledger_adds_up_to_the_balances_and_to_what_came_in_and_went_out(seed: int) -> None:
    books = books_of(lived(seed)[1], [])
    ledger, balances = books.rows(tables.LEDGER), books.rows(tables.BALANCES)
    for row in balances:
        mine = ledger[(ledger["account"] == row["account"]) & (ledger["asset"] == row["asset"])]
        assert (mine["free_delta"].sum(), mine["locked_delta"].sum()) == (
            row["free"],
            row["locked"],
        )
    moved = np.isin(ledger["kind"], (EventKind.DEPOSITED, EventKind.WITHDRAWN))
    for asset in range(3):
        inside = ledger[(ledger["asset"] == asset) & ~moved]
        assert int((inside["free_delta"] + inside["locked_delta"]).sum()) == 0
        transfers = books.rows(tables.TRANSFERS)
        held = balances[balances["asset"] == asset]
        total = int(transfers["amount"][transfers["asset"] == asset].sum())
        assert total == int((held["free"] + held["locked"]).sum()) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_deltas_of_every_command_add_up_to_nothing(seed: int) -> None:
    ledger = books_of(lived(seed)[1], []).rows(tables.LEDGER)
    inside = ledger[~np.isin(ledger["kind"], (EventKind.DEPOSITED, EventKind.WITHDRAWN))]
    sums: dict[tuple[int, int], int] = {}
    for row in inside:
        key = (int(row["seq"]), int(row["asset"]))
        sums[key] = sums.get(key, 0) + int(row["free_delta"]) + int(row["locked_delta"])
    assert len(sums) > 100
    assert set(sums.values()) == {0}


@pytest.mark.parametrize("seed", SEEDS)
def test_an_order_stands_as_its_last_event_says(seed: int) -> None:
    _, events = lived(seed)
    last = {int(one["order_id"]): one for one in events if one["kind"] in ORDER_KINDS}
    rows = books_of(events, list(range(0, len(events), 37))).rows(tables.ORDERS)
    assert rows["order_id"].tolist() == sorted(last) == list(range(1, len(last) + 1))
    for row in rows:
        event = last[int(row["order_id"])]
        for column in tables.ORDERS.columns:
            if column.source:
                assert row[column.name] == event[column.source], column.name
    assert set(rows["ord_status"].tolist()) >= {
        OrdStatus.NEW, OrdStatus.FILLED, OrdStatus.CANCELED, OrdStatus.EXPIRED, OrdStatus.EXPIRED_IN_MATCH,
    }  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_quantities_and_money_of_an_order_are_those_of_its_trades(seed: int) -> None:
    books = books_of(lived(seed)[1], [])
    done: dict[int, int] = {}
    for trade in books.rows(tables.TRADES):
        for side in ("maker", "taker"):
            order_id = int(trade[f"{side}_order_id"])
            done[order_id] = done.get(order_id, 0) + int(trade["qty"])
    for order in books.rows(tables.ORDERS):
        assert order["cum_qty"] == done.get(int(order["order_id"]), 0)


@pytest.mark.parametrize("seed", SEEDS)
def test_how_the_stream_is_cut_changes_no_table(seed: int) -> None:
    _, events = lived(seed)
    random = np.random.default_rng(seed)
    whole = books_of(events, [])
    for cuts in (list(range(len(events))), random.integers(0, len(events), 40).tolist()):
        books = books_of(events, cuts)
        for table in COMPARED:
            assert books.rows(table).tolist() == whole.rows(table).tolist(), table.name
        for name in tables.CANDLES:
            assert books.candles(name) == whole.candles(name)
        assert books.account_terms == whole.account_terms
        assert (books.seq, books.event_seq) == (whole.seq, whole.event_seq)


def test_the_story_has_rows_for_every_table() -> None:
    books = books_of(lived(1)[1], [])
    assert [table.name for table in COMPARED if not len(books.rows(table))] == []
    assert all(books.candles(name) for name in tables.CANDLES)
