"""The calendars: which phase a market is in, when the next begins, and what a wrong file is told."""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from matcher.trading_days import Calendar, Step, last_step, next_step, read_calendars
from protocol.terms import SessionPhase
from runtime.service import BadConfiguration

SHIPPED = tomllib.loads((Path(__file__).parent.parent / "conf" / "calendar.toml").read_text())
DAY = """
number = 7
time_zone = "America/New_York"
phases = [{ at = 09:30:00, phase = "CONTINUOUS" }, { at = 16:00:00, phase = "CLOSED" }]
"""


def ns(text: str) -> int:
    """Return a UTC time as nanoseconds."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 10**9


def calendar(text: str = DAY, *, demo: bool = False) -> Calendar:
    return read_calendars(tomllib.loads("[A]\n" + text), demo=demo).by_number[7]


def shipped(*, demo: bool = False) -> Calendar:
    return read_calendars(SHIPPED, demo=demo).by_number[1]


def said(calendar: Calendar, at: str) -> tuple[str, str, str]:
    """Return the phase at a time, and the next with when it begins, in UTC."""
    last, after = last_step(calendar, ns(at)), next_step(calendar, ns(at))
    assert last is not None
    assert after is not None
    when = datetime.fromtimestamp(after.at_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return last.phase.name, after.phase.name, when


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-30T13:59:59", ("CLOSED", "PRE_OPEN", "2026-11-30T14:00:00")),
        ("2026-11-30T14:00:00", ("PRE_OPEN", "OPENING_AUCTION", "2026-11-30T14:20:00")),
        ("2026-11-30T14:20:00", ("OPENING_AUCTION", "CONTINUOUS", "2026-11-30T14:30:00")),
        ("2026-11-30T18:00:00", ("CONTINUOUS", "CLOSING_AUCTION", "2026-11-30T20:50:00")),
        ("2026-11-30T20:59:59", ("CLOSING_AUCTION", "CLOSED", "2026-11-30T21:00:00")),
        ("2026-11-30T21:00:00", ("CLOSED", "PRE_OPEN", "2026-12-01T14:00:00")),
    ],
)
def test_a_trading_day_has_its_phases(at: str, expected: tuple[str, str, str]) -> None:
    assert said(shipped(), at) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        # Friday evening: nothing before Monday.
        ("2026-12-04T21:30:00", ("CLOSED", "PRE_OPEN", "2026-12-07T14:00:00")),
        ("2026-11-29T12:00:00", ("CLOSED", "PRE_OPEN", "2026-11-30T14:00:00")),
        # Thanksgiving, and the short Friday after it.
        ("2026-11-26T18:00:00", ("CLOSED", "PRE_OPEN", "2026-11-27T14:00:00")),
        ("2026-11-27T17:49:59", ("CONTINUOUS", "CLOSING_AUCTION", "2026-11-27T17:50:00")),
        ("2026-11-27T18:00:00", ("CLOSED", "PRE_OPEN", "2026-11-30T14:00:00")),
        # Christmas on a Friday.
        ("2026-12-24T18:30:00", ("CLOSED", "PRE_OPEN", "2026-12-28T14:00:00")),
    ],
)
def test_weekends_holidays_and_early_closes(at: str, expected: tuple[str, str, str]) -> None:
    assert said(shipped(), at) == expected


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        # New York changes its clocks on 2026-03-08 and 2026-11-01, both Sundays.
        ("2026-03-06T15:00:00", ("CONTINUOUS", "CLOSING_AUCTION", "2026-03-06T20:50:00")),
        ("2026-03-09T13:29:59", ("OPENING_AUCTION", "CONTINUOUS", "2026-03-09T13:30:00")),
        ("2026-10-30T19:59:59", ("CLOSING_AUCTION", "CLOSED", "2026-10-30T20:00:00")),
        ("2026-11-02T20:59:59", ("CLOSING_AUCTION", "CLOSED", "2026-11-02T21:00:00")),
    ],
)
def test_phases_keep_local_time_when_the_clocks_change(
    at: str, expected: tuple[str, str, str]
) -> None:
    assert said(shipped(), at) == expected


NIGHT = """
number = 7
time_zone = "Europe/Berlin"
days = ["SAT", "SUN"]
phases = [
  { at = 01:30:00, phase = "PRE_OPEN" }, { at = 02:30:00, phase = "CONTINUOUS" },
  { at = 03:00:00, phase = "CLOSING_AUCTION" }, { at = 04:00:00, phase = "CLOSED" },
]
"""


def test_a_time_that_the_change_of_clocks_skips_comes_in_order() -> None:
    """On 2026-03-29 there is no 02:30 in Berlin: 03:30, after which 03:00 has no time left."""
    steps = calendar(NIGHT).steps(datetime(2026, 3, 29).toordinal())  # noqa: DTZ001
    assert [step.at_ns for step in steps] == sorted(step.at_ns for step in steps)
    assert [(step.phase.name, step.at_ns) for step in steps] == [
        ("PRE_OPEN", ns("2026-03-29T00:30:00")),
        ("CONTINUOUS", ns("2026-03-29T01:30:00")),
        ("CLOSING_AUCTION", ns("2026-03-29T01:30:00")),
        ("CLOSED", ns("2026-03-29T02:00:00")),
    ]


def test_a_time_that_comes_twice_counts_once() -> None:
    """On 2026-10-25 Berlin has 02:30 twice: the first, at 00:30 UTC, begins the phase."""
    assert said(calendar(NIGHT), "2026-10-25T00:30:00")[0] == "CONTINUOUS"
    assert said(calendar(NIGHT), "2026-10-25T01:30:00") == (
        "CONTINUOUS",
        "CLOSING_AUCTION",
        "2026-10-25T02:00:00",
    )


def test_the_day_of_a_far_zone_is_its_own() -> None:
    tokyo = calendar(DAY.replace("America/New_York", "Asia/Tokyo"))
    assert said(tokyo, "2026-11-30T00:30:00") == ("CONTINUOUS", "CLOSED", "2026-11-30T07:00:00")
    # Monday in Tokyo is still Sunday in Greenwich.
    auckland = calendar(DAY.replace("America/New_York", "Pacific/Auckland"))
    assert said(auckland, "2026-11-29T20:30:00") == ("CONTINUOUS", "CLOSED", "2026-11-30T03:00:00")


def test_the_short_day_of_the_demo_repeats_around_the_clock() -> None:
    demo = shipped(demo=True)
    assert said(demo, "2026-11-29T03:00:00")[0] == "PRE_OPEN"
    assert said(demo, "2026-11-29T03:01:00") == (
        "CONTINUOUS",
        "CLOSING_AUCTION",
        "2026-11-29T03:28:45",
    )
    assert said(demo, "2026-11-29T03:29:59") == ("CLOSED", "PRE_OPEN", "2026-11-29T03:30:00")


def test_a_calendar_without_trading_days_around_has_no_step() -> None:
    first = datetime(2026, 1, 5).toordinal()  # noqa: DTZ001
    mondays = [date.fromordinal(first + 7 * week).isoformat() for week in range(150)]
    never = calendar(DAY + f'days = ["MON"]\nholidays = [{", ".join(mondays)}]\n')
    assert last_step(never, ns("2027-06-01T00:00:00")) is None
    assert next_step(never, ns("2027-06-01T00:00:00")) is None
    assert last_step(never, ns("2026-01-06T00:00:00")) == Step(
        ns("2025-12-29T21:00:00"), SessionPhase.CLOSED
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("number = 7", ""), r"A\.number is None; a whole number from 1"),
        (("number = 7", "number = 0"), r"A\.number is 0"),
        (("number = 7", 'number = "7"'), r"A\.number is '7'"),
        (("America/New_York", "America/Gotham"), r"A\.time_zone is 'America/Gotham'"),
        (('"America/New_York"', "5"), r"A\.time_zone is 5"),
        (("number", 'days = ["MONDAY"]\nnumber'), r"A\.days is \['MONDAY'\]; a list of MON"),
        (("number", "days = []\nnumber"), r"A\.days is \[\]"),
        (("number", "holidays = [20260101]\nnumber"), r"A\.holidays is \[20260101\]; a list of dates"),
        (("number", "holidays = [2026-01-01T00:00:00]\nnumber"), r"a list of dates"),
        (("number", "zone = 3\nnumber"), r"A\.zone is unknown; known are number, demo, time_zone"),
        (("16:00:00", "09:30:00"), r"A\.phases has 09:30:00 after 09:30:00; times must rise"),
        (("16:00:00", "16"), r"A\.phases has \{'at': 16, .*whole seconds"),
        (("16:00:00", "16:00:00.5"), r"whole seconds"),
        (('"CLOSED"', '"HALTED"'), r"A\.phases has the phase 'HALTED'; one of PRE_OPEN"),
        (('"CLOSED"', '"CLOSING_AUCTION"'), r"ends with CLOSING_AUCTION; a day ends with CLOSED"),
        (("number", "every_s = 0\nnumber"), r"A\.time_zone is unknown; known are .*every_s"),
        (("number", "demo = 3\nnumber"), r"A\.demo is 3; a table \[A\.demo\] is needed"),
        (("number", "early_close = { dates = [2026-01-02] }\nnumber"), r"A\.early_close\.phases is None"),
    ],
)  # fmt: skip
def test_a_wrong_calendar_is_refused_by_name(change: tuple[str, str], what: str) -> None:
    with pytest.raises(BadConfiguration, match=what):
        calendar(DAY.replace(*change, 1))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("every_s = 0\n", r"A\.every_s is 0; a whole number from 1 to 86400"),
        ("every_s = 60\n", r"A\.phases is None; a list of"),
        (
            'every_s = 60\nphases = [{ at = 00:01:00, phase = "CONTINUOUS" }]\n',
            r"A\.phases has one at 00:01:00; the day is 60 s long",
        ),
    ],
)
def test_a_wrong_short_day_is_refused_by_name(text: str, what: str) -> None:
    with pytest.raises(BadConfiguration, match=what):
        calendar("number = 7\n" + text)


def test_two_calendars_have_two_numbers() -> None:
    table: dict[str, Any] = tomllib.loads(f"[A]\n{DAY}[B]\n{DAY}")
    with pytest.raises(BadConfiguration, match=r"B\.number is 7, which another calendar has"):
        read_calendars(table, demo=False)
    with pytest.raises(BadConfiguration, match=r"A is 3; a table \[A\] is needed"):
        read_calendars({"A": 3}, demo=False)
