"""A WebSocket client that costs little: prepared frames over a few connections, many under way on each.

Every connection keeps `in_flight` requests under way: for each answer the next request goes. Frames were made, masked and
signed beforehand (with a mask of zeros, which is a mask like any other); of an answer only its length is
read, and whether it holds what a good answer holds.
"""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from itertools import islice

from benchmarks.rest_load import Load
from benchmarks.ws_clients import connected

_READ = 1 << 18
_TEXT = 0x81
_PING = 0x89
_PONG = 0x8A
_MASKED = 0x80
_NO_MASK = bytes(4)


def frame_of(payload: bytes) -> bytes:
    """Return a client's whole text frame (RFC 6455 section 5.2)."""
    size = len(payload)
    assert size < 1 << 16
    if size < 126:
        return bytes((_TEXT, _MASKED | size)) + _NO_MASK + payload
    return struct.pack("!BBH", _TEXT, _MASKED | 126, size) + _NO_MASK + payload


def _pong_of(ping: bytes) -> bytes:
    """Return the answer to the server's whole ping: its data again, at most 125 bytes (section 5.5).

    A pong without the data answers no ping: the server would take the client for dead and close.
    """
    return bytes((_PONG, _MASKED | ping[1])) + _NO_MASK + ping[2:]


class _Line:
    """One connection: when its requests under way were sent, and the answers that are arriving."""

    def __init__(self, plug: socket.socket, frames: Iterator[bytes]) -> None:
        plug.setblocking(True)
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.plug = plug
        self.sent_s: deque[float] = deque()
        self._frames = frames
        self._rest = b""

    def ask(self, count: int) -> int:
        """Send the next frames; return how many there were."""
        frames = list(islice(self._frames, count))
        if frames:
            self.plug.sendall(b"".join(frames))
            self.sent_s.extend([time.perf_counter()] * len(frames))
        return len(frames)

    def read(self, good: bytes) -> tuple[int, int]:
        """Return how many answers came whole, and how many of them are good."""
        part = self.plug.recv(_READ)
        if not part:
            raise ConnectionError("the server closed the connection")
        data = self._rest + part if self._rest else part
        place = answers = 0
        while True:
            end = _end_of_frame(data, place)
            if end == 0:
                break
            if data[place] == _PING:
                self.plug.sendall(_pong_of(data[place:end]))
            else:
                answers += 1
            place = end
        self._rest = data[place:]
        return answers, data.count(good, 0, place)


def _end_of_frame(data: bytes, place: int) -> int:
    """Return where the server's frame that begins at `place` ends; 0: some of it is missing."""
    if len(data) < place + 4:
        return 0
    size = data[place + 1]
    head = 2
    if size == 126:
        size, head = int.from_bytes(data[place + 2 : place + 4], "big"), 4
    elif size == 127:
        size, head = int.from_bytes(data[place + 2 : place + 10], "big"), 10
    end = place + head + size
    return end if end <= len(data) else 0


def ask_once(plug: socket.socket, payload: bytes) -> bytes:
    """Send one request on a connection without others under way; return its answer's bytes."""
    plug.setblocking(True)
    plug.sendall(frame_of(payload))
    heard = b""
    while True:
        while not (end := _end_of_frame(heard, 0)):
            heard += plug.recv(_READ)
        if heard[0] != _PING:
            return heard[:end]
        plug.sendall(_pong_of(heard[:end]))
        heard = heard[end:]


def drive_frames(
    plugs: list[socket.socket],
    frames: list[Iterator[bytes]],
    good: bytes,
    *,
    in_flight: int,
    seconds: float,
) -> Load:
    """Send each plug's frames for so long, or until there are no more, and read every answer; the plugs stay open.

    `good` stands once in every good answer and in no other. Latencies are in the order of sending: an
    answer that overtakes another swaps places with it.
    """
    lines = {plug.fileno(): _Line(plug, its) for plug, its in zip(plugs, frames, strict=True)}
    poll = select.epoll()
    latencies: list[float] = []
    succeeded = 0
    started = time.perf_counter()
    for number, line in lines.items():
        poll.register(number, select.EPOLLIN)
        line.ask(in_flight)
    waiting = sum(len(line.sent_s) for line in lines.values())
    while waiting:
        for number, _ in poll.poll():
            line = lines[number]
            answers, good_ones = line.read(good)
            now = time.perf_counter()
            succeeded += good_ones
            latencies += [(now - line.sent_s.popleft()) * 1e3 for _ in range(answers)]
            waiting += (0 if now >= started + seconds else line.ask(answers)) - answers
    took = time.perf_counter() - started
    poll.close()
    return Load(len(latencies), succeeded, took, sorted(latencies))


def open_lines(port: int, path: str, count: int) -> list[socket.socket]:
    """Open so many connections."""
    return [connected(port, path=path) for _ in range(count)]
