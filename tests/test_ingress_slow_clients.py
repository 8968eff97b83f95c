"""Clients that are slow, on purpose or not: they are let go, and nobody else notices."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from ingress import connection
from tests.stream_house import played, soon, until
from tests.ws_house import WsHouse, ws_house

PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"
LARGE = b"GET /api/v3/exchangeInfo HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n"
LIMIT_S = 0.3


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ARRIVAL_LIMIT_S", LIMIT_S)


@asynccontextmanager
async def plugged(
    house: WsHouse, limit: int = 65_536
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port, limit=limit)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def is_served(house: WsHouse) -> None:
    async with plugged(house) as (reader, writer):
        writer.write(PING)
        assert (await soon(reader.readline())).startswith(b"HTTP/1.1 200")


async def dribble(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send a byte at a time, until the server hangs up."""
    with suppress(ConnectionError):
        for place in range(len(data)):
            if writer.is_closing():
                return
            writer.write(data[place : place + 1])
            await writer.drain()
            await asyncio.sleep(LIMIT_S / 20)


@played
async def test_a_head_that_does_not_arrive_in_time_is_given_up():
    await _is_given_up(b"")


@played
async def test_a_body_that_does_not_arrive_in_time_is_given_up():
    await _is_given_up(BODY)


async def _is_given_up(sent: bytes) -> None:
    async with ws_house() as house, plugged(house) as (reader, writer):
        writer.write(sent)
        slow = asyncio.create_task(dribble(writer, BODY * 10))
        await is_served(house)
        begun_s = asyncio.get_running_loop().time()
        with suppress(ConnectionResetError):
            assert await soon(reader.read()) == b""
        assert asyncio.get_running_loop().time() - begun_s < 10 * LIMIT_S
        await until(lambda: not house.state.connections)
        await slow
        await is_served(house)


@played
async def test_a_client_that_does_not_read_is_given_up_with_what_was_kept_for_it():
    async with ws_house() as house, plugged(house, limit=1) as (_, writer):
        (served,) = await _connected(house)
        asking = asyncio.create_task(_ask_for_ever(writer))
        await until(lambda: served.flow.write_paused)
        kept = served.transport.get_write_buffer_size()
        await is_served(house)
        assert served.transport.get_write_buffer_size() == kept < 1 << 20
        await until(lambda: served not in house.state.connections)
        await asking
        await is_served(house)


@played
async def test_a_client_that_reads_slowly_gets_every_answer():
    async with ws_house() as house, plugged(house) as (reader, writer):
        writer.write(LARGE * 50)
        whole = 0
        for _ in range(50):
            head = await soon(reader.readuntil(b"\r\n\r\n"))
            assert head.startswith(b"HTTP/1.1 200")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
            whole += len(await soon(reader.readexactly(length))) == length
            await asyncio.sleep(LIMIT_S / 30)
        assert whole == 50


async def _connected(house: WsHouse) -> list[connection.Connection]:
    await until(lambda: len(house.state.connections) == 1)
    return [one for one in house.state.connections if isinstance(one, connection.Connection)]


async def _ask_for_ever(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(LARGE)
            await writer.drain()
            await asyncio.sleep(0)
