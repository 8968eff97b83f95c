"""An HTTP client that costs little: prepared requests over a few kept-alive connections.

Each connection has one request in flight. Closed loop (`drive`): the next request goes when the answer is there.
Open loop (`drive_open`): requests go by the clock, and a latency counts from when its request was due, not from
when a connection was free for it: a server that stands still is charged for all who waited. Requests are bytes that were made (and signed) beforehand;
of an answer only the status and the length are read. On a core of its own it asks several times faster
than one worker answers, so it is not what is measured.
"""

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "
_READ = 65536


@dataclass(frozen=True)
class Load:
    """What a run saw: answers, those with status 200, seconds, and the sorted latencies in ms."""

    answers: int
    good: int
    seconds: float
    latencies_ms: list[float]

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return self.good / self.seconds

    def percentile(self, share: float) -> float:
        """Return the latency that `share` of the answers did not exceed, in ms."""
        last = len(self.latencies_ms) - 1
        return self.latencies_ms[min(last, int(share * len(self.latencies_ms)))]


class _Connection:
    """One connection and the answer that is arriving on it."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent_at = 0.0
        self.received = b""

    def ask(self, request: bytes) -> None:
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def read(self) -> bytes | None:
        """Return the whole answer, or None while some of it is missing."""
        part = self.socket.recv(_READ)
        if not part:
            raise ConnectionError("the server closed the connection")
        answer = self.received = self.received + part if self.received else part
        end = answer.find(_HEAD_END)
        if end < 0:
            return None
        place = answer.find(_LENGTH) + len(_LENGTH)
        length = int(answer[place : answer.find(b"\r", place)])
        if len(answer) < end + len(_HEAD_END) + length:
            return None
        self.received = b""
        return answer


def drive(
    host: str, port: int, requests: Iterator[bytes], *, connections: int, seconds: float
) -> Load:
    """Send requests for so long, or until there are no more, and read every answer."""
    open_ones = [_Connection(host, port) for _ in range(connections)]
    by_number = {one.socket.fileno(): one for one in open_ones}
    poll = select.epoll()
    good = in_flight = 0
    latencies: list[float] = []
    started = time.perf_counter()
    deadline = started + seconds
    for one in open_ones:
        poll.register(one.socket.fileno(), select.EPOLLIN)
        if (request := next(requests, None)) is not None:
            one.ask(request)
            in_flight += 1
    while in_flight:
        for number, _ in poll.poll():
            one = by_number[number]
            answer = one.read()
            if answer is None:
                continue
            now = time.perf_counter()
            latencies.append((now - one.sent_at) * 1e3)
            good += answer.startswith(b"HTTP/1.1 200")
            request = next(requests, None) if now < deadline else None
            if request is None:
                in_flight -= 1
            else:
                one.ask(request)
    took = time.perf_counter() - started
    poll.close()
    for one in open_ones:
        one.socket.close()
    return Load(len(latencies), good, took, sorted(latencies))


def drive_open(
    host: str,
    port: int,
    requests: Iterator[bytes],
    *,
    connections: int,
    rate: float,
    seconds: float,
) -> Load:
    """Send `rate` requests a second for so long, whatever the answers do, and read every answer."""
    by_number = {
        one.socket.fileno(): one for one in (_Connection(host, port) for _ in range(connections))
    }
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    free = list(by_number.values())
    due_at: dict[_Connection, float] = {}
    latencies: list[float] = []
    good = sent = 0
    total = int(rate * seconds)
    started = time.perf_counter()
    while len(latencies) < total:
        now = time.perf_counter()
        due = min(total, int((now - started) * rate) + 1)
        while free and sent < due:
            one = free.pop()
            due_at[one] = started + sent / rate
            one.ask(next(requests))
            sent += 1
        # Until the next one is due, but no longer than needed to be punctual.
        pause = max(0.0, started + sent / rate - time.perf_counter()) if sent < total else 1.0
        for number, _ in poll.poll(pause if free else 1.0):
            one = by_number[number]
            answer = one.read()
            if answer is None:
                continue
            latencies.append((time.perf_counter() - due_at[one]) * 1e3)
            good += answer.startswith(b"HTTP/1.1 200")
            free.append(one)
    took = time.perf_counter() - started
    poll.close()
    for one in by_number.values():
        one.socket.close()
    return Load(len(latencies), good, took, sorted(latencies))
