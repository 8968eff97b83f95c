"""A database as the writer sees it: transactions that are whole or not, and connections that break."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from protocol.layout import Rows
from tests.simulation.faults import Fate
from writer import tables
from writer.__main__ import Writer
from writer.books import Books
from writer.ledger import Holdings
from writer.project import Batch
from writer.store import Fenced, Lost, Watermark

if TYPE_CHECKING:
    from tests.simulation.world import World

SILENT = logging.getLogger("simulation")
SILENT.setLevel(logging.CRITICAL + 1)
SILENT.propagate = False


class SimDatabase:
    """The committed transactions, in order; the watermark is the last one's."""

    def __init__(self, fate: Fate) -> None:
        self.fate = fate
        self.batches: list[Batch] = []

    def commit(self, batch: Batch) -> None:
        """Do a transaction."""
        self.batches.append(batch)

    def watermark(self) -> Watermark:
        """Return how far it has come."""
        last = self.batches[-1:]
        return Watermark(last[0].seq, last[0].event_seq) if last else Watermark(0, 0)

    def fail_over(self) -> None:
        """Become a replica that has not heard of the last transactions."""
        if self.batches:
            lost = self.fate.rng.randint(1, min(3, len(self.batches)))
            del self.batches[-lost:]

    def books(self) -> Books:
        """Return what its tables hold."""
        found = Books()
        for batch in self.batches:
            found.take(batch)
        return found


class SimStore:
    """One connection of the writer, as `writer.store.Store`."""

    def __init__(self, database: SimDatabase) -> None:
        self._database = database

    def close(self) -> None:
        """Close the connection."""

    def watermark(self) -> Watermark:
        """Read the watermark."""
        return self._database.watermark()

    def holdings(self) -> Holdings:
        """Read what the projection needs to know from before."""
        books, found = self._database.books(), Holdings()
        for row in _rows(books, "instruments"):
            assets = int(row["base_asset"]), int(row["quote_asset"])
            found.assets_of[int(row["instrument"])] = assets
        for row in _rows(books, "balances"):
            found.set_balance(*(int(row[name]) for name in ("account", "asset", "free", "locked")))
        return found

    def write(self, batch: Batch) -> None:
        """Write a batch and move the watermark, both or neither.

        Raises: Lost, before or after the commit; Fenced; Killed.
        """
        fate = self._database.fate
        self._break()
        fate.step()
        self.check(batch)
        self._database.commit(batch)
        fate.step()
        self._break()

    def check(self, batch: Batch) -> None:
        """Make sure that the batch begins where the database stands.

        Raises: Fenced.
        """
        if self._database.watermark().event_seq != batch.previous_event_seq:
            raise Fenced(f"the watermark is not at event {batch.previous_event_seq}")

    def _break(self) -> None:
        fate = self._database.fate
        if fate.strikes("database_lost"):
            if fate.strikes("failover"):
                self._database.fail_over()
            raise Lost("the connection broke")


class _Service:
    """What the writer needs of its process."""

    log = SILENT
    stopping = False

    def __init__(self, run: Path) -> None:
        self.run = run

    def beat(self, **facts: object) -> None:
        """Nobody listens."""


class SimWriter(Writer):
    """The writer, on a database of the simulation."""

    def __init__(self, world: "World") -> None:
        self.world = world
        super().__init__(_Service(world.run_dir), None)  # type: ignore[arg-type]

    def _reach(self) -> Any:
        self.world.fate.step()
        return self.world.planted.store(self.world.database)


def _rows(books: Books, name: str) -> Rows:
    (table,) = (one for one in tables.TABLES if one.name == name)
    rows = books.rows(table)
    assert rows.dtype.names
    return rows if len(rows) else np.zeros(0, rows.dtype)
