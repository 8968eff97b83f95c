"""Between two hosts the receipts are the fence: nothing is told that the lease does not allow."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher import follower, replicas
from matcher.replicas import Fenced, Mode
from runtime.replica_frames import Frame, Word
from tests.test_follower import COPY, Hosts
from tests.test_replicas import MS, PEER, FakeClock, FakeKeeper


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    for module in (replicas, follower):
        monkeypatch.setattr(module, "clock", clock)
    return clock


@pytest.fixture
def keeper() -> FakeKeeper:
    return FakeKeeper()


@pytest.fixture
def leased(tmp_path: Path, time: FakeClock, keeper: FakeKeeper) -> Iterator[Hosts]:
    found = Hosts(tmp_path, time, keeper)
    found.trade(5)
    found.live_until_whole()
    yield found
    found.end()


def test_the_lease_names_a_copy_only_once_answers_wait_for_it(
    leased: Hosts, keeper: FakeKeeper
) -> None:
    assert leased.replicas.mode is Mode.TOGETHER
    leased.live(50)
    assert keeper.wished == COPY


def test_nothing_is_told_alone_before_the_lease_says_so(leased: Hosts, keeper: FakeKeeper) -> None:
    leased.live(50)
    keeper.answer()
    leased.line.cut = True
    leased.trade()
    leased.live(60_000)
    assert keeper.wished == 0
    assert not leased.replicas.confirmed(0)
    assert leased.replicas.mode is Mode.TOGETHER
    keeper.answer()
    assert leased.replicas.confirmed(0)
    assert leased.replicas.mode is Mode.ALONE


def test_a_receipt_of_one_copy_is_nothing_while_the_lease_names_another(
    leased: Hosts, keeper: FakeKeeper
) -> None:
    leased.live(50)
    keeper.answer()
    keeper.possible = frozenset((99,))
    leased.trade()
    leased.live(50)
    assert leased.replicas.behind == 0
    assert not leased.replicas.confirmed(0)
    keeper.answer()
    assert leased.replicas.confirmed(0)


def test_after_a_pause_nothing_is_told_before_it_was_looked_whose_the_lease_is(
    leased: Hosts, keeper: FakeKeeper
) -> None:
    leased.clock.now_ns += 5_000 * MS
    assert not leased.replicas.confirmed(0)
    keeper.rounds += 1
    assert not leased.replicas.confirmed(0)
    keeper.rounds += 1
    assert leased.replicas.confirmed(0)


def test_who_lost_the_lease_tells_nothing_more(leased: Hosts, keeper: FakeKeeper) -> None:
    keeper.lost = True
    with pytest.raises(Fenced):
        leased.replicas.confirmed(0)


def test_a_stranger_on_the_wire_changes_nothing(leased: Hosts) -> None:
    leased.line.to_primary.append((b"stranger", b"x" * 64))
    leased.line.to_primary.append((b"stranger", Frame(Word.LEAVE, 1).pack()))
    leased.line.to_primary.append((PEER, b""))
    leased.live(50)
    assert leased.replicas.mode is Mode.TOGETHER
    assert leased.replicas.behind == 0
