"""`openbourse bench journal`: commands per second to disk and back, beside the bare disk and memory.

Appending: the yardstick writes the same bytes and syncs as often, over a file written before. Reading
back: the yardstick checksums the same file in one piece. Latencies are per batch.
"""

import mmap
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xxhash

from benchmarks.report import Report, Row, compare
from conf.settings import load
from protocol.layout import Rows, rows_of
from protocol.records import Command
from runtime import segments
from runtime.journal import Journal, Policy
from runtime.replay import replay
from runtime.segments import Sync

APPENDS = {1: 300, 64: 300, 1024: 150}
"""Commands in a batch → batches in one run."""
REPLAYS = {1: 100_000, 64: 1_000_000, 1024: 2_000_000}
"""Commands in a batch → commands in the journal."""
_MILLION = 1e6


def run(runs: int) -> Report:
    """Measure both ways for small and large batches."""
    folder = Path(tempfile.mkdtemp(prefix="journal-bench-", dir=place()))
    try:
        rows = [_append(folder, size, count, runs) for size, count in APPENDS.items()]
        rows += [_replay(folder, size, count, runs) for size, count in REPLAYS.items()]
    finally:
        shutil.rmtree(folder)
    return Report(
        bench="journal",
        rows=rows,
        excluded="matching, sockets; files are in the page cache when they are read back",
    )


def place() -> Path:
    """Return a directory on the disk that the exchange would use."""
    place = load().data_dir.resolve()
    while not place.exists():
        place = place.parent
    return place


def _append(folder: Path, size: int, count: int, runs: int) -> Row:
    batch = _commands(size)
    frame = os.urandom(segments.frame_size(size))
    ours: list[float] = []
    bare: list[float] = []

    def subject() -> float:
        return _with_journal(folder, lambda journal: _timed_appends(journal, batch, count, ours))

    def yardstick() -> float:
        return size * _timed_writes(folder / "bare", frame, count, bare) / _MILLION

    found = compare(subject, yardstick, runs)
    return found.row(
        f"append, {size} a batch",
        "M commands/s",
        p50=_percentile(ours, 50),
        p99=_percentile(ours, 99),
        note=f"bare disk: p50 {_percentile(bare, 50):.3f} ms, p99 {_percentile(bare, 99):.3f} ms",
    )


def _replay(folder: Path, size: int, count: int, runs: int) -> Row:
    batch = _commands(size)
    path = folder / "replayed"
    path.mkdir()
    journal = Journal(path, None, Policy(Sync.OFF, 0, 1 << 34))
    for _ in range(count // size):
        _number(batch, journal.next_seq)
        journal.append(batch)
    total = journal.next_seq - 1
    journal.close()

    def subject() -> float:
        begun = time.perf_counter()
        assert sum(len(rows) for rows in replay(path)) == total
        return total / (time.perf_counter() - begun) / _MILLION

    (segment,) = segments.segments_in(path)
    found = compare(subject, lambda: total / _timed_checksum(segment) / _MILLION, runs)
    shutil.rmtree(path)
    return found.row(f"replay, {size} a batch", "M commands/s")


def _with_journal(folder: Path, work: Callable[[Journal], float]) -> float:
    path = folder / "appended"
    path.mkdir()
    journal = Journal(path, None, Policy(Sync.BATCH, 0, 256 << 20))
    try:
        return work(journal)
    finally:
        journal.close()
        shutil.rmtree(path)


def _timed_appends(journal: Journal, batch: Rows, count: int, took_ms: list[float]) -> float:
    total = 0.0
    for _ in range(count):
        _number(batch, journal.next_seq)
        begun = time.perf_counter()
        journal.append(batch)
        seconds = time.perf_counter() - begun
        took_ms.append(seconds * 1e3)
        total += seconds
    return len(batch) * count / total / _MILLION


def _timed_writes(path: Path, frame: bytes, count: int, took_ms: list[float]) -> float:
    """Write and sync frames over a file written before; return frames per second."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if os.fstat(file).st_size < len(frame) * count:
            for index in range(count):
                os.pwrite(file, bytes(len(frame)), index * len(frame))
            os.fsync(file)
        total = 0.0
        for index in range(count):
            begun = time.perf_counter()
            os.pwrite(file, frame, index * len(frame))
            os.fdatasync(file)
            seconds = time.perf_counter() - begun
            took_ms.append(seconds * 1e3)
            total += seconds
        return count / total
    finally:
        os.close(file)


def _timed_checksum(path: Path) -> float:
    begun = time.perf_counter()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        xxhash.xxh3_64_intdigest(content)
    return time.perf_counter() - begun


def _commands(count: int) -> Rows:
    rows = rows_of(Command, count)
    rows["price"] = np.arange(count) * 7919
    rows["order_qty"] = np.arange(count) * 104_729
    rows["cl_ord_id"] = [f"order-{number}".encode() for number in range(count)]
    return rows


def _number(rows: Rows, first_seq: int) -> None:
    rows["seq"] = np.arange(first_seq, first_seq + len(rows))


def _percentile(took_ms: list[float], percent: float) -> float:
    return float(np.percentile(took_ms, percent))
