"""Bring what comes in into one order: frames in, stamped batches of commands out. Sans-I/O.

The sequencer decides everything that the core must not: which command is next, what time it is, when
the clock itself is a command. It alone gives `seq` (dense) and `at_ns` (never falling, whatever the
machine's clock does). Frames come from other processes, so nothing in them may stop the matcher:
what is no frame of commands is counted and dropped, and a list whose legs do not fit together is
handed to the core as one leg that the core rejects, so that whoever waits is answered.
"""

from collections import deque
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from matcher.schedule import CALLS, Schedule
from matcher.trading_days import Calendar
from protocol.layout import Rows, rows_of
from protocol.records import Command
from protocol.terms import CommandKind, ListKind
from runtime.endpoints import HEAD_SIZE, WrongFrame, rows_in

TICK_INTERVAL_NS = 250_000_000
"""How often the clock ticks while an instrument is in a call (rule A-2), or again for one due time."""
_NO_CALENDARS: Mapping[int, Calendar] = MappingProxyType({})
_LEGS = {ListKind.OCO: 2, ListKind.OTO: 2, ListKind.OTOCO: 3}
_LIST_KIND = Command.dtype.fields["list_kind"][1]  # type: ignore[index]
_LIST_KINDS = slice(HEAD_SIZE + _LIST_KIND, None, Command.dtype.itemsize)
"""Where the kinds of lists stand in a frame."""
_SAME_IN_ALL_LEGS = [
    "kind", "account", "instrument", "list_kind", "legs", "reply_to", "request_id",
]  # fmt: skip


class Sequencer:
    """Stamps commands after `last_seq` and `last_ns`; reads the due times from the core's blocks."""

    def __init__(
        self,
        board: Mapping[str, npt.NDArray[np.void]],
        last_seq: int,
        last_ns: int,
        limit: int,
        calendars: Mapping[int, Calendar] = _NO_CALENDARS,
    ) -> None:
        self._status = board["status"]
        self._phases = board["instruments"]["phase"]
        self._last_seq = last_seq
        self._last_ns = last_ns
        self._limit = limit
        self._schedule = Schedule(calendars, board, last_ns)
        self._waiting: deque[Rows] = deque()
        self._looked_ns = 0
        self._ticked_for = 0
        self.waiting = 0
        """Commands admitted and not yet in a batch."""
        self.wrong_frames = 0
        """Frames dropped because they held no commands of this exchange."""

    @property
    def has_room(self) -> bool:
        """Whether more frames may be admitted before the next batch."""
        return self.waiting < self._limit

    def admit(self, frame: bytes) -> None:
        """Take in one frame from the orders wire."""
        try:
            rows = rows_in(Command, frame)
        except WrongFrame:
            self.wrong_frames += 1
            return
        # Bytes of bytes are looked at in half of the time that a field takes.
        if frame[_LIST_KINDS].count(0) < len(rows):
            rows = _with_whole_lists(rows)
        self._waiting.append(rows)
        self.waiting += len(rows)

    def drop_waiting(self) -> int:
        """Forget what was admitted and not yet in a batch; return how many commands that were."""
        dropped, self.waiting = self.waiting, 0
        self._waiting.clear()
        return dropped

    def batch(self, now_ns: int) -> Rows:
        """Return the next batch, stamped; often empty.

        First what is due: a tick, the phases of the calendars. Then at most `limit` commands; the legs of
        a list are never in two batches.
        """
        at_ns = max(self._last_ns, now_ns)
        parts = self._due(at_ns, ticks=self._is_tick_due(at_ns))
        room = self._limit
        if self.waiting <= room:
            parts += self._waiting
            self._waiting.clear()
            self.waiting = 0
        while self._waiting and room > 0:
            rows = self._waiting.popleft()
            end = _end_of_lists(rows, room, at_least_one=room == self._limit)
            parts.append(rows[:end])
            room -= end
            self.waiting -= end
            if end < len(rows):
                self._waiting.appendleft(rows[end:])
                break
        return self.stamp(parts, at_ns)

    def due_batch(self, now_ns: int) -> Rows:
        """Return a batch of what is due alone, stamped: never empty, for a tick is always in it."""
        at_ns = max(self._last_ns, now_ns)
        return self.stamp(self._due(at_ns, ticks=True), at_ns)

    def stamp(self, parts: list[Rows], now_ns: int) -> Rows:
        """Return the rows of `parts` as one batch, in order, with the next numbers and the time."""
        rows = _joined(parts)
        if len(rows):
            self._last_ns = max(self._last_ns, now_ns)
            rows["seq"] = np.arange(self._last_seq + 1, self._last_seq + 1 + len(rows))
            rows["at_ns"] = self._last_ns
            self._last_seq += len(rows)
        return rows

    def take_back(self, rows: Rows) -> None:
        """Undo the numbers of the last batch, which could not be journaled."""
        assert int(rows["seq"][-1]) == self._last_seq
        self._last_seq -= len(rows)
        self._schedule.undo()

    def _due(self, at_ns: int, *, ticks: bool) -> list[Rows]:
        parts = [tick()] if ticks else []
        phases = self._schedule.due(at_ns)
        return parts if phases is None else [*parts, phases]

    def _is_tick_due(self, at_ns: int) -> bool:
        due_ns = int(self._status["next_due_ns"][0])
        is_due = 0 < due_ns <= at_ns
        if not is_due or due_ns == self._ticked_for:
            if at_ns - self._looked_ns < TICK_INTERVAL_NS:
                return False
            if not is_due and not np.isin(self._phases, CALLS).any():
                self._looked_ns = at_ns
                return False
        self._looked_ns, self._ticked_for = at_ns, due_ns
        return True


