"""Send a copy of the journal to the one who stands by on another host, a piece at a time.

First it is made sure that what the other one has is how this journal begins: the chained digest at its
place is looked up in the segment that holds the place. Then follow the batches, as they stand in the
file, so the copy has the same digests. Every call does a little and returns: the loop of the matcher goes
on between them, and at most WINDOW bytes are on their way unconfirmed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from runtime.replay import JournalReader
from runtime.replica_frames import Frame, Word
from runtime.segments import RECORD, CorruptJournal, segments_in

PIECE = 1 << 20
"""Bytes that are looked at or sent in one go: about a third of a millisecond."""
WINDOW = 16 << 20


@dataclass(frozen=True)
class Source:
    """What is sent: the journal in `folder`, written under `epoch`; `capacities`: the bytes of its file."""

    folder: Path
    journal_id: int
    epoch: int
    capacities: bytes


class Shipment:
    """What the one who sent `asked` still has to get; `number`: which edge it is, if it is one."""

    def __init__(self, source: Source, asked: Frame, number: int = 0) -> None:
        self._source = source
        self._number = number
        self._asked = asked
        self._reader = JournalReader(source.folder, asked.next_seq)
        self.checked = False
        """It was found that what the other one has is how the journal begins."""
        self.sent_seq = self.had_seq = asked.next_seq
        """The first command that was not sent yet, and the first that the other one had not when it came."""
        self.ended = False
        """The other one was told that there is nothing for it."""

    def again(self, source: Source) -> "Shipment":
        """Return what is left to send when another matcher writes the journal: it is looked for anew, in `source`."""
        asked, place = self._asked, self._reader.place
        if self.checked and place:
            # What is on its way will have come by then.
            asked = replace(
                asked,
                next_seq=place.next_seq,
                chain=place.chain,
                journal_id=place.head.journal_id,
            )
        found = Shipment(source, asked, self._number)
        found.had_seq = self.had_seq
        return found

    @property
    def is_looking(self) -> bool:
        """Whether the place of the other one is still looked for."""
        return not self.checked and not self.ended

    def pieces(self, next_seq: int, has_seq: int) -> Iterator[Frame]:
        """Yield frames to send now; the journal ends before `next_seq`, all before `has_seq` is confirmed."""
        if self.ended:
            return
        try:
            if not self.checked:
                yield from self._check(next_seq)
            elif (self.sent_seq - max(has_seq, self.had_seq)) * RECORD < WINDOW:
                yield from self._next(next_seq)
        except (CorruptJournal, FileNotFoundError) as error:
            # Also one that was cleared away between being found and being opened.
            yield self._end(Word.REFUSED, str(error).encode())

    def _check(self, next_seq: int) -> Iterator[Frame]:
        """Look for the place of the other one."""
        asked, source = self._asked, self._source
        if asked.journal_id not in (0, source.journal_id) or asked.next_seq > next_seq:
            yield self._end(Word.DIVERGED)
            return
        first = next((int(path.stem) for path in segments_in(source.folder)), 1)
        if asked.next_seq < first:
            why = f"the journal begins with command {first}: begin with a backup of this host"
            yield self._end(Word.REFUSED, why.encode())
            return
        if asked.next_seq > 1 and self._reached() < asked.next_seq:
            self._reader.take_batches(asked.next_seq - 1, PIECE)
        if asked.next_seq > 1 and self._reached() < asked.next_seq:
            return
        place = self._reader.place
        if place and (place.next_seq, place.chain) != (asked.next_seq, asked.chain):
            yield self._end(Word.DIVERGED)
            return
        self.checked = True
        yield self._frame(Word.WELCOME, asked.next_seq, source.epoch, source.capacities)

    def _reached(self) -> int:
        return self._reader.place.next_seq if self._reader.place else 0

    def _next(self, next_seq: int) -> Iterator[Frame]:
        if self.sent_seq >= next_seq:
            return
        content = self._reader.take_batches(next_seq - 1, PIECE)
        place = self._reader.place
        assert content and place, f"command {self.sent_seq} of the journal is gone"
        yield self._frame(Word.BATCHES, self.sent_seq, place.head.epoch, content)
        self.sent_seq = place.next_seq

    def _end(self, word: Word, body: bytes = b"") -> Frame:
        self.ended = True
        return self._frame(word, self._asked.next_seq, self._source.epoch, body)

    def _frame(self, word: Word, next_seq: int, epoch: int, body: bytes) -> Frame:
        whose = self._number if word is Word.WELCOME else 0
        return Frame(word, next_seq, 0, self._source.journal_id, epoch, whose, body)
