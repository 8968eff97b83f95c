"""Connections to the WebSocket API: the upgrade out of HTTP, limits, and whatever bytes a client sends."""

import asyncio
import json
import random
import re
import struct
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from tests.stream_house import UPGRADE, masked, played, rest_of, soon, until
from tests.ws_house import WsHouse, ws_house

PING = b'{"id":1,"method":"ping","params":{"returnRateLimits":false}}'
ANSWER = Frame(Opcode.TEXT, b'{"id":1,"status":200,"result":{}}').serialize(mask=False)
LIMIT = 65_536


async def _is_served(house: WsHouse) -> None:
    async with house.client() as other:
        assert (await other.ask("ping"))["status"] == 200


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(Frame(Opcode.TEXT, PING).serialize(mask=False), 1002, id="not masked"),
        pytest.param(bytes((0x81 | 0x40, 0x80, 0, 0, 0, 0)), 1002, id="reserved bit"),
        pytest.param(bytes((0x83, 0x80, 0, 0, 0, 0)), 1002, id="unknown opcode"),
        pytest.param(bytes((0x89, 0xFE, 0, 200)) + bytes(204), 1002, id="long ping"),
        pytest.param(masked(Opcode.CONT, PING), 1002, id="continuation of nothing"),
        pytest.param(
            masked(Opcode.TEXT, b"{", fin=False) + masked(Opcode.TEXT, b"}"),
            1002,
            id="message within a message",
        ),
        pytest.param(masked(Opcode.BINARY, PING), 1003, id="binary"),
        pytest.param(masked(Opcode.TEXT, b"\xff\xfe"), 1007, id="not UTF-8"),
        pytest.param(bytes((0x81, 0xFF)) + struct.pack("!Q", 1 << 62), 1009, id="announced size"),
        pytest.param(
            masked(Opcode.TEXT, b" " * LIMIT, fin=False) + masked(Opcode.CONT, b" "),
            1009,
            id="size in pieces",
        ),
        pytest.param(masked(Opcode.PING, b"") * 60, 1008, id="flood of pings"),
    ],
)
def test_who_breaks_the_protocol_is_told_the_code_and_disconnected(data: bytes, code: int):
    @played
    async def scenario():
        async with ws_house() as house:
            reader, writer = await house.raw()
            writer.write(data)
            heard = await rest_of(reader)
            close = heard[heard.index(b"\x88") :]
            assert struct.unpack("!H", close[2:4])[0] == code
            writer.close()
            await until(lambda: not house.state.connections)
            await _is_served(house)

    scenario()


@played
async def test_a_message_in_pieces_is_one_message():
    async with ws_house() as house:
        reader, writer = await house.raw()
        writer.write(masked(Opcode.TEXT, PING[:5], fin=False))
        writer.write(masked(Opcode.CONT, b"", fin=False) * 100)
        writer.write(masked(Opcode.PING, b"between"))
        writer.write(masked(Opcode.CONT, PING[5:]))
        pong = Frame(Opcode.PONG, b"between").serialize(mask=False)
        heard = await soon(reader.readexactly(len(ANSWER) + len(pong)))
        assert heard == pong + ANSWER
        writer.close()


@played
async def test_a_message_one_byte_at_a_time_is_one_message():
    async with ws_house() as house:
        reader, writer = await house.raw()
        for byte in masked(Opcode.TEXT, PING):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)
        assert await soon(reader.readexactly(len(ANSWER))) == ANSWER
        writer.close()


@played
async def test_requests_may_follow_the_head_without_waiting_for_the_upgrade():
    async with ws_house() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        head = UPGRADE.format(path="/ws-api/v3").encode()
        writer.write(head + masked(Opcode.TEXT, PING) * 2)
        assert (await soon(reader.readuntil(b"\r\n\r\n"))).startswith(b"HTTP/1.1 101")
        assert await soon(reader.readexactly(2 * len(ANSWER))) == ANSWER * 2
        writer.close()


