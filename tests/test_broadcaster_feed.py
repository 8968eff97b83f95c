"""The public feed: events in, messages out."""

from collections.abc import Container

import pytest

from broadcaster.feed import Feed
from broadcaster.messages import (
    Aggregate,
    Body,
    BookTicker,
    DepthUpdate,
    Message,
    PartialDepth,
    Trade,
)
from broadcaster.tapes import Tapes
from protocol.terms import EventKind, Side
from tests.market_events import BTCUSDT, ETHUSDT, FIRST_TRADE_ID, FedFeed, HandMarket

NOW_NS = 1_800_000_000_000_000_000
BUY, SELL = Side.BUY, Side.SELL


class _Everything(Container[str]):
    def __contains__(self, stream: object) -> bool:
        return True


@pytest.fixture
def market() -> HandMarket:
    return HandMarket(instruments=2)


@pytest.fixture
def feed(market: HandMarket) -> Feed:
    return _feed(market, _Everything())


def _feed(market: HandMarket, wanted: Container[str]) -> Feed:
    feed = FedFeed(market, wanted)
    feed.learn()
    with market.command():
        market.other(EventKind.ASSET_ADDED)
    feed.take(market.rows(), NOW_NS)
    return feed


def _bodies(messages: list[Message], stream: str) -> list[Body]:
    return [body for name, body in messages if name == stream]


def _seed(market: HandMarket, feed: Feed) -> None:
    with market.command():
        market.level(BUY, 100, 5)
        market.level(SELL, 110, 7)
        market.level(SELL, 111, 9)
    feed.take(market.rows(), NOW_NS)
    _quotes(feed)
    feed.fast_windows(NOW_NS)
    feed.slow_windows(NOW_NS)


def test_a_trade_is_told_once_from_the_makers_side(market, feed):
    _seed(market, feed)
    with market.command():
        market.trade(SELL, 110, 3)
    (body,) = _bodies(feed.take(market.rows(), NOW_NS), "btcusdt@trade")
    assert isinstance(body, Trade)
    assert body.trade.trade_id == FIRST_TRADE_ID
    assert (body.trade.price, body.trade.qty) == (110, 3)
    assert body.trade.buyer_is_maker is False
    assert body.trade.at_ns == market.at_ns
    assert body.told_ns == NOW_NS


def test_the_buyer_is_maker_when_the_resting_order_was_the_buy(market, feed):
    _seed(market, feed)
    with market.command():
        market.trade(BUY, 100, 3)
    (body,) = _bodies(feed.take(market.rows(), NOW_NS), "btcusdt@trade")
    assert body.trade.buyer_is_maker is True


def test_nothing_is_told_before_it_happened(market, feed):
    _seed(market, feed)
    with market.command():
        market.trade(BUY, 100, 3)
    for _, body in feed.take(market.rows(), market.at_ns - 5):
        assert body.told_ns == market.at_ns


def test_fills_of_one_taker_at_one_price_are_one_aggregated_trade(market, feed):  # rule D-2
    _seed(market, feed)
    with market.command():
        market.trade(SELL, 110, 3)
        market.trade(SELL, 110, 4)
        market.trade(SELL, 111, 2)
    messages = feed.take(market.rows(), NOW_NS)
    assert len(_bodies(messages, "btcusdt@trade")) == 3
    first, second = _bodies(messages, "btcusdt@aggTrade")
    assert isinstance(first, Aggregate)
    assert first.trade.qty == 7
    assert (first.trade.first_trade_id, first.trade.last_trade_id) == (
        FIRST_TRADE_ID,
        FIRST_TRADE_ID + 1,
    )
    assert second.trade.agg_trade_id == first.trade.agg_trade_id + 1
    assert second.trade.price == 111


