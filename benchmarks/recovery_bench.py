"""`openbourse bench recovery`: from a journal of 2,000,000 commands back to the state, and to the first order.

The journal is that of the flow of `openbourse bench core`, written by the product's own `Journal` into segments
of the shipped size. Replay means all of it: every checksum, the chain, the density of seq, into an engine that
has just been made. The yardstick is the subject of `openbourse bench core`: the same commands out of memory in batches of
1,024; both must come to the same digest. Ready to trade is what a matcher process says of itself (`ready_s`), beside its whole start
as its parent sees it; its yardstick is a Python that imports numpy and numba and ends. A spare's time begins with the kill of
the matcher before it; its yardstick is such a start without a spare.
"""

import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from benchmarks.core_bench import CAPACITIES, Flow, in_batches, make_flow, open_engine
from benchmarks.core_flow import batches
from benchmarks.journal_bench import place
from benchmarks.report import Report, Row, compare
from conf.capacities import Core
from conf.sections import Journal as JournalSettings
from matcher import capacity
from matcher.core.engine import Engine
from matcher.recovery import (
    apply,
    journal_folder,
    note_of,
    replay_into,
    restore_newest,
    snapshot_folder,
)
from runtime import snapshot
from runtime.journal import Journal, Policy
from runtime.replay import JournalReader
from runtime.segments import Sync

BATCHES = (1024, 64, 8)
"""Commands in a batch of the journal: a full one, a busy one, a quiet one."""
TAIL = 200_000
"""Commands behind the snapshot."""
START_S = 120.0
_MILLION = 1e6
_READY = re.compile(rb"ready .*ready_s=([0-9.]+)")
_WAITS = re.compile(rb"ready role=spare")
_BARE = "import numba, numpy"


class WrongState(RuntimeError):
    """A replay has not come to the state of the life before."""


