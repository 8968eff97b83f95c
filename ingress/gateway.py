"""Ask the matcher: commands out, the events they caused back.

Commands of one turn of the event loop leave together, in frames of about FRAME_COMMANDS. Events come back on this
worker's own PULL socket; a command is done with its event that carries flag LAST. What is not answered in
time ends as "status unknown" (-1007): the command may be in the journal, so it is never called failed.
"""

import asyncio
import fcntl
import logging
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from ingress import errors
from ingress.rows import Shape
from ingress.timing import PRESENT, Timing
from protocol.records import Command, Event
from protocol.terms import EventFlag
from runtime import clock
from runtime.endpoints import HEAD_SIZE, REPLY_SLOTS, WrongFrame, frame_of, rows_in

Fields = dict[str, int | bytes]
Answer = list[Event]
PENDING_LIMIT = 20_000
"""Commands that may wait for their answer at one worker; more are refused with -1008."""
FRAME_COMMANDS = 16
"""A frame of so many does not wait for the end of the turn: the matcher syncs it while this worker reads on."""
WATCH_S = 0.05
"""How often it is looked, while anything waits, whether another matcher is in charge."""
SETTLE_S = 0.2
"""A new matcher answers what reaches it within milliseconds; a wire takes about ten to find it."""

_COMMANDS = Shape(Command)
_EVENTS = Shape(Event)
_ID_MASK = (1 << 32) - 1
# A plain number: `&` with a flag of an enum is Python code, and this is done for every event.
_LAST = int(EventFlag.LAST)
log = logging.getLogger("ingress")


class Sender(Protocol):
    """The sending end of the orders wire."""

    def send(self, frame: bytes) -> bool:
        """Hand over one frame; False when it was not taken."""


class NoSlot(RuntimeError):
    """Every reply slot is taken."""


