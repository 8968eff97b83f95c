"""One WebSocket connection to the API: bytes in and out, kept to its limits.

The HTTP connection (`ingress/connection.py`) hands its socket over with the head of the request that asks
for the upgrade. What a connection is at any door is in `runtime/websocket.py`; answers of one turn of the
loop leave in one write.

Requests are in flight side by side, up to a limit; beyond it nothing more is read, so a client that
sends faster than it is answered waits in its own socket. The same when it does not read its answers.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import partial
from typing import Any, cast

from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

from ingress import errors
from ingress.plain_messages import RUN_LIMIT, Burst, PlainRun
from ingress.ws_api import WsApi, opening_of
from ingress.ws_message import Call, WrongMessage
from ingress.ws_runs import Apart
from ingress.ws_session import Session
from runtime.errand import Errand
from runtime.websocket import TOO_SLOW, WebSocket, text_frame

IN_FLIGHT_LIMIT = 1024
"""Requests of one connection that are being done at a time."""
BACKLOG_BYTES = 1 << 20
"""Answers that wait for a slow reader before no more requests of it are taken."""
EVENTS_BYTES = 1 << 24
"""Events that wait for a slow reader before it is disconnected."""
CHECK_S = 1.0

_library_log = logging.getLogger("ingress.websockets")
_library_log.setLevel(logging.WARNING)


class WsConnection(WebSocket):
    """One connection. `connections` and `tasks` are those that the server waits for when it stops."""

    def __init__(
        self,
        api: WsApi,
        connections: set[Any],
        tasks: set[Any],
        query: bytes,
        address: str,
    ) -> None:
        super().__init__(api.message_limit, _library_log)
        self._api = api
        self._connections = connections
        self._tasks = tasks
        self._query = query
        self._address = address
        self._session = cast("Session", None)
        self._message = bytearray()
        self._waiting: deque[bytes] = deque()
        self._in_flight = self._unbegun = 0
        self._fresh: list[bytes | Burst] = []
        self._context = copy_context()
        self._paused = self._stopping = False
        self._out: list[bytes] = []
        self._controls = self._second = 0
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

    def pause_writing(self) -> None:
        """Take no more requests of a client that does not read."""
        super().pause_writing()
        self._pace()

    def resume_writing(self) -> None:
        """Go on: it reads again."""
        super().resume_writing()
        self._take_waiting()
        self._pace()

    def shutdown(self) -> None:
        """Take no more requests because the worker stops (called by the server); then say goodbye."""
        if self._library.state is State.CONNECTING:
            self.abort()
        elif self.is_open:
            now_ms = self._api.door.wall_ns() // 1_000_000
            self.tell(b'{"event":{"e":"serverShutdown","E":%d}}' % now_ms)
            self._stopping = True
            self._waiting.clear()
            self._end_if_done()

    def _end_if_done(self) -> None:
        if self._stopping and not self._in_flight:
            self.stop(CloseCode.GOING_AWAY, "Server shutdown")

    def close(self, code: CloseCode, reason: str) -> None:
        """Say goodbye and hang up: nothing more is asked of it."""
        self.stop(code, reason)

    def stop(self, code: CloseCode, reason: str) -> None:
        """Say what is still to be said, and why it ends, and hang up, whatever the client still sends."""
        self._write_all(self._out)
        self._out = []
        super().stop(code, reason)

    def tell(self, payload: bytes) -> None:
        """Send a message with everything else that is said in this turn of the loop."""
        self._tell_frames(text_frame(payload))

    def _tell_frames(self, frames: bytes) -> None:
        if not self.is_open:
            return
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(frames)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self.is_open:
            self._transport.write(b"".join(out))
            if self._transport.get_write_buffer_size() > EVENTS_BYTES:
                self.stop(CloseCode.POLICY_VIOLATION, TOO_SLOW)

    def _take(self, frame: Frame) -> None:
        if not self.is_open:
            return
        opcode = frame.opcode
        if opcode is Opcode.TEXT and frame.fin:
            self._receive(frame.data)
        elif opcode is Opcode.TEXT or opcode is Opcode.CONT:
            # Of a fragmented message only its bytes are kept, however many fragments there are.
            self._message += frame.data
            if frame.fin:
                message, self._message = self._message, bytearray()
                self._receive(message)
        elif opcode is Opcode.BINARY:
            self.stop(CloseCode.UNSUPPORTED_DATA, "Only text is understood")
        else:
            self._control()

    def _take_text(self, data: bytes) -> None:
        self._receive(data)

    def _control(self) -> None:
        second = int(self._loop.time())
        if second != self._second:
            self._second, self._controls = second, 0
        self._controls += 1
        if self._controls > self._api.ws.messages_limit:
            self.stop(CloseCode.POLICY_VIOLATION, "Too many control frames")

    def _admit(self, request: Request) -> Response:
        api = self._api
        now_ns = api.door.wall_ns()
        try:
            opening = opening_of(self._query, self._address)
            api.limits.connect(self._address, now_ns)
        except errors.Refused as refusal:
            response = self._library.reject(refusal.status, f"{refusal.msg}\n")
            if refusal.retry_after_s is not None:
                response.headers["Retry-After"] = str(refusal.retry_after_s)
            return response
        self._session = Session(opening, api.events, now_ns, self.tell)
        return self._library.accept(request)

    def _receive(self, data: bytes | bytearray | memoryview) -> None:
        if self._stopping:
            return
        message = bytes(data)
        try:
            message.decode()
        except UnicodeDecodeError:
            self.stop(CloseCode.INVALID_DATA, "Text must be UTF-8")
            return
        if self._waiting or self._in_flight >= IN_FLIGHT_LIMIT or self.lagging:
            self._waiting.append(message)
            self._pace()
        else:
            self._serve(message)

    def _take_whole(self, data: bytes, at: int) -> int:
        """Take text frames a burst at a time; those that are not plain are seen one by one."""
        if self.is_open and self._is_between:
            while at < len(data) and self._is_calm:
                burst, stop = self._api.runs.messages.take(data, at, self._message_limit)
                if not burst.count or not burst.text.isascii():
                    break
                self._serve(burst, burst.count)
                at = stop
        return super()._take_whole(data, at)

    @property
    def _is_calm(self) -> bool:
        """Tell whether a burst can be served at once."""
        room = IN_FLIGHT_LIMIT - self._in_flight
        return room >= RUN_LIMIT and not (self._waiting or self.lagging or self._stopping)

    def _serve(self, message: bytes | Burst, count: int = 1) -> None:
        self._in_flight += count
        if not self._fresh:
            self._loop.call_soon(self._begin_fresh)
        self._fresh.append(message)

    def _begin_fresh(self) -> None:
        """Begin what came in one turn, in its order."""
        fresh, self._fresh = self._fresh, []
        for piece in self._api.runs.part(self._session, fresh):
            if isinstance(piece, PlainRun):
                self._begin_run(piece)
            else:
                self._begin_each(piece)

    def _begin_run(self, run: PlainRun) -> None:
        if not self._unbegun:
            errand = self._begin_errand(self._answer_run(run), partial(self._run_went, run))
            if not isinstance(errand.error, Apart):
                return
        self._begin_each(run.messages)

    def _begin_each(self, messages: list[bytes]) -> None:
        for message in messages:
            self._begin(self._api.read(message))

    def _begin_errand(
        self, work: Coroutine[Any, Any, None], done: Callable[[Errand], None]
    ) -> Errand:
        errand = Errand(work, done)
        self._tasks.add(errand)
        errand.begin(self._context)
        return errand

    def _begin(self, call: Call | WrongMessage) -> None:
        # What was sent first is begun first: while a task has yet to begin, everything waits for its turn.
        if not self._unbegun and self._api.only_asks(self._session, call):
            self._begin_errand(self._answer(call), partial(self._went, call))
        else:
            self._unbegun += 1
            self._start(self._in_turn(call)).add_done_callback(partial(self._served, call))

    async def _in_turn(self, call: Call | WrongMessage) -> None:
        self._unbegun -= 1
        await self._answer(call)

    async def _answer(self, call: Call | WrongMessage) -> None:
        # Told at once, not when the task is looked at in the next turn of the loop: an event of the
        # subscription that was just made would go before the answer that announces it.
        self.tell(await self._api.answer(self._session, call))

    async def _answer_run(self, run: PlainRun) -> None:
        self._tell_frames(await self._api.runs.answer(self._session.opening, run))

    def _run_went(self, run: PlainRun, errand: Errand) -> None:
        self._tasks.discard(errand)
        if isinstance(errand.error, Apart):
            # Known before anything was waited for: who began it goes on.
            return
        self._in_flight -= run.count
        if isinstance(errand.error, asyncio.CancelledError):
            return
        if errand.error is not None:
            self._tell_frames(self._api.runs.failed(run, errand.error))
        self._go_on()

    def _went(self, call: Call | WrongMessage, errand: Errand) -> None:
        self._tasks.discard(errand)
        self._ended(call, errand.error)

    def _served(self, call: Call | WrongMessage, task: "asyncio.Task[None]") -> None:
        self._ended(call, asyncio.CancelledError() if task.cancelled() else task.exception())

    def _ended(self, call: Call | WrongMessage, error: BaseException | None) -> None:
        self._in_flight -= 1
        if isinstance(error, asyncio.CancelledError):
            return
        if error is not None:
            self.tell(self._api.failed(self._session, call, error))
        self._go_on()

    def _go_on(self) -> None:
        """Begin what waited for the end of another request, if any does."""
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
        while self._waiting and self._in_flight < IN_FLIGHT_LIMIT and not self.lagging:
            self._serve(self._waiting.popleft())

    def _pace(self) -> None:
        """Read on, or not: what was read and cannot be begun yet is at most one read of the socket."""
        wanted = bool(self._waiting) or self.lagging
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
        self.check(self._loop.time(), self._api.ws, hears=not self._paused)
        if not self._deadline_s:
            for message in self._api.check_session(self._session):
                self.tell(message)

    def _left(self) -> None:
        if self._session is not None:
            self._session.close()
