"""The random market behind the order flow: wandering fair prices, orders that come and go.

`Market.step` makes one record and executes it against plain price-time books, so that the next
record can name a live order. The sequence of draws from the random stream is part of the flow's
format: a change of their order changes every byte after it.
"""

import heapq
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from math import log
from random import Random
from typing import Final

NEW, NEW_IOC, CANCEL, REDUCE, REPLACE = 1, 2, 3, 4, 5
"""Values of a record's `type`."""

OPENING_NS: Final = 34_200_000_000_000
_PACK: Final = struct.Struct("<BBHIIIIIQ").pack
_MASK: Final = (1 << 64) - 1
_NEAR_STEP: Final = log(1 - 1 / 30.0)
_FAR_STEP: Final = log(1 - 1 / 1500.0)


@dataclass
class Summary:
    """What any correct price-time engine reports for a flow, and what the flow is made of."""

    N: int
    nsym: int
    seed: int
    new_gtc: int = 0
    new_ioc: int = 0
    cancel: int = 0
    reduce: int = 0
    replace: int = 0
    marketable: int = 0
    ioc_with_cancelled_remainder: int = 0
    trades: int = 0
    traded_qty: int = 0
    notional: int = 0
    checksum: str = ""
    resting_orders: int = 0
    resting_qty: int = 0
    rest_buy: int = 0
    rest_sell: int = 0
    levels: list[int] = field(default_factory=list)
    avg_resting: float = 0.0
    max_oid: int = 0


class _Order:
    __slots__ = ("far", "position", "price", "qty", "side")

    def __init__(self, qty: int, side: int, price: int, far: int, position: int) -> None:
        self.qty = qty
        self.side = side
        self.price = price
        self.far = far
        self.position = position
        """Index in the book's list of live ids of its kind."""


class _Level:
    __slots__ = ("ids", "qty")

    def __init__(self) -> None:
        self.qty = 0
        self.ids: dict[int, None] = {}
        """The queue: a dict keeps entry order and removes from the middle in O(1)."""


class _Book:
    """One instrument: both sides' levels, best-price heaps (cleaned lazily) and the live ids."""

    __slots__ = ("fair", "far", "heaps", "levels", "near")

    def __init__(self, fair: float) -> None:
        self.fair = fair
        self.levels: tuple[dict[int, _Level], dict[int, _Level]] = ({}, {})
        self.heaps: tuple[list[int], list[int]] = ([], [])
        self.near: list[int] = []
        self.far: list[int] = []

    def best(self, side: int) -> int:
        """Give the best price of `side`; 0 when it is empty."""
        heap, levels = self.heaps[side], self.levels[side]
        while heap:
            price = heap[0] if side else -heap[0]
            if price in levels:
                return price
            heapq.heappop(heap)
        return 0


