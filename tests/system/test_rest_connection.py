"""What a connection may send, byte by byte: the worker lives, the answer is the dialect's JSON."""

import hashlib
import hmac
import itertools
import json
import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import psutil
import pytest

from commands.rest_venue import Keys
from ingress.connection import HEAD_LIMIT
from supervision import status
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
PING = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"
TIME = b"GET /api/v3/time HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire:
    """A TCP connection to the REST door."""

    def __init__(self, venue: Exchange) -> None:
        host, _, port = venue.status()["rest"].removeprefix("http://").rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=10)
        self._file = self.socket.makefile("rb")

    def send(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        for piece in pieces:
            self.socket.sendall(piece)
            time.sleep(pause_s)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer: status, headers, body."""
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers = {}
        while (header := self._file.readline().strip()) != b"":
            name, _, value = header.decode().partition(": ")
            headers[name] = value
        return int(line.split()[1]), headers, self._file.read(int(headers["content-length"]))

    def error(self) -> tuple[int, int]:
        """Read one refusal: status and code. It must be JSON."""
        status, headers, body = self.answer()
        assert headers["content-type"] == "application/json"
        return status, json.loads(body)["code"]

    def close(self) -> None:
        """Go away."""
        self._file.close()
        self.socket.close()

    def is_closed(self) -> bool:
        """Whether the server ends the connection."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True


def refusal_of(one: Wire, *pieces: bytes) -> tuple[int, int] | None:
    """Send what is too much and read the refusal; None when the server hung up before it was sent."""
    try:
        one.send(*pieces)
        return one.error()
    except (BrokenPipeError, ConnectionResetError):
        return None


@pytest.fixture
def wire(venue: Exchange) -> Iterator[Callable[[], Wire]]:
    """Opens connections; afterwards the worker must be the one it was before, and answer."""
    workers = worker_pids(venue)
    opened: list[Wire] = []

    def connect() -> Wire:
        opened.append(Wire(venue))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()
    assert is_answering(venue)
    assert worker_pids(venue) == workers


def worker_pids(venue: Exchange) -> list[int]:
    master = psutil.Process(venue.process("ingress")["pid"])
    return sorted(child.pid for child in master.children())


def test_requests_one_after_the_other_share_a_connection(wire):
    one = wire()
    for _ in range(3):
        one.send(PING)
        status, headers, body = one.answer()
        assert (status, body, headers["content-type"]) == (200, b"{}", "application/json")


def test_requests_sent_at_once_are_answered_in_their_order(wire):
    one = wire()
    unknown = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    one.send(TIME + PING + unknown + TIME + PING)
    told = [one.answer() for _ in range(5)]
    assert [status for status, _, _ in told] == [200, 200, 404, 200, 200]
    assert [b"serverTime" in body for _, _, body in told] == [True, False, False, True, False]


def test_a_request_may_come_in_any_pieces(wire):
    one = wire()
    request = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nsymbol=ABCD"
    one.send(*(bytes([byte]) for byte in request))
    assert one.error() == (401, -2014)
    one.send(request[:30], request[30:80], request[80:], pause_s=0.02)
    assert one.error() == (401, -2014)


def test_a_read_takes_its_parameters_from_the_query_string_alone(wire):
    for more in (b"", b"Expect: 100-continue\r\n"):
        one = wire()
        one.send(
            b"GET /api/v3/depth?limit=5 HTTP/1.1\r\nHost: x\r\n" + more,
            b"Content-Length: 14\r\n\r\nsymbol=BTCUSDT",
        )
        if more:
            assert one._file.readline() + one._file.readline() == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert one.error() == (400, -1102)


def test_a_client_of_the_old_protocol_is_answered_and_let_go(wire):
    one = wire()
    one.send(b"GET /api/v3/ping HTTP/1.0\r\n\r\n")
    status, headers, _ = one.answer()
    assert (status, headers["connection"]) == (200, "close")
    assert one.is_closed()


def test_a_client_that_asks_to_close_is_answered_and_let_go(wire):
    one = wire()
    one.send(b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert one.answer()[0] == 200
    assert one.is_closed()


def test_a_client_that_waits_for_leave_to_send_its_body_gets_it(wire):
    one = wire()
    one.send(
        b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
        b"Content-Length: 8\r\n\r\n"
    )
    assert one._file.readline() == b"HTTP/1.1 100 Continue\r\n"
    assert one._file.readline() == b"\r\n"
    one.send(b"symbol=A")
    assert one.error() == (401, -2014)


def test_a_body_in_chunks_is_read(venue, wire):
    keys = venue.demo_keys("alice")
    one = wire()
    query = urlencode({"symbol": "NOSUCH", "timestamp": 1}).encode()
    one.send(
        b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n",
        f"X-MBX-APIKEY: {keys.api_key}\r\n\r\n".encode(),
        b"%x\r\n%s\r\n" % (len(query), query),
        b"0\r\n\r\n",
    )
    assert one.error() == (400, -1021)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\x03\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"HELLO\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /api/v3/ping HTTP/9.9\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /api/v3/ping HTTP/1.1\r\nBad Header\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nx",
        b"POST /api/v3/order HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_bytes_that_are_no_request_are_refused_and_the_connection_ends(wire, sent):
    one = wire()
    one.send(sent)
    assert one.error() == (400, -1000)
    assert one.is_closed()


def test_a_head_above_the_limit_is_refused_however_it_comes(wire):
    long_line = b"GET /api/v3/ping?" + b"a" * HEAD_LIMIT + b" HTTP/1.1\r\n\r\n"
    many_headers = b"GET /api/v3/ping HTTP/1.1\r\n" + b"X-Header: value\r\n" * 4000
    for pieces in (
        [long_line],
        [long_line[:100], long_line[100:]],
        [many_headers],
        [many_headers[start : start + 1000] for start in range(0, len(many_headers), 1000)],
        [b"GET /api/v3/ping HTTP/1.1\r\nX-Endless: "] + [b"x" * 4096] * 9,
    ):
        assert refusal_of(wire(), *pieces) in ((431, -1000), None)
    assert refusal_of(wire(), long_line[: HEAD_LIMIT + 1]) == (431, -1000)


def test_a_body_above_the_limit_is_refused_however_it_comes(wire):
    for size, head in itertools.product(
        (65536 + 1, 1 << 20), (b"Content-Length: %d\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n")
    ):
        one = wire()
        head = head % size if b"%d" in head else head
        body = b"x" * size
        if b"chunked" in head:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, body)
        sent = b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\n" + head + body
        assert refusal_of(one, sent) == (413, -1000)
        assert one.is_closed()


def test_an_upgrade_is_answered_as_if_it_had_not_been_asked_for(wire):
    one = wire()
    one.send(
        b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    assert one.answer()[0] == 200


def test_noise_does_not_stop_a_worker(wire):
    noise = random.Random(20_260_101)
    words = [PING, b"GET ", b"POST /api/v3/order HTTP/1.1\r\n", b"\r\n", b"%", b"&=", b"\xff" * 9]
    for _ in range(200):
        one = wire()
        one.socket.settimeout(2)
        sent = b"".join(
            noise.choice([noise.choice(words), noise.randbytes(noise.randrange(40))])
            for _ in range(noise.randrange(1, 12))
        )
        one.send(sent)
        one.close()


def test_a_client_that_goes_away_in_the_middle_disturbs_nobody(wire):
    for sent in (PING[:10], PING, b"POST /api/v3/order HTTP/1.1\r\nContent-Length: 50\r\n\r\nab"):
        wire().send(sent)


def signed_order(keys: Keys, price: str) -> bytes:
    form = urlencode(
        {
            "symbol": "BTCUSDT",
            "side": "BUY",
            "type": "LIMIT",
            "timeInForce": "GTC",
            "price": price,
            "quantity": "1",
            "timestamp": time.time_ns() // 1_000_000,
        }
    )
    seal = hmac.new(keys.secret.encode(), form.encode(), hashlib.sha256).hexdigest()
    head = f"POST /api/v3/order?{form}&signature={seal} HTTP/1.1\r\nHost: x\r\n"
    return f"{head}X-MBX-APIKEY: {keys.api_key}\r\nContent-Length: 0\r\n\r\n".encode()


def test_a_door_that_is_asked_to_stop_first_answers_what_it_has_taken(venue):
    keys = venue.demo_keys("alice")
    matcher, door = (venue.process(name)["pid"] for name in ("matcher", "ingress"))
    waiting, idle = Wire(venue), Wire(venue)
    os.kill(matcher, signal.SIGSTOP)
    try:
        waiting.send(signed_order(keys, "100.00"))
        idle.send(PING)
        idle.answer()
        venue.until(lambda: has_asked(venue), "the order is on its way", 10)
        os.kill(door, signal.SIGTERM)
        assert idle.is_closed(), "who waits for nothing is let go"
    finally:
        os.kill(matcher, signal.SIGCONT)
    code, headers, body = waiting.answer()
    assert (code, json.loads(body)["status"]) == (200, "NEW")
    assert headers["connection"] == "close"
    assert waiting.is_closed()
    waiting.close()
    idle.close()
    venue.until(lambda: venue.process("ingress")["pid"] not in (0, door), "a new door", 20)
    venue.until(lambda: is_answering(venue), "an answer", 20)


def has_asked(venue: Exchange) -> bool:
    entries = status.read(venue.run)["processes"]
    return any(one["facts"].get("pending", 0) for one in entries if one["name"] == "ingress")


def test_a_worker_that_is_killed_is_replaced_and_nothing_is_lost(venue):
    keys = venue.demo_keys("alice")
    fields: dict[str, Any] = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC"}
    placed = venue.client().signed(
        "POST", "/api/v3/order", keys, **fields, side="BUY", price="100.00", quantity="1"
    )
    [before] = worker_pids(venue)
    os.kill(before, signal.SIGKILL)
    venue.until(lambda: worker_pids(venue) not in ([], [before]), "another worker", 20)
    venue.until(lambda: is_answering(venue), "an answer", 20)
    client = venue.client()
    read = client.signed("GET", "/api/v3/order", keys, symbol="BTCUSDT", orderId=placed["orderId"])
    assert read["status"] == "NEW"
    more = client.signed(
        "POST", "/api/v3/order", keys, **fields, side="BUY", price="101.00", quantity="1"
    )
    assert more["orderId"] > placed["orderId"]


def is_answering(venue: Exchange) -> bool:
    try:
        one = Wire(venue)
    except OSError:
        return False
    try:
        one.send(PING)
        return one.answer()[2] == b"{}"
    except (OSError, AssertionError):
        return False
    finally:
        one.close()