@played
async def test_a_connection_may_do_http_before_it_is_upgraded():
    async with ws_house() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await soon(reader.readuntil(b"{}"))).startswith(b"HTTP/1.1 200")
        writer.write(UPGRADE.format(path="/ws-api/v3").encode())
        assert (await soon(reader.readuntil(b"\r\n\r\n"))).startswith(b"HTTP/1.1 101")
        writer.write(masked(Opcode.TEXT, PING))
        assert await soon(reader.readexactly(len(ANSWER))) == ANSWER
        writer.close()


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (UPGRADE.format(path="/ws-api/v4"), b"404"),
        (UPGRADE.format(path="/api/v3/ping"), b"200"),
        ("GET /ws-api/v3 HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (UPGRADE.format(path="/ws-api/v3").replace("Version: 13", "Version: 12"), b"400"),
        (UPGRADE.format(path="/ws-api/v3").replace("Sec-WebSocket-Key", "X"), b"400"),
        (UPGRADE.format(path="/ws-api/v3").replace("GET", "POST"), b"404"),
    ],
)
def test_what_is_no_upgrade_to_the_api_is_answered_as_http(request_: str, status: bytes):
    @played
    async def scenario():
        async with ws_house() as house:
            reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
            writer.write(request_.encode())
            line = await soon(reader.readline())
            assert line.split()[1] == status
            writer.close()
            await until(lambda: not house.state.connections)
            await _is_served(house)

    scenario()


@played
async def test_no_more_requests_are_begun_than_may_be_in_flight():
    with patch("ingress.ws_connection.IN_FLIGHT_LIMIT", 4):
        async with ws_house(rest={"answer_timeout_s": 5.0}) as house, house.client() as client:
            house.house.wire.deaf = True
            for _ in range(10):
                await client.send("order.place", house.signed(**house.limit()))
            await until(lambda: house.api.door.gateway.pending == 4)
            await asyncio.sleep(0.1)
            (one,) = house.state.connections
            assert house.api.door.gateway.pending == 4
            assert one._paused
            house.api.door.gateway.close()
            house.house.wire.deaf = False
            told = [await client.hear() for _ in range(10)]
            assert [one["status"] for one in told].count(504) == 4
            assert sorted(one["id"] for one in told) == list(range(1, 11))
            assert (await client.ask("ping"))["status"] == 200


@played
async def test_orders_that_are_refused_at_once_make_room_for_those_that_wait():
    with patch("ingress.ws_connection.IN_FLIGHT_LIMIT", 4):
        async with ws_house() as house:
            reader, writer = await house.raw()
            wrong = b'{"id":%d,"method":"order.place","params":{"apiKey":"alice"}}'
            writer.write(b"".join(masked(Opcode.TEXT, wrong % n) for n in range(100)))
            writer.write(masked(Opcode.TEXT, PING))
            heard = await soon(reader.readuntil(ANSWER))
            ids = [int(n) for n in re.findall(rb'"id":(\d+),"status":400', heard)]
            assert ids == list(range(100))
            writer.close()