def _joined(parts: list[Rows]) -> Rows:
    """Return a writable copy of all parts, one after the other.

    Their bytes are joined, for numpy copies structured rows field by field, ten times slower.
    """
    joined = bytearray().join(parts)  # type: ignore[arg-type]
    return np.frombuffer(joined, Command.dtype)


def tick() -> Rows:
    """Return one command that only says that time has passed, unstamped."""
    row = rows_of(Command, 1)
    row["kind"] = CommandKind.TICK
    return row


def _with_whole_lists(rows: Rows) -> Rows:
    """Return the frame with each list whose legs do not fit together as one leg of no legs.

    The core answers such a leg LIST_REJECTED INVALID_FIELDS. Legs of one list stand side by side in one
    frame; legs that do not are the ingress's fault, and their client hears it.
    """
    fixed = rows.copy()
    keep = np.ones(len(rows), np.bool_)
    index = 0
    while index < len(rows):
        if rows["kind"][index] != CommandKind.ENTER or not rows["list_kind"][index]:
            index += 1
            continue
        legs = _whole_list_at(rows, index)
        if legs:
            index += legs
            continue
        fixed["leg"][index] = fixed["legs"][index] = 0
        index += 1
        while index < len(rows) and _belongs_to(rows, index, index - 1):
            keep[index] = False
            index += 1
    return fixed[keep]


def _whole_list_at(rows: Rows, first: int) -> int:
    """Return how many legs the list that starts here has, 0 when it is not a whole list."""
    legs = _LEGS.get(int(rows["list_kind"][first]), 0)  # type: ignore[call-overload]
    group = rows[first : first + legs]
    if not legs or len(group) < legs or (group["legs"] != legs).any():
        return 0
    if (group["leg"] != np.arange(legs)).any():
        return 0
    alike = all((group[name] == group[name][0]).all() for name in _SAME_IN_ALL_LEGS)
    return legs if alike else 0


def _belongs_to(rows: Rows, index: int, before: int) -> bool:
    """Say whether this row is a further leg of the list of the row before it."""
    return bool(
        rows["list_kind"][index]
        and rows["leg"][index]
        and rows["request_id"][index] == rows["request_id"][before]
        and rows["reply_to"][index] == rows["reply_to"][before]
    )


def _end_of_lists(rows: Rows, room: int, *, at_least_one: bool) -> int:
    """Return where to cut `rows` to fill `room` without a cut inside a list."""
    end = min(room, len(rows))
    while 0 < end < len(rows) and _is_inside_list(rows, end):
        end -= 1
    if end == 0 and at_least_one:
        end = 1
        while end < len(rows) and _is_inside_list(rows, end):
            end += 1
    return end


def _is_inside_list(rows: Rows, index: int) -> bool:
    return bool(
        rows["kind"][index] == CommandKind.ENTER
        and rows["list_kind"][index]
        and rows["leg"][index]
        and rows["legs"][index]
    )
