"""Event rows by hand: a small market that writes what the matcher would, and shows its depth."""

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from broadcaster.feed import Feed
from broadcaster.intake import Intake
from broadcaster.messages import Message
from broadcaster.tapes import Tapes
from protocol.board import DepthLevel, InstrumentRow
from protocol.board_reads import DepthView, QueueView
from protocol.layout import Rows, rows_of
from protocol.names import Asset, Instrument
from protocol.records import Event
from protocol.terms import EventFlag, EventKind, SessionPhase, Side
from protocol.user_feed import Names
from runtime import clock

FIRST_TRADE_ID = 100_000_001
BTC, ETH, USDT = Asset(0, "BTC", 8), Asset(1, "ETH", 8), Asset(2, "USDT", 8)
BTCUSDT = Instrument(0, "BTCUSDT", BTC, USDT, price_decimals=2, qty_decimals=5)
ETHUSDT = Instrument(1, "ETHUSDT", ETH, USDT, price_decimals=2, qty_decimals=4)
START_NS = 1_700_000_000_000_000_000


class HandMarket:
    """One exchange with level books that are moved by hand.

    `with market.command():` makes one command of what is done inside; `market.rows()` takes away
    the events made since the last call, in wire order.
    """

    def __init__(self, instruments: int = 1) -> None:
        self.at_ns = START_NS
        self.update_ids = [0] * instruments
        self.trade_ids = [FIRST_TRADE_ID] * instruments
        self.agg_ids = [FIRST_TRADE_ID - 1] * instruments
        self.books: list[dict[Side, dict[int, int]]] = [
            {Side.BUY: {}, Side.SELL: {}} for _ in range(instruments)
        ]
        self.states = rows_of(InstrumentRow, instruments)
        self.states["phase"] = SessionPhase.CONTINUOUS
        self.queue_views: dict[int, QueueView] = {}
        self.told_seq = 0
        self._seq = 0
        self._event_seq = 0
        self._events: list[Rows] = []
        self._in_command = False
        self._taker_run: tuple[int, int] | None = None

    @contextmanager
    def command(self) -> Iterator[None]:
        """Make one command of the events inside, at one time."""
        assert not self._in_command
        self._in_command = True
        self._seq += 1
        self.at_ns += 1_000_000
        self._taker_run = None
        yield
        self._events[-1]["flags"] |= np.uint8(EventFlag.LAST)
        self._in_command = False

    def level(self, side: Side, price: int, qty: int, *, instrument: int = 0) -> None:
        """Let the visible quantity of a level become `qty`: an order rests, shrinks or leaves."""
        event = self._event(EventKind.ACCEPTED, instrument)
        self._set_level(event, instrument, side, price, qty)

    def trade(self, maker_side: Side, price: int, qty: int, *, instrument: int = 0) -> None:
        """Let one maker of the level be hit for `qty`: two events, maker first."""
        level_qty = self.books[instrument][maker_side][price] - qty
        assert level_qty >= 0
        if self._taker_run != (instrument, price):
            self._taker_run = (instrument, price)
            self.agg_ids[instrument] += 1
        for side, flag in ((maker_side, EventFlag.MAKER), (Side(1 - maker_side), EventFlag(0))):
            event = self._event(EventKind.TRADE, instrument)
            event["flags"] |= np.uint8(flag)
            event["side"] = side
            event["price"] = event["last_px"] = price
            event["last_qty"] = qty
            event["trade_id"] = self.trade_ids[instrument]
            event["agg_trade_id"] = self.agg_ids[instrument]
            if flag:
                self._set_level(event, instrument, side, price, level_qty)
        self.trade_ids[instrument] += 1

    def deposit(self, account: int, asset: int, amount: int) -> None:
        """Let an account get money."""
        event = self._event(EventKind.DEPOSITED, 0)
        event["account"], event["asset"] = account, asset
        event["last_qty"] = event["base_free"] = amount

    def other(self, kind: EventKind, **facts: int) -> None:
        """Let something else happen to the first instrument."""
        event = self._event(kind, 0)
        for name, value in facts.items():
            event[name] = value

    def rows(self) -> Rows:
        """Take away the events made so far."""
        made = self._events or [rows_of(Event, 0)]
        self._events = []
        return np.concatenate(made)

    def instruments(self) -> tuple[Instrument, ...]:
        """List the instruments, as the board does."""
        return (BTCUSDT, ETHUSDT)[: len(self.books)]

    def state(self, instrument: int) -> Rows:
        """Show the market state of an instrument, as the board does."""
        return self.states[instrument]

    def ask_queues(self, instrument: int) -> int:
        """Take a request for the book order by order, as the board does."""
        return 0

    def queues(self, instrument: int, asked: int) -> QueueView | None:
        """Show the book order by order, once the test has put it in."""
        return self.queue_views.pop(instrument, None)

    def clock_ns(self) -> int:
        """Tell the matcher's clock, which runs like ours."""
        return clock.wall_ns()

    def event_seq(self) -> int:
        """Tell the last event, as the board does, once the test has said it."""
        return self.told_seq

    def names(self) -> Names:
        """Tell names, as the board does."""
        assets = [BTC, ETH, USDT]
        return Names(self.instruments().__getitem__, assets.__getitem__, lambda _: 0)

    def depth(self, instrument: int, levels: int = 100) -> DepthView:
        """Show the best levels, as the board does."""
        book = self.books[instrument]
        return DepthView(
            update_id=self.update_ids[instrument],
            seq=self._seq,
            at_ns=self.at_ns,
            complete=max(len(side) for side in book.values()) <= levels,
            bids=_side(sorted(book[Side.BUY].items(), reverse=True)[:levels]),
            asks=_side(sorted(book[Side.SELL].items())[:levels]),
        )

    def _event(self, kind: EventKind, instrument: int) -> Rows:
        assert self._in_command, "use `with market.command():`"
        row = rows_of(Event, 1)
        self._event_seq += 1
        row["kind"], row["instrument"] = kind, instrument
        row["seq"], row["event_seq"], row["at_ns"] = self._seq, self._event_seq, self.at_ns
        self._events.append(row)
        return row

    def _set_level(self, event: Rows, instrument: int, side: Side, price: int, qty: int) -> None:
        self.update_ids[instrument] += 1
        event["flags"] |= np.uint8(EventFlag.LEVEL)
        event["side"], event["price"], event["level_qty"] = side, price, qty
        event["update_id"] = self.update_ids[instrument]
        book = self.books[instrument][side]
        if qty:
            book[price] = qty
        else:
            book.pop(price, None)


class FedFeed(Feed):
    """A feed behind an intake, as in the server."""

    def __init__(
        self, market: HandMarket, wanted: Container[str], depth: Callable[[int], Any] | None = None
    ) -> None:
        tapes = Tapes(wanted, lambda _: None)
        super().__init__(market.instruments, depth or market.depth, tapes, wanted)
        self.intake = Intake()

    def take(self, rows: Rows, now_ns: int) -> list[Message]:
        """Take in one frame."""
        out: list[Message] = []
        for fresh, after_gap in self.intake.take(rows):
            if after_gap:
                self.doubt(now_ns)
            out += super().take(fresh, now_ns)
        return out


def _side(levels: list[tuple[int, int]]) -> Rows:
    rows = rows_of(DepthLevel, len(levels))
    for row, (price, qty) in zip(rows, levels, strict=True):
        row["price"], row["qty"], row["order_count"] = price, qty, 1
    return rows
