"""The broadcaster's server alone, for `ws_bench`: a round of trades for every byte on standard input.

`python -m benchmarks.ws_subject TRADES [TICK_MS]` prints its port, then turns each round from Event rows into
deliveries with the code that the broadcaster runs, and ends when standard input does.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable

import numpy as np
import uvloop

from broadcaster.history import Unavailable
from broadcaster.recent import Past
from broadcaster.server import Server
from conf.sections import Ws
from protocol.layout import rows_of
from protocol.names import Asset, Instrument
from protocol.records import Event
from protocol.tape import AggTrade
from protocol.terms import EventFlag, EventKind, Side
from protocol.user_feed import Names
from runtime import clock
from runtime.endpoints import frame_of

_FIRST_ID = 100_000_001


class Rounds:
    """A source of frames: one command with so many trades, maker and taker side of each.

    `together`: rounds that have come by now are handed over in one go, as the market wire does; else each is
    a write of its own, as it is at the yardstick.
    """

    def __init__(self, trades: int, *, together: bool) -> None:
        self._trades = trades
        self._together = together
        self._rows = rows_of(Event, 2 * trades)
        self._rows["kind"] = EventKind.TRADE
        self._rows["side"] = np.tile([Side.SELL, Side.BUY], trades)
        self._rows["flags"] = np.tile([EventFlag.MAKER | EventFlag.LEVEL, 0], trades)
        self._rows["last_px"] = self._rows["price"] = 6_500_012
        self._rows["last_qty"], self._rows["level_qty"] = 12_345, 1_000_000
        self._rows["event_seq"] = np.arange(1, 2 * trades + 1)
        self._rows["trade_id"] = _FIRST_ID + np.repeat(np.arange(trades), 2)
        self._rows["agg_trade_id"] = _FIRST_ID
        self._rows["update_id"] = np.repeat(np.arange(1, trades + 1), 2)

    def attach(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[list[bytes]], None], limit: int
    ) -> None:
        """Let every byte on standard input be a round."""

        def read() -> None:
            asked = os.read(sys.stdin.fileno(), limit)
            if not asked:
                loop.stop()
            if self._together:
                take([self._frame() for _ in asked])
                return
            for _ in asked:
                take([self._frame()])

        loop.add_reader(sys.stdin.fileno(), read)

    def _frame(self) -> bytes:
        self._rows["at_ns"] = clock.wall_ns()
        frame = frame_of(Event, self._rows)
        self._rows["event_seq"] += 2 * self._trades
        self._rows["trade_id"] += self._trades
        self._rows["agg_trade_id"] += 1
        self._rows["update_id"] += self._trades
        return frame


class OneMarket:
    """A market with one instrument and no book to read."""

    _assets = (Asset(0, "BTC", 8), Asset(1, "USDT", 8))

    def instruments(self) -> list[Instrument]:
        """Return the instrument."""
        return [Instrument(0, "BTCUSDT", *self._assets, price_decimals=2, qty_decimals=5)]

    def depth(self, instrument: int) -> None:
        """Return no depth: no stream of the bench tells one."""

    def state(self, instrument: int) -> None:
        """Return no state: no stream of the bench tells one."""

    def ask_queues(self, instrument: int) -> None:
        """Ask for nothing: no stream of the bench needs it."""

    def queues(self, instrument: int, asked: int) -> None:
        """Return no snapshot."""

    def event_seq(self) -> int:
        """Tell nothing of what was told: nothing is lost here."""
        return 0

    def clock_ns(self) -> int:
        """Return the time of nothing: no candle is told."""
        return 0

    def names(self) -> Names:
        """Return the names."""
        return Names(self.instruments().__getitem__, self._assets.__getitem__, lambda _: 0)


class NoHistory:
    """Nothing was before the bench, which is known: trades go onto the tape as they do in the exchange."""

    async def past(self, instrument: Instrument, now_ns: int) -> Past:
        """Return that there was nothing."""
        return Past([], [], [], None)

    async def trades_from(self, instrument: Instrument, agg_trade_id: int) -> list[AggTrade]:
        """Raise Unavailable."""
        raise Unavailable("the bench has no history")


class NoKeys:
    """Nobody listens to a user data stream."""

    def account_of(self, key: str) -> None:
        """Return nobody."""

    def sweep(self) -> int:
        """Remove nothing."""
        return 0


def main(trades: int, tick_ms: float) -> None:
    """Serve until standard input ends."""
    loop = uvloop.new_event_loop()
    # The clients of the bench answer no pings.
    ws = Ws(port=0, tick_ms=tick_ms, ping_interval_s=3600, pong_timeout_s=3600)
    rounds = Rounds(trades, together=tick_ms > 0)
    server = Server(ws, rounds, OneMarket(), NoHistory(), NoKeys(), logging.getLogger())
    loop.run_until_complete(server.start())
    print(server.port, flush=True)
    loop.run_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)
