"""When each stage of the path was reached, for the last batches: a ring that anyone may read.

One row per batch: the numbers it covers, first to last, and up to three times. The matcher's rows cover commands (`seq`)
and say when they were durable, visible to readers and told; the writer's and the broadcasters' cover
events (`event_seq`) and say when they were committed, or written to the streams. A file in the
run-time directory, `trail-NAME`: the count of rows ever written, then the ring.
"""

import mmap
import os
import struct
from pathlib import Path
from typing import NamedTuple

ROWS = 1 << 14
_ROW = struct.Struct("<5q")
_WORD = struct.Struct("<q")
_HEAD = 64
_SIZE = _HEAD + ROWS * _ROW.size


class Step(NamedTuple):
    """One row; a time of 0 was not reached, or does not exist there."""

    first: int
    last: int
    journaled_ns: int
    matched_ns: int
    done_ns: int


class Trail:
    """The writer's side: one thread writes; no `run`: nobody reads it."""

    def __init__(self, run: Path | None, name: str) -> None:
        self._memory = _map(run / f"trail-{name}", create=True) if run else mmap.mmap(-1, _SIZE)
        self._count = _WORD.unpack_from(self._memory)[0]

    def add(self, first: int, last: int, *, journaled_ns: int = 0, matched_ns: int = 0, done_ns: int = 0) -> None:  # fmt: skip
        """Write one row. It is whole before the count says that it is there."""
        at = _HEAD + (self._count % ROWS) * _ROW.size
        _ROW.pack_into(self._memory, at, first, last, journaled_ns, matched_ns, done_ns)
        self._count += 1
        _WORD.pack_into(self._memory, 0, self._count)

    def done(self, done_ns: int) -> None:
        """Write the last time of the row written last."""
        at = _HEAD + ((self._count - 1) % ROWS) * _ROW.size
        _WORD.pack_into(self._memory, at + _ROW.size - _WORD.size, done_ns)


class TrailReader:
    """A reader's side."""

    def __init__(self, run: Path, name: str) -> None:
        self._path = run / f"trail-{name}"
        self._memory: mmap.mmap | None = None

    def find(self, number: int, limit: int = ROWS) -> Step | None:
        """Return the row that covers a number, looking at the newest `limit` rows; None: none does.

        A number may be covered twice, when a process began anew behind it: the newest row is returned.
        """
        if self._memory is None:
            try:
                self._memory = _map(self._path, create=False)
            except (OSError, ValueError):
                return None
        count = _WORD.unpack_from(self._memory)[0]
        for index in range(count - 1, max(count - min(limit, ROWS), 0) - 1, -1):
            step = Step(*_ROW.unpack_from(self._memory, _HEAD + (index % ROWS) * _ROW.size))
            if step.first <= number <= step.last:
                return step
        return None


def trails(run: Path, kind: str) -> list[TrailReader]:
    """Return the trails of all processes of one kind (`broadcaster`, `broadcaster-2` …)."""
    names = [path.name.removeprefix("trail-") for path in sorted(run.glob(f"trail-{kind}*"))]
    return [TrailReader(run, name) for name in names if name.partition("-")[0] == kind]


def _map(path: Path, *, create: bool) -> mmap.mmap:
    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    descriptor = os.open(path, flags, 0o600)
    try:
        if create and os.fstat(descriptor).st_size != _SIZE:
            os.ftruncate(descriptor, _SIZE)
        access = mmap.ACCESS_WRITE if create else mmap.ACCESS_READ
        return mmap.mmap(descriptor, _SIZE, access=access)
    finally:
        os.close(descriptor)
