"""Whatever bytes a client sends: its own connection may end, and nobody else notices."""

import asyncio
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from broadcaster.connection import MESSAGE_LIMIT
from tests.stream_house import (
    UPGRADE,
    StreamHouse,
    hear,
    masked,
    played,
    rest_of,
    soon,
    stream_house,
    until,
)

LIST = b'{"method":"LIST_SUBSCRIPTIONS","id":1}'
ANSWER = b'{"result":[],"id":1}'


def _close_of(heard: bytes) -> int:
    """Return the code of the close frame at the start of what was heard."""
    assert heard[0] == 0x80 | Opcode.CLOSE, heard
    return struct.unpack("!H", heard[2:4])[0]


async def _trade_is_heard(house: StreamHouse) -> None:
    async with house.client("/ws/btcusdt@trade") as other:
        house.trade()
        assert (await hear(other))["e"] == "trade"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(Frame(Opcode.TEXT, LIST).serialize(mask=False), 1002, id="not masked"),
        pytest.param(bytes((0x81 | 0x40, 0x80, 0, 0, 0, 0)), 1002, id="reserved bit"),
        pytest.param(bytes((0x83, 0x80, 0, 0, 0, 0)), 1002, id="unknown opcode"),
        pytest.param(bytes((0x89, 0xFE, 0, 200)) + bytes(204), 1002, id="long ping"),
        pytest.param(bytes((0x09, 0x80, 0, 0, 0, 0)), 1002, id="fragmented ping"),
        pytest.param(masked(Opcode.CONT, LIST), 1002, id="continuation of nothing"),
        pytest.param(
            masked(Opcode.TEXT, b"{", fin=False) + masked(Opcode.TEXT, b"}"),
            1002,
            id="message within a message",
        ),
        pytest.param(masked(Opcode.CLOSE, b"\x00"), 1002, id="half a close code"),
        pytest.param(masked(Opcode.BINARY, LIST), 1003, id="binary"),
        pytest.param(masked(Opcode.TEXT, b"\xff\xfe"), 1007, id="not UTF-8"),
        pytest.param(
            masked(Opcode.TEXT, b"\xf0\x9f", fin=False) + masked(Opcode.CONT, b"\x98"),
            1007,
            id="not UTF-8 in pieces",
        ),
        pytest.param(bytes((0x81, 0xFF)) + struct.pack("!Q", 1 << 62), 1009, id="announced size"),
        pytest.param(
            masked(Opcode.TEXT, b" " * MESSAGE_LIMIT, fin=False) + masked(Opcode.CONT, b" "),
            1009,
            id="size in pieces",
        ),
    ],
)
def test_who_breaks_the_protocol_is_told_the_code_and_disconnected(data, code):
    @played
    async def scenario():
        async with stream_house() as house, house.client("/ws/btcusdt@trade") as other:
            reader, writer = await house.raw()
            writer.write(data)
            assert _close_of(await rest_of(reader)) == code
            writer.close()
            await until(lambda: house.server.connections == 1)
            house.trade()
            assert (await hear(other))["e"] == "trade"

    scenario()


@played
async def test_a_message_in_pieces_is_one_message():
    async with stream_house() as house:
        reader, writer = await house.raw()
        writer.write(masked(Opcode.TEXT, LIST[:5], fin=False))
        writer.write(masked(Opcode.PING, b"between"))
        writer.write(masked(Opcode.CONT, LIST[5:10], fin=False))
        writer.write(masked(Opcode.CONT, LIST[10:]))
        answer = Frame(Opcode.TEXT, ANSWER).serialize(mask=False)
        pong = Frame(Opcode.PONG, b"between").serialize(mask=False)
        heard = await soon(reader.readexactly(len(answer) + len(pong)))
        assert heard in (answer + pong, pong + answer)
        writer.close()


@played
async def test_a_message_one_byte_at_a_time_is_one_message():
    async with stream_house() as house:
        reader, writer = await house.raw()
        for byte in masked(Opcode.TEXT, LIST):
            writer.write(bytes((byte,)))
            await writer.drain()
            await asyncio.sleep(0)
        expected = Frame(Opcode.TEXT, ANSWER).serialize(mask=False)
        assert await soon(reader.readexactly(len(expected))) == expected
        writer.close()


