"""Say how long each stage of a batch took: counted per command, and the times of each batch kept.

    stamped ──journal──▶ durable ──engine, publish──▶ visible ──wires──▶ told

Counted are the commands that somebody waits for: those are what the ingress measures too, and the
stages add up to what it measures. Cost: a few microseconds for a batch, whatever its size.
"""

from pathlib import Path

import numpy as np

from protocol.layout import Rows
from runtime import clock
from runtime.meters import Meter, Meters
from runtime.trail import Trail

STAGE = "openbourse_stage_seconds"
_WHY = "Time of a command in one stage of its path."
METERS = (
    *(Meter(STAGE, "histogram", _WHY, {"stage": stage}) for stage in ("queued", "journaled", "matched")),
    Meter("openbourse_sync_seconds", "histogram", "Time to make one batch durable."),
    Meter("openbourse_receipt_seconds", "histogram", "Time that a durable batch waited for the standby's receipt."),
    Meter("openbourse_telling_seconds", "histogram", "Time to put what a batch caused on the wires."),
    Meter("openbourse_batches_total", "counter", "Batches that were made durable."),
    Meter("openbourse_commands_total", "counter", "Commands that were made durable."),
)  # fmt: skip


class Stages:
    """Told by the loop what it has just done; `run`: where readers look, None where nobody does."""

    def __init__(self, run: Path | None = None) -> None:
        meters = Meters(run, "matcher", METERS)
        self._trail = Trail(run, "matcher")
        self._queued = meters.histogram(STAGE, stage="queued")
        self._journaled = meters.histogram(STAGE, stage="journaled")
        self._matched = meters.histogram(STAGE, stage="matched")
        self._sync = meters.histogram("openbourse_sync_seconds")
        self._receipt = meters.histogram("openbourse_receipt_seconds")
        self._telling = meters.histogram("openbourse_telling_seconds")
        self._batches = meters.count("openbourse_batches_total")
        self._commands = meters.count("openbourse_commands_total")
        self._first_seq = 0
        self._received_ns = np.zeros(0, np.int64)
        """Of the batch's commands; 0: nobody waits."""
        self._waiting = 0
        """How many of them somebody waits for."""
        self._journaled_ns = self._matched_ns = 0

    def journaled(self, rows: Rows) -> None:
        """Note that a batch is durable now."""
        now_ns = clock.wall_ns()
        at_ns = int(rows["at_ns"][0])
        self._received_ns = received_ns = rows["received_ns"]
        self._waiting = int(np.count_nonzero(received_ns))
        if self._waiting:
            if self._waiting < len(rows):
                received_ns = received_ns[received_ns != 0]
            self._queued.note_all(at_ns - received_ns)
            self._journaled.note(now_ns - at_ns, self._waiting)
        self._sync.note(now_ns - at_ns)
        self._batches.add()
        self._commands.add(len(rows))
        self._first_seq = int(rows["seq"][0])
        self._journaled_ns = now_ns

    def confirmed(self) -> None:
        """Note that the one who stands by has the batch, too."""
        now_ns = clock.wall_ns()
        self._receipt.note(now_ns - self._journaled_ns)
        self._journaled_ns = now_ns

    def matched(self, events: Rows) -> None:
        """Note that what caused these events can be seen by readers now."""
        if not len(events):
            return
        seqs = events["seq"]
        first, last = int(seqs[0]), int(seqs[-1])
        self._matched_ns = clock.wall_ns()
        start, end = first - self._first_seq, last + 1 - self._first_seq
        whole = end - start == len(self._received_ns)
        waits = self._waiting if whole else int(np.count_nonzero(self._received_ns[start:end]))
        if waits:
            self._matched.note(self._matched_ns - self._journaled_ns, waits)
        self._trail.add(
            first, last, journaled_ns=self._journaled_ns, matched_ns=self._matched_ns
        )  # fmt: skip

    def told(self, events: Rows) -> None:
        """Note that these events have been put on the wires."""
        if len(events):
            now_ns = clock.wall_ns()
            self._trail.done(now_ns)
            self._telling.note(now_ns - self._matched_ns)
