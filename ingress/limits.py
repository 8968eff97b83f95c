"""Limit what clients use: request weight and requests per address, orders per account (API section 3).

Windows are aligned to the clock, not sliding: a count starts anew at every full minute, ten seconds or
day. Who is over a limit hears 429 until the window ends; who goes on asking is banned and hears 418, two
minutes at first, twice as long each time, at most three days. Where the counts are, so that all workers
(or all hosts) see the same, is the matter of a `Counts`.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from conf.sections import Rest, Ws
from ingress import errors
from ingress.counts import SECOND_NS, Counts, Window
from protocol.records import Event
from protocol.terms import EventFlag, EventKind

MINUTE_NS = 60 * SECOND_NS
TEN_SECONDS_NS = 10 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS
WEIGHT = Window("weight", MINUTE_NS)
REQUESTS = Window("requests", 5 * MINUTE_NS)
CONNECTS = Window("connects", 5 * MINUTE_NS)
ORDERS_10S = Window("orders-10s", TEN_SECONDS_NS)
ORDERS_1D = Window("orders-1d", DAY_NS)
REFUSED = Window("refused", MINUTE_NS)
BANS = Window("bans", 7 * DAY_NS)
"""How often an address was banned in a week: each time for twice as long."""
FIRST_BAN_NS = 2 * MINUTE_NS
LONGEST_BAN_NS = 3 * DAY_NS
CONNECT_WEIGHT = 2
BACK_TO_TAKER, BACK_TO_MAKER = 1, 5
"""So many orders an account gets back with the first fill of one of its orders."""
_TRADE, _MAKER = int(EventKind.TRADE), int(EventFlag.MAKER)


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


class Limits:
    """The limits of the door."""

    def __init__(self, rest: Rest, counts: Counts) -> None:
        self._counts = counts
        self._weight_limit = rest.weight_limit
        self._requests_limit = rest.requests_limit
        self._ban_after = rest.ban_after
        self._limit_10s, self._limit_1d = rest.orders_limit_10s, rest.orders_limit_1d
        self.order_limits = (
            RateLimit("ORDERS", "SECOND", 10, rest.orders_limit_10s),
            RateLimit("ORDERS", "DAY", 1, rest.orders_limit_1d),
        )
        self.rate_limits = (
            RateLimit("REQUEST_WEIGHT", "MINUTE", 1, rest.weight_limit),
            *self.order_limits,
            RateLimit("RAW_REQUESTS", "MINUTE", 5, rest.requests_limit),
        )

    def admit(self, address: str, now_ns: int) -> int:
        """Let a request of an address in, before anything else is looked at; return the weight it has used.

        Raises: Refused (429 or 418, -1003).
        """
        counts = self._counts
        until_ns = counts.banned_until(address, now_ns)
        if until_ns:
            raise _banned(until_ns, now_ns)
        used = counts.add(WEIGHT, address, 0, now_ns)
        if used >= self._weight_limit:
            self._refuse(address, now_ns, WEIGHT)
        if counts.add(REQUESTS, address, 1, now_ns) > self._requests_limit:
            self._refuse(address, now_ns, REQUESTS)
        return used

    def admit_many(self, address: str, requests: int, now_ns: int) -> int | None:
        """Let so many requests in at once; None: not all of them may come in, and none has been counted.

        Whoever is refused is asked for one by one, which tells the reason of each.
        """
        counts = self._counts
        if counts.banned_until(address, now_ns):
            return None
        used = counts.add(WEIGHT, address, 0, now_ns)
        if used >= self._weight_limit:
            return None
        if counts.add(REQUESTS, address, requests, now_ns) > self._requests_limit:
            self.forget(address, requests, now_ns)
            return None
        return used

    def forget(self, address: str, requests: int, now_ns: int) -> None:
        """Count requests not at all that were let in together: they are looked at one by one."""
        self._counts.add(REQUESTS, address, -requests, now_ns)

    def charge(self, address: str, weight: int, now_ns: int) -> int:
        """Charge weight to an address and return what it used in this minute."""
        return self._counts.add(WEIGHT, address, weight, now_ns)

    def take_orders(self, account: int, orders: int, now_ns: int) -> tuple[int, int]:
        """Count new orders of an account before they are sent, and return both counts.

        Raises: Refused (429, -1015) when one of its limits does not allow them; nothing is counted then.
        """
        # Counted first and taken back when that was too much: nearly always it was not.
        ten_seconds, day = self.count_orders(account, orders, now_ns)
        if day <= self._limit_1d and ten_seconds <= self._limit_10s:
            return ten_seconds, day
        self.count_orders(account, -orders, now_ns)
        if day > self._limit_1d:
            raise _too_many(self.order_limits[1], ORDERS_1D, now_ns)
        raise _too_many(self.order_limits[0], ORDERS_10S, now_ns)

    def count_orders(self, account: int, orders: int, now_ns: int) -> tuple[int, int]:
        """Count orders of an account (negative: it gets some back); return both counts."""
        return (
            self._counts.add(ORDERS_10S, account, orders, now_ns),
            self._counts.add(ORDERS_1D, account, orders, now_ns),
        )

    def give_back(self, events: Iterable[Event], now_ns: int) -> None:
        """Give accounts back what the first fill of an order returns, whoever's order it is."""
        for event in events:
            if event.kind == _TRADE and event.cum_qty == event.last_qty:
                back = BACK_TO_MAKER if event.flags & _MAKER else BACK_TO_TAKER
                self.count_orders(event.account, -back, now_ns)

    def _refuse(self, address: str, now_ns: int, window: Window) -> None:
        if self._counts.add(REFUSED, address, 1, now_ns) > self._ban_after:
            bans = self._counts.add(BANS, address, 1, now_ns)
            # Bounded before it is computed: nobody is banned for 2**1000 minutes.
            length_ns = min(FIRST_BAN_NS << min(bans - 1, 20), LONGEST_BAN_NS)
            self._counts.ban(address, now_ns + length_ns, now_ns)
            raise _banned(now_ns + length_ns, now_ns)
        if window is WEIGHT:
            told = (
                f"Too much request weight used; current limit is {self._weight_limit} request weight "
                "per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API."
            )
        else:
            told = (
                f"Too many requests; current limit is {self._requests_limit} requests per 5 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API."
            )
        raise errors.Refused(errors.OVER_LIMIT, told, 429, retry_after_s=_seconds(window, now_ns))


