"""Follow the calendars: say which phases are to be commanded by now (rule A-1). Sans-I/O.

Phases are commands like any other, so the journal alone says what happened, and a replay needs no
calendar. What was commanded is known by the journal's time: every batch from the time of a step on
begins with that step, so after a restart the steps between the journal's last time and now are those
that were missed.

A calendar acts only when a step comes: whatever an operator does in between stays until the next. A
halt outlasts the calendar: at the end of the day what is good for the day expires, and the instrument
is halted again. Calls that were missed are not made up for; but a day that ended is ended, and trading
begins through a call.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from matcher.trading_days import Calendar, last_step, next_step
from protocol.layout import Rows, rows_of
from protocol.records import Command
from protocol.terms import CommandKind, InstrumentTerm, SessionPhase

LOOK_INTERVAL_NS = 250_000_000
"""How soon a new instrument, or one whose calendar was changed, is brought to its phase."""
CALLS = (
    SessionPhase.OPENING_AUCTION,
    SessionPhase.VOLATILITY_AUCTION,
    SessionPhase.CLOSING_AUCTION,
)
_NEVER = 1 << 62


def path_to(phase: int, target: SessionPhase, *, day_ended: bool) -> list[SessionPhase]:
    """Return the phases to go through from `phase` to `target`; none when it is there already."""
    if phase == SessionPhase.HALTED:
        return [SessionPhase.CLOSED, SessionPhase.HALTED] if day_ended else []
    if phase == target and not day_ended:
        return []
    path: list[SessionPhase] = []
    if (day_ended or target == SessionPhase.PRE_OPEN) and phase != SessionPhase.CLOSED:
        path.append(SessionPhase.CLOSED)
        phase = SessionPhase.CLOSED
    if target == SessionPhase.CONTINUOUS and phase not in CALLS:
        path.append(SessionPhase.OPENING_AUCTION)
    return path if phase == target else [*path, target]


class Schedule:
    """The steps of all instruments after `done_ns`, the journal's last time.

    `blocks` are the core's: of them it reads phases and the term CALENDAR of each instrument. A number
    that no calendar has means "around the clock", like 0.
    """

    def __init__(
        self,
        calendars: Mapping[int, Calendar],
        blocks: Mapping[str, npt.NDArray[np.void]],
        done_ns: int,
    ) -> None:
        self._calendars = calendars
        self._blocks = blocks
        self._done_ns = self._before_ns = done_ns
        self._looked_ns = 0
        self._followed = self._numbers() if calendars else np.zeros(0, np.int64)
        self._next_ns = 0
        """No step is due before."""

    def due(self, at_ns: int) -> Rows | None:
        """Return the commands that are due at a time, unstamped, and count them as done; None: none."""
        self._before_ns = self._done_ns
        if not self._calendars:
            return None
        if at_ns < self._next_ns and at_ns - self._looked_ns < LOOK_INTERVAL_NS:
            return None
        self._looked_ns = at_ns
        numbers = self._numbers()
        is_changed = not np.array_equal(numbers, self._followed)
        if at_ns < self._next_ns and not is_changed:
            return None
        found: list[tuple[int, SessionPhase, int]] = []
        self._next_ns = _NEVER
        for instrument, number in enumerate(numbers):
            calendar = self._calendars.get(int(number))
            if calendar is not None:
                is_new = instrument >= len(self._followed) or number != self._followed[instrument]
                found += self._steps(instrument, calendar, at_ns, is_new=is_new)
        self._done_ns = at_ns
        self._followed = numbers
        return _commands(found) if found else None

    def undo(self) -> None:
        """Count what was due last as not done: it could not be journaled."""
        self._done_ns = self._before_ns
        self._next_ns = 0

    def _steps(
        self, instrument: int, calendar: Calendar, at_ns: int, *, is_new: bool
    ) -> list[tuple[int, SessionPhase, int]]:
        """Return the phases an instrument is to be brought through, each with its planned end."""
        after = next_step(calendar, at_ns)
        end_ns = after.at_ns if after else 0
        self._next_ns = min(self._next_ns, end_ns or _NEVER)
        last = last_step(calendar, at_ns)
        if last is None or (last.at_ns <= self._done_ns and not is_new):
            return []
        closed = last_step(calendar, at_ns, SessionPhase.CLOSED)
        day_ended = closed is not None and closed.at_ns > self._done_ns and not is_new
        phase = int(self._blocks["instruments"]["phase"][instrument])
        path = path_to(phase, last.phase, day_ended=day_ended)
        return [(instrument, one, end_ns if one == last.phase else 0) for one in path]

    def _numbers(self) -> npt.NDArray[np.int64]:
        listed = int(np.count_nonzero(self._blocks["instruments"]["exists"]))
        return np.array(self._blocks["terms"][:listed, InstrumentTerm.CALENDAR], np.int64)


def _commands(found: list[tuple[int, SessionPhase, int]]) -> Rows:
    rows = rows_of(Command, len(found))
    rows["kind"] = CommandKind.SET_PHASE
    for row, (instrument, phase, end_ns) in zip(rows, found, strict=True):
        row["instrument"], row["term"], row["expire_ns"] = instrument, phase, end_ns
    return rows
