"""Say how long after a command its rows were in the database: counted per command, kept per batch."""

from pathlib import Path

import numpy as np

from protocol.layout import Rows
from protocol.terms import EventFlag
from runtime import clock
from runtime.meters import Meter, Meters
from runtime.trail import Trail

PERSISTED = "openbourse_persisted_seconds"
METERS = (
    Meter(PERSISTED, "histogram", "Time from the stamp of a command to the commit of its rows."),
    Meter("openbourse_written_events_total", "counter", "Events that were committed."),
    Meter("openbourse_transactions_total", "counter", "Batches that were committed."),
    Meter("openbourse_pending_events", "gauge", "Events in hand when the last batch was begun."),
)


class Delays:
    """Told by the writer what it has committed."""

    def __init__(self, run: Path) -> None:
        meters = Meters(run, "writer", METERS)
        self._trail = Trail(run, "writer")
        self._persisted = meters.histogram(PERSISTED)
        self._events = meters.count("openbourse_written_events_total")
        self._transactions = meters.count("openbourse_transactions_total")
        self.pending = meters.count("openbourse_pending_events")

    def written(self, events: Rows) -> None:
        """Note that these events, of whole commands, are committed now."""
        now_ns = clock.wall_ns()
        last_of_command = (events["flags"] & EventFlag.LAST) != 0
        ages = now_ns - events["at_ns"][last_of_command]
        if np.any(last_of_command):
            self._persisted.note_all(ages)
        self._events.add(len(events))
        self._transactions.add()
        self.pending.set(0)
        self._trail.add(int(events["event_seq"][0]), int(events["event_seq"][-1]), done_ns=now_ns)
