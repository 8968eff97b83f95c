"""A client's book kept by the dialect's recipe (API section 11.2) from a depth difference stream and REST depth."""

from collections.abc import Callable
from typing import Any

Side = dict[str, str]


class DepthBook:
    """Levels by price. `fetch` returns the answer of `GET /api/v3/depth`."""

    def __init__(self, fetch: Callable[[], dict[str, Any]]) -> None:
        self._fetch = fetch
        self.levels: dict[str, Side] = {"b": {}, "a": {}}
        self.last_id = -1
        self.snapshots = 0

    def connected(self) -> None:
        """Begin anew: what was told meanwhile was not heard."""
        self.last_id = -1

    def take(self, told: dict[str, Any]) -> None:
        """Take in one difference."""
        while self.last_id < 0 or (told["U"] > self.last_id + 1):
            self._start()
        if told["u"] <= self.last_id:
            return
        self.last_id = told["u"]
        for letter in "ba":
            for price, qty in told[letter]:
                if float(qty):
                    self.levels[letter][price] = qty
                else:
                    self.levels[letter].pop(price, None)

    def is_that_of(self, snapshot: dict[str, Any]) -> bool:
        """Tell whether the book is that of a snapshot."""
        sides = (dict(snapshot["bids"]), dict(snapshot["asks"]))
        return (self.levels["b"], self.levels["a"]) == sides

    def _start(self) -> None:
        snapshot = self._fetch()
        self.snapshots += 1
        self.last_id = snapshot["lastUpdateId"]
        self.levels = {"b": dict(snapshot["bids"]), "a": dict(snapshot["asks"])}
