"""The relay process: `python -m broadcaster.relay`. The market wire of this host into Redis, for other hosts.

It is a broadcaster without clients. Events of a tick leave in one frame, with nothing private in them
(`protocol/public_rows.py`) and with the depth of every book that they changed. While Redis is away
frames wait, up to a limit; beyond that the oldest are dropped, and the mirrors see the gap.
"""

import sys
import time
from collections import deque

import numpy as np

from broadcaster.intake import Intake
from broadcaster.start import start
from conf.hosts import Redis
from conf.settings import Settings
from protocol.board_reads import Board, DeepRequests, DepthView, Unreadable
from protocol.layout import Rows, joined, rows_of
from protocol.public_rows import LISTINGS, public_rows, touched
from protocol.records import FORMAT_VERSION, Event
from runtime import clock
from runtime.curve import CannotListen, Keys, NoKeys
from runtime.endpoints import MARKET, WrongFrame, address, rows_in
from runtime.market_bus import Away, Frame, Listings, MarketBus, State, depth_of, frame_of
from runtime.market_wire import MarketDoor, place_of
from runtime.service import BadConfiguration, Service
from runtime.shared import NotPublished, Reader, deep_requests
from runtime.sockets import Subscribe

WAITING_FRAMES = 2_000
"""Frames that wait while Redis is away: some ten seconds of a busy market."""
BEAT_S = 0.1
"""A frame without events comes so often: it says how far the market's clock is."""
RETRY_S = 0.25
_FRAMES_AT_ONCE = 256


def main() -> int:
    """Run until stopped; the result is the exit status."""
    return start("relay", _run)


def _run(settings: Settings, process: Service) -> None:
    source = Subscribe(MARKET.limit)
    source.connect(address(MARKET, process.run))
    bus = _bus(settings)
    relay = Relay(settings.redis, bus, Reader(process.run), process)
    process.ready(bus=bus.kind)
    while not process.stopping:
        source.wait(round(max(1.0, settings.redis.tick_ms)))
        relay.take(list(source.drain(_FRAMES_AT_ONCE)))
        relay.turn()
        process.beat(**relay.facts())
        time.sleep(settings.redis.tick_ms / 1000)
    source.close()


def _bus(settings: Settings) -> MarketBus | MarketDoor:
    """Return where the market goes.

    Raises: BadConfiguration.
    """
    redis, wire = settings.redis, settings.wire
    if not wire.listen:
        return MarketBus(redis.url, redis.prefix, redis.frames)
    if redis.url:
        raise BadConfiguration("redis.url and wire.listen are both set: the relay has one way out")
    try:
        return MarketDoor(
            Keys(settings.curve_folder), place_of("wire.listen", wire.listen), redis.frames
        )
    except (NoKeys, CannotListen) as error:
        raise BadConfiguration(str(error)) from error


class Relay:
    """What the loop of the relay works with."""

    def __init__(
        self, redis: Redis, bus: MarketBus | MarketDoor, blocks: Reader, process: Service
    ) -> None:
        self._redis = redis
        self._blocks = blocks
        self._board = Board(blocks.current)
        self._log = process.log
        self._run = process.run
        self._bus = bus
        self._intake = Intake()
        self._waiting: deque[Frame] = deque(maxlen=WAITING_FRAMES)
        self._last = 0
        self._sent_s = self._retry_s = self._state_s = 0.0
        self._is_new = True
        """Nothing was sent yet since Redis was last found."""
        self._away = ""
        self._books: dict[int, DepthView] = {}

    def take(self, frames: list[bytes]) -> None:
        """Take in frames of the market wire as one frame to be sent."""
        found = []
        for frame in frames:
            try:
                rows = rows_in(Event, frame)
            except WrongFrame as wrong:
                self._log.error("market frame left out: %s", wrong)
                continue
            found += [portion.rows for portion in self._intake.take(rows)]
        if found:
            self._frame(joined(Event, found))

    def turn(self) -> None:
        """Send what waits, and what is due."""
        self._bus.answer()
        now_s = time.monotonic()
        if now_s < self._retry_s:
            return
        if not self._waiting and now_s - self._sent_s >= BEAT_S:
            self._frame(rows_of(Event, 0))
        try:
            self._send(now_s)
        except Away as error:
            if not self._away:
                self._log.warning("%s is away, frames wait: %s", self._bus.kind, error)
            self._away, self._is_new = str(error), True
            self._retry_s = now_s + RETRY_S
        else:
            if self._away:
                self._log.info("%s is there again", self._bus.kind)
            self._away = ""

    def facts(self) -> dict[str, object]:
        """Return what the supervisor should know."""
        return {"event_seq": self._last, "waiting": len(self._waiting), "away": bool(self._away)}

    def _send(self, now_s: float) -> None:
        if self._is_new:
            # A stream that is ahead of the market is that of another journal.
            if self._bus.newest() > self._event_seq():
                self._log.warning(
                    "what %s keeps is of another journal and is removed", self._bus.kind
                )
                self._bus.forget()
            self._is_new, self._state_s = False, 0.0
        if self._waiting:
            self._bus.send(self._waiting)
            self._waiting.clear()
            self._sent_s = now_s
        if now_s - self._state_s >= self._redis.state_s and (state := self._state()) is not None:
            self._bus.keep(state)
            self._state_s = now_s

    def _event_seq(self) -> int:
        try:
            return max(self._last, int(self._board.status()["event_seq"]))
        except NotPublished:
            return 1 << 62

    def _frame(self, rows: Rows) -> None:
        """Make a frame; nothing while the matcher is being replaced and there is no market to show."""
        if len(rows):
            self._last = int(rows["event_seq"][-1])
        try:
            status = self._board.status().reshape(1)
            frame = frame_of(status, public_rows(rows), self._last)
            for number in touched(rows):
                frame.depths.append(depth_of(number, self._board.depth(number)))
                frame.instruments.append((number, self._board.instrument(number).tobytes()))
            if np.isin(rows["kind"], [int(kind) for kind in LISTINGS]).any():
                frame.listings = self._listings()
        except (NotPublished, Unreadable):
            return
        self._waiting.append(frame)

    def _listings(self) -> Listings:
        blocks = self._blocks.current()
        names = ("assets", "instruments", "terms")
        return Listings(*(blocks[name].tobytes() for name in names))

    def _state(self) -> State | None:
        """Gather the whole market; None while the books that changed are still being made."""
        try:
            # Read before the books, which therefore hold every event up to it.
            last = self._last or int(self._board.status()["event_seq"])
            blocks = self._blocks.current()
            capacity = len(blocks["instruments"])
            requests = DeepRequests(self._board, deep_requests(self._run, capacity))
            for number in range(len(self._board.symbols())):
                if not self._is_book_known(number):
                    view = requests.answer(number, requests.ask(number))
                    if view is None:
                        return None
                    self._books[number] = view
            depths = [depth_of(number, self._board.depth(number)) for number in self._books]
            return State(
                FORMAT_VERSION,
                self._board.status().tobytes(),
                last,
                self._listings(),
                capacity,
                blocks["depth_levels"].shape[3],
                depths,
                [depth_of(number, view) for number, view in self._books.items()],
            )
        except (NotPublished, Unreadable):
            return None

    def _is_book_known(self, number: int) -> bool:
        known = self._books.get(number)
        update_id = int(self._board.instrument(number)["update_id"])
        # A little behind is good enough: the events since then are in the stream.
        return known is not None and (
            known.update_id == update_id or clock.wall_ns() - known.at_ns < _FRESH_NS
        )


_FRESH_NS = 500_000_000

if __name__ == "__main__":
    sys.exit(main())
