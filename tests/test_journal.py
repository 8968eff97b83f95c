"""The journal at work: what is appended can be read, by recovery and by those who follow it."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from protocol.layout import Rows, rows_of
from protocol.records import Command
from runtime import segments
from runtime.journal import (
    AHEAD,
    Disk,
    Journal,
    JournalBroken,
    JournalFull,
    JournalInUse,
    JournalLock,
    Policy,
)
from runtime.replay import JournalReader, replay
from runtime.segments import CorruptJournal, Sync, WrongVersion, segments_in

POLICY = Policy(Sync.BATCH, interval_ns=10**9, segment_bytes=256 << 20)
SMALL = Policy(Sync.BATCH, interval_ns=10**9, segment_bytes=4096)


def commands(first_seq: int, count: int) -> Rows:
    rows = rows_of(Command, count)
    rows["seq"] = np.arange(first_seq, first_seq + count)
    rows["at_ns"] = rows["seq"] * 1000
    rows["price"] = rows["seq"] * 7
    rows["cl_ord_id"] = b"x-1"
    return rows


def write(folder: Path, counts: list[int], policy: Policy = POLICY) -> Journal:
    journal = Journal(folder, None, policy)
    for count in counts:
        journal.append(commands(journal.next_seq, count))
    return journal


def resume(folder: Path, policy: Policy = POLICY, disk: Disk | None = None) -> Journal:
    reader = JournalReader(folder)
    for _ in reader.read():
        pass
    return Journal(folder, reader.place, policy, disk)


def seqs_in(folder: Path, from_seq: int = 1) -> list[int]:
    return [int(seq) for rows in replay(folder, from_seq) for seq in rows["seq"]]


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    write(tmp_path, [1, 3, 2000, 1, 1500])
    read = np.concatenate(list(replay(tmp_path)))
    assert (read == commands(1, 3505)).all()


def test_no_journal_reads_as_empty(tmp_path: Path) -> None:
    assert seqs_in(tmp_path) == []


@pytest.mark.parametrize("from_seq", [1, 2, 4, 5, 17, 40, 41])
def test_reading_starts_at_any_command(tmp_path: Path, from_seq: int) -> None:
    write(tmp_path, [4] * 10, SMALL)
    assert len(segments_in(tmp_path)) > 1
    assert seqs_in(tmp_path, from_seq) == list(range(from_seq, 41))


def test_a_new_segment_starts_when_one_is_full_and_its_name_says_its_first_command(
    tmp_path: Path,
) -> None:
    write(tmp_path, [4] * 7, SMALL)
    assert [path.name for path in segments_in(tmp_path)] == [
        "000000000001.journal",
        "000000000013.journal",
        "000000000025.journal",
    ]
    assert seqs_in(tmp_path) == list(range(1, 29))


def test_a_batch_larger_than_a_segment_has_one_to_itself(tmp_path: Path) -> None:
    write(tmp_path, [1, 100, 1], SMALL)
    assert len(segments_in(tmp_path)) == 3
    assert seqs_in(tmp_path) == list(range(1, 103))


def test_a_journal_goes_on_where_it_ended(tmp_path: Path) -> None:
    write(tmp_path, [3, 4], SMALL).close()
    for _ in range(5):
        journal = resume(tmp_path, SMALL)
        journal.append(commands(journal.next_seq, 3))
    assert seqs_in(tmp_path) == list(range(1, 23))


def test_a_matcher_that_died_before_sealing_leaves_a_whole_journal(tmp_path: Path) -> None:
    write(tmp_path, [4] * 6, SMALL)
    first, second = segments_in(tmp_path)
    content = bytearray(first.read_bytes())
    seal = 64 + 3 * segments.frame_size(4)
    assert any(content[seal : seal + segments.SEAL])
    content[seal : seal + segments.SEAL] = bytes(segments.SEAL)
    first.write_bytes(content)
    second.write_bytes(second.read_bytes()[:64] + bytes(AHEAD - 64))
    journal = resume(tmp_path, SMALL)
    assert journal.next_seq == 13
    journal.append(commands(13, 4))
    assert seqs_in(tmp_path) == list(range(1, 17))


def test_a_draft_of_a_segment_is_thrown_away(tmp_path: Path) -> None:
    write(tmp_path, [4])
    (tmp_path / "000000000005.draft").write_bytes(b"half a head")
    resume(tmp_path)
    assert not list(tmp_path.glob("*.draft"))


def test_a_follower_reads_up_to_what_is_durable_and_goes_on_later(tmp_path: Path) -> None:
    journal = write(tmp_path, [5, 5], SMALL)
    reader = JournalReader(tmp_path)

    def follow(until: int) -> list[int]:
        return [int(seq) for rows in reader.read(until) for seq in rows["seq"]]

    assert follow(5) == [1, 2, 3, 4, 5]
    assert follow(5) == []
    assert follow(10) == [6, 7, 8, 9, 10]
    for _ in range(200):
        journal.append(commands(journal.next_seq, 5))
    assert follow(1000) == list(range(11, 1001))
    assert follow(1010) == list(range(1001, 1011))
    assert reader.next_seq == 1011


def test_a_follower_sees_a_large_batch_that_made_the_file_grow(tmp_path: Path) -> None:
    journal = write(tmp_path, [1])
    reader = JournalReader(tmp_path)
    assert len(next(iter(reader.read(1)))) == 1
    journal.append(commands(2, 5000))
    assert sum(len(rows) for rows in reader.read(5001)) == 5000


@pytest.mark.parametrize("until", [4000, None], ids=["live", "at rest"])
@pytest.mark.parametrize("segment_bytes", [3 * AHEAD, 256 << 20], ids=["rotated", "grown"])
def test_a_follower_misses_nothing_of_a_segment_that_grew_since_it_looked(
    tmp_path: Path, until: int | None, segment_bytes: int
) -> None:
    journal = write(tmp_path, [5], Policy(Sync.BATCH, 10**9, segment_bytes))
    reader = JournalReader(tmp_path)
    assert sum(len(rows) for rows in reader.read(5)) == 5
    while journal.next_seq <= 4000:
        journal.append(commands(journal.next_seq, 5))
    assert (len(segments_in(tmp_path)) > 1) == (segment_bytes == 3 * AHEAD)
    assert [int(seq) for rows in reader.read(until) for seq in rows["seq"]] == [*range(6, 4001)]


def test_a_follower_may_start_before_the_journal_exists(tmp_path: Path) -> None:
    reader = JournalReader(tmp_path)
    assert list(reader.read(0)) == []
    write(tmp_path, [2])
    assert sum(len(rows) for rows in reader.read(2)) == 2


def test_a_follower_names_durable_commands_that_it_cannot_find(tmp_path: Path) -> None:
    write(tmp_path, [5])
    with pytest.raises(CorruptJournal, match="commands up to 6 are durable"):
        list(JournalReader(tmp_path).read(6))


def test_a_reader_that_needs_removed_segments_is_told_so(tmp_path: Path) -> None:
    write(tmp_path, [4] * 6, SMALL)
    segments_in(tmp_path)[0].unlink()
    assert seqs_in(tmp_path, 13) == list(range(13, 25))
    with pytest.raises(CorruptJournal, match=r"begins here, but seq 12 is needed"):
        seqs_in(tmp_path, 12)


def test_two_processes_never_write_one_journal(tmp_path: Path) -> None:
    first = JournalLock(tmp_path)
    with pytest.raises(JournalInUse, match=str(os.getpid())):
        JournalLock(tmp_path)
    first.release()
    JournalLock(tmp_path).release()


def test_commands_out_of_turn_are_never_written(tmp_path: Path) -> None:
    journal = write(tmp_path, [3])
    for wrong in (3, 5):
        with pytest.raises(AssertionError):
            journal.append(commands(wrong, 1))


class FailingDisk:
    """A disk with room for `room` bytes, or whose sync fails when `broken`."""

    def __init__(self) -> None:
        self.room = 1 << 40
        self.broken = False
        self.error = errno.ENOSPC
        self.syncs = 0

    def write(self, file: int, content: bytes | memoryview, offset: int) -> int:
        grows = max(0, offset + len(content) - os.fstat(file).st_size)
        if grows > self.room:
            if grows == len(content) and self.room == 0:
                raise OSError(self.error, os.strerror(self.error))
            content = content[: len(content) - grows + self.room]
            if not content:
                raise OSError(self.error, os.strerror(self.error))
            grows = self.room
        self.room -= grows
        return os.pwrite(file, content, offset)

    def sync(self, file: int) -> None:
        self.syncs += 1
        if self.broken:
            raise OSError(errno.EIO, "input/output error")
        os.fdatasync(file)

    @property
    def disk(self) -> Disk:
        return Disk(self.write, self.sync)


@pytest.mark.parametrize("policy", [POLICY, SMALL])
@pytest.mark.parametrize("count", [2, 300, 2000])
@pytest.mark.parametrize("room", [0, 1000, AHEAD - 1])
def test_a_full_disk_refuses_the_batch_and_nothing_of_it_counts(
    tmp_path: Path, policy: Policy, count: int, room: int
) -> None:
    failing = FailingDisk()
    journal = Journal(tmp_path, None, policy, failing.disk)
    journal.append(commands(1, 4))
    failing.room = room
    refused = None
    while refused is None:
        kept = journal.next_seq
        try:
            journal.append(commands(kept, count))
        except JournalFull as error:
            refused = error
    assert "No space left" in str(refused)
    assert journal.next_seq == kept
    assert seqs_in(tmp_path) == list(range(1, kept))
    failing.room = 1 << 40
    journal.append(commands(kept, 1))
    journal.append(commands(kept + 1, count))
    assert seqs_in(tmp_path) == list(range(1, kept + count + 1))


def test_a_failed_sync_breaks_the_journal(tmp_path: Path) -> None:
    failing = FailingDisk()
    journal = Journal(tmp_path, None, POLICY, failing.disk)
    failing.broken = True
    with pytest.raises(JournalBroken, match="cannot sync"):
        journal.append(commands(1, 4))


def test_a_failed_write_breaks_the_journal(tmp_path: Path) -> None:
    failing = FailingDisk()
    journal = Journal(tmp_path, None, POLICY, failing.disk)
    failing.room, failing.error = 0, errno.EIO
    with pytest.raises(JournalBroken, match="cannot write"):
        journal.append(commands(1, 2000))


def test_the_last_batch_is_written_again_before_it_is_trusted(tmp_path: Path) -> None:
    failing = FailingDisk()
    write(tmp_path, [3, 2])
    written: list[tuple[int, int]] = []

    def watch(file: int, content: bytes | memoryview, offset: int) -> int:
        written.append((offset, len(content)))
        return os.pwrite(file, content, offset)

    resume(tmp_path, disk=Disk(watch, failing.sync))
    assert (64 + segments.frame_size(3), segments.frame_size(2)) in written
    assert failing.syncs >= 1
    failing.broken = True
    with pytest.raises(JournalBroken):
        resume(tmp_path, disk=failing.disk)


def test_each_policy_syncs_as_often_as_it_says(tmp_path: Path) -> None:
    syncs = {}
    for sync, interval_ns in ((Sync.BATCH, 0), (Sync.INTERVAL, 10**15), (Sync.OFF, 0)):
        failing = FailingDisk()
        policy = Policy(sync, interval_ns, segment_bytes=1 << 20)
        folder = tmp_path / sync.name
        folder.mkdir()
        journal = Journal(folder, None, policy, failing.disk)
        before = failing.syncs
        for _ in range(10):
            journal.append(commands(journal.next_seq, 1))
        syncs[sync] = failing.syncs - before
        journal.close()
        assert failing.syncs == before + syncs[sync] + 1
    assert syncs == {Sync.BATCH: 10, Sync.INTERVAL: 0, Sync.OFF: 0}


def test_the_interval_policy_syncs_when_the_interval_is_over(tmp_path: Path) -> None:
    failing = FailingDisk()
    journal = Journal(tmp_path, None, Policy(Sync.INTERVAL, 0, 1 << 20), failing.disk)
    before = failing.syncs
    journal.append(commands(1, 1))
    assert failing.syncs == before + 1
    journal.sync_if_due()
    assert failing.syncs == before + 1


def test_a_journal_of_another_format_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "FORMAT_VERSION", 77)
    write(tmp_path, [3])
    monkeypatch.undo()
    with pytest.raises(WrongVersion, match=r"format version 77.*reads version 1 with 256"):
        seqs_in(tmp_path)
