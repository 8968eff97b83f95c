"""Candles, tickers and averages of all instruments, told by the second (API section 11.1). Sans-I/O.

Each instrument has its recent past. It starts with what the REST history says (`needs`, `load`), because a
candle that lacks its beginning is wrong; until then nothing is told of it. Trade ids are dense, so
trades that were lost on the wire are noticed and asked for in the same way (`fill`); meanwhile later ones
wait.

A candle is closed by the matcher's clock, not by ours: it is told as closed when everything that was
stamped before its end has been told.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from typing import NamedTuple

from broadcaster.messages import AveragePrice, Body, Kline, Level, Message, Ticker, Tickers
from broadcaster.recent import Past, Recent
from protocol.intervals import DAY_NS, HOUR_NS, INTERVALS, MINUTE_NS, SECOND_NS, Interval
from protocol.names import Instrument
from protocol.tape import AggTrade, Candle, window_open_ns

AVERAGE_MINUTES = 5
WAITING_LIMIT = 100_000
"""Trades that may wait for the past; beyond them the oldest are asked for again."""
GRACE_NS = 50_000_000
"""How long after the matcher's clock has passed it a candle closes: events need a moment to come."""
OFFSETS = {"": 0, "@+08:00": 8 * HOUR_NS}
"""Endings of candle streams and the time zone in which their days begin."""
_SLOW_S = 2
"""Seconds between two messages of candles longer than a second."""
_CLOSINGS_LIMIT = 16
"""Candles of one stream told as closed at a time: more only pass while the matcher is away."""
TICKERS = {
    "ticker": ("24hrTicker", DAY_NS),
    "miniTicker": ("24hrMiniTicker", DAY_NS),
    "ticker_1h": ("1hTicker", HOUR_NS),
    "ticker_4h": ("4hTicker", 4 * HOUR_NS),
    "ticker_1d": ("1dTicker", DAY_NS),
}
"""Streams of rolling statistics: event type and width of the window."""
_NO_LEVEL: Level = (0, 0)


class Need(NamedTuple):
    """What is missing of an instrument: its whole past, or the trades from an aggregated one on."""

    number: int
    instrument: Instrument
    from_agg_trade_id: int | None


class _Tape:
    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.prefix = f"{instrument.symbol.lower()}@"
        self.recent = Recent()
        self.known = False
        """The past is there."""
        self.waiting: list[AggTrade] = []
        self.torn = False
        """Trades before those waiting are missing."""
        self.told: dict[str, object] = {}
        """What each stream said last."""