@played
async def test_requests_are_begun_in_the_order_in_which_they_came():
    async with ws_house() as house, house.client() as client:
        order = house.limit(timestamp=house.house.now_ns // 1_000_000)
        ids = [
            await client.send("session.logon", house.signed("alice-ed")),
            await client.send("order.place", order),
            await client.send("session.logout"),
            await client.send("order.place", order),
            await client.send("ping"),
            await client.send("order.cancel", {**order, "apiKey": "bob"}),
        ]
        heard = [await client.hear() for _ in ids]
        status = {one["id"]: one["status"] for one in heard}
        assert [status[id_] for id_ in ids] == [200, 200, 200, 401, 200, 400]
        # Who need not wait for the matcher is answered in the order of asking.
        assert [one["id"] for one in heard if one["id"] != ids[1]] == [ids[0], *ids[2:]]


@pytest.mark.parametrize(
    ("method", "place"),
    [
        ("openOrders.status", "ingress.door.auth.check_time"),
        ("order.place", "ingress.ws_runs.Runs._send"),
        ("order.place", "ingress.ws_runs.Runs._frames"),
    ],
)
def test_a_bug_is_answered_and_the_connection_lives(method: str, place: str):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            with patch(place, side_effect=ZeroDivisionError):
                told = await client.signed(method, **house.limit())
            assert (told["status"], told["error"]["code"]) == (500, -1000)
            assert (await client.signed("order.place", **house.limit()))["status"] == 200
            (one,) = house.state.connections
            assert one._in_flight == 0

    scenario()


@pytest.fixture
def quick() -> Iterator[None]:
    """Look at limits of time ten times as often, so that tests need not wait."""
    with (
        patch("ingress.ws_connection.BACKLOG_BYTES", 4096),
        patch("ingress.ws_connection.CHECK_S", 0.05),
        patch("runtime.websocket.CLOSE_S", 0.2),
    ):
        yield


@pytest.mark.usefixtures("quick")
def test_who_does_not_read_its_answers_is_not_read_from_and_in_the_end_dropped():
    @played
    async def scenario():
        async with ws_house(slow_reader_s=0.2) as house:
            _, writer = await house.raw()
            message = masked(Opcode.TEXT, b'{"id":1,"method":"exchangeInfo"}')

            async def flood() -> None:
                while True:
                    writer.write(message * 20)
                    await writer.drain()

            flooding = asyncio.create_task(flood())
            await until(lambda: not house.state.connections)
            flooding.cancel()
            await asyncio.gather(flooding, return_exceptions=True)
            writer.close()
            await _is_served(house)

    scenario()


@pytest.mark.usefixtures("quick")
def test_pings_go_out_and_who_does_not_answer_them_is_disconnected():
    @played
    async def scenario():
        async with ws_house(ping_interval_s=0.1, pong_timeout_s=0.5) as house:
            async with house.client() as client:
                await asyncio.sleep(1.0)
                assert (await client.ask("ping"))["status"] == 200
            reader, writer = await house.raw()
            heard = await rest_of(reader)
            assert heard[:1] == b"\x89"
            assert b"Pong timeout" in heard
            writer.close()

    scenario()


@pytest.mark.usefixtures("quick")
def test_a_connection_ends_when_it_is_too_old():
    @played
    async def scenario():
        async with ws_house(connection_s=0.3) as house, house.client() as client:
            with pytest.raises(ConnectionClosed) as closed:
                await soon(client.socket.recv())
            assert closed.value.rcvd
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (
                1001,
                "Connection too old",
            )

    scenario()


@played
async def test_a_worker_that_stops_says_so_and_answers_what_is_under_way():
    async with ws_house(rest={"answer_timeout_s": 0.5}) as house, house.client() as client:
        house.house.wire.deaf = True
        first = await client.send("order.place", house.signed(**house.limit()))
        await until(lambda: house.api.door.gateway.pending == 1)
        (one,) = house.state.connections
        one.shutdown()
        await client.send("ping")
        told = await client.hear()
        assert told == {"event": {"e": "serverShutdown", "E": house.house.now_ns // 1_000_000}}
        assert (await client.answer(first))["status"] == 504
        with pytest.raises(ConnectionClosed) as closed:
            await soon(client.socket.recv())
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1001


@played
async def test_a_peer_that_goes_half_way_leaves_nothing_behind():
    async with ws_house() as house:
        _, writer = await house.raw()
        writer.write(masked(Opcode.TEXT, PING)[:7])
        writer.write_eof()
        await until(lambda: not house.state.connections)
        writer.close()


def test_whatever_is_sent_is_answered_and_the_worker_lives():
    dice = random.Random(13)
    words = ["depth", "order.place", "session.logon", "time", "v3/ping", "", "userDataStream.start"]

    def value(depth: int = 0) -> object:
        kinds = [
            None,
            True,
            0,
            -1,
            2**70,
            1.5,
            "BTCUSDT",
            "",
            "x" * 300,
            "1e5",
            "\0",
            "ü",
            dice.choice(words),
        ]
        if depth < 3 and dice.random() < 0.3:
            some = [value(depth + 1) for _ in range(dice.randrange(4))]
            return some if dice.random() < 0.5 else {str(n): one for n, one in enumerate(some)}
        return dice.choice(kinds)

    def message() -> str:
        names = [
            "symbol",
            "limit",
            "apiKey",
            "timestamp",
            "signature",
            "symbols",
            "returnRateLimits",
        ]
        params = {name: value() for name in names if dice.random() < 0.5}
        told = {"id": value(), "method": dice.choice(words), "params": params}
        if dice.random() < 0.2:
            told[dice.choice(list(told))] = value()
        text = json.dumps(told)
        return text[: dice.randrange(len(text))] if dice.random() < 0.1 else text

    @played
    async def scenario():
        async with ws_house() as house, house.client("?returnRateLimits=false") as client:
            for _ in range(600):
                await client.socket.send(message())
                told = await client.hear()
                assert told["status"] in (200, 400, 401), told
                assert ("result" in told) is (told["status"] == 200)
                assert told.get("error", {}).get("code") != -1000, told

    scenario()


def test_bytes_of_any_kind_leave_the_worker_alive():
    dice = random.Random(17)

    @played
    async def scenario():
        async with ws_house() as house:
            for _ in range(60):
                reader, writer = await house.raw()
                for _ in range(dice.randrange(5)):
                    piece = dice.randbytes(dice.randrange(40))
                    opcode = dice.choice((Opcode.TEXT, Opcode.CONT, Opcode.PING, Opcode.CLOSE))
                    framed = dice.random() < 0.5
                    fin = opcode > Opcode.BINARY or dice.random() < 0.7
                    writer.write(masked(opcode, piece, fin=fin) if framed else piece)
                writer.write_eof()
                await rest_of(reader)
                writer.close()
            await _is_served(house)

    scenario()
