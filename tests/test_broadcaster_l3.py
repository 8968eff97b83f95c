"""The order-by-order feed: who keeps a book by docs/l3.md has the exchange's queues."""

import json
from typing import Any

import numpy as np
import pytest

from broadcaster.encode import MILLISECOND, text_of
from broadcaster.l3 import Orders
from broadcaster.messages import Message
from matcher.core.kernel import INTERPRETED
from protocol.board import QueuedOrder
from protocol.board_reads import Board, QueueView
from protocol.layout import Rows
from protocol.names import Asset, Instrument
from protocol.terms import EventFlag, Side
from tests.command_stream import CommandStream
from tests.desk import apply_all
from tests.engines import core
from tests.l3_book import L3Book

SEEDS = range(2 if INTERPRETED else 4)
CHUNKS = 24
DECIMALS = 2


class House:
    """A made-up exchange, the feed, and a client of every instrument."""

    def __init__(self, seed: int) -> None:
        self.stream = CommandStream(seed)
        self.commands, self.rows = self.stream.next_chunk()
        venue = self.stream.reference.venue
        self.assets = Asset(0, "A", 8), Asset(1, "B", 8)
        self.books = {
            f"i{one.number}@orders": L3Book(lambda number=one.number: self.snapshot(number))
            for one in venue.instruments
        }
        self.feed = Orders(self.instruments, Everything())

    def instruments(self) -> list[Instrument]:
        count = len(self.stream.reference.venue.instruments)
        return [
            Instrument(number, f"I{number}", *self.assets, DECIMALS, DECIMALS)
            for number in range(count)
        ]

    def queues(self, number: int) -> QueueView:
        """The slow exchange's queues as a snapshot of the board."""
        book = self.stream.reference.venue.instruments[number].book
        sides = [
            [
                (order.order_id, order.price, order.visible_qty, order.display_qty > 0, 0)
                for _, queue in book.levels(side)
                for order in queue
            ]
            for side in (Side.BUY, Side.SELL)
        ]
        bids, asks = (np.array(side, QueuedOrder.dtype) for side in sides)
        return QueueView(book.update_id, 0, bids, asks)

    def snapshot(self, number: int) -> dict[str, Any]:
        """What `GET /api/v3/l3` would answer."""
        view, instrument = self.queues(number), self.instruments()[number]
        return {
            "lastUpdateId": view.update_id,
            **{
                name: [
                    [order_id, instrument.price(price), instrument.qty(qty)]
                    for order_id, price, qty, *_ in side.tolist()
                ]
                for name, side in (("bids", view.bids), ("asks", view.asks))
            },
        }

    def step(self) -> Rows:
        """Let the market go on; return what happened."""
        self.commands, rows = self.stream.next_chunk()
        self._add_books()
        return rows

    def hear(self, messages: list[Message]) -> None:
        """Let the clients hear what is told, as they do."""
        for stream, body in messages:
            told = json.loads(text_of(body, MILLISECOND))
            assert not {"account", "a"} & told.keys()
            self.books[stream].take(told)

    def begin(self) -> None:
        """Bring the snapshots that the feed needs."""
        for number in self.feed.needs():
            self.hear(self.feed.load(number, self.queues(number), 1))

    def check(self) -> None:
        """Compare every client's queues with the exchange's."""
        for number in range(len(self.instruments())):
            book, true = self.books[f"i{number}@orders"], self.snapshot(number)
            assert book.last_id == true["lastUpdateId"]
            for side, name in (("BUY", "bids"), ("SELL", "asks")):
                assert [list(order) for order in book.side(side)] == true[name]

    def _add_books(self) -> None:
        for number in range(len(self.instruments())):
            name = f"i{number}@orders"
            if name not in self.books:
                self.books[name] = L3Book(lambda number=number: self.snapshot(number))


class Everything:
    def __contains__(self, stream: object) -> bool:
        return True


@pytest.mark.property
@pytest.mark.parametrize("seed", SEEDS)
def test_queues_rebuilt_from_the_feed_are_the_exchanges_at_every_moment(seed):
    house = House(seed)
    house.begin()
    snapshots = {name: book.snapshots for name, book in house.books.items()}
    for _ in range(CHUNKS):
        house.hear(house.feed.take(house.step(), 1))
        house.begin()
        house.check()
    assert {name: house.books[name].snapshots for name in snapshots} == snapshots
    assert sum(book.last_id for book in house.books.values()) > CHUNKS


@pytest.mark.property
@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_broadcaster_and_lost_events_cost_a_snapshot_and_nothing_else(seed):
    house = House(seed)
    for turn in range(CHUNKS):
        match turn % 4:
            case 0:
                # Another process: it knows nothing, and the client connects to it.
                house.feed = Orders(house.instruments, Everything())
                house.begin()
            case 1:
                house.step()
                house.feed.lost()
                house.begin()
            case 2:
                # Events come while the snapshot is waited for: it holds some of them already.
                house.feed.lost()
                numbers = house.feed.needs()
                house.hear(house.feed.take(house.step(), 1))
                views = {number: house.queues(number) for number in numbers}
                house.hear(house.feed.take(house.step(), 1))
                for number in numbers:
                    house.hear(house.feed.load(number, views[number], 1))
            case _:
                house.hear(house.feed.take(house.step(), 1))
        house.begin()
        house.check()


@pytest.mark.property
@pytest.mark.parametrize("seed", SEEDS)
def test_the_compiled_core_publishes_the_queues_of_the_slow_exchange(seed):
    house = House(seed)
    engine = core(house.stream.world.capacities)
    apply_all(engine, house.commands)
    board = Board(lambda: engine.blocks)
    for _ in range(CHUNKS):
        house.step()
        apply_all(engine, house.commands)
        for number in range(len(house.instruments())):
            engine.publish_queues(number)
            view, true = board.queues(number), house.queues(number)
            assert view is not None
            assert view.update_id == true.update_id
            assert view.bids.tolist() == true.bids.tolist()
            assert view.asks.tolist() == true.asks.tolist()


def test_what_nobody_listens_to_is_not_followed():
    listeners = {"i0@orders"}
    house = House(0)
    feed = Orders(house.instruments, listeners)
    assert feed.needs() == [0]
    feed.load(0, house.queues(0), 1)
    assert feed.current("i0@orders", 1) is not None
    assert feed.current("i0@trade", 1) is None
    listeners.clear()
    assert feed.take(house.step(), 1) == []
    assert feed.current("i0@orders", 1) is None


def test_a_snapshot_that_takes_too_long_is_asked_for_anew():
    house = House(0)
    feed = Orders(house.instruments, Everything())
    numbers = feed.needs()
    rows = np.zeros(60_000, house.rows.dtype)
    rows["flags"] = EventFlag.LEVEL
    feed.take(rows, 1)
    assert feed.load(0, house.queues(0), 1) == []
    assert feed.needs() == numbers
