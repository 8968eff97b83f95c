"""Best prices that change while listeners come and go: who came last knows the last ones."""

from protocol.terms import Side
from tests.market_events import FedFeed, HandMarket

NOW_NS = 1_800_000_000_000_000_000
STREAM = "btcusdt@bookTicker"


class Listened:
    """A feed, the streams that somebody listens to, and a best bid that moves."""

    def __init__(self, *wanted: str) -> None:
        self.wanted = set(wanted)
        self.market = HandMarket()
        self.feed = FedFeed(self.market, self.wanted)
        self.feed.learn()

    def best_bid(self, qty: int) -> None:
        with self.market.command():
            self.market.level(Side.BUY, 100, qty)
        self.feed.take(self.market.rows(), NOW_NS)

    def told(self) -> list[tuple[int, int]]:
        return [message.body.bid for message in self.feed.quotes(NOW_NS)]


def test_prices_that_come_back_are_told_to_who_came_in_between():
    book = Listened(STREAM)
    book.best_bid(5)
    assert book.told() == [(100, 5)]
    book.wanted.clear()
    book.best_bid(6)
    assert book.told() == []
    book.wanted.add(STREAM)
    book.best_bid(5)
    assert book.told() == [(100, 5)]


def test_prices_that_were_told_on_demand_and_are_gone_again_are_told():
    book = Listened(STREAM)
    book.best_bid(5)
    assert book.told() == [(100, 5)]
    # The depth of shared memory is ahead of the events: somebody new is told what no tick tells.
    book.best_bid(6)
    assert book.feed.current(STREAM).bid == (100, 6)
    book.best_bid(5)
    assert book.told() == [(100, 5)]
