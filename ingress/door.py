"""What every request goes through, and what all operations share.

An operation is `async (door, asked) -> answer`: it does not know whether it was asked over REST or the
WebSocket API. `Door.admit` turns what came in into an `Asked`, in the dialect's order of checks
(API section 2): key, time, signature, parameters.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conf.settings import Rest
from ingress import auth, errors
from ingress.auth import KeyRing
from ingress.form import Form
from ingress.gateway import Gateway
from ingress.history import Pool, Watermark
from ingress.kept import Kept
from ingress.limits import Limits
from ingress.params import Request
from ingress.present import MILLISECOND_NS, Teller
from ingress.views import Instrument, Views
from protocol.board_reads import DepthView

TIME_UNITS = {
    b"": MILLISECOND_NS,
    b"MILLISECOND": MILLISECOND_NS,
    b"MICROSECOND": 1_000,
}
log = logging.getLogger("ingress")


@dataclass(slots=True)
class Asked:
    """One admitted request: who asks, when, and with which values. `extra_headers` are the answer's."""

    values: dict[str, Any]
    account: int
    now_ns: int
    teller: Teller
    extra_headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Door:
    """The parts of one worker, made by hand in `ingress/app.py` and by tests."""

    rest: Rest
    views: Views
    gateway: Gateway
    keys: KeyRing
    limits: Limits
    pool: Pool
    watermark: Watermark
    deep: Callable[[Instrument], Awaitable[DepthView]]
    wall_ns: Callable[[], int]
    kept: Kept = field(default_factory=Kept)

    async def admit(
        self, request: Request, form: Form, api_key: bytes | None, address: str, unit: bytes
    ) -> Asked:
        """Check who asks and read the parameters.

        Raises: Refused.
        """
        now_ns = self.wall_ns()
        teller = Teller(self.views, time_unit(unit))
        account = 0
        if request.security.value:
            text = auth.key_text(api_key)
            held = self.keys.known(text) or await self.keys.find(text)
            key = auth.check_key(held, request.security, address)
            if request.security.signed:
                auth.check_time(form.fields, now_ns, self.rest.recv_window_ms)
                auth.check_signature(key, form)
            account = key.account
        return Asked(request.parse(form.fields), account, now_ns, teller)


def time_unit(header: bytes) -> int:
    """Read the header X-MBX-TIME-UNIT as nanoseconds.

    Raises: Refused (-1194).
    """
    unit = TIME_UNITS.get(header.upper())
    if unit is None:
        told = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
        raise errors.Refused(-1194, told)
    return unit


Operation = Callable[[Door, Asked], Awaitable[Any]]
"""Does one request and returns what `msgspec` encodes, or bytes that are JSON already."""

Table = Mapping[Request, Operation]
