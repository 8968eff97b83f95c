"""The public feed: Event rows in, messages out. Sans-I/O, and without a book of its own.

Trades and aggregated trades are told as they come, depth differences in windows, best prices and
partial depth from the newest published depth of shared memory. That depth is never older than the
events received, because the matcher publishes it before it sends them; it may be newer.

After a gap in the events
* depth differences show it: the next one does not continue the last one's ids. When no change
  follows by itself within a second or two a difference of the newest change is told, so that a client
  does not go on trusting a book that lost something. If that was the only one lost, it is the
  change itself, and there is no hole. An instrument that lost nothing goes on without a seam;
* trades that were missed are not invented: their ids are missing, the REST history has them.
  Aggregated trades are whole all the same, because a frame of the wire holds whole commands;
* best prices and partial depth are right at once.
"""

from collections.abc import Callable, Container, Sequence

from broadcaster.depth import DepthWindow, KnownLevels
from broadcaster.messages import (
    Aggregate,
    Body,
    BookTicker,
    Level,
    Message,
    PartialDepth,
    Trade,
)
from broadcaster.tapes import Tapes
from protocol.board_reads import DepthView
from protocol.layout import Rows
from protocol.names import Instrument
from protocol.tape import AggTrade, PublicTrade, agg_trade_of
from protocol.terms import EventFlag, EventKind, Side

PARTIAL_LEVELS = (5, 10, 20)
ALL_BOOK_TICKERS = "!bookTicker"
FAST = "@100ms"
"""What the names of streams with the short window end with."""
_SHOW_HOLE_AFTER_NS = 1_000_000_000
_EMPTY: Level = (0, 0)
# Plain numbers: a bitwise operation with an IntFlag costs as much as all else done for an event.
_TRADE, _MAKER, _LEVEL = int(EventKind.TRADE), int(EventFlag.MAKER), int(EventFlag.LEVEL)
_BUY = int(Side.BUY)
_COLUMNS = (
    "kind", "flags", "at_ns", "instrument", "side", "price", "level_qty", "update_id",
    "last_px", "last_qty", "trade_id", "agg_trade_id",
)  # fmt: skip


class _Market:
    """What the feed knows of one instrument."""

    def __init__(self, number: int, instrument: Instrument) -> None:
        self.number = number
        self.instrument = instrument
        self.prefix = f"{instrument.symbol.lower()}@"
        self.trade_stream = f"{self.prefix}trade"
        self.agg_trade_stream = f"{self.prefix}aggTrade"
        self.book_ticker_stream = f"{self.prefix}bookTicker"
        self.fast = DepthWindow(instrument)
        self.slow = DepthWindow(instrument)
        self.quote: tuple[Level, Level] | None = None
        self.quote_id = 0
        self.quote_touched = False
        self.fast_touched = False
        self.slow_touched = False
        self.known = KnownLevels()
        self.doubted_ns = 0
        """When the doubt arose whether changes were lost; 0: there is none."""
        self.owed_id = 0
        """Update id that the depth streams must have reached when the doubt is old enough; 0: not read yet."""

    def touch(self) -> None:
        self.quote_touched = self.fast_touched = self.slow_touched = True


