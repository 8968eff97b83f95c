"""Answer one REST request: read it raw, admit it, run its operation, write the answer.

Nothing a client sends may do more than get a refusal in the dialect's JSON. So the query string is
kept from Falcon, which would decode and parse it; bodies are read by hand, up to a limit, and never as
JSON; and whatever an operation raises ends as a refusal.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import falcon
import falcon.asgi
import msgspec
from falcon.asgi_spec import EventType

from ingress import errors
from ingress.door import Asked, Door, Operation
from ingress.form import read_form
from ingress.params import Request
from protocol.board_reads import Unreadable
from runtime.shared import NotPublished

Respond = Callable[..., Awaitable[None]]
log = logging.getLogger("ingress")
_encode = msgspec.json.encode
_API_KEY, _TIME_UNIT = b"x-mbx-apikey", b"x-mbx-time-unit"


class Incoming(falcon.asgi.Request):
    """A request whose query string and body stay bytes."""

    __slots__ = ("query",)

    def __init__(self, scope: dict[str, Any], receive: Any, *args: Any, **kwargs: Any) -> None:
        self.query: bytes = scope["query_string"]
        scope["query_string"] = b""
        super().__init__(scope, receive, *args, **kwargs)

    def raw(self, name: bytes) -> bytes:
        """Return a header as bytes, empty when it was not sent."""
        return self._asgi_headers.get(name, b"")

    @property
    def address(self) -> str:
        """The address that the connection comes from."""
        client = self.scope.get("client")
        return client[0] if client else ""

    async def body(self, limit: int) -> bytes:
        """Read the whole body.

        Raises: Refused (413) when it is longer than `limit`, however that was announced.
        """
        if self.method == "GET":
            return b""
        event = await self._receive()
        body: bytes = event.get("body", b"")
        while event["type"] == EventType.HTTP_REQUEST and event.get("more_body"):
            if len(body) > limit:
                break
            event = await self._receive()
            body += event.get("body", b"")
        if len(body) > limit:
            raise errors.Refused(*errors.BODY_TOO_LARGE)
        return body


def responder(door: Door, request: Request, operation: Operation) -> Respond:
    """Make the Falcon responder of one request."""

    async def respond(req: Incoming, resp: falcon.asgi.Response) -> None:
        asked: Asked | None = None
        try:
            form = read_form(req.query, await req.body(door.rest.max_body_bytes))
            asked = await door.admit(
                request, form, req.raw(_API_KEY), req.address, req.raw(_TIME_UNIT)
            )
            answer = await operation(door, asked)
        except errors.Refused as refusal:
            _refuse(door, request, asked, req, resp, refusal)
            return
        except (NotPublished, Unreadable) as error:
            log.warning("shared memory cannot be read: %s", error)
            _refuse(door, request, asked, req, resp, errors.disconnected())
            return
        weight = 0 if request.free_when_done else request.cost(asked.values)
        _tell_weight(resp, door.limits.charge(req.address, weight, asked.now_ns))
        for name, value in asked.extra_headers.items():
            resp.set_header(name, value)
        resp.data = answer if type(answer) is bytes else _encode(answer)

    return respond


def _refuse(
    door: Door,
    request: Request,
    asked: Asked | None,
    req: Incoming,
    resp: falcon.asgi.Response,
    refusal: errors.Refused,
) -> None:
    weight = request.cost(asked.values if asked is not None else {})
    _tell_weight(resp, door.limits.charge(req.address, weight, door.wall_ns()))
    tell_refusal(resp, refusal)


def tell_refusal(resp: falcon.asgi.Response, refusal: errors.Refused) -> None:
    """Write a refusal as the answer."""
    resp.status = refusal.status
    resp.data = _encode(refusal.body())
    if refusal.retry_after_s is not None:
        resp.set_header("Retry-After", str(refusal.retry_after_s))


def _tell_weight(resp: falcon.asgi.Response, used: int) -> None:
    text = str(used)
    resp.set_header("X-MBX-USED-WEIGHT", text)
    resp.set_header("X-MBX-USED-WEIGHT-1M", text)
