"""A plain price-time book of named orders, for readers of recorded flows.

It does not match: whoever reads a record tells it what happened and asks who stands first.
"""

from dataclasses import dataclass

from commands.steps import Levels
from protocol.terms import Side


@dataclass(slots=True)
class Standing:
    """A resting order: `qty` as entered or last amended, filled part included; `leaves` still open."""

    side: Side
    price: int
    qty: int
    leaves: int


class PriceTimeBook:
    """Orders by name and, per side, queues by price. The best price is found in O(levels)."""

    def __init__(self) -> None:
        self.orders: dict[str, Standing] = {}
        self.queues: dict[Side, dict[int, dict[str, None]]] = {Side.BUY: {}, Side.SELL: {}}

    def enter(self, name: str, side: Side, price: int, qty: int) -> None:
        """Put an order at the back of its level."""
        self.orders[name] = Standing(side, price, qty, qty)
        self.queues[side].setdefault(price, {})[name] = None

    def amend(self, name: str, less: int) -> int:
        """Take `less` off an order's quantity in place; give its new total quantity."""
        order = self.orders[name]
        order.qty -= less
        order.leaves -= less
        return order.qty

    def fill(self, name: str, qty: int) -> None:
        """Execute `qty` of an order; a finished one goes out."""
        self.orders[name].leaves -= qty
        if self.orders[name].leaves == 0:
            self.remove(name)

    def remove(self, name: str) -> None:
        """Take an order out."""
        order = self.orders.pop(name)
        queue = self.queues[order.side][order.price]
        del queue[name]
        if not queue:
            del self.queues[order.side][order.price]

    def best_price(self, side: Side) -> int | None:
        """Give the best price of a side, None when it is empty."""
        prices = self.queues[side]
        if not prices:
            return None
        return max(prices) if side == Side.BUY else min(prices)

    def head(self, side: Side) -> str:
        """Name the order that trades next on `side`; "" when there is none."""
        price = self.best_price(side)
        return "" if price is None else next(iter(self.queues[side][price]))

    def at(self, side: Side, price: int) -> list[str]:
        """Name the orders of one level, first to trade first."""
        return list(self.queues[side].get(price, ()))

    def level_qty(self, side: Side, price: int) -> int:
        """Add up the open quantity of one level."""
        return sum(self.orders[name].leaves for name in self.queues[side].get(price, ()))

    def depth(self, side: Side, count: int) -> Levels:
        """Give the best `count` levels."""
        prices = sorted(self.queues[side], reverse=side == Side.BUY)[:count]
        return tuple((price, self.level_qty(side, price)) for price in prices)
