"""The stream server: events in from a source, frames out to connections, all on one event loop.

Events are turned into messages as soon as they come. They leave at once when nothing has left for
a tick, else when the tick ends, so that a quiet market has no delay and a busy one few writes. One write
to everybody takes longer than a tick when there are many: what has come meanwhile is taken in
before the next one begins, or it would wait for two.
Three clocks run beside: the windows of depth streams, and a look at every connection each second.
"""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from websockets.frames import CloseCode

from broadcaster.channels import Channels
from broadcaster.connection import Connection
from broadcaster.delays import Delays
from broadcaster.feed import Feed, best_levels
from broadcaster.intake import Intake, runs
from broadcaster.keepers import keep_history, keep_queues
from broadcaster.l3 import Orders
from broadcaster.messages import Body, Level, Message, ServerShutdown
from broadcaster.sessions import Sessions
from broadcaster.surroundings import History, Keys, Market, Source
from broadcaster.tapes import Tapes
from broadcaster.user_streams import Journal, UserStreams
from conf.sections import Ws
from protocol.layout import Rows
from protocol.records import Event
from protocol.user_feed import UserFeed
from runtime import clock
from runtime.endpoints import WrongFrame, rows_in
from runtime.forwarded import Proxies

FAST_WINDOW_S = 0.1
CONNECT_WINDOW_S = 300
CHECK_S = 1.0
"""Between two looks at every connection: how late a limit of time is kept."""
SWEEP_S = 600
SPARE_CONNECTIONS = 256
"""Sockets beyond the limit that still get a proper refusal; further ones are just closed."""
GOODBYE_S = 2.0
HANDSHAKE_TURNS, HANDSHAKE_TURN_S = 50, 0.01
"""How long a server that stops waits for handshakes that have begun."""
FRAMES_AT_ONCE = 16
"""Frames taken in before the loop turns to the connections; one may hold thousands of events."""
MOMENT_S = 0.002
"""How long messages wait for what is on its way, so that one write to everybody carries both."""


