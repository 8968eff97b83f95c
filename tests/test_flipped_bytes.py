"""Every field of journal and snapshot, one wrong byte at a time: noticed, named by file and place, with what to do.

The tables give the layouts as the documents of `runtime/segments.py` and `runtime/snapshot.py` have them, in
numbers of their own: a layout that changes must be changed here as well.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from conf.capacities import Core
from matcher import capacity
from protocol.records import Command
from runtime import snapshot
from runtime.journal import Journal
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, segments_in
from runtime.service import BadConfiguration
from runtime.snapshot import DamagedSnapshot
from tests.test_journal_damage import COUNTS, SMALL, Batch, cut, flip, read, write

RECORD = 256
SEGMENT_HEAD = {
    "magic": (0, 8),
    "format version": (8, 10),
    "sync policy": (10, 12),
    "record size": (12, 16),
    "first seq": (16, 24),
    "journal id": (24, 32),
    "chain": (32, 40),
    "reserve": (40, 56),
    "check": (56, 64),
}
BATCH_HEAD = {"journal id": (0, 8), "first seq": (8, 16), "count": (16, 20), "check": (20, 24)}
BITS = (0x01, 0x10, 0x80)
LAST = len(COUNTS) - 1
WHICH = {"the first": 0, "one in the middle": 4, "the last before a seal": 3, "the very last": LAST}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("original")


@pytest.fixture(scope="module")
def batches(original: Path) -> list[Batch]:
    return write(original, COUNTS)


@pytest.fixture
def folder(original: Path, batches: list[Batch], tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / "copy"))


def refusals(folder: Path, path: Path, bounds: tuple[int, int], place: int) -> None:
    """Flip bits of every byte in turn: each time this file, `place` and what to do must be named."""
    for offset in range(*bounds):
        for bits in BITS:
            flip(path, offset, bits)
            with pytest.raises(CorruptJournal) as caught:
                read(folder)
            told = str(caught.value)
            assert told.startswith(f"{path}: corrupt at offset {place}: "), told
            assert "Nothing was changed" in told
            assert "Put back this file from a backup or from a standby's journal" in told
            flip(path, offset, bits)
    assert read(folder) == list(range(1, sum(COUNTS) + 1))


@pytest.mark.parametrize("field", SEGMENT_HEAD)
@pytest.mark.parametrize("index", range(3))
def test_a_wrong_byte_in_the_head_of_any_segment(folder: Path, index: int, field: str) -> None:
    refusals(folder, segments_in(folder)[index], SEGMENT_HEAD[field], 0)


def test_the_fields_of_a_segment_head_are_all_of_it() -> None:
    places = [place for bounds in SEGMENT_HEAD.values() for place in range(*bounds)]
    assert places == list(range(64))


@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("field", BATCH_HEAD)
def test_a_wrong_byte_in_the_head_of_a_batch(
    folder: Path, batches: list[Batch], field: str, which: str
) -> None:
    batch = batches[WHICH[which]]
    low, high = (batch.start + place for place in BATCH_HEAD[field])
    refusals(folder, folder / batch.path.name, (low, high), batch.start)


@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("field", Command.dtype.names or ())
def test_a_wrong_byte_in_any_field_of_a_command(
    folder: Path, batches: list[Batch], field: str, which: str
) -> None:
    batch = batches[WHICH[which]]
    layout, place = (Command.dtype.fields or {})[field][:2]
    # The last command of the batch, and of the field the first byte and the last.
    start = batch.start + 24 + (batch.count - 1) * RECORD + place
    for offset in {start, start + layout.itemsize - 1}:
        refusals(folder, folder / batch.path.name, (offset, offset + 1), batch.start)


@pytest.mark.parametrize("which", WHICH)
def test_a_wrong_byte_in_the_checksum_of_a_batch(
    folder: Path, batches: list[Batch], which: str
) -> None:
    batch = batches[WHICH[which]]
    refusals(folder, folder / batch.path.name, (batch.end - 8, batch.end), batch.start)


@pytest.mark.parametrize("field", {**BATCH_HEAD, "checksum": (24, 32)})
def test_a_wrong_byte_in_a_seal(folder: Path, batches: list[Batch], field: str) -> None:
    path = segments_in(folder)[0]
    seal = max(batch.end for batch in batches if batch.path.name == path.name)
    low, high = {**BATCH_HEAD, "checksum": (24, 32)}[field]
    refusals(folder, path, (seal + low, seal + high), seal)


def test_a_wrong_byte_behind_a_seal_has_no_effect(folder: Path, batches: list[Batch]) -> None:
    path = segments_in(folder)[0]
    seal = max(batch.end for batch in batches if batch.path.name == path.name)
    whole = path.stat().st_size
    for offset in (seal + 32, (seal + 32 + whole) // 2, whole - 1):
        flip(path, offset, 0x10)
    assert read(folder) == list(range(1, sum(COUNTS) + 1))


def test_a_wrong_byte_in_the_sector_behind_the_last_batch_is_refused(
    folder: Path, batches: list[Batch]
) -> None:
    # It could be the begin of a batch that was acknowledged.
    end = batches[LAST].end
    rest_of_sector = 512 - end % 512
    assert rest_of_sector > 24
    refusals(folder, segments_in(folder)[-1], (end, end + rest_of_sector), end)


@pytest.mark.parametrize("far", ["near", "middle", "last byte"])
def test_a_wrong_byte_in_the_empty_rest_has_no_effect_and_is_cleared(
    folder: Path, batches: list[Batch], far: str
) -> None:
    path, end = segments_in(folder)[-1], batches[LAST].end
    first, last = (end // 512 + 1) * 512, path.stat().st_size - 1
    flip(path, {"near": first, "middle": (first + last) // 2, "last byte": last}[far], 0x10)
    found, torn = cut(folder)
    assert (found, torn) == (list(range(1, sum(COUNTS) + 1)), True)
    reader = JournalReader(folder)
    list(reader.read())
    assert reader.place is not None
    assert not any(path.read_bytes()[reader.place.offset :])


# Snapshots

BLOCKS = {
    "orders": np.frombuffer(np.random.default_rng(1).bytes(3 * RECORD), Command.dtype),
    "empty": np.zeros(0, "<u4"),
    "terms": np.arange(12, dtype="<i8").reshape(3, 4),
}
NOTE = {"digest": "d", "place": {"next_seq": 43}}
HEAD = {
    "magic": (0, 8),
    "format version": (8, 10),
    "blocks": (10, 12),
    "length of the note": (12, 16),
    "seq": (16, 24),
    "event seq": (24, 32),
    "file length": (32, 40),
    "check": (40, 48),
}
BLOCK_HEAD = {
    "name": (0, 24),
    "count": (24, 32),
    "length of the layout": (32, 36),
    "length of the rows": (36, 44),
    "check": (44, 52),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return snapshot.keep(snapshot.write(tmp_path, 42, 99, NOTE, BLOCKS))


def number(content: bytes, start: int, end: int) -> int:
    return int.from_bytes(content[start:end], "little")


def parts_of(content: bytes) -> list[tuple[str, int, int, int]]:
    """All parts of a snapshot: what it is, where it begins and ends, and the place that is named for it."""
    found = [(f"head: {name}", *bounds, 0) for name, bounds in HEAD.items()]
    end = 48 + number(content, 12, 16)
    found += [("note", 48, end, 48), ("checksum of the note", end, end + 8, 48)]
    start = end + 8
    for _ in range(number(content, 10, 12)):
        for name, (low, high) in BLOCK_HEAD.items():
            found.append((f"head of a block: {name}", start + low, start + high, start))
        layout = start + 52 + number(content, start + 32, start + 36)
        end = layout + number(content, start + 36, start + 44)
        found += [("layout", start + 52, layout, start), ("payload", layout, end, start)]
        found.append(("checksum of a block", end, end + 8, start))
        start = end + 8
    found += [("tail: magic", start, start + 8, start), ("tail: sum", start + 8, start + 16, start)]
    return found


def test_the_parts_of_a_snapshot_are_all_of_it(path: Path) -> None:
    content = path.read_bytes()
    places = [place for _, low, high, _ in parts_of(content) for place in range(low, high)]
    assert places == list(range(len(content)))


@pytest.mark.parametrize("bits", BITS)
def test_a_wrong_byte_anywhere_in_a_snapshot(path: Path, bits: int) -> None:
    content = path.read_bytes()
    for part, low, high, place in parts_of(content):
        for offset in range(low, high):
            flip(path, offset, bits)
            with pytest.raises(DamagedSnapshot) as caught:
                snapshot.read(path)
            told = str(caught.value)
            assert told.startswith(f"{path}: not usable at offset {place}: "), (part, told)
            assert "An older snapshot, or the journal alone, leads to the same state" in told
            flip(path, offset, bits)
    assert snapshot.read(path).seq == 42


# What lies beside the journal


def settled(folder: Path) -> tuple[object, str]:
    """Return the capacities that a matcher comes to, or what it is told instead."""
    try:
        return capacity.settle(folder, capacity.wanted(Core())), ""
    except (CorruptJournal, BadConfiguration) as error:
        return None, str(error)


def test_a_wrong_byte_in_the_capacities_is_named_or_changes_nothing(tmp_path: Path) -> None:
    kept, _ = settled(tmp_path)
    Journal(tmp_path, None, SMALL).close()
    path = tmp_path / "capacities.json"
    for offset in range(path.stat().st_size):
        for bits in BITS:
            flip(path, offset, bits)
            found, told = settled(tmp_path)
            changed = f"the journal in {tmp_path} was begun with" in told and "set it back" in told
            unread = told.startswith(f"{path}: corrupt") and "from a backup" in told
            assert changed or unread or found == kept, (offset, bits, told)
            flip(path, offset, bits)
