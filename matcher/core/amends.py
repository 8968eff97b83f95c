"""Change a live order: reduce it in place (AMEND, P-3), or cancel and re-enter it (REPLACE, P-4)."""

from matcher.core.accounts import counts_of, touch
from matcher.core.book import BUY
from matcher.core.cancels import cancel_target, check_target, find_target
from matcher.core.checks import NONE, check_account, check_order
from matcher.core.continuous import place
from matcher.core.emit import cancel_rejected, labeled, order_event, rejected, tell_level
from matcher.core.filters import lot_fits
from matcher.core.indexes import is_taken
from matcher.core.kernel import copy_text, has_text, inlined, kernel, same_text
from matcher.core.legs import leg_at, list_of, sibling_leg
from matcher.core.lists import tell_list
from matcher.core.money import shrink_hold
from matcher.core.orders import give_extra, index_text, rename_order
from matcher.core.rows import RESTING, MarketRow
from matcher.core.self_trade import shrink_level
from matcher.core.state import Core
from matcher.core.terms import term_of
from protocol.board import OrderRow
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import CommandFlag, EventKind, InstrumentFeature, InstrumentTerm

ALLOW_FAILURE = int(CommandFlag.ALLOW_FAILURE)
FEATURE_AMEND = int(InstrumentFeature.AMEND)


@inlined
def replace(core: Core, cmd: Command) -> None:
    """Cancel an order and enter another: checks, cancel, then the entry with what it freed."""
    reason = check_order(core, cmd)
    if reason != NONE:
        rejected(core, cmd, reason)
        return
    canceled = cancel_target(core, cmd, cmd.list_cl_ord_id)
    if not canceled and cmd.flags & ALLOW_FAILURE == 0:
        return
    reason = place(core, cmd)
    if reason != NONE:
        rejected(core, cmd, reason)


@inlined
def amend(core: Core, cmd: Command) -> None:
    """Reduce the order that a command names, keeping its place in the queue."""
    reason = check_account(core, cmd.account)
    if reason == NONE and cmd.instrument >= core.state.instruments:
        reason = RejectReason.UNKNOWN_INSTRUMENT
    slot = 0
    if reason == NONE:
        slot = find_target(core, cmd)
        reason = check_target(core, cmd, slot)
    other = 0
    if reason == NONE:
        other = other_leg_of(core, core.orders[slot])
        reason = check_amend(core, cmd, core.orders[slot], other)
    if reason != NONE:
        cancel_rejected(core, cmd, EventKind.AMEND_REJECTED, reason)
        return
    order = core.orders[slot]
    touch(core, order.account)
    renames = has_text(cmd.cl_ord_id) and not same_text(cmd.cl_ord_id, order.cl_ord_id)
    if renames:
        labeled(core, cmd, order.order_id, order.cl_ord_id)
        rename_order(core, order, slot, cmd.at_ns)
        copy_text(order.cl_ord_id, cmd.cl_ord_id)
        index_text(core, order, slot)
    if order.extra != 0 and core.extras[order.extra].list != 0:
        amend_legs(core, cmd, order, slot, other, renames)
    else:
        amend_order(core, cmd, core.markets[cmd.instrument], order, slot)


@kernel
def other_leg_of(core: Core, order: OrderRow) -> int:
    """Return the row of the live leg that an amend of this one changes too; 0: there is none."""
    number = list_of(core, order)
    if number == 0:
        return 0
    leg = sibling_leg(core.lists[number], core.extras[order.extra].leg)
    return leg_at(core, number, leg) if leg >= 0 else 0


@kernel
def amend_legs(
    core: Core, cmd: Command, order: OrderRow, slot: int, other: int, renames: bool
) -> None:
    """Amend a member of a list, and the other leg of its OCO, in leg order."""
    market = core.markets[cmd.instrument]
    number = list_of(core, order)
    first, second = slot, other
    if other != 0:
        sibling = core.orders[other]
        if core.extras[sibling.extra].leg < core.extras[order.extra].leg:
            first, second = other, slot
    amend_order(core, cmd, market, core.orders[first], first)
    if second != 0:
        amend_order(core, cmd, market, core.orders[second], second)
    if renames:
        tell_list(core, cmd, EventKind.LIST_UPDATED, number)


@inlined
def order_qty_of(core: Core, order: OrderRow) -> int:
    """Return the quantity an order was last given: leaves, done and prevented."""
    prevented = core.extras[order.extra].prevented_qty if order.extra != 0 else 0
    return order.leaves_qty + order.cum_qty + prevented


@inlined
def check_amend(core: Core, cmd: Command, order: OrderRow, other: int) -> int:
    """Check an amend of an order that was found, from INVALID_QTY on; `other`: changed with it."""
    market = core.markets[cmd.instrument]
    if cmd.order_qty <= 0:
        return RejectReason.INVALID_QTY
    if market.features & FEATURE_AMEND == 0:
        return RejectReason.AMEND_NOT_SUPPORTED
    if not lot_fits(market, cmd.order_qty):
        return RejectReason.LOT_SIZE
    if is_taken(core, cmd.account, cmd.instrument, cmd.cl_ord_id, cmd.at_ns) and not same_text(
        cmd.cl_ord_id, order.cl_ord_id
    ):
        return RejectReason.DUPLICATE_CL_ORD_ID
    reason = check_reduction(core, cmd, order)
    if other != 0:
        for_other = check_reduction(core, cmd, core.orders[other])
        if for_other != NONE and (reason == NONE or for_other < reason):
            return for_other
    return reason


@kernel
def check_reduction(core: Core, cmd: Command, order: OrderRow) -> int:
    """Check that an order can be reduced to the command's quantity."""
    order_qty = order_qty_of(core, order)
    if cmd.order_qty > order_qty:
        return RejectReason.AMEND_NOT_DECREASE
    if cmd.order_qty <= order_qty - order.leaves_qty:
        return RejectReason.AMEND_BELOW_FILLED
    if cmd.order_qty == order_qty:
        return RejectReason.AMEND_NO_CHANGE
    most = term_of(core, cmd.instrument, InstrumentTerm.MAX_NUM_ORDER_AMENDS)
    if most != 0 and order.extra != 0 and core.extras[order.extra].amends >= most:
        return RejectReason.MAX_NUM_ORDER_AMENDS
    return RejectReason.NONE


@kernel
def amend_order(core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Reduce a live order to the command's quantity and tell so."""
    if order.extra == 0:
        give_extra(core, slot)
    core.extras[order.extra].amends += 1
    cut = order_qty_of(core, order) - cmd.order_qty
    shrunk = shrink_level(core, order, cut) if order.flags & RESTING else 0
    shrink_hold(core, market, order, cut)
    if market.counted != 0 and order.side == BUY:
        counts_of(core, order.account, order.instrument).buy_qty -= cut
    order.leaves_qty -= cut
    order.updated_ns = cmd.at_ns
    event = order_event(core, cmd, EventKind.REPLACED, order)
    if shrunk != 0:
        tell_level(core, event, order.instrument, order.level)
