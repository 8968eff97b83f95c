"""The server's end of a WebSocket connection: handshake, frames, pings, and the end of what takes too long.

`websockets` does the handshake, the parsing, pongs and the closing; whole data frames are written to the
transport beside it. That is sound as long as the library never sends fragments of its own, which it does
only when asked to, and nothing is written after its close frame. Nor does it see a text frame that comes whole while
it is between two messages: its parser takes five times as long for one. All other frames are its own, and so are
those of which a read has only a part, wrong ones, and whatever comes when the end is being said.

What a frame means is the business of who inherits: `_admit` answers the handshake, `_opened` is called
after it, `_take` gets every frame (`_take_text` may be told apart), `_left` is called when nothing more is to be said.
"""

import asyncio
import logging
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Protocol, cast

from websockets.frames import (  # type: ignore[attr-defined]  # compiled, where it can be
    CloseCode,
    Frame,
    Opcode,
    apply_mask,
)
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

HANDSHAKE_S = 10.0
CLOSE_S = 5.0
TOO_SLOW = "Reading too slowly"
_SLICE = 4096
"""Bytes that the library parses before the limits are looked at again."""
_TEXT, _MASKED, _TWO_BYTES = 0x81, 0x80, 126
"""The first byte of a whole text frame, the bit of a masked one, and the length that tells of two more bytes."""
_HEAD = 8
"""Bytes of the head with a length of two bytes and the mask."""


class Patience(Protocol):
    """How long what may take, in seconds (the settings ws.*)."""

    @property
    def ping_interval_s(self) -> float:
        """Between two pings."""

    @property
    def pong_timeout_s(self) -> float:
        """Without a pong."""

    @property
    def slow_reader_s(self) -> float:
        """Behind with reading."""

    @property
    def connection_s(self) -> float:
        """A whole connection."""


