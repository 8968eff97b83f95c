"""The steps of a recorded order flow, whatever file they came from.

Prices are in cents (the files' instruments have a tick of 0.01), quantities in shares, times in
nanoseconds after midnight. `order` is the file's own name of an order, unique in its flow.
"""

from dataclasses import dataclass

from protocol.terms import Side

Levels = tuple[tuple[int, int], ...]
"""Price and visible quantity of price levels, best first."""


@dataclass(frozen=True, slots=True)
class Enter:
    """A limit order comes in; `ioc` ones trade at once or expire."""

    at_ns: int
    order: str
    side: Side
    price: int
    qty: int
    ioc: bool = False
    hit: str = ""
    """The resting order that this one must trade with, in full and alone; "" when none is named."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Cancel:
    """A resting order goes out."""

    at_ns: int
    order: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Amend:
    """A resting order's quantity is reduced in place; `qty` is the new total, filled part included."""

    at_ns: int
    order: str
    qty: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """The book must now look like this. None: the file does not say."""

    at_ns: int
    bids: Levels | None
    asks: Levels | None
    level_counts: tuple[int, int] | None = None
    """Number of price levels on the bid and the ask side."""
    open_orders: int | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Something the record says that cannot be checked, and why."""

    at_ns: int
    reason: str


Step = Enter | Cancel | Amend | Check | Skip
