"""Property: who keeps a book by the dialect's recipe (API section 11.2) has the exchange's book.

Whatever the market does, however its events are cut into frames, and whichever frames are lost or
come twice: the client either follows without a hole or sees the hole and starts anew, and when the
market is quiet its book is the market's.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.messages import Aggregate, BookTicker, DepthUpdate, Message, Trade
from protocol.layout import Rows
from protocol.terms import EventKind, Side
from tests.market_events import FIRST_TRADE_ID, FedFeed, HandMarket

pytestmark = pytest.mark.property

SECOND_NS = 1_000_000_000

LEVEL = st.tuples(st.just("level"), st.sampled_from(Side), st.integers(0, 9), st.integers(0, 5))
TRADE = st.tuples(st.just("trade"), st.sampled_from(Side), st.integers(1, 4))
WIRE = st.sampled_from(
    [("send",), ("lose",), ("lose_first",), ("repeat",), ("fast",), ("slow",), ("quotes",)]
)
STEPS = st.lists(st.one_of(LEVEL, LEVEL, TRADE, WIRE), min_size=10, max_size=60)


@dataclass
class Client:
    """A book kept by the recipe from one depth stream."""

    market: HandMarket
    book: dict[Side, dict[int, int]] = field(default_factory=dict)
    last_id: int = 0
    fresh: bool = True
    restarts: int = 0

    def start(self) -> None:
        view = self.market.depth(0, levels=1000)
        self.last_id = view.update_id
        self.fresh = True
        self.book = {
            side: dict(zip(rows["price"].tolist(), rows["qty"].tolist(), strict=True))
            for side, rows in ((Side.BUY, view.bids), (Side.SELL, view.asks))
        }

    def take(self, update: DepthUpdate) -> None:
        if update.last_id <= self.last_id:
            return
        if self.fresh:
            follows = update.first_id <= self.last_id + 1 <= update.last_id
        else:
            follows = update.first_id == self.last_id + 1
        if not follows:
            self.restarts += 1
            self.start()
            return
        self.fresh = False
        self.last_id = update.last_id
        for side, levels in ((Side.BUY, update.bids), (Side.SELL, update.asks)):
            for price, qty in levels:
                self.book[side][price] = qty
                if not qty:
                    del self.book[side][price]


class Play:
    """A market, the feed, a client of each depth stream, and what was heard."""

    def __init__(self) -> None:
        self.market = HandMarket()
        self.now_ns = 2 * 10**18
        self.feed = FedFeed(self.market, _Everything())
        self.feed.learn()
        self.clients = {f"btcusdt@depth{end}": Client(self.market) for end in ("", "@100ms")}
        for client in self.clients.values():
            client.start()
        self.heard: list[Message] = []
        self.lost = False
        self.last_rows = self.market.rows()

    def step(self, what: str, *facts: int) -> None:
        getattr(self, f"_{what}")(*facts)

    def quiet(self) -> None:
        """Let the wire bring one more event, and the clocks turn."""
        self._send()
        with self.market.command():
            self.market.other(EventKind.ACCOUNT_ADDED)
        self._send()
        for _ in range(2):
            self._fast()
            self._slow()
            self.now_ns += SECOND_NS

    def _level(self, side: int, step: int, qty: int) -> None:
        price = 100 - step if side == Side.BUY else 101 + step
        if self.market.books[0][Side(side)].get(price, 0) != qty:
            with self.market.command():
                self.market.level(Side(side), price, qty)

    def _trade(self, side: int, fills: int) -> None:
        maker = Side(side)
        with self.market.command():
            self.market.other(EventKind.ACCEPTED)
            for _ in range(fills):
                if book := self.market.books[0][maker]:
                    best = max(book) if maker == Side.BUY else min(book)
                    self.market.trade(maker, best, 1)

    def _send(self) -> None:
        self.last_rows = self.market.rows()
        for frame in _halves(self.last_rows):
            self._hear(self.feed.take(frame, self.now_ns))

    def _lose(self) -> None:
        self.lost = self.lost or len(self.market.rows()) > 0

    def _lose_first(self) -> None:
        first, self.last_rows = _halves(self.market.rows())
        self.lost = self.lost or len(first) > 0
        self._hear(self.feed.take(self.last_rows, self.now_ns))

    def _repeat(self) -> None:
        assert self.feed.take(self.last_rows, self.now_ns) == []

    def _fast(self) -> None:
        self._hear(self.feed.fast_windows(self.now_ns))

    def _slow(self) -> None:
        self._hear(self.feed.slow_windows(self.now_ns))

    def _quotes(self) -> None:
        self._hear(self.feed.quotes(self.now_ns))

    def _hear(self, messages: list[Message]) -> None:
        self.heard += messages
        for stream, body in messages:
            if isinstance(body, DepthUpdate):
                self.clients[stream].take(body)


class _Everything:
    def __contains__(self, stream: object) -> bool:
        return True


def _halves(rows: Rows) -> tuple[Rows, Rows]:
    """Cut rows between two commands, as the matcher does."""
    middle = len(rows) // 2
    cut = int((rows["seq"] < rows["seq"][middle]).sum()) if len(rows) else 0
    return rows[:cut], rows[cut:]


def _played(steps: list[tuple[object, ...]]) -> Play:
    play = Play()
    with play.market.command():
        play.market.other(EventKind.ASSET_ADDED)
    play.step("send")
    for what, *facts in steps:
        play.step(what, *facts)
    play.quiet()
    return play


@given(STEPS)
def test_a_client_by_the_recipe_has_the_exchanges_book(steps):
    play = _played(steps)
    for client in play.clients.values():
        assert client.book == play.market.books[0]
        assert client.last_id == play.market.update_ids[0]
        if not play.lost:
            assert client.restarts == 0


@given(STEPS)
def test_trades_are_told_once_in_order_and_their_aggregates_are_whole(steps):
    play = _played(steps)
    trades = [body.trade for _, body in play.heard if isinstance(body, Trade)]
    whole = [body.trade for _, body in play.heard if isinstance(body, Aggregate)]
    ids = [trade.trade_id for trade in trades]
    assert ids == sorted(set(ids))
    fills = {
        agg.agg_trade_id: [trade for trade in trades if trade.agg_trade_id == agg.agg_trade_id]
        for agg in whole
    }
    for agg in whole:
        assert sum(trade.qty for trade in fills[agg.agg_trade_id]) == agg.qty
        assert agg.last_trade_id - agg.first_trade_id + 1 == len(fills[agg.agg_trade_id])
    if not play.lost:
        assert ids == list(range(FIRST_TRADE_ID, play.market.trade_ids[0]))
        assert sum(map(len, fills.values())) == len(trades)


@given(STEPS)
def test_best_prices_never_go_back_and_never_cross(steps):
    play = _played([*steps, ("quotes",)])
    quotes = [
        body
        for stream, body in play.heard
        if isinstance(body, BookTicker) and stream == "btcusdt@bookTicker"
    ]
    for earlier, later in pairwise(quotes):
        assert earlier.update_id < later.update_id
    for quote in quotes:
        assert not quote.bid[1] or not quote.ask[1] or quote.bid[0] < quote.ask[0]
