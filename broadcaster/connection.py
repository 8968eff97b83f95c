"""One client's connection: bytes in and out, kept to its limits.

`websockets` does the handshake, the parsing, pongs and the closing; whole data frames are written
to the transport beside it, because they are made once for everybody. That is sound as long as the
library never sends fragments of its own, which it does only when asked to, and nothing is written
after its close frame: a connection leaves the channels before it closes.

What a client may send is bounded before it is looked at: the size of a message, frames per second
(counted within what one read brings, too), the time for the handshake and for the close. A client
that breaks a rule is told so in a close frame; whatever it sends, nobody else notices.
"""

import asyncio
import logging
import socket
from collections.abc import Iterable
from typing import Protocol, cast

from websockets import http11
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from broadcaster import control
from broadcaster.channels import TOO_SLOW, Channels
from broadcaster.encode import MILLISECOND, frame_of
from conf.sections import Ws

MESSAGE_LIMIT = 1 << 17
"""Bytes of the largest message a client may send: subscriptions to the most streams fit twice."""
HANDSHAKE_S = 10.0
CLOSE_S = 5.0
_SLICE = 4096
"""Bytes parsed before the limits are looked at again."""
# The library's limit of 8 KiB is less than an address with as many streams as are allowed.
http11.MAX_LINE_LENGTH = 1 << 16

_library_log = logging.getLogger("broadcaster.websockets")
_library_log.setLevel(logging.WARNING)


class House(Protocol):
    """What a connection needs of the server it belongs to."""

    ws: Ws
    channels: Channels

    def arrived(self, connection: "Connection", address: str) -> str | None:
        """Count a connection in; the text of the refusal when there is no room."""

    def subscribe(self, connection: "Connection", names: Iterable[str]) -> None:
        """Add streams to those the connection listens to."""

    def departed(self, connection: "Connection") -> None:
        """Count it out."""


