"""Let nothing be told before the one who stands by has it, too: receipts, and what to do without them.

With `journal.replicas = 1` a batch is applied and told only when it is durable here *and* the standby has
confirmed it. Two states:

    ALONE     acknowledges by itself  ──the standby has everything──▶  TOGETHER
    TOGETHER  waits for receipts      ──no receipt for `alone_after_s`, or it was told to stop──▶  ALONE

A life begins ALONE, for whoever takes over from a dead one has nobody behind it yet; with
`alone_after_s = 0` it is always TOGETHER, and acknowledges nothing while there is no standby. Sans-I/O but for
the wire that is passed in; times come from `runtime.clock`.

Between two hosts the receipts are also the fence. The lease says which copy has everything; only that
one may take over, and having taken over it confirms nothing to the one before it, which therefore
acknowledges nothing. So ALONE begins only when the database has taken the other copy's name out of the
lease, and TOGETHER begins before its name is put in.
"""

import logging
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Protocol

from matcher.shipping import Shipment, Source
from runtime import clock
from runtime.lease import Keeper
from runtime.log import facts
from runtime.replica_frames import Frame, Word, WrongReplicaFrame, unpack

BEAT_NS = 50_000_000
"""How often the standby hears how far the journal is, also while nothing happens."""
PAUSE_NS = 1_000_000_000
_FRAMES = 100
_LINGER_MS = 100


