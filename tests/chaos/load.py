"""Clients that trade, retry as careful ones do, and remember what they were told.

An order whose answer was lost is first asked for by its text id, then sent again under it, until the exchange
has said either yes or that it has it already. Everything that was acknowledged is kept, to be held against the books.
"""

import itertools
import random
import re
import threading
import time
from dataclasses import dataclass, field

from commands.rest_client import Keys, RestClient, Unknown
from commands.venue import Rejected

SYMBOL = "BTCUSDT"
PATIENCE_S = 90.0
"""Within this time every order must have a clear answer, whatever goes on."""
_ANSWER_S = 3.0
_OPEN = 12
"""Orders an account leaves open before it cancels some."""
_DUPLICATE = re.compile("-2010 Duplicate order sent")
_NO_SUCH_ORDER = re.compile("-2013")
_GONE = re.compile("-2011")
_FULL = re.compile("-1008")
_TIMED_OUT = re.compile("-1007")


@dataclass
class Told:
    """What clients were told; each client has its own, `together` adds them up."""

    acknowledged: dict[str, int] = field(default_factory=dict)
    """By text id, the order id; 0 when only a later refusal as duplicate told that it exists."""
    cancelled: set[str] = field(default_factory=set)
    answers: list[tuple[float, float]] = field(default_factory=list)
    """When each order was first sent, and when it was acknowledged."""
    unknown: int = 0
    timed_out: int = 0
    full: int = 0
    duplicates: int = 0
    found: int = 0
    """Orders without an answer that were found when asked for."""


class Client(threading.Thread):
    """One account: enters orders that trade with those of others, and cancels, until ended."""

    def __init__(self, address: tuple[str, int], keys: Keys, prefix: str, seed: int) -> None:
        super().__init__(name=prefix, daemon=True)
        self.told = Told()
        self.failure = ""
        self.ended = threading.Event()
        self._rest = RestClient(*address, timeout_s=_ANSWER_S)
        self._keys = keys
        self._prefix = prefix
        self._dice = random.Random(seed)
        self._open: list[str] = []

    def run(self) -> None:
        try:
            for number in itertools.count():
                if self.ended.is_set():
                    return
                self._trade(f"{self._prefix}-{number}")
        except (Rejected, TimeoutError, KeyError) as error:
            self.failure = f"{self.name}: {error!r}"
        finally:
            self._rest.connection.close()

    def _trade(self, text: str) -> None:
        side = self._dice.choice(("BUY", "SELL"))
        away = self._dice.randint(-2, 12) * (-1 if side == "BUY" else 1)
        waits = self._dice.choice(("GTC", "GTC", "IOC"))
        self.enter(text, side=side, timeInForce=waits, price=f"{50_000 + away}.00")
        if waits == "GTC":
            self._open.append(text)
        while len(self._open) > _OPEN and not self.ended.is_set():
            self._cancel(self._open.pop(self._dice.randrange(len(self._open))))

    def enter(self, text: str, **fields: str) -> None:
        """Enter an order and come back when it is known to be in the exchange."""
        rest = {"symbol": SYMBOL, "type": "LIMIT", "quantity": "0.00100"}
        begun = time.monotonic()
        while time.monotonic() < begun + PATIENCE_S:
            try:
                asked = {**fields, **rest, "newClientOrderId": text}
                answer = self._rest.signed("POST", "/api/v3/order", self._keys, **asked)
                self._note(text, int(answer["orderId"]), begun)
            except Unknown as error:
                self._count(error)
                if not self._is_there(text, begun):
                    continue
            except Rejected as refusal:
                if not _DUPLICATE.search(str(refusal)):
                    raise
                self.told.duplicates += 1
                self._note(text, 0, begun)
            return
        raise TimeoutError(f"{text}: no clear answer in {PATIENCE_S:g} s")

    def _is_there(self, text: str, begun: float) -> bool:
        """Ask for an order that was not answered; what is not there may still be on its way."""
        while time.monotonic() < begun + PATIENCE_S:
            try:
                about = {"symbol": SYMBOL, "origClientOrderId": text}
                found = self._rest.signed("GET", "/api/v3/order", self._keys, **about)
            except Unknown:
                # Refused connections and closed doors: knock again, but not as fast as one can.
                self.ended.wait(0.02)
            except Rejected as refusal:
                if not _NO_SUCH_ORDER.search(str(refusal)):
                    raise
                return False
            else:
                self.told.found += 1
                self._note(text, int(found["orderId"]), begun)
                return True
        return False

    def _cancel(self, text: str) -> None:
        """Cancel an order, or hear that it has ended already."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                about = {"symbol": SYMBOL, "origClientOrderId": text}
                self._rest.signed("DELETE", "/api/v3/order", self._keys, **about)
            except Unknown as error:
                self._count(error)
                self.ended.wait(0.02)
                continue
            except Rejected as refusal:
                if not _GONE.search(str(refusal)):
                    raise
            else:
                self.told.cancelled.add(text)
            return
        raise TimeoutError(f"cancel of {text}: no clear answer in {PATIENCE_S:g} s")

    def _count(self, error: Unknown) -> None:
        self.told.unknown += 1
        self.told.timed_out += bool(_TIMED_OUT.search(str(error)))
        self.told.full += bool(_FULL.search(str(error)))

    def _note(self, text: str, order_id: int, begun: float) -> None:
        self.told.acknowledged[text] = order_id
        self.told.answers.append((begun, time.monotonic()))


def first_order(address: tuple[str, int], keys: Keys, text: str) -> float:
    """Knock until an order is taken, as somebody who comes just now; return when that was known.

    The price is far from the market: it rests.
    """
    deadline = time.monotonic() + PATIENCE_S
    fields = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    fields |= {"price": "20000.00", "quantity": "0.00100", "newClientOrderId": text}
    while time.monotonic() < deadline:
        rest = RestClient(*address, timeout_s=0.2)
        try:
            rest.signed("POST", "/api/v3/order", keys, **fields)
        except Unknown:
            time.sleep(0.01)
        except Rejected as refusal:
            if _DUPLICATE.search(str(refusal)):
                return time.monotonic()
            raise
        else:
            return time.monotonic()
        finally:
            rest.connection.close()
    raise TimeoutError(f"no order was taken in {PATIENCE_S:g} s")


def together(clients: list[Client]) -> Told:
    """Add up what all clients were told."""
    whole = Told()
    for one in clients:
        whole.acknowledged |= one.told.acknowledged
        whole.cancelled |= one.told.cancelled
        # A copy: the clients go on meanwhile.
        whole.answers += list(one.told.answers)
        for name in ("unknown", "timed_out", "full", "duplicates", "found"):
            setattr(whole, name, getattr(whole, name) + getattr(one.told, name))
    return whole
