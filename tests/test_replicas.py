"""Answers wait for the receipt of the one who stands by, and what happens when there is none."""

import logging
from collections import deque
from collections.abc import Iterator

import pytest

from matcher import replicas
from matcher.replicas import BEAT_NS, Mode, Receipts, Replicas
from runtime.replica_frames import Frame, Word, WrongReplicaFrame, unpack

ALONE_AFTER_S = 2.0
PEER = b"one"
LOG = logging.getLogger("test")
MS = 1_000_000


class FakeClock:
    def __init__(self) -> None:
        self.now_ns = 1_000 * MS

    def steady_ns(self) -> int:
        return self.now_ns

    def wall_ns(self) -> int:
        return self.now_ns


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr(replicas, "clock", clock)
    return clock


class Line:
    """Both ends of the wire; what is cut arrives nowhere."""

    def __init__(self, clock: FakeClock) -> None:
        self.to_primary: deque[tuple[bytes, bytes]] = deque()
        self.to_standby: deque[bytes] = deque()
        self.peer = PEER
        self.cut = self.gone = False
        self._clock = clock

    def send_to_primary(self, frame: bytes) -> bool:
        if not self.cut:
            self.to_primary.append((self.peer, frame))
        return not self.cut


class PrimaryEnd:
    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, peer: bytes, frame: bytes) -> bool:
        if self._line.gone or peer != self._line.peer:
            return False
        if not self._line.cut:
            self._line.to_standby.append(frame)
        return True

    def drain(self, limit: int) -> Iterator[tuple[bytes, bytes]]:
        while self._line.to_primary:
            yield self._line.to_primary.popleft()

    def wait(self, timeout_ms: int) -> bool:
        self._line._clock.now_ns += timeout_ms * MS
        return False

    def close(self, linger_ms: int = 0) -> None:
        """Nothing to close."""


class StandbyEnd:
    def __init__(self, line: Line) -> None:
        self._line = line

    def send(self, frame: bytes) -> bool:
        return self._line.send_to_primary(frame)

    def drain(self, limit: int) -> Iterator[bytes]:
        while self._line.to_standby:
            yield self._line.to_standby.popleft()

    def wait(self, timeout_ms: int) -> bool:
        return False

    def close(self, linger_ms: int = 0) -> None:
        """Nothing to close."""


class FakeKeeper:
    """What the loop sees of the keeper of a lease."""

    def __init__(self) -> None:
        self.lost = False
        self.rounds = 0
        self.possible = frozenset((0,))
        self.wished = 0

    def wish(self, replica: int) -> None:
        if replica != self.wished:
            self.wished = replica
            self.possible |= {replica}

    def answer(self) -> None:
        """The database has it."""
        self.possible = frozenset((self.wished,))
        self.rounds += 1


class Pair:
    """One in charge and one who stands by, and the file that both see."""

    def __init__(self, clock: FakeClock, alone_after_s: float = ALONE_AFTER_S) -> None:
        self.clock = clock
        self.line = Line(clock)
        self.primary = Replicas(PrimaryEnd(self.line), LOG, 1, alone_after_s)
        self.standby = Receipts(StandbyEnd(self.line), 1)
        self.next_seq = 1
        self.has_seq = 1

    def read(self, until_seq: int) -> int:
        assert until_seq < self.next_seq, "it was told of something that is not journaled"
        self.has_seq = max(self.has_seq, until_seq + 1)
        return self.has_seq

    def journal(self, count: int = 1) -> None:
        self.next_seq += count
        self.primary.journaled(self.next_seq)

    def live(self, milliseconds: int, *, standby: bool = True) -> None:
        for _ in range(0, milliseconds, 10):
            self.clock.now_ns += 10 * MS
            if standby:
                self.standby.turn(self.read)
            self.primary.turn()


@pytest.fixture
def pair(time: FakeClock) -> Pair:
    return Pair(time)


def test_a_life_begins_alone_and_goes_together_when_the_standby_has_everything(pair: Pair) -> None:
    pair.journal(3)
    assert pair.primary.mode is Mode.ALONE
    assert pair.primary.confirmed(0)
    pair.live(500)
    assert pair.primary.mode is Mode.TOGETHER
    assert pair.has_seq == 4
    assert pair.primary.facts() == {"alone": False, "replica_behind": 0}


def test_together_a_batch_is_told_only_after_its_receipt(pair: Pair) -> None:
    pair.live(500)
    pair.journal(5)
    assert not pair.primary.confirmed(0)
    assert pair.primary.behind == 5
    pair.standby.turn(pair.read)
    assert pair.primary.confirmed(0)


