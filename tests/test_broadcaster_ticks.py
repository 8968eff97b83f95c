"""When messages leave: at once, but in one write with what is there to be taken in."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from broadcaster.server import FRAMES_AT_ONCE
from protocol.records import Event
from protocol.terms import Side
from runtime.endpoints import frame_of
from tests.market_events import FIRST_TRADE_ID
from tests.stream_house import StreamHouse, hear, played, stream_house


def _trades(house: StreamHouse, count: int) -> list[bytes]:
    """Return so many frames, each a trade."""
    frames = []
    for _ in range(count):
        with house.market.command():
            house.market.level(Side.SELL, 110, 1)
            house.market.trade(Side.SELL, 110, 1)
        frames.append(frame_of(Event, house.market.rows()))
    return frames


@contextmanager
def _writes(house: StreamHouse) -> Iterator[list[int]]:
    """Note how many messages each write to the subscribers delivers."""
    found: list[int] = []
    flush = house.server.channels.flush

    def noted() -> int:
        if count := flush():
            found.append(count)
        return count

    with patch.object(house.server.channels, "flush", noted):
        yield found


@played
async def test_a_portion_that_is_not_full_leaves_at_once():
    async with stream_house(tick_ms=0) as house, house.client("/ws/btcusdt@trade"):
        with _writes(house) as writes:
            house.source.take(_trades(house, 3))
            assert writes == [3]


@played
async def test_a_full_portion_leaves_with_the_rest_of_what_waits():
    async with stream_house(tick_ms=0) as house, house.client("/ws/btcusdt@trade") as client:
        with _writes(house) as writes:
            house.source.take(_trades(house, FRAMES_AT_ONCE))
            house.source.take(_trades(house, FRAMES_AT_ONCE))
            assert writes == []
            house.source.take(_trades(house, 1))
            assert writes == [2 * FRAMES_AT_ONCE + 1]
        ids = [(await hear(client))["t"] for _ in range(writes[0])]
        assert ids == list(range(FIRST_TRADE_ID, FIRST_TRADE_ID + len(ids)))


@played
async def test_a_full_portion_behind_which_nothing_comes_leaves_by_itself():
    async with stream_house() as house, house.client("/ws/btcusdt@trade") as client:
        house.source.take(_trades(house, FRAMES_AT_ONCE))
        ids = [(await hear(client))["t"] for _ in range(FRAMES_AT_ONCE)]
        assert ids == list(range(FIRST_TRADE_ID, FIRST_TRADE_ID + FRAMES_AT_ONCE))


@played
async def test_an_endless_flow_of_full_portions_does_not_keep_messages_back():
    async with stream_house() as house, house.client("/ws/btcusdt@trade") as client:
        heard = []
        listening = asyncio.create_task(hear(client))
        while not listening.done():
            house.source.take(_trades(house, FRAMES_AT_ONCE))
            heard.append(FRAMES_AT_ONCE)
            assert len(heard) < 2_000
            await asyncio.sleep(0)
        assert (await listening)["t"] == FIRST_TRADE_ID


@played
async def test_a_window_shares_the_write_of_the_trades_that_come_in_that_moment():
    path = "/ws/btcusdt@trade/btcusdt@depth@100ms"
    async with stream_house(tick_ms=0) as house, house.client(path) as client:
        house.source.take(_trades(house, 1))
        assert (await hear(client))["e"] == "trade"
        assert (await hear(client))["e"] == "depthUpdate"
        with _writes(house) as writes:
            house.source.take(_trades(house, 1))
            assert writes == [1]
            house.server._close_fast_windows()
            assert writes == [1]
            house.source.take(_trades(house, 1))
            assert writes == [1, 2]


@played
async def test_what_is_no_frame_does_not_part_those_around_it():
    async with stream_house(tick_ms=0) as house, house.client("/ws/btcusdt@trade") as client:
        first, second = _trades(house, 2)
        with _writes(house) as writes:
            house.source.take([first, b"nonsense", second])
            assert writes == [2]
        assert [(await hear(client))["t"] for _ in range(2)] == [FIRST_TRADE_ID, FIRST_TRADE_ID + 1]
