"""Follow the matcher of another host: keep a copy of its journal, and a warm state; take over when it is gone.

What comes is checked (checksum, chained digest, numbers), written into a journal of this host, synced,
applied, and only then confirmed. The copy has the digests of the original, batch by batch, so both can
be compared at any place. What was confirmed here is what may be acknowledged there.

A copy that is not the beginning of the other's journal (it was in charge, and died before its last
batch was confirmed) is put aside, never overwritten, and a new one begun.
"""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from matcher import capacity
from matcher.core.engine import Engine
from matcher.recovery import apply
from matcher.replicas import BEAT_NS, Asking
from protocol.layout import Rows
from protocol.records import Command
from runtime import clock, segments
from runtime.journal import Journal, JournalFull, Policy
from runtime.log import facts
from runtime.replica_frames import Frame, Word, WrongReplicaFrame, unpack
from runtime.service import BadConfiguration

_FRAMES = 16
_TRIES = 3
_LINGER_MS = 100
_ASK_AGAIN_NS = 2 * BEAT_NS
_PATIENCE_NS = 4 * BEAT_NS
"""How long it may be silent, or nothing may follow though there is more, before it is asked anew."""


class Diverged(Exception):
    """The copy of this host holds what the one in charge does not have."""


class Follower:
    """The copy of this host; `engine` and `journal` are None until something of the other one has come.

    `make_engine` makes an empty one, of the capacities that are kept in the folder. `tell` hears the events
    of what is applied, of whole commands.
    """

    def __init__(
        self,
        log: logging.Logger,
        wire: Asking,
        folder: Path,
        policy: Policy,
        copy_id: int,
        make_engine: Callable[[], Engine],
        tell: Callable[[Rows], None] | None = None,
    ) -> None:
        self._log = log
        self._wire = wire
        self._folder = folder
        self._policy = policy
        self._copy_id = copy_id
        self._make_engine = make_engine
        self._tell = tell
        self.engine: Engine | None = None
        self.journal: Journal | None = None
        self.heard_ns = clock.steady_ns()
        """When the one in charge last said something."""
        self.end_seq = 0
        """Where the journal of the one in charge ends, as it last said; 0: it has not."""
        self.whole_ns = 0
        """When the copy was last found to have everything; 0: never."""
        self.is_open = False
        """Whether the other one takes orders, as it last said."""
        self.life = 0
        """The matcher there that took orders when the copy last had everything, as it said itself; 0: unknown."""
        self.number = 0
        """Which edge this is, as the other one last said; 0: none."""
        self._welcome = False
        self._must_ask = True
        self._damaged = 0
        """Frames in a row that did not fit."""
        self._asked_ns = 0
        self._turned_ns = self._progress_ns = clock.steady_ns()

    @property
    def next_seq(self) -> int:
        """The first command that is not in the copy."""
        return self.journal.next_seq if self.journal else 1

    @property
    def is_whole(self) -> bool:
        """Whether the copy has all that the one in charge has told of."""
        return self._welcome and 0 < self.end_seq <= self.next_seq

    def turn(self, wait_ms: int) -> None:
        """Take what has come and confirm it; ask when nothing comes.

        Raises: Diverged; BadConfiguration; JournalBroken.
        """
        self._wire.wait(wait_ms)
        now_ns = clock.steady_ns()
        if now_ns - self._turned_ns > _PATIENCE_NS:
            # This process stood still itself: the silence of the other one proves nothing.
            self.heard_ns = now_ns
        self._turned_ns = now_ns
        confirm = False
        for content in self._wire.drain(_FRAMES):
            try:
                confirm |= self._hear(unpack(content))
            except WrongReplicaFrame as error:
                raise BadConfiguration(f"the other host sends something else: {error}") from error
        if confirm and self._welcome:
            self._wire.send(Frame(Word.RECEIPT, self.next_seq).pack())
        stalled = not self.is_whole and clock.steady_ns() - self._progress_ns > _PATIENCE_NS
        if self._must_ask or stalled or self.silence_ns() > _PATIENCE_NS:
            self._ask()

    def silence_ns(self) -> int:
        """For how long the one in charge has said nothing."""
        return clock.steady_ns() - self.heard_ns

    def leave(self) -> None:
        """Say that no receipt will come any more, and end."""
        self._wire.send(Frame(Word.LEAVE, self.next_seq).pack())
        self._wire.close(_LINGER_MS)

    def close(self) -> None:
        """End without a word: from here on nothing is confirmed."""
        self._wire.close()

    def _ask(self) -> None:
        now_ns = clock.steady_ns()
        if now_ns - self._asked_ns < _ASK_AGAIN_NS:
            return
        self._asked_ns = self._progress_ns = now_ns
        self._welcome = False
        place = self.journal.place if self.journal else None
        asked = Frame(
            Word.ASK,
            self.next_seq,
            place.chain if place else 0,
            place.head.journal_id if place else 0,
            self.number,
            self._copy_id,
        )
        self._must_ask = not self._wire.send(asked.pack())

    def _hear(self, frame: Frame) -> bool:
        """Do what a frame says; True when it is to be confirmed."""
        is_beat = frame.word in (Word.BEAT, Word.SHUT)
        is_said_now = frame.word is not Word.BATCHES
        if self.journal and frame.epoch < self.journal.place.head.epoch and is_said_now:
            # One from before: it does not know yet that it is not in charge any more. Least of all may it
            # have this copy put aside for what it does not know.
            return False
        self.heard_ns = clock.steady_ns()
        if frame.word is Word.WELCOME:
            self._begin(frame)
        elif is_beat:
            self.is_open = frame.word is Word.BEAT
            self.end_seq = frame.next_seq
            if self.is_whole:
                self.whole_ns = self.heard_ns
                # Not before: what the one before it has done was told here by now.
                self.life = frame.life if self.is_open else self.life
            if frame.copy_id or self.is_whole:
                self._progress_ns = self.heard_ns
            return True
        elif frame.word is Word.BATCHES and self._welcome:
            return self._take(frame)
        elif frame.word is Word.DIVERGED:
            raise Diverged
        elif frame.word is Word.REFUSED:
            raise BadConfiguration(f"the other host sends no journal: {frame.body.decode()}")
        return False

    def _begin(self, frame: Frame) -> None:
        if self.journal is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            capacity.keep(self._folder, frame.body)
            self.journal = Journal(self._folder, None, self._policy, journal_id=frame.journal_id)
            self.engine = self._make_engine()
        self._welcome = frame.next_seq == self.next_seq
        self.number = frame.copy_id
        self._log.info("following %s", facts(next_seq=self.next_seq, epoch=frame.epoch))

    def _take(self, frame: Frame) -> bool:
        """Write and apply batches; nothing of them when one is not what follows here."""
        assert self.journal and self.engine
        if frame.next_seq != self.next_seq:
            # A frame before it was lost: all the others on their way are for nothing, ask anew.
            self._welcome, self._must_ask = False, True
            return False
        found = _batches(frame, self.journal.place)
        if not found:
            self._note_damage()
            return False
        self._damaged, self._progress_ns = 0, clock.steady_ns()
        try:
            self.journal.begin_epoch(frame.epoch)
            for rows in found:
                self.journal.append(rows)
                apply(self.engine, rows, self._tell)
        except JournalFull as error:
            self._log.error("the copy does not grow: %s", error)
            self._welcome, self._must_ask = False, True
            return False
        return True

    def _note_damage(self) -> None:
        """Ask once more for what did not fit; when it comes so again, it is not the wire."""
        self._damaged += 1
        self._log.error(
            "a frame does not fit the copy, nothing of it was written %s", self.next_seq
        )
        if self._damaged >= _TRIES:
            raise BadConfiguration(
                f"command {self.next_seq} comes damaged again and again: checksum or chained digest "
                "do not continue this copy. See `openbourse journal verify` on both hosts"
            )
        self._welcome, self._must_ask = False, True


def _batches(frame: Frame, place: segments.Place) -> list[Rows]:
    """Return the rows of every batch in a frame; none when one does not continue the one before it."""
    view, offset = memoryview(frame.body), 0
    rows: list[Rows] = []
    next_seq, chain = place.next_seq, place.chain
    while offset < len(view):
        found = segments.batch_at(view, offset, place.head.journal_id, next_seq, chain)
        if found is None or found[0] == 0:
            return []
        count, chain = found
        start = offset + segments.BATCH_HEAD
        rows.append(np.frombuffer(view[start : start + count * segments.RECORD], Command.dtype))
        next_seq += count
        offset += segments.frame_size(count)
    return rows
