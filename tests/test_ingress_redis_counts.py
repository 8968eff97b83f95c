"""Workers of several hosts count together through a real Redis server (`ingress/redis_counts.py`)."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import RedisError

from ingress.counts import SECOND_NS, Window
from ingress.redis_counts import RedisCounts
from tests.valkey_fixture import Valkey, valkey

__all__ = ["valkey"]
WINDOW = Window("things", 3600 * SECOND_NS)
Story = Callable[[RedisCounts, RedisCounts], Awaitable[None]]


def play(server: Valkey, story: Story) -> None:
    """Play a story of two workers on two hosts."""

    async def run() -> None:
        one, other = (RedisCounts(server.url, time.time_ns) for _ in range(2))
        try:
            await story(one, other)
        finally:
            await one.close()
            await other.close()

    asyncio.run(run())


def test_what_one_host_counted_the_other_sees(valkey):
    async def story(one: RedisCounts, other: RedisCounts) -> None:
        now_ns = time.time_ns()
        assert one.add(WINDOW, "a", 5, now_ns) == 5
        assert other.add(WINDOW, "a", 2, now_ns) == 2
        await one.share()
        await other.share()
        assert other.add(WINDOW, "a", 0, now_ns) == 7
        assert one.add(WINDOW, "a", 0, now_ns) == 5, "it asks again at its next turn"
        await one.share()
        assert one.add(WINDOW, "a", 1, now_ns) == 8
        assert one.add(WINDOW, "b", 0, now_ns) == 0

    play(valkey, story)


def test_what_is_given_back_is_seen_too_and_never_falls_below_zero(valkey):
    async def story(one: RedisCounts, other: RedisCounts) -> None:
        now_ns = time.time_ns()
        one.add(WINDOW, 7, 3, now_ns)
        await one.share()
        other.add(WINDOW, 7, 0, now_ns)
        await other.share()
        assert other.add(WINDOW, 7, -5, now_ns) == 0
        await other.share()
        one.add(WINDOW, 7, 0, now_ns)
        await one.share()
        assert one.add(WINDOW, 7, 1, now_ns) == 1

    play(valkey, story)


def test_a_count_starts_anew_when_its_window_ends(valkey):
    async def story(one: RedisCounts, other: RedisCounts) -> None:
        now_ns = time.time_ns()
        one.add(WINDOW, "a", 5, now_ns)
        await one.share()
        assert one.add(WINDOW, "a", 1, now_ns + WINDOW.length_ns) == 1

    play(valkey, story)


def test_a_ban_is_seen_by_all_hosts(valkey):
    async def story(one: RedisCounts, other: RedisCounts) -> None:
        now_ns = time.time_ns()
        until_ns = (now_ns // SECOND_NS + 60) * SECOND_NS
        one.ban("a", until_ns, now_ns)
        assert one.banned_until("a", now_ns) == until_ns
        await one.share()
        await other.share()
        assert other.banned_until("a", now_ns) == until_ns
        assert other.banned_until("b", now_ns) == 0
        assert other.banned_until("a", until_ns) == 0

    play(valkey, story)


def test_while_redis_is_away_each_worker_counts_alone_and_tells_it_later(valkey):
    async def story(one: RedisCounts, other: RedisCounts) -> None:
        now_ns = time.time_ns()
        valkey.kill()
        for counts in (one, other):
            assert counts.add(WINDOW, "a", 4, now_ns) == 4
            with pytest.raises((RedisError, OSError)):
                await counts.share()
            assert counts.add(WINDOW, "a", 1, now_ns) == 5
        valkey.start()
        await one.share()
        await other.share()
        assert other.add(WINDOW, "a", 0, now_ns) == 10

    play(valkey, story)


def test_following_survives_that_redis_goes_and_comes(valkey):
    async def story(one: RedisCounts, other: RedisCounts) -> None:
        tasks = [asyncio.create_task(counts.follow()) for counts in (one, other)]
        now_ns = time.time_ns()
        valkey.kill()
        one.add(WINDOW, "a", 3, now_ns)
        await asyncio.sleep(0)
        valkey.start()
        deadline = time.monotonic() + 30
        while other.add(WINDOW, "a", 0, now_ns) != 3:
            assert time.monotonic() < deadline, "the other worker never saw it"
            await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    play(valkey, story)
