"""The WebSocket API: the same requests as REST, asked by name over one connection (API section 13).

Every request of `ingress/app.py: OPERATIONS` has a method name and is parsed, admitted and done by the
very code that serves REST. This file finds it by its name, says who asks (a key in the request, or the one
that the session has logged on with), and writes the answer. Requests do not wait for one another.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import msgspec

from conf.sections import Ws
from ingress import errors, ws_requests
from ingress.batches import BATCH
from ingress.door import TIME_UNITS, Door, Operation
from ingress.form import Form
from ingress.gateway import Fields
from ingress.heads import Sender
from ingress.limits import WsLimits
from ingress.params import Request
from ingress.requests import CANCEL, PLACE
from ingress.responder import Reply, fulfil, log
from ingress.user_events import UserEvents
from ingress.ws_message import NO_ID, Call, WrongMessage, answer_of, read_call
from ingress.ws_runs import Runs
from ingress.ws_session import LoggedOn, Opening, Session
from protocol.records import ALL_INSTRUMENTS
from protocol.terms import CommandKind

PATH = b"/ws-api/v3"
_WEIGHT_OF_NONSENSE = 1
_CANCEL_PAUSE_S = 0.5
_CANCEL_S = 60.0
"""An account whose connection was lost is cancelled for so long, until the matcher answers."""
_ONLY_ASK = frozenset(
    prefix + request.method for request in (PLACE, CANCEL) for prefix in ("", "v3/")
)
"""Methods that wait for the matcher only."""
_DIALECT_METHODS_NOT = ("system.", "asset.", "capital.", "margin.")
"""Beginnings of names that are REST's alone (the wallet stubs)."""


class WsApi:
    """What all connections of one worker share."""

    def __init__(
        self,
        door: Door,
        operations: Mapping[Request, Operation],
        ws: Ws,
        events: UserEvents,
        limits: WsLimits,
    ) -> None:
        self.door = replace(door, limits=limits)
        self.limits = limits
        self.runs = Runs(self.door, limits)
        self.ws = ws
        self.events = events
        self.message_limit = door.rest.max_body_bytes
        self._methods = {
            request.method: (request, operation)
            for request, operation in operations.items()
            if not request.method.startswith(_DIALECT_METHODS_NOT)
        }
        self._own = {
            request.method: (request, operation)
            for request, operation in ws_requests.OPERATIONS.items()
        }

    @property
    def methods(self) -> list[str]:
        """Return the names of all methods."""
        return [*self._methods, *self._own]

    def read(self, message: bytes) -> Call | WrongMessage:
        """Read what one message asks."""
        try:
            return read_call(message)
        except WrongMessage as wrong:
            return wrong

    def only_asks(self, session: Session, call: Call | WrongMessage) -> bool:
        """Tell whether a request waits for the matcher and for nothing else, as an `Errand` may."""
        if isinstance(call, WrongMessage) or call.method not in _ONLY_ASK:
            return False
        who = session.logged_on
        api_key = call.fields.get("apiKey") or (who.api_key if who else "")
        # An unknown key is looked up in the database.
        return self.door.keys.known(api_key) is not None

    async def answer(self, session: Session, call: Call | WrongMessage) -> bytes:
        """Do what a message asks and write the answer, whatever it is."""
        limits = session.opening.returns_limits
        if isinstance(call, WrongMessage):
            reply = self._refuse(session, call.refusal)
        else:
            limits = call.returns_limits(usually=limits)
            reply = await self._reply(session, call)
        told = self.limits.told(reply.order_counts, reply.used_weight) if limits else None
        return answer_of(call.id, reply, told, self.door.wall_ns())

    def failed(self, session: Session, call: Call | WrongMessage, error: BaseException) -> bytes:
        """Answer what ended in a bug: the client hears -1000, the log has the rest."""
        log.error("a request over WebSocket failed", exc_info=error)
        reply = self._refuse(session, errors.Refused(*errors.UNKNOWN))
        return answer_of(call.id, reply, None, self.door.wall_ns())

    def check_session(self, session: Session) -> list[bytes]:
        """End what was begun with keys that are revoked by now; return what the client is told of it."""
        if not session.check_keys(self.door.keys, self.door.wall_ns()):
            return []
        told = errors.Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        reply = Reply(told.status, msgspec.json.encode(told.body()), 0)
        return [answer_of(NO_ID, reply, None, 0)]

    async def cancel_all(self, who: LoggedOn) -> None:
        """Cancel all orders of an account whose connection was lost, however often it must be asked (P-6)."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _CANCEL_S
        while loop.time() < deadline:
            command: Fields = {
                "kind": CommandKind.CANCEL_ALL,
                "account": who.account,
                "instrument": ALL_INSTRUMENTS,
            }
            try:
                await self.door.ask(command)
            except errors.Refused:
                await asyncio.sleep(_CANCEL_PAUSE_S)
            else:
                return
        log.error("the orders of account %d could not be cancelled", who.account)

    async def _reply(self, session: Session, call: Call) -> Reply:
        method = call.method.removeprefix("v3/")
        api_key = call.fields.get("apiKey", "")
        found = self._methods.get(method)
        proved = False
        if found is not None:
            request, operation = found
            if not api_key and session.logged_on is not None and request.permission:
                api_key, proved = session.logged_on.api_key, True
        else:
            own = self._own.get(method)
            if own is None:
                told = f"Unknown method '{method[:64]}'. {errors.UNSUPPORTED[1]}"
                return self._refuse(session, errors.Refused(-1020, told))
            request, operation = own[0], partial(own[1], session, api_key)
        opening = session.opening
        sender = Sender(api_key.encode(), opening.unit)
        form = partial(call.form, proved=proved)
        if request is BATCH:
            form = partial(self._batch, form)
        return await fulfil(self.door, request, operation, form, sender, opening.address)

    def _batch(self, form_of: Callable[[], Form]) -> Form:
        """Read the form of a batch of new orders, which may be plain ones."""
        return self.door.plain.batch_of_fields(form_of())

    def _refuse(self, session: Session, refusal: errors.Refused) -> Reply:
        limits, address, now_ns = self.door.limits, session.opening.address, self.door.wall_ns()
        weight = _WEIGHT_OF_NONSENSE
        try:
            limits.admit(address, now_ns)
        except errors.Refused as over_limit:
            refusal, weight = over_limit, 0
        used = limits.charge(address, weight, now_ns)
        body = msgspec.json.encode(refusal.body())
        return Reply(refusal.status, body, used, None, refusal.retry_after_s)


def opening_of(query: bytes, address: str) -> Opening:
    """Read the query of a connection's address.

    Raises: Refused (-1130, -1194).
    """
    fields = dict(pair.partition("=")[::2] for pair in query.decode("latin-1").split("&") if pair)
    told = fields.get("returnRateLimits", "true").lower()
    if told not in ("true", "false"):
        raise errors.not_valid("returnRateLimits")
    unit = fields.get("timeUnit", "").upper().encode("latin-1")
    if unit not in TIME_UNITS:
        raise errors.Refused(
            -1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
        )
    return Opening(address, unit, TIME_UNITS[unit], told == "true")
