"""Read an instrument's terms by number: for the rarer rules. The hot ones stand in `MarketRow`."""

from matcher.core.kernel import inlined
from matcher.core.rows import TERM_COLUMNS
from matcher.core.state import Core

FULL_SHARE = 10_000
"""The whole, in bips."""


@inlined
def by_side(side: int, buy: int, sell: int) -> int:
    """Return `buy` or `sell`, without a branch: which side comes next nobody can predict."""
    return sell ^ ((buy ^ sell) & (side - 1))


@inlined
def natural(number: int) -> int:
    """Return a number that is not negative, and let the compiler know: it halves the steps of a quotient.

    One that is becomes huge.
    """
    return number & (1 << 63) - 1


@inlined
def zero_mask(number: int) -> int:
    """Return -1 for 0 and 0 for any number from 1 to 2^62, without a branch."""
    return (number - 1) >> 63


@inlined
def term_of(core: Core, instrument: int, term: int) -> int:
    """Return one term of an instrument."""
    return core.terms[instrument * TERM_COLUMNS + term]


@inlined
def reference_or_last(core: Core, instrument: int) -> int:
    """Return what filters call the present price: the reference price, else the last; 0: none."""
    row = core.instruments[instrument]
    return row.reference_price if row.reference_price != 0 else row.last_px


@inlined
def last_or_reference(core: Core, instrument: int) -> int:
    """Return what collars measure from: the last price, else the reference price; 0: none."""
    row = core.instruments[instrument]
    return row.last_px if row.last_px != 0 else row.reference_price
