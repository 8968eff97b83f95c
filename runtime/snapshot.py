"""State on disk: one file holds named arrays and what they are the state of, or it does not exist.

All numbers are little-endian. A snapshot is

    head       magic, format version, blocks, length of the note, seq, event seq, file length, check
    note       JSON: digest, capacities, place in the journal …; then its checksum
    block      name, count, length of the layout, length of the rows, check of these; the layout as
               JSON; the rows; then the checksum of all this
    tail       magic, checksum over all checksums before it

Every checksum (xxh3_64) is seeded with the one before it, so a missing, swapped or foreign block is
noticed like a wrong byte. `write` makes a draft and syncs it, `keep` names it `<seq>.snapshot`: a
snapshot under its name is whole, and whatever is wrong in one is damage. It is refused as a whole
(`DamagedSnapshot` names file, offset and part); nothing is lost by that, for the journal, or an older
snapshot and more of the journal, lead to the same state.
"""

import json
import mmap
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from protocol.records import FORMAT_VERSION

Array = npt.NDArray[Any]
SUFFIX = ".snapshot"
_DRAFT = ".draft"
_MAGIC = b"OBSNAPSH"
_END = b"OBSNAPND"
_HEAD = struct.Struct("<8sHHIqqQ")
_BLOCK = struct.Struct("<24sQIQ")
_TAIL = struct.Struct("<8sQ")
_SUM = struct.Struct("<Q")
HEAD_SIZE = _HEAD.size + _SUM.size
BLOCK_HEAD = _BLOCK.size + _SUM.size
_SLICE = 8 << 20


class DamagedSnapshot(Exception):
    """A snapshot that cannot be used; the message names the file, the place and what is wrong."""

    def __init__(self, path: Path, offset: int, what: str) -> None:
        super().__init__(
            f"{path}: not usable at offset {offset}: {what}. An older snapshot, or the journal "
            "alone, leads to the same state; this file may be removed"
        )
        self.path = path
        self.offset = offset


@dataclass(frozen=True)
class Snapshot:
    """A snapshot that was read and checked; `blocks` are views of the mapped file."""

    path: Path
    seq: int
    event_seq: int
    note: dict[str, Any]
    blocks: dict[str, Array]


def snapshots_in(folder: Path) -> list[Path]:
    """Return the snapshots in a folder, oldest first; drafts are not among them."""
    found = [path for path in folder.glob(f"*{SUFFIX}") if path.stem.isdigit()]
    return sorted(found, key=lambda path: int(path.stem))


def snapshot_name(seq: int) -> str:
    """Return the file name of the snapshot of the state after this command."""
    return f"{seq:012d}{SUFFIX}"


