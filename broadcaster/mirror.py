"""The mirror process: `python -m broadcaster.mirror`. The market of another host, out of Redis or over the wire.

It stands where the matcher stands on its own host: it publishes the public blocks of shared memory and sends
the market wire, so broadcasters and ingress workers of this host are those of every host. Nothing can be entered here
(`StatusRow.ready` is MIRRORED), and no account is known.

Events are passed on in order. Missing ones are asked for in the stream of frames; what is not there any more is
a gap like any other: whoever listens sees it by the numbers.
"""

import sys
import time

from broadcaster.mirror_board import MirrorBoard
from broadcaster.start import start
from conf.hosts import Redis
from conf.settings import Settings
from protocol.layout import Rows, rows_from
from protocol.records import Event
from runtime.curve import CannotListen, Keys, NoKeys, is_key
from runtime.endpoints import MARKET, address
from runtime.endpoints import frame_of as wire_frame
from runtime.market_bus import Away, Frame, MarketBus, WrongVersion
from runtime.market_wire import MarketLink, place_of
from runtime.service import BadConfiguration, Service
from runtime.sockets import Publish

PAUSE_S = 0.25
SILENCE_S = 3.0
"""Frames come ten times a second; after so long without one the connection is made anew."""
_HEAR_S = 0.005
"""How long a frame is waited for before requests for deep books are looked at."""


def main() -> int:
    """Run until stopped; the result is the exit status."""
    return start("mirror", _run)


def _run(settings: Settings, process: Service) -> None:
    mirror = Mirror(settings.redis, _bus(settings), process)
    while not process.stopping:
        mirror.turn()
        if mirror.board is None:
            process.progress(waiting="for the market")
        process.beat(**mirror.facts())
    mirror.close()


def _bus(settings: Settings) -> MarketBus | MarketLink:
    """Return where the market comes from.

    Raises: BadConfiguration.
    """
    redis, wire = settings.redis, settings.wire
    if not wire.source:
        return MarketBus(redis.source, redis.prefix, redis.frames)
    if redis.source:
        raise BadConfiguration(
            "redis.source and wire.source are both set: take the market from one"
        )
    if not is_key(wire.source_key):
        raise BadConfiguration(
            "wire.source_key must be the public key of the exchange: `openbourse keys show` there tells it"
        )
    keys = Keys(settings.curve_folder)
    try:
        keys.own()
        return MarketLink(keys, wire.source_key, place_of("wire.source", wire.source))
    except (NoKeys, CannotListen) as error:
        raise BadConfiguration(str(error)) from error


class Mirror:
    """What the loop of the mirror works with."""

    def __init__(self, redis: Redis, bus: MarketBus | MarketLink, process: Service) -> None:
        self.board: MirrorBoard | None = None
        self._redis = redis
        self._process = process
        self._bus = bus
        self._wire = Publish(MARKET.limit)
        self._wire.bind(address(MARKET, process.run))
        self._listening = False
        self._away = ""
        self._next = 0
        self._lost = 0
        self._state_s = self._heard_s = 0.0

    def turn(self) -> None:
        """Do one round of the loop: hear at most one frame."""
        try:
            if not self._listening:
                self._connect()
            elif self.board is not None:
                self._hear(self.board)
        except WrongVersion as error:
            raise BadConfiguration(str(error)) from error
        except Away as error:
            if not self._away:
                self._process.log.warning("%s is away: %s", self._bus.kind, error)
            self._away, self._listening = str(error), False
            time.sleep(PAUSE_S)

    def facts(self) -> dict[str, object]:
        """Return what the supervisor should know."""
        return {"event_seq": self._next - 1, "lost": self._lost, "away": bool(self._away)}

    def close(self) -> None:
        """Let go of wire, memory and Redis."""
        self._wire.close()
        self._bus.close()
        if self.board is not None:
            self.board.remove()

    def _connect(self) -> None:
        self._bus.listen()
        if self.board is None:
            state = self._bus.state()
            if state is None:
                time.sleep(PAUSE_S)
                return
            self.board = MirrorBoard(self._process.run, state)
            self._next = state.last + 1
        self._catch_up(self.board)
        self._listening = True
        self._heard_s = time.monotonic()
        if self._away:
            self._process.log.info("%s is there again", self._bus.kind)
        self._away = ""
        if self._state_s == 0.0:
            self._process.ready(bus=self._bus.kind)
            self._state_s = time.monotonic()

    def _hear(self, board: MirrorBoard) -> None:
        frame = self._bus.heard(_HEAR_S)
        now_s = time.monotonic()
        if frame is None and now_s - self._heard_s > SILENCE_S:
            # A connection that died without a word looks like this; so does a relay that is away.
            self._listening = False
        if frame is not None:
            self._heard_s = now_s
            # Without events it says what the newest one was.
            first = self._first(frame) if frame.events else frame.last + 1
            if first > self._next:
                self._catch_up(board)
            self._pass_on(board, frame)
        board.answer_requests()
        if not board.books.are_whole and now_s - self._state_s >= self._redis.state_s:
            self._state_s = now_s
            if (state := self._bus.state()) is not None:
                board.load_books(state)

    def _catch_up(self, board: MirrorBoard) -> None:
        for frame in self._bus.since(self._next):
            self._pass_on(board, frame)

    def _first(self, frame: Frame) -> int:
        return int(rows_from(Event, frame.events)["event_seq"][0])

    def _pass_on(self, board: MirrorBoard, frame: Frame) -> None:
        """Show what a frame says and send its events; in this order, as the matcher does."""
        rows = self._fresh(frame)
        board.take(frame, rows)
        if rows is not None and len(rows):
            self._wire.send(wire_frame(Event, rows))

    def _fresh(self, frame: Frame) -> Rows | None:
        """Return the events of a frame that were not passed on yet."""
        if not frame.events:
            return None
        rows = rows_from(Event, frame.events)
        rows = rows[rows["event_seq"] >= self._next]
        if len(rows):
            first = int(rows["event_seq"][0])
            if first > self._next:
                self._lost += first - self._next
                self._process.log.warning("events were missed: %d so far", self._lost)
            self._next = int(rows["event_seq"][-1]) + 1
        return rows


if __name__ == "__main__":
    sys.exit(main())
