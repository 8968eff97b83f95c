"""The client of the WebSocket API benchmark counts what comes back, whole or in pieces."""

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.sync.server import ServerConnection, serve

from benchmarks.ws_load import ask_once, drive_frames, frame_of, open_lines

SHORT = b'{"status":200}'
LONG = b'{"status":200,"rest":"%b"}' % (b"x" * 1000)
HUGE = b'{"status":200,"rest":"%b"}' % (b"x" * 65_500)
BAD = b'{"status":400}'
GOOD = b'"status":200'


def _echo(connection: ServerConnection) -> None:
    for message in connection:
        # Answers of more than 64 KB have a third form of length; requests never have it.
        connection.send(message if len(message) < 2000 else message + message)


@contextmanager
def _echoing(ping_interval: float, ping_timeout: float | None = 20) -> Iterator[int]:
    with serve(
        _echo,
        "127.0.0.1",
        0,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        compression=None,
        max_size=None,
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def port() -> Iterator[int]:
    """An echo that pings every 10 ms."""
    with _echoing(ping_interval=0.01) as port:
        yield port


@pytest.fixture
def impatient() -> Iterator[socket.socket]:
    """A connection to an echo that pings every 0.1 s and gives up a client whose pong it misses for 0.5 s."""
    with _echoing(ping_interval=0.1, ping_timeout=0.5) as port, open_lines(port, "/", 1)[0] as plug:
        yield plug


@pytest.fixture
def plugs(port: int) -> Iterator[list[socket.socket]]:
    opened = open_lines(port, "/", 2)
    yield opened
    for plug in opened:
        plug.close()


@pytest.mark.parametrize("payload", [SHORT, LONG, HUGE], ids=["short", "long", "huge"])
def test_every_answer_is_counted_once(plugs: list[socket.socket], payload: bytes) -> None:
    frames = [iter([frame_of(payload)] * 25) for _ in plugs]
    load = drive_frames(plugs, frames, GOOD, in_flight=4, seconds=30)
    copies = 2 if payload is HUGE else 1
    assert (load.answers, load.good) == (50, 50 * copies)
    assert len(load.latencies_ms) == 50
    assert load.latencies_ms[0] > 0


def test_a_refusal_is_no_good_answer(plugs: list[socket.socket]) -> None:
    frames = [iter([frame_of(SHORT)]), iter([frame_of(BAD), frame_of(BAD)])]
    load = drive_frames(plugs, frames, GOOD, in_flight=1, seconds=30)
    assert (load.answers, load.good) == (3, 1)


def test_it_ends_when_the_time_is_over(plugs: list[socket.socket]) -> None:
    frames = [itertools.repeat(frame_of(SHORT)) for _ in plugs]
    load = drive_frames(plugs, frames, GOOD, in_flight=8, seconds=0.1)
    assert load.seconds >= 0.1
    assert load.good == load.answers > 16


def test_a_single_request_gets_its_answer(plugs: list[socket.socket]) -> None:
    assert ask_once(plugs[0], LONG).endswith(LONG)


def test_a_ping_before_it_is_answered_and_is_not_the_answer() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"\x89\x02hi" + bytes((0x81, len(SHORT))) + SHORT)
        assert ask_once(ours, SHORT) == bytes((0x81, len(SHORT))) + SHORT
        assert theirs.recv(1000) == frame_of(SHORT) + bytes((0x8A, 0x82)) + bytes(4) + b"hi"


def test_a_server_that_waits_for_its_pings_data_stays(impatient: socket.socket) -> None:
    """Without the data in the pong it would close after 0.6 s."""
    load = drive_frames(
        [impatient], [itertools.repeat(frame_of(SHORT))], GOOD, in_flight=1, seconds=1.5
    )
    assert load.good == load.answers > 1
    assert ask_once(impatient, SHORT).endswith(SHORT)