class ReplySlot:
    """A number of the replies wire that this process holds until it ends, however it ends.

    A process that gives its number back takes another one next time: for a moment the matcher's wire to the old
    number still leads to the socket that was closed, and what it sends there is lost.
    """

    _last_of_process = 0

    def __init__(self, run: Path) -> None:
        for step in range(REPLY_SLOTS - 1):
            number = (ReplySlot._last_of_process + step) % (REPLY_SLOTS - 1) + 1
            descriptor = os.open(run / f"replies-{number}.lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                continue
            self.number = ReplySlot._last_of_process = number
            self._descriptor = descriptor
            return
        raise NoSlot(f"all {REPLY_SLOTS - 1} reply slots in {run} are taken")

    def release(self) -> None:
        """Give the number back."""
        os.close(self._descriptor)


class _Waiting:
    __slots__ = ("deadline", "events", "future", "life", "timing")

    def __init__(
        self, future: "asyncio.Future[Answer]", deadline: float, life: int, timing: Timing | None
    ) -> None:
        self.future = future
        self.deadline = deadline
        self.life = life
        self.timing = timing
        self.events: Answer = []


class Gateway:
    """One worker's way to the matcher. All methods run on its event loop.

    `life` returns a number of the matcher that takes commands now, another one for each, and 0 while there is none.
    """

    def __init__(
        self,
        sender: Sender,
        slot: int,
        loop: asyncio.AbstractEventLoop,
        timeout_s: float,
        life: Callable[[], int],
        first_id: int | None = None,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._sender = sender
        self._slot = slot
        self._loop = loop
        self._timeout_s = timeout_s
        self._settle_s = settle_s
        self._life_now = life
        self._life = 0
        """The matcher in charge when it was last looked."""
        self._settled_at = 0.0
        """When it is known of what was sent before that nobody will answer it any more."""
        # A slot's last holder may have left answers on the wire: its ids must not meet ours.
        self._next_id = secrets.randbits(32) if first_id is None else first_id
        # All wait equally long and a dict keeps the order of insertion: the first is the oldest.
        self._waiting: dict[int, _Waiting] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._outbox: list[bytes] = []
        self._outbox_ids: list[int] = []

    @property
    def pending(self) -> int:
        """Commands that wait for their answer."""
        return len(self._waiting)

    def ask(self, *commands: Fields) -> "asyncio.Future[Answer]":
        """Send one command (or all legs of a list, in order); the result is every event it caused.

        The future raises Refused: -1008 when the wire is full (nothing was journaled), -1007 when no
        answer came in time.
        """
        future: asyncio.Future[Answer] = self._loop.create_future()
        if len(self._waiting) >= PENDING_LIMIT:
            future.set_exception(errors.overloaded())
            return future
        request_id = self._next_id
        self._next_id = (request_id + 1) & _ID_MASK
        if not self._outbox:
            self._loop.call_soon(self._flush)
        received_ns = clock.wall_ns()
        for command in commands:
            command["reply_to"] = self._slot
            command["request_id"] = request_id
            command["received_ns"] = received_ns
            self._outbox.append(_COMMANDS.pack(command))
        self._outbox_ids.append(request_id)
        if (timing := PRESENT.get()) is not None:
            timing.asked(received_ns)
        if self._timer is None:
            # Nobody has looked while nothing waited.
            self._life = self._life_now()
            self._timer = self._loop.call_later(min(self._timeout_s, WATCH_S), self._look)
        deadline = self._loop.time() + self._timeout_s
        self._waiting[request_id] = _Waiting(future, deadline, self._life, timing)
        if len(self._outbox) >= FRAME_COMMANDS:
            self._flush()
        return future

    def take(self, frames: list[bytes]) -> None:
        """Take frames from the replies wire. Answers that nobody waits for any more are dropped."""
        now_ns = clock.wall_ns()
        for frame in frames:
            try:
                rows_in(Event, frame)
            except WrongFrame as error:
                # Whoever waits for it hears "status unknown"; the next frame may be a good one.
                log.error("a frame of answers was dropped: %s", error)  # noqa: TRY400 - its text says it all
                continue
            for event in _EVENTS.unpack(memoryview(frame)[HEAD_SIZE:]):
                waiting = self._waiting.get(event.request_id)
                if waiting is None:
                    continue
                waiting.events.append(event)
                if event.flags & _LAST:
                    del self._waiting[event.request_id]
                    if waiting.life != self._life:
                        self._settled_at = self._loop.time() + self._settle_s
                    if waiting.timing is not None:
                        waiting.timing.heard(event.seq, now_ns)
                    if not waiting.future.done():
                        waiting.future.set_result(waiting.events)

    def close(self) -> None:
        """Stop waiting: everything still open ends as status unknown."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for request_id in list(self._waiting):
            self._fail(request_id, errors.status_unknown())

    def _flush(self) -> None:
        if not self._outbox:
            return
        records, ids = b"".join(self._outbox), self._outbox_ids
        self._outbox, self._outbox_ids = [], []
        if not self._sender.send(frame_of(Command, np.frombuffer(records, Command.dtype))):
            for request_id in ids:
                self._fail(request_id, errors.overloaded())

    def _look(self) -> None:
        """End what has waited too long, and what was sent to a matcher that is gone."""
        self._timer = None
        now = self._loop.time()
        life = self._life_now()
        if life not in (0, self._life):
            self._life, self._settled_at = life, now + self._settle_s
        settled = now >= self._settled_at
        while self._waiting:
            request_id, oldest = next(iter(self._waiting.items()))
            if oldest.deadline > now and not (settled and oldest.life != self._life):
                until = min(oldest.deadline, now + WATCH_S)
                self._timer = self._loop.call_at(until, self._look)
                return
            self._fail(request_id, errors.status_unknown())

    def _fail(self, request_id: int, refusal: errors.Refused) -> None:
        waiting = self._waiting.pop(request_id, None)
        if waiting is not None and not waiting.future.done():
            waiting.future.set_exception(refusal)
