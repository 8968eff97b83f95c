"""One client's connection: bytes in and out, kept to its limits.

What a connection is for whoever listens is in `runtime/websocket.py`. Whole data frames are written beside
the library because they are made once for everybody; a connection leaves the channels before it closes.

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

from broadcaster import control
from broadcaster.channels import Channels
from broadcaster.encode import MILLISECOND, frame_of
from conf.sections import Ws
from runtime.forwarded import Proxies
from runtime.websocket import TOO_SLOW, WebSocket

MESSAGE_LIMIT = 1 << 17
"""Bytes of the largest message a client may send: subscriptions to the most streams fit twice."""
# The library's limit of 8 KiB is less than an address with as many streams as are allowed.
http11.MAX_LINE_LENGTH = 1 << 16

_library_log = logging.getLogger("broadcaster.websockets")
_library_log.setLevel(logging.WARNING)


class House(Protocol):
    """What a connection needs of the server it belongs to."""

    ws: Ws
    channels: Channels
    proxies: Proxies

    def arrived(self, connection: "Connection") -> str | None:
        """Count a connection in; the text of the refusal when there is no room."""

    def comes_from(self, address: str) -> str | None:
        """Count a connection of this address; the text of the refusal when it opened too many."""

    def subscribe(self, connection: "Connection", names: Iterable[str]) -> None:
        """Add streams to those the connection listens to."""

    def departed(self, connection: "Connection") -> None:
        """Count it out."""


class Connection(WebSocket):
    """A subscriber of the channels (`channels.Subscriber`) with a socket."""

    def __init__(self, house: House) -> None:
        super().__init__(MESSAGE_LIMIT, _library_log)
        self.combined = False
        self.unit_ns = MILLISECOND
        self.names: dict[str, None] = {}
        self.missed: dict[str, None] = {}
        self._house = house
        self._parts: list[bytes] = []
        self._second = 0
        self._frames = 0
        self._peer = ""
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
        self._peer = peer[0] if peer else ""
        self._refusal = self._house.arrived(self)
        # Whom a proxy speaks for stands in the handshake.
        if self._refusal is None and self._peer not in self._house.proxies:
            self._refusal = self._house.comes_from(self._peer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no trace."""
        self._house.channels.leave(self)
        self._house.departed(self)

    def resume_writing(self) -> None:
        """Note that it reads again; while it was behind, the channels left out what came for it."""
        super().resume_writing()
        self._house.channels.catch_up(self)

    def write(self, data: bytes) -> None:
        """Send whole frames."""
        self._transport.write(data)

    def _take(self, frame: Frame) -> None:
        second = int(self._loop.time())
        if second != self._second:
            self._second, self._frames = second, 0
        self._frames += 1
        if self._frames > self._house.ws.messages_limit:
            self.stop(CloseCode.POLICY_VIOLATION, "Too many requests")
        elif not self.is_open:
            return
        elif frame.opcode is Opcode.BINARY:
            self.stop(CloseCode.UNSUPPORTED_DATA, "Only text is understood")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                message, self._parts = b"".join(self._parts), []
                self._receive(message)

    def _opened(self) -> None:
        self._house.subscribe(self, self._asked.names)

    def _admit(self, request: Request) -> Response:
        if self._refusal is None and self._peer in self._house.proxies:
            client = self._house.proxies.client(self._peer, request.headers.raw_items())
            self._refusal = self._house.comes_from(client)
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

    def _left(self) -> None:
        self._house.channels.leave(self)
