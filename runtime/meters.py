"""What a process counts while it works, in memory that anyone may read: counters, gauges, histograms.

Every process maps one small file in the run-time directory, `meters-NAME`; whoever scrapes maps it too. So
being watched costs a process nothing but the counting, and a process that hangs can still be read.
A file holds a head of HEAD_SIZE bytes (JSON: pid, and what each cell means) and 8-byte cells. One
thread writes; a reader may see one observation half done, never a cell half written.
"""

import json
import mmap
import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

BOUNDS_NS = tuple(
    step * 10**power
    for power in range(4, 11)
    for step in (1, 2, 5)
    if step * 10**power <= 20_000_000_000
)
"""Upper ends of the histograms' buckets, 10 µs to 20 s; one more bucket holds what is longer."""
LONGEST_NS = 3_600_000_000_000
"""What is longer, as a stamp of 0 makes it, counts as an hour: the sum must not overflow."""
_SUM_MASK = (1 << 63) - 1
_BOUNDS = np.array(BOUNDS_NS, np.int64)
_FEW = 64
"""So many are counted faster one by one than by numpy, whose every call costs as much as several of them."""
_HISTOGRAM_CELLS = len(BOUNDS_NS) + 2
HEAD_SIZE = 16384
_PREFIX = "meters-"


@dataclass(frozen=True)
class Meter:
    """One thing that is counted; `kind`: counter, gauge, or histogram of nanoseconds."""

    name: str
    kind: str
    why: str
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def cells(self) -> int:
        """How many cells it takes: a histogram has its buckets, then the sum."""
        return _HISTOGRAM_CELLS if self.kind == "histogram" else 1


class Count:
    """A counter or a gauge."""

    def __init__(self, cells: memoryview, at: int) -> None:
        self._cells = cells
        self._at = at

    def add(self, amount: int = 1) -> None:
        """Count."""
        self._cells[self._at] += amount

    def set(self, value: int) -> None:
        """Say how things stand (gauges)."""
        self._cells[self._at] = value


class Histogram:
    """Durations in buckets, and their exact sum."""

    def __init__(self, cells: memoryview, at: int) -> None:
        self._cells = cells
        self._at = at
        self._sum = at + _HISTOGRAM_CELLS - 1

    @property
    def at(self) -> int:
        """The cell where it begins."""
        return self._at

    def note(self, duration_ns: int, times: int = 1) -> None:
        """Count one duration, as often as it happened; a clock that went back counts as 0."""
        if not 0 <= duration_ns <= LONGEST_NS:
            duration_ns = 0 if duration_ns < 0 else LONGEST_NS
        cells, end = self._cells, self._sum
        cells[self._at + bisect_left(BOUNDS_NS, duration_ns)] += times
        cells[end] = (cells[end] + duration_ns * times) & _SUM_MASK

    def note_all(self, durations_ns: npt.NDArray[np.int64]) -> None:
        """Count many durations at once."""
        if len(durations_ns) <= _FEW:
            # The commands of one request came at one time.
            known = durations_ns.tolist()
            for duration_ns in set(known):
                self.note(duration_ns, known.count(duration_ns))
            return
        # Not `clip`, which first asks what a type can hold, and for longer than it takes to clip.
        held = np.minimum(np.maximum(durations_ns, 0), LONGEST_NS)
        for bucket, times in enumerate(np.bincount(np.searchsorted(_BOUNDS, held)).tolist()):
            if times:
                self._cells[self._at + bucket] += times
        self._add(int(held.sum()))

    def _add(self, amount_ns: int) -> None:
        self._cells[self._sum] = (self._cells[self._sum] + amount_ns) & _SUM_MASK


class Meters:
    """The writer's side: the file of one process, made anew at its start; no `run`: nobody reads it."""

    def __init__(self, run: Path | None, name: str, meters: Sequence[Meter]) -> None:
        self._places: dict[str, int] = {}
        head = {"process": name, "pid": os.getpid(), "meters": [asdict(one) for one in meters]}
        text = json.dumps(head).encode()
        assert len(text) < HEAD_SIZE, "too many meters for the head of the file"
        cells = sum(one.cells for one in meters)
        memory = (
            _new_file(run, name, text, 8 * cells) if run else mmap.mmap(-1, HEAD_SIZE + 8 * cells)
        )
        self._cells = memoryview(memory)[HEAD_SIZE:].cast("q")
        self.numbers: npt.NDArray[np.int64] = np.frombuffer(memory, np.int64, cells, HEAD_SIZE)
        """The same cells, for compiled code."""
        at = 0
        for one in meters:
            self._places[_key(one.name, one.labels)] = at
            at += one.cells

    def count(self, name: str, **labels: str) -> Count:
        """Return a counter or gauge that was declared."""
        return Count(self._cells, self._places[_key(name, labels)])

    def histogram(self, name: str, **labels: str) -> Histogram:
        """Return a histogram that was declared."""
        return Histogram(self._cells, self._places[_key(name, labels)])


@dataclass(frozen=True)
class Reading:
    """What one meter of one process shows: a value, or buckets and a sum (nanoseconds)."""

    process: str
    pid: int
    meter: Meter
    cells: tuple[int, ...]


def readings(run: Path) -> Iterator[Reading]:
    """Yield what every process of this run-time directory has counted in its present life."""
    for path in sorted(run.glob(f"{_PREFIX}*")):
        try:
            data = path.read_bytes()
            head = json.loads(data[:HEAD_SIZE].rstrip(b"\0"))
            meters = [Meter(**one) for one in head["meters"]]
            process, pid = str(head["process"]), int(head["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        at = 0
        cells = np.frombuffer(data, np.int64, -1, HEAD_SIZE).tolist()
        for one in meters:
            yield Reading(process, pid, one, tuple(cells[at : at + one.cells]))
            at += one.cells


def total(found: Iterable[Reading], name: str) -> int:
    """Return the sum of a counter or gauge over all processes."""
    return sum(one.cells[0] for one in found if one.meter.name == name)


def quantile_ns(buckets: Sequence[int], share: float) -> float:
    """Return below what the given share of the durations lies, straight within its bucket; 0 of none."""
    wanted, below = share * sum(buckets), 0
    for number, count in enumerate(buckets):
        if count and below + count >= wanted:
            start = BOUNDS_NS[number - 1] if number else 0
            end = BOUNDS_NS[number] if number < len(BOUNDS_NS) else start
            return start + (end - start) * (wanted - below) / count
        below += count
    return 0.0


def _new_file(run: Path, name: str, head: bytes, size: int) -> mmap.mmap:
    draft = run / f".{_PREFIX}{name}"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.ftruncate(descriptor, HEAD_SIZE + size)
        memory = mmap.mmap(descriptor, HEAD_SIZE + size)
    finally:
        os.close(descriptor)
    memory[: len(head)] = head
    # Whole before it has its name; who reads the last life's file still may.
    draft.replace(run / f"{_PREFIX}{name}")
    return memory


def _key(name: str, labels: dict[str, str]) -> str:
    return f"{name} {sorted(labels.items())}"
