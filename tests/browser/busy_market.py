"""A market that is busier than a person can read: some 500 changes of levels and 200 trades a second."""

import json
import random
import threading
import time

from commands.rest_client import Keys, Unknown
from tests.system.exchange_fixture import Exchange

SYMBOL = "AAPLUSD"
ROUND_S = 0.1
ENTERED, TRADED = 50, 20
"""Orders that rest and orders that trade, each round: with the cancels some 500 changes a second."""
MIDDLE = 19_000
THROUGH = 2_000


class BusyMarket(threading.Thread):
    """Trades until told to stop: one account rests, another takes."""

    def __init__(self, venue: Exchange) -> None:
        super().__init__(daemon=True)
        self._client = venue.client()
        self._taker = venue.account("carol", "USD=100000000", "AAPL=1000000")
        self._maker = venue.account("dora", "USD=100000000", "AAPL=1000000")
        self._stopped = threading.Event()
        self._dice = random.Random(8)

    def run(self) -> None:
        """Trade."""
        rounds = 0
        while not self._stopped.is_set():
            begun = time.monotonic()
            try:
                self._round(rounds)
            except Unknown:
                # Under other people's load an answer may be late; the market goes on.
                continue
            rounds += 1
            self._stopped.wait(max(0.0, ROUND_S - (time.monotonic() - begun)))

    def stop(self) -> None:
        """Stop, and wait for the last answer."""
        self._stopped.set()
        self.join()

    def _round(self, number: int) -> None:
        if number % 100 == 99:
            self._client.signed("DELETE", "/api/v3/openOrders", self._maker, symbol=SYMBOL)
        sides = [self._dice.choice(("BUY", "SELL")) for _ in range(ENTERED)]
        self._send(self._maker, [(side, "GTC", self._away(side), 50) for side in sides])
        sides = [self._dice.choice(("BUY", "SELL")) for _ in range(TRADED)]
        self._send(self._taker, [(side, "IOC", _through(side), 1) for side in sides])

    def _away(self, side: str) -> int:
        off = 1 + int(abs(self._dice.gauss(0, 300)))
        return MIDDLE - off if side == "BUY" else MIDDLE + off

    def _send(self, keys: Keys, orders: list[tuple[str, str, int, int]]) -> None:
        batch = [
            {"symbol": SYMBOL, "side": side, "type": "LIMIT", "timeInForce": force,
             "price": f"{price // 100}.{price % 100:02d}", "quantity": str(qty)}
            for side, force, price, qty in orders
        ]  # fmt: skip
        self._client.signed("POST", "/api/v3/batchOrders", keys, batchOrders=json.dumps(batch))


def _through(side: str) -> int:
    return MIDDLE + THROUGH if side == "BUY" else MIDDLE - THROUGH
