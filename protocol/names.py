"""Instruments and assets as clients know them: symbols, codes, and numbers as decimal text.

They are told by the board and never change once given; a new life of the matcher may have others.
"""

from dataclasses import dataclass

from protocol.board_reads import Board
from protocol.terms import InstrumentTerm
from protocol.units import to_text

PLACES = 8
"""Decimals in every number that a client sees (API section 1)."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One asset; amounts are counted in 10**-decimals of it."""

    number: int
    code: str
    decimals: int

    def text(self, amount: int) -> str:
        """Write an amount as clients see it."""
        return to_text(amount, self.decimals, max(PLACES, self.decimals))


@dataclass(frozen=True, slots=True)
class Instrument:
    """What never changes about one instrument."""

    number: int
    symbol: str
    base: Asset
    quote: Asset
    price_decimals: int
    qty_decimals: int

    def price(self, price: int) -> str:
        """Write a price as clients see it."""
        return to_text(price, self.price_decimals, max(PLACES, self.price_decimals))

    def qty(self, qty: int) -> str:
        """Write a quantity as clients see it."""
        return to_text(qty, self.qty_decimals, max(PLACES, self.qty_decimals))

    def turnover(self, turnover: int) -> str:
        """Write a sum of price × quantity as clients see it."""
        decimals = self.price_decimals + self.qty_decimals
        return to_text(turnover, decimals, max(PLACES, decimals))


def assets_on(board: Board) -> list[Asset]:
    """Return all assets, by number. Raises what reads of the board raise."""
    return [Asset(number, code, places) for number, (code, places) in enumerate(board.assets())]


def instruments_on(board: Board) -> list[Instrument]:
    """Return all instruments, by number. Raises what reads of the board raise."""
    assets = assets_on(board)
    found = []
    for number, symbol in enumerate(board.symbols()):
        terms = board.terms(number).tolist()
        found.append(
            Instrument(
                number=number,
                symbol=symbol,
                base=assets[terms[InstrumentTerm.BASE_ASSET]],
                quote=assets[terms[InstrumentTerm.QUOTE_ASSET]],
                price_decimals=terms[InstrumentTerm.PRICE_DECIMALS],
                qty_decimals=terms[InstrumentTerm.QTY_DECIMALS],
            )
        )
    return found