class Tapes:
    """The tapes of all instruments. `best` reads an instrument's best bid and ask, None when it cannot."""

    def __init__(
        self, wanted: Container[str], best: Callable[[int], tuple[Level, Level] | None]
    ) -> None:
        self._wanted = wanted
        self._best = best
        self._tapes: dict[int, _Tape] = {}
        self._by_prefix: dict[str, int] = {}

    def learn(self, number: int, instrument: Instrument) -> None:
        """Begin the tape of an instrument."""
        tape = self._tapes[number] = _Tape(instrument)
        self._by_prefix[tape.prefix] = number

    def add(self, number: int, trade: AggTrade) -> None:
        """Take in the next trade of an instrument off the wire."""
        tape = self._tapes[number]
        if not tape.known or tape.torn:
            tape.waiting.append(trade)
            del tape.waiting[:-WAITING_LIMIT]
        else:
            _admit(tape, [trade])

    def needs(self) -> list[Need]:
        """Return what has to be asked for."""
        return [
            Need(number, tape.instrument, _next_id(tape) if tape.known else None)
            for number, tape in self._tapes.items()
            if not tape.known or tape.torn
        ]

    def load(self, number: int, past: Past) -> None:
        """Start an instrument with its past, and go on with what came meanwhile."""
        tape = self._tapes[number]
        tape.recent.load(past)
        tape.known = True
        _admit(tape, tape.waiting)

    def fill(self, number: int, trades: Sequence[AggTrade]) -> None:
        """Take in trades that were missing, in order, and go on with what came meanwhile."""
        tape = self._tapes[number]
        later, tape.torn = tape.waiting, False
        _admit(tape, [*trades, *later])

    def tell(self, now_ns: int, market_ns: int) -> list[Message]:
        """Return what is to be told at this second. `market_ns`: all trades stamped before it are told."""
        out: list[Message] = []
        slow = now_ns // SECOND_NS % _SLOW_S == 0
        changed: dict[str, list[Ticker]] = {}
        for number, tape in self._tapes.items():
            if tape.known:
                out += self._klines(tape, now_ns, market_ns - GRACE_NS, slow=slow)
                out += self._tickers(number, tape, now_ns, changed)
        out += [Message(stream, Tickers(tickers)) for stream, tickers in changed.items()]
        return out

    def current(self, stream: str, now_ns: int) -> Body | None:
        """Return what a candle, ticker or average stream would say now; None for all others."""
        prefix, _, rest = stream.partition("@")
        if prefix.startswith("!"):
            return self._all_tickers(prefix[1:], now_ns) if rest == "arr" else None
        number = self._by_prefix.get(f"{prefix}@")
        if number is None or not self._tapes[number].known:
            return None
        tape = self._tapes[number]
        if rest in TICKERS:
            ticker = self._ticker(number, tape, rest, now_ns)
            _forget_other(tape, stream, ticker)
            return ticker
        if rest == "avgPrice":
            return _average(tape, now_ns)
        name, ending = (rest[:-7], rest[-7:]) if rest.endswith("@+08:00") else (rest, "")
        interval = INTERVALS.get(name.removeprefix("kline_"))
        if interval is None or not name.startswith("kline_"):
            return None
        offset_ns = OFFSETS[ending]
        kline = _kline(tape, interval, interval.open_ns(now_ns, offset_ns), offset_ns, now_ns)
        if kline is not None:
            # What a listener began with must be told to it as closed, too.
            tape.told.setdefault(stream, kline)
        return kline

    def _klines(self, tape: _Tape, now_ns: int, market_ns: int, *, slow: bool) -> Iterator[Message]:
        for name, interval in INTERVALS.items():
            for ending, offset_ns in OFFSETS.items():
                stream = f"{tape.prefix}kline_{name}{ending}"
                if stream not in self._wanted:
                    tape.told.pop(stream, None)
                    continue
                yield from _closings(tape, stream, interval, offset_ns, now_ns, market_ns)
                if slow or interval.width_ns == SECOND_NS:
                    yield from _running(tape, stream, interval, offset_ns, now_ns, market_ns)

    def _tickers(
        self, number: int, tape: _Tape, now_ns: int, changed: dict[str, list[Ticker]]
    ) -> Iterator[Message]:
        for kind in TICKERS:
            own, of_all = f"{tape.prefix}{kind}", f"!{kind}@arr"
            wanted = [stream for stream in (own, of_all) if stream in self._wanted]
            if not wanted:
                continue
            ticker = self._ticker(number, tape, kind, now_ns)
            said = _said(ticker)
            for stream in wanted:
                if tape.told.get(stream) != said:
                    tape.told[stream] = said
                    if stream == own:
                        yield Message(own, ticker)
                    else:
                        changed.setdefault(of_all, []).append(ticker)
        stream = f"{tape.prefix}avgPrice"
        if stream in self._wanted:
            average = _average(tape, now_ns)
            if average and tape.told.get(stream) != average[2:-1]:
                tape.told[stream] = average[2:-1]
                yield Message(stream, average)

    def _all_tickers(self, kind: str, now_ns: int) -> Tickers | None:
        if kind not in TICKERS:
            return None
        tickers = []
        for number, tape in self._tapes.items():
            if tape.known:
                tickers.append(self._ticker(number, tape, kind, now_ns))
                _forget_other(tape, f"!{kind}@arr", tickers[-1])
        return Tickers(tickers)

    def _ticker(self, number: int, tape: _Tape, kind: str, now_ns: int) -> Ticker:
        event, width_ns = TICKERS[kind]
        recent = tape.recent
        best = self._best(number) if kind == "ticker" else None
        opened_ns = window_open_ns(now_ns, width_ns)
        return Ticker(
            event=event,
            instrument=tape.instrument,
            candle=recent.window(now_ns, width_ns),
            price_before=recent.price_before(opened_ns),
            last_qty=recent.last.qty if recent.last else 0,
            best=best or (_NO_LEVEL, _NO_LEVEL),
            open_ns=opened_ns if "_" in kind else now_ns - width_ns,
            told_ns=now_ns,
        )


