"""What the journal makes of damage: torn tails are cut, everything else is refused by name."""

import itertools
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.layout import Rows
from runtime import segments
from runtime.journal import Journal, Policy
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, Sync, frame_size, segments_in
from tests.test_journal import commands

SMALL = Policy(Sync.BATCH, interval_ns=10**9, segment_bytes=4096)
WEAK = Policy(Sync.OFF, interval_ns=10**9, segment_bytes=1 << 20)
HEAD = segments.SEGMENT_HEAD
COUNTS = [1, 4, 3, 4, 5, 2, 4, 4, 1, 3]
"""Batches of the journal under test; they fill two segments and begin a third."""
quick = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@dataclass(frozen=True)
class Batch:
    """Where a batch lies."""

    path: Path
    start: int
    first_seq: int
    count: int

    @property
    def end(self) -> int:
        return self.start + frame_size(self.count)


def write(folder: Path, counts: list[int], policy: Policy = SMALL) -> list[Batch]:
    journal = Journal(folder, None, policy)
    found: list[Batch] = []
    for count in counts:
        first = journal.next_seq
        journal.append(commands(first, count))
        path = segments_in(folder)[-1]
        start = HEAD if path.name == segments.segment_name(first) else found[-1].end
        found.append(Batch(path, start, first, count))
    journal.close()
    return found


def read(folder: Path) -> list[int]:
    return [int(seq) for rows in JournalReader(folder).read() for seq in rows["seq"]]


def cut(folder: Path, policy: Policy = SMALL) -> tuple[list[int], bool]:
    """Recover, append one batch, and tell what was there before and whether the tail was torn."""
    reader = JournalReader(folder)
    found = [int(seq) for rows in reader.read() for seq in rows["seq"]]
    journal = Journal(folder, reader.place, policy)
    journal.append(commands(journal.next_seq, 2))
    journal.append(commands(journal.next_seq, 1))
    journal.close()
    assert read(folder) == list(range(1, len(found) + 4))
    return found, reader.torn


