"""Whole books on a host without a matcher: a snapshot, and the level changes since. Sans-I/O.

A change that does not follow the last one by its id makes a book stale; changes wait then, until a
snapshot comes that they follow. A stale book is not shown: a wrong one is worse than none.
"""

from collections.abc import Iterable

import numpy as np

from protocol.board import DEEP_LEVELS, DepthLevel
from protocol.board_reads import DepthView
from protocol.layout import Rows
from protocol.terms import EventFlag

WAITING_LIMIT = 100_000
"""Changes of a stale book that wait; when there are more they are dropped and a later snapshot is waited for."""
_LEVEL = int(EventFlag.LEVEL)
_COLUMNS = ("instrument", "update_id", "side", "price", "level_qty", "order_count")
Change = tuple[int, int, int, int, int]


class _Book:
    def __init__(self) -> None:
        self.update_id = 0
        self.complete = True
        self.stale = True
        self.sides: tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]] = ({}, {})
        self.waiting: list[Change] = []

    def take(self, change: Change) -> None:
        update_id, side, price, qty, count = change
        if self.stale:
            self.waiting.append(change)
            if len(self.waiting) > WAITING_LIMIT:
                self.waiting.clear()
        elif update_id == self.update_id + 1:
            self.update_id = update_id
            if qty:
                self.sides[side][price] = (qty, count)
            else:
                self.sides[side].pop(price, None)
        elif update_id > self.update_id:
            self.stale = True
            self.waiting = [change]

    def load(self, view: DepthView) -> None:
        self.update_id, self.complete, self.stale = view.update_id, view.complete, False
        for levels, rows in zip(self.sides, (view.bids, view.asks), strict=True):
            levels.clear()
            facts = (rows[name].tolist() for name in ("price", "qty", "order_count"))
            levels.update({price: (qty, count) for price, qty, count in zip(*facts, strict=True)})
        waiting, self.waiting = self.waiting, []
        for change in waiting:
            self.take(change)


class Books:
    """The books of all instruments."""

    def __init__(self) -> None:
        self._books: dict[int, _Book] = {}

    @property
    def are_whole(self) -> bool:
        """Tell whether no book waits for a snapshot."""
        return not any(book.stale for book in self._books.values())

    def load(self, views: Iterable[tuple[int, DepthView]]) -> None:
        """Take in snapshots; only stale books and new ones have need of theirs."""
        for number, view in views:
            book = self._books.setdefault(number, _Book())
            if book.stale:
                book.load(view)

    def take(self, rows: Rows) -> None:
        """Take in Event rows, in order."""
        changes = rows[(rows["flags"] & _LEVEL) != 0]
        for number, *change in zip(*(changes[name].tolist() for name in _COLUMNS), strict=True):
            book = self._books.get(number)
            if book is None:
                # An instrument that is new: its book was empty before its first change.
                book = self._books[number] = _Book()
                book.stale = False
            book.take(tuple(change))

    def view(self, number: int, seq: int, at_ns: int) -> DepthView | None:
        """Return a book, up to DEEP_LEVELS a side; None while it is stale."""
        book = self._books.get(number) or _Book()
        if book.stale:
            return None
        bids = _rows(sorted(book.sides[0].items(), reverse=True))
        asks = _rows(sorted(book.sides[1].items()))
        complete = book.complete and max(map(len, book.sides)) <= DEEP_LEVELS
        return DepthView(book.update_id, seq, at_ns, complete, bids, asks)


def _rows(levels: list[tuple[int, tuple[int, int]]]) -> Rows:
    shown = [(price, qty, count) for price, (qty, count) in levels[:DEEP_LEVELS]]
    return np.array(shown, DepthLevel.dtype)
