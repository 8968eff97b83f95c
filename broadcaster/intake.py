"""The rows off the wire, in order: duplicates dropped, and every gap told to whoever comes after."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from protocol.layout import Rows, joined
from protocol.records import Event
from protocol.stream import EventStream, Gap


class Portion(NamedTuple):
    """Rows in order; `after_gap` when events before them were lost."""

    rows: Rows
    after_gap: bool


class Intake:
    """Begins with the first event it sees, and goes on behind a gap."""

    def __init__(self) -> None:
        self.lost = 0
        """Events missed so far."""
        self._stream: EventStream | None = None

    @property
    def last(self) -> int:
        """Return the last event that came; 0 when none has."""
        return self._stream.next_event_seq - 1 if self._stream else 0

    def take(self, rows: Rows) -> Iterator[Portion]:
        """Take in the Event rows of one frame; yield the new ones."""
        if self._stream is None and len(rows):
            self._stream = EventStream(int(rows["event_seq"][0]))
        after_gap = False
        while len(rows):
            assert self._stream is not None
            try:
                fresh = self._stream.take(rows)
            except Gap as gap:
                before = self._stream.take(rows[rows["event_seq"] < gap.expected])
                if len(before):
                    yield Portion(before, after_gap)
                self._stream.next_event_seq = gap.found
                self.lost += gap.found - gap.expected
                rows = rows[rows["event_seq"] >= gap.found]
                after_gap = True
            else:
                if len(fresh):
                    yield Portion(fresh, after_gap)
                return


def runs(frames: Iterable[Rows]) -> Iterator[Rows]:
    """Put the Event rows of frames together as far as each frame begins where the one before ended.

    A portion costs much and a row of it little: frames of one command each are taken in at a third.
    """
    run: list[Rows] = []
    next_seq = 0
    for rows in frames:
        if run and int(rows["event_seq"][0]) != next_seq:
            yield joined(Event, run)
            run = []
        run.append(rows)
        next_seq = int(rows["event_seq"][-1]) + 1
    if run:
        yield joined(Event, run)
