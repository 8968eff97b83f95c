"""Traders: clients that retry as real ones do, each through the gateway of an ingress worker.

A request that was refused is asked again later, one whose outcome is unknown is asked again with the same
text id, until there is an answer. What each heard is kept, to be held against the journal in the end.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from ingress.errors import Refused
from ingress.gateway import Gateway
from protocol.records import Event
from protocol.terms import CommandKind, OrdType, Side, TimeInForce

Fields = dict[str, int | bytes]
OVERLOADED, UNKNOWN = -1008, -1007


class _Timer:
    def __init__(self, when_s: float, call: Callable[[], Any]) -> None:
        self.when_s = when_s
        self.call: Callable[[], Any] | None = call

    def cancel(self) -> None:
        self.call = None


class VirtualLoop:
    """As much of an asyncio loop as a gateway and its futures need, on virtual time."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._soon: list[Callable[[], Any]] = []
        self._timers: list[_Timer] = []

    def time(self) -> float:
        return self._now_ns() / 1e9

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)  # type: ignore[arg-type]

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: Any) -> None:
        """Nobody hears that a future's answer was not looked at: its connection is gone."""

    def call_soon(self, call: Callable[..., Any], *args: Any, context: Any = None) -> None:
        self._soon.append(lambda: call(*args))

    def call_later(self, delay_s: float, call: Callable[..., Any], *args: Any) -> _Timer:
        return self.call_at(self.time() + delay_s, call, *args)

    def call_at(self, when_s: float, call: Callable[..., Any], *args: Any) -> _Timer:
        timer = _Timer(when_s, lambda: call(*args))
        self._timers.append(timer)
        return timer

    def run(self) -> None:
        """Call what is due."""
        due = [timer for timer in self._timers if timer.when_s <= self.time()]
        self._timers = [timer for timer in self._timers if timer not in due]
        soon, self._soon = self._soon, []
        for call in (*soon, *(timer.call for timer in due)):
            if call:
                call()


class Trader:
    """One client with one account and at most one request at a time."""

    def __init__(self, account: int, rng: Random, script: list[Fields] | None = None) -> None:
        self.account = account
        self.heard: list[Event] = []
        self.answered = 0
        self.retries = 0
        self.may_ask: int | None = 0
        """How many new requests it makes; None: one after the other."""
        self._rng = rng
        self._script = script
        self._texts: list[bytes] = []
        self._fields: Fields | None = None
        self._future: asyncio.Future[list[Event]] | None = None
        self._made = 0

    @property
    def waits(self) -> bool:
        """Whether a request has no final answer yet."""
        return self._fields is not None or bool(self._script or self.may_ask)

    def step(self, gateway: Gateway, *, ready: bool) -> None:
        """Hear the answer, or ask."""
        if self._future is not None:
            if self._future.done():
                self._hear(self._future)
            return
        if self._fields is None:
            if self._script is not None:
                self._fields = self._script.pop(0) if self._script else None
            elif self.may_ask is None or self.may_ask > 0:
                self._fields = self._next()
                if self.may_ask:
                    self.may_ask -= 1
        if self._fields is not None and ready:
            self._future = gateway.ask(dict(self._fields))

    def forget(self) -> None:
        """The connection is gone: what was asked has an unknown outcome, and is asked again."""
        if self._future is not None:
            self._future.cancel()
            self._future = None
            self.retries += 1

    def _hear(self, future: "asyncio.Future[list[Event]]") -> None:
        self._future = None
        refusal = future.exception()
        if refusal is not None:
            assert isinstance(refusal, Refused), refusal
            assert refusal.code in (OVERLOADED, UNKNOWN), refusal.code
            self.retries += 1
            return
        self.heard += future.result()
        self.answered += 1
        self._fields = None

    def _next(self) -> Fields:
        rng = self._rng
        choice = rng.random()
        if choice < 0.2 and self._texts:
            target = rng.choice(self._texts)
            return {"kind": CommandKind.CANCEL, "account": self.account, "target_cl_ord_id": target}
        if choice < 0.22:
            return {"kind": CommandKind.CANCEL_ALL, "account": self.account}
        self._made += 1
        if choice < 0.26:
            return self._transfer()
        text = f"{self.account}-{self._made}".encode()
        self._texts = [*self._texts[-20:], text]
        fields: Fields = {
            "kind": CommandKind.ENTER,
            "account": self.account,
            "side": rng.choice((Side.BUY, Side.SELL)),
            "ord_type": OrdType.LIMIT,
            "time_in_force": rng.choice((TimeInForce.GTC, TimeInForce.GTC, TimeInForce.IOC)),
            "price": rng.randint(96, 104),
            "order_qty": rng.randint(1, 40),
            "cl_ord_id": text,
        }
        if choice > 0.93:
            fields["ord_type"], fields["time_in_force"] = OrdType.STOP_LOSS, TimeInForce.GTC
            fields["stop_px"], fields["price"] = fields["price"], 0
        return fields

    def _transfer(self) -> Fields:
        kind = self._rng.choice((CommandKind.DEPOSIT, CommandKind.WITHDRAW))
        reference = f"transfer {self.account} {self._made}".encode()
        asset, amount = self._rng.randrange(2), self._rng.randint(1, 500)
        return {"kind": kind, "account": self.account, "asset": asset, "amount": amount,
                "cl_ord_id": reference}  # fmt: skip
