"""A market that moves while a client is tried: two accounts that quote and take in every instrument."""

import random
import threading
from contextlib import suppress

from commands.venue import Rejected
from tests.system.exchange_fixture import Exchange

DEPOSITS = ("BTC=10", "USDT=1000000", "ETH=100", "AAPL=1000", "USD=1000000")
"""What every account begins with."""
MIDDLES = {"BTCUSDT": 5_000_000, "ETHUSDT": 250_000, "AAPLUSD": 18_000}
QTYS = {"BTCUSDT": "0.01", "ETHUSDT": "0.1", "AAPLUSD": "10"}
_LEVELS = 10
_RESTOCK = 50


class Traffic:
    """Two accounts that keep a market in every instrument: one quotes, one takes."""

    def __init__(self, venue: Exchange) -> None:
        self._client = venue.client()
        self._quotes, self._takes = (venue.account(f"{who}-traffic", *DEPOSITS) for who in "ab")
        self._stop = threading.Event()
        self._dice = random.Random(7)
        self._thread = threading.Thread(target=self._run, name="traffic")
        self._turns = 0
        self.failure: Exception | None = None

    def start(self) -> None:
        """Fill the books, make two hundred trades, then go on in a thread."""
        self._restock()
        for _ in range(200):
            self._turn()
        self._thread.start()

    def stop(self) -> None:
        """Stop, and tell what went wrong, if anything did."""
        self._stop.set()
        self._thread.join(30)
        if self.failure is not None:
            raise self.failure

    def _run(self) -> None:
        try:
            while not self._stop.wait(0.1):
                self._turn()
        except Exception as error:  # noqa: BLE001 - told by `stop`
            self.failure = error

    def _restock(self) -> None:
        """Put the books in the shape that they began with; no side is empty on the way."""
        old = self._client.signed("GET", "/api/v3/openOrders", self._quotes)
        for symbol, middle in MIDDLES.items():
            for level in range(1, _LEVELS + 1):
                for side, sign in (("BUY", -1), ("SELL", 1)):
                    price = middle + sign * level * middle // 10_000
                    self._order(symbol, side, price, QTYS[symbol])
        for order in old:
            about = {"symbol": order["symbol"], "orderId": order["orderId"]}
            # What a client has taken meanwhile is gone already.
            with suppress(Rejected):
                self._client.signed("DELETE", "/api/v3/order", self._quotes, **about)

    def _turn(self) -> None:
        """Let one order be taken, and put as much back at some level."""
        self._turns += 1
        if self._turns % _RESTOCK == 0:
            self._restock()
        symbol = self._dice.choice(list(MIDDLES))
        side = self._dice.choice(("BUY", "SELL"))
        self._client.signed(
            "POST",
            "/api/v3/order",
            self._takes,
            symbol=symbol,
            side=side,
            type="MARKET",
            quantity=QTYS[symbol],
        )
        sign = 1 if side == "BUY" else -1
        price = MIDDLES[symbol] + sign * self._dice.randint(1, _LEVELS) * MIDDLES[symbol] // 10_000
        self._order(symbol, "SELL" if side == "BUY" else "BUY", price, QTYS[symbol])

    def _order(self, symbol: str, side: str, price: int, quantity: str) -> None:
        self._client.signed(
            "POST",
            "/api/v3/order",
            self._quotes,
            symbol=symbol,
            side=side,
            type="LIMIT",
            timeInForce="GTC",
            price=f"{price / 100:.2f}",
            quantity=quantity,
            selfTradePreventionMode="NONE",
        )
