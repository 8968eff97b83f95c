"""Counts that all workers of a host share: how much a party used in a window of time (API section 3).

One sparse file in the run directory is a table of rows. A row belongs to one party and one window; it has a cell
for every worker, and each worker writes only its own cell, so counting takes no lock: what a party used
is the sum of its row. Only to find or take a row, once per worker, party and window, workers go one at a
time. A row whose window is over is free. A worker that is killed leaves its cells as they are, so nothing
that was counted is lost, and its successor goes on with them.

Bans are rows too: their window ends with the ban. Word 0 of the file changes with every new ban, so
workers need not look for bans as long as there are none.
"""

import fcntl
import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Protocol, TypeVar

T = TypeVar("T")
_Cells = memoryview | list[int]
"""What each worker counted of a party: a row of the table, or of this worker's own when that has none free."""
SECOND_NS = 1_000_000_000
ROWS = 1 << 16
PROBES = 64
"""So many rows are looked at for a party; when all are taken it is counted by each worker alone."""
_HEAD_WORDS = 8
_KEY, _ENDS, _CELLS = range(3)
_WORD = 8


@dataclass(frozen=True)
class Window:
    """Stretches of time of one length, aligned to the clock, in which one kind of thing is counted."""

    name: str
    length_ns: int

    def ends_ns(self, now_ns: int) -> int:
        """Return when the running stretch ends."""
        return now_ns - now_ns % self.length_ns + self.length_ns


class Counts(Protocol):
    """What is counted, and who is banned."""

    def add(self, window: Window, party: str | int, amount: int, now_ns: int) -> int:
        """Add to what a party used in the running stretch (never below 0) and return it."""

    def ban(self, party: str, until_ns: int, now_ns: int) -> None:
        """Ban a party until then."""

    def banned_until(self, party: str, now_ns: int) -> int:
        """Return until when a party is banned; 0 when it is not."""

    async def follow(self) -> None:
        """Share the counts with other workers, as long as this one lives."""

    async def close(self) -> None:
        """Let go; what was counted stays."""


class NoCell(RuntimeError):
    """More workers than cells."""


class _Places:
    """Where this worker finds the cells of the parties of one running stretch."""

    __slots__ = ("ends_ns", "of")

    def __init__(self, ends_ns: int) -> None:
        self.ends_ns = ends_ns
        self.of: dict[str | int, _Cells] = {}


_OVER = _Places(0)


class SharedCounts:
    """The counts of one host, seen by one worker of at most `workers`."""

    def __init__(self, run: Path, workers: int) -> None:
        self._workers = workers
        self._words_in_row = _CELLS + workers
        size = (_HEAD_WORDS + ROWS * self._words_in_row) * _WORD
        # The shape is part of the name: a run with another number of workers has a table of its own.
        self._descriptor = os.open(run / f"counts-{workers}", os.O_RDWR | os.O_CREAT, 0o600)
        if os.fstat(self._descriptor).st_size < size:
            os.ftruncate(self._descriptor, size)
        self._words = memoryview(mmap.mmap(self._descriptor, size)).cast("q")
        self._cell, self._cell_lock = _take_cell(run, workers)
        self._places: dict[str, _Places] = {}
        self._bans_seen = 0
        self._bans: dict[str, int] = {}

    def add(self, window: Window, party: str | int, amount: int, now_ns: int) -> int:
        """Add to what a party used in the running stretch (never below 0) and return it."""
        places = self._places.get(window.name, _OVER)
        if now_ns >= places.ends_ns:
            places = self._places[window.name] = _Places(window.ends_ns(now_ns))
        cells = places.of.get(party)
        if cells is None:
            cells = places.of[party] = self._cells_of(window, party, places.ends_ns, now_ns)
        count = sum(cells)
        if not amount:
            return count
        if count + amount < 0:
            amount = -count
        cells[self._cell] += amount
        return count + amount

    def ban(self, party: str, until_ns: int, now_ns: int) -> None:
        """Ban a party until then."""

        def note() -> None:
            if self._row(_key_of("ban", party), until_ns, now_ns) is not None:
                self._words[0] += 1

        self._locked(note)

    def banned_until(self, party: str, now_ns: int) -> int:
        """Return until when a party is banned; 0 when it is not."""
        changes = self._words[0]
        if not changes:
            return 0
        if changes != self._bans_seen:
            self._bans_seen = changes
            self._bans.clear()
        until_ns = self._bans.get(party)
        if until_ns is None:
            if len(self._bans) >= ROWS:
                self._bans.clear()
            until_ns = self._bans[party] = self._ban_of(_key_of("ban", party))
        return until_ns if until_ns > now_ns else 0

    async def follow(self) -> None:
        """Nothing need be done to share these."""

    async def close(self) -> None:
        """Give this worker's cell back; what it counted stays."""
        os.close(self._cell_lock)
        os.close(self._descriptor)

    def _cells_of(self, window: Window, party: str | int, ends_ns: int, now_ns: int) -> _Cells:
        key = _key_of(window.name, party)
        place = self._locked(lambda: self._row(key, ends_ns, now_ns))
        if place is None:
            return [0] * self._workers
        return self._words[place + _CELLS : place + _CELLS + self._workers]

    def _row(self, key: int, ends_ns: int, now_ns: int) -> int | None:
        """Find the row of a key, or take the first free one; None when there is none near."""
        words, free = self._words, None
        for step in range(PROBES):
            # To the end: a row nearer may have become free after this party took its own.
            place = _HEAD_WORDS + (key + step) % ROWS * self._words_in_row
            if words[place + _KEY] == key and words[place + _ENDS] == ends_ns:
                return place
            if free is None and words[place + _ENDS] <= now_ns:
                free = place
        if free is not None:
            for cell in range(self._workers):
                words[free + _CELLS + cell] = 0
            words[free + _KEY] = key
            words[free + _ENDS] = ends_ns
        return free

    def _ban_of(self, key: int) -> int:
        latest = 0
        for step in range(PROBES):
            place = _HEAD_WORDS + (key + step) % ROWS * self._words_in_row
            if self._words[place + _KEY] == key:
                latest = max(latest, self._words[place + _ENDS])
        return latest

    def _locked(self, deed: Callable[[], T]) -> T:
        # A record lock: it goes with the process, however that ends.
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX)
        try:
            return deed()
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)


def _take_cell(run: Path, workers: int) -> tuple[int, int]:
    for number in range(workers):
        descriptor = os.open(run / f"counts-{workers}-{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return number, descriptor
    raise NoCell(f"all {workers} cells of the counts in {run} are taken")


def _key_of(name: str, party: str | int) -> int:
    """Return 63 bits that stand for a party in one kind of window; never 0."""
    digest = blake2b(f"{name}:{party}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1 | 1
