"""What traders see, what they want done, and what they hear of it.

Prices are whole numbers of the instrument's price unit (10 ** -price_decimals), quantities of its
quantity unit (10 ** -qty_decimals), as in the matching core.
"""

from dataclasses import dataclass
from enum import Enum

from protocol.terms import SessionPhase, Side


@dataclass(frozen=True, slots=True)
class Listing:
    """What a trader must know of an instrument to place an order that is taken."""

    symbol: str
    base: str
    quote: str
    price_decimals: int
    qty_decimals: int
    tick: int
    lot: int
    min_notional: float
    """In whole units of the quote asset."""


@dataclass(frozen=True, slots=True)
class View:
    """One instrument as everybody sees it; a price of 0: nobody is there."""

    bid: int
    ask: int
    phase: SessionPhase = SessionPhase.CONTINUOUS


class Style(Enum):
    """How an order is meant."""

    REST = "LIMIT, good till cancelled"
    TAKE = "LIMIT, immediate or cancel"
    MARKET = "MARKET"
    OPENING = "LIMIT, at the opening auction"
    CLOSING = "LIMIT, at the closing auction"


@dataclass(frozen=True, slots=True)
class Place:
    """An order to be entered; `price` is 0 for a MARKET order. `number` is the crowd's own name of it."""

    trader: int
    symbol: str
    side: Side
    style: Style
    price: int
    qty: int
    number: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """A resting order to be cancelled, by the number it was placed under."""

    trader: int
    symbol: str
    number: int


Intent = Place | Cancel


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an intent.

    `leaves`: what of a placed order still rests; `filled`: what of the order has traded so far. A refusal
    (of a cancel: the order is gone, it was filled) has the exchange's text in `refusal`.
    """

    filled: int = 0
    leaves: int = 0
    refusal: str = ""
