"""The widths of candles: when each opens and when the next one does (API section 5).

All intervals lie on UTC, or on a time zone given as an offset: weeks open on Monday, months on
the first, days and their multiples at midnight, the rest counts from 1970.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
_MONDAY_NS = 4 * DAY_NS
"""1970 began on a Thursday; the first Monday was the 5th of January."""


@dataclass(frozen=True)
class Interval:
    """One width; a month has none in nanoseconds (0)."""

    name: str
    width_ns: int
    origin_ns: int = 0

    def open_ns(self, at_ns: int, offset_ns: int = 0) -> int:
        """Return when the candle opens that `at_ns` falls into."""
        local_ns = at_ns + offset_ns
        if not self.width_ns:
            month = _date(local_ns).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
            return _ns(month) - offset_ns
        past_ns = (local_ns - self.origin_ns) % self.width_ns
        return local_ns - past_ns - offset_ns

    def next_ns(self, open_ns: int, offset_ns: int = 0) -> int:
        """Return when the candle opens that follows the one opening at `open_ns`."""
        if self.width_ns:
            return open_ns + self.width_ns
        # The longest month and a day leads into the next one.
        return self.open_ns(open_ns + 32 * DAY_NS, offset_ns)


INTERVALS = {
    interval.name: interval
    for interval in (
        Interval("1s", SECOND_NS),
        *(Interval(f"{count}m", count * MINUTE_NS) for count in (1, 3, 5, 15, 30)),
        *(Interval(f"{count}h", count * HOUR_NS) for count in (1, 2, 4, 6, 8, 12)),
        *(Interval(f"{count}d", count * DAY_NS) for count in (1, 3)),
        Interval("1w", 7 * DAY_NS, _MONDAY_NS),
        Interval("1M", 0),
    )
}
"""All intervals by name, shortest first; names tell minutes from months by their case."""


def _date(at_ns: int) -> datetime:
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC)


def _ns(date: datetime) -> int:
    return int(date.timestamp()) * SECOND_NS