class WsLimits(Limits):
    """The limits of the WebSocket API: the same counts, and how often an address may connect."""

    def __init__(self, rest: Rest, ws: Ws, counts: Counts) -> None:
        super().__init__(rest, counts)
        self._connects_limit = ws.connects_limit
        self.rate_limits = (
            *self.rate_limits[:-1],
            RateLimit("CONNECTIONS", "MINUTE", 5, ws.connects_limit),
        )
        weight, ten_seconds, day, *_ = self.rate_limits
        self._weight_told = _with_places(weight)
        self.orders_told = _with_places(ten_seconds, day, weight)
        """`rateLimits` of new orders, as JSON with three places."""

    def told(self, order_counts: tuple[int, int] | None, used_weight: int) -> bytes:
        """Write `rateLimits`: what a request has brought the counts to."""
        if order_counts is None:
            return self._weight_told % used_weight
        return self.orders_told % (*order_counts, used_weight)

    def connect(self, address: str, now_ns: int) -> None:
        """Count a connection and let it in.

        Raises: Refused (429 or 418: -1003; 429: -1034).
        """
        self.admit(address, now_ns)
        if self._counts.add(CONNECTS, address, 1, now_ns) > self._connects_limit:
            told = (
                "Too many connection attempts from IP; "
                f"current limit is {self._connects_limit} per '5 MINUTE'."
            )
            raise errors.Refused(-1034, told, 429, retry_after_s=_seconds(CONNECTS, now_ns))
        self.charge(address, CONNECT_WEIGHT, now_ns)


def _with_places(*limits: RateLimit) -> bytes:
    """Write entries of `rateLimits` with a place for the count of each, since all else is the same every time."""
    entries = [msgspec.json.encode({**limit.told(), "count": 0})[:-2] + b"%d}" for limit in limits]
    return b"[%b]" % b",".join(entries)


def _seconds(window: Window, now_ns: int) -> int:
    """Return how many seconds, rounded up, until the running stretch of a window ends."""
    return -(-(window.ends_ns(now_ns) - now_ns) // SECOND_NS)


def _banned(until_ns: int, now_ns: int) -> errors.Refused:
    told = (
        f"Way too much request weight used; IP banned until {until_ns // 1_000_000}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    return errors.Refused(
        errors.OVER_LIMIT, told, 418, retry_after_s=-(-(until_ns - now_ns) // SECOND_NS)
    )


def _too_many(limit: RateLimit, window: Window, now_ns: int) -> errors.Refused:
    told = (
        f"Too many new orders; current limit is {limit.limit} orders per "
        f"{limit.interval_num} {limit.interval}."
    )
    return errors.Refused(-1015, told, 429, retry_after_s=_seconds(window, now_ns))
