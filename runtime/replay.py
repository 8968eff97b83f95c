"""Read the journal: from any command to the end, once or again and again while it grows.

Every byte that is passed on has been checked (checksum, chain, density of seq). Cost: about one
memory read; the rows are views of the mapped file, or gathered when the batches are small.
"""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from protocol.layout import Rows
from protocol.records import Command
from runtime import segments
from runtime.segments import CorruptJournal, Place

_GATHER = 1024
"""Commands that are put together from small batches, because the core takes many at a time."""
_EMPTY = np.zeros(0, Command.dtype)


class AnotherJournal(Exception):
    """What was noted belongs to another journal."""


class JournalReader:
    """Reads the journal in `folder` from command `from_seq` on; `next_seq` is the next it will give.

    Raises (every method): CorruptJournal, also when commands from `from_seq` on are no longer there;
    WrongVersion; OSError.
    """

    def __init__(self, folder: Path, from_seq: int = 1) -> None:
        self.folder = folder
        self.from_seq = from_seq
        self.place: Place | None = None
        """Where the next batch is expected; None while there is no segment."""
        self.torn = False
        """The last `read` ended at a torn tail."""
        self._view = memoryview(b"")

    @property
    def next_seq(self) -> int:
        """The first command that was not given yet."""
        return max(self.from_seq, self.place.next_seq) if self.place else self.from_seq

    def read(self, until_seq: int | None = None) -> Iterator[Rows]:
        """Yield Command rows in order, cut at batch boundaries, read-only, up to the end.

        Call it again to go on. While a matcher writes, `until_seq` must be given: the last command
        known to be durable (`StatusRow.seq`); what may stand behind its batch is not looked at.
        Without it the journal must be at rest, and a torn tail is left out (`torn`).
        """
        self.torn = False
        while until_seq is None or self.next_seq <= until_seq:
            rows = self._gather(until_seq) if self.place else _EMPTY
            if len(rows):
                assert self.place
                first = self.place.next_seq - len(rows)
                if self.place.next_seq > self.from_seq:
                    yield rows[max(0, self.from_seq - first) :]
            elif not self._advance(until_seq):
                return

    def take_batches(self, until_seq: int, limit: int) -> bytes:
        """Return the next batches as they stand in the file, of one segment, up to command `until_seq`.

        About `limit` bytes at most, and one batch at least; nothing at the end. `place` is then behind them.
        """
        while self.place is None or self.place.next_seq <= until_seq:
            if self.place:
                start = self.place
                while self.place.next_seq <= until_seq and self.place.offset - start.offset < limit:
                    found = self._batch_here()
                    if found is None or found[0] == 0:
                        break
                    count, chain = found
                    self.place = Place(
                        start.path,
                        self.place.offset + segments.frame_size(count),
                        start.head,
                        self.place.next_seq + count,
                        chain,
                        self.place.offset,
                    )
                if self.place.offset > start.offset:
                    return bytes(self._view[start.offset : self.place.offset])
            if not self._advance(until_seq):
                break
        return b""

    def _gather(self, until_seq: int | None) -> Rows:
        """Take right batches from here on: one large one, or small ones put together."""
        assert self.place
        place, view, pieces = self.place, self._view, list[memoryview]()
        journal_id, offset, last_offset = place.head.journal_id, place.offset, place.last_offset
        next_seq, chain, enough = place.next_seq, place.chain, place.next_seq + _GATHER
        while next_seq < enough and (until_seq is None or next_seq <= until_seq):
            found = segments.batch_at(view, offset, journal_id, next_seq, chain)
            if found is None or found[0] == 0:
                break
            count, chain = found
            start = offset + segments.BATCH_HEAD
            pieces.append(view[start : start + count * segments.RECORD])
            last_offset, offset = offset, offset + segments.frame_size(count)
            next_seq += count
        if not pieces:
            return _EMPTY
        self.place = Place(place.path, offset, place.head, next_seq, chain, last_offset)
        return np.frombuffer(pieces[0] if len(pieces) == 1 else b"".join(pieces), Command.dtype)

    def _advance(self, until_seq: int | None) -> bool:
        """Go past what is no batch: into the next segment, or to new bytes. False at the end."""
        place = self.place
        if place is None:
            return self._open_first()
        if _size(place.path) > len(self._view):
            # It was written on since it was mapped: more may stand behind the end of the view.
            self._view = _map(place.path)
            return True
        sealed = self._batch_here() is not None
        later = [path for path in segments.segments_in(self.folder) if _is_later(path, place.path)]
        if later and later[0].name == segments.segment_name(place.next_seq):
            if not sealed:
                # The matcher died before or while it sealed this segment.
                segments.check_torn(self._view, place)
            self._enter(later[0])
            return True
        if sealed:
            path = self.folder / segments.segment_name(place.next_seq)
            raise CorruptJournal(
                path, 0, f"this segment, which follows {place.path.name}, is missing"
            )
        if later:
            what = f"the batch from seq {place.next_seq} is damaged or missing"
            raise CorruptJournal(place.path, place.offset, what)
        if until_seq is not None:
            raise CorruptJournal(
                place.path,
                place.offset,
                f"the batch from seq {place.next_seq} is damaged or missing, "
                f"but commands up to {until_seq} are durable",
            )
        if not segments.is_blank(self._view, place.offset):
            segments.check_torn(self._view, place)
            self.torn = True
        return False

    def _batch_here(self) -> tuple[int, int] | None:
        assert self.place
        place = self.place
        return segments.batch_at(
            self._view, place.offset, place.head.journal_id, place.next_seq, place.chain
        )

    def _open_first(self) -> bool:
        found = segments.segments_in(self.folder)
        if not found:
            return False
        first = [path for path in found if int(path.stem) <= self.from_seq]
        if not first:
            raise CorruptJournal(
                found[0], 0, f"the journal begins here, but seq {self.from_seq} is needed"
            )
        self._enter(first[-1])
        return True

    def enter(self, view: memoryview, place: Place) -> None:
        """Stand at a place of a segment, mapped as `view`."""
        self._view, self.place = view, place

    def _enter(self, path: Path) -> None:
        view = _map(path)
        head = segments.read_head(path, view)
        if self.place and (head.journal_id, head.chain) != (
            self.place.head.journal_id,
            self.place.chain,
        ):
            raise CorruptJournal(path, 0, f"this segment does not continue {self.place.path.name}")
        if self.place and head.epoch < self.place.head.epoch:
            raise CorruptJournal(
                path, 0, f"it was written under epoch {head.epoch}, after {self.place.head.epoch}"
            )
        self.enter(view, Place(path, segments.SEGMENT_HEAD, head, head.first_seq, head.chain))


