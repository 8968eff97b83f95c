"""Heads that came before: found again by the same bytes alone, and what they bring is answered the same."""

import asyncio
import hashlib
import hmac
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ingress.auth import KeyRow, key_of
from ingress.connection import HEAD_LIMIT
from ingress.heads import HEADS_LIMIT, LENGTH_LIMIT, Lane, Sender
from runtime.forwarded import Proxies
from tests.rest_house import EVERY_PERMISSION, SECRET
from tests.stream_house import played, soon, until
from tests.ws_house import WsHouse, ws_house

HEAD = b"POST /order HTTP/1.1\r\nhost: x\r\nx-mbx-apikey: k\r\ncontent-length: 3\r\n\r\n"
HEADERS = [(b"host", b"x"), (b"x-mbx-apikey", b"k"), (b"content-length", b"3")]
SENDER = Sender(b"k", b"")


async def serve(*_: Any) -> None:
    """Stand for what answers."""


def lane_that_knows(
    data: bytes = HEAD + b"a=1", headers: Any = HEADERS, body: bytes = b"a=1"
) -> Lane:
    lane = Lane({})
    lane.learn(data, body, headers, serve, SENDER)
    return lane


def target(path: bytes) -> bytes:
    return HEAD.replace(b"/order", path)


def test_the_same_head_is_found_with_another_body():
    head, query, body = lane_that_knows().find(HEAD + b"b=2") or pytest.fail("not found")
    assert (head.serve, head.sender, query, body) == (serve, SENDER, b"", b"b=2")


