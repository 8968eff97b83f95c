"""Read the calendars (`conf/calendar.toml`), and say which phase a market is in and when the next begins.

Sans-I/O: time comes in as nanoseconds since 1970. A calendar is either one of trading days, in the local
time of its zone, or a short day that repeats around the clock. Both are asked by the index of a day,
so a search for a phase looks at a day or two, or at a long weekend; after `LONGEST_PAUSE` days it ends.

A local time that a change of the clocks skips counts as if the clocks had not been changed yet; one
that comes twice counts the first time. No phase begins before the one above it in the table.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from protocol.terms import SessionPhase
from runtime.service import BadConfiguration

LONGEST_PAUSE = 400
"""Days without a phase after which a calendar counts as having no more of them."""
_SECOND_NS = 1_000_000_000
_DAY_S = 86_400
_WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
_PLANNED = (
    SessionPhase.PRE_OPEN,
    SessionPhase.OPENING_AUCTION,
    SessionPhase.CONTINUOUS,
    SessionPhase.CLOSING_AUCTION,
    SessionPhase.CLOSED,
)
Table = Sequence[tuple[time, SessionPhase]]


@dataclass(frozen=True)
class Step:
    """A phase and when it begins."""

    at_ns: int
    phase: SessionPhase


class Calendar(Protocol):
    """A sequence of days, each with its steps."""

    def index(self, at_ns: int) -> int:
        """Return the day that a time lies in."""

    def steps(self, index: int) -> list[Step]:
        """Return the steps of a day in order; none on a day without trading."""


@dataclass(frozen=True)
class TradingDays:
    """Weekdays in a time zone, less holidays, with other times on the days of `early`."""

    zone: ZoneInfo
    weekdays: frozenset[int]
    holidays: frozenset[date]
    phases: Table
    early: frozenset[date]
    early_phases: Table

    def index(self, at_ns: int) -> int:
        """Return the ordinal of the local date."""
        return datetime.fromtimestamp(at_ns // _SECOND_NS, self.zone).toordinal()

    def steps(self, index: int) -> list[Step]:
        """Return the steps of one date."""
        day = date.fromordinal(index)
        if day.weekday() not in self.weekdays or day in self.holidays:
            return []
        found: list[Step] = []
        for at, phase in self.early_phases if day in self.early else self.phases:
            local = datetime.combine(day, at, self.zone)
            at_ns = int(local.timestamp()) * _SECOND_NS
            found.append(Step(max(at_ns, found[-1].at_ns) if found else at_ns, phase))
        return found


@dataclass(frozen=True)
class ShortDays:
    """A day of `every_s` seconds, again and again from 1970 on."""

    every_s: int
    phases: Table

    def index(self, at_ns: int) -> int:
        """Return how many short days went before."""
        return at_ns // (self.every_s * _SECOND_NS)

    def steps(self, index: int) -> list[Step]:
        """Return the steps of one short day."""
        begin_s = index * self.every_s
        return [Step((begin_s + _seconds(at)) * _SECOND_NS, phase) for at, phase in self.phases]


@dataclass(frozen=True)
class Calendars:
    """All calendars by their numbers, and the number of each name."""

    numbers: Mapping[str, int]
    by_number: Mapping[int, Calendar]


NO_CALENDARS = Calendars(MappingProxyType({}), MappingProxyType({}))


def last_step(calendar: Calendar, at_ns: int, phase: SessionPhase | None = None) -> Step | None:
    """Return the last step (into `phase`, when given) at or before a time."""
    today = calendar.index(at_ns)
    for index in range(today, today - LONGEST_PAUSE, -1):
        for step in reversed(calendar.steps(index)):
            if step.at_ns <= at_ns and phase in (None, step.phase):
                return step
    return None


def next_step(calendar: Calendar, at_ns: int) -> Step | None:
    """Return the first step after a time."""
    today = calendar.index(at_ns)
    for index in range(today, today + LONGEST_PAUSE):
        for step in calendar.steps(index):
            if step.at_ns > at_ns:
                return step
    return None


def read_calendars(table: Mapping[str, Any], *, demo: bool) -> Calendars:
    """Return the calendars of a file; with `demo` the short day of those that have one.

    Raises: BadConfiguration, which names the key, what was found and what is needed.
    """
    numbers = _numbers(table)
    by_number: dict[int, Calendar] = {}
    for name, number in numbers.items():
        keys = {key: value for key, value in table[name].items() if key != "number"}
        short = keys.pop("demo", None)
        days = _short_days(name, keys) if "every_s" in keys else _trading_days(name, keys)
        if short is not None:
            short_days = _short_days(f"{name}.demo", _table_at(f"{name}.demo", short))
            days = short_days if demo else days
        by_number[number] = days
    return Calendars(numbers, by_number)


def _numbers(table: Mapping[str, Any]) -> dict[str, int]:
    numbers: dict[str, int] = {}
    for name, keys in table.items():
        number = _table_at(name, keys).get("number")
        if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 1 << 31:
            raise BadConfiguration(f"{name}.number is {number!r}; a whole number from 1 is needed")
        if number in numbers.values():
            raise BadConfiguration(f"{name}.number is {number}, which another calendar has")
        numbers[name] = number
    return numbers


def _trading_days(name: str, keys: Mapping[str, Any]) -> TradingDays:
    _check_known(name, keys, ("time_zone", "days", "holidays", "phases", "early_close"))
    early = _table_at(f"{name}.early_close", keys.get("early_close", {"dates": [], "phases": []}))
    _check_known(f"{name}.early_close", early, ("dates", "phases"))
    dates = _dates(f"{name}.early_close.dates", early.get("dates"))
    early_phases: Table = ()
    if dates:
        early_phases = _phases(f"{name}.early_close.phases", early.get("phases"))
    days = keys.get("days", list(_WEEK[:5]))
    if not isinstance(days, list) or not days or not set(days) <= set(_WEEK):
        raise BadConfiguration(f"{name}.days is {days!r}; a list of {', '.join(_WEEK)} is needed")
    return TradingDays(
        zone=_zone(f"{name}.time_zone", keys.get("time_zone")),
        weekdays=frozenset(_WEEK.index(day) for day in days),
        holidays=_dates(f"{name}.holidays", keys.get("holidays", [])),
        phases=_phases(f"{name}.phases", keys.get("phases")),
        early=dates,
        early_phases=early_phases,
    )


def _short_days(name: str, keys: Mapping[str, Any]) -> ShortDays:
    _check_known(name, keys, ("every_s", "phases"))
    every_s = keys.get("every_s")
    if isinstance(every_s, bool) or not isinstance(every_s, int) or not 1 <= every_s <= _DAY_S:
        raise BadConfiguration(
            f"{name}.every_s is {every_s!r}; a whole number from 1 to {_DAY_S} is needed"
        )
    phases = _phases(f"{name}.phases", keys.get("phases"))
    if _seconds(phases[-1][0]) >= every_s:
        raise BadConfiguration(
            f"{name}.phases has one at {phases[-1][0]}; the day is {every_s} s long"
        )
    return ShortDays(every_s, phases)


def _phases(where: str, value: Any) -> Table:
    if not isinstance(value, list) or not value:
        raise BadConfiguration(
            f'{where} is {value!r}; a list of {{ at = 09:30:00, phase = "CONTINUOUS" }} is needed'
        )
    found = list(_pairs(where, value))
    for (before, _), (after, _) in pairwise(found):
        if after <= before:
            raise BadConfiguration(f"{where} has {after} after {before}; times must rise")
    phases = [phase for _, phase in found]
    if phases != [SessionPhase.CONTINUOUS] and phases[-1] != SessionPhase.CLOSED:
        raise BadConfiguration(f"{where} ends with {phases[-1].name}; a day ends with CLOSED")
    return tuple(found)


def _pairs(where: str, value: list[Any]) -> Iterator[tuple[time, SessionPhase]]:
    names = {phase.name: phase for phase in _PLANNED}
    for pair in value:
        at = pair.get("at") if isinstance(pair, Mapping) else None
        if not isinstance(at, time) or at.microsecond or set(pair) != {"at", "phase"}:
            raise BadConfiguration(
                f"{where} has {pair!r}; at, a time in whole seconds as 09:30:00, "
                "and phase are needed"
            )
        if pair["phase"] not in names:
            raise BadConfiguration(
                f"{where} has the phase {pair['phase']!r}; one of {', '.join(names)} is needed"
            )
        yield at, names[pair["phase"]]


def _dates(where: str, value: Any) -> frozenset[date]:
    is_list = isinstance(value, list)
    if not is_list or any(type(one) is not date for one in value):
        raise BadConfiguration(f"{where} is {value!r}; a list of dates as 2027-01-01 is needed")
    return frozenset(value)


def _zone(where: str, value: Any) -> ZoneInfo:
    try:
        return ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError) as error:
        raise BadConfiguration(
            f'{where} is {value!r}; a name as "America/New_York" is needed'
        ) from error


def _table_at(where: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadConfiguration(f"{where} is {value!r}; a table [{where}] is needed")
    return value


def _check_known(name: str, keys: Mapping[str, Any], known: tuple[str, ...]) -> None:
    unknown = sorted(set(keys) - set(known))
    if unknown:
        raise BadConfiguration(
            f"{name}.{unknown[0]} is unknown; known are {', '.join(('number', 'demo', *known))}"
        )


def _seconds(at: time) -> int:
    return (at.hour * 60 + at.minute) * 60 + at.second