class Wire(Protocol):
    """The bound end of the replicas wire."""

    def send(self, peer: bytes, frame: bytes) -> bool:
        """Hand over one frame for `peer`."""

    def drain(self, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield frames that wait now, each with the name of its sender."""

    def wait(self, timeout_ms: int) -> bool:
        """Wait for a frame."""

    def close(self, linger_ms: int = 0) -> None:
        """Close."""


class Fenced(Exception):
    """Another matcher is in charge: nothing may be told any more."""


class Mode(StrEnum):
    """Who must have a batch before it is told."""

    ALONE = "alone"
    TOGETHER = "together"


class Replicas:
    """The one in charge's side of the replicas wire; `next_seq`: where its journal ends now.

    `alone_after_s`: how long without a receipt until it acknowledges by itself; 0: never. With a `source`
    the standby may be on another host and gets its copy from here; `keeper` keeps the lease then.
    `waits`: answers wait for receipts (`journal.replicas`); else the copy is only sent.
    """

    def __init__(
        self,
        wire: Wire,
        log: logging.Logger,
        next_seq: int,
        alone_after_s: float,
        *,
        source: Source | None = None,
        keeper: Keeper | None = None,
        waits: bool = True,
    ) -> None:
        self._wire = wire
        self._source = source
        self._keeper = keeper
        self._waits = waits
        self._shipment: Shipment | None = None
        self._copy_id = 0
        self._log = log
        self._next_seq = next_seq
        self._limit_ns = int(alone_after_s * 1e9)
        self.mode = Mode.TOGETHER if waits and not alone_after_s else Mode.ALONE
        self._peer = b""
        """Who stands by, as the wire names it; empty: nobody has asked."""
        self._has_seq = 0
        """The peer has everything before this."""
        self._heard_ns = self._since_ns = self._beaten_ns = self._turned_ns = clock.steady_ns()
        self._until_round = 0
        self._has_left = False

    @property
    def behind(self) -> int:
        """How many commands the standby has not confirmed; all of them when there is none."""
        return max(0, self._next_seq - self._has_seq)

    def journaled(self, next_seq: int) -> None:
        """Note that the journal now ends before `next_seq`, and say so to the one who stands by."""
        if not self.behind:
            self._since_ns = clock.steady_ns()
        self._next_seq = next_seq
        self._ship()
        self._beat()

    def confirmed(self, wait_ms: int) -> bool:
        """Say whether what is journaled may be told; waits a moment for the receipt that is missing."""
        deadline_ns = clock.steady_ns() + wait_ms * 1_000_000
        self.turn()
        while not self._may_tell() and (left_ns := deadline_ns - clock.steady_ns()) > 0:
            self._wire.wait(1 + left_ns // 1_000_000)
            self.turn()
        return self._may_tell()

    def turn(self) -> None:
        """Hear what has come, beat when it is time, and see whether somebody is behind us."""
        for peer, content in self._wire.drain(_FRAMES):
            try:
                self._hear(peer, unpack(content))
            except WrongReplicaFrame:
                continue
        now_ns = clock.steady_ns()
        self._note_pause(now_ns)
        if self._keeper and self._keeper.lost:
            raise Fenced("another matcher has taken over")
        self._ship()
        if now_ns - self._beaten_ns >= BEAT_NS:
            self._beat()
        if self.mode is Mode.ALONE:
            if self._waits and self._peer and not self.behind:
                self._go_together()
        elif self._limit_ns and (self._has_left or self._silence_ns(now_ns) > self._limit_ns):
            self._go_alone()
        elif self._keeper and self._peer and not self.behind:
            # Never from one copy to another at once: then the row might say either.
            is_free = self._keeper.possible <= {0, self._copy_id}
            self._keeper.wish(self._copy_id if is_free else 0)

    def close(self) -> None:
        """Close the wire."""
        self._wire.close()

    def facts(self) -> dict[str, object]:
        """Return what the supervisor should know."""
        epoch = {"epoch": self._source.epoch} if self._source else {}
        return {
            **epoch,
            "alone": self._waits and self.mode is Mode.ALONE,
            "replica_behind": self.behind,
        }

    def _may_tell(self) -> bool:
        keeper = self._keeper
        if keeper and keeper.rounds < self._until_round:
            return False
        if self.mode is Mode.ALONE:
            return True
        return not self.behind and (keeper is None or keeper.possible <= {0, self._copy_id})

    def _note_pause(self, now_ns: int) -> None:
        """After a pause of this process nothing is told before it was looked whose the lease is."""
        pause_ns, self._turned_ns = now_ns - self._turned_ns, now_ns
        if self._keeper and pause_ns > PAUSE_NS:
            # One round may have begun before the pause.
            self._until_round = self._keeper.rounds + 2

    def _silence_ns(self, now_ns: int) -> int:
        """How long the standby has owed something: a receipt for a batch, or any word at all."""
        owed_ns = now_ns - self._since_ns if self.behind else 0
        return max(owed_ns, now_ns - self._heard_ns)

    def _hear(self, peer: bytes, frame: Frame) -> None:
        if frame.word is Word.ASK:
            if peer != self._peer:
                self._log.info("a standby has come %s", facts(next_seq=frame.next_seq))
            self._begin_with(peer)
            self._has_left = False
            self._copy_id = frame.copy_id
            if frame.copy_id and self._source:
                self._shipment = Shipment(self._source, frame)
                self._ship()
            self._beat()
        elif frame.word is Word.RECEIPT and peer == self._peer:
            self._has_seq = min(frame.next_seq, self._next_seq)
        elif frame.word is Word.LEAVE and peer == self._peer:
            self._begin_with(b"")
            self._has_left = True
        else:
            return
        self._heard_ns = clock.steady_ns()

    def _beat(self) -> None:
        self._beaten_ns = clock.steady_ns()
        if self._peer and not self._wire.send(self._peer, self._beat_frame().pack()):
            self._begin_with(b"")

    def _begin_with(self, peer: bytes) -> None:
        """Turn to another one who stands by, or to nobody; what it has is not known yet."""
        if not self.behind:
            self._since_ns = clock.steady_ns()
        self._peer, self._has_seq = peer, 0
        self._shipment = None

    def _ship(self) -> None:
        """Send the next piece of the copy, if the standby keeps one."""
        if self._shipment is None:
            return
        for frame in self._shipment.pieces(self._next_seq, self._has_seq):
            if not self._wire.send(self._peer, frame.pack()):
                self._begin_with(b"")
                return

    def _beat_frame(self) -> Frame:
        source = self._source
        if source is None:
            return Frame(Word.BEAT, self._next_seq)
        whose = self._copy_id if self._shipment and self._shipment.is_looking else 0
        return Frame(Word.BEAT, self._next_seq, 0, source.journal_id, source.epoch, whose)

    def _go_together(self) -> None:
        self.mode = Mode.TOGETHER
        self._log.info("together: answers wait for the standby's receipt")

    def _go_alone(self) -> None:
        if self._keeper:
            self._keeper.wish(0)
            if self._keeper.possible != {0}:
                # Until the lease says so, the other one may be taking over this very moment.
                return
        self.mode = Mode.ALONE
        self._log.error(
            "ALONE: answers do not wait for a standby any more, there is one copy %s",
            facts(behind=self.behind),
        )


class Receipts:
    """The side of the one who stands by and reads the same files: asks, reads, confirms."""

    def __init__(self, wire: "Asking", next_seq: int) -> None:
        self._wire = wire
        self._next_seq = next_seq
        self._heard_ns = self._asked_ns = 0

    def wait(self, seconds: float) -> None:
        """Wait for something to hear."""
        self._wire.wait(int(seconds * 1000))

    def leave(self) -> None:
        """Say that no receipt will come any more, and close the wire."""
        self._wire.send(Frame(Word.LEAVE, self._next_seq).pack())
        self._wire.close(_LINGER_MS)

    def turn(self, read: Callable[[int], int]) -> None:
        """Hear what has come and confirm it; `read` reads up to a command and returns the next one."""
        newest = 0
        for content in self._wire.drain(_FRAMES):
            try:
                frame = unpack(content)
            except WrongReplicaFrame:
                continue
            if frame.word is Word.BEAT:
                newest = max(newest, frame.next_seq)
        now_ns = clock.steady_ns()
        if newest:
            self._heard_ns = now_ns
            self._next_seq = read(newest - 1)
            self._wire.send(Frame(Word.RECEIPT, self._next_seq).pack())
        elif now_ns - self._heard_ns > 4 * BEAT_NS and now_ns - self._asked_ns > 2 * BEAT_NS:
            # Nobody beats: a new one in charge, or one that does not know of us.
            self._asked_ns = now_ns
            self._wire.send(Frame(Word.ASK, self._next_seq).pack())


class Asking(Protocol):
    """The connecting end of the replicas wire."""

    def send(self, frame: bytes) -> bool:
        """Hand over one frame."""

    def drain(self, limit: int) -> Iterator[bytes]:
        """Yield frames that wait now."""

    def wait(self, timeout_ms: int) -> bool:
        """Wait for a frame."""

    def close(self, linger_ms: int = 0) -> None:
        """Close."""