def test_a_query_is_no_part_of_a_head():
    lane = lane_that_knows(target(b"/order?a=1") + b"b=2", body=b"b=2")
    for path, query in ((b"/order?b=%22&c=/,", b"b=%22&c=/,"), (b"/order?", b""), (b"/order", b"")):
        assert (lane.find(target(path) + b"c=3") or pytest.fail("not found"))[1:] == (query, b"c=3")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(HEAD + b"a=12", id="longer"),
        pytest.param(HEAD + b"a=", id="not all of it"),
        pytest.param(HEAD[:-2], id="half a head"),
        pytest.param(HEAD + b"a=1" + HEAD + b"a=1", id="two requests"),
        pytest.param(HEAD.replace(b"host: x", b"host: y") + b"a=1", id="another header"),
        pytest.param(target(b"/orders") + b"a=1", id="another path"),
        pytest.param(HEAD.replace(b"1.1", b"1.0") + b"a=1", id="the old protocol"),
        pytest.param(target(b"/order?a=\x01") + b"a=1", id="what no target may hold"),
        pytest.param(target(b"/order?a=1#b") + b"a=1", id="a fragment"),
        pytest.param(target(b"/order?a=1 HTTP/1.0\r\nb") + b"a=1", id="a line in the query"),
        pytest.param(target(b"/order?a=\xff") + b"a=1", id="not ASCII"),
        pytest.param(b"?\r\n\r\n", id="noise"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_is_not_the_same_is_the_parsers(data: bytes):
    assert lane_that_knows().find(data) is None


@pytest.mark.parametrize(
    "lane",
    [
        *(
            pytest.param(lane_that_knows(headers=[*HEADERS, (name, b"x")]), id=name.decode())
            for name in (b"transfer-encoding", b"expect", b"upgrade")
        ),
        pytest.param(lane_that_knows(HEAD + b"a=1" + HEAD), id="came with another"),
        pytest.param(lane_that_knows(HEAD), id="came in pieces"),
        pytest.param(lane_that_knows(b"\r\n\r\n" + HEAD + b"a=1"), id="came behind lines"),
    ],
)
def test_a_head_that_says_more_than_a_length_or_did_not_come_alone_is_not_kept(lane: Lane):
    assert lane.find(HEAD + b"a=1") is None


def test_so_many_heads_are_kept_and_none_that_is_long():
    lane = Lane({})
    heads = [HEAD.replace(b": x", b": %d" % number) + b"a=1" for number in range(HEADS_LIMIT + 1)]
    for head in heads:
        lane.learn(head, b"a=1", HEADERS, serve, SENDER)
    assert [lane.find(head) is not None for head in heads] == [False] * HEADS_LIMIT + [True]
    long = HEAD.replace(b": x", b": " + b"x" * LENGTH_LIMIT) + b"a=1"
    assert lane_that_knows(long).find(long) is None


def order(house: WsHouse, number: int, key: str = "alice", secret: str = SECRET) -> bytes:
    """Write an order; all with the same head."""
    form = (
        "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=100"
        f"&newClientOrderId=order-{number}&timestamp={house.house.now_ns // 1_000_000}"
    )
    seal = hmac.new(secret.encode(), form.encode(), hashlib.sha256).hexdigest()
    body = f"{form}&signature={seal}"
    return (
        f"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nX-MBX-APIKEY: {key}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


class Wire:
    """A connection to the REST door of a house."""

    def __init__(self, streams: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        self.reader, self.writer = streams

    async def ask(self, *pieces: bytes) -> tuple[int, Any]:
        """Send a request and read its answer."""
        for piece in pieces:
            self.writer.write(piece)
            await asyncio.sleep(0.01)
        return await self.answer()

    async def answer(self) -> tuple[int, Any]:
        """Read status and body of an answer."""
        head = (await soon(self.reader.readuntil(b"\r\n\r\n"))).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
        return int(head.split()[1]), json.loads(await soon(self.reader.readexactly(length)))


@asynccontextmanager
async def wire_to(house: WsHouse) -> AsyncIterator[Wire]:
    """Open a connection, for as long as it is used."""
    wire = Wire(await asyncio.open_connection("127.0.0.1", house.port))
    yield wire
    wire.writer.close()


@asynccontextmanager
async def known() -> AsyncIterator[tuple[WsHouse, Wire]]:
    """A house and a connection on which order 1 was taken: the next orders have a head that came before."""
    async with ws_house() as house, wire_to(house) as wire:
        assert (await wire.ask(order(house, 1)))[1]["orderId"] == 1
        yield house, wire


@played
async def test_orders_with_one_head_are_each_checked_and_done():
    async with known() as (house, one), wire_to(house) as other:
        told = [await wire.ask(order(house, n)) for n, wire in ((2, one), (3, other))]
        assert [(status, body["orderId"]) for status, body in told] == [(200, 2), (200, 3)]
        forged = await one.ask(order(house, 4, secret="another one"))
        assert (forged[0], forged[1]["code"]) == (400, -1022)
        stranger = await one.ask(order(house, 4, key="nobody"))
        assert (stranger[0], stranger[1]["code"]) == (401, -2015)
        house.house.keys.put("alice", None)
        revoked = await one.ask(order(house, 4))
        assert (revoked[0], revoked[1]["code"]) == (401, -2015)


@played
async def test_a_head_that_came_before_needs_no_parser():
    async with known() as (house, wire):
        for connection in house.state.connections:
            connection.parser = None  # type: ignore[union-attr]
        assert (await wire.ask(order(house, 2)))[1]["orderId"] == 2


@played
async def test_an_order_is_not_begun_before_the_one_before_is_answered():
    async with known() as (house, wire):
        behind, held = house.house.wire, []
        take, behind.deliver = behind.deliver, held.extend
        wire.writer.write(order(house, 2))
        await until(lambda: bool(held))
        wire.writer.write(order(house, 3))
        await asyncio.sleep(0.02)
        assert len(behind.frames) == 2
        behind.deliver = take
        take(held)
        assert [(await wire.answer())[1]["orderId"] for _ in range(2)] == [2, 3]


@played
async def test_orders_with_one_head_may_come_at_once_or_in_pieces():
    async with known() as (house, wire):
        for number, cuts in ((2, ()), (4, (-100,)), (6, (100,)), (8, (len(order(house, 1)),))):
            both = order(house, number) + order(house, number + 1)
            ends = (0, *(cut % len(both) for cut in cuts), len(both))
            pieces = [both[start:end] for start, end in itertools.pairwise(ends)]
            told = [await wire.ask(*pieces), await wire.answer()]
            assert [body["orderId"] for _, body in told] == [number, number + 1]


@played
async def test_a_query_above_the_limit_of_a_head_is_refused_behind_a_head_that_came_before():
    async with ws_house() as house:
        for length, status in ((10, 200), (HEAD_LIMIT // 2, 200), (HEAD_LIMIT, 431)):
            query = b"symbol=BTCUSDT&timeUnit=" + b"a" * length
            async with wire_to(house) as wire:
                told = await wire.ask(b"GET /api/v3/depth?%b HTTP/1.1\r\nHost: x\r\n\r\n" % query)
            assert told[0] == status, told


@played
async def test_the_same_head_from_a_proxy_is_read_for_who_sends_it():
    async with ws_house() as house, wire_to(house) as wire:
        row = KeyRow("alice", house.house.alice, SECRET, "HMAC", EVERY_PERMISSION, ("9.9.9.9",))
        house.house.keys.put("alice", key_of(row))
        from_there, from_elsewhere = (
            order(house, 1).replace(b"Host: x", b"Host: x\r\nX-Forwarded-For: %b" % address)
            for address in (b"9.9.9.9", b"8.8.8.8")
        )
        for claimed in (from_there, from_elsewhere, from_there):
            assert (await wire.ask(claimed))[0] == 401
        (direct,) = house.state.connections
        setattr(direct.app, "proxies", Proxies("127.0.0.1"))  # type: ignore[union-attr]  # noqa: B010
        async with wire_to(house) as behind:
            claims = (from_elsewhere, from_there)
            assert [(await behind.ask(one))[0] for one in claims] == [401, 200]
        assert (await wire.ask(from_there))[0] == 401


@played
async def test_a_worker_that_stops_says_that_the_answer_is_the_last_one():
    async with known() as (house, wire):
        for connection in list(house.state.connections):
            connection.shutdown()
        wire.writer.write(order(house, 2))
        assert b"connection: close" in await soon(wire.reader.readuntil(b"\r\n\r\n"))
