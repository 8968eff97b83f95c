"""The journal on disk: what a segment file holds, and what its damage means.

A journal is a folder of segments, each named after the first command in it. All numbers are
little-endian. A segment is a 64-byte head, then batches without padding, then zeros:

    segment head   magic, format version, sync policy, record size, first seq, journal id, chain, epoch, check
    batch          journal id (8), first seq (8), count (4), check of these (4), records, checksum (8)

The checksum of a batch (xxh3_64, never 0) covers its head and records and is seeded with the checksum
of the batch before it; the first batch of a segment is seeded with `chain` of the head, which is the last
checksum of the previous segment. So a missing, swapped or foreign batch or segment is noticed like a
wrong byte. A batch without records is a seal: the segment is complete and another follows. The
journal id is random: whatever clients send, their bytes never look like a batch.

**What damage means.** With `sync = batch` at most one batch is on its way to the disk at a time, and it is
written over zeros. After a crash each 512-byte sector of it is there or still zero. Since every sector
of a batch holds something that is never zero (its head, the start of a record or its checksum), a batch
with a zero sector and nothing behind it is a *torn tail*: it was never acknowledged and is cut. A
wrong batch without a zero sector, or with a later batch behind it, is *corruption*: it is refused.

What cannot be told apart: damage that turns a whole sector of the very last batch into zeros looks like a
torn tail; so does the loss of the last batch altogether (the file then ends where a shorter journal
would). Bytes that are set in the empty rest of the last segment, beyond the first empty sector, hold
nothing and are cleared. With `sync = interval` or `off` several batches may be on their way, so a power cut may
leave later batches behind a torn one: all of them are cut then, as those policies allow.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xxhash

from protocol.records import FORMAT_VERSION, Command

RECORD = Command.dtype.itemsize
SUFFIX = ".journal"
SECTOR = 512
_MAGIC = b"OBJOURNL"
_SEGMENT = struct.Struct("<8sHHIqQQQ")
_BATCH = struct.Struct("<QqI")
_CHECK = struct.Struct("<I")
_SUM = struct.Struct("<Q")
SEGMENT_HEAD = 64
BATCH_HEAD = _BATCH.size + _CHECK.size
CHECKSUM = _SUM.size
SEAL = BATCH_HEAD + CHECKSUM
"""Size of a batch without records; what every batch takes beside its records."""


class Sync(IntEnum):
    """When the journal syncs (setting journal.sync); kept in the head of each segment."""

    BATCH = 1
    INTERVAL = 2
    OFF = 3


class WrongVersion(RuntimeError):
    """The journal was written by another format version; it is never misread."""


class CorruptJournal(RuntimeError):
    """Durable bytes are wrong or missing; names the file, the offset and what to do."""

    def __init__(self, path: Path, offset: int, what: str) -> None:
        super().__init__(
            f"{path}: corrupt at offset {offset}: {what}. Nothing was changed and nothing from "
            "there on is used. Put back this file from a backup or from a standby's journal"
        )
        self.path = path
        self.offset = offset


@dataclass(frozen=True)
class SegmentHead:
    """What the head of a segment says; `chain` seeds the checksum of its first batch.

    `epoch`: under which lease it was written (`runtime/lease.py`), 0 where there is none.
    """

    first_seq: int
    journal_id: int
    chain: int
    sync: Sync
    epoch: int = 0

    def pack(self) -> bytes:
        """Write the 64 bytes."""
        fields = _SEGMENT.pack(
            _MAGIC,
            FORMAT_VERSION,
            self.sync,
            RECORD,
            self.first_seq,
            self.journal_id,
            self.chain,
            self.epoch,
        ).ljust(SEGMENT_HEAD - _SUM.size, b"\0")
        return fields + _SUM.pack(xxhash.xxh3_64_intdigest(fields))


class Place(NamedTuple):
    """A place between two batches: where the next one starts and what it must say.

    `last_offset` is where the batch before it starts, 0 when it is the first of its segment.
    """

    path: Path
    offset: int
    head: SegmentHead
    next_seq: int
    chain: int
    last_offset: int = 0


def segment_name(first_seq: int) -> str:
    """Return the file name of the segment that starts with this command."""
    return f"{first_seq:012d}{SUFFIX}"


def segments_in(folder: Path) -> list[Path]:
    """Return the segments of a journal, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: int(path.stem))


def last_epoch(folder: Path) -> int:
    """Return under which lease the last segment of a journal was written, 0: under none.

    Raises: CorruptJournal; WrongVersion.
    """
    for path in segments_in(folder)[-1:]:
        with path.open("rb") as file:
            return read_head(path, memoryview(file.read(SEGMENT_HEAD))).epoch
    return 0