def note_place(reader: JournalReader) -> dict[str, int]:
    """Describe the place where a reader stands, for `resume`."""
    place = reader.place
    assert place
    return {
        "journal_id": place.head.journal_id,
        "segment": place.head.first_seq,
        "offset": place.offset,
        "last_offset": place.last_offset,
        "next_seq": place.next_seq,
        "chain": place.chain,
    }


def resume(folder: Path, noted: Mapping[str, int]) -> JournalReader:
    """Return a reader that goes on at a noted place, without reading what stands before it.

    The batch before the place must be the one that stood there, by its checksum, which sums up the
    whole journal before it.

    Raises: AnotherJournal; CorruptJournal when the journal does not reach so far any more.
    """
    path = folder / segments.segment_name(noted["segment"])
    end, last = noted["offset"], noted["next_seq"] - 1
    gone = f"a snapshot shows that commands up to {last} were durable"
    if not path.exists():
        raise CorruptJournal(path, 0, f"this segment is missing, but {gone}")
    view = _map(path)
    head = segments.read_head(path, view)
    if head.journal_id != noted["journal_id"]:
        raise AnotherJournal(f"{path} belongs to another journal")
    if end == segments.SEGMENT_HEAD:
        found = head.chain
    else:
        found = int.from_bytes(view[end - segments.CHECKSUM : end], "little")
    if found != noted["chain"]:
        raise CorruptJournal(
            path, noted["last_offset"], f"{gone}, and the last of them is not here"
        )
    reader = JournalReader(folder, noted["next_seq"])
    reader.enter(view, Place(path, end, head, last + 1, noted["chain"], noted["last_offset"]))
    return reader


def replay(folder: Path, from_seq: int = 1) -> Iterator[Rows]:
    """Yield the commands of a journal at rest from `from_seq` on, as `JournalReader.read` does."""
    return JournalReader(folder, from_seq).read()


def _is_later(path: Path, than: Path) -> bool:
    return int(path.stem) > int(than.stem)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        # Nobody needs it any more; the reader stands at its end, or hears below what it misses.
        return 0


def _map(path: Path) -> memoryview:
    with path.open("rb") as file:
        file.seek(0, 2)
        if file.tell() == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
