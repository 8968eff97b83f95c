"""The wire between an edge and the gate: encrypted, and only for keys that are trusted with orders."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.curve import EDGES, CannotListen, Counter, Guard, Keys, Visitor
from runtime.ports import free_port
from runtime.sockets import wait_for_any

PATIENCE_S = 60.0
LIMIT = 100


class Wire:
    """The counter of an exchange, and the folder where hosts have their keys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        Keys(folder / "exchange").make()
        self.keys = Keys(folder / "exchange", EDGES)
        self.place = f"127.0.0.1:{free_port()}"
        self.guard = Guard(self.keys)
        self.counter = Counter(self.keys, self.place, LIMIT)

    def visitor(self, name: str) -> tuple[Visitor, str]:
        """A host that comes, and its public key."""
        keys = Keys(self.folder / name)
        public = keys.make()
        return Visitor(keys, [(self.keys.own()[0].decode(), self.place)], LIMIT), public

    def close(self) -> None:
        self.counter.close()
        self.guard.close()


@pytest.fixture
def wire(tmp_path: Path) -> Iterator[Wire]:
    found = Wire(tmp_path)
    yield found
    found.close()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_frames_go_both_ways_once_the_key_is_trusted_with_orders(wire: Wire) -> None:
    visitor, public = wire.visitor("edge")
    other, other_public = wire.visitor("mirror")
    # Who may take the market may not therefore hand in orders.
    Keys(wire.folder / "exchange").trust("mirror", other_public)
    assert not visitor.send(b"nobody is there for one who is not trusted")
    wire.keys.trust("edge", public)
    visitor.come_again()
    other.come_again()
    until(lambda: visitor.send(b"asked"))
    wait_for_any(int(PATIENCE_S * 1000), wire.counter, visitor)
    ((peer, asked),) = wire.counter.drain(LIMIT)
    assert asked == b"asked"
    assert wire.counter.send(peer, b"told")
    assert visitor.wait(int(PATIENCE_S * 1000))
    assert list(visitor.drain(LIMIT)) == [b"told"]
    assert not other.send(b"not even by now")
    assert list(wire.counter.drain(LIMIT)) == []
    for one in (visitor, other):
        one.close()
    until(lambda: not wire.counter.send(peer, b"it has gone"))


def test_a_place_that_is_taken_is_refused_by_name(wire: Wire) -> None:
    with pytest.raises(CannotListen, match=wire.place):
        Counter(wire.keys, wire.place, LIMIT)
