"""Frames from a child process: whole, in order, and its end told apart from its failure."""

import sys
import time

import pytest

from runtime.pipe import Child, ChildFailed

HEAD = "import sys; from runtime.pipe import write_frame; out = sys.stdout.buffer; "


def child(program: str) -> Child:
    return Child([sys.executable, "-c", HEAD + program])


def all_of(running: Child) -> list[bytes]:
    found: list[bytes] = []
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        frames = running.read(0.2)
        if frames is None:
            running.close()
            return found
        found += frames
    raise AssertionError("the child did not end")


def test_frames_come_whole_and_in_order_whatever_their_size() -> None:
    program = "[write_frame(out, bytes([n % 251]) * (n * 9973 % 300_000)) for n in range(60)]"
    expected = [bytes([n % 251]) * (n * 9973 % 300_000) for n in range(60)]
    assert all_of(child(program)) == expected


def test_a_child_without_frames_just_ends() -> None:
    assert all_of(child("pass")) == []


def test_a_child_that_fails_is_told_apart_from_one_that_ends() -> None:
    running = child("write_frame(out, b'x'); sys.exit(78)")
    with pytest.raises(ChildFailed, match="exit status 78") as caught:
        all_of(running)
    assert caught.value.status == 78
    running.close()


def test_a_frame_cut_short_is_a_failure() -> None:
    running = child("out.write(b'\\x05\\0\\0\\0ab')")
    with pytest.raises(ChildFailed):
        all_of(running)
    running.close()


def test_reading_does_not_wait_longer_than_told() -> None:
    running = child("import time; time.sleep(60)")
    start = time.monotonic()
    assert running.read(0.05) == []
    assert time.monotonic() - start < 5
    running.close()