def test_trades_of_two_instruments_do_not_mix(market, feed):
    _seed(market, feed)
    with market.command():
        market.level(SELL, 50, 5, instrument=1)
    with market.command():
        market.trade(SELL, 110, 1)
    with market.command():
        market.trade(SELL, 50, 2, instrument=1)
    messages = feed.take(market.rows(), NOW_NS)
    assert [body.trade.qty for body in _bodies(messages, "btcusdt@aggTrade")] == [1]
    assert [body.trade.qty for body in _bodies(messages, "ethusdt@aggTrade")] == [2]


def test_a_depth_window_tells_its_ids_and_the_last_quantity_of_each_level(market, feed):  # rule D-1
    _seed(market, feed)
    with market.command():
        market.level(BUY, 99, 1)
        market.level(BUY, 100, 2)
        market.level(BUY, 100, 0)
        market.level(SELL, 110, 8)
    feed.take(market.rows(), NOW_NS)
    (body,) = _bodies(feed.fast_windows(NOW_NS), "btcusdt@depth@100ms")
    assert body == DepthUpdate(BTCUSDT, 4, 7, [(100, 0), (99, 1)], [(110, 8)], NOW_NS)


def test_windows_of_one_stream_follow_each_other_without_a_hole(market, feed):
    last = {"btcusdt@depth": 0, "btcusdt@depth@100ms": 0}
    for turn in range(20):
        with market.command():
            market.level(BUY, 100 + turn % 3, turn + 1)
            market.level(SELL, 110, turn + 1)
        feed.take(market.rows(), NOW_NS)
        messages = feed.fast_windows(NOW_NS)
        if turn % 3 == 2:
            messages += feed.slow_windows(NOW_NS)
        for stream, body in messages:
            if isinstance(body, DepthUpdate):
                assert body.first_id == last[stream] + 1
                last[stream] = body.last_id
    assert last == {"btcusdt@depth": 36, "btcusdt@depth@100ms": 40}


def test_a_window_without_changes_tells_nothing(market, feed):
    _seed(market, feed)
    assert feed.fast_windows(NOW_NS) == []
    assert feed.slow_windows(NOW_NS) == []


def _quotes(feed: FedFeed) -> list[Message]:
    """The best prices of single instruments; those of all are the same ones."""
    messages = feed.quotes(NOW_NS)
    own = [one for one in messages if one.stream != "!bookTicker"]
    assert [one.body for one in messages if one.stream == "!bookTicker"] == [
        one.body for one in own
    ]
    return own


def test_the_book_ticker_tells_the_best_prices_when_they_change(market, feed):
    with market.command():
        market.level(BUY, 100, 5)
    feed.take(market.rows(), NOW_NS)
    assert _quotes(feed) == [
        Message("btcusdt@bookTicker", BookTicker(BTCUSDT, 1, (100, 5), (0, 0)))
    ]
    with market.command():
        market.level(BUY, 99, 5)
    feed.take(market.rows(), NOW_NS)
    assert _quotes(feed) == []
    with market.command():
        market.level(SELL, 110, 2)
    feed.take(market.rows(), NOW_NS)
    assert _quotes(feed) == [
        Message("btcusdt@bookTicker", BookTicker(BTCUSDT, 3, (100, 5), (110, 2)))
    ]


def test_partial_depth_tells_the_best_levels(market, feed):
    with market.command():
        for step in range(30):
            market.level(BUY, 100 - step, step + 1)
            market.level(SELL, 110 + step, step + 1)
    feed.take(market.rows(), NOW_NS)
    messages = feed.fast_windows(NOW_NS)
    for levels in (5, 10, 20):
        (body,) = _bodies(messages, f"btcusdt@depth{levels}@100ms")
        assert body == PartialDepth(
            BTCUSDT,
            60,
            [(100 - step, step + 1) for step in range(levels)],
            [(110 + step, step + 1) for step in range(levels)],
        )
    assert feed.fast_windows(NOW_NS) == []
    assert len(_bodies(feed.slow_windows(NOW_NS), "btcusdt@depth20")) == 1


