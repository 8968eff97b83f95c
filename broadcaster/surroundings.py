"""What a broadcaster's server needs of the world, so that tests and other hosts can give it otherwise."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from broadcaster.recent import Past
from protocol.board_reads import DepthView, QueueView
from protocol.layout import Rows
from protocol.names import Instrument
from protocol.tape import AggTrade
from protocol.user_feed import Names


class Source(Protocol):
    """Where frames of Event rows come from (`runtime.sockets.Subscribe`)."""

    def attach(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[list[bytes]], None], limit: int
    ) -> None:
        """Call `take` with up to `limit` frames at a time whenever some have come."""


class Market(Protocol):
    """What is read beside the events (`broadcaster.live_market.LiveMarket`)."""

    def instruments(self) -> Sequence[Instrument]:
        """Return all instruments, by number."""

    def depth(self, instrument: int) -> DepthView | None:
        """Return the newest published depth; None while there is none to read."""

    def state(self, instrument: int) -> Rows | None:
        """Return a copy of an instrument's market state; None while there is none to read."""

    def ask_queues(self, instrument: int) -> int | None:
        """Ask for the book order by order; return what `queues` wants to know, None: not now."""

    def queues(self, instrument: int, asked: int) -> QueueView | None:
        """Return the snapshot that was asked for; None: not yet."""

    def clock_ns(self) -> int:
        """Return a time before which everything that was stamped has been told; 0 when not known."""

    def event_seq(self) -> int:
        """Return the last event that has been told; 0 when not known."""

    def names(self) -> Names:
        """Return what the user feed asks."""


class History(Protocol):
    """Where the past is asked for (`broadcaster.history.RestHistory`). Both raise Unavailable."""

    async def past(self, instrument: Instrument, now_ns: int) -> Past:
        """Return what was before `now_ns`, and the trades of the minute now running."""

    async def trades_from(self, instrument: Instrument, agg_trade_id: int) -> list[AggTrade]:
        """Return all aggregated trades from an id on."""


class Keys(Protocol):
    """The listen keys (`runtime.listen_keys.ListenKeys`)."""

    def account_of(self, key: str) -> int | None:
        """Return whose key it is; None when it is not alive."""

    def sweep(self) -> int:
        """Remove what is left of expired keys."""
