"""Enter an order: check, place, match, and rest or expire what is left.

`enter` reads as the rule book does. An order that meets nothing rests at once and its ACCEPTED says
so; one that meets something is accepted first and then acts (`matching.py`).
"""

from matcher.core.checks import CONTINUOUS, NONE, check_order
from matcher.core.emit import order_event, rejected, tell_level
from matcher.core.holding import check_market, entry_need, give_hold, unit_hold
from matcher.core.kernel import inlined, kernel
from matcher.core.lookahead import draft_taker, limit_of, meets, quantity_for_money
from matcher.core.making import make_order
from matcher.core.matching import act
from matcher.core.money import held_of, lock, need_of
from matcher.core.rows import RAN_OUT, WORKING, MarketRow
from matcher.core.state import Core
from matcher.core.terms import term_of
from matcher.core.working import admit, may_rest, rest
from protocol.board import OrderRow
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import EventKind, InstrumentTerm, OrdType, TimeInForce


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
    lock(core, market, order.account, order.side, need)
    start(core, cmd, market, order, slot, EventKind.ACCEPTED)
    return RejectReason.NONE


@kernel
def place_rare(core: Core, cmd: Command, market: MarketRow) -> int:
    """Place what is not a LIMIT in continuous trading."""
    instrument = cmd.instrument
    reason = check_market(core, market, instrument, cmd.ord_type, cmd.side, cmd.price, cmd.stop_px)
    if reason != NONE:
        return reason
    qty = cmd.order_qty
    ran_out = False
    taker = draft_taker(core, market, cmd)
    if cmd.quote_qty != 0:
        qty, ran_out = quantity_for_money(core, market, instrument, taker, cmd.quote_qty)
        if qty == 0 or qty < least_for_money(core, market, instrument):
            return RejectReason.NO_LIQUIDITY
        taker.leaves_qty = qty
    unit = unit_hold(core, instrument, cmd.ord_type, cmd.time_in_force, cmd.price, cmd.stop_px)
    need = entry_need(core, market, taker, cmd.ord_type, unit)
    reason = check_funds(core, cmd, market, need)
    if reason != NONE:
        return reason
    slot = make_order(core, cmd, market, qty)
    order = core.orders[slot]
    give_hold(core, market, order, unit, need)
    if ran_out:
        order.flags |= RAN_OUT
    if admit(core, cmd, market, order, slot, EventKind.ACCEPTED):
        act(core, cmd, market, order, slot, limit_of(market, order.side, order.price))
    return RejectReason.NONE


@kernel
def least_for_money(core: Core, market: MarketRow, instrument: int) -> int:
    """Return the least quantity that a MARKET order by quote quantity may come to."""
    least = term_of(core, instrument, InstrumentTerm.MARKET_MIN_QTY)
    return max(least, market.min_qty)


@inlined
def check_funds(core: Core, cmd: Command, market: MarketRow, need: int) -> int:
    """Check from INSUFFICIENT_BALANCE to ACCOUNT_ORDER_CAPACITY."""
    if held_of(core, market, cmd.account, cmd.side).free < need:
        return RejectReason.INSUFFICIENT_BALANCE
    if core.state.orders + 1 > core.limits.orders - 1:
        return RejectReason.ORDER_CAPACITY
    if core.accounts[cmd.account].order_count + 1 > core.limits.account_orders:
        return RejectReason.ACCOUNT_ORDER_CAPACITY
    return RejectReason.NONE


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
