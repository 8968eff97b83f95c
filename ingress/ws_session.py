"""One connection to the WebSocket API: who has logged on, and what user data it is told (API section 13).

A session is logged on with an Ed25519 key, proved once; afterwards requests need no key and no signature.
User data subscriptions are its own or were signed each for itself; both are told under their number.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ingress import auth, errors
from ingress.auth import KeyRing
from ingress.door import Asked, Door
from ingress.present import Told
from ingress.user_events import Unsure, UserEvents
from ingress.ws_message import event_of
from protocol.user_reports import Report

SUBSCRIPTIONS_LIMIT = 1000
"""Subscriptions of one connection at a time."""
SUBSCRIPTION_IDS = 65_536
"""Numbers that one connection may give its subscriptions in its life."""


@dataclass(frozen=True)
class Opening:
    """What the address of a connection asked for, and from where."""

    address: str
    unit: bytes
    unit_ns: int
    returns_limits: bool


@dataclass(frozen=True)
class LoggedOn:
    """Who has logged on and since when."""

    api_key: str
    account: int
    since_ns: int
    cancels_on_disconnect: bool


@dataclass(frozen=True)
class Subscription:
    """User data of one account; `own`: it belongs to the session's log-on and ends with it."""

    account: int
    api_key: str
    own: bool


class Session:
    """The state of one connection; `tell` sends a message to the client."""

    def __init__(
        self,
        opening: Opening,
        events: UserEvents,
        connected_ns: int,
        tell: Callable[[bytes], None],
    ) -> None:
        self.opening = opening
        self.logged_on: LoggedOn | None = None
        self._events = events
        self._connected_ns = connected_ns
        self._tell = tell
        self._subscriptions: dict[int, Subscription] = {}
        self._next_id = 0
        self._closed = False

    def log_on(self, door: Door, asked: Asked, api_key: str) -> Told:
        """Take a key that has just been proved.

        Raises: Refused for keys whose signatures cost too much to be asked for only once.
        """
        key = door.keys.known(api_key)
        if key is None or not isinstance(key.seal, auth.Ed25519Seal):
            kind = "RSA" if key and isinstance(key.seal, auth.RsaSeal) else "HMAC_SHA256"
            raise errors.Refused(-4056, f"{kind} API key is not supported.")
        cancels = bool(asked.values.get("cancelOnDisconnect"))
        if self.logged_on is not None and self.logged_on.account != asked.account:
            self._end(asked.now_ns, lambda one: one.own)
        self.logged_on = LoggedOn(api_key, asked.account, asked.now_ns, cancels)
        return self.status(asked)

    def log_out(self, asked: Asked) -> Told:
        """Forget the key; the session's own subscriptions end."""
        if self.logged_on is not None:
            self.logged_on = None
            self._end(asked.now_ns, lambda one: one.own)
        return self.status(asked)

    def status(self, asked: Asked) -> Told:
        """Say who is logged on."""
        who, unit_ns = self.logged_on, asked.teller.unit_ns
        told: Told = {
            "apiKey": who.api_key if who else None,
            "authorizedSince": who.since_ns // unit_ns if who else None,
            "connectedSince": self._connected_ns // unit_ns,
            "returnRateLimits": self.opening.returns_limits,
            "serverTime": asked.now_ns // unit_ns,
            "userDataStream": bool(self._subscriptions),
        }
        if who and who.cancels_on_disconnect:
            told["cancelOnDisconnect"] = True
        return told

    def subscriptions(self) -> list[Told]:
        """Say which subscriptions are active."""
        return [{"subscriptionId": number} for number in self._subscriptions]

    async def subscribe(self, account: int, api_key: str, *, own: bool) -> Told:
        """Begin to tell an account's user data, from the answer on."""
        self._check_room(account)
        try:
            await self._events.subscribe(account, self)
        except Unsure:
            raise errors.disconnected() from None
        # While it waited, the client may have gone, or have asked the same again.
        try:
            self._check_room(account)
        except errors.Refused:
            if not self._listens_to(account):
                self._events.unsubscribe(account, self)
            raise
        if self._closed:
            self._events.unsubscribe(account, self)
        number = self._next_id
        self._next_id += 1
        self._subscriptions[number] = Subscription(account, api_key, own)
        return {"subscriptionId": number}

    def unsubscribe(self, asked: Asked) -> Told:
        """End one subscription, or all of them."""
        wanted = asked.values.get("subscriptionId")
        if wanted is not None and wanted not in self._subscriptions:
            raise errors.Refused(-2036, "User Data Stream subscription not active.")
        for number in [wanted] if wanted is not None else list(self._subscriptions):
            self._end_one(number, asked.now_ns)
        return {}

    def report(self, account: int, report: Report, now_ns: int) -> None:
        """Pass on one report (`user_events.Listener`)."""
        for number, one in self._subscriptions.items():
            if one.account == account:
                self._tell(event_of(number, report.told(now_ns, self.opening.unit_ns)))

    def lost(self, now_ns: int) -> None:
        """Say that the subscriptions have ended: what was missed cannot be had (`user_events.Listener`)."""
        for number in list(self._subscriptions):
            del self._subscriptions[number]
            self._tell_end(number, now_ns)

    def check_keys(self, keys: KeyRing, now_ns: int) -> bool:
        """End what was begun with a key that has been revoked; tell whether there was any."""
        gone = {one.api_key for one in self._subscriptions.values()}
        if self.logged_on is not None:
            gone.add(self.logged_on.api_key)
        gone = {key for key in gone if keys.known(key) is None}
        if not gone:
            return False
        if self.logged_on is not None and self.logged_on.api_key in gone:
            self.logged_on = None
        self._end(now_ns, lambda one: one.api_key in gone)
        return True

    def close(self) -> None:
        """Leave nothing behind."""
        self._closed = True
        for one in self._subscriptions.values():
            self._events.unsubscribe(one.account, self)
        self._subscriptions.clear()

    def _listens_to(self, account: int) -> bool:
        return any(one.account == account for one in self._subscriptions.values())

    def _check_room(self, account: int) -> None:
        if self._listens_to(account):
            raise errors.Refused(-2035, "User Data Stream subscription already active.")
        full = len(self._subscriptions) >= SUBSCRIPTIONS_LIMIT
        if full or self._next_id >= SUBSCRIPTION_IDS:
            raise errors.Refused(-2042, "Maximum subscription ID reached for this connection.")

    def _end(self, now_ns: int, which: Callable[[Subscription], bool]) -> None:
        for number, one in list(self._subscriptions.items()):
            if which(one):
                self._end_one(number, now_ns)

    def _end_one(self, number: int, now_ns: int) -> None:
        one = self._subscriptions.pop(number)
        self._events.unsubscribe(one.account, self)
        self._tell_end(number, now_ns)

    def _tell_end(self, number: int, now_ns: int) -> None:
        event: dict[str, Any] = {
            "e": "eventStreamTerminated",
            "E": now_ns // self.opening.unit_ns,
        }
        self._tell(event_of(number, event))
