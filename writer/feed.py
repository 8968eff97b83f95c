"""Where the writer's events come from: the live wire, or a replay of the journal when some are missing.

The wire drops frames when it is full, and holds nothing from before the writer's start. What is
missing is made again: a child process replays the journal from the first missing event on, keeps up
with it, and ends where it is durable. Meanwhile the newest live frames are kept, so that they
continue where the child ended; if they don't (too many came), another replay follows. Trading
goes on all the while and notices nothing.

A gap shows when a later event comes. When the last events before a quiet time were dropped, none
comes: so a wire that stays silent is held against what the matcher has published.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from protocol.layout import Rows
from protocol.records import Event
from protocol.stream import EventStream, Gap
from runtime.endpoints import rows_in

KEPT_EVENTS = 200_000
"""Live events kept while a replay runs (64 MB)."""
_SILENT_TAKES = 4
"""An event that was published so many takes ago (a fifth of a second) and has not come is missing."""
_WAIT_MS = 50
_FRAMES_A_TURN = 5000


class Wire(Protocol):
    """The receiving end of the events wire."""

    def drain(self, limit: int) -> Iterable[bytes]:
        """Yield frames that wait now."""

    def wait(self, timeout_ms: int) -> bool:
        """Wait for a frame."""


class Replay(Protocol):
    """A running replay."""

    def read(self, timeout_s: float) -> list[bytes] | None:
        """Return the frames that have come; None at the end."""

    def close(self) -> None:
        """End it."""


class Feed:
    """Events in order without a gap, from event `next_event_seq` on.

    `start_replay` starts a replay from the event given; `published` returns the last event that
    readers may see, 0 when that is not known. Raises (`take`): what the replay raises;
    WrongFrame for a frame of another version.
    """

    def __init__(
        self,
        wire: Wire,
        start_replay: Callable[[int], Replay],
        next_event_seq: int,
        limit: int,
        published: Callable[[], int] = lambda: 0,
    ) -> None:
        self._wire = wire
        self._start_replay = start_replay
        self._stream = EventStream(next_event_seq)
        self._limit = limit
        self._published = published
        self._silent_takes = 0
        self._published_seq = 0
        """What was published when the silence began."""
        self._kept: deque[bytes] = deque()
        self._kept_events = 0
        self._replay: Replay | None = start_replay(next_event_seq)
        """What happened before the start is only in the journal, so that is read first."""
        self.replays = 1

    @property
    def is_live(self) -> bool:
        """Whether everything durable has been taken and the wire is followed."""
        return self._replay is None

    @property
    def has_more(self) -> bool:
        """Whether live events wait to be taken."""
        return self.is_live and (bool(self._kept) or self._wire.wait(0))

    def take(self) -> list[Rows]:
        """Return new events, waiting a moment for them: about the limit at most, or none."""
        return list(self._take())

    def close(self) -> None:
        """End a running replay."""
        if self._replay:
            self._replay.close()

    def _take(self) -> Iterator[Rows]:
        if self._replay:
            yield from self._from_replay(self._replay)
        elif self._kept or self._wire.wait(_WAIT_MS):
            self._silent_takes = 0
            yield from self._from_wire()
        else:
            self._note_silence()

    def _note_silence(self) -> None:
        """Start a replay when what was published before a long silence has not come."""
        if not self._silent_takes:
            self._published_seq = self._published()
        self._silent_takes += 1
        if self._silent_takes >= _SILENT_TAKES:
            self._silent_takes = 0
            if self._published_seq >= self._stream.next_event_seq:
                self._fill_gap()

    def _fill_gap(self) -> None:
        self._replay = self._start_replay(self._stream.next_event_seq)
        self.replays += 1

    def _from_replay(self, replay: Replay) -> Iterator[Rows]:
        count, wait_s = 0, _WAIT_MS / 1000
        while count < self._limit:
            self._keep_live()
            frames = replay.read(wait_s)
            if frames is None:
                replay.close()
                self._replay = None
            if not frames:
                return
            wait_s = 0.0
            for frame in frames:
                # A gap in a replay is a fault of the replay: another replay would not mend it.
                rows = self._stream.take(rows_in(Event, frame))
                count += len(rows)
                yield rows

    def _keep_live(self) -> None:
        for frame in self._wire.drain(_FRAMES_A_TURN):
            self._kept.append(frame)
            self._kept_events += len(frame) // Event.dtype.itemsize
        while self._kept_events > KEPT_EVENTS:
            self._kept_events -= len(self._kept.popleft()) // Event.dtype.itemsize

    def _from_wire(self) -> Iterator[Rows]:
        count = 0
        while count < self._limit:
            frame = self._next_live()
            if frame is None:
                return
            try:
                rows = self._stream.take(rows_in(Event, frame))
            except Gap:
                self._kept.appendleft(frame)
                self._kept_events += len(frame) // Event.dtype.itemsize
                self._fill_gap()
                return
            count += len(rows)
            yield rows

    def _next_live(self) -> bytes | None:
        if self._kept:
            frame = self._kept.popleft()
            self._kept_events -= len(frame) // Event.dtype.itemsize
            return frame
        return next(iter(self._wire.drain(1)), None)
