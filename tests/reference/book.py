"""The order book of one instrument: two sides, price levels, a queue in each."""

from bisect import insort
from collections.abc import Iterator
from typing import TYPE_CHECKING

from protocol.terms import Side

if TYPE_CHECKING:
    from tests.reference.state import Order


class Book:
    """Resting orders with a limit. A level exists exactly while an order rests at its price."""

    def __init__(self) -> None:
        self._levels: tuple[dict[int, list[Order]], dict[int, list[Order]]] = ({}, {})
        self._prices: tuple[list[int], list[int]] = ([], [])
        self.update_id = 0

    def add(self, order: "Order") -> None:
        """Put the order at the back of its level."""
        queue = self._levels[order.side].get(order.price)
        if queue is None:
            queue = self._levels[order.side][order.price] = []
            insort(self._prices[order.side], order.price)
        queue.append(order)

    def remove(self, order: "Order") -> None:
        """Take the order out, from wherever it stands in its level."""
        queue = self._levels[order.side][order.price]
        queue.remove(order)
        if not queue:
            del self._levels[order.side][order.price]
            self._prices[order.side].remove(order.price)

    def send_to_back(self, order: "Order") -> None:
        """Put a refreshed iceberg behind the others of its level (rule C-7)."""
        queue = self._levels[order.side][order.price]
        queue.remove(order)
        queue.append(order)

    def best(self, side: int) -> int:
        """Return the best price of a side, 0 when it is empty."""
        prices = self._prices[side]
        if not prices:
            return 0
        return prices[-1] if side == Side.BUY else prices[0]

    def first(self, side: int) -> "Order | None":
        """Return the order that trades first on a side."""
        prices = self._prices[side]
        if not prices:
            return None
        return self._levels[side][prices[-1] if side == Side.BUY else prices[0]][0]

    def levels(self, side: int) -> "Iterator[tuple[int, list[Order]]]":
        """Yield price and queue of each level, best first."""
        prices = self._prices[side]
        for price in reversed(prices) if side == Side.BUY else prices:
            yield price, self._levels[side][price]

    def level(self, side: int, price: int) -> tuple[int, int]:
        """Return visible quantity and order count at a price, zeros when nothing rests there."""
        queue = self._levels[side].get(price, [])
        return sum(order.visible_qty for order in queue), len(queue)

    @property
    def crossed(self) -> bool:
        """Whether the best bid is at or above the best ask."""
        bids, asks = self._prices
        return bool(bids) and bool(asks) and bids[-1] >= asks[0]
