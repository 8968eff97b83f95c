"""Serve the operator's door over HTTP: a thread per connection, few connections, no client's data.

A route is `(door, request) -> Answer`; the table names verb and path. What is not there is answered 404, what
fails 400 or 503 with one line of JSON that says why.

Below the paths that are for pages, a page of the same host may read the answers (CORS): the operator's page is served
by REST, on another port and so from another origin. It still needs a key, which no page has by itself.
"""

import json
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

BODY_LIMIT = 65536
IDLE_S = 30.0
CONNECTIONS = 64
"""Requests served at the same time; the next one is answered 503."""
log = logging.getLogger("office")


@dataclass(frozen=True)
class Asked:
    """One request: what follows the route's path, the query, the JSON of the body, who asks."""

    rest: str
    query: Mapping[str, str]
    body: Mapping[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What is sent back: bytes of a kind, or an object as JSON."""

    status: int
    told: Any
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class NotServed(Exception):
    """The request is refused with this status and reason."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


Route = Callable[[Asked], Answer]
Routes = Mapping[tuple[str, str], Route]
"""By verb and path; a path that ends in / serves all that begin with it."""


class Door(ThreadingHTTPServer):
    """The listening socket, and its routes."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = CONNECTIONS

    def __init__(self, host: str, port: int, routes: Routes, for_pages: str = "") -> None:
        self.routes = routes
        self.for_pages = for_pages
        """What begins so may be read by pages of this host; empty: nothing."""
        self.active = 0
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def route(self, verb: str, path: str) -> tuple[Route, str]:
        """Return what serves a path, and what follows the route's own part.

        Raises: NotServed.
        """
        found = [
            known
            for _, known in self.routes
            if path == known or (known.endswith("/") and path.startswith(known))
        ]
        if found:
            known = max(found, key=len)
            if route := self.routes.get((verb, known)):
                return route, path[len(known) :]
            raise NotServed(405, f"{path} does not take {verb}")
        raise NotServed(404, f"there is no {path} here")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a connection that broke; a broken connection is no fault of ours."""
        log.debug("a connection broke: %s", client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "openbourse"
    sys_version = ""
    timeout = IDLE_S

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def do_OPTIONS(self) -> None:
        """Tell a browser what a page may ask, before it asks."""
        if self.headers.get("Content-Length", "0") != "0" or self.headers.get("Transfer-Encoding"):
            self.close_connection = True
        self.send_response(204)
        for name, value in self._page_headers().items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Log nothing per request: the audit trail has what matters."""

    def _serve(self) -> None:
        door = cast("Door", self.server)
        door.active += 1
        try:
            answer = self._answer(door)
        except NotServed as refusal:
            answer = Answer(refusal.status, {"error": str(refusal)})
            # What was not read of the body must not be taken for the next request.
            self.close_connection = True
        finally:
            door.active -= 1
        self._send(answer)

    def _answer(self, door: Door) -> Answer:
        if door.active > CONNECTIONS:
            raise NotServed(503, f"{CONNECTIONS} requests are being served, which is the limit")
        parts = urlsplit(self.path)
        route, rest = door.route(self.command, parts.path)
        body = self._body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        return route(Asked(rest, dict(parse_qsl(parts.query)), body, headers))

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or self.headers.get("Transfer-Encoding"):
            raise NotServed(411, "say the length of the body (Content-Length)")
        if int(length) > BODY_LIMIT:
            raise NotServed(413, f"the body is longer than {BODY_LIMIT} bytes")
        text = self.rfile.read(int(length))
        if not text:
            return {}
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise NotServed(400, f"the body is not JSON: {error}") from error
        if not isinstance(found, dict):
            raise NotServed(400, "the body must be one JSON object")
        return found

    def _send(self, answer: Answer) -> None:
        is_json = answer.kind == "application/json"
        body = json.dumps(answer.told).encode() if is_json else answer.told
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        for name, value in {**self._page_headers(), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _page_headers(self) -> dict[str, str]:
        """Return what lets a page of this host read the answer; {} for everything else."""
        for_pages, origin = cast("Door", self.server).for_pages, self.headers.get("Origin", "")
        path = urlsplit(self.path).path
        if not for_pages or not path.startswith(for_pages):
            return {}
        if not _same_host(origin, self.headers.get("Host", "")):
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type",
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
        }


def _same_host(origin: str, host: str) -> bool:
    """Whether a page of this origin lies on the host that was asked, whatever the ports."""
    try:
        page, here = urlsplit(origin), urlsplit(f"//{host}")
        return (
            page.scheme in ("http", "https")
            and bool(page.hostname)
            and page.hostname == here.hostname
        )
    except ValueError:
        return False
