"""What `openbourse journal verify` looks at, beyond the checksums that every reader checks.

* the commands: numbered without a gap, time never falling;
* the state: the digest that the matcher noted at its last stop, and with `--deep` a walk over everything
  and the digest of each snapshot at its command;
* with `--against-db` the books of record: every row and value of the database against the events.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from commands import Refused
from conf.settings import Settings
from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.invariants import check
from matcher.core.state import private_memory
from matcher.recovery import journal_folder, restore, snapshot_folder
from protocol.layout import Rows
from runtime import endpoints, snapshot
from runtime.durable import DurableReader
from runtime.postgres import EmbeddedPostgres
from runtime.replay import JournalReader
from runtime.segments import segments_in
from writer.reconcile import Report, reconcile
from writer.store import Lost, connect, lost_when_broken

STOPPED_FILE = "stopped.json"
_LONGEST_S = 6 * 3600.0
"""The database is read in one transaction, which waits while the journal is replayed."""


@dataclass
class Findings:
    """What a verification found; `faults` is empty when all is well."""

    from_seq: int = 1
    commands: int = 0
    seconds: float = 0.0
    snapshots: int = 0
    faults: list[str] = field(default_factory=list)
    database: Report | None = None


class Verification:
    """One pass over the journal of a data directory."""

    def __init__(self, settings: Settings, *, deep: bool) -> None:
        self._settings = settings
        self._deep = deep
        self._folder = journal_folder(settings.data_dir)
        self.engine = Engine(capacity.recorded(self._folder), private_memory)
        journal = begin(self.engine, settings.data_dir)
        self.findings = Findings(from_seq=journal.next_seq)
        self.reader = DurableReader(journal, endpoints.run_dir(settings.data_dir))
        self._digests = self._snapshot_digests() if deep else {}

    def run(self, *, against_database: bool) -> Findings:
        """Read, replay and compare.

        Raises: CorruptJournal; WrongVersion; NotPublished; Refused.
        """
        begun = time.perf_counter()
        if against_database:
            self.findings.database = self._compare_database()
            self.findings.faults += map(str, self.findings.database.differences)
        else:
            for _ in self._events():
                pass
        self.findings.faults += self._state_faults()
        self.findings.seconds = round(time.perf_counter() - begun, 3)
        return self.findings

    def _events(self) -> Iterator[Rows]:
        """Apply the journal; yield the events, valid until the next."""
        for rows in in_order(self.reader.read()):
            self.findings.commands += len(rows)
            for part in _cut(rows, sorted(self._digests)):
                while len(part):
                    events, consumed = self.engine.apply(part)
                    yield events
                    part = part[consumed:]
                self._compare_snapshot()

    def _compare_database(self) -> Report:
        if self.findings.from_seq > 1:
            raise Refused(
                f"the journal begins with seq {self.findings.from_seq}: the database can be compared "
                "with a whole journal only. Put its older segments back"
            )
        database = self._settings.database
        embedded = EmbeddedPostgres(
            self._settings.data_dir, endpoints.run_dir(self._settings.data_dir), database.bin_dir
        )
        try:
            connection = connect(database.dsn or embedded.dsn(), _LONGEST_S)
            with connection, lost_when_broken():
                report = reconcile(connection, (events.copy() for events in self._events()))
        except Lost as lost:
            raise Refused(
                f"the database cannot be read ({lost}): start the exchange, or name another by "
                "database.dsn"
            ) from lost
        return report

    def _snapshot_digests(self) -> dict[int, str]:
        """Return the digest that each good snapshot names, by its seq; damaged ones are faults."""
        found: dict[int, str] = {}
        for path in snapshot.snapshots_in(snapshot_folder(self._settings.data_dir)):
            try:
                one = snapshot.read(path)
            except snapshot.DamagedSnapshot as error:
                self.findings.faults.append(str(error))
                continue
            found[one.seq] = one.note["digest"]
        return found

    def _compare_snapshot(self) -> None:
        seq = int(self.engine.blocks["status"]["seq"][0])
        named = self._digests.get(seq)
        if named is None:
            return
        self.findings.snapshots += 1
        if named != self.engine.digest():
            self.findings.faults.append(
                f"the snapshot of seq {seq} has digest {named}, the replay {self.engine.digest()}"
            )

    def _state_faults(self) -> list[str]:
        """Compare with what the matcher noted at its last stop, and walk the state when asked to."""
        faults: list[str] = []
        noted = _noted(self._folder)
        seq = int(self.engine.blocks["status"]["seq"][0])
        if noted.get("seq") == seq and noted.get("digest") != self.engine.digest():
            faults.append(
                f"the matcher stopped at seq {seq} with digest {noted['digest']}, "
                f"the replay gives {self.engine.digest()}"
            )
        return faults + check(self.engine) if self._deep else faults


def begin(engine: Engine, data_dir: Path) -> JournalReader:
    """Return a reader of the journal from its first command on.

    Where older segments were removed, the engine gets the oldest good snapshot first.

    Raises: CorruptJournal; WrongVersion.
    """
    folder = journal_folder(data_dir)
    if int(segments_in(folder)[0].stem) == 1:
        return JournalReader(folder)
    return restore(engine, data_dir, snapshot.snapshots_in(snapshot_folder(data_dir)))


def in_order(batches: Iterator[Rows]) -> Iterator[Rows]:
    """Pass batches on after a look at what no checksum covers: numbers dense, time never falling.

    Raises: Refused.
    """
    last_ns = 0
    for rows in batches:
        seqs, times = rows["seq"], rows["at_ns"]
        if (np.diff(seqs) != 1).any() or times[0] < last_ns or (np.diff(times) < 0).any():
            raise Refused(f"the commands from seq {seqs[0]} are not in order of number and time")
        last_ns = int(times[-1])
        yield rows


def _cut(rows: Rows, seqs: list[int]) -> Iterator[Rows]:
    """Cut rows behind each of the commands named."""
    first, start = int(rows["seq"][0]), 0
    for seq in seqs:
        end = seq + 1 - first
        if start < end < len(rows):
            yield rows[start:end]
            start = end
    yield rows[start:]


def _noted(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / STOPPED_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
