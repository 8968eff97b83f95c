"""Answer one REST request: admit it, run its operation, make the reply.

Nothing a client sends may do more than get a refusal in the dialect's JSON: whatever an operation
raises ends as a reply. Two ways lead to `answer`: Falcon routes every path and answers those that
do not exist; and the lane, for requests that need no routing (`ingress/connection.py`). The WebSocket API
(`ingress/ws_api.py`) comes in by `fulfil`, which both share.
"""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, NamedTuple

import falcon.asgi
import msgspec

from ingress import auth, errors
from ingress.batches import BATCH
from ingress.door import Asked, Door, Operation
from ingress.form import Form, read_form
from ingress.heads import Lane, Sender, sender_of
from ingress.params import Request
from ingress.plain import PlainOrders
from ingress.requests import PLACE
from ingress.timing import begin
from protocol.board_reads import Unreadable
from runtime.shared import NotPublished

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Respond = Callable[..., Awaitable[None]]
log = logging.getLogger("ingress")
_encode = msgspec.json.encode
_PLAIN = {PLACE: PlainOrders.read_order, BATCH: PlainOrders.read_batch}
"""How the requests are read that compiled code may do."""
_WEIGHT_LINES = b"x-mbx-used-weight: %d\r\nx-mbx-used-weight-1m: %d\r\n"
_COUNT_LINES = _WEIGHT_LINES + b"x-mbx-order-count-10s: %d\r\nx-mbx-order-count-1d: %d\r\n"


class Reply(NamedTuple):
    """One answer: its status, its JSON, and what its headers tell beside type and length."""

    status: int
    body: bytes
    used_weight: int
    order_counts: tuple[int, int] | None = None
    retry_after_s: int | None = None

    def head(self) -> bytes:
        """Write the headers that are ours."""
        # One template for nearly all answers: these lines are written once for every request.
        weight = self.used_weight
        if self.order_counts is None:
            head = _WEIGHT_LINES % (weight, weight)
        else:
            head = _COUNT_LINES % (weight, weight, *self.order_counts)
        if self.retry_after_s is not None:
            head += b"retry-after: %d\r\n" % self.retry_after_s
        return head


def answer(
    door: Door,
    request: Request,
    operation: Operation,
    sender: Sender,
    query: bytes,
    body: bytes,
    address: str,
) -> Coroutine[Any, Any, Reply]:
    """Do one REST request and make its reply, whatever it is."""
    # A GET has its parameters in the query string alone (API section 1).
    plain = _PLAIN.get(request)
    read = partial(plain, door.plain) if plain else read_form
    form = partial(read, query, b"" if request.verb == "GET" else body)
    return fulfil(door, request, operation, form, sender, address)


async def fulfil(
    door: Door,
    request: Request,
    operation: Operation,
    form_of: Callable[[], Form],
    sender: Sender,
    address: str,
) -> Reply:
    """Do one request and make its reply, whatever door it came by; `form_of` may refuse."""
    timing = begin()
    asked: Asked | None = None
    try:
        used = door.limits.admit(address, door.wall_ns())
        form = form_of()
        key = None
        if request.permission:
            text = auth.key_text(sender.api_key)
            held = door.keys.known(text) or await door.keys.find(text)
            key = auth.check_key(held, request.permission, address)
        asked = door.admit(request, form, key, sender.unit)
        told = await operation(door, asked)
    except errors.Refused as refusal:
        reply = refused(door, request, asked, address, refusal)
    except (NotPublished, Unreadable) as error:
        log.warning("shared memory cannot be read: %s", error)
        reply = refused(door, request, asked, address, errors.disconnected())
    else:
        if not request.free_when_done:
            used = door.limits.charge(address, request.cost(asked.values), asked.now_ns)
        body = told if type(told) is bytes else _encode(told)
        reply = Reply(200, body, used, asked.order_counts)
    door.stopwatch.done(timing, reply.status)
    return reply


def refused(
    door: Door, request: Request, asked: Asked | None, address: str, refusal: errors.Refused
) -> Reply:
    """Make the reply of a request that was refused, and charge what it weighs."""
    weight = 0
    if refusal.code != errors.OVER_LIMIT:
        weight = request.cost(asked.values if asked is not None else {})
    used = door.limits.charge(address, weight, door.wall_ns())
    return Reply(refusal.status, _encode(refusal.body()), used, None, refusal.retry_after_s)


class Incoming(falcon.asgi.Request):
    """A request whose query string and body stay bytes: Falcon would decode and parse them."""

    __slots__ = ("query",)

    def __init__(self, scope: Scope, receive: Any, *args: Any, **kwargs: Any) -> None:
        self.query: bytes = scope["query_string"]
        super().__init__({**scope, "query_string": b""}, receive, *args, **kwargs)

    @property
    def address(self) -> str:
        """The address that the connection comes from."""
        client = self.scope.get("client")
        return client[0] if client else ""

    async def body(self, limit: int) -> bytes:
        """Read the whole body, up to one piece more than `limit`."""
        event = self._first_event or {}  # Falcon has taken it from the server already.
        body: bytes = event.get("body", b"")
        while event.get("more_body") and len(body) <= limit:
            event = await self._receive()
            body += event.get("body", b"")
        return body


def responder(door: Door, request: Request, operation: Operation) -> Respond:
    """Make the Falcon responder of one request."""

    async def respond(req: Incoming, resp: falcon.asgi.Response) -> None:
        limit = door.rest.max_body_bytes
        body = await req.body(limit)
        if len(body) > limit:
            reply = refused(
                door, request, None, req.address, errors.Refused(*errors.BODY_TOO_LARGE)
            )
        else:
            sender = sender_of(req.scope["headers"])
            reply = await answer(door, request, operation, sender, req.query, body, req.address)
        resp.status = reply.status
        resp.data = reply.body
        for line in reply.head().decode().splitlines():
            resp.set_header(*line.split(": "))

    return respond


def lane(door: Door, operations: Mapping[Request, Operation]) -> Lane:
    """Make the table of what answers a verb and a path straight from the connection."""
    return Lane(
        {
            (request.verb.encode(), request.path.encode()): partial(
                answer, door, request, operation
            )
            for request, operation in operations.items()
        }
    )
