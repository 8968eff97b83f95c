"""The loop of the matcher: one turn after the other, readable top to bottom."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from matcher.asked_books import AskedBooks
from matcher.bootstrap import check_accepted, opening_batches
from matcher.core.engine import Engine
from matcher.outbox import Outbox, to_waiters
from matcher.recovery import apply
from matcher.replicas import Replicas
from matcher.sequencer import Sequencer
from matcher.stages import Stages
from matcher.trading_days import NO_CALENDARS, Calendars
from protocol.layout import Rows
from runtime import clock, endpoints, shared
from runtime.journal import Journal, JournalFull
from runtime.sockets import Publish, Pull, Push, Serve

IDLE_MS = 5
"""Longest pause of an idle loop: how late a due order expires or a deep snapshot is made."""
FULL_RETRY_NS = 200_000_000
LINGER_MS = 1000
RECEIPT_MS = 100
"""A receipt that takes longer closes the door (-1008) until it comes."""
LAST_RECEIPT_MS = 2000
"""And how long a matcher that was told to stop waits for its last one."""


class Source(Protocol):
    """The receiving end of the orders wire."""

    def wait(self, timeout_ms: int) -> bool:
        """Wait for a frame."""

    def drain(self, limit: int) -> Iterator[bytes]:
        """Yield frames that wait now."""


@dataclass(frozen=True)
class Wires:
    """What leads into the loop and out of it."""

    orders: Source
    outbox: Outbox
    deep_words: npt.NDArray[np.int64]
    """By which readers ask for deep snapshots, one word per instrument,"""
    queue_words: npt.NDArray[np.int64]
    """and for the book order by order."""
    stages: Stages = field(default_factory=Stages)


class Matcher:
    """What the loop works with, once the state is back; `limit`: commands in a batch."""

    def __init__(
        self,
        log: logging.Logger,
        engine: Engine,
        journal: Journal,
        wires: Wires,
        limit: int,
        calendars: Calendars = NO_CALENDARS,
        replicas: Replicas | None = None,
    ) -> None:
        self._log = log
        self._engine = engine
        self._journal = journal
        self._status = engine.blocks["status"]
        self._sequencer = Sequencer(
            engine.blocks,
            last_seq=journal.next_seq - 1,
            last_ns=int(self._status["at_ns"][0]),
            limit=limit,
            calendars=calendars.by_number,
        )
        self._calendars = calendars
        self._orders = wires.orders
        self._outbox = wires.outbox
        self._asked_books = AskedBooks(engine, wires.deep_words, wires.queue_words)
        self._stages = wires.stages
        self._replicas = replicas
        self._held: Rows | None = None
        """A batch that is journaled and may not be told yet: the standby has not confirmed it."""
        self._retry_ns = 0
        """When a full disk is tried again; 0: it is not full."""
        self._dropped_commands = 0

    def open_market(
        self, listings: Mapping[str, Any], patience: Callable[[], None] = lambda: None
    ) -> None:
        """Bring assets and instruments to what the file of instruments wants.

        What became due while nobody looked comes first: the time of the commands that follow says that it
        is done. It is the same time for all of them, or a step that comes meanwhile would count as done too.
        `patience` is called while a receipt is waited for, and may end the wait by raising something.

        Raises: BadConfiguration; JournalFull.
        """
        # What the last life journaled and perhaps never told is about to be seen, too.
        self._wait_for_standby(patience)
        now_ns = clock.wall_ns()
        missed = self._sequencer.batch(now_ns)
        if len(missed):
            self._journal.append(missed)
            self._wait_for_standby(patience)
            apply(self._engine, missed, self._tell)

        def take(events: Rows) -> None:
            self._tell(events)
            check_accepted(events)

        batches = opening_batches(listings, self._engine.blocks, self._calendars, now_ns=now_ns)
        for batch in batches:
            rows = self._sequencer.stamp([batch], now_ns)
            self._journal.append(rows)
            self._stages.journaled(rows)
            self._wait_for_standby(patience)
            apply(self._engine, rows, take)

    def turn(self) -> None:
        """Do one round of the loop."""
        if self._replicas:
            self._replicas.turn()
        if self._held is not None:
            self._wait_for_receipt()
        elif self._retry_ns:
            self._wait_for_room()
        else:
            self._drain()
            rows = self._sequencer.batch(clock.wall_ns())
            if len(rows):
                self._execute(rows)
        self._asked_books.turn()
        self._journal.sync_if_due()
        self._status["heartbeat_ns"] = clock.wall_ns()

    def finish(self) -> None:
        """Execute what was taken from the wire and not executed yet, and take no more."""
        self._status["ready"] = 0
        while self._sequencer.waiting and self._held is None:
            self._execute(self._sequencer.batch(clock.wall_ns()))
        if self._held is not None and self._is_confirmed(LAST_RECEIPT_MS):
            self._apply_held()
        elif self._held is not None:
            self._log.error("the last commands were not confirmed by the standby, and not told")
            apply(self._engine, self._held, None)
        if self._replicas:
            self._replicas.close()
        self._journal.close()
        self._outbox.close(LINGER_MS)

    def facts(self) -> dict[str, object]:
        """Return what the supervisor should know of this life."""
        return {
            "role": "primary",
            **(self._replicas.facts() if self._replicas else {}),
            "seq": int(self._status["seq"][0]),
            "event_seq": int(self._status["event_seq"][0]),
            "disk_full": bool(self._retry_ns),
            "dropped_commands": self._dropped_commands,
            "wrong_frames": self._sequencer.wrong_frames,
            "dropped_replies": self._outbox.dropped_replies,
            "dropped_events": self._outbox.dropped_events,
        }

    def _drain(self) -> None:
        if not self._sequencer.waiting:
            self._orders.wait(IDLE_MS)
        if not self._sequencer.has_room:
            return
        for frame in self._orders.drain(endpoints.ORDERS.limit):
            self._sequencer.admit(frame)
            if not self._sequencer.has_room:
                return

    def _execute(self, rows: Rows) -> None:
        """Journal a stamped batch, apply it and tell what happened."""
        try:
            self._journal.append(rows)
        except JournalFull as error:
            self._refuse(rows, error)
            return
        self._retry_ns = 0
        self._stages.journaled(rows)
        self._held = rows
        if self._is_confirmed(RECEIPT_MS):
            self._apply_held()

    def _is_confirmed(self, wait_ms: int) -> bool:
        """Say whether what is journaled may be seen and told; waits so long for the standby's receipt."""
        if not self._replicas:
            return True
        self._replicas.journaled(self._journal.next_seq)
        return self._replicas.confirmed(wait_ms)

    def _apply_held(self) -> None:
        assert self._held is not None
        if self._replicas:
            self._stages.confirmed()
        rows, self._held = self._held, None
        apply(self._engine, rows, self._tell)

    def _wait_for_receipt(self) -> None:
        """Take no commands until the standby has confirmed what is journaled."""
        if self._status["ready"]:
            self._log.error("no commands are taken: the standby does not confirm the last batch")
            self._status["ready"] = 0
        self._drain()
        self._dropped_commands += self._sequencer.drop_waiting()
        if self._is_confirmed(IDLE_MS):
            self._log.info("commands are taken again")
            # First: who hears that its command was done may send the next one at once.
            self._status["ready"] = 1
            self._apply_held()

    def _wait_for_standby(self, patience: Callable[[], None]) -> None:
        """Wait, before the market is open, until what is journaled may be seen."""
        while not self._is_confirmed(RECEIPT_MS):
            patience()

    def _tell(self, events: Rows) -> None:
        # In this order: what anyone hears must already be visible to whoever then reads.
        self._engine.publish()
        self._stages.matched(events)
        self._outbox.tell(events)
        self._stages.told(events)

    def _refuse(self, rows: Rows, error: JournalFull) -> None:
        """Take no commands until there is room; those in hand never happened.

        Who waits for them ends with "status unknown", asks, and is told that there is no such order.
        """
        self._sequencer.take_back(rows)
        self._dropped_commands += len(rows) + self._sequencer.drop_waiting()
        if not self._retry_ns:
            self._log.error("no commands are taken: %s", error)
            self._status["ready"] = 0
        self._retry_ns = clock.steady_ns() + FULL_RETRY_NS

    def _wait_for_room(self) -> None:
        """Drop what comes, and now and then try whether a tick of the clock fits in the journal."""
        self._drain()
        self._dropped_commands += self._sequencer.drop_waiting()
        if clock.steady_ns() < self._retry_ns:
            return
        self._execute(self._sequencer.due_batch(clock.wall_ns()))
        if not self._retry_ns:
            self._log.info("commands are taken again")
            self._status["ready"] = 1


def open_wires(run: Path, instruments: int) -> Wires:
    """Bind and connect the real wires."""
    orders = Pull(endpoints.ORDERS.limit)
    orders.bind(endpoints.address(endpoints.ORDERS, run))
    events = Push(endpoints.EVENTS.limit)
    events.connect(endpoints.address(endpoints.EVENTS, run))
    market = Publish(endpoints.MARKET.limit)
    market.bind(endpoints.address(endpoints.MARKET, run))
    outbox = Outbox(events, market, to_waiters(run))
    words = shared.deep_requests(run, instruments), shared.queue_requests(run, instruments)
    return Wires(orders, outbox, *words, Stages(run))


def open_replicas(run: Path, log: logging.Logger, next_seq: int, alone_after_s: float) -> Replicas:
    """Bind the wire on which the one who stands by asks and confirms."""
    wire = Serve(endpoints.REPLICAS.limit)
    wire.bind(endpoints.address(endpoints.REPLICAS, run))
    return Replicas(wire, log, next_seq, alone_after_s)
