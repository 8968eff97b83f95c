"""Listen keys of user data streams (API section 9): made here, asked for by the broadcaster."""

from ingress import errors
from ingress.door import Asked, Door
from ingress.present import Told


async def start(door: Door, asked: Asked) -> Told:
    """POST /api/v3/userDataStream: the account's live key, for an hour from now."""
    return {"listenKey": door.listen_keys.open(asked.account)}


async def ping(door: Door, asked: Asked) -> Told:
    """PUT /api/v3/userDataStream."""
    if not door.listen_keys.extend(_own(door, asked)):
        raise _no_key()
    return {}


async def stop(door: Door, asked: Asked) -> Told:
    """DELETE /api/v3/userDataStream."""
    if not door.listen_keys.close(_own(door, asked)):
        raise _no_key()
    return {}


def _own(door: Door, asked: Asked) -> str:
    key: str = asked.values["listenKey"]
    if door.listen_keys.account_of(key) != asked.account:
        raise _no_key()
    return key


def _no_key() -> errors.Refused:
    return errors.Refused(-1125, "This listenKey does not exist.")
