"""Write a checked order into a row of its own: its id, its fields, the extra row of a rare one."""

from matcher.core.accounts import touch
from matcher.core.checks import stp_mode_of, time_in_force_of
from matcher.core.filters import slices_of
from matcher.core.indexes import IDS_A_LINE, id_cell
from matcher.core.kernel import copy_text, inlined, kernel, prefetch
from matcher.core.orders import take_extra, take_order
from matcher.core.rows import ICEBERG, MarketRow
from matcher.core.state import Core
from protocol.records import Command
from protocol.terms import OrdStatus, OrdType


@inlined
def make_order(core: Core, cmd: Command, market: MarketRow, qty: int) -> int:
    """Write a checked order into a row of its own, with the next order id; return the row."""
    touch(core, cmd.account)
    slot = take_order(core)
    order = core.orders[slot]
    order.order_id = core.state.next_order_id
    core.state.next_order_id += 1
    prefetch(core.id_slots, id_cell(core, order.order_id + IDS_A_LINE), 0)
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
