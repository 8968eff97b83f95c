"""The market between hosts over ZeroMQ with keys: what is sent arrives, and nobody unknown hears anything."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
from zmq.utils.monitor import recv_monitor_message

from protocol.layout import Rows, rows_of
from protocol.records import Event
from runtime import curve
from runtime.curve import CannotListen, Keys, NoKeys, ask, is_key
from runtime.market_bus import Frame, Listings, State, frame_of
from runtime.market_wire import MarketDoor, MarketLink, Unreachable, next_port, place_of
from runtime.ports import free_port

STATUS = rows_of(Event, 0)


def a_state() -> State:
    return State(1, b"status", 17, Listings(b"a", b"i", b"t"), 256, 100, [], [])


@pytest.fixture
def place() -> str:
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
def door_keys(tmp_path: Path) -> Keys:
    keys = Keys(tmp_path / "exchange")
    keys.make()
    return keys


@pytest.fixture
def door(door_keys: Keys, place: str) -> Iterator[MarketDoor]:
    one = MarketDoor(door_keys, place, 600)
    yield one
    one.close()


def host(tmp_path: Path, name: str = "edge") -> Keys:
    keys = Keys(tmp_path / name)
    keys.make()
    return keys


def public(keys: Keys) -> str:
    return keys.own()[0].decode()


def frame(last: int, count: int = 1) -> Frame:
    rows: Rows = rows_of(Event, count)
    rows["event_seq"] = range(last - count + 1, last + 1)
    return frame_of(STATUS, rows, last)


def pumped(door: MarketDoor, link: MarketLink, what: str, *arguments: object) -> object:
    """Ask the link something while the door serves, as its process does."""
    found: list[object] = []

    def body() -> None:
        try:
            told = getattr(link, what)(*arguments)
            found.append(told if told is None or not isinstance(told, Iterator) else list(told))
        except Exception as error:  # noqa: BLE001 - raised in the test
            found.append(error)

    asking = threading.Thread(target=body)
    asking.start()
    while asking.is_alive():
        door.answer()
        door.send([frame_of(STATUS, rows_of(Event, 0), 0)])
        asking.join(0.01)
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def test_frames_come_to_who_listens_and_stay_for_who_asks_later(door, door_keys, place, tmp_path):
    edge = host(tmp_path)
    door_keys.trust("edge", public(edge))
    link = MarketLink(edge, public(door_keys), place)
    pumped(door, link, "listen")
    door.send([frame(last) for last in range(1, 701)])
    heard = [one.last for one in iter(lambda: link.heard(2.0), None) if one.events]
    assert heard == list(range(1, 701))
    # Six hundred are kept; they are asked for in pages.
    assert [one.last for one in pumped(door, link, "since", 200)] == list(range(200, 701))
    assert [one.last for one in pumped(door, link, "since", 1)] == list(range(101, 701))
    assert pumped(door, link, "since", 701) == []
    assert door.newest() == 700
    door.forget()
    assert (door.newest(), pumped(door, link, "state")) == (0, None)
    link.close()


def test_the_whole_market_is_had_as_it_was_kept(door, door_keys, place, tmp_path):
    edge = host(tmp_path)
    door_keys.trust("edge", public(edge))
    link = MarketLink(edge, public(door_keys), place)
    assert pumped(door, link, "state") is None
    door.keep(a_state())
    assert pumped(door, link, "state") == a_state()


def test_a_key_that_is_not_trusted_hears_nothing_and_is_answered_nothing(
    door, door_keys, place, tmp_path, monkeypatch
):
    monkeypatch.setattr("runtime.market_wire._TIMEOUT_S", 0.5)
    stranger = MarketLink(host(tmp_path, "stranger"), public(door_keys), place)
    for what in (("listen",), ("state",), ("since", 1)):
        with pytest.raises(Unreachable, match="does not know this host's key"):
            list(pumped(door, stranger, *what) or ())
    stranger.close()


def test_a_key_is_known_from_the_moment_it_is_trusted_until_it_is_not(
    door, door_keys, place, tmp_path, monkeypatch
):
    monkeypatch.setattr("runtime.market_wire._TIMEOUT_S", 0.5)
    door.keep(a_state())
    edge = host(tmp_path)
    link = MarketLink(edge, public(door_keys), place)
    door_keys.trust("edge", public(edge))
    assert pumped(door, link, "state") == a_state()
    door_keys.distrust("edge")
    with pytest.raises(Unreachable):
        pumped(door, link, "state")


def test_who_expects_another_exchange_does_not_believe_this_one(
    door, door_keys, place, tmp_path, monkeypatch
):
    monkeypatch.setattr("runtime.market_wire._TIMEOUT_S", 0.5)
    edge = host(tmp_path)
    door_keys.trust("edge", public(edge))
    with pytest.raises(Unreachable):
        pumped(door, MarketLink(edge, public(host(tmp_path, "other")), place), "state")


@pytest.mark.parametrize("kind", [zmq.SUB, zmq.REQ])
def test_who_speaks_without_encryption_does_not_get_past_the_handshake(
    door, door_keys, place, kind
):
    context = zmq.Context()
    plain = context.socket(kind)
    plain.linger = 0
    monitor = plain.get_monitor_socket()
    if kind == zmq.SUB:
        plain.setsockopt(zmq.SUBSCRIBE, b"")
    plain.connect(f"tcp://{place if kind == zmq.SUB else next_port(place)}")
    events = set()
    while not events & {zmq.EVENT_HANDSHAKE_SUCCEEDED, zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL,
                        zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_DISCONNECTED}:  # fmt: skip
        assert monitor.poll(10_000)
        events.add(recv_monitor_message(monitor)["event"])
    assert zmq.EVENT_HANDSHAKE_SUCCEEDED not in events
    door.send([frame(1)])
    assert not plain.poll(200)
    plain.close()
    monitor.close()
    context.term()


def test_nonsense_from_a_trusted_host_is_left_unanswered(door, door_keys, place, tmp_path):
    edge = host(tmp_path)
    door_keys.trust("edge", public(edge))
    door.keep(a_state())
    for what in (b"", b"since", b"since x", b"since -1", b"\xff" * 100):
        assert ask(edge, public(door_keys), next_port(place), what, 0.1) is None
        door.answer()
    link = MarketLink(edge, public(door_keys), place)
    assert pumped(door, link, "state") == a_state()


def test_keys_are_for_their_owner_alone(tmp_path):
    keys = host(tmp_path)
    folder = tmp_path / "edge"
    keys.trust("other", "x" * 40)
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path
    with pytest.raises(NoKeys, match="is there already"):
        keys.make()
    for name, use in (("own.json", keys.own), ("trusted.json", keys.trusted)):
        (folder / name).chmod(0o640)
        with pytest.raises(NoKeys, match=f"chmod 600 .*{name}"):
            use()
    with pytest.raises(NoKeys, match="keys create"):
        Keys(tmp_path / "nobody").own()


def test_a_public_key_is_told_from_another_text(tmp_path):
    assert is_key(public(host(tmp_path)))
    for text in ("", "x" * 39, "ä" * 40, "~" * 40, json.dumps({})):
        assert not is_key(text)


@pytest.mark.parametrize("text", ["", "5500", "host:", "host:x", "host:65535", "host:0"])
def test_a_place_is_a_host_and_a_port_with_one_behind_it(text):
    with pytest.raises(CannotListen, match="host:port is needed"):
        place_of("wire.listen", text)
    assert next_port(place_of("wire.listen", "[::1]:5500")) == "[::1]:5501"


def test_a_place_that_cannot_be_had_is_said(door_keys, place, tmp_path):
    host, _, port = place.rpartition(":")
    with (
        socket.create_server((host, int(port))),
        pytest.raises(CannotListen, match=f"cannot listen on {place}"),
    ):
        MarketDoor(door_keys, place, 10)
    with pytest.raises(NoKeys, match="keys create"):
        MarketDoor(Keys(tmp_path / "nobody"), place, 10)


def test_no_public_key_looks_like_an_option(tmp_path, monkeypatch):
    pairs = iter([(b"-" * 40, b"a" * 40), (b"b" * 40, b"c" * 40)])
    monkeypatch.setattr("runtime.curve.zmq.curve_keypair", lambda: next(pairs))
    keys = Keys(tmp_path)
    assert keys.make() == "b" * 40
    assert keys.own() == (b"b" * 40, b"c" * 40)


class Alone(zmq.Socket):  # type: ignore[type-arg]
    """A socket whose other end refused the key at once: there is nobody to send to."""

    def connect(self, addr: str) -> None:  # type: ignore[override]
        """Find nobody."""


def test_a_question_that_nobody_takes_has_no_answer_in_time(monkeypatch, door_keys):
    def calling(*_args: object) -> zmq.Socket[bytes]:
        return curve.context().socket(zmq.REQ, socket_class=Alone)

    monkeypatch.setattr(curve, "_calling", calling)
    begun = time.monotonic()
    assert curve.ask(door_keys, "x" * 40, "127.0.0.1:1", b"state", 0.2) is None
    assert 0.2 <= time.monotonic() - begun < 5
