"""One HTTP connection: uvicorn's, with limits, and with a lane of its own for our requests.

Added to uvicorn's httptools protocol: a limit on the size of the head (request line and headers), on
how long a request may take to arrive and an answer to be read, on idle connections from the first byte
on, and on the number of connections; the dialect's JSON for what is no request at all; and the lane. A
request of the lane's table goes straight to its `Serve` when its last byte is in, and its reply back in
one write: the ASGI messages, Falcon's routing and its objects would cost as much as the order itself; one
that is here in one piece, with a head that came before, needs no parser either (`ingress/heads.py`). A
request to upgrade to a WebSocket at the path of the WebSocket API leaves HTTP: its head and its socket
go to a `WsConnection`, and this object is done. Whatever is unusual (a pipelined request, an Expect
header, a client that does not read) takes uvicorn's way through Falcon, which answers every request,
and the same.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ingress import errors
from ingress.heads import Lane, Serve, sender_of
from ingress.responder import Reply, log
from ingress.ws_api import PATH, WsApi
from ingress.ws_connection import WsConnection
from runtime.forwarded import Proxies

HEAD_LIMIT = 32 * 1024
ARRIVAL_LIMIT_S = 30.0
LINGER_S = 1.0
DRAIN_S = 2.0
"""A worker that stops ends an idle connection after so long; on one that asks before, it answers, and says that it ends."""
CONNECTIONS_LIMIT = 10_000
_IDLE, _HEAD, _BODY = range(3)
_JSON = b"content-type: application/json\r\ncontent-length: %d\r\n"
_CLOSE = b"connection: close\r\n\r\n"
_NO_PROXIES = Proxies()


_NO_LANE = Lane({})
_last_written: tuple[object, bytes] = (None, b"")


def _written(headers: list[tuple[bytes, bytes]]) -> bytes:
    """Write the headers of every answer; the server makes another list of them each second."""
    global _last_written  # noqa: PLW0603 - one list at a time, for all connections of a worker
    if headers is not _last_written[0]:
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        _last_written = headers, lines
    return _last_written[1]


class _Ignored:
    """Stands for the event that wakes a reader of the body; nobody reads a lane's body piece by piece."""

    def set(self) -> None:
        """Do nothing."""


class LaneCycle:
    """One request in the lane, with the members that uvicorn's connection looks at."""

    message_event = _Ignored()
    body = b""
    more_body = True
    disconnected = False
    response_complete = False

    def __init__(self, serve: Serve, query: bytes, keep_alive: bool) -> None:
        self.serve = serve
        self.query = query
        self.keep_alive = keep_alive


