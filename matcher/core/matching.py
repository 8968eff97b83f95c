"""Act: trade an order against the book until it is done, then rest or expire what is left.

Acting is the same for an order that was just accepted, a stop that fired and a pending leg whose turn
has come.
"""

from matcher.core.book import best_of, level_at, price_at
from matcher.core.checks import is_priced
from matcher.core.emit import order_event, tell_level
from matcher.core.ends import end_order
from matcher.core.kernel import inlined, kernel
from matcher.core.legs import list_of
from matcher.core.lists import after_end
from matcher.core.lookahead import is_fillable, is_own, is_within, outside_collar
from matcher.core.phases import start_volatility_auction
from matcher.core.rows import RAN_OUT, MarketRow
from matcher.core.self_trade import prevent
from matcher.core.state import Core
from matcher.core.terms import last_or_reference
from matcher.core.trading import release_filled, trade_with_maker
from matcher.core.working import may_rest, rest
from protocol.board import OrderRow
from protocol.records import Command
from protocol.terms import EventKind, ExpiryReason, OrdStatus, StpMode, TimeInForce


@kernel
def act(
    core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int, limit: int
) -> None:
    """Trade an order against the book until it is done, then rest or expire what is left."""
    instrument = order.instrument
    if order.time_in_force == TimeInForce.FOK and not is_fillable(core, market, order):
        expire(core, cmd, market, order, slot, ExpiryReason.UNFILLED_FOK_ORDER_EXPIRED)
        return
    collar_reached = match(core, cmd, market, order, slot, limit)
    if order.order_id == 0:
        return
    if order.leaves_qty == 0:
        if order.flags & RAN_OUT and order.ord_status != OrdStatus.EXPIRED_IN_MATCH:
            expire(core, cmd, market, order, slot, ExpiryReason.INSUFFICIENT_LIQUIDITY)
            return
        release_filled(core, cmd, market, order, slot)
    elif may_rest(order):
        rest(core, market, order, slot)
        event = order_event(core, cmd, EventKind.RESTED, order)
        tell_level(core, event, order.instrument, order.level)
    elif collar_reached:
        expire(core, cmd, market, order, slot, ExpiryReason.PRICE_COLLAR)
    elif order.time_in_force == TimeInForce.IOC and is_priced(order.ord_type):
        expire(core, cmd, market, order, slot, ExpiryReason.UNFILLED_IOC_QUANTITY_EXPIRED)
    else:
        expire(core, cmd, market, order, slot, ExpiryReason.INSUFFICIENT_LIQUIDITY)
    if collar_reached:
        start_volatility_auction(core, cmd, instrument)


@inlined
def match(
    core: Core, cmd: Command, market: MarketRow, taker: OrderRow, slot: int, limit: int
) -> bool:
    """Meet the orders of the other side, best first; return whether the dynamic collar stopped it."""
    side = 1 - taker.side
    collar_px = last_or_reference(core, taker.instrument)
    agg_price = 0
    while taker.leaves_qty > 0:
        position = best_of(market, side)
        if not is_within(taker.side, position, limit):
            return False
        price = price_at(market, position)
        if market.dynamic_collar != 0 and outside_collar(core, market, price, collar_px):
            return True
        first = core.levels[level_at(core, market, side, position)].head
        own = taker.stp_mode != StpMode.NONE and is_own(
            core, taker.account, core.orders[first].account
        )
        if own:
            prevent(core, cmd, market, taker, slot, first)
        else:
            trade_with_maker(core, cmd, market, taker, slot, first, price, price != agg_price)
            agg_price = price
    return False


@kernel
def expire(
    core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int, reason: int
) -> None:
    """End an order by the rules, wherever it stands, and follow up for its list."""
    number = list_of(core, order)
    leg = core.extras[order.extra].leg
    end_order(core, cmd, market, order, slot, EventKind.EXPIRED, OrdStatus.EXPIRED, reason)
    if number != 0:
        after_end(core, cmd, number, leg, False)