def write(
    folder: Path, seq: int, event_seq: int, note: Mapping[str, Any], blocks: Mapping[str, Array]
) -> Path:
    """Write the draft of a snapshot and return it, durable; it counts once it is kept.

    Drafts that an earlier writer left are removed: there is one writer of snapshots in a folder.

    Raises: OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for stale in folder.glob(f"*{_DRAFT}"):
        stale.unlink(missing_ok=True)
    draft = (folder / snapshot_name(seq)).with_suffix(_DRAFT)
    text = json.dumps(dict(note)).encode()
    parts = [(_block_head(name, rows), rows) for name, rows in blocks.items()]
    length = HEAD_SIZE + len(text) + _SUM.size + _TAIL.size
    length += sum(len(head) + rows.nbytes + _SUM.size for head, rows in parts)
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            head = _HEAD.pack(_MAGIC, FORMAT_VERSION, len(parts), len(text), seq, event_seq, length)
            chain = xxhash.xxh3_64_intdigest(head)
            file.write(head + _SUM.pack(chain))
            chain = xxhash.xxh3_64_intdigest(text, chain)
            file.write(text + _SUM.pack(chain))
            for head, rows in parts:
                chain = _write_block(file, head, rows, chain)
            file.write(_TAIL.pack(_END, xxhash.xxh3_64_intdigest(_END, chain)))
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft


def keep(draft: Path) -> Path:
    """Give a draft the name under which it counts, durably; return that.

    Raises: OSError.
    """
    path = draft.with_suffix(SUFFIX)
    draft.replace(path)
    _sync_names(path.parent)
    return path


def read(path: Path) -> Snapshot:
    """Read a snapshot, or a draft, and check every byte of it. Cost: about one memory read.

    Raises: DamagedSnapshot; OSError.
    """
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size < HEAD_SIZE:
            raise DamagedSnapshot(path, 0, f"{size} bytes are not a head")
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    count, text_length, seq, event_seq, chain = _read_head(path, view)
    at = HEAD_SIZE
    text, chain = _checked(path, view, at, text_length, chain, "the note")
    at += text_length + _SUM.size
    blocks: dict[str, Array] = {}
    for number in range(count):
        what = f"block {number + 1} of {count}"
        name, rows, length, chain = _read_block(path, view, at, chain, what)
        blocks[name] = rows
        at += length
    if bytes(view[at:]) != _TAIL.pack(_END, xxhash.xxh3_64_intdigest(_END, chain)):
        raise DamagedSnapshot(path, at, "the tail does not match")
    return Snapshot(path, seq, event_seq, json.loads(bytes(text)), blocks)


def _read_head(path: Path, view: memoryview) -> tuple[int, int, int, int, int]:
    head = bytes(view[: _HEAD.size])
    magic, version, count, text_length, seq, event_seq, length = _HEAD.unpack(head)
    (chain,) = _SUM.unpack_from(view, _HEAD.size)
    if magic != _MAGIC or chain != xxhash.xxh3_64_intdigest(head):
        raise DamagedSnapshot(path, 0, "the head does not match its check")
    if version != FORMAT_VERSION:
        raise DamagedSnapshot(
            path, 8, f"format version {version} found, this program reads {FORMAT_VERSION}"
        )
    if length != len(view):
        raise DamagedSnapshot(path, len(view), f"{len(view)} bytes found, {length} were written")
    if path.stem != Path(snapshot_name(seq)).stem:
        raise DamagedSnapshot(path, 0, f"this is {snapshot_name(seq)} under another name")
    return count, text_length, seq, event_seq, chain


def _block_head(name: str, rows: Array) -> bytes:
    layout = json.dumps(_describe(rows.dtype)).encode()
    fields = _BLOCK.pack(name.encode(), rows.size, len(layout), rows.nbytes)
    return fields + _SUM.pack(xxhash.xxh3_64_intdigest(fields)) + layout


def _write_block(file: Any, head: bytes, rows: Array, chain: int) -> int:
    """Write one block and its checksum; return that."""
    summed = xxhash.xxh3_64(head, seed=chain)
    file.write(head)
    if rows.size:
        content = np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data
        # In slices, so that a large block is hashed while it is still in the cache.
        for start in range(0, len(content), _SLICE):
            piece = content[start : start + _SLICE]
            summed.update(piece)
            file.write(piece)
    chain = summed.intdigest()
    file.write(_SUM.pack(chain))
    return chain


def _read_block(
    path: Path, view: memoryview, at: int, chain: int, what: str
) -> tuple[str, Array, int, int]:
    """Return name and rows of the block at `at`, its length with all, and its checksum."""
    fields = bytes(view[at : at + _BLOCK.size])
    if len(view) < at + BLOCK_HEAD or _SUM.unpack_from(view, at + _BLOCK.size)[
        0
    ] != xxhash.xxh3_64_intdigest(fields):
        raise DamagedSnapshot(path, at, f"the head of {what} does not match its check")
    name, count, layout_length, rows_length = _BLOCK.unpack(fields)
    length = BLOCK_HEAD + layout_length + rows_length
    content, chain = _checked(path, view, at, length, chain, what)
    start = BLOCK_HEAD + layout_length
    dtype = _dtype(json.loads(bytes(content[BLOCK_HEAD:start])))
    rows = np.frombuffer(content, dtype, count, start) if count else np.zeros(0, dtype)
    return name.rstrip(b"\0").decode(), rows, length + _SUM.size, chain


def _checked(
    path: Path, view: memoryview, at: int, length: int, chain: int, what: str
) -> tuple[memoryview, int]:
    """Return what stands at `at` and its checksum, which follows it."""
    end = at + length
    if end + _SUM.size > len(view):
        raise DamagedSnapshot(path, at, f"{what} does not fit in the file")
    found = xxhash.xxh3_64_intdigest(view[at:end], chain)
    if _SUM.unpack_from(view, end)[0] != found:
        raise DamagedSnapshot(path, at, f"{what} does not match its checksum")
    return view[at:end], found


def _describe(dtype: np.dtype[Any]) -> object:
    return dtype.str if dtype.fields is None else [list(field) for field in dtype.descr]


def _dtype(described: Any) -> np.dtype[Any]:
    if isinstance(described, str):
        return np.dtype(described)
    return np.dtype([(name, width) for name, width in described])


def _sync_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