class Market:
    """The generator's state: books, random stream, clock and running totals."""

    def __init__(self, instruments: int, seed: int, count: int) -> None:
        stream = Random(seed)
        self.random: Callable[[], float] = stream.random
        self.bits: Callable[[int], int] = stream.getrandbits
        self.gauss = stream.gauss
        self.near_target = 120 if instruments == 1 else 60
        self.total_target = 7500 if instruments == 1 else 1000
        first = 50000.0 if instruments == 1 else 20000.0
        self.books = [_Book(first + 600.0 * i) for i in range(instruments)]
        self.orders: dict[int, _Order] = {}
        self.last_id = 0
        self.chk = 0
        self.total = Summary(count, instruments, seed)

    def below(self, limit: int) -> int:
        """Draw a whole number below `limit`: what `randrange` does, without its argument checks."""
        width = limit.bit_length()
        bits = self.bits
        drawn = bits(width)
        while drawn >= limit:
            drawn = bits(width)
        return drawn

    def step(self, now_ns: int) -> tuple[int, bytes]:
        """Make one record; give its time and its bytes."""
        instruments = len(self.books)
        symbol = 0 if instruments == 1 else self.below(instruments)
        book = self.books[symbol]
        book.fair += self.gauss(0.0, 0.3)
        if not 5000.0 <= book.fair <= 95000.0:
            book.fair = 5000.0 if book.fair < 5000.0 else 95000.0
        best_bid, best_ask = book.best(0), book.best(1)
        live = len(book.near) + len(book.far)
        random = self.random
        choice = random()
        now_ns += int(-log(1 - random()) * 500) + 1
        account = 1 + self.below(1000)
        if live < 20 or not best_bid or not best_ask:
            fields = self.enter(book, live)
        elif choice < 0.05:
            fields = self.take(book, best_bid, best_ask)
        elif choice < 0.075:
            fields = self.reduce(book)
        elif choice < 0.10:
            fields = self.replace(book)
        else:
            pull = 0.5 * (1.0 + 1.2 * (self.total_target - live) / self.total_target) + 0.04
            if random() < min(max(pull, 0.2), 0.97):
                fields = self.enter(book, live)
            else:
                kept = 0.8 if len(book.near) > self.near_target * 0.5 else 0.3
                fields = self.cancel(book, self.pick(book, kept))
        kind, side, price, qty, order_id, new_id = fields
        return now_ns, _PACK(kind, side, symbol, price, qty, order_id, new_id, account, now_ns)

    def pick(self, book: _Book, near_share: float) -> int:
        """Choose a live order, near the spread with probability `near_share`."""
        ids = book.near if book.near and (self.random() < near_share or not book.far) else book.far
        return ids[self.below(len(ids))]

    def enter(self, book: _Book, live: int) -> tuple[int, int, int, int, int, int]:
        """Enter a limit order on a random side, near the spread or far from it."""
        side = self.below(2)
        near = len(book.near)
        far = 1
        if near < self.near_target * 2:
            far = int(self.random() >= (0.8 if near < self.near_target else 0.5))
        if live < self.total_target * 0.5 and self.random() < 0.7:
            far = 1
        price, qty, order_id = self.place(book, side, far)
        self.total.new_gtc += 1
        return NEW, side, price, qty, order_id, 0

    def place(self, book: _Book, side: int, far: int) -> tuple[int, int, int]:
        """Draw price and quantity of a passive order and put it into the book."""
        random = self.random
        away = int(log(1 - random()) / (_FAR_STEP if far else _NEAR_STEP))
        fair = int(book.fair)
        if side == 0:
            best_ask = book.best(1)
            price = (min(fair, best_ask - 1) if best_ask else fair) - away
        else:
            best_bid = book.best(0)
            price = (max(fair + 1, best_bid + 1) if best_bid else fair + 1) + away
        price = min(max(price, 1), 100000)
        if random() < 0.7:
            qty = 100 * (1 + min(int(log(1 - random()) / -0.5), 20))
        else:
            qty = 1 + self.below(300)
        self.last_id = order_id = self.last_id + 1
        # Only at the edges of the price range can such an order cross; it matches like any other.
        leaves = self.match(book, order_id, qty, side, price)
        if leaves:
            self.rest(book, order_id, leaves, side, price, far)
        return price, qty, order_id

    def cancel(self, book: _Book, order_id: int) -> tuple[int, int, int, int, int, int]:
        """Take a live order out."""
        order = self.orders[order_id]
        self.remove(book, order_id)
        self.total.cancel += 1
        return CANCEL, order.side, order.price, 0, order_id, 0

    def reduce(self, book: _Book) -> tuple[int, int, int, int, int, int]:
        """Reduce a live order in place; one of a single share is cancelled instead."""
        order_id = self.pick(book, 0.8)
        order = self.orders[order_id]
        if order.qty < 2:
            return self.cancel(book, order_id)
        less = 1 + self.below(order.qty - 1)
        order.qty -= less
        book.levels[order.side][order.price].qty -= less
        self.total.reduce += 1
        return REDUCE, order.side, order.price, less, order_id, 0

    def replace(self, book: _Book) -> tuple[int, int, int, int, int, int]:
        """Take a live order out and enter another one of its side and kind."""
        old_id = self.pick(book, 0.8)
        order = self.orders[old_id]
        self.remove(book, old_id)
        price, qty, order_id = self.place(book, order.side, order.far)
        self.total.replace += 1
        return REPLACE, order.side, price, qty, old_id, order_id

    def take(
        self, book: _Book, best_bid: int, best_ask: int
    ) -> tuple[int, int, int, int, int, int]:
        """Enter an order that reaches one to five levels deep; half of them IOC."""
        random = self.random
        buys = random() < (0.7 if book.fair > (best_bid + best_ask) * 0.5 else 0.3)
        side, step, price = (0, 1, best_ask) if buys else (1, -1, best_bid)
        depth = random()
        left = (
            1
            if depth < 0.70
            else 2
            if depth < 0.85
            else 3
            if depth < 0.93
            else 4
            if depth < 0.97
            else 5
        )
        levels = book.levels[1 - side]
        qty = looked = 0
        while True:
            level = levels.get(price)
            if level is not None:
                left -= 1
                if left == 0:
                    qty += 1 + self.below(level.qty)
                    break
                qty += level.qty
            looked += 1
            if looked > 400 or not 1 <= price + step <= 100000:
                qty = max(qty, 1)
                break
            price += step
        if random() < 0.15:
            qty += 1 + self.below(300)
        kind = NEW_IOC if random() < 0.5 else NEW
        self.last_id = order_id = self.last_id + 1
        leaves = self.match(book, order_id, qty, side, price)
        total = self.total
        total.marketable += 1
        if kind == NEW:
            total.new_gtc += 1
            if leaves:
                self.rest(book, order_id, leaves, side, price, 0)
        else:
            total.new_ioc += 1
            total.ioc_with_cancelled_remainder += leaves > 0
        return kind, side, price, qty, order_id, 0

    def match(self, book: _Book, taker: int, qty: int, side: int, limit: int) -> int:
        """Trade `taker` against the other side; give the quantity left."""
        levels, orders, total = book.levels[1 - side], self.orders, self.total
        while qty:
            price = book.best(1 - side)
            if not price or (price < limit if side else price > limit):
                break
            level = levels[price]
            ids = level.ids
            while qty and ids:
                maker = next(iter(ids))
                order = orders[maker]
                fill = min(qty, order.qty)
                qty -= fill
                order.qty -= fill
                level.qty -= fill
                total.trades += 1
                total.traded_qty += fill
                total.notional += fill * price
                self.chk += (maker * 0x9E3779B97F4A7C15 ^ taker * 0xC2B2AE3D27D4EB4F) * fill
                if order.qty == 0:
                    del ids[maker]
                    self.forget(book, maker, order)
            if not ids:
                del levels[price]
        return qty

    def rest(self, book: _Book, order_id: int, qty: int, side: int, price: int, far: int) -> None:
        """Put an order at the back of its level."""
        levels = book.levels[side]
        level = levels.get(price)
        if level is None:
            levels[price] = level = _Level()
            heapq.heappush(book.heaps[side], price if side else -price)
        level.qty += qty
        level.ids[order_id] = None
        ids = book.far if far else book.near
        self.orders[order_id] = _Order(qty, side, price, far, len(ids))
        ids.append(order_id)

    def remove(self, book: _Book, order_id: int) -> None:
        """Take a live order out of its level and out of the lists."""
        order = self.orders[order_id]
        level = book.levels[order.side][order.price]
        level.qty -= order.qty
        del level.ids[order_id]
        if not level.ids:
            del book.levels[order.side][order.price]
        self.forget(book, order_id, order)

    def forget(self, book: _Book, order_id: int, order: _Order) -> None:
        """Drop a finished order; the last id of its list takes its position."""
        ids = book.far if order.far else book.near
        last = ids.pop()
        if last != order_id:
            ids[order.position] = last
            self.orders[last].position = order.position
        del self.orders[order_id]

    def summary(self, live_sum: int) -> Summary:
        """Close the totals."""
        total, live = self.total, self.orders.values()
        total.checksum = f"{self.chk & _MASK:016x}"
        total.rest_buy = sum(order.qty for order in live if order.side == 0)
        total.rest_sell = sum(order.qty for order in live if order.side == 1)
        total.resting_qty = total.rest_buy + total.rest_sell
        total.resting_orders = len(self.orders)
        total.levels = [sum(len(book.levels[side]) for book in self.books) for side in (0, 1)]
        total.avg_resting = live_sum / total.N
        total.max_oid = self.last_id
        return total
