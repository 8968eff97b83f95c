"""Cancel one order, a list, or all of an account; and how every command finds its order."""

from matcher.core.accounts import touch
from matcher.core.book import leave_level
from matcher.core.checks import NONE, check_canceler
from matcher.core.emit import cancel_rejected, end_event, labeled, tell_level
from matcher.core.ends import end_order
from matcher.core.indexes import find_by_text, find_order
from matcher.core.kernel import has_text, inlined, kernel, same_text
from matcher.core.legs import find_list, list_of
from matcher.core.lists import cancel_legs
from matcher.core.money import free_hold
from matcher.core.orders import gather_account, release_order, sort_by_order_id
from matcher.core.rows import RESTING, MarketRow
from matcher.core.state import Core
from protocol.board import OrderRow
from protocol.records import ALL_INSTRUMENTS, Command
from protocol.rejects import RejectReason
from protocol.terms import CommandFlag, EventKind, OrdStatus

ONLY_NEW = int(CommandFlag.ONLY_NEW)
ONLY_PARTIALLY_FILLED = int(CommandFlag.ONLY_PARTIALLY_FILLED)


@inlined
def find_target(core: Core, cmd: Command) -> int:
    """Find the row of the order that a command names, among its account's; 0: not there."""
    slot = 0
    if cmd.order_id != 0:
        slot = find_order(core, cmd.order_id)
    elif has_text(cmd.target_cl_ord_id):
        slot = find_by_text(core, cmd.account, cmd.instrument, cmd.target_cl_ord_id)
    if slot == 0:
        return 0
    order = core.orders[slot]
    if order.account != cmd.account or order.instrument != cmd.instrument:
        return 0
    return slot


@inlined
def check_target(core: Core, cmd: Command, slot: int) -> int:
    """Check what a command names: UNKNOWN_ORDER, ORDER_ID_MISMATCH."""
    if slot == 0:
        return RejectReason.UNKNOWN_ORDER
    order = core.orders[slot]
    if (
        cmd.order_id != 0
        and has_text(cmd.target_cl_ord_id)
        and not same_text(order.cl_ord_id, cmd.target_cl_ord_id)
    ):
        return RejectReason.ORDER_ID_MISMATCH
    return RejectReason.NONE


@inlined
def check_restriction(cmd: Command, order: OrderRow) -> int:
    """Check that an order is in the state that the cancel asks for."""
    if cmd.flags & (ONLY_NEW | ONLY_PARTIALLY_FILLED):
        partial = order.ord_status == OrdStatus.PARTIALLY_FILLED
        if (partial and cmd.flags & ONLY_NEW) or (
            not partial and cmd.flags & ONLY_PARTIALLY_FILLED
        ):
            return RejectReason.CANCEL_RESTRICTED
    return RejectReason.NONE


@inlined
def cancel(core: Core, cmd: Command) -> None:
    """Cancel the order that a command names, or say why not."""
    cancel_target(core, cmd, cmd.cl_ord_id)


@inlined
def cancel_target(core: Core, cmd: Command, label: bytes) -> bool:
    """Cancel for a CANCEL or a REPLACE, whose own text id is `label`; return whether it worked."""
    reason = check_canceler(core, cmd.account)
    if reason == NONE and cmd.instrument >= core.state.instruments:
        reason = RejectReason.UNKNOWN_INSTRUMENT
    slot = 0
    if reason == NONE:
        slot = find_target(core, cmd)
        reason = check_target(core, cmd, slot)
    if reason == NONE:
        reason = check_restriction(cmd, core.orders[slot])
    if reason != NONE:
        cancel_rejected(core, cmd, EventKind.CANCEL_REJECTED, reason)
        return False
    order = core.orders[slot]
    if has_text(label):
        labeled(core, cmd, order.order_id, label)
    cancel_order(core, cmd, core.markets[cmd.instrument], order, slot)
    return True


@inlined
def cancel_order(core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Cancel a live order: out of its queue, its hold freed, told, its row released.

    A member of a list takes its whole list along.
    """
    if order.flags & RESTING == 0 or order.extra != 0:
        cancel_rare(core, cmd, market, order, slot)
        return
    touch(core, order.account)
    free_hold(core, market, order)
    order.updated_ns = cmd.at_ns
    leave_level(core, market, order)
    event = end_event(core, cmd, EventKind.CANCELED, order, OrdStatus.CANCELED)
    tell_level(core, event, order.instrument, order.level)
    release_order(core, market, order, slot, cmd.at_ns)


@inlined
def cancel_rare(core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Cancel an order that is not a plain resting one."""
    number = list_of(core, order)
    if number != 0:
        cancel_legs(core, cmd, number)
    else:
        end_order(core, cmd, market, order, slot, EventKind.CANCELED, OrdStatus.CANCELED, 0)


@kernel
def cancel_list(core: Core, cmd: Command) -> None:
    """Cancel the list that a command names, or say why not."""
    reason = check_canceler(core, cmd.account)
    if reason == NONE and cmd.instrument >= core.state.instruments:
        reason = RejectReason.UNKNOWN_INSTRUMENT
    number = 0
    text = cmd.list_cl_ord_id
    if reason == NONE:
        number = find_list(core, cmd.account, cmd.instrument, cmd.order_id, text)
        if number == 0:
            reason = RejectReason.UNKNOWN_LIST
        elif has_text(text) and not same_text(core.lists[number].cl_ord_id, text):
            reason = RejectReason.ORDER_ID_MISMATCH
    if reason != NONE:
        cancel_rejected(core, cmd, EventKind.CANCEL_REJECTED, reason)
        return
    if has_text(cmd.cl_ord_id):
        labeled(core, cmd, 0, cmd.cl_ord_id)
    cancel_legs(core, cmd, number)


@kernel
def cancel_all(core: Core, cmd: Command) -> None:
    """Cancel an account's live orders, lowest order id first (rule P-6)."""
    reason = check_canceler(core, cmd.account)
    every = cmd.instrument == ALL_INSTRUMENTS
    if reason == NONE and not every and cmd.instrument >= core.state.instruments:
        reason = RejectReason.UNKNOWN_INSTRUMENT
    count = 0
    if reason == NONE:
        count = gather_account(core, cmd.account)
        if not every:
            count = keep_instrument(core, count, cmd.instrument)
        if count == 0:
            reason = RejectReason.UNKNOWN_ORDER
    if reason != NONE:
        cancel_rejected(core, cmd, EventKind.CANCEL_REJECTED, reason)
        return
    if has_text(cmd.cl_ord_id):
        labeled(core, cmd, 0, cmd.cl_ord_id)
    sort_by_order_id(core, count)
    cancel_gathered(core, cmd, count)


@kernel
def keep_instrument(core: Core, count: int, instrument: int) -> int:
    """Keep of the gathered order rows those of one instrument; return how many."""
    kept = 0
    for place in range(count):
        slot = core.scratch[place]
        if core.orders[slot].instrument == instrument:
            core.scratch[kept] = slot
            kept += 1
    return kept


@kernel
def cancel_gathered(core: Core, cmd: Command, count: int) -> None:
    """Cancel the gathered order rows in turn; one that ended meanwhile has no id any more."""
    for place in range(count):
        slot = core.scratch[place]
        order = core.orders[slot]
        if order.order_id != 0:
            cancel_order(core, cmd, core.markets[order.instrument], order, slot)
