import asyncio
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from runtime.ports import free_port
from runtime.sockets import Ask, Publish, Pull, Push, Serve, Subscribe

DEADLINE_S = 10


@pytest.fixture
def here(tmp_path: Path) -> str:
    path = tmp_path / "wire"
    assert len(str(path)) < 107
    return f"ipc://{path}"


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def gather(wire: Pull | Subscribe, count: int) -> list[bytes]:
    found: list[bytes] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(found) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} frames came"
        wire.wait(50)
        found += wire.drain(1000)
    return found


def test_frames_arrive_whole_and_in_order(here: str) -> None:
    pull, push = Pull(100), Push(100)
    pull.bind(here)
    push.connect(here)
    frames = [bytes([number]) * (1 + number * 1000) for number in range(50)]
    for frame in frames:
        assert push.send(frame)
    assert gather(pull, 50) == frames
    pull.close()
    push.close()


def test_the_sender_may_come_first(here: str) -> None:
    push = Push(100)
    push.connect(here)
    assert push.send(b"early")
    pull = Pull(100)
    pull.bind(here)
    assert gather(pull, 1) == [b"early"]
    pull.close()
    push.close()


def test_a_full_wire_does_not_take_the_frame_and_does_not_wait(here: str) -> None:
    push = Push(5)
    push.connect(here)
    taken = [push.send(b"frame") for _ in range(8)]
    assert taken == [True] * 5 + [False] * 3
    push.close()


def test_a_wire_that_was_full_takes_frames_again_once_there_is_room(here: str) -> None:
    push = Push(5)
    push.connect(here)
    taken = [push.send(bytes([number])) for number in range(8)]
    assert taken.count(False) == 3
    pull = Pull(5)
    pull.bind(here)
    assert gather(pull, 5) == [bytes([number]) for number in range(5)]
    until(lambda: push.send(b"late"))
    assert gather(pull, 1) == [b"late"]
    pull.close()
    push.close()


def test_draining_takes_what_is_there_up_to_the_limit(here: str) -> None:
    pull, push = Pull(100), Push(100)
    pull.bind(here)
    push.connect(here)
    assert list(pull.drain(10)) == []
    for number in range(5):
        push.send(bytes([number]))
    assert pull.wait(DEADLINE_S * 1000)
    first = list(pull.drain(2))
    assert 1 <= len(first) <= 2
    rest = gather(pull, 5 - len(first))
    assert first + rest == [bytes([number]) for number in range(5)]
    pull.close()
    push.close()


def test_waiting_ends_with_a_frame_or_in_time(here: str) -> None:
    pull, push = Pull(100), Push(100)
    pull.bind(here)
    assert not pull.wait(1)
    push.connect(here)
    push.send(b"frame")
    assert pull.wait(DEADLINE_S * 1000)
    pull.close()
    push.close()


def test_a_dead_owner_s_address_can_be_taken_over(here: str) -> None:
    owner = multiprocessing.get_context("spawn").Process(target=_bind_and_die, args=(here,))
    owner.start()
    owner.join()
    assert owner.exitcode == 9
    pull, push = Pull(100), Push(100)
    pull.bind(here)
    push.connect(here)
    push.send(b"again")
    assert gather(pull, 1) == [b"again"]
    pull.close()
    push.close()


def _bind_and_die(here: str) -> None:
    import os

    Pull(100).bind(here)
    os._exit(9)


def arrives(push: Push, pull: Pull, frame: bytes) -> bool:
    # A frame sent before the sender has noticed that the old receiver is gone goes with it.
    push.send(frame)
    pull.wait(50)
    return frame in pull.drain(1000)


def test_a_sender_reaches_a_receiver_that_was_replaced(here: str) -> None:
    push = Push(100)
    push.connect(here)
    for life in (b"one", b"two"):
        pull = Pull(100)
        pull.bind(here)
        until(partial(arrives, push, pull, life))
        pull.close()
    push.close()


