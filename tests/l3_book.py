"""A client's book kept by the recipe of docs/l3.md, from the JSON that clients get."""

from collections.abc import Callable
from typing import Any

Shown = list[tuple[int, str, str]]


class L3Book:
    """Queues by side and price. `fetch` returns the answer of `GET /api/v3/l3`."""

    def __init__(self, fetch: Callable[[], dict[str, Any]]) -> None:
        self._fetch = fetch
        self._queues: dict[tuple[str, str], dict[int, str]] = {}
        self.last_id = -1
        self.snapshots = 0

    def take(self, told: dict[str, Any]) -> None:
        """Take in one message."""
        if told["e"] == "ordersBegin":
            if told["u"] != self.last_id:
                self._start()
            return
        if told["u"] <= self.last_id:
            return
        if told["u"] != self.last_id + 1:
            self._start()
            if told["u"] <= self.last_id:
                return
            assert told["u"] == self.last_id + 1, "a snapshot may not be older than a message"
        self.last_id = told["u"]
        self._apply(told)

    def side(self, side: str) -> Shown:
        """Return every order of a side, best price first, in one price the oldest first."""
        prices = sorted(
            {price for of, price in self._queues if of == side}, key=float, reverse=side == "BUY"
        )
        return [
            (order_id, price, qty)
            for price in prices
            for order_id, qty in self._queues[side, price].items()
        ]

    def _start(self) -> None:
        snapshot = self._fetch()
        self.snapshots += 1
        self.last_id = snapshot["lastUpdateId"]
        self._queues = {}
        for side, name in (("BUY", "bids"), ("SELL", "asks")):
            for order_id, price, qty in snapshot[name]:
                self._queues.setdefault((side, price), {})[order_id] = qty

    def _apply(self, told: dict[str, Any]) -> None:
        place, order_id = (told["S"], told["p"]), told["i"]
        queue = self._queues.setdefault(place, {})
        assert (order_id in queue) == (told["x"] != "ADD"), told
        if told.get("r"):
            # A dictionary keeps the order in which keys came: put in anew it stands at the back.
            del queue[order_id]
        queue[order_id] = told["q"]
        if not float(told["q"]):
            del queue[order_id]
        if not queue:
            del self._queues[place]
