"""Read what is durable of a journal, whether or not a matcher writes it meanwhile.

While a matcher lives, it publishes the last command that is durable and applied; what may stand
behind it in the file is not looked at. When none lives, the journal is at rest and is read to its end, once
that is durable: the last matcher may have died between its last write and its sync, or of a sync that
failed. After that the kernel takes the bytes for clean, and another sync does nothing: so the last batch is
written once more.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from protocol.layout import Rows
from runtime import segments
from runtime.journal import Disk, is_written
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal
from runtime.shared import NotPublished, Reader


class DurableReader:
    """A reader of the journal, to be read with `journal`; `run`: where the matcher publishes.

    `for_books`: what is read goes where it cannot be taken back from. Then the end of a journal that is
    written under a lease is not believed while it is at rest: the matcher of another host may be in
    charge, and may never have had the last batch.
    """

    def __init__(self, journal: JournalReader, run: Path, *, for_books: bool = False) -> None:
        self.journal = journal
        self._for_books = for_books
        self.is_live = False
        """Whether a matcher wrote the journal when the last `read` began."""
        self._folder = journal.folder
        self._board = Reader(run)

    def read(self) -> Iterator[Rows]:
        """Yield Command rows up to what is durable now. Call it again to go on.

        Raises: CorruptJournal; WrongVersion; NotPublished while a matcher is still starting.
        """
        self.is_live = is_written(self._folder)
        if self.is_live:
            yield from self.journal.read(self._published_seq())
            return
        if self._for_books and segments.last_epoch(self._folder):
            raise NotPublished("whether the end of this journal counts, a matcher will say")
        try:
            write_last_again(self._folder)
            yield from self.journal.read()
        except CorruptJournal:
            # A matcher that started meanwhile is in the middle of a write.
            if not is_written(self._folder):
                raise
            self.is_live = True

    def _published_seq(self) -> int:
        status = self._board.current()["status"]
        if not status["ready"][0]:
            raise NotPublished("the matcher is still starting: try again")
        return int(status["seq"][0])

    def sync(self) -> None:
        """Make sure that what was read is on the disk, whatever the policy of the journal."""
        for path in segments.segments_in(self._folder)[-1:]:
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)


def write_last_again(folder: Path, disk: Disk | None = None) -> None:
    """Make the end of a journal at rest durable, also when an earlier sync of it has failed.

    The very bytes that stand there are written, so a matcher that starts meanwhile is not disturbed. Who
    may only read the files, syncs them. What is corrupt is left to who reads it. Cost: one read of the
    last segment.

    Raises: WrongVersion; OSError.
    """
    disk = disk or Disk()
    found = segments.segments_in(folder)
    if not found:
        return
    reader = JournalReader(folder, int(found[-1].stem))
    with suppress(CorruptJournal):
        for _ in reader.read():
            pass
    place = reader.place
    if not place:
        return
    can_write = os.access(place.path, os.W_OK)
    descriptor = os.open(place.path, os.O_RDWR if can_write else os.O_RDONLY)
    try:
        if can_write and place.last_offset:
            offset = place.last_offset
            rest = memoryview(os.pread(descriptor, place.offset - offset, offset))
            while rest:
                written = disk.write(descriptor, rest, offset)
                rest, offset = rest[written:], offset + written
        disk.sync(descriptor)
    finally:
        os.close(descriptor)
