"""The limits of a stream connection, and what happens at each (API section 11)."""

import asyncio
import json
import socket

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from broadcaster.server import SPARE_CONNECTIONS
from protocol.terms import Side
from tests.market_events import FIRST_TRADE_ID
from tests.stream_house import StreamHouse, ask, hear, played, soon, stream_house, until

SMALL = {"send_buffer_bytes": 4096, "backlog_bytes": 16384}


async def _closed(client) -> tuple[int, str]:
    with pytest.raises(ConnectionClosed) as closed:
        while True:
            await soon(client.recv())
    return closed.value.rcvd.code, closed.value.rcvd.reason


class LazyReader:
    """A client that reads only when it is told to."""

    def __init__(self, plug: socket.socket) -> None:
        self.plug = plug
        self.frames = StreamReader()

    @classmethod
    async def open(cls, house: StreamHouse, path: str) -> "LazyReader":
        plug = socket.socket()
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plug.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(plug, ("127.0.0.1", house.server.port))
        request = (
            f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await loop.sock_sendall(plug, request.encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await soon(loop.sock_recv(plug, 1))
        return cls(plug)

    async def read(self) -> Frame | None:
        """Return the next frame, None at the end of the stream."""
        parser = Frame.parse(self.frames.read_exact, mask=False)
        while True:
            try:
                next(parser)
            except StopIteration as parsed:
                return parsed.value
            try:
                data = await soon(asyncio.get_running_loop().sock_recv(self.plug, 65536))
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.frames.feed_data(data)


def _lagging(house: StreamHouse) -> list[bool]:
    return [connection.lagging for connection in house.server._connections]


@played
async def test_a_slow_reader_is_left_out_told_the_state_and_nobody_else_notices():
    path = "/ws/btcusdt@trade/btcusdt@bookTicker"
    async with stream_house(**SMALL) as house, house.client(path) as other:
        await hear(other)
        slow = await LazyReader.open(house, path)
        await slow.read()
        sent, heard = 0, []
        while not any(_lagging(house)):
            for _ in range(20):
                house.trade()
            sent += 20
            while len(heard) < sent:
                told = await hear(other)
                if "t" in told:
                    heard.append(told["t"])
        for _ in range(50):
            house.trade()
            while "t" not in (told := await hear(other)):
                pass
            heard.append(told["t"])
        assert heard == list(range(FIRST_TRADE_ID, FIRST_TRADE_ID + sent + 50))
        with house.market.command():
            house.market.level(Side.BUY, 77, 7)
        house.send()
        last = house.market.update_ids[0]
        trades, state = [], None
        while state is None or state["u"] < last:
            frame = await slow.read()
            assert frame is not None
            told = json.loads(frame.data)
            if "t" in told:
                trades.append(told["t"])
            else:
                state = told
        assert state["b"] == "0.77000000"
        assert len(trades) < len(heard)
        assert trades == heard[: len(trades)]
        await until(lambda: not any(_lagging(house)))
        house.trade()
        while "t" not in (told := json.loads((await slow.read()).data)):
            pass
        assert told["t"] == heard[-1] + 1
        slow.plug.close()


def test_who_stays_behind_is_disconnected(monkeypatch):
    monkeypatch.setattr("runtime.websocket.CLOSE_S", 0.2)
    path = "/ws/btcusdt@trade"

    @played
    async def scenario():
        async with (
            stream_house(**SMALL, slow_reader_s=0.2) as house,
            house.client(path) as other,
        ):
            slow = await LazyReader.open(house, path)
            sent = 0
            while house.server.connections == 2:
                for _ in range(20):
                    house.trade()
                    sent += 1
                for _ in range(20):
                    await hear(other)
            assert sent > 20
            assert await ask(other, "GET_PROPERTY", "combined") == {"result": False, "id": 1}
            while await slow.read() is not None:
                pass
            slow.plug.close()

    scenario()


@played
async def test_who_stays_behind_and_reads_again_is_told_why_it_is_disconnected():
    async with stream_house(**SMALL, slow_reader_s=0.2) as house:
        slow = await LazyReader.open(house, "/ws/btcusdt@trade")
        while not any(_lagging(house)):
            house.trade()
            await asyncio.sleep(0)
        (connection,) = house.server._connections
        await until(lambda: not connection.is_open)
        while (frame := await slow.read()).opcode is not Opcode.CLOSE:
            pass
        assert bytes(frame.data[2:]) == b"Reading too slowly"
        slow.plug.close()


@played
async def test_a_slow_reader_that_asks_for_more_is_disconnected():
    async with stream_house(**SMALL) as house:
        slow = await LazyReader.open(house, "/ws/btcusdt@trade")
        while not any(_lagging(house)):
            house.trade()
            await asyncio.sleep(0)
        text = b'{"method":"LIST_SUBSCRIPTIONS","id":1}'
        slow.plug.send(Frame(Opcode.TEXT, text).serialize(mask=True))
        (connection,) = house.server._connections
        await until(lambda: not connection.is_open)
        slow.plug.close()


@played
async def test_a_connection_listens_to_so_many_streams_and_no_more():
    async with stream_house() as house, house.client("/ws") as client:
        names = [f"s{number}@trade" for number in range(1024)]
        assert (await ask(client, "SUBSCRIBE", *names))["result"] is None
        refusal = await ask(client, "SUBSCRIBE", "s0@trade", "one@more")
        assert refusal["code"] == 2
        assert "1024" in refusal["msg"]
        assert (await ask(client, "SUBSCRIBE", "s0@trade"))["result"] is None
        await ask(client, "UNSUBSCRIBE", "s0@trade")
        assert (await ask(client, "SUBSCRIBE", "one@more"))["result"] is None
        assert len((await ask(client, "LIST_SUBSCRIPTIONS"))["result"]) == 1024


@played
async def test_an_address_may_name_as_many_streams_as_are_allowed():
    names = [f"symbol{number}usdt@depth@100ms" for number in range(1025)]
    async with stream_house() as house:
        async with house.client(f"/stream?streams={'/'.join(names[:1024])}") as client:
            assert len((await ask(client, "LIST_SUBSCRIPTIONS"))["result"]) == 1024
        with pytest.raises(InvalidStatus) as refused:
            async with house.client(f"/stream?streams={'/'.join(names)}"):
                pass
        assert refused.value.response.status_code == 400


@pytest.mark.parametrize("kind", ["text", "ping", "pong"])
def test_who_sends_too_many_frames_in_a_second_is_disconnected(kind):
    @played
    async def scenario():
        async with stream_house(messages_limit=5) as house, house.client("/ws") as client:
            for _ in range(12):
                if kind == "text":
                    await client.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
                elif kind == "ping":
                    await client.ping()
                else:
                    await client.pong()
            assert await _closed(client) == (1008, "Too many requests")

    scenario()


@played
async def test_who_keeps_to_the_limit_stays_connected():
    async with stream_house(messages_limit=4) as house, house.client("/ws") as client:
        for _ in range(2):
            for _ in range(3):
                await ask(client, "LIST_SUBSCRIPTIONS")
            await asyncio.sleep(1.01)
        assert (await ask(client, "LIST_SUBSCRIPTIONS"))["result"] == []


@played
async def test_everybody_is_pinged_and_who_does_not_answer_is_disconnected():
    async with stream_house(ping_interval_s=1, pong_timeout_s=2) as house:
        reader, writer = await house.raw()
        async with house.client("/ws") as client:
            heard = await soon(reader.read())
            assert heard[:1] == bytes((0x80 | Opcode.PING,))
            assert heard.endswith(b"Pong timeout")
            writer.close()
            assert (await ask(client, "LIST_SUBSCRIPTIONS"))["result"] == []


@played
async def test_a_connection_ends_when_it_is_too_old():
    async with stream_house(connection_s=1) as house, house.client("/ws") as client:
        assert await _closed(client) == (1001, "Connection too old")


def test_a_socket_without_a_handshake_is_given_up(monkeypatch):
    monkeypatch.setattr("runtime.websocket.HANDSHAKE_S", 0.1)

    @played
    async def scenario():
        async with stream_house() as house:
            reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
            writer.write(b"GET /ws HTTP/1.1\r\n")
            assert await soon(reader.read()) == b""
            writer.close()

    scenario()


@played
async def test_one_connection_beyond_the_limit_is_refused():
    async with (
        stream_house(max_connections=1) as house,
        house.client("/ws/btcusdt@trade") as first,
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with house.client("/ws"):
                pass
        assert refused.value.response.status_code == 503
        assert b"1 connections are open" in refused.value.response.body
        house.trade()
        assert (await hear(first))["e"] == "trade"
    async with stream_house(max_connections=1) as house:
        for _ in range(3):
            async with house.client("/ws"):
                pass
            await until(lambda: house.server.connections == 0)


@played
async def test_sockets_far_beyond_the_limit_are_just_closed():
    async with stream_house(max_connections=1) as house:
        opened = [
            await asyncio.open_connection("127.0.0.1", house.server.port)
            for _ in range(SPARE_CONNECTIONS + 3)
        ]
        await until(lambda: house.server.connections <= 1 + SPARE_CONNECTIONS)
        for _, writer in opened:
            writer.close()


@played
async def test_an_address_that_connects_too_often_is_refused():
    async with stream_house(connects_limit=2) as house:
        for _ in range(2):
            async with house.client("/ws"):
                pass
        with pytest.raises(InvalidStatus) as refused:
            async with house.client("/ws"):
                pass
        assert refused.value.response.status_code == 503
        assert b"more than 2 connections" in refused.value.response.body


@played
async def test_clients_of_a_proxy_are_counted_each_for_itself():
    async with stream_house(connects_limit=2, proxies="127.0.0.1") as house:
        for told, comes in (("192.0.2.7", 2), ("192.0.2.8", 2)):
            headers = {"X-Forwarded-For": told}
            for _ in range(comes):
                async with house.client("/ws", additional_headers=headers):
                    pass
            with pytest.raises(InvalidStatus) as refused:
                async with house.client("/ws", additional_headers=headers):
                    pass
            assert f"{told} opened more than 2 connections" in refused.value.response.body.decode()


@played
async def test_what_a_stranger_says_of_others_is_not_believed():
    async with stream_house(connects_limit=1, proxies="192.0.2.1") as house:
        async with house.client("/ws", additional_headers={"X-Forwarded-For": "192.0.2.7"}):
            pass
        with pytest.raises(InvalidStatus):
            async with house.client("/ws", additional_headers={"X-Forwarded-For": "192.0.2.8"}):
                pass