def run(runs: int) -> Report:
    """Measure replay by size of batch, recovery from a snapshot, and starts of a matcher."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-bench-", dir=place()))
    try:
        flow = make_flow(1)
        rows = [_replay(folder, flow, size, runs) for size in BATCHES]
        rows.append(_replay(folder, make_flow(1, text_ids=True), 1024, runs))
        data_dir = folder / "data"
        _write(data_dir, flow, 1024)
        rows.append(_start(data_dir, "ready to trade, journal alone", runs))
        _take_snapshot(data_dir, len(flow.opening) + len(flow.commands) - TAIL)
        rows.insert(-1, _restore(data_dir, flow, runs))
        rows.append(_start(data_dir, f"ready to trade, snapshot and {TAIL:,} commands", runs))
        rows.append(_take_over(data_dir, "a spare is ready to trade after the kill, same", runs))
    finally:
        shutil.rmtree(folder)
    return Report(
        bench="recovery",
        rows=rows,
        excluded="making the empty engine, but for the starts of a process; files are in the page cache",
    )


def _write(data_dir: Path, flow: Flow, size: int) -> None:
    """Write the journal of a whole flow, in batches of `size`."""
    folder = journal_folder(data_dir)
    folder.mkdir(parents=True)
    capacity.settle(folder, CAPACITIES)
    journal = Journal(folder, None, Policy(Sync.OFF, 0, JournalSettings().segment_bytes))
    for part in (flow.opening, flow.commands):
        for batch in batches(part, size):
            journal.append(batch)
    journal.close()


def _replay(folder: Path, flow: Flow, size: int, runs: int) -> Row:
    data_dir = folder / "replayed"
    _write(data_dir, flow, size)
    digests = set[str]()

    def subject() -> float:
        engine = Engine(CAPACITIES)
        reader = JournalReader(journal_folder(data_dir))
        count, seconds = _timed(lambda: replay_into(engine, reader.read()))
        digests.add(engine.digest())
        return count / seconds / _MILLION

    def yardstick() -> float:
        engine = open_engine(flow)
        gc.collect()
        took_ns = in_batches(engine, flow.commands, size=1024, publish=False)
        digests.add(engine.digest())
        return len(flow.commands) / took_ns * 1e9 / _MILLION

    found = compare(subject, yardstick, runs)
    shutil.rmtree(data_dir)
    if len(digests) != 1:
        raise WrongState(f"{flow.name}, batches of {size}: the digests are {sorted(digests)}")
    return found.row(f"{flow.name}, journal of batches of {size}", "M commands/s")


def _timed(work: Callable[[], int]) -> tuple[int, float]:
    gc.collect()
    gc.disable()
    try:
        begun = time.perf_counter()
        count = work()
        return count, time.perf_counter() - begun
    finally:
        gc.enable()


def _take_snapshot(data_dir: Path, seq: int) -> None:
    """Leave a snapshot of the state after command `seq`, or soon after it, as the snapshotter would."""
    engine, reader = Engine(CAPACITIES), JournalReader(journal_folder(data_dir))
    for rows in reader.read(seq):
        apply(engine, rows, None)
    status = engine.blocks["status"][0]
    note, last = note_of(engine, reader), int(status["seq"])
    folder = snapshot_folder(data_dir)
    snapshot.keep(snapshot.write(folder, last, int(status["event_seq"]), note, engine.save()))


def _restore(data_dir: Path, flow: Flow, runs: int) -> Row:
    """Compare recovery from the snapshot and the tail with a replay of everything."""
    tails = set[int]()
    digests = set[str]()

    def recovered(*, with_snapshot: bool) -> float:
        engine = Engine(CAPACITIES)

        def work() -> int:
            folder = journal_folder(data_dir)
            reader = restore_newest(engine, data_dir) if with_snapshot else JournalReader(folder)
            return replay_into(engine, reader.read())

        count, seconds = _timed(work)
        if with_snapshot:
            tails.add(count)
        digests.add(engine.digest())
        return seconds

    found = compare(
        lambda: recovered(with_snapshot=True), lambda: recovered(with_snapshot=False), runs
    )
    if len(digests) != 1:
        raise WrongState(f"the digests are {sorted(digests)}")
    (path,) = snapshot.snapshots_in(snapshot_folder(data_dir))
    note = f"snapshot of {path.stat().st_size / 2**20:.0f} MiB, {tails.pop():,} commands behind it"
    return found.row(f"{flow.name}, newest snapshot and tail", "s", note=note)


def _start(data_dir: Path, case: str, runs: int) -> Row:
    """Start a matcher as the supervisor does, until it is ready, and kill it."""
    own: list[float] = []
    environ = _environ(data_dir)

    def subject() -> float:
        whole, ready = _time_to_ready(environ)
        own.append(ready)
        return whole

    found = compare(subject, _time_bare, runs)
    own.sort()
    note = f"ready_s of its log {own[len(own) // 2]:.2f}; yardstick: python -c '{_BARE}'"
    return found.row(case, "s", note=note)


def _take_over(data_dir: Path, case: str, runs: int) -> Row:
    """Kill a matcher that has a spare, until that is ready; beside it, starts without one."""
    own: list[float] = []
    environ = _environ(data_dir)

    def subject() -> float:
        with _matcher(environ) as first, _matcher(environ, "matcher", "spare") as spare:
            try:
                _wait_for(first, _READY)
                _wait_for(spare, _WAITS)
                begun = time.perf_counter()
                first.kill()
                own.append(float(_wait_for(spare, _READY)[1]))
                return time.perf_counter() - begun
            finally:
                first.kill()
                spare.kill()

    found = compare(subject, lambda: _time_to_ready(environ)[0], runs)
    own.sort()
    return found.row(case, "s", note=f"ready_s of its log {own[len(own) // 2]:.2f}")


def _environ(data_dir: Path) -> dict[str, str]:
    listings = data_dir.parent / "nothing.toml"
    listings.write_text("")
    asked = {name: value for name, value in asdict(CAPACITIES).items() if hasattr(Core(), name)}
    environ = {f"OPENBOURSE_CORE_{name.upper()}": str(value) for name, value in asked.items()}
    environ["OPENBOURSE_DATA_DIR"] = str(data_dir)
    environ["OPENBOURSE_INSTRUMENTS_FILE"] = str(listings)
    environ["OPENBOURSE_MATCHER_STANDBY"] = "false"
    environ["OPENBOURSE_SUPERVISION_LOG_LEVEL"] = "INFO"
    return {**os.environ, **environ}


def _matcher(environ: dict[str, str], *words: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "matcher", *words]
    return subprocess.Popen(command, env=environ, stderr=subprocess.PIPE)


def _time_to_ready(environ: dict[str, str]) -> tuple[float, float]:
    """Return how long a start took from outside, and by the matcher's own word."""
    begun = time.perf_counter()
    with _matcher(environ) as child:
        try:
            ready_s = float(_wait_for(child, _READY)[1])
            return time.perf_counter() - begun, ready_s
        finally:
            child.kill()


def _wait_for(child: "subprocess.Popen[bytes]", word: re.Pattern[bytes]) -> re.Match[bytes]:
    assert child.stderr
    said = b""
    for line in child.stderr:
        said += line
        if found := word.search(line):
            return found
    raise WrongState(f"the matcher has ended before it was ready:\n{said.decode()}")


def _time_bare() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", _BARE], check=True)
    return time.perf_counter() - begun
