"""Tell what happened: answers to whoever waits, then everything to the writer and the broadcasters.

No one who listens can make the matcher wait: a full wire drops the frame, and whoever misses it
learns that from a timeout (answers) or from the gap in `event_seq` (everyone else).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from protocol.layout import Rows
from protocol.records import Event
from runtime.endpoints import REPLIES, REPLY_SLOTS, address, frame_of
from runtime.sockets import Push

FRAME_EVENTS = 512
"""A frame ends with the command in which it reaches so many events (160 KiB)."""
WAITERS_KEPT = 64
"""Wires to waiters that are kept open. Desks come and go, and nobody says when one has gone."""
_LINGER_MS = 1000
_RETRY_MS = 100
"""How often, at the longest, a waiter that has gone is tried again."""


class Sender(Protocol):
    """The sending end of a wire; what it returns says whether the frame was taken."""

    def send(self, frame: bytes) -> bool | None:
        """Hand over one frame."""

    def close(self, linger_ms: int = 0) -> None:
        """Close, giving frames already taken a moment to leave."""


class Outbox:
    """All wires that lead out of the matcher; `connect` makes the one to a reply slot.

    `events` leads to the writer; None where there is none.
    """

    def __init__(
        self, events: Sender | None, market: Sender, connect: Callable[[int], Sender]
    ) -> None:
        self._events = events
        self._market = market
        self._connect = connect
        self._waiters: dict[int, Sender] = {}
        self.dropped_replies = 0
        self.dropped_events = 0
        """Frames that a full wire did not take, since the start."""

    def tell(self, events: Rows) -> None:
        """Send Event rows of whole commands: to each waiter its own, then all to everyone else."""
        if not len(events):
            return
        slots = events["reply_to"]
        frames = [frame_of(Event, part) for part in whole_commands(events)]
        # Nearly always all answers go to one waiter, in the frames that are made for everyone else;
        # sorting the slots to see that costs as much as a dozen orders.
        first = int(slots[0])
        if np.count_nonzero(slots == first) == len(slots):
            self._reply(first, frames)
        else:
            for slot in np.unique(slots).tolist():
                self._reply(slot, [frame_of(Event, events[slots == slot])])
        for frame in frames:
            if self._events:
                self.dropped_events += self._events.send(frame) is False
            self._market.send(frame)

    def close(self, linger_ms: int) -> None:
        """Close all wires, giving frames already taken a moment to leave."""
        for wire in (*self._waiters.values(), self._events, self._market):
            if wire:
                wire.close(linger_ms)

    def _reply(self, slot: int, frames: list[bytes]) -> None:
        if not 0 < slot < REPLY_SLOTS:
            return
        # The wires stand in the order in which they were used last.
        wire = self._waiters.pop(slot, None) or self._connect(slot)
        self._waiters[slot] = wire
        if len(self._waiters) > WAITERS_KEPT:
            self._waiters.pop(next(iter(self._waiters))).close(_LINGER_MS)
        for frame in frames:
            self.dropped_replies += wire.send(frame) is False


def to_waiters(run: Path) -> Callable[[int], Sender]:
    """Return what connects to the waiter in a slot, on this host."""

    def connect(slot: int) -> Sender:
        wire = Push(REPLIES.limit, _RETRY_MS)
        wire.connect(address(REPLIES, run, slot))
        return wire

    return connect


def whole_commands(events: Rows) -> Iterator[Rows]:
    """Cut rows into parts of about FRAME_EVENTS, never inside the events of one command."""
    if len(events) <= FRAME_EVENTS:
        if len(events):
            yield events
        return
    seqs = events["seq"]
    ends = np.append(np.flatnonzero(seqs[1:] != seqs[:-1]) + 1, len(events))
    start = 0
    while start < len(events):
        index = min(int(np.searchsorted(ends, start + FRAME_EVENTS)), len(ends) - 1)
        end = int(ends[index])
        yield events[start:end]
        start = end
