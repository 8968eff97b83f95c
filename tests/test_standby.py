"""The one who stands by: a warm copy of the state, and a judgement of the one in charge."""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher import standby
from matcher.core.engine import Engine
from matcher.core.state import private_memory
from matcher.recovery import catch_up
from matcher.standby import Watch, stand_by
from protocol.board import StatusRow
from runtime import shared
from runtime.journal import JournalInUse, JournalLock
from runtime.replay import JournalReader
from runtime.service import Service
from runtime.shared import Blocks
from tests.test_recovery import POLICY, SMALL, Exchange

SILENCE_S = 0.2


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "memory"
    folder.mkdir()
    monkeypatch.setattr(shared, "_FOLDER", folder)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    return folder


@pytest.fixture
def service(run: Path) -> Iterator[Service]:
    one = Service("matcher-2", run)
    yield one
    one.close()


def board(run: Path, exchange: Exchange | None = None) -> Blocks:
    blocks = Blocks(run, 1)
    row = blocks.allocate("status", StatusRow.dtype, (1,))
    if exchange:
        row[:] = exchange.engine.blocks["status"]
    row["ready"], row["heartbeat_ns"] = 1, 1
    blocks.publish()
    return blocks


def test_the_standby_has_the_state_of_the_primary_when_that_ends(
    tmp_path: Path, run: Path, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    primary = Exchange(tmp_path)
    primary.trade(random.Random(1), 20)
    row = board(run, primary).arrays["status"]
    chance, naps = random.Random(2), 0

    def live_on(seconds: float) -> None:
        """The primary lives while the standby naps: trades, tells how far it is, and ends at last."""
        nonlocal naps
        naps += 1
        if naps < 30:
            primary.trade(chance, 3)
            row["seq"] = primary.engine.blocks["status"]["seq"]
            row["heartbeat_ns"] += 1
            assert engine.blocks["status"]["seq"][0] > 0
        if naps == 30:
            # These it has written, but told nobody.
            primary.trade(chance, 3)
            primary.lock.release()

    monkeypatch.setattr(standby.time, "sleep", live_on)
    engine = Engine(SMALL, private_memory)
    reader = JournalReader(primary.folder)
    lock = stand_by(service, engine, reader, silence_s=60)
    assert lock is not None
    with pytest.raises(JournalInUse):
        JournalLock(primary.folder)
    journal = catch_up(engine, reader, POLICY).journal
    assert journal.next_seq == primary.journal.next_seq
    assert engine.digest() == primary.engine.digest()
    for one in (journal, primary.journal):
        one.close()
    lock.release()


def test_told_to_stop_it_takes_nothing(tmp_path: Path, service: Service) -> None:
    primary = Exchange(tmp_path)
    service.stopping = True
    reader = JournalReader(primary.folder)
    assert stand_by(service, Engine(SMALL, private_memory), reader, silence_s=60) is None
    primary.end()


def watched(watch: Watch, seconds: float) -> int:
    """Look again and again for so long; the pid that was found stuck."""
    end, found = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        found = found or watch.stuck()
        time.sleep(SILENCE_S / 50)
    return found


def test_a_loop_that_stands_still_is_noticed(run: Path) -> None:
    blocks = board(run)
    watch = Watch(run, SILENCE_S)
    assert watch.stuck() == 0
    deadline = time.monotonic() + 30
    while not (found := watched(watch, SILENCE_S)):
        assert time.monotonic() < deadline
    assert found == shared.os.getpid()
    blocks.arrays["status"]["heartbeat_ns"] += 1
    assert watch.stuck() == 0


def test_one_who_starts_or_waits_for_room_is_left_alone(run: Path) -> None:
    watch = Watch(run, SILENCE_S)
    assert watched(watch, 2 * SILENCE_S) == 0
    board(run).arrays["status"]["ready"] = 0
    assert watched(watch, 2 * SILENCE_S) == 0


def test_a_pause_of_the_watcher_proves_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0]
    monkeypatch.setattr(standby.clock, "steady_ns", lambda: now[0])
    blocks = board(run)
    watch = Watch(run, 1.0)
    now[0] += 10**9
    assert watch.stuck() == 0
    # It slept for a minute, and so, perhaps, did the whole machine.
    now[0] += 60 * 10**9
    assert watch.stuck() == 0
    for _ in range(11):
        assert watch.stuck() == 0
        now[0] += 10**8
    assert watch.stuck() != 0
    assert blocks