def change(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(content)


def flip(path: Path, offset: int, bits: int) -> None:
    with path.open("rb") as file:
        file.seek(offset)
        found = file.read(1)[0]
    change(path, offset, bytes([found ^ bits]))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("original")


@pytest.fixture(scope="module")
def batches(original: Path) -> list[Batch]:
    found = write(original, COUNTS)
    assert len(segments_in(original)) == 3
    assert found[-1].path == found[-2].path == segments_in(original)[-1]
    return found


@pytest.fixture
def folder(original: Path, batches: list[Batch], tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def sectors_of(batch: Batch) -> list[tuple[int, int]]:
    bounds = [
        batch.start,
        *range((batch.start // 512 + 1) * 512, batch.end, 512),
        batch.end,
    ]
    return list(itertools.pairwise(bounds))


# Torn tails


@quick
@given(st.data())
def test_a_file_that_ends_anywhere_in_the_last_segment_gives_the_whole_batches_before(
    batches: list[Batch],
    original: Path,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    folder = Path(shutil.copytree(original, tmp_path_factory.mktemp("cut") / "copy"))
    path = segments_in(folder)[-1]
    last = [batch for batch in batches if batch.path.name == path.name]
    end = data.draw(st.integers(HEAD, last[-1].end))
    with path.open("r+b") as file:
        file.truncate(end)
    kept = max(
        [batch.first_seq + batch.count - 1 for batch in last if batch.end <= end],
        default=last[0].first_seq - 1,
    )
    found, torn = cut(folder)
    assert found == list(range(1, kept + 1))
    assert torn == any(batch.start < end < batch.end for batch in last)


@quick
@given(st.lists(st.integers(1, 12), min_size=1, max_size=4), st.data())
def test_a_last_batch_of_which_any_sectors_are_missing_is_cut(
    tmp_path_factory: pytest.TempPathFactory, counts: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("torn")
    last = write(folder, counts)[-1]
    sectors = sectors_of(last)
    missing = data.draw(st.sets(st.sampled_from(sectors), min_size=1))
    for start, end in missing:
        change(last.path, start, bytes(end - start))
    found, torn = cut(folder)
    assert found == list(range(1, last.first_seq))
    assert torn == (len(missing) < len(sectors))


def test_only_zeros_follow_after_a_torn_tail_was_cut(folder: Path, batches: list[Batch]) -> None:
    last = batches[-1]
    path = folder / last.path.name
    change(path, last.start, bytes(512 - last.start % 512))
    reader = JournalReader(folder)
    list(reader.read())
    assert reader.torn
    Journal(folder, reader.place, SMALL).close()
    assert not any(path.read_bytes()[last.start :])


def test_with_a_weak_policy_later_batches_behind_a_torn_one_are_cut_too(tmp_path: Path) -> None:
    batches = write(tmp_path, [4, 4, 4], WEAK)
    change(batches[1].path, 1024 + 512, bytes(512))
    found, torn = cut(tmp_path, WEAK)
    assert (found, torn) == ([1, 2, 3, 4], True)


def test_with_a_weak_policy_a_wrong_byte_is_refused_all_the_same(tmp_path: Path) -> None:
    batches = write(tmp_path, [4, 4, 4], WEAK)
    flip(batches[1].path, batches[1].start + 100, 4)
    with pytest.raises(CorruptJournal):
        read(tmp_path)


def test_the_policy_in_the_head_follows_the_setting(tmp_path: Path) -> None:
    batches = write(tmp_path, [4, 4], WEAK)
    reader = JournalReader(tmp_path)
    list(reader.read())
    Journal(tmp_path, reader.place, Policy(Sync.BATCH, 0, 1 << 20)).close()
    change(batches[0].path, 512, bytes(512))
    with pytest.raises(CorruptJournal, match="a later one stands at"):
        read(tmp_path)


# Corruption


@quick
@given(st.data(), st.integers(1, 255))
def test_any_wrong_byte_is_refused_and_named(
    batches: list[Batch],
    original: Path,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    bits: int,
) -> None:
    folder = Path(shutil.copytree(original, tmp_path_factory.mktemp("flip") / "copy"))
    batch = data.draw(st.sampled_from(batches))
    offset = data.draw(
        st.one_of(
            st.integers(batch.start, batch.end - 1),
            st.integers(batch.start, batch.start + segments.BATCH_HEAD - 1),
            st.integers(batch.end - 8, batch.end - 1),
        )
    )
    flip(folder / batch.path.name, offset, bits)
    with pytest.raises(CorruptJournal, match="Put back this file from a backup") as caught:
        read(folder)
    assert (caught.value.path.name, caught.value.offset) == (batch.path.name, batch.start)


@pytest.mark.parametrize("offset", range(HEAD))
def test_any_wrong_byte_of_a_segment_head_is_refused(folder: Path, offset: int) -> None:
    for path in segments_in(folder):
        flip(path, offset, 0x10)
        with pytest.raises(CorruptJournal, match="segment head") as caught:
            read(folder)
        assert (caught.value.path, caught.value.offset) == (path, 0)
        flip(path, offset, 0x10)


@pytest.mark.parametrize("offset", range(segments.SEAL))
def test_any_wrong_byte_of_a_seal_is_refused(
    folder: Path, batches: list[Batch], offset: int
) -> None:
    path = segments_in(folder)[0]
    seal = max(batch.end for batch in batches if batch.path.name == path.name)
    flip(path, seal + offset, 1)
    with pytest.raises(CorruptJournal) as caught:
        read(folder)
    assert (caught.value.path, caught.value.offset) == (path, seal)


def test_a_missing_batch_is_noticed(folder: Path, batches: list[Batch]) -> None:
    second, third = batches[1], batches[2]
    path = folder / second.path.name
    content = path.read_bytes()
    path.write_bytes(content[: second.start] + content[third.start :])
    with pytest.raises(CorruptJournal, match="from seq 2"):
        read(folder)


def test_swapped_batches_are_noticed(folder: Path, batches: list[Batch]) -> None:
    one, other = batches[1], batches[3]
    assert one.path == other.path and one.count == other.count
    path = folder / one.path.name
    content = path.read_bytes()
    change(path, one.start, content[other.start : other.end])
    change(path, other.start, content[one.start : one.end])
    with pytest.raises(CorruptJournal, match="from seq 2"):
        read(folder)


@pytest.mark.parametrize(("index", "what"), [(1, "missing"), (2, "missing")])
def test_a_missing_segment_is_noticed(folder: Path, index: int, what: str) -> None:
    gone = segments_in(folder)[index]
    gone.unlink()
    with pytest.raises(CorruptJournal, match=what):
        read(folder)


def test_a_segment_of_another_journal_is_noticed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    write(other, COUNTS)
    shutil.copy(segments_in(other)[1], segments_in(folder)[1])
    with pytest.raises(CorruptJournal, match="does not continue 000000000001"):
        read(folder)


def test_a_segment_under_another_name_is_noticed(folder: Path) -> None:
    _, second, last = segments_in(folder)
    shutil.copy(second, last)
    with pytest.raises(CorruptJournal, match=r"000000000013\.journal under another name"):
        read(folder)


@pytest.mark.parametrize("index", range(len(COUNTS) - 1))
def test_zeros_where_a_batch_was_are_refused_when_later_ones_stand_behind(
    folder: Path, batches: list[Batch], index: int
) -> None:
    batch = batches[index]
    change(folder / batch.path.name, batch.start, bytes(frame_size(batch.count)))
    with pytest.raises(CorruptJournal) as caught:
        read(folder)
    assert (caught.value.path.name, caught.value.offset) == (batch.path.name, batch.start)


def test_what_clients_send_never_looks_like_a_batch(tmp_path: Path) -> None:
    journal = Journal(tmp_path, None, SMALL)
    journal.append(commands(1, 2))
    content = segments_in(tmp_path)[0].read_bytes()
    evil: Rows = commands(3, 12)
    evil.view(np.uint8)[300:900] = np.frombuffer(content[HEAD + 8 : HEAD + 608], np.uint8)
    evil["seq"] = np.arange(3, 15)
    journal.append(evil)
    journal.close()
    last = HEAD + frame_size(2)
    path = segments_in(tmp_path)[0]
    change(path, 1024, bytes(512))
    assert last < 1024
    found, torn = cut(tmp_path)
    assert (found, torn) == ([1, 2], True)
