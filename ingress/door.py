"""What every request goes through, and what all operations share.

An operation is `async (door, asked) -> answer`: it does not know whether it was asked over REST or the
WebSocket API. Once the key is known (`ingress/responder.py`), `Door.admit` makes an `Asked` of what came in, in the
dialect's order of checks (API section 2): time, signature, parameters.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from conf.sections import Rest
from ingress import auth, errors
from ingress.auth import Key, KeyRing
from ingress.form import Form
from ingress.gateway import Answer, Fields, Gateway, RawAnswer
from ingress.history import Pool, Watermark
from ingress.kept import Kept
from ingress.limits import Limits
from ingress.params import Request
from ingress.plain import PlainForm, PlainOrders
from ingress.present import MILLISECOND_NS, Teller
from ingress.stopwatch import Stopwatch
from ingress.timing import Timing
from ingress.views import Instrument, Views
from protocol.board_reads import DepthView, QueueView
from runtime.listen_keys import ListenKeys

TIME_UNITS = {
    b"": MILLISECOND_NS,
    b"MILLISECOND": MILLISECOND_NS,
    b"MICROSECOND": 1_000,
}


@dataclass(slots=True)
class Asked:
    """One admitted request: who asks, when, and with which values, or (`plain`) with which plain orders.

    `order_counts` go to the headers.
    """

    values: dict[str, Any]
    account: int
    now_ns: int
    teller: Teller
    order_counts: tuple[int, int] | None = None
    plain: PlainForm | None = None


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
    listen_keys: ListenKeys
    queues: Callable[[Instrument], Awaitable[QueueView]]
    kept: Kept = field(default_factory=Kept)
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    def __post_init__(self) -> None:
        """Make what is the same for all requests."""
        self.plain = PlainOrders(self.views)
        self._tellers = {unit: Teller(self.views, unit_ns) for unit, unit_ns in TIME_UNITS.items()}

    def admit(self, request: Request, form: Form, key: Key | None, unit: bytes) -> Asked:
        """Check time and signature and read the parameters.

        Raises: Refused.
        """
        now_ns = self.wall_ns()
        teller = self.teller(unit)
        if key is None:
            return Asked(request.parse(form.fields), 0, now_ns, teller)
        if request.signed:
            auth.check_time(form.fields, now_ns, self.rest.recv_window_ms)
            auth.check_signature(key, form)
        if isinstance(form, PlainForm):
            return Asked({}, key.account, now_ns, teller, plain=form)
        return Asked(request.parse(form.fields), key.account, now_ns, teller)

    def ask(self, *commands: Fields) -> "asyncio.Future[Answer]":
        """Send a command (or all legs of a list) to the matcher, unless it says that it takes none.

        Raises: Refused (-1008); nothing was journaled then.
        """
        if not self.views.is_ready():
            raise errors.overloaded()
        return self.gateway.ask(*commands)

    def ask_records(
        self, records: bytearray, count: int, timing: Timing | None = None
    ) -> "asyncio.Future[list[RawAnswer]]":
        """Send commands that are records already (`Gateway.ask_records`), unless the matcher takes none.

        Raises: Refused (-1008); nothing was journaled then. What is refused later lies in the answer.
        """
        if not self.views.is_ready():
            raise errors.overloaded()
        return self.gateway.ask_records(records, count, timing)

    def teller(self, unit: bytes) -> Teller:
        """Return what writes answers in a unit of time.

        Raises: Refused (-1194).
        """
        known = self._tellers.get(unit)
        if known is not None:
            return known
        if unit.upper() not in self._tellers:
            told = "Invalid value for time unit; expected either MICROSECOND or MILLISECOND."
            raise errors.Refused(-1194, told)
        return self._tellers[unit.upper()]


Operation = Callable[[Door, Asked], Awaitable[Any]]
"""Does one request and returns what `msgspec` encodes, or bytes that are JSON already."""

Table = Mapping[Request, Operation]
