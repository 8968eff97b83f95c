"""Best bid and ask of a LOBSTER orderbook file: what to check, and what to take from it.

A file of one level reports an order only while it stands at the best price. After a row, then, a side is

* determined, when its best price is the one before or a better one: the row alone says the new
  quantity, and the book must show it;
* revealed, when the best level is used up and the next comes into view: which orders stand there the
  rows do not say. The reader fits its book to the file: it cancels what should have gone, enters
  what the rows name while that level stays the best, and lets one nameless order stand for
  the rest. Being taken from the file, this is not counted as a check but as a `Skip`.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from commands.price_time import PriceTimeBook
from commands.steps import Amend, Cancel, Check, Enter, Levels, Skip, Step
from protocol.terms import Side

Bests = dict[Side, tuple[int, int]]
"""Price and quantity of the best level of both sides; quantity 0: the side is empty."""

REVEALED = "a level comes into view whose orders the file does not name"
CONTRADICTED = "a level comes into view with less than its orders trade later"


class Touched(NamedTuple):
    """What one message row is about: a visible order, which it enters or takes something from."""

    id: int
    name: str
    side: Side
    price: int
    enters: bool


class BestFile:
    """The orderbook rows, beside the reader's book that is fitted to them."""

    def __init__(
        self,
        rows: list[Bests],
        touched: list[Touched | None],
        book: PriceTimeBook,
        taken_later: Counter[str],
    ) -> None:
        self.rows = rows
        self.touched = touched
        self.book = book
        self.taken_later = taken_later
        self.fillers = 0

    def hides(self, index: int, side: Side, price: int) -> bool:
        """Tell whether an order at `price` stands out of view before row `index`."""
        best, qty = self.rows[max(index - 1, 0)][side]
        return qty == 0 or _better(side, best, price)

    def after(self, index: int, at_ns: int) -> Iterator[Step]:
        """Fit what row `index` reveals and check what it determines."""
        known: dict[Side, Levels | None] = {}
        for side in Side:
            price, qty = self.rows[index][side]
            level: Levels = ((price, qty),) if qty else ()
            before, before_qty = self.rows[index - 1][side] if index else (0, 0)
            revealed = before_qty == 0 or _better(side, before, price)
            known[side] = level
            if not revealed:
                continue
            missing = self._named_while_best(index, side, price)
            if missing or level != self.book.depth(side, 1):
                known[side] = None
                yield from self._fit(at_ns, side, price, qty, missing)
        yield Check(at_ns, known[Side.BUY], known[Side.SELL])

    def _fit(
        self, at_ns: int, side: Side, price: int, qty: int, missing: list[str]
    ) -> Iterator[Step]:
        book = self.book
        while (best := book.best_price(side)) is not None and (
            not qty or _better(side, best, price)
        ):
            yield from self._cancel(at_ns, book.at(side, best))
        for name in missing:
            open_qty = self.taken_later[name]
            book.enter(name, side, price, open_qty)
            yield Enter(at_ns, name, side, price, open_qty, note=REVEALED)
        if book.level_qty(side, price) != qty:
            yield from self._trim(at_ns, side, price)
        unnamed = qty - book.level_qty(side, price)
        if unnamed > 0:
            self.fillers += 1
            name = f"F{self.fillers}"
            book.enter(name, side, price, unnamed)
            yield Enter(at_ns, name, side, price, unnamed, note=REVEALED)
        yield Skip(at_ns, CONTRADICTED if unnamed < 0 else REVEALED)

    def _named_while_best(self, index: int, side: Side, price: int) -> list[str]:
        """Name the orders that must stand at the level just revealed but are not in the book.

        While a level is the best nothing enters it unseen: what its rows take from was there.
        """
        named: dict[str, int] = {}
        entered: set[str] = set()
        while index + 1 < len(self.rows) and self.rows[index + 1][side][0] == price:
            index += 1
            row = self.touched[index]
            if row is None or row.side != side or row.price != price:
                continue
            if row.enters:
                entered.add(row.name)
            elif row.name not in self.book.orders and row.name not in entered:
                named.setdefault(row.name, row.id)
        return sorted(named, key=named.__getitem__)

    def _trim(self, at_ns: int, side: Side, price: int) -> Iterator[Step]:
        """Leave of every order at a level what later rows take from it."""
        book = self.book
        gone = [name for name in book.at(side, price) if not self.taken_later[name]]
        yield from self._cancel(at_ns, gone)
        for name in book.at(side, price):
            surplus = book.orders[name].leaves - self.taken_later[name]
            if surplus > 0:
                yield Amend(at_ns, name, book.amend(name, surplus))

    def _cancel(self, at_ns: int, names: list[str]) -> Iterator[Step]:
        for name in names:
            self.book.remove(name)
            yield Cancel(at_ns, name)


def _better(side: Side, price: int, other: int) -> bool:
    return price > other if side == Side.BUY else price < other
