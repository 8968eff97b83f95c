"""Look ahead: what an order would find in the book, without touching it.

The book is walked exactly as the match would go, self-trade prevention included, so that funds
checked here are enough (rule R-1) and a FOK that looks fillable is filled (rule C-3).
"""

from collections.abc import Iterator
from typing import NamedTuple

from protocol.terms import InstrumentTerm, Side, StpMode
from tests.reference.state import FULL_SHARE, Instrument, Order


class Portion(NamedTuple):
    """`qty` that the taker meets next: it trades at `price`, or prevention takes it away."""

    price: int
    qty: int
    trades: bool


def crosses(taker: Order, price: int) -> bool:
    """Say whether the taker's limit allows a trade at `price`."""
    if taker.without_limit:
        return True
    return price <= taker.price if taker.side == Side.BUY else price >= taker.price


def outside_collar(instrument: Instrument, price: int, last_px: int) -> bool:
    """Say whether a trade at `price` would print too far from the last price (rule A-5)."""
    bips = instrument.terms[InstrumentTerm.DYNAMIC_COLLAR]
    if bips == 0 or last_px == 0:
        return False
    return abs(price - last_px) * FULL_SHARE > last_px * bips


def meets_something(taker: Order) -> bool:
    """Say whether any resting order stands at a price that the taker may trade at."""
    best = taker.instrument.book.best(1 - taker.side)
    return best != 0 and crosses(taker, best)


def portions(taker: Order, *, decrement_ends: bool, collar_px: int = 0) -> Iterator[Portion]:
    """Yield what the taker meets, in the order of the match.

    In a level the shown quantities come first, in queue order; what icebergs hide comes after.
    An own order is passed over (EXPIRE_MAKER), costs both sides its quantity (DECREMENT) or ends
    the walk; with `decrement_ends` DECREMENT ends it too. So does the first price outside the
    dynamic collar around `collar_px` (0: no collar), whoever rests there.
    """
    for price, queue in taker.instrument.book.levels(1 - taker.side):
        if not crosses(taker, price) or outside_collar(taker.instrument, price, collar_px):
            return
        hidden = 0
        for maker in queue:
            if not taker.prevents(maker):
                yield Portion(price, maker.visible_qty, trades=True)
                hidden += maker.leaves_qty - maker.visible_qty
            elif taker.stp_mode == StpMode.EXPIRE_MAKER:
                continue
            elif taker.stp_mode == StpMode.DECREMENT and not decrement_ends:
                yield Portion(price, maker.leaves_qty, trades=False)
            else:
                return
        if hidden:
            yield Portion(price, hidden, trades=True)


def is_fillable(taker: Order) -> bool:
    """Say whether a FOK would trade in full."""
    wanted = taker.leaves_qty
    collar_px = taker.instrument.last_or_reference
    for portion in portions(taker, decrement_ends=True, collar_px=collar_px):
        wanted -= portion.qty
        if wanted <= 0:
            return True
    return False


def cost_of(taker: Order) -> int:
    """Return what a market BUY would pay, in quote units."""
    left, cost = taker.leaves_qty, 0
    for portion in portions(taker, decrement_ends=False):
        qty = min(left, portion.qty)
        left -= qty
        if portion.trades:
            cost += qty * portion.price
        if left == 0:
            break
    return cost * taker.instrument.quote_scale


def quantity_for_money(taker: Order) -> tuple[int, bool]:
    """Return the quantity that `quote_qty` buys or sells, and whether the book ended first (C-6)."""
    instrument = taker.instrument
    terms = instrument.terms
    most = min(
        terms[InstrumentTerm.MAX_QTY], terms[InstrumentTerm.MARKET_MAX_QTY] or instrument.most
    )
    lot = terms[InstrumentTerm.MARKET_LOT_SIZE] or terms[InstrumentTerm.LOT_SIZE]
    money, total = taker.quote_qty, 0
    book_ended = True
    for portion in portions(taker, decrement_ends=True):
        unit_cost = portion.price * instrument.quote_scale
        qty = min(portion.qty, money // unit_cost, most - total)
        total += qty
        money -= qty * unit_cost
        if qty < portion.qty:
            book_ended = False
            break
    return total // lot * lot, book_ended and money > 0 and total < most
