"""Candles, tickers and averages by the second (API section 11.1)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.messages import AveragePrice, Body, Kline, Message, Ticker, Tickers
from broadcaster.recent import Past, Recent
from broadcaster.tapes import GRACE_NS, Tapes
from protocol.intervals import DAY_NS, HOUR_NS, INTERVALS, MINUTE_NS, SECOND_NS
from protocol.tape import AggTrade, Candle, candle_of, rolled_up
from tests.market_events import BTCUSDT, ETHUSDT

NOON_NS = 1_700_049_600 * SECOND_NS
"""A Wednesday, 12:00 UTC."""
BEST = ((99, 1), (101, 2))
NOTHING = Past([], [], [], None)


def _trade(number: int, at_ns: int, price: int = 100, *, qty: int = 1) -> AggTrade:
    return AggTrade(number, price, qty, number, number, at_ns, buyer_is_maker=number % 2 == 0)


class Listener:
    """The tapes of two instruments, and what a listener of some streams hears."""

    def __init__(self, *streams: str, past: Past = NOTHING) -> None:
        self.tapes = Tapes(set(streams), lambda _: BEST)
        self.tapes.learn(0, BTCUSDT)
        self.tapes.learn(1, ETHUSDT)
        self.tapes.load(0, past)
        self.tapes.load(1, NOTHING)

    def at(self, now_ns: int, *, behind_ns: int = 0) -> list[Message]:
        """Hear what is told at a second; the matcher's clock may be behind."""
        return self.tapes.tell(now_ns, now_ns + GRACE_NS - behind_ns)

    def bodies(self, now_ns: int, *, behind_ns: int = 0) -> list[Body]:
        return [body for _, body in self.at(now_ns, behind_ns=behind_ns)]