class Connection(asyncio.Protocol):
    """A subscriber of the channels (`channels.Subscriber`) with a socket."""

    def __init__(self, house: House) -> None:
        self.combined = False
        self.unit_ns = MILLISECOND
        self.lagging = False
        self.names: dict[str, None] = {}
        self.missed: dict[str, None] = {}
        self._house = house
        self._loop = asyncio.get_running_loop()
        self._library = ServerProtocol(max_size=MESSAGE_LIMIT, logger=_library_log)
        self._transport = cast("asyncio.Transport", None)
        self._parts: list[bytes] = []
        self._second = 0
        self._frames = 0
        self._opened_s = self._ponged_s = self._pinged_s = self._loop.time()
        self._lagging_s = 0.0
        self._deadline_s = self._opened_s + HANDSHAKE_S
        """When the socket is given up, unless what it waits for has happened; 0: it waits for nothing."""
        self._refusal: str | None = None
        self._asked = control.Opening((), combined=False, unit_ns=MILLISECOND)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound the buffers and be counted."""
        self._transport = cast("asyncio.Transport", transport)
        ws = self._house.ws
        plug = transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ws.send_buffer_bytes)
        self._transport.set_write_buffer_limits(ws.backlog_bytes, ws.backlog_bytes // 4)
        peer = transport.get_extra_info("peername")
        self._refusal = self._house.arrived(self, peer[0] if peer else "")

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no trace."""
        self._house.channels.leave(self)
        self._house.departed(self)

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        for start in range(0, len(data), _SLICE):
            self._library.receive_data(data[start : start + _SLICE])
            for event in self._library.events_received():
                self._handle(event)
        self._pass_on()

    def eof_received(self) -> None:
        """Let the transport close, within a deadline: the client may still not read."""
        self._library.receive_eof()
        self._leave()

    def pause_writing(self) -> None:
        """Note that the client is behind: the channels leave out what comes for it now."""
        self.lagging = True
        self._lagging_s = self._loop.time()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        self.lagging = False
        self._house.channels.catch_up(self)

    def write(self, data: bytes) -> None:
        """Send whole frames."""
        self._transport.write(data)

    def check(self, now_s: float) -> None:
        """Do what is due at this time of the loop: pings, and the end of what took too long."""
        ws = self._house.ws
        if self._deadline_s:
            if now_s > self._deadline_s:
                self._transport.abort()
            return
        if self.lagging and now_s - self._lagging_s > ws.slow_reader_s:
            self.stop(CloseCode.POLICY_VIOLATION, TOO_SLOW)
        elif now_s - self._ponged_s > ws.pong_timeout_s:
            self.stop(CloseCode.POLICY_VIOLATION, "Pong timeout")
        elif now_s - self._opened_s > ws.connection_s:
            self.close(CloseCode.GOING_AWAY, "Connection too old")
        elif now_s - self._pinged_s >= ws.ping_interval_s:
            self._pinged_s = now_s
            self._library.send_ping(str(int(now_s * 1000)).encode())
            self._pass_on()

    @property
    def is_open(self) -> bool:
        """Tell whether the handshake is done and no end has been said."""
        return self._library.state is State.OPEN

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

    def _handle(self, event: object) -> None:
        if isinstance(event, Request):
            self._open(event)
            return
        assert isinstance(event, Frame)
        second = int(self._loop.time())
        if second != self._second:
            self._second, self._frames = second, 0
        self._frames += 1
        if self._frames > self._house.ws.messages_limit:
            self.stop(CloseCode.POLICY_VIOLATION, "Too many requests")
        elif not self.is_open:
            return
        elif event.opcode is Opcode.PONG:
            self._ponged_s = self._loop.time()
        elif event.opcode is Opcode.BINARY:
            self.stop(CloseCode.UNSUPPORTED_DATA, "Only text is understood")
        elif event.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(event.data))
            if event.fin:
                message, self._parts = b"".join(self._parts), []
                self._receive(message)

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
            self._house.subscribe(self, self._asked.names)

    def _admit(self, request: Request) -> Response:
        if self._refusal:
            return self._library.reject(503, f"{self._refusal}\n")
        try:
            self._asked = control.opening_of(request.path)
        except control.WrongAddress as wrong:
            return self._library.reject(400, str(wrong))
        limit = self._house.ws.max_streams
        if len(self._asked.names) > limit:
            return self._library.reject(400, control.too_many_streams(limit))
        self.combined, self.unit_ns = self._asked.combined, self._asked.unit_ns
        return self._library.accept(request)

    def _receive(self, message: bytes) -> None:
        try:
            text = message.decode()
        except UnicodeDecodeError:
            self.stop(CloseCode.INVALID_DATA, "Text must be UTF-8")
            return
        if self.lagging:
            # Answers would pile up behind what the client does not read.
            self.stop(CloseCode.POLICY_VIOLATION, TOO_SLOW)
            return
        asked = control.request_of(text)
        if isinstance(asked, str):
            self.write(frame_of(asked))
        else:
            self._do(asked)

    def _do(self, asked: control.Request) -> None:
        channels, limit = self._house.channels, self._house.ws.max_streams
        value: object = None
        if asked.method == "LIST_SUBSCRIPTIONS":
            value = list(self.names)
        elif asked.method == "GET_PROPERTY":
            value = self.combined
        elif asked.method == "SET_PROPERTY":
            channels.set_combined(self, wrapped=asked.combined)
        elif asked.method == "UNSUBSCRIBE":
            channels.unsubscribe(self, asked.names)
        elif len(self.names.keys() | dict.fromkeys(asked.names)) > limit:
            self.write(frame_of(control.too_many_streams(limit)))
            return
        self.write(frame_of(control.result(asked, value)))
        if asked.method == "SUBSCRIBE":
            # After the answer, because streams that tell a state say it at once.
            self._house.subscribe(self, asked.names)

    def _pass_on(self) -> None:
        for data in self._library.data_to_send():
            if self._transport.is_closing():
                break
            if data:
                self._transport.write(data)
            else:
                self._transport.write_eof()
        if self._library.close_expected():
            self._leave()

    def _leave(self) -> None:
        self._house.channels.leave(self)
        if not self._deadline_s:
            self._deadline_s = self._loop.time() + CLOSE_S