def test_a_receipt_for_less_is_not_enough(pair: Pair) -> None:
    pair.live(500)
    pair.journal(5)
    pair.line.to_standby.clear()
    pair.line.send_to_primary(Frame(Word.RECEIPT, pair.next_seq - 1).pack())
    assert not pair.primary.confirmed(0)


def test_a_receipt_of_somebody_else_counts_for_nothing(pair: Pair) -> None:
    pair.live(500)
    pair.journal(5)
    pair.line.to_primary.append((b"stranger", Frame(Word.RECEIPT, 99).pack()))
    assert not pair.primary.confirmed(0)


def test_a_standby_that_comes_anew_confirms_anew(pair: Pair) -> None:
    pair.live(500)
    pair.line.peer = b"another"
    pair.line.send_to_primary(Frame(Word.ASK, 1).pack())
    pair.primary.turn()
    # What the one before it had confirmed says nothing of this one.
    assert not pair.primary.confirmed(0)
    pair.live(500)
    assert pair.primary.confirmed(0)


def test_without_receipts_it_goes_alone_after_the_time_set_and_not_sooner(pair: Pair) -> None:
    pair.live(500)
    pair.journal()
    pair.line.cut = True
    # It is missed from its last word on, which is a beat old at most.
    pair.live(int(ALONE_AFTER_S * 1000) - 100, standby=False)
    assert not pair.primary.confirmed(0)
    pair.live(120, standby=False)
    assert pair.primary.mode is Mode.ALONE
    assert pair.primary.confirmed(0)
    pair.line.cut = False
    pair.live(1000)
    assert pair.primary.mode is Mode.TOGETHER


def test_a_standby_that_dies_is_missed_for_as_long(pair: Pair) -> None:
    pair.live(500)
    pair.live(60_000)
    pair.line.gone = True
    pair.journal()
    pair.live(int(ALONE_AFTER_S * 1000) - 100, standby=False)
    assert not pair.primary.confirmed(0)
    pair.live(120, standby=False)
    assert pair.primary.confirmed(0)


def test_a_silent_standby_is_missed_before_there_is_a_batch_to_wait_with(pair: Pair) -> None:
    pair.live(500)
    pair.line.cut = True
    pair.live(int(ALONE_AFTER_S * 1000) + 100, standby=False)
    pair.journal()
    assert pair.primary.confirmed(0)


def test_one_that_was_told_to_stop_is_not_waited_for(pair: Pair) -> None:
    pair.live(500)
    pair.journal()
    pair.standby.leave()
    assert pair.primary.confirmed(0)
    assert pair.primary.mode is Mode.ALONE


def test_with_no_time_set_nothing_is_ever_told_without_a_receipt(time: FakeClock) -> None:
    pair = Pair(time, alone_after_s=0)
    pair.journal()
    pair.live(3_600_000, standby=False)
    assert not pair.primary.confirmed(0)
    pair.live(500)
    assert pair.primary.confirmed(0)
    pair.journal()
    pair.standby.leave()
    assert not pair.primary.confirmed(0)


def test_lost_frames_cost_a_moment_only(pair: Pair) -> None:
    pair.live(500)
    pair.journal()
    pair.line.to_standby.clear()
    pair.live(2 * BEAT_NS // MS)
    assert pair.primary.mode is Mode.TOGETHER
    assert pair.primary.confirmed(0)


def test_a_wait_for_a_receipt_ends(pair: Pair) -> None:
    pair.live(500)
    pair.journal()
    began_ns = pair.clock.now_ns
    assert not pair.primary.confirmed(100)
    assert 100 * MS <= pair.clock.now_ns - began_ns <= 110 * MS


@pytest.mark.parametrize(
    "content", [b"", b"x" * 63, b"x" * 64, Frame(Word.BEAT, 1).pack()[:6] + b"\xff\xff" + bytes(56)]
)
def test_strange_bytes_are_refused_and_change_nothing(pair: Pair, content: bytes) -> None:
    with pytest.raises(WrongReplicaFrame):
        unpack(content)
    pair.line.to_primary.append((PEER, content))
    pair.line.to_standby.append(content)
    pair.live(500)
    assert pair.primary.mode is Mode.TOGETHER


def test_a_frame_is_read_as_it_was_written() -> None:
    frame = Frame(Word.ASK, 7, 2**64 - 1, 2**63 + 1, 3, 2**64 - 2, b"body")
    assert unpack(frame.pack()) == frame
