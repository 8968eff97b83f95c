"""Follow the events without a gap, on an event loop: live rows, and a replay when some are missing.

The market wire drops frames for a subscriber that is full, and a matcher that was killed may have made
durable what it told nobody. What is missing is made again by a child process that replays the journal
(`matcher/replay_events.py`); the live rows that come meanwhile are kept and continue where it ends.
Whoever listens hears it late, in order, and once. Only when the journal is out of reach (another host,
a segment that was removed) the thread is lost, and said to be.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from protocol.layout import Rows
from protocol.records import Event
from protocol.stream import EventStream, Gap
from runtime.endpoints import WrongFrame, rows_in
from runtime.pipe import ChildFailed

KEPT_EVENTS = 200_000
"""Live events kept while a replay runs (64 MB)."""


class Replay(Protocol):
    """A running replay (`runtime.pipe.Child`)."""

    def fileno(self) -> int:
        """Return the descriptor that says when `read` has something."""

    def read(self, timeout_s: float) -> list[bytes] | None:
        """Return the frames that have come; None at the end."""

    def close(self) -> None:
        """End it."""


class Follower:
    """Events from a beginning on. `take` gets them in order; `lost` is called when that has to end.

    `start_replay` starts a replay from the event given; None where no journal is in reach.
    """

    def __init__(
        self,
        take: Callable[[Rows], None],
        lost: Callable[[], None],
        start_replay: Callable[[int], Replay] | None,
    ) -> None:
        self.replays = 0
        """Replays started so far."""
        self._take = take
        self._lost = lost
        self._start_replay = start_replay
        self._stream: EventStream | None = None
        self._replay: Replay | None = None
        self._replayed_from = 0
        self._kept: deque[Rows] = deque()
        self._kept_events = 0

    @property
    def follows(self) -> bool:
        """Whether it has begun."""
        return self._stream is not None

    @property
    def is_live(self) -> bool:
        """Whether it has begun and misses nothing that it knows of."""
        return self._stream is not None and self._replay is None

    def begin(self, next_event_seq: int) -> None:
        """Begin with this event."""
        self._stream = EventStream(next_event_seq)

    def stop(self) -> None:
        """End, until it is begun again."""
        self._end_replay()
        self._stream = None
        self._kept.clear()
        self._kept_events = 0

    def live(self, rows: Rows) -> None:
        """Take in the rows of one frame of the wire: whole commands."""
        if self._stream is None:
            return
        if self._replay is not None:
            self._keep(rows)
            return
        try:
            fresh = self._stream.take(rows)
        except Gap:
            self._keep(rows)
            self._catch_up()
        else:
            if len(fresh):
                self._take(fresh)

    def look(self, told_event_seq: int) -> None:
        """Catch up if an event that was told some time ago has never come."""
        if self._stream and not self._replay and told_event_seq >= self._stream.next_event_seq:
            self._catch_up()

    def _keep(self, rows: Rows) -> None:
        self._kept.append(rows)
        self._kept_events += len(rows)
        while self._kept_events > KEPT_EVENTS:
            self._kept_events -= len(self._kept.popleft())

    def _catch_up(self) -> None:
        assert self._stream
        if self._start_replay is None or self._replayed_from == self._stream.next_event_seq:
            # There is no journal, or it has just been read from here and had nothing more.
            self._give_up()
            return
        self._replayed_from = self._stream.next_event_seq
        self.replays += 1
        self._replay = self._start_replay(self._replayed_from)
        asyncio.get_running_loop().add_reader(self._replay.fileno(), self._read)

    def _read(self) -> None:
        assert self._replay
        assert self._stream
        try:
            frames = self._replay.read(0)
            for frame in frames or ():
                fresh = self._stream.take(rows_in(Event, frame))
                if len(fresh):
                    self._take(fresh)
        except (ChildFailed, Gap, WrongFrame):
            # The child has said why in the log.
            self._give_up()
            return
        if frames is None:
            self._end_replay()
            self._go_on()

    def _go_on(self) -> None:
        """Take what was kept; another gap among it means another replay."""
        kept, self._kept, self._kept_events = self._kept, deque(), 0
        for rows in kept:
            self.live(rows)

    def _end_replay(self) -> None:
        if self._replay is not None:
            asyncio.get_running_loop().remove_reader(self._replay.fileno())
            self._replay.close()
            self._replay = None

    def _give_up(self) -> None:
        self.stop()
        self._lost()
