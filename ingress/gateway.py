"""Ask the matcher: commands out, the events they caused back.

Commands of one turn of the event loop leave together, in frames of about FRAME_COMMANDS. Events come back on this
worker's own PULL socket; a command is done with its event that carries flag LAST. What is not answered in
time ends as "status unknown" (-1007): the command may be in the journal, so it is never called failed.

There are two ways to ask. `ask` takes fields and tells events; `ask_records` takes commands and tells events as the
bytes they travel in, for compiled code. Both share ids, frames and patience, and of an event that comes back this
file itself reads only whose it is, when it was, and whether it is the last one.
"""

import asyncio
import fcntl
import logging
import os
import secrets
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from ingress import errors
from ingress.rows import Shape, offset_of, reader_of
from ingress.timing import PRESENT, Timing
from protocol.records import Command, Event
from protocol.terms import EventFlag
from runtime import clock
from runtime.endpoints import HEAD_SIZE, REPLY_SLOTS, WrongFrame, check_frame, frame_around

Fields = dict[str, int | bytes]
Answer = list[Event]
RawAnswer = bytes | errors.Refused
"""The Event records that one command caused, one behind the other; or how it ended instead."""
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
_COMMAND_SIZE = Command.dtype.itemsize
_EVENT_SIZE = Event.dtype.itemsize
_FRAME_BYTES = FRAME_COMMANDS * _COMMAND_SIZE
_ID_MASK = (1 << 32) - 1
_REPLY_TO, _RECEIVED_NS = offset_of(Command, "reply_to"), offset_of(Command, "received_ns")
# One write for both: they lie side by side.
_stamp_waiter = struct.Struct("<HI").pack_into
assert offset_of(Command, "request_id") == _REPLY_TO + 2
_stamp_time = struct.Struct("<q").pack_into
_notes_in = reader_of(Event, "seq", "flags", "request_id").iter_unpack
# A plain number: `&` with a flag of an enum is Python code, and this is done for every event.
_LAST = int(EventFlag.LAST)
log = logging.getLogger("ingress")


def events_of(answer: bytes) -> Answer:
    """Read the events of one raw answer."""
    return _EVENTS.unpack(answer)


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


class _Single:
    """What `ask` waits for: one request id, whose events become objects when all are here."""

    __slots__ = ("deadline", "events", "future", "life", "timing")

    def __init__(
        self, future: "asyncio.Future[Answer]", deadline: float, life: int, timing: Timing | None
    ) -> None:
        self.future = future
        self.deadline = deadline
        self.life = life
        self.timing = timing
        self.events = b""

    def hear(self, _request_id: int, events: bytes) -> None:
        self.events += events

    def end(self, _request_id: int, events: bytes) -> None:
        if not self.future.done():
            self.future.set_result(_EVENTS.unpack(self.events + events))

    def refuse(self, _request_id: int, refusal: errors.Refused) -> None:
        if not self.future.done():
            self.future.set_exception(refusal)