def test_streams_that_tell_a_state_tell_it_on_demand(market, feed):
    _seed(market, feed)
    assert feed.current("btcusdt@bookTicker") == BookTicker(BTCUSDT, 3, (100, 5), (110, 7))
    assert feed.current("btcusdt@depth5@100ms") == feed.current("btcusdt@depth5")
    assert isinstance(feed.current("btcusdt@depth20"), PartialDepth)
    for other in ("btcusdt@trade", "btcusdt@depth", "btcusdt@depth7", "xyz@depth5", "nonsense"):
        assert feed.current(other) is None


def test_what_nobody_wants_is_not_worked_out(market):
    reads = []

    def depth(number: int):
        reads.append(number)
        return market.depth(number)

    feed = FedFeed(market, {"btcusdt@trade"}, depth)
    feed.learn()
    reads.clear()
    _seed(market, feed)
    assert reads == []


def test_a_book_that_cannot_be_read_is_told_later(market):
    readable = False
    feed = FedFeed(market, _Everything(), lambda number: market.depth(number) if readable else None)
    with market.command():
        market.level(BUY, 100, 5)
    feed.take(market.rows(), NOW_NS)
    assert _quotes(feed) == []
    assert feed.current("btcusdt@bookTicker") is None
    assert _bodies(feed.fast_windows(NOW_NS), "btcusdt@depth5@100ms") == []
    readable = True
    assert len(_quotes(feed)) == 1
    assert len(_bodies(feed.fast_windows(NOW_NS), "btcusdt@depth5@100ms")) == 1


def test_an_instrument_that_is_added_has_streams_at_once(market):
    listed = [BTCUSDT]
    wanted = _Everything()
    feed = Feed(lambda: listed, market.depth, Tapes(wanted, lambda _: None), wanted)
    feed.learn()
    assert feed.current("ethusdt@depth5") is None
    listed.append(ETHUSDT)
    with market.command():
        market.other(EventKind.INSTRUMENT_ADDED)
    feed.take(market.rows(), NOW_NS)
    assert feed.current("ethusdt@depth5") == PartialDepth(ETHUSDT, 0, [], [])


def test_events_that_come_twice_are_told_once(market, feed):
    _seed(market, feed)
    with market.command():
        market.trade(SELL, 110, 3)
    rows = market.rows()
    assert feed.take(rows, NOW_NS)
    assert feed.take(rows, NOW_NS) == []
    assert feed.intake.lost == 0


def _lose_and_go_on(market: HandMarket, feed: Feed) -> None:
    market.rows()
    with market.command():
        market.other(EventKind.ACCOUNT_ADDED)
    feed.take(market.rows(), NOW_NS)


