"""Write the journal: append batches of commands, durable when `append` returns.

The journal *is* the exchange: whatever it holds has been promised. One process writes it, under an
exclusive lock on the folder. The format, and what damage means, are in `runtime/segments.py`;
reading is in `runtime/replay.py`.

A segment grows by zeros, `AHEAD` bytes at a time, before anything is written there: writing over existing
bytes syncs about a third faster than growing the file, a full disk shows before a batch has begun, and
a torn batch shows by the zeros in it. (Zeros for a whole segment at once stalled the matcher for
longer than every later gain.) The next segment exists before the last one is sealed, so a sealed segment
without a successor means that a file was lost.

A failed write or sync ends the process (`JournalBroken`): after a failed fdatasync nobody knows what is
on the disk, and the kernel may call those pages clean. The next start therefore writes the last batch
once more before it trusts it.
"""

import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from protocol.layout import Rows
from protocol.records import Command
from runtime import clock, segments
from runtime.segments import Place, SegmentHead, Sync

AHEAD = 256 << 10
_ZEROS = bytes(AHEAD)
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class JournalFull(Exception):
    """There is no room for the batch: nothing of it counts. Try again when there is space."""


class JournalBroken(RuntimeError):
    """A write or sync failed: what is on the disk is unknown, the process must end."""


class JournalInUse(RuntimeError):
    """Another process writes this journal; `holder`: its pid, 0 when it has not noted it yet."""

    def __init__(self, folder: Path, holder: int) -> None:
        who = f"process {holder}" if holder else "another process"
        super().__init__(f"{who} writes the journal in {folder}")
        self.holder = holder


@dataclass(frozen=True)
class Policy:
    """When to sync and how long segments get: the settings journal.*."""

    sync: Sync
    interval_ns: int
    segment_bytes: int


@dataclass(frozen=True)
class Disk:
    """The calls that can fail, and the one that gives chance; a test gives others."""

    write: Callable[[int, bytes | memoryview, int], int] = os.pwrite
    sync: Callable[[int], None] = os.fdatasync
    entropy: Callable[[int], bytes] = os.urandom


class JournalLock:
    """The exclusive right to write in `folder`, held until `release` or the end of the process.

    Raises: JournalInUse.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = (folder / "lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = int(self._file.read() or 0)
            self._file.close()
            raise JournalInUse(folder, holder) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Give the right back."""
        self._file.close()


