"""Frames taken by compiled code are those that `websockets` reads; what is not plain is left where it begins."""

import random

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from ingress.plain_messages import MESSAGE_LIMIT, RUN_LIMIT
from tests.read_orders import MESSAGES
from tests.stream_house import UPGRADE


def text(payload: bytes) -> bytes:
    """Return a client's frame, with a mask of its own."""
    return Frame(Opcode.TEXT, payload).serialize(mask=True)


def taken(data: bytes, at: int = 0, longest: int = MESSAGE_LIMIT) -> tuple[list[bytes], int]:
    burst, stop = MESSAGES.take(data, at, longest)
    return burst.messages(0, burst.count), stop


def read_by_the_library(data: bytes) -> list[bytes]:
    """Return the payloads of whole text frames."""
    library = ServerProtocol(max_size=None)
    library.receive_data(UPGRADE.format(path="/").encode())
    (request,) = library.events_received()
    assert isinstance(request, Request)
    library.send_response(library.accept(request))
    library.receive_data(data)
    return [bytes(one.data) for one in library.events_received() if isinstance(one, Frame)]


@pytest.mark.parametrize("length", [0, 1, 2, 3, 4, 5, 125, 126, 127, 128, 255, 256, 2047, 2048])
def test_a_frame_of_any_length_is_read_as_the_library_reads_it(length):
    payload = random.Random(length).randbytes(length)
    data = text(payload) * 2 + text(b"the end")
    assert taken(data)[0][:2] == [payload, payload] == read_by_the_library(data)[:2]
    assert taken(b"xyz" + data, 3)[0][0] == payload


def test_a_longer_payload_than_is_wanted_is_left():
    data = text(b"short") + text(b"x" * 101)
    assert taken(data, longest=100) == ([b"short"], len(text(b"short")))
    assert taken(data, longest=101) == ([b"short", b"x" * 101], len(data))
    first = text(b"x" * (MESSAGE_LIMIT + 1))
    assert taken(first + data, longest=1 << 20) == ([], 0)


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Opcode.PING, b"hi").serialize(mask=True),
        Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True),
        Frame(Opcode.BINARY, b"0123456789").serialize(mask=True),
        Frame(Opcode.TEXT, b"0123456789", fin=False).serialize(mask=True),
        Frame(Opcode.TEXT, b"0123456789").serialize(mask=False),
        Frame(Opcode.TEXT, b"x" * 200).serialize(mask=False),
        Frame(Opcode.TEXT, b"x" * 70_000).serialize(mask=True),
        b"\xc1" + text(b"0123456789")[1:],
    ],
    ids=["ping", "close", "binary", "part", "no mask", "long, no mask", "huge", "reserved bit"],
)
def test_what_is_no_plain_text_frame_is_left_where_it_begins(frame):
    before = text(b"one") + text(b"two")
    assert taken(before + frame + text(b"three")) == ([b"one", b"two"], len(before))


def test_a_frame_of_which_some_is_missing_is_left():
    data = text(b"first") + text(b"x" * 300)
    for size in range(len(data)):
        messages, stop = taken(data[:size])
        assert messages == ([b"first"] if stop else [])
        assert stop in (0, len(text(b"first")))


def test_no_more_are_taken_than_there_is_room_for():
    frame = text(b"0123")
    messages, stop = taken(frame * (RUN_LIMIT + 9))
    assert len(messages) == RUN_LIMIT
    assert stop == RUN_LIMIT * len(frame)


@pytest.mark.parametrize("seed", range(60))
def test_any_bytes_are_read_as_the_library_reads_them_as_far_as_they_are_plain(seed):
    dice = random.Random(seed)
    data = bytearray()
    for _ in range(dice.randrange(1, 20)):
        data += text(dice.randbytes(dice.choice([0, 5, 60, 125, 126, 300])))
    for _ in range(dice.choice([0, 1, 3])):
        data[dice.randrange(len(data))] = dice.choice([0, 0x81, 0xFE, 0xFF, dice.randrange(256)])
    messages, stop = taken(bytes(data))
    assert read_by_the_library(bytes(data[:stop])) == messages
