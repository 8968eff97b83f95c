"""Enter an order: check, place, match, and rest or expire what is left.

`enter` reads as the rule book does. An order that meets nothing rests at once and its ACCEPTED says
so; one that meets something is accepted first and then acts. Acting (`act`) is the same for an order
that was just accepted, a stop that fired and a pending leg whose turn has come.
"""

from matcher.core.accounts import touch
from matcher.core.book import best_of, join_level, level_at, price_at
from matcher.core.checks import (
    CONTINUOUS,
    NONE,
    check_order,
    is_priced,
    is_stop,
    stp_mode_of,
    time_in_force_of,
)
from matcher.core.emit import end_event, order_event, rejected, tell_level
from matcher.core.filters import slices_of
from matcher.core.kernel import copy_text, inlined, kernel
from matcher.core.lookahead import (
    cost_of,
    draft_taker,
    is_fillable,
    is_own,
    is_within,
    limit_of,
    meets,
    outside_collar,
    quantity_for_money,
)
from matcher.core.money import asset_held, balance_of, free_hold, lock, need_of
from matcher.core.orders import list_live, release_order, take_extra, take_order
from matcher.core.rows import ICEBERG, LISTED, OWN_HOLD, RAN_OUT, WORKING, MarketRow
from matcher.core.self_trade import prevent
from matcher.core.state import Core
from matcher.core.terms import last_or_reference, term_of
from matcher.core.trading import trade_with_maker
from protocol.board import OrderRow
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import (
    EventKind,
    ExpiryReason,
    InstrumentTerm,
    OrdStatus,
    OrdType,
    StpMode,
    TimeInForce,
)


@inlined
def enter(core: Core, cmd: Command) -> None:
    """Enter a single order."""
    reason = check_order(core, cmd)
    if reason == NONE:
        reason = place(core, cmd)
    if reason != NONE:
        rejected(core, cmd, reason)


@inlined
def place(core: Core, cmd: Command) -> int:
    """Let a checked order in, or return why it cannot: the checks from WOULD_MATCH on."""
    market = core.markets[cmd.instrument]
    trading = core.instruments[cmd.instrument].phase == CONTINUOUS
    if not trading or cmd.ord_type != OrdType.LIMIT or cmd.time_in_force == TimeInForce.AT_CLOSE:
        return place_rare(core, cmd, market)
    need = need_of(market, cmd.side, cmd.price, cmd.order_qty)
    reason = check_funds(core, cmd, market, need)
    if reason != NONE:
        return reason
    slot = make_order(core, cmd, market, cmd.order_qty)
    order = core.orders[slot]
    lock(core, order.account, asset_held(market, order.side), need)
    start(core, cmd, market, order, slot, EventKind.ACCEPTED)
    return RejectReason.NONE


@kernel
def place_rare(core: Core, cmd: Command, market: MarketRow) -> int:
    """Place what is not a LIMIT in continuous trading."""
    if core.instruments[cmd.instrument].phase != CONTINUOUS or is_stop(cmd.ord_type):
        return RejectReason.ORD_TYPE_NOT_SUPPORTED
    limit = limit_of(market, cmd.side, cmd.price)
    if cmd.ord_type == OrdType.LIMIT_MAKER and meets(market, cmd.side, limit):
        return RejectReason.WOULD_MATCH
    qty = cmd.order_qty
    ran_out = False
    taker = draft_taker(core, market, cmd)
    if cmd.quote_qty != 0:
        qty, ran_out = quantity_for_money(core, market, cmd.instrument, taker, cmd.quote_qty)
        if qty == 0 or qty < least_for_money(core, market, cmd.instrument):
            return RejectReason.NO_LIQUIDITY
        taker.leaves_qty = qty
    need = need_of(market, cmd.side, cmd.price, qty)
    walks = cmd.ord_type == OrdType.MARKET and need == 0
    if walks:
        need = cost_of(core, market, taker)
    reason = check_funds(core, cmd, market, need)
    if reason != NONE:
        return reason
    slot = make_order(core, cmd, market, qty)
    order = core.orders[slot]
    lock(core, order.account, asset_held(market, order.side), need)
    if walks:
        order.flags |= OWN_HOLD
        core.extras[order.extra].hold = need
    if ran_out:
        order.flags |= RAN_OUT
    start(core, cmd, market, order, slot, EventKind.ACCEPTED)
    return RejectReason.NONE


@kernel
def least_for_money(core: Core, market: MarketRow, instrument: int) -> int:
    """Return the least quantity that a MARKET order by quote quantity may come to."""
    least = term_of(core, instrument, InstrumentTerm.MARKET_MIN_QTY)
    return max(least, market.min_qty)


@inlined
def check_funds(core: Core, cmd: Command, market: MarketRow, need: int) -> int:
    """Check from INSUFFICIENT_BALANCE to ACCOUNT_ORDER_CAPACITY."""
    if balance_of(core, cmd.account, asset_held(market, cmd.side)).free < need:
        return RejectReason.INSUFFICIENT_BALANCE
    if core.state.orders + 1 > core.limits.orders - 1:
        return RejectReason.ORDER_CAPACITY
    if core.accounts[cmd.account].order_count + 1 > core.limits.account_orders:
        return RejectReason.ACCOUNT_ORDER_CAPACITY
    return RejectReason.NONE


