"""One trade between a maker and a taker: fill, settle, tell, refresh.

Both sides are settled before the first of the two TRADE events is written, maker first. A maker
that is filled leaves its queue before and its row after the events. Whoever ends or fills an order
that belongs to a list must say so to `lists`; whoever prints a price, to `stops`.
"""

from matcher.core.accounts import counts_of, touch
from matcher.core.book import BUY, drop_from_level, link_last, unlink, visible_of
from matcher.core.emit import order_event, tell_level
from matcher.core.kernel import inlined, kernel
from matcher.core.legs import list_of
from matcher.core.lists import after_fill
from matcher.core.money import (
    asset_held,
    free_hold,
    maker_rate,
    part_of_hold,
    settle_buyer,
    settle_seller,
    taker_rate,
)
from matcher.core.orders import release_order
from matcher.core.rows import (
    ICEBERG,
    LISTED,
    OWN_HOLD,
    RAN_OUT,
    SHARED_HOLD,
    LevelRow,
    MarketRow,
)
from matcher.core.state import Core
from matcher.core.stops import note_trade
from protocol.board import InstrumentRow, OrderRow
from protocol.records import Command, Event
from protocol.terms import EventFlag, EventKind, OrdStatus

MAKER = int(EventFlag.MAKER)


@inlined
def fill(core: Core, cmd: Command, market: MarketRow, order: OrderRow, qty: int, cost: int) -> None:
    """Fill part of an order."""
    order.leaves_qty -= qty
    order.cum_qty += qty
    order.cum_quote += cost
    order.updated_ns = cmd.at_ns
    ended = order.leaves_qty == 0 and order.flags & RAN_OUT == 0
    order.ord_status = OrdStatus.FILLED if ended else OrdStatus.PARTIALLY_FILLED


@inlined
def trade_with_maker(
    core: Core,
    cmd: Command,
    market: MarketRow,
    taker: OrderRow,
    taker_slot: int,
    slot: int,
    price: int,
    new_agg_trade: bool,
) -> None:
    """Trade the taker with the first order of the best level, as much as both allow."""
    maker = core.orders[slot]
    touch(core, maker.account)
    shown = visible_of(core, maker)
    qty = min(shown, taker.leaves_qty)
    cost = price * qty * market.quote_scale
    if taker.side == BUY:
        taken = part_of_hold(core, market, taker, qty, cost)
        rate = taker_rate(core, market, taker.account)
        taker_fee = settle_buyer(core, market, taker, qty, cost, taken, rate)
        rate = maker_rate(core, market, maker.account)
        maker_fee = settle_seller(core, market, maker, qty, cost, rate)
    else:
        rate = taker_rate(core, market, taker.account)
        taker_fee = settle_seller(core, market, taker, qty, cost, rate)
        rate = maker_rate(core, market, maker.account)
        maker_fee = settle_buyer(core, market, maker, qty, cost, cost, rate)
    fill(core, cmd, market, maker, qty, cost)
    fill(core, cmd, market, taker, qty, cost)
    number = maker.level
    level = core.levels[number]
    level.qty -= qty
    if maker.leaves_qty == 0:
        drop_from_level(core, market, maker, level)
    elif maker.flags & ICEBERG:
        use_slice(core, level, maker, slot, qty)
    if market.counted != 0:
        uncount_fill(core, maker, qty)
        if taker.flags & LISTED:
            uncount_fill(core, taker, qty)
    row = core.instruments[taker.instrument]
    price_before = row.last_px
    print_trade(row, cmd, price, qty, new_agg_trade)
    event = tell_trade(core, cmd, market, maker, taker, maker_fee)
    event.flags |= MAKER
    tell_level(core, event, maker.instrument, number)
    tell_trade(core, cmd, market, taker, maker, taker_fee)
    if market.stops != 0:
        note_trade(core, market, price, price_before, cmd.at_ns)
    if (maker.extra | taker.extra) != 0 and list_of(core, maker) | list_of(core, taker) != 0:
        settle_lists(core, cmd, market, taker, taker_slot, maker, slot)
    elif maker.leaves_qty == 0:
        release_order(core, market, maker, slot, cmd.at_ns)


@inlined
def tell_trade(
    core: Core, cmd: Command, market: MarketRow, order: OrderRow, other: OrderRow, fee: int
) -> Event:
    """Tell one side of the trade just printed."""
    row = core.instruments[order.instrument]
    event = order_event(core, cmd, EventKind.TRADE, order)
    event.contra_account = other.account
    event.contra_order_id = other.order_id
    event.last_px = row.last_px
    event.last_qty = row.last_qty
    event.fee = fee
    event.asset = asset_held(market, other.side)
    event.trade_id = row.next_trade_id - 1
    event.agg_trade_id = row.next_agg_trade_id - 1
    return event


@kernel
def settle_lists(
    core: Core,
    cmd: Command,
    market: MarketRow,
    taker: OrderRow,
    taker_slot: int,
    maker: OrderRow,
    slot: int,
) -> None:
    """End what a trade has filled, then follow up for the lists of both sides, maker's first."""
    number = list_of(core, maker)
    leg = core.extras[maker.extra].leg
    takers_number = list_of(core, taker)
    takers_leg = core.extras[taker.extra].leg
    if maker.leaves_qty == 0:
        release_order(core, market, maker, slot, cmd.at_ns)
    if taker.leaves_qty == 0 and taker.flags & RAN_OUT == 0:
        release_filled(core, cmd, market, taker, taker_slot)
    if number != 0:
        after_fill(core, cmd, number, leg)
    if takers_number != 0:
        after_fill(core, cmd, takers_number, takers_leg)


@inlined
def release_filled(core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Forget an order that was filled as a taker; what a market BUY held too much is freed."""
    if order.flags & OWN_HOLD and order.flags & SHARED_HOLD == 0:
        free_hold(core, market, order)
    release_order(core, market, order, slot, cmd.at_ns)


@inlined
def print_trade(
    row: InstrumentRow, cmd: Command, price: int, qty: int, new_agg_trade: bool
) -> None:
    """Make a trade the instrument's last, with the next trade id (rules P-1, D-2)."""
    row.last_px = price
    row.last_qty = qty
    row.last_trade_ns = cmd.at_ns
    row.next_trade_id += 1
    if new_agg_trade:
        row.next_agg_trade_id += 1


@kernel
def use_slice(core: Core, level: LevelRow, order: OrderRow, slot: int, qty: int) -> None:
    """Take a fill out of an iceberg's slice; a used-up slice is refreshed at the back (C-7)."""
    extra = core.extras[order.extra]
    extra.visible_qty -= qty
    if extra.visible_qty > 0:
        return
    extra.visible_qty = min(extra.display_qty, order.leaves_qty)
    level.qty += extra.visible_qty
    level.hidden_qty -= extra.visible_qty
    unlink(core, level, order)
    link_last(core, level, order, slot)


@kernel
def uncount_fill(core: Core, maker: OrderRow, qty: int) -> None:
    """Take a fill out of what the account has open to buy (MAX_POSITION)."""
    if maker.side == BUY:
        counts_of(core, maker.account, maker.instrument).buy_qty -= qty