class _Batch:
    """What `ask_records` waits for: as many request ids as it has commands, from `first_id` on."""

    __slots__ = ("answers", "deadline", "first_id", "future", "left", "life", "timing")

    def __init__(
        self,
        future: "asyncio.Future[list[RawAnswer]]",
        deadline: float,
        life: int,
        timing: Timing | None,
        first_id: int,
        count: int,
    ) -> None:
        self.future = future
        self.deadline = deadline
        self.life = life
        self.timing = timing
        self.first_id = first_id
        self.left = count
        # RawAnswer; but who adds events need not ask whether it is a refusal: what is refused hears no more.
        self.answers: list[Any] = [b""] * count

    def hear(self, request_id: int, events: bytes) -> None:
        self.answers[(request_id - self.first_id) & _ID_MASK] += events

    def end(self, request_id: int, events: bytes) -> None:
        self.answers[(request_id - self.first_id) & _ID_MASK] += events
        self._one_ended()

    def refuse(self, request_id: int, refusal: errors.Refused) -> None:
        self.answers[(request_id - self.first_id) & _ID_MASK] = refusal
        self._one_ended()

    def _one_ended(self) -> None:
        self.left -= 1
        if self.left == 0 and not self.future.done():
            self.future.set_result(self.answers)


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
        self._waiting: dict[int, _Single | _Batch] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._outbox = bytearray()
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
        received_ns = clock.wall_ns()
        for command in commands:
            command["reply_to"] = self._slot
            command["request_id"] = request_id
            command["received_ns"] = received_ns
            self._outbox += _COMMANDS.pack(command)
        if (timing := PRESENT.get()) is not None:
            timing.asked(received_ns)
        deadline = self._begin()
        self._outbox_ids.append(request_id)
        self._waiting[request_id] = _Single(future, deadline, self._life, timing)
        if len(self._outbox) >= _FRAME_BYTES:
            self._flush()
        return future

    def ask_records(
        self, records: bytearray, count: int, timing: Timing | None = None
    ) -> "asyncio.Future[list[RawAnswer]]":
        """Send the first `count` Command records of `records`, each a command on its own, and all in one frame.

        Return address, ids and time are written into `records`, which is the caller's again afterwards. The
        future's result comes when every command has ended: for each, in order, its events as they lie in the
        frame, or Refused as in `ask`. A refusal is never raised, also not that of a single command: the caller
        reads one kind of answer, and nobody has to look at the answer of a client that went away. `timing`: of
        requests that were begun together, one for each command; otherwise they all belong to the present request.
        """
        assert 0 < count * _COMMAND_SIZE <= len(records), f"{count} in {len(records)} bytes"
        future: asyncio.Future[list[RawAnswer]] = self._loop.create_future()
        if len(self._waiting) + count > PENDING_LIMIT:
            future.set_result([errors.overloaded() for _ in range(count)])
            return future
        first_id = self._next_id
        self._next_id = (first_id + count) & _ID_MASK
        received_ns = clock.wall_ns()
        if timing is not None:
            timing.asked(received_ns)
        elif (timing := PRESENT.get()) is not None:
            timing.asked(received_ns)
            if count > 1:
                # Asked and never heard: the stopwatch leaves it out.
                timing = None
        batch = _Batch(future, self._begin(), self._life, timing, first_id, count)
        slot, waiting, ids, at = self._slot, self._waiting, self._outbox_ids, 0
        for number in range(first_id, first_id + count):
            request_id = number & _ID_MASK
            _stamp_waiter(records, at + _REPLY_TO, slot, request_id)
            _stamp_time(records, at + _RECEIVED_NS, received_ns)
            waiting[request_id] = batch
            ids.append(request_id)
            at += _COMMAND_SIZE
        self._outbox += records if len(records) == at else records[:at]
        if len(self._outbox) >= _FRAME_BYTES:
            self._flush()
        return future

    def take(self, frames: list[bytes]) -> None:
        """Take frames from the replies wire. Answers that nobody waits for any more are dropped."""
        now_ns = clock.wall_ns()
        for frame in frames:
            try:
                check_frame(Event, frame)
            except WrongFrame as error:
                # Whoever waits for it hears "status unknown"; the next frame may be a good one.
                log.error("a frame of answers was dropped: %s", error)  # noqa: TRY400 - its text says it all
                continue
            self._hear(frame, now_ns)

    def close(self) -> None:
        """Stop waiting: everything still open ends as status unknown."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for request_id in list(self._waiting):
            self._fail(request_id, errors.status_unknown())

    def _begin(self) -> float:
        """See that what is asked now leaves in this turn and is not waited for forever; return its deadline."""
        if not self._outbox_ids:
            self._loop.call_soon(self._flush)
        if self._timer is None:
            # Nobody has looked while nothing waited.
            self._life = self._life_now()
            self._timer = self._loop.call_later(min(self._timeout_s, WATCH_S), self._look)
        return self._loop.time() + self._timeout_s

    def _hear(self, frame: bytes, now_ns: int) -> None:
        """Part a frame by commands: their events lie side by side, and one slice for all costs as much as one for each."""
        asked, waiting, start, end = -1, None, HEAD_SIZE, HEAD_SIZE
        for seq, flags, request_id in _notes_in(memoryview(frame)[HEAD_SIZE:]):
            if request_id != asked:
                if waiting is not None:
                    waiting.hear(asked, frame[start:end])
                asked, waiting, start = request_id, self._waiting.get(request_id), end
            end += _EVENT_SIZE
            if flags & _LAST:
                if waiting is not None:
                    del self._waiting[request_id]
                    if waiting.life != self._life:
                        self._settled_at = self._loop.time() + self._settle_s
                    if waiting.timing is not None:
                        waiting.timing.heard(seq, now_ns)
                    waiting.end(request_id, frame[start:end])
                asked, waiting = -1, None
        if waiting is not None:
            waiting.hear(asked, frame[start:end])

    def _flush(self) -> None:
        if not self._outbox:
            return
        records, ids = self._outbox, self._outbox_ids
        self._outbox, self._outbox_ids = bytearray(), []
        if not self._sender.send(frame_around(Command, records)):
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
        if waiting is not None:
            waiting.refuse(request_id, refusal)
