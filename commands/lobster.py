"""Turn LOBSTER message files into steps that an exchange can be asked to do.

A message row says what happened to a resting order on Nasdaq: 1 entered, 2 reduced, 3 deleted,
4 executed, 5 a hidden order executed, 7 halt. Rows of types 5 and 7 say nothing about a visible order
and are left out. What remains promises the following, and nothing more:

* An execution is the work of an incoming order: an IOC of the other side at that price and quantity,
  which must trade with exactly the order that the row names. Some executions on Nasdaq pass over the
  head of the queue; the reader keeps a price-time book of its own, and such a row becomes an
  amend or a cancel, with a `Skip`.
* Orders that the file never enters (they rested before it starts, or came in outside its levels) are
  entered where their ids, which Nasdaq deals out in order of entry, place them, with the quantity
  that later rows take from them.
* Without an orderbook file, every 500th row, if visible, is followed by a check of five levels, the
  number of levels and the number of open orders, all from the reader's own book.
* With an orderbook file, every row is followed by a check of best bid and ask against that file, so
  far as the rows determine them (`commands/lobster_best.py`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from commands.lobster_best import BestFile, Bests, Touched
from commands.price_time import PriceTimeBook
from commands.steps import Amend, Cancel, Check, Enter, Skip, Step
from protocol.terms import Side

OUT_OF_ORDER = "executed out of queue order on Nasdaq"
_ENTERED, _REDUCED, _DELETED, _EXECUTED = "1", "2", "3", "4"
_VISIBLE = (_ENTERED, _REDUCED, _DELETED, _EXECUTED)
_PER_CENT = 100
"""LOBSTER prices are dollars × 10,000; ours are cents."""
_CHECK_EVERY = 500
_CHECK_LEVELS = 5


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    at_ns: int
    kind: str
    id: int
    qty: int
    price: int
    side: Side

    @property
    def name(self) -> str:
        return f"L{self.id}"


def nanoseconds(seconds: str) -> int:
    """Read seconds after midnight, with up to nine decimals, as nanoseconds."""
    whole, _, fraction = seconds.partition(".")
    return int(whole) * 1_000_000_000 + int(fraction[:9].ljust(9, "0"))


def steps(messages: str, orderbook: str | None) -> list[Step]:
    """Make the steps of a message file; `orderbook` is the text of its orderbook file, if any.

    Raises: ValueError naming the row that cannot be understood.
    """
    rows = [_row(number, line) for number, line in _body(messages)]
    if orderbook is None:
        return list(_Reader(rows, None).steps())
    bests = [_bests(number, line) for number, line in _body(orderbook)]
    if len(bests) != len(rows):
        raise ValueError(f"{len(rows)} message rows, but {len(bests)} orderbook rows beside them")
    return list(_Reader(rows, bests).steps())


class _Reader:
    """One pass over the rows, with a price-time book of its own."""

    def __init__(self, rows: list[_Row], bests: list[Bests] | None) -> None:
        self.rows = rows
        self.book = PriceTimeBook()
        self.taken_later: Counter[str] = Counter()
        self.unseen: list[_Row] = []
        """First rows of the orders that the file never enters, highest id first."""
        touched = [_touched(row) for row in rows]
        self.best = None if bests is None else BestFile(bests, touched, self.book, self.taken_later)
        self._look_ahead()

    def _look_ahead(self) -> None:
        first: dict[int, _Row] = {}
        for row in self.rows:
            if row.kind in _VISIBLE:
                first.setdefault(row.id, row)
                if row.kind != _ENTERED:
                    self.taken_later[row.name] += row.qty
        unseen = [row for row in first.values() if row.kind != _ENTERED]
        self.unseen = sorted(unseen, key=lambda row: row.id, reverse=True)

    def steps(self) -> Iterator[Step]:
        first_id = next((row.id for row in self.rows if row.kind == _ENTERED), 0)
        yield from self._enter_unseen(self.rows[0], below=first_id, note="rested before the file")
        for row in self.rows:
            if row.kind in _VISIBLE:
                if row.kind == _ENTERED:
                    yield from self._enter_unseen(row, below=row.id, note="entered out of view")
                yield from self._apply(row)
                if self.best is None and row.number % _CHECK_EVERY == 0:
                    yield self._check(row)
            if self.best is not None:
                yield from self.best.after(row.number - 1, row.at_ns)

    def _enter_unseen(self, row: _Row, *, below: int, note: str) -> Iterator[Step]:
        while self.unseen and self.unseen[-1].id < below:
            order = self.unseen.pop()
            if order.name in self.book.orders:
                continue
            qty = self.taken_later[order.name]
            if self.best is not None and not self.best.hides(
                row.number - 1, order.side, order.price
            ):
                continue
            yield self._enter(row.at_ns, order, qty, note)

    def _enter(self, at_ns: int, order: _Row, qty: int, note: str = "") -> Enter:
        self.book.enter(order.name, order.side, order.price, qty)
        return Enter(at_ns, order.name, order.side, order.price, qty, note=note)

    def _apply(self, row: _Row) -> Iterator[Step]:
        if row.kind == _ENTERED:
            yield self._enter(row.at_ns, row, row.qty)
            return
        name, book = row.name, self.book
        if name not in book.orders:
            yield self._enter(row.at_ns, row, self.taken_later[name], "entered out of view")
        self.taken_later[name] -= row.qty
        leaves = book.orders[name].leaves
        if row.qty > leaves:
            raise ValueError(
                f"row {row.number} takes {row.qty} from {name}, which has {leaves} left"
            )
        if row.kind == _EXECUTED and book.head(row.side) == name:
            taker = Side.SELL if row.side == Side.BUY else Side.BUY
            ours = f"X{row.number - 1}"
            yield Enter(row.at_ns, ours, taker, row.price, row.qty, ioc=True, hit=name)
            book.fill(name, row.qty)
            return
        note = ""
        if row.kind == _EXECUTED:
            note = OUT_OF_ORDER
            yield Skip(row.at_ns, note)
        if row.qty == leaves:
            book.remove(name)
            yield Cancel(row.at_ns, name, note)
        else:
            yield Amend(row.at_ns, name, book.amend(name, row.qty), note)

    def _check(self, row: _Row) -> Check:
        book = self.book
        return Check(
            row.at_ns,
            book.depth(Side.BUY, _CHECK_LEVELS),
            book.depth(Side.SELL, _CHECK_LEVELS),
            (len(book.queues[Side.BUY]), len(book.queues[Side.SELL])),
            len(book.orders),
        )


def _body(text: str) -> list[tuple[int, str]]:
    """Number the data lines, without the header that some files have."""
    lines = text.split()
    if lines and lines[0][:1].isalpha():
        lines = lines[1:]
    if not lines:
        raise ValueError("the file has no rows")
    return list(enumerate(lines, start=1))


def _row(number: int, line: str) -> _Row:
    fields = line.split(",")
    if len(fields) != 6 or fields[1] not in "1234567" or fields[5] not in ("1", "-1"):
        raise ValueError(f"row {number} is {line!r}, expected time,type,id,size,price,direction")
    time, kind, order_id, qty, price, direction = fields
    if kind in _VISIBLE and int(price) % _PER_CENT:
        raise ValueError(f"row {number} has the price {price}, expected whole cents")
    side = Side.BUY if direction == "1" else Side.SELL
    price_cents = int(price) // _PER_CENT
    return _Row(number, nanoseconds(time), kind, int(order_id), int(qty), price_cents, side)


def _touched(row: _Row) -> Touched | None:
    if row.kind not in _VISIBLE:
        return None
    return Touched(row.id, row.name, row.side, row.price, row.kind == _ENTERED)


def _bests(number: int, line: str) -> Bests:
    fields = line.split(",")
    if len(fields) < 4 or len(fields) % 4:
        raise ValueError(
            f"orderbook row {number} is {line!r}, expected ask,size,bid,size per level"
        )
    ask, ask_qty, bid, bid_qty = map(int, fields[:4])
    return {Side.BUY: (bid // _PER_CENT, bid_qty), Side.SELL: (ask // _PER_CENT, ask_qty)}
