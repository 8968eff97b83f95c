"""A copy on another host: the same digests batch by batch, whatever the wire does to it, or none at all."""

import logging
import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from matcher import capacity, follower, replicas, shipping
from matcher.core.engine import Engine
from matcher.follower import Diverged, Follower
from matcher.recovery import catch_up
from matcher.replicas import Mode, Replicas
from matcher.shipping import Source
from runtime import segments
from runtime.durable import DurableReader
from runtime.journal import Journal, JournalFull
from runtime.replay import JournalReader
from runtime.replica_frames import Frame, Word, unpack
from runtime.segments import CorruptJournal, last_epoch, segments_in
from runtime.service import BadConfiguration
from runtime.shared import NotPublished
from tests.test_recovery import POLICY, SMALL, Exchange
from tests.test_replicas import MS, FakeClock, FakeKeeper, Line, PrimaryEnd, StandbyEnd

LOG = logging.getLogger("test")
COPY = 77


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    clock = FakeClock()
    for module in (replicas, follower):
        monkeypatch.setattr(module, "clock", clock)
    return clock


class Hosts:
    """One in charge with its journal, and one with a copy, over a line that a test may hurt."""

    def __init__(self, folder: Path, clock: FakeClock, keeper: FakeKeeper | None = None) -> None:
        self.clock = clock
        self.chance = random.Random(1)
        self.primary = Exchange(folder / "primary")
        self.primary.journal.begin_epoch(1)
        self.line = Line(clock)
        place = self.primary.journal.place
        capacities = (self.primary.folder / capacity.FILE).read_bytes()
        self.source = Source(self.primary.folder, place.head.journal_id, 1, capacities)
        self.replicas = Replicas(
            PrimaryEnd(self.line),
            LOG,
            self.primary.journal.next_seq,
            2.0,
            source=self.source,
            keeper=keeper,  # type: ignore[arg-type]
        )
        self.folder = folder / "copy" / "journal"
        self._made: list[Follower] = []
        self.follower = self.make_follower()

    def make_follower(self) -> Follower:
        """A follower that goes on with what lies in the folder."""

        def make_engine() -> Engine:
            return Engine(capacity.settle(self.folder, SMALL))

        made = Follower(LOG, StandbyEnd(self.line), self.folder, POLICY, COPY, make_engine)
        if segments_in(self.folder):
            engine = make_engine()
            made.journal = catch_up(engine, JournalReader(self.folder), POLICY).journal
            made.engine = engine
        self._made.append(made)
        return made

    def end(self) -> None:
        """Let go of what every life had open."""
        for one in self._made:
            if one.journal:
                one.journal.close()
        self.primary.end()

    def trade(self, batches: int = 1) -> None:
        for _ in range(batches):
            self.primary.trade(self.chance, 1)
            self.replicas.journaled(self.primary.journal.next_seq)

    def live(self, milliseconds: int = 500) -> None:
        for _ in range(0, milliseconds, 10):
            self.clock.now_ns += 10 * MS
            self.follower.turn(0)
            self.replicas.turn()

    def live_until_whole(self) -> None:
        for _ in range(1000):
            self.live(10)
            if self.replicas.behind == 0 and self.follower.is_whole:
                return
        raise AssertionError("the copy never has everything")

    def check_copy(self) -> None:
        """The copy is the original, by both chained digests and by the state."""
        copy, engine = self.follower.journal, self.follower.engine
        assert copy and engine
        mine, its = copy.place, self.primary.journal.place
        assert (mine.next_seq, mine.chain) == (its.next_seq, its.chain)
        assert mine.head.journal_id == its.head.journal_id
        assert engine.digest() == self.primary.engine.digest()


@pytest.fixture
def hosts(tmp_path: Path, time: FakeClock) -> Iterator[Hosts]:
    found = Hosts(tmp_path, time)
    yield found
    found.end()


def test_a_copy_has_the_digests_of_the_original(hosts: Hosts) -> None:
    hosts.trade(20)
    hosts.live_until_whole()
    assert hosts.replicas.mode is Mode.TOGETHER
    hosts.trade()
    assert not hosts.replicas.confirmed(0)
    hosts.follower.turn(0)
    assert hosts.replicas.confirmed(0)
    hosts.check_copy()
    # It is a journal like any other: it can be replayed from its files.
    engine = Engine(capacity.recorded(hosts.folder))
    catch_up(engine, JournalReader(hosts.folder), POLICY).journal.close()
    assert engine.digest() == hosts.primary.engine.digest()


