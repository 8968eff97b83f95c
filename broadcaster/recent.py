"""The recent past of one instrument as candles of a second, a minute and an hour, oldest first.

That is enough for every stream: all intervals are rolled up from seconds, minutes or hours, and the
rolling windows from minutes. A stretch without trades has no candle. What lies before the first trade
that came over the wire is loaded once (`load`); the ids of trades are dense, so the ids of
candles follow from their counts.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import takewhile
from typing import NamedTuple

from protocol.intervals import HOUR_NS, MINUTE_NS, SECOND_NS, Interval
from protocol.tape import AggTrade, Candle, candle_of, flat_candle, rolled_up, window_open_ns

_KEPT = {SECOND_NS: 64, MINUTE_NS: 26 * 60, HOUR_NS: 24 * 32}
"""Candles kept of each width: a day of minutes for windows, a month of hours for the longest candles."""


class Past(NamedTuple):
    """What was before the wire.

    `minutes` and `hours` are the candles before the minute now running, the minutes from the start
    of an hour on; the ids in them do not count. `trades` are those of the running minute, `last` is the
    newest trade before them, None when there was none ever.
    """

    minutes: Sequence[Candle]
    hours: Sequence[Candle]
    trades: Sequence[AggTrade]
    last: AggTrade | None


class Recent:
    """Candles of one instrument, and its last trade."""

    def __init__(self) -> None:
        self.last: AggTrade | None = None
        self._series = {width: deque[Candle](maxlen=count) for width, count in _KEPT.items()}
        self._windows: dict[int, tuple[int, int, Candle | None]] = {}

    def load(self, past: Past) -> None:
        """Start with the past."""
        if past.last is not None:
            self._load_candles(past, past.last)
        for trade in past.trades:
            self.add(trade)

    def add(self, trade: AggTrade) -> None:
        """Take in the next trade."""
        for width_ns, series in self._series.items():
            part = candle_of(trade, trade.at_ns - trade.at_ns % width_ns)
            if series and series[-1].open_ns == part.open_ns:
                series[-1] = series[-1].joined(part)
            else:
                series.append(part)
        self.last = trade

    def candle(self, interval: Interval, open_ns: int, next_ns: int) -> Candle | None:
        """Return the candle from `open_ns` to `next_ns`, flat without trades; None before the first."""
        series = self._series[_part_width_ns(interval)]
        parts = [one for one in _since(series, open_ns) if one.open_ns < next_ns]
        if parts:
            return rolled_up(parts, open_ns)
        price = self.price_before(open_ns)
        return flat_candle(open_ns, price) if price else None

    def window(self, now_ns: int, width_ns: int) -> Candle | None:
        """Return the minutes of a rolling window as one candle; None without a trade.

        Cost: one step over the window a minute, else one join.
        """
        minutes = self._series[MINUTE_NS]
        open_ns = window_open_ns(now_ns, width_ns)
        if not minutes or minutes[-1].open_ns < open_ns:
            return None
        newest = minutes[-1]
        of_open, of_newest, closed = self._windows.get(width_ns, (0, 0, None))
        if (of_open, of_newest) != (open_ns, newest.open_ns):
            closed = rolled_up(list(_since(minutes, open_ns))[:-1], open_ns)
            self._windows[width_ns] = (open_ns, newest.open_ns, closed)
        return closed.joined(newest) if closed else newest._replace(open_ns=open_ns)

    def price_before(self, open_ns: int) -> int:
        """Return the last price before a time that begins a second, minute or hour; 0: not known."""
        for width_ns, series in self._series.items():
            for one in reversed(series):
                if one.open_ns + width_ns <= open_ns:
                    return one.close
        return 0

    def _load_candles(self, past: Past, last: AggTrade) -> None:
        minutes = _with_ids(past.minutes, last.last_trade_id)
        hours = past.hours
        if minutes:
            # The hour of the newest minute may still be running: it is made of its minutes.
            hour_ns = minutes[-1].open_ns // HOUR_NS * HOUR_NS
            hours = [one for one in hours if one.open_ns < hour_ns]
            running = reduce(Candle.joined, _since(minutes, hour_ns))._replace(open_ns=hour_ns)
            hours = [*_with_ids(hours, running.first_trade_id - 1), running]
        else:
            hours = _with_ids(hours, last.last_trade_id)
        self._series[MINUTE_NS].extend(minutes)
        self._series[HOUR_NS].extend(hours)
        self.last = last


def _part_width_ns(interval: Interval) -> int:
    """Return of which candles an interval is rolled up."""
    if not interval.width_ns or interval.width_ns >= HOUR_NS:
        return HOUR_NS
    return min(interval.width_ns, MINUTE_NS)


def _since(series: Sequence[Candle], open_ns: int) -> Iterator[Candle]:
    """Yield the candles from a time on, oldest first. Cost: those candles."""
    newest_first = takewhile(lambda one: one.open_ns >= open_ns, reversed(series))
    return reversed(list(newest_first))


def _with_ids(candles: Iterable[Candle], last_trade_id: int) -> list[Candle]:
    """Give candles the ids that follow from their counts; those without trades are left out."""
    found: list[Candle] = []
    for one in reversed(list(candles)):
        if one.trade_count:
            first_trade_id = last_trade_id - one.trade_count + 1
            found.append(one._replace(first_trade_id=first_trade_id, last_trade_id=last_trade_id))
            last_trade_id = first_trade_id - 1
    return found[::-1]