@played
async def test_the_largest_message_is_read():
    async with stream_house() as house:
        reader, writer = await house.raw()
        writer.write(masked(Opcode.TEXT, LIST + b" " * (MESSAGE_LIMIT - len(LIST))))
        expected = Frame(Opcode.TEXT, ANSWER).serialize(mask=False)
        assert await soon(reader.readexactly(len(expected))) == expected
        writer.close()


@played
async def test_a_request_may_come_with_the_handshake():
    async with stream_house() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
        writer.write(UPGRADE.format(path="/ws").encode() + masked(Opcode.TEXT, LIST))
        await soon(reader.readuntil(b"\r\n\r\n"))
        expected = Frame(Opcode.TEXT, ANSWER).serialize(mask=False)
        assert await soon(reader.readexactly(len(expected))) == expected
        writer.close()


@pytest.mark.parametrize(
    "opening",
    [
        pytest.param(b"\x00\xff\r\n\r\n", id="not HTTP"),
        pytest.param(b"POST /ws HTTP/1.1\r\nHost: x\r\n\r\n", id="POST"),
        pytest.param(b"GET /ws HTTP/1.0\r\nHost: x\r\n\r\n", id="HTTP 1.0"),
        pytest.param(b"GET /ws HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", id="many headers"),
        pytest.param(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", id="long address"),
        pytest.param(b"a" * 100_000, id="no line"),
        pytest.param(
            UPGRADE.format(path="/ws").replace("dGhlIHNhbXBsZSBub25jZQ==", "short").encode(),
            id="wrong key",
        ),
        pytest.param(
            UPGRADE.format(path="/ws").replace("Version: 13", "Version: 12").encode(),
            id="wrong version",
        ),
        pytest.param(UPGRADE.format(path="/ws/\xff").encode("latin-1"), id="path not ASCII"),
        pytest.param(
            UPGRADE.format(path="/ws").encode() + Frame(Opcode.TEXT, b"x").serialize(mask=False),
            id="wrong frame with the handshake",
        ),
        pytest.param(
            UPGRADE.format(path="/ws").encode() + masked(Opcode.CLOSE, b""),
            id="close with the handshake",
        ),
    ],
)
def test_a_wrong_handshake_ends_the_connection(opening):
    @played
    async def scenario():
        async with stream_house() as house:
            reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
            writer.write(opening)
            heard = await rest_of(reader)
            assert b" 101 " not in heard
            writer.close()
            await until(lambda: house.server.connections == 0)
            await _trade_is_heard(house)

    scenario()


@played
async def test_who_vanishes_in_mid_message_leaves_no_trace():
    async with stream_house() as house:
        for cut in (1, 3, 7):
            _, writer = await house.raw("/ws/btcusdt@trade")
            writer.write(masked(Opcode.TEXT, LIST)[:cut])
            await writer.drain()
            writer.transport.abort()
        await until(lambda: house.server.connections == 0)
        assert "btcusdt@trade" not in house.server.channels
        await _trade_is_heard(house)


@played
async def test_many_frames_in_one_read_do_not_hold_the_others_up():
    async with stream_house() as house, house.client("/ws/btcusdt@trade") as other:
        reader, writer = await house.raw()
        writer.write(masked(Opcode.PING, b"") * 50_000)
        house.trade()
        assert (await hear(other))["e"] == "trade"
        heard = await rest_of(reader)
        # One slice of what was read is parsed before the limit is looked at, not all of it.
        assert heard.count(bytes((0x80 | Opcode.PONG, 0))) < 1000
        writer.close()


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=4), st.booleans())
def test_no_bytes_stop_the_server(pieces, open_first):
    @played
    async def scenario():
        async with stream_house() as house:
            if open_first:
                reader, writer = await house.raw("/stream?streams=btcusdt@trade")
            else:
                reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0)
            writer.write_eof()
            await rest_of(reader)
            writer.close()
            await until(lambda: house.server.connections == 0)
            await _trade_is_heard(house)

    scenario()
