"""Snapshots on disk: whole or not there, and every wrong byte is named."""

from pathlib import Path

import numpy as np
import pytest

from protocol.records import Command
from runtime import snapshot
from runtime.snapshot import BLOCK_HEAD, HEAD_SIZE, DamagedSnapshot

BLOCKS = {
    "orders": np.frombuffer(np.random.default_rng(1).bytes(9 * 256), Command.dtype),
    "empty": np.zeros(0, "<u4"),
    "terms": np.arange(12, dtype="<i8").reshape(3, 4),
}
NOTE = {"digest": "d", "place": {"next_seq": 43}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return snapshot.keep(snapshot.write(tmp_path, 42, 99, NOTE, BLOCKS))


def damaged(path: Path, offset: int, flip: int = 0x10) -> str:
    """Flip a bit of the byte at `offset` and return what is said about it."""
    content = bytearray(path.read_bytes())
    content[offset] ^= flip
    path.write_bytes(content)
    with pytest.raises(DamagedSnapshot) as found:
        snapshot.read(path)
    assert path.name in str(found.value)
    assert "older snapshot" in str(found.value)
    return str(found.value)


def test_what_was_written_is_read_back(path: Path) -> None:
    found = snapshot.read(path)
    assert (found.seq, found.event_seq, found.note) == (42, 99, NOTE)
    assert list(found.blocks) == list(BLOCKS)
    for name, rows in BLOCKS.items():
        assert found.blocks[name].dtype == rows.dtype
        assert found.blocks[name].tobytes() == rows.tobytes()
        assert not found.blocks[name].flags.writeable or not rows.size


def test_a_draft_counts_only_once_it_is_kept(tmp_path: Path) -> None:
    draft = snapshot.write(tmp_path, 7, 7, NOTE, BLOCKS)
    assert snapshot.snapshots_in(tmp_path) == []
    assert snapshot.read(draft).seq == 7
    kept = snapshot.keep(draft)
    assert snapshot.snapshots_in(tmp_path) == [kept]
    assert not draft.exists()


def test_a_stale_draft_goes_with_the_next_one(tmp_path: Path) -> None:
    stale = snapshot.write(tmp_path, 7, 7, NOTE, BLOCKS)
    snapshot.keep(snapshot.write(tmp_path, 8, 8, NOTE, BLOCKS))
    assert not stale.exists()


def test_snapshots_are_listed_oldest_first(tmp_path: Path) -> None:
    for seq in (10**13, 5, 300):
        snapshot.keep(snapshot.write(tmp_path, seq, seq, NOTE, BLOCKS))
    found = snapshot.snapshots_in(tmp_path)
    assert [snapshot.read(path).seq for path in found] == [5, 300, 10**13]


def test_every_single_wrong_byte_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for offset in range(len(whole)):
        content = bytearray(whole)
        content[offset] ^= 1 << offset % 8
        path.write_bytes(content)
        with pytest.raises(DamagedSnapshot):
            snapshot.read(path)
    path.write_bytes(whole)
    assert snapshot.read(path).seq == 42


def place_of(path: Path, part: str) -> int:
    """Return an offset that lies in a part of the snapshot, by the format's own rules."""
    content = path.read_bytes()
    first_block = HEAD_SIZE + int.from_bytes(content[12:16], "little") + 8
    layout = int.from_bytes(content[first_block + 32 : first_block + 36], "little")
    return {
        "magic": 0,
        "version": 8,
        "head": 17,
        "check of the head": HEAD_SIZE - 1,
        "note": HEAD_SIZE + 3,
        "checksum of the note": first_block - 1,
        "name of a block": first_block,
        "count of a block": first_block + 24,
        "length of a block": first_block + 36,
        "check of a block's head": first_block + BLOCK_HEAD - 1,
        "layout of a block": first_block + BLOCK_HEAD + 1,
        "payload": first_block + BLOCK_HEAD + layout + 500,
        "checksum of a block": first_block + BLOCK_HEAD + layout + 9 * 256,
        "tail": len(content) - 16,
        "checksum of the tail": len(content) - 1,
    }[part]


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("magic", "the head"),
        ("version", "the head"),
        ("head", "the head"),
        ("check of the head", "the head"),
        ("note", "the note"),
        ("checksum of the note", "the note"),
        ("name of a block", "the head of block 1 of 3"),
        ("count of a block", "the head of block 1 of 3"),
        ("length of a block", "the head of block 1 of 3"),
        ("check of a block's head", "the head of block 1 of 3"),
        ("layout of a block", "block 1 of 3 does not match"),
        ("payload", "block 1 of 3 does not match"),
        ("checksum of a block", "block 1 of 3 does not match"),
        ("tail", "the tail"),
        ("checksum of the tail", "the tail"),
    ],
)
def test_a_wrong_byte_is_named_by_its_part(path: Path, part: str, named: str) -> None:
    assert named in damaged(path, place_of(path, part))


@pytest.mark.parametrize("length", [0, 5, HEAD_SIZE, HEAD_SIZE + 20, 1000, -17, -1])
def test_a_file_that_ends_early_is_not_used(path: Path, length: int) -> None:
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(DamagedSnapshot):
        snapshot.read(path)


def test_a_file_with_something_behind_its_end_is_not_used(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DamagedSnapshot):
        snapshot.read(path)


def test_swapped_blocks_are_noticed(tmp_path: Path) -> None:
    alike = {"a": np.arange(4), "b": np.arange(4) + 1}
    path = snapshot.keep(snapshot.write(tmp_path, 1, 1, {}, alike))
    content = path.read_bytes()
    length = (len(content) - HEAD_SIZE - 2 - 8 - 16) // 2
    first = HEAD_SIZE + 2 + 8
    one, two = content[first : first + length], content[first + length : first + 2 * length]
    path.write_bytes(content[:first] + two + one + content[first + 2 * length :])
    with pytest.raises(DamagedSnapshot, match="block 1 of 2"):
        snapshot.read(path)


def test_a_snapshot_under_another_name_is_not_used(path: Path) -> None:
    other = path.rename(path.with_name(snapshot.snapshot_name(43)))
    with pytest.raises(DamagedSnapshot, match="under another name"):
        snapshot.read(other)


def test_a_snapshot_of_another_format_version_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "FORMAT_VERSION", snapshot.FORMAT_VERSION + 1)
    path = snapshot.keep(snapshot.write(tmp_path, 1, 1, NOTE, BLOCKS))
    monkeypatch.undo()
    with pytest.raises(DamagedSnapshot, match="format version"):
        snapshot.read(path)
