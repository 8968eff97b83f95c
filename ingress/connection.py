"""One HTTP connection: uvicorn's, with limits and with the dialect's JSON for what is no request.

Added to uvicorn's httptools protocol: a limit on the size of the head (request line and headers), a
limit on how long a request may take to arrive, on idle connections from the first byte on, and on
the number of connections. A request that comes in one packet, as they all do, arms no timer.
"""

from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from ingress import errors

HEAD_LIMIT = 32 * 1024
ARRIVAL_LIMIT_S = 30.0
CONNECTIONS_LIMIT = 10_000
_IDLE, _HEAD, _BODY = range(3)


class Connection(HttpToolsProtocol):
    """One connection of one client."""

    _state = _IDLE
    _head_size = 0
    _arrival: Any = None
    _refused = False

    def connection_made(self, transport: Any) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_LIMIT:
            self._close_with(errors.overloaded())
            return
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes as they come."""
        if self._refused:
            return
        if self._state != _BODY and not self._head_fits(data):
            self._close_with(errors.Refused(*errors.HEADERS_TOO_LARGE))
            return
        super().data_received(data)
        if self._state == _IDLE:
            self._stop_clock()
        elif self._arrival is None and not self._refused:
            self._arrival = self.loop.call_later(ARRIVAL_LIMIT_S, self.timeout_keep_alive_handler)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._state = _HEAD
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin the body of a request."""
        self._state = _BODY
        self._head_size = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request."""
        self._state = _IDLE
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are not HTTP."""
        self._close_with(errors.Refused(*errors.MALFORMED))

    def _unsupported_upgrade_warning(self) -> None:
        """Say nothing: the request is answered as if no upgrade had been asked for."""

    def _head_fits(self, data: bytes) -> bool:
        if self._state == _IDLE and len(data) <= HEAD_LIMIT:
            self._head_size = len(data)
            return True
        end = data.find(b"\r\n\r\n")
        self._head_size += len(data) if end < 0 else end
        return self._head_size <= HEAD_LIMIT

    def _stop_clock(self) -> None:
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _close_with(self, refusal: errors.Refused) -> None:
        self._refused = True
        self._stop_clock()
        self._unset_keepalive_if_required()
        body = msgspec.json.encode(refusal.body())
        head = [
            STATUS_LINE[refusal.status],
            b"content-type: application/json\r\nconnection: close\r\n",
            b"content-length: %d\r\n\r\n" % len(body),
        ]
        self.transport.write(b"".join([*head, body]))
        self.transport.close()
