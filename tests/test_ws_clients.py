"""What the stream benchmarks know of their clients: what they have not read, and that they are still there."""

import os
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from benchmarks.ws_clients import cpu_seconds, on_last_core, unread

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """A connection's two ends."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        ours = socket.create_connection(door.getsockname())
        theirs, _ = door.accept()
    with ours, theirs:
        yield ours, theirs


def test_what_was_not_read_is_counted(pair: Pair) -> None:
    ours, theirs = pair
    assert unread(ours) == 0
    theirs.sendall(b"x" * 1000)
    theirs.shutdown(socket.SHUT_WR)
    ours.recv(1000, socket.MSG_PEEK | socket.MSG_WAITALL)
    assert unread(ours) == 1000
    ours.recv(400)
    assert unread(ours) == 600


def test_who_was_dropped_is_not_just_behind(pair: Pair) -> None:
    ours, theirs = pair
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    with pytest.raises(OSError, match="reset"):
        unread(ours)


def test_the_clients_have_the_last_core_and_give_it_back() -> None:
    before = os.sched_getaffinity(0)
    with on_last_core():
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before


def test_the_time_on_a_core_is_that_of_the_process() -> None:
    begun, ends = cpu_seconds(os.getpid()), time.process_time() + 0.1
    while time.process_time() < ends:
        pass
    assert 0.05 < cpu_seconds(os.getpid()) - begun < 10