@inlined
def make_order(core: Core, cmd: Command, market: MarketRow, qty: int) -> int:
    """Write a checked order into a row of its own, with the next order id; return the row."""
    touch(core, cmd.account)
    slot = take_order(core)
    order = core.orders[slot]
    order.order_id = core.state.next_order_id
    core.state.next_order_id += 1
    order.price = cmd.price
    order.leaves_qty = qty
    order.updated_ns = cmd.at_ns
    order.account = cmd.account
    order.instrument = cmd.instrument
    order.side = cmd.side
    order.ord_type = cmd.ord_type
    order.time_in_force = time_in_force_of(cmd)
    order.stp_mode = stp_mode_of(market, cmd)
    order.ord_status = OrdStatus.NEW
    order.flags = 0
    order.extra = 0
    order.level = 0
    order.cum_qty = 0
    order.cum_quote = 0
    order.created_ns = cmd.at_ns
    copy_text(order.cl_ord_id, cmd.cl_ord_id)
    rare = cmd.display_qty | cmd.expire_ns | cmd.strategy_id | cmd.strategy_type
    if rare != 0 or cmd.ord_type > OrdType.LIMIT:
        fill_extra(core, cmd, slot)
    return slot


@kernel
def fill_extra(core: Core, cmd: Command, slot: int) -> None:
    """Write what a plain order has not into an extra row."""
    order = core.orders[slot]
    extra = core.extras[take_extra(core, slot)]
    extra.stop_px = cmd.stop_px
    extra.display_qty = cmd.display_qty
    extra.quote_qty = cmd.quote_qty
    extra.expire_ns = cmd.expire_ns
    extra.strategy_id = cmd.strategy_id
    extra.strategy_type = cmd.strategy_type
    extra.trailing_bips = cmd.trailing_bips
    extra.entered_seq = cmd.seq
    if cmd.display_qty != 0:
        order.flags |= ICEBERG
        extra.slices = slices_of(cmd.order_qty, cmd.display_qty)
        core.state.slices += extra.slices


@inlined
def start(
    core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int, kind: int
) -> None:
    """Put an order to work in continuous trading: rest it, or tell it is in and let it act."""
    order.flags |= WORKING
    if order.extra != 0:
        core.extras[order.extra].working_ns = cmd.at_ns
    limit = limit_of(market, order.side, order.price)
    if may_rest(order) and not meets(market, order.side, limit):
        rest(core, market, order, slot)
        event = order_event(core, cmd, kind, order)
        tell_level(core, event, order.instrument, order.level)
        return
    order_event(core, cmd, kind, order)
    act(core, cmd, market, order, slot, limit)


@inlined
def may_rest(order: OrderRow) -> bool:
    """Say whether a remainder of the order joins the book."""
    if order.time_in_force == TimeInForce.IOC or order.time_in_force == TimeInForce.FOK:
        return False
    return is_priced(order.ord_type)


@inlined
def rest(core: Core, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Put what is left of an order into the book, behind those at its price."""
    if order.flags & ICEBERG:
        extra = core.extras[order.extra]
        extra.visible_qty = min(extra.display_qty, order.leaves_qty)
    join_level(core, market, order, slot)
    if order.flags & LISTED == 0:
        list_live(core, market, order, slot)


@kernel
def act(
    core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int, limit: int
) -> None:
    """Trade an order against the book until it is done, then rest or expire what is left."""
    if order.time_in_force == TimeInForce.FOK and not is_fillable(core, market, order):
        expire(core, cmd, market, order, slot, ExpiryReason.UNFILLED_FOK_ORDER_EXPIRED)
        return
    collar_reached = match(core, cmd, market, order, slot, limit)
    if order.leaves_qty == 0:
        if order.flags & RAN_OUT and order.ord_status != OrdStatus.EXPIRED_IN_MATCH:
            expire(core, cmd, market, order, slot, ExpiryReason.INSUFFICIENT_LIQUIDITY)
            return
        if order.flags & OWN_HOLD:
            free_hold(core, market, order)
        release_order(core, market, order, slot, cmd.at_ns)
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
        if position < 0 or position >= market.level_count:
            return False
        price = price_at(market, position)
        if market.dynamic_collar != 0 and outside_collar(core, market, price, collar_px):
            return True
        first = core.levels[level_at(market, side, position)].head
        own = taker.stp_mode != StpMode.NONE and is_own(
            core, taker.account, core.orders[first].account
        )
        if own:
            prevent(core, cmd, market, taker, slot, first)
        else:
            trade_with_maker(core, cmd, market, taker, first, price, price != agg_price)
            agg_price = price
    return False


@kernel
def expire(
    core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int, reason: int
) -> None:
    """End an order that stands in no queue: free its hold, tell so, release its row."""
    free_hold(core, market, order)
    event = end_event(core, cmd, EventKind.EXPIRED, order, OrdStatus.EXPIRED)
    event.reason = reason
    release_order(core, market, order, slot, cmd.at_ns)
