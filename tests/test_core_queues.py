"""A book published order by order shows every queue as it stands, and nothing that is hidden."""

import numpy as np
import pytest

from matcher.core.engine import Engine
from protocol.board import QUEUE_SLOTS
from protocol.board_reads import Board, QueueRequests
from protocol.terms import OrdType, Side, TimeInForce
from tests.desk import Desk
from tests.engines import SMALL


@pytest.fixture
def desk():
    desk = Desk(Engine(SMALL))
    for symbol in (b"ONE", b"TWO"):
        desk.add_market(symbol=symbol, top=10_000)
    for name in ("alice", "bob"):
        desk.account(name, dict.fromkeys(range(4), 1 << 50))
    return desk


@pytest.fixture
def board(desk):
    return Board(lambda: desk.engine.blocks)


def enter(desk, who, side, price, qty, instrument=0, display=0):
    return desk.ask(
        1,
        account=desk.account(who),
        instrument=instrument,
        side=side,
        price=price,
        order_qty=qty,
        display_qty=display,
        ord_type=OrdType.LIMIT,
        time_in_force=TimeInForce.GTC,
    )[0].order_id


def queue(rows):
    return [tuple(row)[:3] for row in rows.tolist()]


def test_queues_are_told_best_level_first_and_oldest_order_first(desk, board):
    first = enter(desk, "alice", Side.BUY, 40, 5)
    best = enter(desk, "bob", Side.BUY, 42, 1)
    second = enter(desk, "bob", Side.BUY, 40, 7)
    ask = enter(desk, "alice", Side.SELL, 50, 3)
    assert desk.engine.publish_queues(0) == 4
    view = board.queues(0)
    assert queue(view.bids) == [(best, 42, 1), (first, 40, 5), (second, 40, 7)]
    assert queue(view.asks) == [(ask, 50, 3)]
    assert (view.update_id, view.seq) == (4, desk.seq)


def test_an_iceberg_shows_its_slice_and_goes_to_the_back_when_that_is_used_up(desk, board):
    berg = enter(desk, "alice", Side.SELL, 50, 100, display=10)
    plain = enter(desk, "alice", Side.SELL, 50, 4)
    desk.engine.publish_queues(0)
    assert queue(board.queues(0).asks) == [(berg, 50, 10), (plain, 50, 4)]
    assert board.queues(0).asks["iceberg"].tolist() == [1, 0]
    enter(desk, "bob", Side.BUY, 50, 10)
    desk.engine.publish_queues(0)
    assert queue(board.queues(0).asks) == [(plain, 50, 4), (berg, 50, 10)]


def test_instruments_share_the_ring_and_each_reader_finds_its_own(desk, board):
    enter(desk, "alice", Side.BUY, 40, 5)
    enter(desk, "alice", Side.BUY, 41, 6, instrument=1)
    assert board.queues(0) is None
    for instrument in (0, 1):
        desk.engine.publish_queues(instrument)
    assert board.queues(0).bids["qty"].tolist() == [5]
    assert board.queues(1).bids["qty"].tolist() == [6]
    for _ in range(QUEUE_SLOTS):
        desk.engine.publish_queues(1)
    assert board.queues(0) is None


def test_a_snapshot_answers_a_request_when_it_lags_nothing_acknowledged_before(desk, board):
    words = np.zeros(2, np.int64)
    requests = QueueRequests(board, words)
    desk.engine.publish()
    enter(desk, "alice", Side.BUY, 40, 5)
    seq = requests.ask(0)
    assert words.tolist() == [1, 0]
    assert requests.answer(0, seq) is None
    desk.engine.publish_queues(0)
    assert queue(requests.answer(0, seq).bids)[0][1:] == (40, 5)
    words[0] = 0
    desk.ask(20, account=1, asset=0, amount=1)
    # Nothing that the book shows has changed since.
    assert requests.answer(0, requests.ask(0)) is not None
    assert not words.any()


def test_a_slot_that_is_being_written_is_not_read(desk, board):
    enter(desk, "alice", Side.BUY, 40, 5)
    desk.engine.publish_queues(0)
    desk.engine.blocks["queue_heads"]["version"] += 1
    assert board.queues(0) is None
