"""Bugs to plant, each of which the simulation must find: proof that it looks where it matters."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from matcher.loop import Matcher
from matcher.recovery import apply
from protocol.layout import Rows
from runtime.journal import Disk, JournalFull
from tests.simulation.database import SimStore, SimWriter
from writer.project import Batch
from writer.store import Lost, Watermark


@dataclass(frozen=True)
class Planted:
    """What is put in the place of the product's own code; by default the code itself."""

    matcher: type[Matcher] = Matcher
    store: type[SimStore] = SimStore
    writer: type[SimWriter] = SimWriter
    seam: Callable[[Disk], Disk] = lambda disk: disk
    replayed: Callable[[Rows], Rows] = lambda events: events
    """The events that are told again, of one call of the engine."""


class TellsFirst(Matcher):
    """Tells what a batch did before the batch is in the journal."""

    def _execute(self, rows: Rows) -> None:
        apply(self._engine, rows, self._tell)
        try:
            self._journal.append(rows)
        except JournalFull as error:
            self._refuse(rows, error)


class UncheckedStore(SimStore):
    """Writes a batch wherever the database stands."""

    def check(self, batch: Batch) -> None:
        """Check nothing."""


class ForgetfulWriter(SimWriter):
    """Does a batch again after a lost connection, without asking how far the database has come."""

    def _write(self, batch: Batch) -> None:
        while self.watermark.event_seq != batch.event_seq:
            try:
                self.store.write(batch)
            except Lost:
                self.store = self._reach()
            else:
                self.watermark = Watermark(batch.seq, batch.event_seq)


def without_one(events: Rows) -> Rows:
    """Drop one event of several; the numbers stay dense, so that no gap is seen."""
    kept = events.copy()
    if len(kept) > 2:
        number = int(kept["event_seq"][1])
        kept[1] = kept[0]
        kept["event_seq"][1] = number
    return kept


def ignores_a_failed_sync(disk: Disk) -> Disk:
    """Go on after a failed sync, as if what was written were on the platter."""

    def sync(file: int) -> None:
        with suppress(OSError):
            disk.sync(file)

    return replace(disk, sync=sync)


NOTHING = Planted()
TELLS_FIRST = Planted(matcher=TellsFirst)
SKIPS_THE_WATERMARK = Planted(store=UncheckedStore, writer=ForgetfulWriter)
DROPS_A_REPLAYED_EVENT = Planted(replayed=without_one)
IGNORES_A_FAILED_SYNC = Planted(seam=ignores_a_failed_sync)
