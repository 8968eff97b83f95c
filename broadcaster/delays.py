"""Say how long after a command the streams had what it caused: counted per event, kept per flush."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from protocol.layout import Rows
from runtime import clock
from runtime.meters import Meter, Meters
from runtime.trail import Trail

BROADCAST = "openbourse_broadcast_seconds"
METERS = (
    Meter(BROADCAST, "histogram", "Time from the stamp of a command until its events left for the streams."),
    Meter("openbourse_market_events_total", "counter", "Events that were taken in."),
    Meter("openbourse_missed_events_total", "counter", "Events that were lost on the way in."),
    Meter("openbourse_delivered_messages_total", "counter", "Messages written to connections."),
    Meter("openbourse_connections", "gauge", "Open connections."),
)  # fmt: skip


class Delays:
    """Told by the server what came in and what went out; `run`: None where nobody looks."""

    def __init__(self, run: Path | None = None, name: str = "broadcaster") -> None:
        meters = Meters(run, name, METERS)
        self._trail = Trail(run, name)
        self._broadcast = meters.histogram(BROADCAST)
        self._events = meters.count("openbourse_market_events_total")
        self.missed = meters.count("openbourse_missed_events_total")
        self.delivered = meters.count("openbourse_delivered_messages_total")
        self.connections = meters.count("openbourse_connections")
        self._stamps: list[npt.NDArray[np.int64]] = []
        self._first = self._last = 0

    def took(self, events: Rows) -> None:
        """Note events that came in."""
        self._events.add(len(events))
        # A copy of one column: the frame's memory is not ours to keep.
        self._stamps.append(events["at_ns"].copy())
        if not self._first:
            self._first = int(events["event_seq"][0])
        self._last = int(events["event_seq"][-1])

    def flushed(self) -> None:
        """Note that everything that came in has been written to whoever wants it."""
        if not self._stamps:
            return
        now_ns = clock.wall_ns()
        for stamps in self._stamps:
            self._broadcast.note_all(now_ns - stamps)
        self._trail.add(self._first, self._last, done_ns=now_ns)
        self._stamps.clear()
        self._first = 0
