"""A running flow of crossing orders that remembers what it was told, for tests that kill processes."""

import itertools
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from commands.rest_client import Keys, RestClient
from commands.venue import Rejected
from tests.system.exchange_fixture import Exchange

_DUPLICATE = re.compile("-2010 Duplicate order sent")
_UNKNOWN = re.compile(r"no answer|HTTP 5\d\d|-1000|-1001|-1007|-1008|-1016")
"""Not acknowledged: the order may or may not exist, a retry with the same text id finds out."""


_FLOWS = itertools.count()


@dataclass(frozen=True)
class Maker:
    """Who trades in a flow."""

    name: str
    side: str
    keys: Keys


class Flow(threading.Thread):
    """Two accounts that trade with each other, one order at a time, until stopped.

    Every order has a text id of its own and is sent again under it until the exchange has said
    either yes or that it has it already: what a careful client does.
    """

    def __init__(self, client: RestClient, prefix: str, buyer: Keys, seller: Keys) -> None:
        super().__init__(daemon=True)
        self.prefix = prefix
        self.acknowledged: dict[str, int] = {}
        """By text id, the order id; 0 when only a later refusal as duplicate told that it exists."""
        self.answers: list[tuple[float, float]] = []
        """When each order was acknowledged, and how many seconds after it was first sent."""
        self.retries = 0
        self.failure = ""
        self._client = client
        self._sides = (Maker("b", "BUY", buyer), Maker("s", "SELL", seller))
        self._stopped = threading.Event()

    def run(self) -> None:
        """Send orders until stopped, or until one is refused for a reason that it should not be."""
        number = 0
        while not self._stopped.is_set() and not self.failure:
            for maker in self._sides:
                self._enter(maker, f"{self.prefix}-{maker.name}-{number}")
            number += 1

    def finish(self) -> None:
        """Stop after the pair under way."""
        self._stopped.set()
        self.join(60)
        assert not self.is_alive(), "the flow hangs"
        assert self.failure == ""

    def _enter(self, maker: Maker, text_id: str) -> None:
        fields = {
            "symbol": "BTCUSDT",
            "side": maker.side,
            "type": "LIMIT",
            "timeInForce": "GTC",
            "quantity": "0.00100",
            "price": "50000.00",
            "newClientOrderId": text_id,
        }
        begun = time.monotonic()
        for _ in range(3000):
            try:
                answer = self._client.signed("POST", "/api/v3/order", maker.keys, **fields)
            except Rejected as refusal:
                if _DUPLICATE.search(str(refusal)):
                    self._note(text_id, 0, begun)
                    return
                if not _UNKNOWN.search(str(refusal)):
                    self.failure = f"{text_id}: {refusal}"
                    return
                self.retries += 1
                # The door may be closed for a moment: knock again, but not as fast as one can.
                self._stopped.wait(0.02)
            else:
                self._note(text_id, answer["orderId"], begun)
                return
        self.failure = f"{text_id}: no clear answer"

    def _note(self, text_id: str, order_id: int, begun: float) -> None:
        now = time.monotonic()
        self.acknowledged[text_id] = order_id
        self.answers.append((now, now - begun))


@pytest.fixture
def flow(venue: Exchange) -> Iterator[Flow]:
    """A flow between the demo accounts, running; no order of another one has its text ids."""
    prefix = f"f{next(_FLOWS)}"
    one = Flow(venue.client(), prefix, venue.demo_keys("alice"), venue.demo_keys("bob"))
    one.start()
    yield one
    one.finish()


def go_on(venue: Exchange, flow: Flow, orders: int = 50) -> None:
    """Wait until so many more orders have been acknowledged."""
    wanted = len(flow.acknowledged) + orders
    venue.until(
        lambda: len(flow.acknowledged) >= wanted or flow.failure, f"{orders} more orders", 60
    )
    assert flow.failure == ""