def test_a_subscriber_that_does_not_read_stops_nobody(here: str) -> None:
    publish = Publish(10)
    publish.bind(here)
    fast, slow = Subscribe(10), Subscribe(10)
    fast.connect(here)
    slow.connect(here)

    def is_heard() -> bool:
        publish.send(b"hello")
        return fast.wait(5) and slow.wait(5)

    until(is_heard)
    for number in range(20_000):
        publish.send(number.to_bytes(4, "little") * 100)

    def is_fast_one_still_served() -> bool:
        publish.send(b"after the flood")
        return b"after the flood" in list(fast.drain(1000))

    until(is_fast_one_still_served)
    for wire in (publish, fast, slow):
        wire.close()


def test_on_a_loop_nothing_that_came_is_left_lying(here: str) -> None:
    async def play() -> list[bytes]:
        found: list[bytes] = []
        done = asyncio.Event()
        pull, push = Pull(1000), Push(1000)
        pull.bind(here)
        push.connect(here)
        for number in range(200):
            push.send(number.to_bytes(2, "little"))

        def take(frames: list[bytes]) -> None:
            found.extend(frames)
            if len(found) == 500:
                done.set()

        pull.attach(asyncio.get_running_loop(), take)
        for number in range(200, 500):
            push.send(number.to_bytes(2, "little"))
            if number % 50 == 0:
                await asyncio.sleep(0)
        await asyncio.wait_for(done.wait(), DEADLINE_S)
        pull.close()
        push.close()
        return found

    assert asyncio.run(play()) == [number.to_bytes(2, "little") for number in range(500)]


def test_one_who_serves_knows_who_asked_and_answers_that_one(here: str) -> None:
    serve, one, other = Serve(100), Ask(100), Ask(100)
    serve.bind(here)
    for wire in (one, other):
        wire.connect(here)
    until(lambda: one.send(b"from one"))
    until(lambda: other.send(b"from other"))
    heard: dict[bytes, bytes] = {}
    while len(heard) < 2:
        serve.wait(50)
        heard |= {frame: peer for peer, frame in serve.drain(10)}
    assert serve.send(heard[b"from one"], b"to one")
    assert serve.send(heard[b"from other"], b"to other")
    for wire, frame in ((one, b"to one"), (other, b"to other")):
        assert wire.wait(DEADLINE_S * 1000)
        assert list(wire.drain(10)) == [frame]
    # Who has gone cannot be answered, and that is said.
    one.close()
    until(lambda: not serve.send(heard[b"from one"], b"anybody?"))
    for wire in (serve, other):
        wire.close()


def test_nothing_is_kept_for_a_server_that_is_not_there(here: str) -> None:
    ask = Ask(100)
    ask.connect(here)
    assert not ask.send(b"too early")
    serve = Serve(100)
    serve.bind(here)
    until(lambda: ask.send(b"in time"))
    assert serve.wait(DEADLINE_S * 1000)
    assert [frame for _, frame in serve.drain(10)] == [b"in time"]
    for wire in (serve, ask):
        wire.close()


def test_a_wire_with_a_key_is_open_to_those_who_have_it() -> None:
    serve, friend, stranger, plain = (
        Serve(100, bytes(range(32))),
        Ask(100, bytes(range(32))),
        Ask(100, bytes(range(1, 33))),
        Ask(100),
    )
    address = f"tcp://127.0.0.1:{free_port()}"
    serve.bind(address)
    for wire in (stranger, plain, friend):
        wire.connect(address)
    until(lambda: friend.send(b"secret"))
    assert serve.wait(DEADLINE_S * 1000)
    ((peer, frame),) = serve.drain(10)
    assert frame == b"secret"
    assert serve.send(peer, b"answer")
    assert friend.wait(DEADLINE_S * 1000)
    assert list(friend.drain(10)) == [b"answer"]
    # The others came first and have had their time.
    assert not stranger.send(b"let me in")
    assert not plain.send(b"let me in")
    assert list(serve.drain(10)) == []
    for wire in (serve, friend, stranger, plain):
        wire.close()