class Feed:
    """Turns events into public messages.

    `catalogue` lists all instruments by number, `depth` reads the newest published depth of one or
    says None while there is none to read. `wanted` tells which streams anybody listens to; what
    nobody wants is not worked out. Aggregated trades also go onto the `tapes`. Times come in as
    arguments.
    """

    def __init__(
        self,
        catalogue: Callable[[], Sequence[Instrument]],
        depth: Callable[[int], DepthView | None],
        tapes: Tapes,
        wanted: Container[str],
    ) -> None:
        self._catalogue = catalogue
        self._depth = depth
        self._tapes = tapes
        self._wanted = wanted
        self._markets: dict[int, _Market] = {}
        self._by_prefix: dict[str, int] = {}
        self._open: tuple[_Market, AggTrade] | None = None

    def learn(self) -> None:
        """Look at the catalogue: instruments may have been added."""
        for number, instrument in enumerate(self._catalogue()):
            if number not in self._markets:
                market = self._markets[number] = _Market(number, instrument)
                self._by_prefix[market.prefix] = number
                self._tapes.learn(number, instrument)
                self._learn_levels(number, market)

    def take(self, rows: Rows, now_ns: int) -> list[Message]:
        """Take in the Event rows of whole commands, in order; return what is to be told at once."""
        out: list[Message] = []
        if len(rows):
            self._tell(rows, now_ns, out)
        return out

    def doubt(self, now_ns: int) -> None:
        """Note that events were lost before those that come next."""
        self.learn()
        for market in self._markets.values():
            market.touch()
            market.doubted_ns, market.owed_id = now_ns, 0

    def quotes(self, now_ns: int) -> list[Message]:
        """Return the best prices that changed since the last call."""
        out: list[Message] = []
        for number, market in self._markets.items():
            if not market.quote_touched:
                continue
            stream = market.book_ticker_stream
            streams = [name for name in (stream, ALL_BOOK_TICKERS) if name in self._wanted]
            if streams:
                ticker = self._book_ticker(number, market)
                if ticker is None:
                    continue
                if (ticker.bid, ticker.ask) != market.quote and ticker.update_id >= market.quote_id:
                    market.quote, market.quote_id = (ticker.bid, ticker.ask), ticker.update_id
                    out += [Message(name, ticker) for name in streams]
            else:
                market.quote = None
            market.quote_touched = False
        return out

    def fast_windows(self, now_ns: int) -> list[Message]:
        """Close the windows of 100 ms."""
        out: list[Message] = []
        for number, market in self._markets.items():
            self._close(market.fast, market, FAST, now_ns, out)
            if market.fast_touched:
                market.fast_touched = not self._partial(number, market, FAST, out)
        return out

    def slow_windows(self, now_ns: int) -> list[Message]:
        """Close the long windows, and show holes that no later change has shown."""
        out: list[Message] = []
        for number, market in self._markets.items():
            self._close(market.slow, market, "", now_ns, out)
            if market.slow_touched:
                market.slow_touched = not self._partial(number, market, "", out)
            if market.doubted_ns:
                self._settle_doubt(number, market, now_ns, out)
        return out

    def current(self, stream: str) -> Body | None:
        """Return what a stream that tells a state would say now; None for all others."""
        prefix, _, rest = stream.partition("@")
        number = self._by_prefix.get(f"{prefix}@")
        if number is None:
            return None
        market = self._markets[number]
        if rest == "bookTicker":
            ticker = self._book_ticker(number, market)
            if ticker is not None and (ticker.bid, ticker.ask) != market.quote:
                # One listener knows what the others do not: whatever comes next is news to somebody.
                market.quote = None
            return ticker
        levels = _partial_levels(rest)
        view = self._depth(number) if levels else None
        return None if view is None else _partial_depth(market.instrument, view, levels)

    def _tell(self, rows: Rows, now_ns: int, out: list[Message]) -> None:
        kinds, flags = rows["kind"], rows["flags"]
        if (kinds == EventKind.INSTRUMENT_ADDED).any():
            self.learn()
        printed = (kinds == _TRADE) & ((flags & _MAKER) != 0)
        told = rows[printed | ((flags & _LEVEL) != 0)]
        for event in zip(*(told[name].tolist() for name in _COLUMNS), strict=True):
            kind, flag, at_ns, number, side, price, level_qty, update_id, *trade = event
            market = self._markets.get(number) or self._learned(number)
            if market is None:
                continue
            if kind == _TRADE and flag & _MAKER:
                px, qty, trade_id, agg_trade_id = trade
                printed_trade = PublicTrade(trade_id, agg_trade_id, px, qty, at_ns, side == _BUY)
                self._print(market, printed_trade, now_ns, out)
            if flag & _LEVEL:
                self._change(market, update_id, side, price, level_qty, now_ns, out)
        self._close_aggregate(now_ns, out)

    def _learned(self, number: int) -> _Market | None:
        # The catalogue cannot be read while the matcher is replaced; the next event asks again.
        self.learn()
        return self._markets.get(number)

    def _print(self, market: _Market, trade: PublicTrade, now_ns: int, out: list[Message]) -> None:
        told_ns = max(now_ns, trade.at_ns)
        if market.trade_stream in self._wanted:
            told = Trade(market.instrument, trade, told_ns)
            out.append(Message(market.trade_stream, told))
        if self._open is not None:
            joined = self._open[1].joined(trade) if self._open[0] is market else None
            if joined is not None:
                self._open = (market, joined)
                return
            self._close_aggregate(now_ns, out)
        self._open = (market, agg_trade_of(trade))

    def _close_aggregate(self, now_ns: int, out: list[Message]) -> None:
        if self._open is None:
            return
        market, trade = self._open
        self._open = None
        self._tapes.add(market.number, trade)
        stream = market.agg_trade_stream
        if stream in self._wanted:
            told_ns = max(now_ns, trade.at_ns)
            out.append(Message(stream, Aggregate(market.instrument, trade, told_ns)))

    def _change(
        self,
        market: _Market,
        update_id: int,
        side: int,
        price: int,
        qty: int,
        now_ns: int,
        out: list[Message],
    ) -> None:
        if market.fast.breaks_at(update_id):
            self._close(market.fast, market, FAST, now_ns, out)
        if market.slow.breaks_at(update_id):
            self._close(market.slow, market, "", now_ns, out)
        market.fast.add(update_id, side, price, qty)
        market.slow.add(update_id, side, price, qty)
        market.touch()

    def _close(
        self, window: DepthWindow, market: _Market, ending: str, now_ns: int, out: list[Message]
    ) -> None:
        update = window.close(now_ns)
        if update is None:
            return
        if window is market.fast:
            market.known.apply(update)
        stream = f"{market.prefix}depth{ending}"
        if stream in self._wanted:
            out.append(Message(stream, update))

    def _settle_doubt(self, number: int, market: _Market, now_ns: int, out: list[Message]) -> None:
        if market.owed_id and market.fast.last_id >= market.owed_id:
            # Whatever was lost, the ids have shown it.
            market.doubted_ns = 0
            self._learn_levels(number, market)
            return
        view = self._depth(number)
        if view is None:
            return
        if not market.owed_id:
            # Events on their way may still bring it, so it is waited for once it is known.
            market.doubted_ns, market.owed_id = now_ns, view.update_id
            if view.update_id <= market.fast.last_id:
                market.doubted_ns = 0
        elif now_ns >= market.doubted_ns + _SHOW_HOLE_AFTER_NS:
            self._show_hole(market, view, now_ns, out)

    def _show_hole(self, market: _Market, view: DepthView, now_ns: int, out: list[Message]) -> None:
        streams = ((market.fast, FAST), (market.slow, ""))
        for window, ending in streams:
            self._close(window, market, ending, now_ns, out)
        levels: tuple[list[Level], list[Level]] | None = _levels(view, 1)
        if view.update_id == market.fast.last_id + 1:
            levels = market.known.one_change_to(view)
        if levels is None:
            return
        market.doubted_ns = 0
        market.known.learn(view)
        for window, ending in streams:
            update = window.skip_to(view.update_id, *levels, now_ns)
            out.append(Message(f"{market.prefix}depth{ending}", update))

    def _learn_levels(self, number: int, market: _Market) -> None:
        view = self._depth(number)
        if view is not None:
            market.known.learn(view)

    def _partial(self, number: int, market: _Market, ending: str, out: list[Message]) -> bool:
        """Tell the partial depths; False when the book cannot be read now."""
        streams = {levels: f"{market.prefix}depth{levels}{ending}" for levels in PARTIAL_LEVELS}
        wanted = [levels for levels in PARTIAL_LEVELS if streams[levels] in self._wanted]
        view = self._depth(number) if wanted else None
        if wanted and view is None:
            return False
        for levels in wanted:
            assert view is not None
            out.append(Message(streams[levels], _partial_depth(market.instrument, view, levels)))
        return True

    def _book_ticker(self, number: int, market: _Market) -> BookTicker | None:
        view = self._depth(number)
        if view is None:
            return None
        return BookTicker(market.instrument, view.update_id, *best_levels(view))


def best_levels(view: DepthView) -> tuple[Level, Level]:
    """Return the best bid and ask; (0, 0) stands for an empty side."""
    bids, asks = _levels(view, 1)
    return (*bids, _EMPTY)[0], (*asks, _EMPTY)[0]


def _levels(view: DepthView, count: int) -> tuple[list[Level], list[Level]]:
    bids, asks = (
        list(zip(side["price"][:count].tolist(), side["qty"][:count].tolist(), strict=True))
        for side in (view.bids, view.asks)
    )
    return bids, asks


def _partial_depth(instrument: Instrument, view: DepthView, levels: int) -> PartialDepth:
    bids, asks = _levels(view, levels)
    return PartialDepth(instrument, view.update_id, bids, asks)


def _partial_levels(rest: str) -> int:
    name = rest.removesuffix(FAST)
    return next((levels for levels in PARTIAL_LEVELS if name == f"depth{levels}"), 0)