def read_head(path: Path, view: memoryview) -> SegmentHead:
    """Read the head of a segment.

    Raises: CorruptJournal; WrongVersion.
    """
    if len(view) < SEGMENT_HEAD:
        raise CorruptJournal(path, 0, f"{len(view)} bytes are not a segment head")
    fields = bytes(view[: SEGMENT_HEAD - _SUM.size])
    magic, version, sync, record, first_seq, journal_id, chain, epoch = _SEGMENT.unpack_from(fields)
    (check,) = _SUM.unpack_from(view, SEGMENT_HEAD - _SUM.size)
    if magic != _MAGIC or check != xxhash.xxh3_64_intdigest(fields):
        raise CorruptJournal(path, 0, "the segment head does not match its check")
    if (version, record) != (FORMAT_VERSION, RECORD):
        raise WrongVersion(
            f"{path} has journal format version {version} with records of {record} bytes; this "
            f"program reads version {FORMAT_VERSION} with {RECORD}. Use the release that wrote it"
        )
    if path.name != segment_name(first_seq):
        raise CorruptJournal(path, 0, f"this is {segment_name(first_seq)} under another name")
    return SegmentHead(first_seq, journal_id, chain, Sync(sync), epoch)


def frame_size(count: int) -> int:
    """Return the bytes that a batch of `count` records takes."""
    return SEAL + count * RECORD


def pack_batch(
    journal_id: int, first_seq: int, chain: int, records: bytes | memoryview
) -> tuple[bytearray, int]:
    """Return the bytes of one batch and its checksum; without records it is a seal."""
    fields = _BATCH.pack(journal_id, first_seq, len(records) // RECORD)
    head = fields + _CHECK.pack(_head_check(fields))
    frame = bytearray().join((head, records, bytes(_SUM.size)))
    end = len(frame) - _SUM.size
    checksum = xxhash.xxh3_64_intdigest(memoryview(frame)[:end], chain) or 1
    _SUM.pack_into(frame, end, checksum)
    return frame, checksum


def batch_at(
    view: memoryview, offset: int, journal_id: int, next_seq: int, chain: int
) -> tuple[int, int] | None:
    """Return count and checksum of the batch at `offset`, None when no right one is there."""
    if offset + SEAL > len(view):
        return None
    found_id, first_seq, count = _BATCH.unpack_from(view, offset)
    end = offset + BATCH_HEAD + count * RECORD
    if found_id != journal_id or first_seq != next_seq or end + _SUM.size > len(view):
        return None
    checksum = xxhash.xxh3_64_intdigest(view[offset:end], chain) or 1
    return (count, checksum) if _SUM.unpack_from(view, end)[0] == checksum else None


def is_blank(view: memoryview, offset: int) -> bool:
    """Say whether nothing but zeros follows."""
    return not np.frombuffer(view[offset:], np.uint8).any()


def check_torn(view: memoryview, place: Place) -> None:
    """Make sure that what stands at a place of the last segment, no right batch, is a torn tail.

    Raises: CorruptJournal when it is anything else.
    """
    what = _why_not_torn(view, place)
    if what:
        raise CorruptJournal(place.path, place.offset, what)


def _why_not_torn(view: memoryview, place: Place) -> str:
    offset = place.offset
    head = bytes(view[offset : offset + BATCH_HEAD]).ljust(BATCH_HEAD, b"\0")
    fields, check = head[: _BATCH.size], _CHECK.unpack_from(head, _BATCH.size)[0]
    journal_id, first_seq, count = _BATCH.unpack(fields)
    intact = (
        journal_id == place.head.journal_id
        and first_seq == place.next_seq
        and check == _head_check(fields)
    )
    # Of a head that is not whole itself, only the sectors it lies in say whether it was torn.
    rest_of_sector = -(offset + BATCH_HEAD) % SECTOR
    end = offset + (frame_size(count) if intact else BATCH_HEAD + rest_of_sector)
    if not _has_hole(view, offset, end):
        found = f"the batch of {count} commands" if intact else "the head of the batch"
        return f"{found} from seq {place.next_seq} does not match its checksum"
    if place.head.sync != Sync.BATCH:
        return ""
    later = _next_batch(view, offset, place.head.journal_id)
    if later:
        return f"the batch from seq {place.next_seq} is damaged, and a later one stands at {later}"
    return ""


def _has_hole(view: memoryview, start: int, end: int) -> bool:
    """Say whether a sector, or the part of one that lies in the range, is zero or not in the file."""
    if end > len(view):
        return True
    bounds = np.arange(start - start % SECTOR, end, SECTOR)
    bounds[0] = start
    written = np.frombuffer(view[start:end], np.uint8) != 0
    return bool((~np.logical_or.reduceat(written, bounds - start)).any())


def _next_batch(view: memoryview, offset: int, journal_id: int) -> int:
    """Return the offset of the first sign of a batch behind `offset`, 0 when there is none."""
    start = offset + _SUM.size
    words = np.frombuffer(view[start : len(view) - (len(view) - start) % 8], "<u8")
    found = np.flatnonzero(words == journal_id)
    return start + int(found[0]) * 8 if len(found) else 0


def _head_check(fields: bytes) -> int:
    return xxhash.xxh3_64_intdigest(fields) & 0xFFFFFFFF