def test_a_late_one_gets_everything_a_piece_at_a_time(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipping, "PIECE", 1 << 12)
    monkeypatch.setattr(shipping, "WINDOW", 1 << 14)
    hosts.trade(80)
    assert len(segments_in(hosts.primary.folder)) > 2
    hosts.follower.turn(0)
    hosts.replicas.turn()
    for _ in range(50):
        hosts.replicas.turn()
    on_their_way = sum(len(frame) for frame in hosts.line.to_standby)
    assert on_their_way < 3 * (1 << 14), "more is sent than the window allows"
    hosts.live_until_whole()
    hosts.check_copy()


def test_it_goes_on_where_it_was_after_a_restart(hosts: Hosts) -> None:
    hosts.trade(10)
    hosts.live_until_whole()
    has = hosts.follower.next_seq
    hosts.follower = hosts.make_follower()
    hosts.line.peer = b"another"
    assert hosts.follower.next_seq == has
    hosts.trade(10)
    hosts.live_until_whole()
    hosts.check_copy()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_lost_on_the_way_is_asked_for_again(hosts: Hosts, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(60):
        hosts.trade()
        for frames in (hosts.line.to_standby, hosts.line.to_primary):
            for _ in range(len(frames)):
                frame = frames.popleft()
                if chance.random() < 0.7:
                    frames.append(frame)  # type: ignore[arg-type]
        if chance.random() < 0.1:
            hosts.follower = hosts.make_follower()
            hosts.line.peer = str(chance.random()).encode()
        hosts.live(20)
        assert hosts.follower.next_seq <= hosts.primary.journal.next_seq
    hosts.live_until_whole()
    hosts.check_copy()


def flip(hosts: Hosts, chance: random.Random) -> bool:
    """Flip a bit of the body of the next batches that are on their way."""
    for index, content in enumerate(hosts.line.to_standby):
        frame = unpack(content)
        if frame.word is Word.BATCHES:
            body = bytearray(frame.body)
            place = chance.randrange(8 * len(body))
            body[place // 8] ^= 1 << place % 8
            head = content[: len(content) - len(body)]
            hosts.line.to_standby[index] = head + bytes(body)
            return True
    return False


def test_a_flipped_bit_is_noticed_and_nothing_of_it_written(hosts: Hosts) -> None:
    chance = random.Random(5)
    hosts.trade(5)
    hosts.live_until_whole()
    flipped = 0
    for _ in range(30):
        hosts.trade()
        flipped += flip(hosts, chance)
        hosts.live_until_whole()
    assert flipped == 30
    hosts.check_copy()


def test_damage_that_comes_again_and_again_is_for_a_person(hosts: Hosts) -> None:
    hosts.trade(5)
    hosts.live_until_whole()
    hosts.trade()
    with pytest.raises(BadConfiguration, match="damaged again and again"):
        for _ in range(500):
            flip(hosts, hosts.chance)
            hosts.live(10)


def test_a_copy_with_a_tail_that_the_other_never_had_has_diverged(hosts: Hosts) -> None:
    hosts.trade(5)
    hosts.live_until_whole()
    copy = hosts.follower.journal
    assert copy
    tail = next(JournalReader(hosts.primary.folder).read())[:3].copy()
    tail["seq"] = range(copy.next_seq, copy.next_seq + 3)
    copy.append(tail)
    hosts.follower = hosts.make_follower()
    with pytest.raises(Diverged):
        hosts.live()
    # Also when the other has gone on by as much.
    hosts.follower = hosts.make_follower()
    hosts.trade(3)
    with pytest.raises(Diverged):
        hosts.live()


def test_a_lost_word_that_it_has_diverged_is_said_again(hosts: Hosts, tmp_path: Path) -> None:
    other = Exchange(tmp_path / "copy")
    other.trade(hosts.chance, 2)
    other.end()
    hosts.follower = hosts.make_follower()
    hosts.follower.turn(0)
    hosts.replicas.turn()
    assert any(unpack(content).word is Word.DIVERGED for content in hosts.line.to_standby)
    hosts.line.to_standby.clear()
    with pytest.raises(Diverged):
        hosts.live(1000)


def test_a_copy_of_another_journal_has_diverged(hosts: Hosts, tmp_path: Path) -> None:
    other = Exchange(tmp_path / "copy")
    other.trade(hosts.chance, 2)
    other.end()
    hosts.follower = hosts.make_follower()
    with pytest.raises(Diverged):
        hosts.live()


def test_segments_that_are_gone_cannot_be_copied(hosts: Hosts) -> None:
    hosts.trade(80)
    segments_in(hosts.primary.folder)[0].unlink()
    with pytest.raises(BadConfiguration, match="begin with a backup"):
        hosts.live()


def test_a_full_disk_stops_the_copy_until_there_is_room(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.trade(5)
    hosts.live_until_whole()
    with monkeypatch.context() as full:

        def no_room(self: Journal, rows: object) -> None:
            if self is hosts.follower.journal:
                raise JournalFull("no room")
            append(self, rows)  # type: ignore[arg-type]

        append = Journal.append
        full.setattr(Journal, "append", no_room)
        hosts.trade(2)
        hosts.live(1000)
        assert hosts.replicas.behind > 0
    hosts.live_until_whole()
    hosts.check_copy()


def test_one_from_before_is_confirmed_nothing(hosts: Hosts) -> None:
    hosts.trade(5)
    hosts.live_until_whole()
    copy = hosts.follower.journal
    assert copy
    copy.begin_epoch(2)
    hosts.line.to_primary.clear()
    hosts.line.to_standby.append(Frame(Word.BEAT, copy.next_seq, epoch=1).pack())
    hosts.follower.turn(0)
    assert not any(unpack(content).word is Word.RECEIPT for _, content in hosts.line.to_primary)


@pytest.mark.parametrize("word", [Word.DIVERGED, Word.REFUSED, Word.WELCOME])
def test_one_from_before_cannot_have_this_copy_put_aside(hosts: Hosts, word: Word) -> None:
    hosts.trade(5)
    hosts.live_until_whole()
    copy = hosts.follower.journal
    assert copy
    copy.begin_epoch(2)
    heard_ns = hosts.follower.heard_ns
    hosts.clock.now_ns += 10 * MS
    hosts.line.to_standby.append(Frame(word, copy.next_seq, epoch=1).pack())
    hosts.follower.turn(0)
    assert hosts.follower.heard_ns == heard_ns
    # From who is in charge now the same word counts.
    hosts.line.to_standby.append(Frame(Word.DIVERGED, copy.next_seq, epoch=2).pack())
    with pytest.raises(Diverged):
        hosts.follower.turn(0)


def test_the_capacities_are_on_disk_before_anything_is_journaled_under_them(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hosts.source.capacities
    synced: list[bytes] = []
    really = os.fsync

    def sync(descriptor: int) -> None:
        really(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.parent == hosts.folder:
            synced.append(path.read_bytes())

    monkeypatch.setattr(os, "fsync", sync)
    begun: list[bytes] = []

    def begin(folder: Path, *args: Any, **named: Any) -> Journal:
        begun.append((folder / capacity.FILE).read_bytes())
        assert whole in synced
        return Journal(folder, *args, **named)

    monkeypatch.setattr(follower, "Journal", begin)
    hosts.trade(2)
    hosts.live_until_whole()
    assert begun == [whole]


def test_a_segment_that_goes_while_it_is_sent_is_said_and_ends_nobody(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts.trade(5)

    def vanish(path: Path) -> memoryview:
        raise FileNotFoundError(path)

    monkeypatch.setattr("runtime.replay._map", vanish)
    with pytest.raises(BadConfiguration, match="sends no journal"):
        hosts.live(1000)


def test_every_segment_says_under_which_lease_it_was_written(hosts: Hosts) -> None:
    hosts.trade(2)
    hosts.live_until_whole()
    hosts.primary.journal.begin_epoch(3)
    hosts.trade(2)
    hosts.live_until_whole()
    hosts.check_copy()
    assert last_epoch(hosts.folder) == last_epoch(hosts.primary.folder) == 3
    # A segment under an older lease, behind one under a newer, is not this journal's.
    path = segments_in(hosts.primary.folder)[-1]
    content = bytearray(path.read_bytes())
    head = segments.read_head(path, memoryview(content))
    older = segments.SegmentHead(head.first_seq, head.journal_id, head.chain, head.sync, 0)
    path.write_bytes(older.pack() + content[segments.SEGMENT_HEAD :])
    with pytest.raises(CorruptJournal, match="epoch 0, after 1"):
        list(JournalReader(hosts.primary.folder).read())


def test_the_end_of_a_leased_journal_is_for_no_books_while_it_is_at_rest(
    hosts: Hosts, tmp_path: Path
) -> None:
    hosts.trade(2)
    hosts.primary.lock.release()
    reader = DurableReader(JournalReader(hosts.primary.folder), tmp_path, for_books=True)
    with pytest.raises(NotPublished):
        list(reader.read())
    assert list(DurableReader(JournalReader(hosts.primary.folder), tmp_path).read())