def _said(bodies: Sequence[Body]) -> list[tuple[int, int, bool]]:
    """Return open time, number of trades and whether closed, of klines."""
    klines = [body for body in bodies if isinstance(body, Kline)]
    assert len(klines) == len(bodies)
    return [
        ((one.candle.open_ns - NOON_NS) // SECOND_NS, one.candle.trade_count, one.closed)
        for one in klines
    ]


class TestKlines:
    """`<symbol>@kline_<interval>`."""

    def test_a_candle_is_told_when_it_changed_and_once_as_closed(self):
        listener = Listener("btcusdt@kline_1m")
        assert listener.bodies(NOON_NS) == []
        listener.tapes.add(0, _trade(1, NOON_NS + SECOND_NS))
        assert _said(listener.bodies(NOON_NS + 2 * SECOND_NS)) == [(0, 1, False)]
        assert listener.bodies(NOON_NS + 4 * SECOND_NS) == []
        listener.tapes.add(0, _trade(2, NOON_NS + 5 * SECOND_NS))
        assert _said(listener.bodies(NOON_NS + 6 * SECOND_NS)) == [(0, 2, False)]
        listener.tapes.add(0, _trade(3, NOON_NS + 59 * SECOND_NS))
        listener.tapes.add(0, _trade(4, NOON_NS + 60 * SECOND_NS))
        told = _said(listener.bodies(NOON_NS + 61 * SECOND_NS))
        assert told == [(0, 3, True)]
        assert _said(listener.bodies(NOON_NS + 62 * SECOND_NS)) == [(60, 1, False)]

    def test_candles_longer_than_a_second_are_told_every_other_second(self):
        listener = Listener("btcusdt@kline_1m", "btcusdt@kline_1s")
        listener.tapes.add(0, _trade(1, NOON_NS + SECOND_NS))
        streams = [stream for stream, _ in listener.at(NOON_NS + SECOND_NS)]
        assert streams == ["btcusdt@kline_1s"]
        streams = [stream for stream, _ in listener.at(NOON_NS + 2 * SECOND_NS)]
        assert streams == ["btcusdt@kline_1s", "btcusdt@kline_1s", "btcusdt@kline_1m"]

    def test_a_candle_closes_by_the_matchers_clock(self):
        listener = Listener("btcusdt@kline_1m")
        listener.tapes.add(0, _trade(1, NOON_NS))
        listener.bodies(NOON_NS + 2 * SECOND_NS)
        late_ns = NOON_NS + 62 * SECOND_NS
        assert listener.bodies(late_ns, behind_ns=5 * SECOND_NS) == []
        listener.tapes.add(0, _trade(2, NOON_NS + 59 * SECOND_NS))
        assert _said(listener.bodies(late_ns + 2 * SECOND_NS, behind_ns=0)) == [
            (0, 2, True),
            (60, 0, False),
        ]

    def test_stretches_without_trades_are_flat_and_closed_one_by_one(self):
        listener = Listener("btcusdt@kline_1s")
        listener.tapes.add(0, _trade(1, NOON_NS, price=77))
        listener.bodies(NOON_NS)
        bodies = listener.bodies(NOON_NS + 3 * SECOND_NS)
        assert _said(bodies) == [(0, 1, True), (1, 0, True), (2, 0, True)]
        flat = bodies[1].candle
        assert (flat.open, flat.high, flat.low, flat.close) == (77, 77, 77, 77)
        assert (flat.first_trade_id, flat.last_trade_id) == (-1, -1)

    def test_a_new_listener_starts_with_the_running_candle(self):
        listener = Listener()
        listener.tapes.add(0, _trade(1, NOON_NS))
        assert listener.bodies(NOON_NS + HOUR_NS) == []
        assert _said([listener.tapes.current("btcusdt@kline_4h", NOON_NS + HOUR_NS)]) == [
            (0, 1, False)
        ]

    def test_the_candle_that_a_new_listener_started_with_is_told_as_closed(self):
        listener = Listener("btcusdt@kline_1m")
        listener.tapes.add(0, _trade(1, NOON_NS))
        late_ns = NOON_NS + 59 * SECOND_NS
        assert _said([listener.tapes.current("btcusdt@kline_1m", late_ns)]) == [(0, 1, False)]
        told = _said(listener.bodies(NOON_NS + 60 * SECOND_NS))
        assert told == [(0, 1, True), (60, 0, False)]
        assert listener.bodies(NOON_NS + 62 * SECOND_NS) == []

    @pytest.mark.parametrize("name", INTERVALS)
    def test_every_interval_is_told(self, name):
        stream = f"btcusdt@kline_{name}"
        listener = Listener(stream)
        at_ns = NOON_NS + 124 * SECOND_NS
        listener.tapes.add(0, _trade(1, at_ns))
        ((told, body),) = listener.at(at_ns)
        assert told == stream
        assert body.interval == name
        assert body.candle.open_ns == INTERVALS[name].open_ns(at_ns)
        assert body.next_ns == INTERVALS[name].next_ns(body.candle.open_ns)

    def test_days_may_begin_in_the_east(self):
        listener = Listener()
        listener.tapes.add(0, _trade(1, NOON_NS + 3 * HOUR_NS))
        listener.tapes.add(0, _trade(2, NOON_NS + 5 * HOUR_NS))
        now_ns = NOON_NS + 6 * HOUR_NS
        assert _said([listener.tapes.current("btcusdt@kline_1d@+08:00", now_ns)]) == [
            (4 * 3600, 1, False)
        ]
        assert _said([listener.tapes.current("btcusdt@kline_1d", now_ns)]) == [
            (-12 * 3600, 2, False)
        ]

    def test_what_is_no_candle_stream_says_nothing(self):
        listener = Listener()
        listener.tapes.add(0, _trade(1, NOON_NS))
        for stream in ("btcusdt@kline_7m", "btcusdt@1m", "xyz@kline_1m", "ethusdt@kline_1m"):
            assert listener.tapes.current(stream, NOON_NS) is None


class TestTickers:
    """`@ticker`, `@miniTicker`, `@ticker_<window>` and their arrays."""

    def test_the_last_24_hours_are_told_when_they_changed(self):
        listener = Listener("btcusdt@ticker")
        listener.tapes.add(0, _trade(1, NOON_NS, price=50))
        listener.tapes.add(0, _trade(2, NOON_NS + HOUR_NS, price=100, qty=2))
        listener.tapes.add(0, _trade(3, NOON_NS + DAY_NS, price=80))
        (ticker,) = listener.bodies(NOON_NS + DAY_NS + HOUR_NS // 2)
        assert isinstance(ticker, Ticker)
        candle = ticker.candle
        assert (candle.open, candle.high, candle.low, candle.close) == (100, 100, 80, 80)
        assert (candle.qty, candle.quote_qty, candle.trade_count) == (3, 280, 2)
        assert (candle.first_trade_id, candle.last_trade_id) == (2, 3)
        assert (ticker.price_before, ticker.last_qty) == (50, 1)
        assert ticker.best == BEST
        assert ticker.open_ns == NOON_NS + HOUR_NS // 2
        assert listener.bodies(NOON_NS + DAY_NS + HOUR_NS // 2 + SECOND_NS) == []

    def test_prices_that_come_back_are_told_to_who_came_in_between(self):
        best = {0: BEST}
        tapes = Tapes({"btcusdt@ticker"}, lambda number: best[number])
        tapes.learn(0, BTCUSDT)
        tapes.load(0, NOTHING)
        assert len(tapes.tell(NOON_NS, NOON_NS)) == 1
        best[0] = ((98, 1), (101, 2))
        assert tapes.current("btcusdt@ticker", NOON_NS).best == best[0]
        best[0] = BEST
        ((_, ticker),) = tapes.tell(NOON_NS + SECOND_NS, NOON_NS)
        assert ticker.best == BEST
        assert tapes.current("btcusdt@ticker", NOON_NS + SECOND_NS).best == BEST
        assert tapes.tell(NOON_NS + 2 * SECOND_NS, NOON_NS) == []

    def test_trades_that_leave_the_window_change_it(self):
        listener = Listener("btcusdt@ticker_1h")
        listener.tapes.add(0, _trade(1, NOON_NS))
        assert len(listener.bodies(NOON_NS + 3_659 * SECOND_NS)) == 1
        (ticker,) = listener.bodies(NOON_NS + 3_660 * SECOND_NS)
        assert ticker.candle is None
        assert ticker.open_ns == NOON_NS + 60 * SECOND_NS
        assert ticker.price_before == 100

    def test_an_array_has_those_that_changed(self):
        listener = Listener("!miniTicker@arr", "!ticker_4h@arr")
        first = dict(listener.at(NOON_NS))
        assert [len(body.tickers) for body in first.values()] == [2, 2]
        listener.tapes.add(1, _trade(1, NOON_NS + SECOND_NS))
        told = dict(listener.at(NOON_NS + SECOND_NS))
        assert list(told) == ["!miniTicker@arr", "!ticker_4h@arr"]
        (mini,) = told["!miniTicker@arr"].tickers
        assert (mini.event, mini.instrument) == ("24hrMiniTicker", ETHUSDT)
        assert listener.at(NOON_NS + 2 * SECOND_NS) == []

    def test_a_new_listener_of_an_array_is_told_all(self):
        listener = Listener()
        body = listener.tapes.current("!ticker@arr", NOON_NS)
        assert isinstance(body, Tickers)
        assert [one.instrument for one in body.tickers] == [BTCUSDT, ETHUSDT]
        assert listener.tapes.current("!ticker@all", NOON_NS) is None
        assert listener.tapes.current("!bookTicker@arr", NOON_NS) is None


def test_the_average_is_that_of_the_last_five_minutes_or_the_last_price():
    listener = Listener("btcusdt@avgPrice")
    assert listener.bodies(NOON_NS) == []
    listener.tapes.add(0, _trade(1, NOON_NS, price=100, qty=3))
    listener.tapes.add(0, _trade(2, NOON_NS + 4 * MINUTE_NS, price=200))
    (body,) = listener.bodies(NOON_NS + 4 * MINUTE_NS)
    assert isinstance(body, AveragePrice)
    assert (body.quote_qty, body.qty, body.minutes) == (500, 4, 5)
    assert body.last_ns == NOON_NS + 4 * MINUTE_NS
    assert listener.bodies(NOON_NS + 4 * MINUTE_NS + SECOND_NS) == []
    (body,) = listener.bodies(NOON_NS + 20 * MINUTE_NS)
    assert (body.quote_qty, body.qty) == (200, 1)


class TestThePast:
    """What was before the wire, and what was lost on it."""

    def test_nothing_is_told_before_the_past_is_there(self):
        tapes = Tapes({"btcusdt@kline_1m", "btcusdt@ticker"}, lambda _: BEST)
        tapes.learn(0, BTCUSDT)
        (need,) = tapes.needs()
        assert (need.number, need.instrument, need.from_agg_trade_id) == (0, BTCUSDT, None)
        tapes.add(0, _trade(8, NOON_NS + SECOND_NS))
        tapes.add(0, _trade(9, NOON_NS + SECOND_NS))
        assert tapes.tell(NOON_NS + 2 * SECOND_NS, NOON_NS) == []
        assert tapes.current("btcusdt@kline_1m", NOON_NS) is None
        tapes.load(0, Past([], [], [_trade(7, NOON_NS), _trade(8, NOON_NS + SECOND_NS)], None))
        assert tapes.needs() == []
        kline, _ = (body for _, body in tapes.tell(NOON_NS + 2 * SECOND_NS, NOON_NS))
        assert (kline.candle.trade_count, kline.candle.first_trade_id) == (3, 7)

    def test_trades_that_were_lost_are_asked_for_and_later_ones_wait(self):
        listener = Listener("btcusdt@kline_1m")
        for number in (1, 4, 5):
            listener.tapes.add(0, _trade(number, NOON_NS))
        (need,) = listener.tapes.needs()
        assert (need.number, need.from_agg_trade_id) == (0, 2)
        assert _said(listener.bodies(NOON_NS)) == [(0, 1, False)]
        listener.tapes.fill(0, [])
        assert len(listener.tapes.needs()) == 1
        listener.tapes.fill(0, [_trade(number, NOON_NS) for number in (2, 3, 4)])
        assert listener.tapes.needs() == []
        assert _said(listener.bodies(NOON_NS + 2 * SECOND_NS)) == [(0, 5, False)]

    def test_too_many_waiting_trades_are_asked_for_again(self, monkeypatch):
        monkeypatch.setattr("broadcaster.tapes.WAITING_LIMIT", 2)
        tapes = Tapes(set(), lambda _: BEST)
        tapes.learn(0, BTCUSDT)
        for number in range(1, 6):
            tapes.add(0, _trade(number, NOON_NS))
        tapes.load(0, Past([], [], [_trade(1, NOON_NS)], None))
        (need,) = tapes.needs()
        assert need.from_agg_trade_id == 2
        tapes.fill(0, [_trade(number, NOON_NS) for number in (2, 3)])
        assert tapes.needs() == []

    def test_candles_of_the_past_get_the_ids_that_follow_from_their_counts(self):
        old_hour = Candle(NOON_NS - 3 * HOUR_NS, 9, 9, 9, 9, 4, 36, 0, 0, 4, 0, 0)
        minutes = [
            Candle(NOON_NS - HOUR_NS + MINUTE_NS, 10, 12, 8, 11, 5, 50, 2, 20, 3, 0, 0),
            Candle(NOON_NS - HOUR_NS + 2 * MINUTE_NS, 11, 11, 11, 11, 0, 0, 0, 0, 0, -1, -1),
            Candle(NOON_NS - HOUR_NS + 3 * MINUTE_NS, 11, 13, 11, 13, 5, 60, 2, 20, 2, 0, 0),
        ]
        hour = Candle(NOON_NS - HOUR_NS, 10, 13, 8, 13, 10, 110, 4, 40, 5, 0, 0)
        past = Past(minutes, [old_hour, hour], [], _trade(109, NOON_NS - 50 * MINUTE_NS, 13))
        listener = Listener(past=past)
        listener.tapes.add(0, _trade(110, NOON_NS, price=20))
        day = listener.tapes.current("btcusdt@kline_1d", NOON_NS).candle
        assert (day.open, day.high, day.low, day.close) == (9, 20, 8, 20)
        assert (day.trade_count, day.first_trade_id, day.last_trade_id) == (10, 101, 110)
        assert day.quote_qty == 36 + 110 + 20
        minute = listener.tapes.current("btcusdt@kline_1m", NOON_NS - HOUR_NS + MINUTE_NS).candle
        assert (minute.first_trade_id, minute.last_trade_id) == (105, 107)
        ticker = listener.tapes.current("btcusdt@ticker_1h", NOON_NS)
        assert ticker.candle.trade_count == 6
        assert ticker.price_before == 9


TRADES = st.lists(
    st.tuples(st.integers(0, 3 * HOUR_NS), st.integers(1, 9), st.integers(1, 9)),
    min_size=1,
    max_size=40,
)


@pytest.mark.property
@given(TRADES, st.sampled_from(list(INTERVALS)), st.integers(0, 3 * HOUR_NS))
def test_any_candle_and_window_is_what_its_trades_add_up_to(made, name, until_ns):
    recent = Recent()
    trades = [
        _trade(number, NOON_NS + at_ns, price, qty=qty)
        for number, (at_ns, price, qty) in enumerate(sorted(made), 1)
    ]
    for trade in trades:
        recent.add(trade)
    now_ns = max(trades[-1].at_ns, NOON_NS + until_ns)
    interval = INTERVALS[name]
    open_ns = interval.open_ns(now_ns)
    own = [candle_of(trade, open_ns) for trade in trades if trade.at_ns >= open_ns]
    candle = recent.candle(interval, open_ns, interval.next_ns(open_ns))
    if own:
        assert candle == rolled_up(own, open_ns)
    else:
        assert (candle.trade_count, candle.open) == (0, trades[-1].price)
    for width_ns in (5 * MINUTE_NS, HOUR_NS, DAY_NS):
        for _ in range(2):
            begin_ns = now_ns - now_ns % MINUTE_NS - width_ns
            own = [candle_of(trade, begin_ns) for trade in trades if trade.at_ns >= begin_ns]
            assert recent.window(now_ns, width_ns) == rolled_up(own, begin_ns)
