"""Bytes that no client should send, at every public door: the sender's connection may end, nobody else notices."""

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

Door = tuple[str, int]
_KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
_TLS = bytes.fromhex("16030100a5010000a10303") + bytes(160)
_FRAMES = (
    b"\x81\x05hello",  # not masked
    b"\xc1\x80\0\0\0\0",  # a reserved bit
    b"\x83\x80\0\0\0\0",  # an unknown opcode
    b"\x89\xfe\x00\xc8" + bytes(204),  # a ping that is too long
    b"\x09\x80\0\0\0\0",  # a ping in pieces
    b"\x80\x81\0\0\0\0x",  # the rest of nothing
    b"\x88\x81\0\0\0\0\x00",  # half a close code
    b"\x81\x82\0\0\0\0\xff\xfe",  # no UTF-8
    b"\x81\xff" + struct.pack("!Q", 1 << 62),  # four exabytes to come
    b"\x81\x81\0\0\0\0{",  # no JSON
    b"\x81\x8d\0\0\0\0" + b'{"id":{},"x"}',
    b"\x81\xfe\xff\xff\0\0\0\0" + b"[" * 65535,
)


def upgrade(door: Door, path: str) -> bytes:
    """Ask for a WebSocket connection."""
    head = f"GET {path} HTTP/1.1\r\nHost: {door[0]}:{door[1]}\r\n"
    return f"{head}Connection: Upgrade\r\nUpgrade: websocket\r\n{_KEY}\r\n".encode()


def http_nonsense(dice: random.Random) -> Iterator[bytes]:
    """Yield what a REST door should not be sent."""
    post = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\n"
    yield dice.randbytes(dice.randint(1, 5000))
    yield _TLS
    yield b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n"  # and nothing more
    yield b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n"
    yield b"GET /api/v3/ping HTTP/1.1\r\n" + b"X: " + b"y" * 200_000 + b"\r\n\r\n"
    yield post + b"Content-Length: 99999999999999999999\r\n\r\nx"
    yield post + b"Content-Length: -5\r\n\r\nx"
    yield post + b"Content-Length: 10\r\n\r\nab"  # the rest never comes
    yield post + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nab"
    yield post + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"
    yield b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield b"GET /api/v3/depth?symbol=%ff%00%zz&limit=1e999 HTTP/1.1\r\nHost: x\r\n\r\n"
    yield b"\x00" * 10_000


def frame_nonsense(dice: random.Random, door: Door, path: str) -> Iterator[bytes]:
    """Yield what a WebSocket should not be sent, each after a right handshake."""
    hello = upgrade(door, path)
    yield from (hello + frame for frame in _FRAMES)
    yield hello + dice.randbytes(dice.randint(1, 5000))
    yield hello[:-2] + dice.randbytes(50)


def send_all(door: Door, several: Iterator[bytes]) -> int:
    """Send each over a connection of its own, hear a little, hang up; return how many that were.

    One in three hangs up at once, as who has died does.
    """
    count = 0
    for count, content in enumerate(several, 1):
        with suppress(OSError), socket.create_connection(door, timeout=1.0) as wire:
            wire.sendall(content)
            wire.settimeout(0.05)
            if count % 3:
                wire.recv(4096)
            else:
                wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return count