class TestAfterAGap:
    """Events were lost on the way: what the feed may still say."""

    def test_depth_differences_show_the_hole(self, market, feed):
        _seed(market, feed)
        with market.command():
            market.level(BUY, 99, 1)
        feed.take(market.rows(), NOW_NS)
        with market.command():
            market.level(BUY, 98, 1)
        market.rows()
        with market.command():
            market.level(BUY, 97, 1)
        told = feed.take(market.rows(), NOW_NS)
        told += feed.fast_windows(NOW_NS)
        before, after = _bodies(told, "btcusdt@depth@100ms")
        assert (before.first_id, before.last_id, before.bids) == (4, 4, [(99, 1)])
        assert (after.first_id, after.last_id, after.bids) == (6, 6, [(97, 1)])
        assert feed.intake.lost == 1

    def test_an_instrument_that_lost_nothing_goes_on_without_a_seam(self, market, feed):
        _seed(market, feed)
        with market.command():
            market.level(BUY, 99, 1)
        feed.take(market.rows(), NOW_NS)
        with market.command():
            market.level(BUY, 50, 1, instrument=1)
        market.rows()
        with market.command():
            market.level(BUY, 98, 1)
        feed.take(market.rows(), NOW_NS)
        (body,) = _bodies(feed.fast_windows(NOW_NS), "btcusdt@depth@100ms")
        assert (body.first_id, body.last_id) == (4, 5)
        later_ns = NOW_NS + 2_000_000_000
        assert _bodies(feed.slow_windows(later_ns), "btcusdt@depth@100ms") == []

    def test_a_hole_that_no_change_shows_is_shown_after_a_second(self, market, feed):
        _seed(market, feed)
        with market.command():
            market.level(BUY, 105, 1)
            market.level(BUY, 104, 1)
        _lose_and_go_on(market, feed)
        assert _bodies(feed.slow_windows(NOW_NS), "btcusdt@depth") == []
        told = feed.slow_windows(NOW_NS + 1_000_000_000)
        for stream in ("btcusdt@depth", "btcusdt@depth@100ms"):
            (body,) = _bodies(told, stream)
            assert (body.first_id, body.last_id) == (5, 5)
            assert (body.bids, body.asks) == ([(105, 1)], [(110, 7)])
        with market.command():
            market.level(BUY, 105, 2)
        feed.take(market.rows(), NOW_NS)
        (body,) = _bodies(feed.fast_windows(NOW_NS), "btcusdt@depth@100ms")
        assert body.first_id == 6

    @pytest.mark.parametrize(
        ("side", "price", "qty"), [(BUY, 105, 1), (BUY, 100, 0), (SELL, 111, 2)]
    )
    def test_a_single_change_that_was_lost_last_is_found_and_told(
        self, market, feed, side, price, qty
    ):
        _seed(market, feed)
        with market.command():
            market.level(side, price, qty)
        _lose_and_go_on(market, feed)
        feed.slow_windows(NOW_NS)
        told = feed.slow_windows(NOW_NS + 1_000_000_000)
        for stream in ("btcusdt@depth", "btcusdt@depth@100ms"):
            (body,) = _bodies(told, stream)
            assert (body.first_id, body.last_id) == (4, 4)
            assert body.bids == ([(price, qty)] if side == BUY else [])
            assert body.asks == ([(price, qty)] if side == SELL else [])

    def test_a_single_lost_change_in_a_book_too_deep_to_see_waits_for_the_next(self, market):
        feed = FedFeed(market, _Everything(), lambda number: market.depth(number, 1))
        feed.learn()
        _seed(market, feed)
        with market.command():
            market.level(SELL, 111, 3)
        _lose_and_go_on(market, feed)
        for second in range(5):
            told = feed.slow_windows(NOW_NS + second * 1_000_000_000)
            assert _bodies(told, "btcusdt@depth") == []
        with market.command():
            market.level(SELL, 111, 4)
        feed.take(market.rows(), NOW_NS)
        (body,) = _bodies(feed.fast_windows(NOW_NS), "btcusdt@depth@100ms")
        assert (body.first_id, body.last_id) == (5, 5)

    def test_trades_that_were_missed_are_not_invented(self, market, feed):
        _seed(market, feed)
        for _ in range(3):
            with market.command():
                market.trade(SELL, 110, 1)
        rows = market.rows()
        told = feed.take(rows[:2], NOW_NS) + feed.take(rows[4:], NOW_NS)
        ids = [FIRST_TRADE_ID, FIRST_TRADE_ID + 2]
        assert [body.trade.trade_id for body in _bodies(told, "btcusdt@trade")] == ids
        assert [body.trade.first_trade_id for body in _bodies(told, "btcusdt@aggTrade")] == ids

    def test_best_prices_are_right_at_once(self, market, feed):
        _seed(market, feed)
        with market.command():
            market.level(BUY, 105, 1)
        _lose_and_go_on(market, feed)
        (body,) = _bodies(_quotes(feed), "btcusdt@bookTicker")
        assert body.bid == (105, 1)