def is_written(folder: Path) -> bool:
    """Say whether a process holds the right to write in `folder`."""
    try:
        with (folder / "lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Journal:
    """The writing end, standing at `place`: where a reader found the end, None: a new journal.

    A new one takes an id of chance, or that of the journal which it is to be a copy of (`journal_id`).
    The caller holds the `JournalLock`. What stands behind `place`, a torn tail, is cleared.

    Raises: JournalBroken, JournalFull.
    """

    def __init__(
        self,
        folder: Path,
        place: Place | None,
        policy: Policy,
        disk: Disk | None = None,
        journal_id: int = 0,
    ) -> None:
        self._folder = folder
        self._policy = policy
        self._disk = disk or Disk()
        self._synced_ns = clock.steady_ns()
        self._dirty = False
        self._epoch = place.head.epoch if place else 0
        for draft in folder.glob("*.draft"):
            draft.unlink()
        if place is None:
            _sync_names(folder.parent)
            journal_id = journal_id or int.from_bytes(self._disk.entropy(8), "little") | 1
            self._place = self._new_segment(journal_id, first_seq=1, chain=journal_id)
            self._open()
        else:
            self._place = place
            self._open()
            self._make_tail_durable()

    @property
    def next_seq(self) -> int:
        """The seq that the next command must have."""
        return self._place.next_seq

    @property
    def place(self) -> Place:
        """Where the next batch will stand."""
        return self._place

    def begin_epoch(self, epoch: int) -> None:
        """Write what follows under this epoch: a segment says in its head under which it was written.

        Raises: JournalFull, JournalBroken.
        """
        place = self._place
        assert epoch >= place.head.epoch, f"epoch {epoch} after {place.head.epoch}"
        if epoch == place.head.epoch:
            return
        self._epoch = epoch
        if place.offset > segments.SEGMENT_HEAD:
            self._rotate()
        else:
            self._rewrite_head(replace(place.head, epoch=epoch))
            self._sync()

    def append(self, rows: Rows) -> None:
        """Write one batch of Command rows, stamped with `seq` from `next_seq` on, and sync.

        The rows are contiguous. A batch is there as a whole after a crash, or not at all.

        Raises: JournalFull (nothing of the batch counts); JournalBroken (the process must end).
        """
        place, count = self._place, len(rows)
        assert rows.dtype == Command.dtype and count
        seqs = rows["seq"]
        assert seqs[0] == place.next_seq and seqs[-1] == place.next_seq + count - 1
        if self._is_full(segments.frame_size(count)):
            self._rotate()
            place = self._place
        frame, checksum = segments.pack_batch(
            place.head.journal_id, place.next_seq, place.chain, rows.view(np.uint8).data
        )
        self._make_room(place.offset + len(frame))
        self._write_or_clear(frame)
        self._place = Place(
            path=place.path,
            offset=place.offset + len(frame),
            head=place.head,
            next_seq=place.next_seq + count,
            chain=checksum,
            last_offset=place.offset,
        )
        self._dirty = True
        if self._policy.sync == Sync.BATCH:
            self._sync()
        else:
            self.sync_if_due()

    def sync_if_due(self) -> None:
        """With sync = interval: sync when the interval is over. Call it also while idle.

        Raises: JournalBroken.
        """
        if (
            self._dirty
            and self._policy.sync == Sync.INTERVAL
            and clock.steady_ns() - self._synced_ns >= self._policy.interval_ns
        ):
            self._sync()

    def close(self) -> None:
        """Sync, whatever the policy, and close.

        Raises: JournalBroken.
        """
        self._sync()
        os.close(self._file)

    def _is_full(self, frame: int) -> bool:
        """Say whether the segment has no room for the frame and a seal; an empty one takes any."""
        end = self._place.offset + frame + segments.SEAL
        return end > self._policy.segment_bytes and self._place.offset > segments.SEGMENT_HEAD

    def _rotate(self) -> None:
        """Start a new segment, then seal this one. What may not fit is tried first."""
        place = self._place
        self._make_room(place.offset + segments.SEAL)
        if self._dirty:
            self._sync()
        new = self._new_segment(place.head.journal_id, place.next_seq, place.chain)
        seal, _ = segments.pack_batch(place.head.journal_id, place.next_seq, place.chain, b"")
        try:
            self._write(seal, place.offset)
        except JournalFull as error:
            raise JournalBroken(f"cannot seal {place.path}: {error}") from error
        self.close()
        self._place = new
        self._open()

    def _new_segment(self, journal_id: int, first_seq: int, chain: int) -> Place:
        """Make a segment that is there with its head, or not at all."""
        path = self._folder / segments.segment_name(first_seq)
        head = SegmentHead(first_seq, journal_id, chain, self._policy.sync, self._epoch)
        draft = path.with_suffix(".draft")
        try:
            file = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        except OSError as error:
            raise self._failure(error) from error
        try:
            self._write(head.pack() + bytes(AHEAD - segments.SEGMENT_HEAD), 0, file)
            self._sync(file)
        except JournalFull:
            draft.unlink()
            raise
        finally:
            os.close(file)
        try:
            draft.replace(path)
            _sync_names(self._folder)
        except OSError as error:
            raise JournalBroken(f"cannot name {path}: {error}") from error
        return Place(path, segments.SEGMENT_HEAD, head, first_seq, chain)

    def _open(self) -> None:
        self._file = os.open(self._place.path, os.O_RDWR)
        self._zeros_until = os.fstat(self._file).st_size

    def _make_tail_durable(self) -> None:
        """Clear what stands behind the end and write the last batch once more."""
        place = self._place
        if place.head.sync != self._policy.sync:
            self._rewrite_head(replace(place.head, sync=self._policy.sync))
        last = place.last_offset or segments.SEGMENT_HEAD
        self._write(os.pread(self._file, place.offset - last, last), last)
        for offset in range(place.offset, self._zeros_until, AHEAD):
            self._write(bytes(min(AHEAD, self._zeros_until - offset)), offset)
        self._sync()

    def _rewrite_head(self, head: SegmentHead) -> None:
        self._write(head.pack(), 0)
        self._place = self._place._replace(head=head)

    def _make_room(self, end: int) -> None:
        """Let zeros lie in the file up to `end`; large frames make their own room.

        Raises: JournalFull, JournalBroken.
        """
        # Zeros that are overwritten at once double what goes to the disk; that lost with large frames.
        if 0 < end - self._zeros_until < AHEAD // 2:
            self._write(_ZEROS, self._zeros_until)
            self._zeros_until += AHEAD

    def _write_or_clear(self, frame: bytearray) -> None:
        """Write a frame at the end; when there is no room leave nothing of it behind.

        Raises: JournalFull, JournalBroken.
        """
        offset = self._place.offset
        try:
            self._write(frame, offset)
        except JournalFull:
            begun = min(os.fstat(self._file).st_size - offset, len(frame))
            try:
                self._write(bytes(begun), offset)
            except JournalFull as error:
                raise JournalBroken(f"cannot clear a batch that did not fit: {error}") from error
            raise
        self._zeros_until = max(self._zeros_until, offset + len(frame))

    def _write(self, content: bytes | bytearray, offset: int, file: int = 0) -> None:
        rest = memoryview(content)
        while rest:
            try:
                written = self._disk.write(file or self._file, rest, offset)
            except OSError as error:
                raise self._failure(error) from error
            rest, offset = rest[written:], offset + written

    def _failure(self, error: OSError) -> JournalFull | JournalBroken:
        kind = JournalFull if error.errno in _NO_ROOM else JournalBroken
        return kind(f"cannot write the journal in {self._folder}: {error}")

    def _sync(self, file: int = 0) -> None:
        try:
            self._disk.sync(file or self._file)
        except OSError as error:
            raise JournalBroken(f"cannot sync the journal in {self._folder}: {error}") from error
        self._dirty = False
        self._synced_ns = clock.steady_ns()


def _sync_names(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
