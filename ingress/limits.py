"""Count what clients use: request weight per address, orders per account (API section 3).

Windows are aligned to the clock, not sliding: a count starts anew at every full minute, ten seconds or
day. Counts are those of this worker. The counts are told in headers; nothing is refused for them yet.
"""

from dataclasses import dataclass

_SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * _SECOND_NS
TEN_SECONDS_NS = 10 * _SECOND_NS
DAY_NS = 86_400 * _SECOND_NS
PARTIES_LIMIT = 100_000
"""Addresses (accounts) counted in one window; beyond it the newest are not counted."""


class Window:
    """One count per party in windows of `length_ns`."""

    def __init__(self, length_ns: int) -> None:
        self._length_ns = length_ns
        self._ends_ns = 0
        self._counts: dict[str | int, int] = {}

    def add(self, party: str | int, amount: int, now_ns: int) -> int:
        """Add to a party's count (never below 0) and return it."""
        if now_ns >= self._ends_ns:
            self._ends_ns = now_ns - now_ns % self._length_ns + self._length_ns
            self._counts.clear()
        counts = self._counts
        if not amount:
            return counts.get(party, 0)
        count = max(0, counts.get(party, 0) + amount)
        if party in counts or (count and len(counts) < PARTIES_LIMIT):
            counts[party] = count
        return count


@dataclass(frozen=True)
class RateLimit:
    """One entry of `rateLimits` (API section 3)."""

    kind: str
    interval: str
    interval_num: int
    limit: int

    def told(self) -> dict[str, object]:
        """Return it as exchangeInfo shows it."""
        return {
            "rateLimitType": self.kind,
            "interval": self.interval,
            "intervalNum": self.interval_num,
            "limit": self.limit,
        }


ORDERS_10S = RateLimit("ORDERS", "SECOND", 10, 1_000_000)
ORDERS_1D = RateLimit("ORDERS", "DAY", 1, 1_000_000_000)
RAW_REQUESTS = RateLimit("RAW_REQUESTS", "MINUTE", 5, 100_000_000)


class Limits:
    """All counts of one worker."""

    def __init__(self, weight_limit: int) -> None:
        self._weight = Window(MINUTE_NS)
        self._orders_10s = Window(TEN_SECONDS_NS)
        self._orders_1d = Window(DAY_NS)
        self.rate_limits = (
            RateLimit("REQUEST_WEIGHT", "MINUTE", 1, weight_limit),
            ORDERS_10S,
            ORDERS_1D,
            RAW_REQUESTS,
        )

    def charge(self, address: str, weight: int, now_ns: int) -> int:
        """Charge weight to an address and return what it used in this minute."""
        return self._weight.add(address, weight, now_ns)

    def count_orders(self, account: int, orders: int, now_ns: int) -> tuple[int, int]:
        """Count orders of an account (negative: a first fill gives one back); return both counts."""
        return (
            self._orders_10s.add(account, orders, now_ns),
            self._orders_1d.add(account, orders, now_ns),
        )
