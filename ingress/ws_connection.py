"""One WebSocket connection to the API: bytes in and out, kept to its limits.

The HTTP connection (`ingress/connection.py`) hands its socket over with the head of the request that asks
for the upgrade. `websockets` does the handshake, the parsing, pongs and the closing; answers are framed here
and those of one turn of the loop leave in one write. That is sound because the library never sends
fragments of its own.

Requests are in flight side by side, up to a limit; beyond it nothing more is read, so a client that
sends faster than it is answered waits in its own socket. The same when it does not read its answers.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable
from functools import partial
from typing import Any, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from ingress import errors
from ingress.ws_api import WsApi, opening_of
from ingress.ws_message import frame_of
from ingress.ws_session import Session

IN_FLIGHT_LIMIT = 1024
"""Requests of one connection that are being done at a time."""
HANDSHAKE_S = 10.0
CLOSE_S = 5.0
BACKLOG_BYTES = 1 << 20
"""Answers that wait for a slow reader before no more requests of it are taken."""
EVENTS_BYTES = 1 << 24
"""Events that wait for a slow reader before it is disconnected."""
CHECK_S = 1.0
_SLICE = 4096
"""Bytes parsed before the limits are looked at again."""

_library_log = logging.getLogger("ingress.websockets")
_library_log.setLevel(logging.WARNING)


class WsConnection(asyncio.Protocol):
    """One connection. `connections` and `tasks` are those that the server waits for when it stops."""

    def __init__(
        self,
        api: WsApi,
        connections: set[Any],
        tasks: set[asyncio.Task[Any]],
        query: bytes,
        address: str,
    ) -> None:
        self._api = api
        self._connections = connections
        self._tasks = tasks
        self._query = query
        self._address = address
        self._loop = asyncio.get_running_loop()
        self._library = ServerProtocol(max_size=api.message_limit, logger=_library_log)
        self._transport = cast("asyncio.Transport", None)
        self._session = cast("Session", None)
        self._message = bytearray()
        self._waiting: deque[bytes] = deque()
        self._in_flight = 0
        self._lagging = self._paused = self._stopping = False
        self._out: list[bytes] = []
        self._controls = self._second = 0
        self._opened_s = self._ponged_s = self._pinged_s = self._loop.time()
        self._lagging_s = 0.0
        self._deadline_s = self._opened_s + HANDSHAKE_S
        """When the socket is given up, unless what it waits for has happened; 0: it waits for nothing."""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over the socket."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(BACKLOG_BYTES, BACKLOG_BYTES // 4)
        self._connections.add(self)
        self._timer = self._loop.call_later(CHECK_S, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave no trace; cancel the account's orders when the session asked for that."""
        self._connections.discard(self)
        if self._timer:
            self._timer.cancel()
        self._waiting.clear()
        if self._session is None:
            return
        self._session.close()
        who = self._session.logged_on
        if who is not None and who.cancels_on_disconnect:
            self._start(self._api.cancel_all(who))

    def data_received(self, data: bytes) -> None:
        """Take in what the client sent."""
        for start in range(0, len(data), _SLICE):
            self._library.receive_data(data[start : start + _SLICE])
            for event in self._library.events_received():
                self._handle(event)
        self._pass_on()

    def eof_received(self) -> None:
        """Let the transport close, within a deadline."""
        self._library.receive_eof()
        self._leave()

    def pause_writing(self) -> None:
        """Take no more requests of a client that does not read."""
        self._lagging = True
        self._lagging_s = self._loop.time()
        self._pace()

    def resume_writing(self) -> None:
        """Go on: it reads again."""
        self._lagging = False
        self._take_waiting()
        self._pace()

    def shutdown(self) -> None:
        """Take no more requests because the worker stops (called by the server); then say goodbye."""
        if self._library.state is State.CONNECTING:
            self._transport.abort()
        elif self._library.state is State.OPEN:
            now_ms = self._api.door.wall_ns() // 1_000_000
            self.tell(b'{"event":{"e":"serverShutdown","E":%d}}' % now_ms)
            self._stopping = True
            self._waiting.clear()
            self._end_if_done()

    def _end_if_done(self) -> None:
        if self._stopping and not self._in_flight:
            self._stop(CloseCode.GOING_AWAY, "Server shutdown")

    def tell(self, payload: bytes) -> None:
        """Send a message with everything else that is said in this turn of the loop."""
        if self._library.state is not State.OPEN:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(frame_of(payload))

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self._library.state is State.OPEN:
            self._transport.write(b"".join(out))
            if self._transport.get_write_buffer_size() > EVENTS_BYTES:
                self._stop(CloseCode.POLICY_VIOLATION, "Too slow a reader")

    def _handle(self, event: object) -> None:
        if isinstance(event, Request):
            self._open(event)
            return
        assert isinstance(event, Frame)
        if self._library.state is not State.OPEN:
            return
        opcode = event.opcode
        if opcode is Opcode.TEXT and event.fin:
            self._receive(event.data)
        elif opcode is Opcode.TEXT or opcode is Opcode.CONT:
            # Of a fragmented message only its bytes are kept, however many fragments there are.
            self._message += event.data
            if event.fin:
                message, self._message = self._message, bytearray()
                self._receive(message)
        elif opcode is Opcode.BINARY:
            self._stop(CloseCode.UNSUPPORTED_DATA, "Only text is understood")
        else:
            self._control(opcode)

    def _control(self, opcode: Opcode) -> None:
        now_s = self._loop.time()
        if opcode is Opcode.PONG:
            self._ponged_s = now_s
        if int(now_s) != self._second:
            self._second, self._controls = int(now_s), 0
        self._controls += 1
        if self._controls > self._api.ws.messages_limit:
            self._stop(CloseCode.POLICY_VIOLATION, "Too many control frames")

    def _open(self, request: Request) -> None:
        if self._library.eof_sent:
            # Frames came before the handshake was answered, and they were wrong.
            self._transport.abort()
            return
        self._library.send_response(self._admit(request))
        self._pass_on()
        if self._library.state is State.OPEN:
            self._deadline_s = 0.0
            self._ponged_s = self._pinged_s = self._loop.time()

    def _admit(self, request: Request) -> Response:
        api = self._api
        try:
            opening = opening_of(self._query, self._address)
        except errors.Refused as refusal:
            return self._library.reject(refusal.status, f"{refusal.msg}\n")
        self._session = Session(opening, api.events, api.door.wall_ns(), self.tell)
        return self._library.accept(request)

    def _receive(self, data: bytes | bytearray | memoryview) -> None:
        if self._stopping:
            return
        message = bytes(data)
        try:
            message.decode()
        except UnicodeDecodeError:
            self._stop(CloseCode.INVALID_DATA, "Text must be UTF-8")
            return
        if self._waiting or self._in_flight >= IN_FLIGHT_LIMIT or self._lagging:
            self._waiting.append(message)
            self._pace()
        else:
            self._serve(message)

    def _serve(self, message: bytes) -> None:
        self._in_flight += 1
        self._start(self._answer(message)).add_done_callback(partial(self._served, message))

    async def _answer(self, message: bytes) -> None:
        # Told at once, not when the task is looked at in the next turn of the loop: an event of the
        # subscription that was just made would go before the answer that announces it.
        self.tell(await self._api.answer(self._session, message))

    def _served(self, message: bytes, task: "asyncio.Task[None]") -> None:
        self._in_flight -= 1
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self.tell(self._api.failed(self._session, message, error))
        self._end_if_done()
        if self._waiting:
            self._take_waiting()
            self._pace()

    def _start(self, work: Any) -> "asyncio.Task[Any]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _take_waiting(self) -> None:
        while self._waiting and self._in_flight < IN_FLIGHT_LIMIT and not self._lagging:
            self._serve(self._waiting.popleft())

    def _pace(self) -> None:
        """Read on, or not: what was read and cannot be begun yet is at most one read of the socket."""
        wanted = bool(self._waiting) or self._lagging
        if wanted == self._paused or self._transport.is_closing():
            return
        self._paused = wanted
        if wanted:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _check(self) -> None:
        """Do what is due: pings, revoked keys, and the end of what took too long."""
        self._timer = self._loop.call_later(CHECK_S, self._check)
        now_s, ws = self._loop.time(), self._api.ws
        if self._deadline_s:
            if now_s > self._deadline_s:
                self._transport.abort()
            return
        if self._lagging and now_s - self._lagging_s > ws.slow_reader_s:
            self._stop(CloseCode.POLICY_VIOLATION, "Too slow a reader")
        elif now_s - self._ponged_s > ws.pong_timeout_s and not self._paused:
            self._stop(CloseCode.POLICY_VIOLATION, "Pong timeout")
        elif now_s - self._opened_s > ws.connection_s:
            self._stop(CloseCode.GOING_AWAY, "Connection too old")
        elif now_s - self._pinged_s >= ws.ping_interval_s:
            self._pinged_s = now_s
            self._library.send_ping(str(int(now_s * 1000)).encode())
            self._pass_on()
        for message in self._api.check_session(self._session):
            self.tell(message)

    def _stop(self, code: CloseCode, reason: str) -> None:
        """Say why and hang up, whatever the client still sends."""
        self._write(self._out)
        self._out = []
        self._library.fail(code, reason)
        self._pass_on()

    def _pass_on(self) -> None:
        self._write(self._library.data_to_send())
        if self._library.close_expected():
            self._leave()

    def _write(self, pieces: Iterable[bytes]) -> None:
        for data in pieces:
            if self._transport.is_closing():
                break
            if data:
                self._transport.write(data)
            else:
                self._transport.write_eof()

    def _leave(self) -> None:
        if self._session is not None:
            self._session.close()
        if not self._deadline_s:
            self._deadline_s = self._loop.time() + CLOSE_S
