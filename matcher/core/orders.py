"""Order rows: taking and releasing them, and what makes an order live beyond its own command.

Rows are handed out last-released first, so a busy row is a warm row. Which row an order gets shows
in no event. An order that outlives its command is *listed*: found by id and by text, in its
account's list, counted for R-4; one that is done at once never is.

`release_order` is the one way out: whoever ends an order calls it after the last event about it.
"""

from matcher.core.accounts import count_order, list_cell, list_order, touch, unlist_order
from matcher.core.expiries import drop_expiry, note_expiry
from matcher.core.indexes import finish_text, put, put_id, take_out_id, text_entry
from matcher.core.kernel import clear_row, has_text, inlined, kernel, prefetch
from matcher.core.legs import drop_leg
from matcher.core.rows import LISTED, WORKING, MarketRow
from matcher.core.state import Core
from protocol.board import OrderRow
from protocol.terms import TimeInForce


@inlined
def take_order(core: Core) -> int:
    """Return a free order row. The caller has checked the capacity and fills every field."""
    state = core.state
    slot = state.free_order
    if slot != 0:
        following = core.orders[slot].next
        state.free_order = following
        prefetch(core.orders, following, 0)
        prefetch(core.orders, following, 1)
    else:
        slot = state.order_top + 1
        state.order_top = slot
    state.orders += 1
    return slot


@inlined
def take_extra(core: Core, slot: int) -> int:
    """Give an order an extra row, all zeros; there are as many as order rows."""
    state = core.state
    number = state.free_extra
    if number != 0:
        state.free_extra = core.extras[number].order
    else:
        state.extra_top += 1
        number = state.extra_top
    order = core.orders[slot]
    order.extra = number
    extra = core.extras[number]
    clear_row(extra)
    extra.order = slot
    return number


@kernel
def give_extra(core: Core, slot: int) -> None:
    """Give a plain order the extra row that it has come to need."""
    order = core.orders[slot]
    extra = core.extras[take_extra(core, slot)]
    extra.working_ns = order.created_ns if order.flags & WORKING else 0


@inlined
def list_live(core: Core, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Make an order findable and counted: it will outlive its command."""
    order.flags |= LISTED
    put_id(core, order.order_id, slot)
    if has_text(order.cl_ord_id):
        put(core.text_index, core.limits.text_mask, text_entry(core, order, slot))
    list_order(core, order, slot)
    if market.counted != 0:
        count_order(core, order, 1)
    if order.extra != 0 and order.time_in_force == TimeInForce.GTD:
        note_expiry(core, order, slot)


@inlined
def release_order(core: Core, market: MarketRow, order: OrderRow, slot: int, at_ns: int) -> None:
    """Forget an order that has ended: its row is free from here on.

    It has left its queue, its triggers and its hold before; its text id stays remembered (P-5).
    """
    touch(core, order.account)
    if order.flags & LISTED:
        take_out_id(core, order.order_id, slot)
        unlist_order(core, order)
        if market.counted != 0:
            count_order(core, order, -1)
        if has_text(order.cl_ord_id):
            finish_text(core, order, text_entry(core, order, slot), at_ns)
    elif has_text(order.cl_ord_id):
        finish_text(core, order, 0, at_ns)
    if order.extra != 0:
        release_extra(core, order)
    state = core.state
    order.order_id = 0
    order.next = state.free_order
    state.free_order = slot
    state.orders -= 1


@kernel
def release_extra(core: Core, order: OrderRow) -> None:
    """Free an order's extra row; the clock and its list forget the order."""
    state = core.state
    extra = core.extras[order.extra]
    if extra.expiry_pos != 0:
        drop_expiry(core, order)
    if extra.list != 0:
        drop_leg(core, order)
    state.slices -= extra.slices
    extra.order = state.free_extra
    state.free_extra = order.extra
    order.extra = 0


@kernel
def rename_order(core: Core, order: OrderRow, slot: int, at_ns: int) -> None:
    """Let go of a live order's text id: it counts as finished. The caller writes the new one."""
    if has_text(order.cl_ord_id):
        finish_text(core, order, text_entry(core, order, slot), at_ns)


@kernel
def index_text(core: Core, order: OrderRow, slot: int) -> None:
    """Make a live order findable by the text id that was just written into it."""
    put(core.text_index, core.limits.text_mask, text_entry(core, order, slot))


@kernel
def sort_by_order_id(core: Core, count: int) -> None:
    """Sort the first `count` numbers of the scratch block, row numbers, by their order ids.

    A heap sort: no extra memory, and no bad case however orders were chosen.
    """
    for root in range(count // 2 - 1, -1, -1):
        _sift(core, root, count)
    for end in range(count - 1, 0, -1):
        first = core.scratch[0]
        core.scratch[0] = core.scratch[end]
        core.scratch[end] = first
        _sift(core, 0, end)


@kernel
def _sift(core: Core, root: int, count: int) -> None:
    moving = core.scratch[root]
    order_id = core.orders[moving].order_id
    while True:
        child = 2 * root + 1
        if child >= count:
            break
        if child + 1 < count and (
            core.orders[core.scratch[child + 1]].order_id
            > core.orders[core.scratch[child]].order_id
        ):
            child += 1
        if core.orders[core.scratch[child]].order_id <= order_id:
            break
        core.scratch[root] = core.scratch[child]
        root = child
    core.scratch[root] = moving


@kernel
def gather_account(core: Core, account: int) -> int:
    """Copy an account's live order rows into the scratch block; return how many."""
    count = core.accounts[account].order_count
    for place in range(count):
        core.scratch[place] = core.account_orders[list_cell(core, account, place)]
    return count
