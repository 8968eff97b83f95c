"""The requests that only the WebSocket API knows (API section 13): sessions and user data subscriptions."""

from collections.abc import Awaitable, Callable
from typing import Any

from ingress import errors
from ingress.door import Asked, Door
from ingress.params import Request, Security, may, truth, whole_number
from ingress.present import Told
from ingress.ws_session import Session

_NO_VERB = _NO_PATH = ""


def _request(method: str, security: Security, *params: Any) -> Request:
    return Request(method, _NO_VERB, _NO_PATH, security, weight=2, params=params)


LOG_ON = _request("session.logon", Security.USER_DATA, may("cancelOnDisconnect", truth))
STATUS = _request("session.status", Security.NONE)
LOG_OUT = _request("session.logout", Security.NONE)
SUBSCRIPTIONS = _request("session.subscriptions", Security.NONE)
SUBSCRIBE_SIGNED = _request("userDataStream.subscribe.signature", Security.USER_DATA)
SUBSCRIBE = _request("userDataStream.subscribe", Security.NONE)
UNSUBSCRIBE = _request(
    "userDataStream.unsubscribe", Security.NONE, may("subscriptionId", whole_number)
)
PROVES_ITSELF = frozenset({LOG_ON, SUBSCRIBE_SIGNED})
"""Requests that need a signature whoever has logged on."""

SessionOperation = Callable[[Session, str, Door, Asked], Awaitable[Any]]
"""Does a request for a session; the text is the API key that the request was made with."""


async def log_on(session: Session, api_key: str, door: Door, asked: Asked) -> Told:
    """session.logon. `cancelOnDisconnect` is ours: the account's orders go when the connection does (P-6)."""
    return session.log_on(door, asked, api_key)


async def status(session: Session, api_key: str, door: Door, asked: Asked) -> Told:
    """session.status."""
    return session.status(asked)


async def log_out(session: Session, api_key: str, door: Door, asked: Asked) -> Told:
    """session.logout."""
    return session.log_out(asked)


async def subscriptions(session: Session, api_key: str, door: Door, asked: Asked) -> list[Told]:
    """session.subscriptions."""
    return session.subscriptions()


async def subscribe_signed(session: Session, api_key: str, door: Door, asked: Asked) -> Told:
    """userDataStream.subscribe.signature: any kind of key."""
    return await session.subscribe(asked.account, api_key, own=False)


async def subscribe(session: Session, api_key: str, door: Door, asked: Asked) -> Told:
    """userDataStream.subscribe: the account that is logged on."""
    who = session.logged_on
    if who is None:
        raise errors.Refused(-1002, "You are not authorized to execute this request.", 401)
    return await session.subscribe(who.account, who.api_key, own=True)


async def unsubscribe(session: Session, api_key: str, door: Door, asked: Asked) -> Told:
    """userDataStream.unsubscribe."""
    return session.unsubscribe(asked)


OPERATIONS: dict[Request, SessionOperation] = {
    LOG_ON: log_on,
    STATUS: status,
    LOG_OUT: log_out,
    SUBSCRIPTIONS: subscriptions,
    SUBSCRIBE_SIGNED: subscribe_signed,
    SUBSCRIBE: subscribe,
    UNSUBSCRIBE: unsubscribe,
}