class Connection(HttpToolsProtocol):
    """One connection of one client."""

    _state = _IDLE
    _head_size = 0
    _refused = False
    _whole = b""
    """What came last, when it came while the connection was idle: perhaps one whole request."""
    _upgrades = False
    """The request now read asks for the WebSocket API, and gets it."""
    _unread_since: float | None = None
    """Since when the client has more answers to read than are kept for it."""
    _since: float
    """When the request began to arrive, or the connection became idle."""
    _watcher: asyncio.TimerHandle
    cycle: Any
    tasks: set[asyncio.Task[Any]]
    _in_lane: LaneCycle

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lane: Lane = getattr(self.app, "lane", _NO_LANE)
        self._ws_api: WsApi | None = getattr(self.app, "ws_api", None)
        self._body_limit: int = getattr(self.app, "body_limit", 1 << 20)
        self._proxies: Proxies = getattr(self.app, "proxies", _NO_PROXIES)

    def connection_made(self, transport: Any) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        self._address = self.client[0] if self.client else ""
        self._is_proxy = self._address in self._proxies
        self._since = self.loop.time()
        if len(self.connections) > CONNECTIONS_LIMIT:
            self._close_with(errors.overloaded())
            return
        self._watch(ARRIVAL_LIMIT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._watcher.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Take the requests that clients have sent without knowing that the worker stops (called by the server).

        To close an idle connection at once would fail a request that is on its way.
        """
        setattr(self.app, "leaves", True)  # noqa: B010 - an ASGI application has no such member by itself
        self._end_after(self.cycle)
        self.loop.call_later(DRAIN_S, self._end_if_idle)

    @property
    def _leaves(self) -> bool:
        return getattr(self.app, "leaves", False)

    def _end_after(self, cycle: Any) -> None:
        """Make the answer to this request the connection's last one, and say so in it."""
        if cycle is None or cycle.response_complete:
            return
        cycle.keep_alive = False
        if type(cycle) is not LaneCycle:
            cycle.default_headers = [*cycle.default_headers, (b"connection", b"close")]

    def _end_if_idle(self) -> None:
        if self._state == _IDLE and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        super().pause_writing()
        self._unread_since = self.loop.time()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        super().resume_writing()
        self._unread_since = None

    def data_received(self, data: bytes) -> None:
        """Take bytes as they come."""
        if self._refused:
            return
        self._whole = b""
        # Of a proxy's requests the head says who sends them, so each is read.
        if self._state == _IDLE and len(data) <= HEAD_LIMIT and not self._is_proxy:
            if self._came_before(data):
                return
            self._whole = data
        if self._state != _BODY and not self._head_fits(data):
            self._close_with(errors.Refused(*errors.HEADERS_TOO_LARGE))
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._upgrades:
                self._hand_over(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self.send_400_response("")

    def _came_before(self, data: bytes) -> bool:
        """Serve a request whose head came before; False: it must be parsed."""
        found = self._lane.find(data)
        free = self.cycle is None or self.cycle.response_complete
        if found is None or not free or self.flow.write_paused or self._leaves:
            return False
        head, query, body = found
        self._since = self.loop.time()
        self.cycle = cycle = LaneCycle(head.serve, query, True)
        self._start(cycle, head.serve(head.sender, query, body, self._address))
        return True

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._state = _HEAD
        self._since = self.loop.time()
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Choose the way of a request and begin its body."""
        self._state = _BODY
        self._head_size = 0
        free = self.cycle is None or self.cycle.response_complete
        if self.parser.should_upgrade() and free and self._asks_for_ws_api():
            self._upgrades = True
            return
        if free and not self.expect_100_continue and not self.flow.write_paused:
            path, _, query = self.url.partition(b"?")
            serve = self._lane.table.get((self.parser.get_method(), path))
            if serve is not None:
                kept = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
                kept = kept and not self._leaves
                self.cycle = LaneCycle(serve, query, kept)
                return
        url, headers = self.url, self.headers
        expects = self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(headers)
        super().on_headers_complete()
        if self._is_proxy:
            self.scope["client"] = self._client(), 0
        if self._leaves:
            self._end_after(self.pipeline[0][0] if self.pipeline else self.cycle)

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        if self._upgrades:
            return
        cycle = self.cycle
        if type(cycle) is not LaneCycle:
            super().on_body(body)
            return
        cycle.body += body
        if len(cycle.body) > self._body_limit:
            # The parser stops at the exception; what was sent is refused in `send_400_response`.
            raise httptools.HttpParserCallbackError("the body is too large")

    def on_message_complete(self) -> None:
        """Serve a request of the lane, now that all of it is here."""
        self._state = _IDLE
        if self._upgrades:
            return
        cycle = self.cycle
        if type(cycle) is not LaneCycle:
            super().on_message_complete()
            return
        sender = sender_of(self.headers)
        if self._whole and cycle.keep_alive:
            self._lane.learn(self._whole, cycle.body, self.headers, cycle.serve, sender)
            self._whole = b""
        self._start(cycle, cycle.serve(sender, cycle.query, cycle.body, self._client()))

    def _start(self, cycle: LaneCycle, served: Coroutine[Any, Any, Reply]) -> None:
        cycle.more_body = False
        self._in_lane = cycle
        task = self.loop.create_task(served)
        self.tasks.add(task)
        task.add_done_callback(self._served)

    def _served(self, task: "asyncio.Task[Any]") -> None:
        """Write the reply; there is at most one request of this connection in the lane."""
        self.tasks.discard(task)
        if task.cancelled():
            self.transport.close()
        elif (error := task.exception()) is None:
            self._write(self._in_lane, task.result())
        else:
            # A bug: the client hears -1000, the log has the rest.
            log.error("a request failed", exc_info=error)
            refusal = errors.Refused(*errors.UNKNOWN)
            self._write(self._in_lane, Reply(500, msgspec.json.encode(refusal.body()), 0))

    def _write(self, cycle: LaneCycle, reply: Reply) -> None:
        cycle.response_complete = True
        if cycle.disconnected or self.transport.is_closing():
            return
        end = b"\r\n" if cycle.keep_alive else _CLOSE
        common = _written(self.server_state.default_headers)
        status, body = STATUS_LINE[reply.status], reply.body
        lines = _JSON % len(body)
        self.transport.write(b"".join((status, common, reply.head(), lines, end, body)))
        if not cycle.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def on_response_complete(self) -> None:
        """Note that an answer was written; the next request that waits is served."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._since = self.loop.time()
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP, or more of them than a body may have."""
        cycle = self.cycle
        large = type(cycle) is LaneCycle and len(cycle.body) > self._body_limit
        self._close_with(errors.Refused(*(errors.BODY_TOO_LARGE if large else errors.MALFORMED)))

    def _should_upgrade(self) -> bool:
        """Answer every request that comes this far as if no upgrade had been asked for."""
        return False

    def _asks_for_ws_api(self) -> bool:
        here = self.url.partition(b"?")[0] == PATH and self.parser.get_method() == b"GET"
        return here and self._ws_api is not None and self._get_upgrade() == b"websocket"

    def _hand_over(self, rest: bytes) -> None:
        """Leave HTTP: the WebSocket connection gets the socket, the head, and what came behind it."""
        assert self._ws_api
        self._watcher.cancel()
        self.connections.discard(self)
        query = self.url.partition(b"?")[2]
        ws = WsConnection(self._ws_api, self.connections, self.tasks, query, self._client())
        self.transport.set_protocol(ws)
        ws.connection_made(self.transport)
        head = [b"GET %b HTTP/1.1\r\n" % self.url]
        head += [b"%b: %b\r\n" % header for header in self.headers]
        ws.data_received(b"".join([*head, b"\r\n", rest]))

    def _client(self) -> str:
        """Return the address of whoever sent the request now read."""
        if not self._is_proxy:
            return self._address
        return self._proxies.client(self._address, self.headers)

    def _head_fits(self, data: bytes) -> bool:
        if self._state == _IDLE and len(data) <= HEAD_LIMIT:
            self._head_size = len(data)
            return True
        end = data.find(b"\r\n\r\n")
        self._head_size += len(data) if end < 0 else end
        return self._head_size <= HEAD_LIMIT

    def _watch(self, seconds: float) -> None:
        self._watcher = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """End the connection when it was idle, its request arriving or its answer unread for too long."""
        now_s = self.loop.time()
        if self._unread_since is not None and now_s - self._unread_since >= ARRIVAL_LIMIT_S:
            self.transport.abort()
            return
        if self.cycle is not None and not self.cycle.response_complete and self._state == _IDLE:
            self._watch(ARRIVAL_LIMIT_S)
            return
        limit = self.timeout_keep_alive if self._state == _IDLE else ARRIVAL_LIMIT_S
        left = self._since + limit - now_s
        if left > 0:
            self._watch(min(left, ARRIVAL_LIMIT_S))
        else:
            self.transport.close()
            # What is unread would keep the closed socket open for ever.
            self._watch(ARRIVAL_LIMIT_S)

    def _unset_keepalive_if_required(self) -> None:
        """Leave the watcher alone: it looks at `_since`, which costs less than a timer a request."""

    def _close_with(self, refusal: errors.Refused) -> None:
        self._refused = True
        body = msgspec.json.encode(refusal.body())
        head = [STATUS_LINE[refusal.status], _JSON % len(body), _CLOSE]
        self.transport.write(b"".join([*head, body]))
        # Closing at once, with bytes of the client unread, would reset the connection and take the
        # answer with it: so what still comes is thrown away for a moment.
        self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.close)
