"""What an order meets and must hold when it enters, fires or is let in now.

Holds are those of the market model's "What an order holds".
"""

from matcher.core.book import BUY
from matcher.core.checks import CONTINUOUS, is_priced, is_stop
from matcher.core.kernel import inlined, kernel
from matcher.core.lookahead import cost_of, limit_of, meets
from matcher.core.money import lock
from matcher.core.rows import OWN_HOLD, MarketRow
from matcher.core.state import Core
from matcher.core.terms import FULL_SHARE, last_or_reference, term_of
from matcher.core.triggers import has_reached
from protocol.board import OrderRow
from protocol.rejects import RejectReason
from protocol.terms import InstrumentTerm, OrdType, SessionPhase, TimeInForce


@inlined
def check_market(
    core: Core,
    market: MarketRow,
    instrument: int,
    ord_type: int,
    side: int,
    price: int,
    stop_px: int,
) -> int:
    """Check that a stop does not fire at once (S-1), that a post-only order does not trade (C-2)."""
    row = core.instruments[instrument]
    if is_stop(ord_type):
        if stop_px != 0 and has_reached(ord_type, side, stop_px, row.last_px):
            return RejectReason.WOULD_TRIGGER
    elif ord_type == OrdType.LIMIT_MAKER and row.phase == CONTINUOUS:
        limit = limit_of(market, side, price)
        return RejectReason.WOULD_MATCH if meets(market, side, limit) else RejectReason.NONE
    return RejectReason.NONE


@inlined
def waits_for_close(core: Core, instrument: int, time_in_force: int) -> bool:
    """Say whether an order waits for the closing call (rule A-1)."""
    if time_in_force != TimeInForce.AT_CLOSE:
        return False
    return core.instruments[instrument].phase != SessionPhase.CLOSING_AUCTION


@inlined
def unit_hold(
    core: Core, instrument: int, ord_type: int, time_in_force: int, price: int, stop_px: int
) -> int:
    """Return what a unit of a BUY holds; 0: a MARKET order that holds what its walk costs.

    A stop is taken as unfired; one that fired is asked about as the MARKET order it has become.
    """
    if is_priced(ord_type):
        return price
    if is_stop(ord_type):
        return stop_px if stop_px != 0 else last_or_reference(core, instrument)
    waits = waits_for_close(core, instrument, time_in_force)
    if core.instruments[instrument].phase == CONTINUOUS and not waits:
        return 0
    return highest_price(core, instrument)


@kernel
def highest_price(core: Core, instrument: int) -> int:
    """Return the highest price that a MARKET BUY may have to pay in an uncross."""
    highest = term_of(core, instrument, InstrumentTerm.MAX_PRICE)
    bips = term_of(core, instrument, InstrumentTerm.STATIC_COLLAR)
    reference = core.instruments[instrument].reference_price
    if bips != 0 and reference != 0:
        highest = min(highest, reference * (FULL_SHARE + bips) // FULL_SHARE)
    return highest


@inlined
def entry_need(core: Core, market: MarketRow, taker: OrderRow, ord_type: int, unit: int) -> int:
    """Return what an order holds when it enters now; of `taker` only what a walk reads is read."""
    if taker.side != BUY:
        return taker.leaves_qty * market.base_scale
    if unit == 0 and not is_stop(ord_type):
        return cost_of(core, market, taker)
    return unit * taker.leaves_qty * market.quote_scale


@inlined
def give_hold(core: Core, market: MarketRow, order: OrderRow, unit: int, need: int) -> None:
    """Let an order hold its need; one whose price does not say it keeps it in its extra row."""
    lock(core, market, order.account, order.side, need)
    if order.side == BUY and not is_priced(order.ord_type):
        order.flags |= OWN_HOLD
    if order.flags & OWN_HOLD:
        extra = core.extras[order.extra]
        extra.hold = need
        extra.hold_price = unit
