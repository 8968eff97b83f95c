"""Readers of the board see whole snapshots, and the newest, while the core runs."""

import threading
import time

import numpy as np
import pytest

from matcher.core.engine import Engine
from matcher.core.kernel import INTERPRETED
from protocol.board import DEPTH_SLOTS
from protocol.board_reads import Board
from protocol.terms import Side
from tests.desk import Desk
from tests.engines import SMALL


@pytest.fixture
def desk():
    desk = Desk(Engine(SMALL))
    desk.add_market(top=10_000)
    desk.account("alice", {0: 1 << 40, 1: 1 << 50})
    return desk


@pytest.fixture
def board(desk):
    return Board(lambda: desk.engine.blocks)


def bid(desk, price, qty, side=Side.BUY):
    alice = desk.account("alice")
    return desk.ask(
        1, account=alice, side=side, price=price, order_qty=qty, ord_type=1, time_in_force=1
    )[0]


def levels(rows):
    return [tuple(row) for row in rows.tolist()]


def test_the_published_depth_is_the_book_best_first(desk, board):
    for price, qty in [(40, 1), (42, 5), (41, 2), (42, 7)]:
        bid(desk, price, qty)
    for price in (60, 50):
        bid(desk, price, 3, Side.SELL)
    desk.engine.publish()
    seen = board.depth(0)
    assert levels(seen.bids) == [(42, 12, 2), (41, 2, 1), (40, 1, 1)]
    assert levels(seen.asks) == [(50, 3, 1), (60, 3, 1)]
    assert (seen.update_id, seen.seq, seen.complete) == (6, desk.seq, True)
    row = board.instrument(0)
    assert (row["best_bid"], row["best_ask"]) == (42, 50)


def test_nothing_is_published_for_a_book_that_did_not_change(desk):
    bid(desk, 40, 1)
    desk.engine.publish()
    counts = desk.engine.blocks["depth_count"].copy()
    desk.engine.publish()
    desk.ask(20, account=1, asset=0, amount=1)
    desk.engine.publish()
    assert (desk.engine.blocks["depth_count"] == counts).all()


def test_the_ring_keeps_no_more_than_the_levels_it_was_made_for(desk, board):
    for price in range(1, 151):
        bid(desk, price, 1)
    desk.engine.publish()
    seen = board.depth(0)
    assert [row["price"] for row in seen.bids] == list(range(150, 50, -1))
    assert not seen.complete
    desk.engine.publish_deep(0)
    deep = board.deep(0)
    assert (len(deep.bids), deep.complete) == (150, True)
    desk.engine.publish_deep(0, 120)
    deep = board.deep(0)
    assert (len(deep.bids), deep.complete) == (120, False)


@pytest.mark.parametrize("wanted", [3, 70, 5_000])
def test_levels_are_found_near_and_far_and_in_full_words_of_the_bitmap(desk, board, wanted):
    bids = {1, 63, 64, 127, 130, 3_000, 4_095, *range(2_048, 2_112)}
    asks = {4_096, 4_160, 9_999, *range(8_128, 8_192), *range(5_000, 5_003)}
    for price in bids:
        bid(desk, price, 1)
    for price in asks:
        bid(desk, price, 1, Side.SELL)
    desk.engine.publish_deep(0, wanted)
    deep = board.deep(0)
    assert [row["price"] for row in deep.bids] == sorted(bids, reverse=True)[:wanted]
    assert [row["price"] for row in deep.asks] == sorted(asks)[:wanted]


def test_an_emptied_book_is_published_as_empty(desk, board):
    first = bid(desk, 40, 1)
    desk.engine.publish()
    desk.ask(2, account=first.account, order_id=first.order_id)
    desk.engine.publish()
    seen = board.depth(0)
    assert (len(seen.bids), len(seen.asks), seen.update_id) == (0, 0, 2)
    assert board.instrument(0)["best_bid"] == 0


def test_a_reader_in_the_middle_of_everything_never_sees_a_torn_snapshot(desk, board):
    """Every snapshot read is one of those that were true; account 1's money always adds up."""
    true: dict[int, tuple] = {}
    total = 1 << 40
    stop = threading.Event()
    faults: list[str] = []
    seen_ids = set()

    def read():
        while not stop.is_set():
            seen = board.depth(0)
            seen_ids.add(seen.update_id)
            account = board.account(1)
            held = int(account.orders["leaves_qty"].sum())
            balance = account.balances[0]
            if held != balance["locked"] or balance["free"] + balance["locked"] != total:
                faults.append(f"account 1 holds {held} of {balance}")
            snapshots.append((seen.update_id, levels(seen.asks)))

    snapshots: list[tuple[int, list]] = []
    desk.engine.publish()
    reader = threading.Thread(target=read)
    reader.start()
    rng = np.random.default_rng(5)
    live: list[int] = []
    true[0] = []
    # Interpreted, reader and writer take turns at one interpreter.
    turns, deadline_s = 600 if INTERPRETED else 3_000, time.monotonic() + 60
    while turns > 0 or (len(seen_ids) <= 10 and time.monotonic() < deadline_s):
        turns -= 1
        if len(live) > 30:
            desk.ask(2, account=1, order_id=live.pop(int(rng.integers(len(live)))))
        else:
            live.append(bid(desk, int(rng.integers(100, 140)), 1, Side.SELL).order_id)
        desk.engine.publish()
        book = desk.levels[0, Side.SELL]
        true[int(desk.engine.blocks["instruments"]["update_id"][0])] = [
            (price, *book[price]) for price in sorted(book)
        ]
    stop.set()
    reader.join()
    assert faults == []
    assert len(seen_ids) > 10
    for update_id, asks in snapshots:
        assert asks == true[update_id]


def test_the_versions_of_the_ring_are_even_between_commands(desk):
    for price in range(1, 3 * DEPTH_SLOTS):
        bid(desk, price, 1)
        desk.engine.publish()
    assert not (desk.engine.blocks["depth_heads"]["version"] & 1).any()
    assert not (desk.engine.blocks["accounts"]["version"] & 1).any()
