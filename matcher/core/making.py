"""Write a checked order into a row of its own: its id, its fields, the extra row of a rare one.

Over words instead of fields (`words.py`): what is written whole can be read whole at once, by the event that tells it.
"""

from matcher.core.accounts import touch
from matcher.core.checks import stp_mode_of, time_in_force_of
from matcher.core.filters import slices_of
from matcher.core.indexes import IDS_A_LINE, id_cell
from matcher.core.kernel import copy_text, inlined, prefetch
from matcher.core.orders import take_extra, take_order
from matcher.core.rows import ICEBERG, MarketRow
from matcher.core.state import Core
from matcher.core.words import STATUS_BITS, order_words
from protocol.records import Command
from protocol.terms import OrdStatus, OrdType

NEW = int(OrdStatus.NEW)


@inlined
def make_order(core: Core, cmd: Command, market: MarketRow, qty: int) -> int:
    """Write a checked order into a row of its own, with the next order id; return the row."""
    touch(core, cmd.account)
    form = cmd.side << 16 | cmd.ord_type << 24
    form |= time_in_force_of(cmd) << 32 | stp_mode_of(market, cmd) << 40
    slot = write_order(core, cmd, form, qty, 0, 0)
    rare = cmd.display_qty | cmd.expire_ns | cmd.strategy_id | cmd.strategy_type
    if rare != 0 or cmd.ord_type > OrdType.LIMIT:
        fill_extra(core, cmd, slot)
    return slot


@inlined
def write_order(core: Core, cmd: Command, form: int, qty: int, place: int, number: int) -> int:
    """Write a new order into a row of its own; return the row.

    `form`: as in `OrderWords`, without instrument and status; `place`: in its account's list; `number`: the
    level whose queue it is the last of, 0: none.
    """
    state = core.state
    slot = take_order(core)
    order_id = state.next_order_id
    state.next_order_id = order_id + 1
    if order_id % IDS_A_LINE == 0:
        prefetch(core.id_slots, id_cell(core, order_id + IDS_A_LINE), 0)
    order = core.orders[slot]
    words = order_words(order)
    at_ns = cmd.at_ns
    order.order_id = order_id
    order.price = cmd.price
    order.leaves_qty = qty
    order.updated_ns = at_ns
    words.links = core.levels[number].tail << 32
    words.owner = cmd.account | place << 32
    words.form = form | cmd.instrument | NEW << STATUS_BITS
    words.where = number << 32
    order.cum_qty = 0
    order.cum_quote = 0
    order.created_ns = at_ns
    copy_text(order.cl_ord_id, cmd.cl_ord_id)
    return slot


@inlined
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