def text_frame(payload: bytes) -> bytes:
    """Return a whole, unmasked text frame (RFC 6455 section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 1 << 16:
        return b"".join((struct.pack("!BBH", 0x81, 126, size), payload))
    return b"".join((struct.pack("!BBQ", 0x81, 127, size), payload))


class WebSocket(asyncio.Protocol, ABC):
    """One connection, kept to its limits; `log` is the library's."""

    def __init__(self, message_limit: int, log: logging.Logger) -> None:
        self.lagging = False
        """The client is behind: what is written waits in this process."""
        self._loop = asyncio.get_running_loop()
        self._library = ServerProtocol(max_size=message_limit, logger=log)
        self._message_limit = message_limit
        self._owed = 0
        """Bytes still to come of a frame that the library has a part of."""
        self._transport = cast("asyncio.Transport", None)
        self._opened_s = self._ponged_s = self._pinged_s = self._loop.time()
        self._lagging_s = 0.0
        self._deadline_s = self._opened_s + HANDSHAKE_S
        """When the socket is given up, unless what it waits for has happened; 0: it waits for nothing."""

    @property
    def is_open(self) -> bool:
        """Tell whether the handshake is done and no end has been said."""
        return self._library.state is State.OPEN

    @property
    def is_opening(self) -> bool:
        """Tell whether the handshake is still under way."""
        return self._library.state is State.CONNECTING

    @property
    def _is_between(self) -> bool:
        """Tell whether the next byte begins a message."""
        return not self._library.reader.buffer and self._library.current_size is None

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        at = min(self._owed, len(data))
        if at:
            self._owed -= at
            self._parse(data[:at])
        at = self._take_whole(data, at)
        if at < len(data):
            self._parse(data[at:] if at else data)
        self._pass_on()

    def eof_received(self) -> None:
        """Let the transport close, within a deadline: the client may still not read."""
        self._library.receive_eof()
        self._leave()

    def pause_writing(self) -> None:
        """Note that the client is behind."""
        self.lagging = True
        self._lagging_s = self._loop.time()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        self.lagging = False

    def check(self, now_s: float, patience: Patience, *, hears: bool = True) -> None:
        """Do what is due at this time of the loop; without `hears` pongs cannot come in."""
        if self._deadline_s:
            if now_s > self._deadline_s:
                self._transport.abort()
        elif self.lagging and now_s - self._lagging_s > patience.slow_reader_s:
            self.stop(CloseCode.POLICY_VIOLATION, TOO_SLOW)
        elif hears and now_s - self._ponged_s > patience.pong_timeout_s:
            self.stop(CloseCode.POLICY_VIOLATION, "Pong timeout")
        elif now_s - self._opened_s > patience.connection_s:
            self.close(CloseCode.GOING_AWAY, "Connection too old")
        elif now_s - self._pinged_s >= patience.ping_interval_s:
            self._pinged_s = now_s
            self._library.send_ping(str(int(now_s * 1000)).encode())
            self._pass_on()

    def abort(self) -> None:
        """Drop the connection without a word."""
        self._transport.abort()

    def close(self, code: CloseCode, reason: str) -> None:
        """Say goodbye and wait for the client's answer; without a handshake there is nothing to say."""
        if self._library.state is State.CONNECTING:
            self.abort()
        elif self.is_open:
            self._library.send_close(code, reason)
            self._pass_on()

    def stop(self, code: CloseCode, reason: str) -> None:
        """Say why and hang up, whatever the client still sends."""
        self._library.fail(code, reason)
        self._pass_on()

    @abstractmethod
    def _admit(self, request: Request) -> Response:
        """Answer the request for a handshake, by the library's `accept` or `reject`."""

    def _opened(self) -> None:
        """Begin: the handshake is done."""

    @abstractmethod
    def _take(self, frame: Frame) -> None:
        """Take in one frame; also while the end is being said."""

    def _take_text(self, data: bytes) -> None:
        """Take in a whole text message."""
        self._take(Frame(Opcode.TEXT, data))

    @abstractmethod
    def _left(self) -> None:
        """Write nothing more."""

    def _take_whole(self, data: bytes, at: int) -> int:
        """Take the whole text frames that begin at a place; return where what they are not begins."""
        library, size = self._library, len(data)
        if not self._is_between:
            return at
        while library.state is State.OPEN and at + _HEAD <= size and data[at] == _TEXT:
            length = data[at + 1] - _MASKED
            start = at + 6
            if length == _TWO_BYTES:
                length = int.from_bytes(data[at + 2 : at + 4], "big")
                start = at + _HEAD
            elif not 0 <= length < _TWO_BYTES:
                break
            end = start + length
            if length > self._message_limit:
                break
            if end > size:
                self._owed = end - size
                break
            self._take_text(apply_mask(data[start:end], data[start - 4 : start]))
            at = end
        return at

    def _parse(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE):
            self._library.receive_data(data[start : start + _SLICE])
            for event in self._library.events_received():
                if isinstance(event, Request):
                    self._open(event)
                else:
                    assert isinstance(event, Frame)
                    if event.opcode is Opcode.PONG:
                        self._ponged_s = self._loop.time()
                    self._take(event)

    def _open(self, request: Request) -> None:
        if self._library.eof_sent:
            # Frames came before the handshake was answered, and they were wrong.
            self._transport.abort()
            return
        self._library.send_response(self._admit(request))
        self._pass_on()
        if self.is_open:
            self._deadline_s = 0.0
            self._ponged_s = self._pinged_s = self._loop.time()
            self._opened()

    def _pass_on(self) -> None:
        self._write_all(self._library.data_to_send())
        if self._library.close_expected():
            self._leave()

    def _write_all(self, pieces: Iterable[bytes]) -> None:
        for data in pieces:
            if self._transport.is_closing():
                break
            if data:
                self._transport.write(data)
            else:
                self._transport.write_eof()

    def _leave(self) -> None:
        self._left()
        if not self._deadline_s:
            self._deadline_s = self._loop.time() + CLOSE_S
