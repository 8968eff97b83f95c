"""Read what is durable of a journal, whether or not a matcher writes it meanwhile.

While a matcher lives, it publishes the last command that is durable and applied; what may stand
behind it in the file is not looked at. When none lives, the journal is at rest and is read to its end, after
one sync, because the last matcher may have died between its last write and its sync.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from protocol.layout import Rows
from runtime import segments
from runtime.journal import is_written
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal
from runtime.shared import NotPublished, Reader


class DurableReader:
    """A reader of the journal, to be read with `journal`; `run`: where the matcher publishes."""

    def __init__(self, journal: JournalReader, run: Path) -> None:
        self.journal = journal
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
        self.sync()
        try:
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