def _said(ticker: Ticker) -> tuple[Candle | None, tuple[Level, Level]]:
    """Return what makes a ticker news when it is another."""
    return ticker.candle, ticker.best


def _forget_other(tape: _Tape, stream: str, ticker: Ticker) -> None:
    """Forget what a stream said when a new listener is told otherwise: if that comes back, it is news to it."""
    if tape.told.get(stream) != _said(ticker):
        tape.told.pop(stream, None)


def _admit(tape: _Tape, trades: Sequence[AggTrade]) -> None:
    """Add trades that follow; keep those that wait for missing ones."""
    tape.waiting = []
    for place, trade in enumerate(trades):
        last = tape.recent.last
        if last is None or trade.first_trade_id == last.last_trade_id + 1:
            tape.recent.add(trade)
        elif trade.first_trade_id > last.last_trade_id:
            tape.torn = True
            tape.waiting = list(trades[place:])
            return


def _next_id(tape: _Tape) -> int | None:
    last = tape.recent.last
    return None if last is None else last.agg_trade_id + 1


def _closings(
    tape: _Tape, stream: str, interval: Interval, offset_ns: int, now_ns: int, market_ns: int
) -> Iterator[Message]:
    """Yield the last messages of candles that ended since one was told."""
    told = tape.told.get(stream)
    if not isinstance(told, Kline):
        return
    open_ns = told.candle.open_ns
    for _ in range(_CLOSINGS_LIMIT):
        next_ns = interval.next_ns(open_ns, offset_ns)
        if market_ns < next_ns:
            return
        kline = _kline(tape, interval, open_ns, offset_ns, now_ns)
        assert kline is not None, "what was told once has a price"
        yield Message(stream, kline._replace(closed=True))
        open_ns = next_ns
        tape.told[stream] = kline._replace(candle=kline.candle._replace(open_ns=open_ns))


def _running(
    tape: _Tape, stream: str, interval: Interval, offset_ns: int, now_ns: int, market_ns: int
) -> Iterator[Message]:
    """Yield the candle now running, when it changed."""
    told = tape.told.get(stream)
    open_ns = interval.open_ns(now_ns, offset_ns)
    if isinstance(told, Kline):
        open_ns = min(open_ns, told.candle.open_ns)
    kline = _kline(tape, interval, open_ns, offset_ns, now_ns)
    if kline is None:
        return
    if not isinstance(told, Kline) or told.candle != kline.candle:
        tape.told[stream] = kline
        yield Message(stream, kline)


def _kline(
    tape: _Tape, interval: Interval, open_ns: int, offset_ns: int, now_ns: int
) -> Kline | None:
    next_ns = interval.next_ns(open_ns, offset_ns)
    candle = tape.recent.candle(interval, open_ns, next_ns)
    if candle is None:
        return None
    return Kline(tape.instrument, interval.name, next_ns, candle, closed=False, told_ns=now_ns)


def _average(tape: _Tape, now_ns: int) -> AveragePrice | None:
    last = tape.recent.last
    if last is None:
        return None
    window = tape.recent.window(now_ns, AVERAGE_MINUTES * MINUTE_NS)
    quote_qty, qty = (window.quote_qty, window.qty) if window else (last.price, 1)
    return AveragePrice(tape.instrument, AVERAGE_MINUTES, quote_qty, qty, last.at_ns, now_ns)
