"""Counts that the workers of several hosts share: each counts for itself and tells Redis ten times a second.

No request waits for Redis: what a worker sees is what Redis told last plus what it counted since, so other
workers are seen up to a tenth of a second late, and a limit may be overshot by what comes in that time.
While Redis is away each worker goes on with what it knows; what it counted meanwhile is told afterwards.
Bans are a sorted set that every worker reads along with its counts.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

import redis.asyncio
from redis.exceptions import RedisError

from ingress.counts import Window

PACE_S = 0.1
TIMEOUT_S = 1.0
PARTIES_LIMIT = 100_000
"""Parties counted in one window; beyond it the newest are not counted."""
_PREFIX = "openbourse:limits"
_BANS = f"{_PREFIX}:bans"
_TOLD_AGAIN_S = 60.0
_MS = 1_000_000
log = logging.getLogger("ingress")


@dataclass(slots=True)
class _Count:
    """What one party used: as Redis knows it, and what it was not told yet."""

    known: int = 0
    untold: int = 0

    @property
    def whole(self) -> int:
        return max(0, self.known + self.untold)


class RedisCounts:
    """The counts of all hosts, seen by one worker; `follow` must run for them to be shared."""

    def __init__(self, url: str, wall_ns: Callable[[], int]) -> None:
        self._client = redis.asyncio.Redis.from_url(
            url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        )
        self._wall_ns = wall_ns
        self._counts: dict[tuple[str, int], dict[str | int, _Count]] = {}
        self._ends: dict[str, int] = {}
        self._touched: set[tuple[str, int, str | int]] = set()
        self._bans: dict[str, int] = {}
        self._new_bans: dict[str, int] = {}

    def add(self, window: Window, party: str | int, amount: int, now_ns: int) -> int:
        """Add to what a party used in the running stretch (never below 0) and return it."""
        ends_ns = self._ends.get(window.name, 0)
        if now_ns >= ends_ns:
            ends_ns = self._turn(window, now_ns)
        parties = self._counts[window.name, ends_ns]
        count = parties.get(party)
        if count is None:
            if len(parties) >= PARTIES_LIMIT:
                return max(0, amount)
            count = parties[party] = _Count()
        self._touched.add((window.name, ends_ns, party))
        count.untold += max(amount, -count.whole)
        return count.whole

    def ban(self, party: str, until_ns: int, now_ns: int) -> None:
        """Ban a party until then."""
        self._bans[party] = self._new_bans[party] = until_ns

    def banned_until(self, party: str, now_ns: int) -> int:
        """Return until when a party is banned; 0 when it is not."""
        until_ns = self._bans.get(party, 0) if self._bans else 0
        return until_ns if until_ns > now_ns else 0

    async def follow(self) -> None:
        """Share the counts until cancelled."""
        away_since = told_at = 0.0
        clock = asyncio.get_running_loop().time
        while True:
            try:
                await self.share()
                if away_since:
                    log.warning("Redis is back after %.1f s", clock() - away_since)
                    away_since = 0.0
            except (RedisError, OSError) as error:
                away_since = away_since or clock()
                if clock() - told_at > _TOLD_AGAIN_S:
                    told_at = clock()
                    log.warning("rate limits are counted by each worker alone: %s", error)
            await asyncio.sleep(PACE_S)

    async def share(self) -> None:
        """Tell Redis what was counted, and learn what others counted.

        Raises: RedisError, OSError; nothing is forgotten then, though it may be told twice.
        """
        touched, self._touched = self._touched, set()
        now_ms = self._wall_ns() // _MS
        told: list[tuple[_Count, int]] = []
        pipe = self._client.pipeline(transaction=False)
        for name, ends_ns, party in touched:
            count = self._counts.get((name, ends_ns), {}).get(party)
            if count is None or ends_ns // _MS <= now_ms:
                continue
            key = f"{_PREFIX}:{name}:{ends_ns // _MS}:{party}"
            pipe.incrby(key, count.untold)
            pipe.pexpireat(key, ends_ns // _MS)
            told.append((count, count.untold))
        if self._new_bans:
            pipe.zadd(_BANS, {party: until // _MS for party, until in self._new_bans.items()})
        pipe.zremrangebyscore(_BANS, "-inf", now_ms)
        pipe.zrange(_BANS, 0, -1, withscores=True)
        sent_bans = set(self._new_bans)
        try:
            answers = await pipe.execute()
        except BaseException:
            self._touched |= touched
            raise
        for place, (count, amount) in enumerate(told):
            count.known = int(answers[2 * place])
            count.untold -= amount
        for party in sent_bans:
            del self._new_bans[party]
        bans = {party.decode(): int(until) * _MS for party, until in answers[-1]}
        self._bans = bans | self._new_bans

    async def close(self) -> None:
        """Tell the rest and let go."""
        try:
            await self.share()
            await self._client.aclose()
        except (RedisError, OSError) as error:
            log.warning("the last counts were not shared: %s", error)

    def _turn(self, window: Window, now_ns: int) -> int:
        ends_ns = window.ends_ns(now_ns)
        self._ends[window.name] = ends_ns
        for name, old_ns in list(self._counts):
            if name == window.name:
                del self._counts[name, old_ns]
        self._counts[window.name, ends_ns] = {}
        return ends_ns
