"""Frames: text that comes whole goes past the library, and nobody can tell, however the bytes are cut."""

import logging
import random
from typing import Any, cast
from unittest.mock import patch

import pytest
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response

from runtime.websocket import WebSocket
from tests.stream_house import UPGRADE, masked, played

LIMIT = 2000
"""Bytes of the longest message."""


class Transport:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def write_eof(self) -> None:
        self.written.append(b"EOF")

    def is_closing(self) -> bool:
        return False


class Hearing(WebSocket):
    """Notes every frame, and stops at the text `stop`."""

    def __init__(self) -> None:
        super().__init__(LIMIT, logging.getLogger("test"))
        self.transport = Transport()
        self._transport = cast("Any", self.transport)
        self.heard: list[tuple[Opcode, bytes, bool]] = []

    def _admit(self, request: Request) -> Response:
        return self._library.accept(request)

    def _take(self, frame: Frame) -> None:
        if not self.is_open:
            return
        self.heard.append((frame.opcode, bytes(frame.data), frame.fin))
        if frame.data == b"stop":
            self.stop(CloseCode.POLICY_VIOLATION, "Told to")

    def _left(self) -> None:
        pass


def opened() -> Hearing:
    """Return a connection after its handshake."""
    one = Hearing()
    one.data_received(UPGRADE.format(path="/").encode())
    assert one.is_open
    one.transport.written.clear()
    return one


def frame(dice: random.Random) -> bytes:
    """Write what a client may send, now and then against the rules."""
    data = dice.randbytes(dice.choice([0, 1, 2, 30, 125, 126, 127, 300, LIMIT]))
    text = masked(Opcode.TEXT, data)
    pick = dice.random()
    if pick < 0.80:
        return text
    if pick < 0.86:
        return masked(dice.choice([Opcode.PING, Opcode.PONG]), data[:125])
    if pick < 0.93:
        pieces = [masked(Opcode.TEXT, data, fin=False), masked(Opcode.PING, b"between")]
        return b"".join([*pieces, masked(Opcode.CONT, b"", fin=dice.random() < 0.9)])
    wrong = [
        Frame(Opcode.TEXT, data).serialize(mask=False),
        bytes((text[0] | 0x40,)) + text[1:],
        masked(Opcode.TEXT, bytes(LIMIT + 1)),
        masked(Opcode.BINARY, data),
        masked(Opcode.CONT, data),
        masked(Opcode.TEXT, b"stop"),
        masked(Opcode.CLOSE, b"\x03\xe8bye"),
        dice.randbytes(9),
    ]
    return dice.choice(wrong)


def cut(dice: random.Random, data: bytes) -> list[bytes]:
    """Cut bytes into reads."""
    longest = dice.choice([3, 50, 700, 5000, 1 << 20])
    reads = []
    while data:
        size = dice.randrange(1, longest + 1)
        reads.append(data[:size])
        data = data[size:]
    return reads


@pytest.mark.parametrize("seed", range(120))
def test_nobody_can_tell_which_frames_went_past_the_library(seed: int):
    @played
    async def scenario():
        dice = random.Random(seed)
        reads = cut(dice, b"".join(frame(dice) for _ in range(dice.randrange(1, 30))))
        one, library = opened(), opened()
        with (
            patch.object(library, "_take_whole", lambda data, at: at),  # noqa: ARG005
            # The library looks ahead within a slice: what it finds wrong there hides what came before.
            patch("runtime.websocket._SLICE", 1),
        ):
            for data in reads:
                one.data_received(data)
                library.data_received(data)
                assert one.heard == library.heard
                assert b"".join(one.transport.written) == b"".join(library.transport.written)
                assert one._library.state is library._library.state

    scenario()


@played
async def test_whole_text_frames_do_go_past_the_library():
    one = opened()
    sent = [bytes((number,)) * 200 for number in range(40)]
    data = b"".join(masked(Opcode.TEXT, text) for text in sent)
    with patch.object(one, "_parse") as parse:
        one.data_received(data)
        parse.assert_not_called()
    assert [text for _, text, _ in one.heard] == sent


@played
async def test_a_frame_in_two_reads_keeps_those_behind_it_from_the_library_no_longer():
    one = opened()
    data = masked(Opcode.TEXT, b"x" * 300) * 3
    one.data_received(data[:400])
    with patch.object(one, "_parse", wraps=one._parse) as parse:
        one.data_received(data[400:])
        assert [len(call.args[0]) for call in parse.mock_calls] == [len(data) * 2 // 3 - 400]
    assert [text for _, text, _ in one.heard] == [b"x" * 300] * 3
