"""Reads of shared memory: instruments and assets by name, accounts, open orders, depth, the clock.

Names, numbers and decimals of instruments and assets never change once given, so they are kept;
everything else is read anew each time. When the matcher starts a new life the tables are read again,
because its journal may be another one. A board that cannot be read now raises NotPublished or
Unreadable (`ingress/app.py` answers those with 503).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ingress import errors
from ingress.rows import Shape
from protocol.board import BEHIND, READY, InstrumentRow, StatusRow
from protocol.board_reads import AccountView, Board, DepthView
from protocol.terms import InstrumentTerm as Term
from protocol.units import to_text
from runtime.shared import NotPublished

Array = npt.NDArray[Any]
_INSTRUMENTS = Shape(InstrumentRow)
_STATUS = Shape(StatusRow)
PLACES = 8
"""Decimals in every number that a client sees (API section 1)."""


_TEXTS_LIMIT = 1 << 14


@cache
def text_of(decimals: int) -> Callable[[int], str]:
    """Return what writes numbers that count 10**-decimals, as clients see them.

    Prices and quantities of a market come again and again, and most numbers in an answer are 0.
    """
    return lru_cache(_TEXTS_LIMIT)(
        partial(to_text, decimals=decimals, places=max(PLACES, decimals))
    )


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset; `text` writes an amount of it as clients see it."""

    number: int
    code: str
    decimals: int
    text: Callable[[int], str]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What never changes about one instrument; `price` and `qty` write such numbers as clients see them."""

    number: int
    symbol: str
    base: Asset
    quote: Asset
    price_decimals: int
    qty_decimals: int
    price: Callable[[int], str]
    qty: Callable[[int], str]

    def notional(self, price: int, qty: int) -> str:
        """Write price × quantity as clients see it; exact, because assets hold the product."""
        return self.turnover(price * qty)

    def turnover(self, quote_qty: int) -> str:
        """Write a sum of price × quantity as clients see it."""
        return text_of(self.price_decimals + self.qty_decimals)(quote_qty)


class Names:
    """The tables of one life of the matcher."""

    def __init__(self, board: Board) -> None:
        self.assets = [
            Asset(number, code, decimals, text_of(decimals))
            for number, (code, decimals) in enumerate(board.assets())
        ]
        self.instruments = [
            self._instrument(number, symbol, board.terms(number))
            for number, symbol in enumerate(board.symbols())
        ]
        self.by_symbol = {one.symbol: one for one in self.instruments}

    def _instrument(self, number: int, symbol: str, terms: npt.NDArray[np.int64]) -> Instrument:
        price_decimals, qty_decimals = terms[Term.PRICE_DECIMALS], terms[Term.QTY_DECIMALS]
        return Instrument(
            number,
            symbol,
            self.assets[terms[Term.BASE_ASSET]],
            self.assets[terms[Term.QUOTE_ASSET]],
            int(price_decimals),
            int(qty_decimals),
            text_of(int(price_decimals)),
            text_of(int(qty_decimals)),
        )


class Views:
    """All reads of shared memory that responders make. `current` gives the blocks by name."""

    def __init__(self, current: Callable[[], Mapping[str, Array]]) -> None:
        self._current = current
        self.board = Board(current)
        self._of: Mapping[str, Array] | None = None
        self._names: Names | None = None
        self._lives = 0
        self._ready = memoryview(np.zeros(1, np.uint32))  # type: ignore[arg-type]

    def names(self) -> Names:
        """Return the tables of the matcher's present life. Cost: one word read when they are known."""
        blocks = self._current()
        if self._names is None or blocks is not self._of:
            self._names = Names(self.board)
            self._ready = memoryview(blocks["status"]["ready"])  # type: ignore[arg-type]
            self._of = blocks
            self._lives += 1
        return self._names

    def instrument(self, symbol: str) -> Instrument:
        """Find an instrument.

        Raises: Refused (-1121).
        """
        found = self.names().by_symbol.get(symbol) or self._grown().by_symbol.get(symbol)
        if found is None:
            raise errors.Refused(*errors.INVALID_SYMBOL)
        return found

    def instrument_at(self, number: int) -> Instrument:
        """Return the instrument with this number, which must exist."""
        known = (self._names or self.names()).instruments
        return known[number] if number < len(known) else self._grown().instruments[number]

    def asset(self, number: int) -> Asset:
        """Return the asset with this number, which must exist."""
        known = (self._names or self.names()).assets
        return known[number] if number < len(known) else self._grown().assets[number]

    def instruments(self) -> list[Instrument]:
        """Return all instruments, by number."""
        return self._grown().instruments

    def assets(self) -> list[Asset]:
        """Return all assets, by number."""
        return self._grown().assets

    def _grown(self) -> Names:
        """Return the tables after a look at whether something was added to them."""
        names = self.names()
        status = self.board.status()
        if status["instruments"] != len(names.instruments) or status["assets"] != len(names.assets):
            names = self._names = Names(self.board)
        return names

    def terms(self, instrument: Instrument) -> npt.NDArray[np.int64]:
        """Copy the terms of an instrument as they stand now, by InstrumentTerm."""
        return self.board.terms(instrument.number)

    def state(self, instrument: Instrument) -> InstrumentRow:
        """Copy the market state of an instrument."""
        return _INSTRUMENTS.from_row(self.board.instrument(instrument.number))

    def status(self) -> StatusRow:
        """Copy the clock of the market."""
        return _STATUS.from_row(self.board.status())

    def account(self, account: int) -> AccountView:
        """Copy an account at one instant: balances and open orders.

        Raises: Refused (-1001) on a host that takes the market from another one, or is behind that one.
        """
        blocks = self._current()
        if int(blocks["status"]["ready"][0]) == BEHIND:
            raise errors.lagging()
        if account >= len(blocks["accounts"]):
            raise errors.disconnected()
        return self.board.account(account)

    def capacity(self) -> int:
        """Return how many instruments the blocks can hold."""
        return len(self._current()["instruments"])

    def depth_mark(self, instrument: Instrument) -> tuple[int, int]:
        """Return what changes whenever a new depth of the instrument is published."""
        self.names()
        return self._lives, int(self._current()["depth_count"][instrument.number])

    def is_ready(self) -> bool:
        """Tell whether the matcher of the tables last read takes commands."""
        self.names()
        return bool(self._ready[0] == READY)

    def life(self) -> int:
        """Return the number of the life of the matcher that takes commands now; 0: there is none."""
        try:
            status = self._current()["status"][0]
        except NotPublished:
            return 0
        return int(status["epoch"]) if status["ready"] == READY else 0

    def depth(self, instrument: Instrument) -> DepthView:
        """Copy the newest published depth of an instrument."""
        return self.board.depth(instrument.number)
