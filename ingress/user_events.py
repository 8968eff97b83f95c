"""User data events at a REST worker: who listens to which account, and what the engine tells of it.

The worker listens to the matcher's market wire like a broadcaster, from the first subscription on. Events
are followed without a gap (`runtime/follow.py`): whatever happens to the matcher or the wire, a
subscriber hears every event of its account after the answer to its subscription, once, in engine order;
when that cannot be kept, the subscription ends and says so.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from protocol.board_reads import Unreadable
from protocol.layout import Rows
from protocol.records import Event
from protocol.user_feed import Names, UserFeed
from protocol.user_reports import Report
from runtime import clock
from runtime.endpoints import WrongFrame, rows_in
from runtime.follow import Follower, Replay
from runtime.shared import NotPublished

LOOK_S = 1.0
"""Between two looks for events that were told and never came."""
JOIN_S = 10.0
"""A subscription that cannot be made sure of within this time is refused."""
QUIET_S = 0.25
"""A wire on which nothing came for so long, while nothing happened, is joined."""
_STEP_S = 0.02
FRAMES_AT_ONCE = 16

log = logging.getLogger("ingress")


class Listener(Protocol):
    """Who listens to an account."""

    def report(self, account: int, report: Report, now_ns: int) -> None:
        """Take one report."""

    def lost(self, now_ns: int) -> None:
        """Learn that reports were missed which cannot be had again; nothing more is told."""


class Wire(Protocol):
    """The receiving end of the market wire (`runtime.sockets.Subscribe`)."""

    def attach(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[list[bytes]], None], limit: int
    ) -> None:
        """Call `take` with up to `limit` frames at a time whenever some have come."""

    def fileno(self) -> int:
        """Return the descriptor that it reads."""

    def close(self) -> None:
        """Close it."""


class Unsure(Exception):
    """The events cannot be followed now."""


class UserEvents:
    """The listeners of one worker. `told` returns the last event that the matcher has published."""

    def __init__(
        self,
        names: Names,
        told: Callable[[], int],
        open_wire: Callable[[], Wire],
        start_replay: Callable[[int], Replay],
    ) -> None:
        self._feed = UserFeed(names)
        self._told = told
        self._open_wire = open_wire
        self._follower = Follower(self._take, self._end_all, start_replay)
        self._wire: Wire | None = None
        self._listeners: dict[int, dict[Listener, None]] = {}
        self._joining = asyncio.Lock()
        self._frames = 0
        self._seen = 0
        self._before = -1
        """What the matcher had told at the last look; -1: not known."""
        self._timer: asyncio.TimerHandle | None = None

    async def subscribe(self, account: int, listener: Listener) -> None:
        """Tell a listener what happens to an account from now on.

        Raises: Unsure.
        """
        if not self._follower.is_live:
            async with self._joining:
                await self._join()
        self._listeners.setdefault(account, {})[listener] = None

    def unsubscribe(self, account: int, listener: Listener) -> None:
        """Tell it no more of this account."""
        listeners = self._listeners.get(account, {})
        listeners.pop(listener, None)
        if not listeners:
            self._listeners.pop(account, None)

    def close(self) -> None:
        """Stop listening."""
        self._follower.stop()
        if self._timer:
            self._timer.cancel()
        if self._wire:
            asyncio.get_running_loop().remove_reader(self._wire.fileno())
            self._wire.close()
            self._wire = None

    async def _join(self) -> None:
        """Wait until the wire is surely connected, or has been as quiet as the engine."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + JOIN_S
        if self._wire is None:
            self._wire = self._open_wire()
            self._wire.attach(loop, self._take_frames, FRAMES_AT_ONCE)
            self._timer = loop.call_later(LOOK_S, self._look)
        frames, told, quiet_from = self._frames, self._now(), loop.time()
        while not self._follower.is_live:
            if loop.time() > deadline:
                raise Unsure
            await asyncio.sleep(_STEP_S)
            if self._follower.follows:
                continue
            if self._now() != told:
                told, quiet_from = self._now(), loop.time()
            if self._frames > frames or (told >= 0 and loop.time() - quiet_from > QUIET_S):
                # The last event of the last frame was heard, or nothing was said: go on behind it.
                self._follower.begin((self._seen if self._frames > frames else told) + 1)

    def _now(self) -> int:
        try:
            return self._told()
        except (NotPublished, Unreadable):
            return -1

    def _take_frames(self, frames: list[bytes]) -> None:
        for frame in frames:
            try:
                rows = rows_in(Event, frame)
            except WrongFrame as wrong:
                log.error("a frame of the market wire was left out: %s", wrong)  # noqa: TRY400 - its text says it all
                continue
            self._frames += 1
            self._seen = int(rows["event_seq"][-1])
            self._follower.live(rows)

    def _take(self, rows: Rows) -> None:
        now_ns = clock.wall_ns()
        for account, report in self._feed.take(rows, self._listeners.keys()):
            for listener in list(self._listeners.get(account, ())):
                listener.report(account, report, now_ns)

    def _look(self) -> None:
        """Look whether what the matcher had told at the last look has come by now."""
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        self._follower.look(self._before)
        self._before = self._now()

    def _end_all(self) -> None:
        log.warning("events were missed and cannot be had again: user data subscriptions end")
        listeners = {one: None for some in self._listeners.values() for one in some}
        self._listeners.clear()
        now_ns = clock.wall_ns()
        for listener in listeners:
            listener.lost(now_ns)
