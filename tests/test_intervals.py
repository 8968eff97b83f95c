"""When candles open (API section 5)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.intervals import DAY_NS, HOUR_NS, INTERVALS, SECOND_NS

LATER = st.integers(0, 4_000_000_000 * SECOND_NS)


def _ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


@pytest.mark.parametrize(
    ("name", "opened", "following"),
    [
        ("1s", "2026-07-22 13:47:59", "2026-07-22 13:48:00"),
        ("1m", "2026-07-22 13:47", "2026-07-22 13:48"),
        ("15m", "2026-07-22 13:45", "2026-07-22 14:00"),
        ("4h", "2026-07-22 12:00", "2026-07-22 16:00"),
        ("1d", "2026-07-22", "2026-07-23"),
        ("3d", "2026-07-21", "2026-07-24"),
        ("1w", "2026-07-20", "2026-07-27"),
        ("1M", "2026-07-01", "2026-08-01"),
    ],
)
def test_a_candle_opens_on_its_grid(name, opened, following):
    interval = INTERVALS[name]
    open_ns = interval.open_ns(_ns("2026-07-22 13:47:59") + 999_999_999)
    assert open_ns == _ns(opened)
    assert interval.next_ns(open_ns) == _ns(following)


def test_the_names_are_those_of_the_dialect():
    assert " ".join(INTERVALS) == "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"


@pytest.mark.parametrize("name", INTERVALS)
@given(at_ns=LATER, offset_h=st.integers(-12, 14))
def test_candles_lie_side_by_side_and_hold_their_time(name, at_ns, offset_h):
    interval, offset_ns = INTERVALS[name], offset_h * HOUR_NS
    open_ns = interval.open_ns(at_ns, offset_ns)
    next_ns = interval.next_ns(open_ns, offset_ns)
    assert open_ns <= at_ns < next_ns
    assert interval.open_ns(open_ns, offset_ns) == open_ns
    assert interval.open_ns(next_ns - 1, offset_ns) == open_ns
    assert interval.open_ns(next_ns, offset_ns) == next_ns


@given(at_ns=LATER)
def test_weeks_open_on_monday_and_months_on_the_first(at_ns):
    def date(ns: int) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=ns // SECOND_NS)

    assert date(INTERVALS["1w"].open_ns(at_ns)).weekday() == 0
    month = date(INTERVALS["1M"].open_ns(at_ns))
    assert (month.day, month.hour, month.minute, month.second) == (1, 0, 0, 0)
    assert (month.year, month.month) == (date(at_ns).year, date(at_ns).month)


def test_a_day_in_another_time_zone_begins_at_its_midnight():
    at_ns = _ns("2026-07-22 17:00")
    assert INTERVALS["1d"].open_ns(at_ns, 8 * HOUR_NS) == _ns("2026-07-22 16:00")
    assert INTERVALS["1d"].open_ns(at_ns) == _ns("2026-07-22")
    assert INTERVALS["1d"].next_ns(at_ns) - at_ns == DAY_NS