class Server:
    """One broadcaster."""

    def __init__(
        self,
        ws: Ws,
        source: Source,
        market: Market,
        history: History,
        keys: Keys,
        log: logging.Logger,
        delays: Delays | None = None,
        journal: Journal | None = None,
        proxies: Proxies | None = None,
    ) -> None:
        self.ws = ws
        self.proxies = proxies or Proxies()
        self._delays = delays or Delays()
        self.delivered = 0
        self._log = log
        self._source = source
        self.channels = Channels()
        self._intake = Intake()
        self._tapes = Tapes(self.channels, self._best)
        self._feed = Feed(market.instruments, market.depth, self._tapes, self.channels)
        self._sessions = Sessions(market.instruments, market.state, self.channels)
        self._market = market
        self._history = history
        self._orders = Orders(market.instruments, self.channels)
        self._keepers: list[asyncio.Task[None]] = []
        self._users = UserStreams(
            UserFeed(market.names()),
            keys.account_of,
            self._tell_soon,
            self._end_user_streams,
            journal,
        )
        self._keys = keys
        self.channels.current = self._current
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._connects: dict[str, int] = {}
        self._connects_from_s = 0.0
        self._known_seq = self._told_seq = self._heard_seq = 0
        """The last event that need not be waited for; told, and heard, at the last look."""
        self._listener: asyncio.Server | None = None
        self._timers: dict[Callable[[], None], asyncio.TimerHandle] = {}
        self._flush_at: asyncio.TimerHandle | None = None
        self._flushed_s = 0.0

    @property
    def connections(self) -> int:
        """Return how many sockets are open."""
        return len(self._connections)

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        assert self._listener is not None, "not started"
        return int(self._listener.sockets[0].getsockname()[1])

    async def start(self, door: socket.socket | None = None) -> None:
        """Learn the instruments, take the feed and listen, at a bound socket when there is one.

        Raises: OSError when the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        self._known_seq = self._told_seq = self._heard_seq = self._market.event_seq()
        self._feed.learn()
        self._sessions.learn()
        place: dict[str, Any] = {"sock": door} if door else {
            "host": self.ws.host, "port": self.ws.port, "reuse_port": self.ws.workers > 1,
        }  # fmt: skip
        self._listener = await loop.create_server(lambda: Connection(self), backlog=1024, **place)
        self._source.attach(loop, self._take, FRAMES_AT_ONCE)
        self._every(FAST_WINDOW_S, self._close_fast_windows)
        self._every(self.ws.depth_interval_ms / 1000, self._close_slow_windows)
        self._every(1.0, self._tell_tapes)
        self._every(CHECK_S, self._check_connections)
        bodies = (
            keep_history(self._tapes, self._history, self._log),
            keep_queues(self._orders, self._market, self._tell_now),
        )
        self._keepers = [loop.create_task(body) for body in bodies]
        for keeper in self._keepers:
            keeper.add_done_callback(_expose)
        self._every(SWEEP_S, self._sweep_keys)

    async def stop(self) -> None:
        """Tell everybody, say goodbye, and wait a little for the answers."""
        if self._listener is not None:
            self._listener.close()
        for keeper in self._keepers:
            keeper.cancel()
        await self._finish_handshakes()
        self._flush()
        for timer in self._timers.values():
            timer.cancel()
        listening = [connection for connection in self._connections if connection.is_open]
        self.channels.tell_all(listening, "!serverShutdown", ServerShutdown(clock.wall_ns()))
        for connection in list(self._connections):
            connection.close(CloseCode.GOING_AWAY, "Server shutdown")
        if self._connections:
            self._empty.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._empty.wait(), GOODBYE_S)
        for connection in list(self._connections):
            connection.abort()

    async def _finish_handshakes(self) -> None:
        """Let who has just connected be a client before it is told goodbye: it would see a broken connection."""
        for _ in range(HANDSHAKE_TURNS):
            if not any(one.is_opening for one in self._connections):
                return
            await asyncio.sleep(HANDSHAKE_TURN_S)

    def arrived(self, connection: Connection) -> str | None:
        """Count a connection in; the text of the refusal when there is no room."""
        self._connections.add(connection)
        if len(self._connections) > self.ws.max_connections + SPARE_CONNECTIONS:
            connection.abort()
        if len(self._connections) > self.ws.max_connections:
            return f"{self.ws.max_connections} connections are open, which is the limit"
        return None

    def comes_from(self, address: str) -> str | None:
        """Count a connection of this address; the text of the refusal when it opened too many."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._connects_from_s >= CONNECT_WINDOW_S:
            self._connects_from_s = now_s
            self._connects.clear()
        self._connects[address] = self._connects.get(address, 0) + 1
        if self._connects[address] > self.ws.connects_limit:
            return f"{address} opened more than {self.ws.connects_limit} connections in 5 minutes"
        return None

    def departed(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def subscribe(self, connection: Connection, names: Iterable[str]) -> None:
        """Add streams to those a connection listens to."""
        asked = list(names)
        for name in asked:
            self._users.listen(name)
        self.channels.subscribe(connection, asked)

    def _take(self, frames: list[bytes]) -> None:
        now_ns = clock.wall_ns()
        for rows in runs(self._read(frames)):
            self._take_rows(rows, now_ns)
        if len(frames) < FRAMES_AT_ONCE:
            self._flush_soon()
        else:
            self._flush_with_next()

    def _read(self, frames: list[bytes]) -> Iterator[Rows]:
        for frame in frames:
            try:
                yield rows_in(Event, frame)
            except WrongFrame as wrong:
                self._log.error("market frame left out: %s", wrong)

    def _take_rows(self, rows: Rows, now_ns: int) -> None:
        self._users.live(rows)
        for fresh, after_gap in self._intake.take(rows):
            self._delays.took(fresh)
            if after_gap:
                self._log.warning("events were missed: %d so far", self._intake.lost)
                self._delays.missed.set(self._intake.lost)
                self._doubt(now_ns)
            self.channels.publish(self._feed.take(fresh, now_ns))
            self.channels.publish(self._sessions.take(fresh, now_ns))
            self.channels.publish(self._orders.take(fresh, now_ns))

    def _doubt(self, now_ns: int) -> None:
        """Let all who tell a state hold it against the market's: events were lost."""
        self._feed.doubt(now_ns)
        self._orders.lost()
        self.channels.publish(self._sessions.afresh(now_ns))

    def _look_for_lost_end(self) -> None:
        """Notice events that were lost though nothing came after them: a matcher was killed, then all was quiet."""
        last = max(self._intake.last, self._known_seq)
        # Who is only behind hears more every second; what is missing then, a gap will show.
        if self._told_seq > last == self._heard_seq:
            self._log.warning("%d events were told and have not come", self._told_seq - last)
            last = self._known_seq = self._told_seq
            self._doubt(clock.wall_ns())
        # What had been told at the last look must have come by the next.
        self._heard_seq, self._told_seq = last, self._market.event_seq()

    def _tell_soon(self, messages: list[Message]) -> None:
        self.channels.publish(messages)
        self._flush_with_next()

    def _end_user_streams(self) -> None:
        self._flush()
        for key in self._users.keys:
            for subscriber in self.channels.subscribers(key):
                subscriber.stop(CloseCode.SERVICE_RESTART, "Events were missed, connect again")

    @property
    def _due_s(self) -> float:
        """When the tick that began with the last write ends."""
        return self._flushed_s + self.ws.tick_ms / 1000

    def _flush_soon(self) -> None:
        """Let everything leave: at once when nothing has left for a tick, else when it ends."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self._due_s:
            self._flush()
        elif self._flush_at is None:
            self._flush_at = loop.call_at(self._due_s, self._flush)

    def _flush_with_next(self) -> None:
        """Let everything leave with what comes next, or when nothing does in a moment."""
        if self._flush_at is None:
            loop = asyncio.get_running_loop()
            self._flush_at = loop.call_at(max(self._due_s, loop.time() + MOMENT_S), self._flush)

    def _flush(self) -> None:
        if self._flush_at is not None:
            self._flush_at.cancel()
            self._flush_at = None
        self.channels.publish(self._feed.quotes(clock.wall_ns()))
        self.delivered += self.channels.flush()
        self._delays.flushed()
        self._flushed_s = asyncio.get_running_loop().time()

    def _tell_now(self, messages: list[Message]) -> None:
        self.channels.publish(messages)
        self._flush()

    def _close_fast_windows(self) -> None:
        self.channels.publish(self._feed.fast_windows(clock.wall_ns()))
        self._flush_with_next()

    def _close_slow_windows(self) -> None:
        self.channels.publish(self._feed.slow_windows(clock.wall_ns()))
        self._flush_with_next()

    def _tell_tapes(self) -> None:
        self.channels.publish(self._tapes.tell(clock.wall_ns(), self._market.clock_ns()))
        self._flush_with_next()

    def _current(self, stream: str) -> Body | None:
        now_ns = clock.wall_ns()
        return (
            self._feed.current(stream)
            or self._sessions.current(stream, now_ns)
            or self._orders.current(stream, now_ns)
            or self._tapes.current(stream, now_ns)
        )

    def _best(self, number: int) -> tuple[Level, Level] | None:
        view = self._market.depth(number)
        return best_levels(view) if view else None

    def _check_connections(self) -> None:
        now_s = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            connection.check(now_s, self.ws)
        self._look_for_lost_end()
        self.channels.publish(self._users.check(self.channels, clock.wall_ns()))
        self._flush_with_next()

    def _sweep_keys(self) -> None:
        self._keys.sweep()

    def _every(self, interval_s: float, action: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()

        def act(due_s: float) -> None:
            # A turn that was missed is not made up for; the grid stays where it was.
            behind = max(0, int((loop.time() - due_s) / interval_s))
            next_s = due_s + (behind + 1) * interval_s
            self._timers[action] = loop.call_at(next_s, act, next_s)
            action()

        first_s = loop.time() + interval_s
        self._timers[action] = loop.call_at(first_s, act, first_s)


def _expose(task: asyncio.Task[None]) -> None:
    """Raise what ended a task, where the loop's exception handler sees it."""
    if not task.cancelled():
        task.result()
