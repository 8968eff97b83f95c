"""The end of a call: everything that can trade does, at one price (rules A-3, A-4).

Both sides come in the order of allocation: orders without a limit, then better prices, then time; a
market BUY stands before the limits at the price that its hold pays for. The first of one side
trades with the first of the other. An order stays first until it is filled, even an iceberg, whose next
slice goes to the back of its level meanwhile.

Cost: O(1) for each trade, after the price search and a sort of the orders without a limit.
"""

from matcher.core.accounts import touch
from matcher.core.aside import leave_aside
from matcher.core.auction import find_price
from matcher.core.book import (
    BUY,
    SELL,
    best_of,
    drop_from_level,
    has_orders,
    level_at,
    link_last,
    price_at,
    unlink,
    visible_of,
)
from matcher.core.calls import gather_market_buys, gather_market_sells, worst_price
from matcher.core.emit import new_event, tell_level
from matcher.core.gathering import gather_call_orders
from matcher.core.kernel import kernel
from matcher.core.legs import list_of
from matcher.core.matching import expire
from matcher.core.money import (
    maker_rate,
    part_of_hold,
    settle_buyer,
    settle_seller,
    taker_rate,
)
from matcher.core.orders import sort_by_order_id
from matcher.core.rows import ICEBERG, RESTING, LevelRow, MarketRow
from matcher.core.state import Core
from matcher.core.stops import note_trade
from matcher.core.trading import (
    MAKER,
    fill,
    print_trade,
    release_filled,
    settle_lists,
    tell_trade,
    uncount_fill,
)
from protocol.board import OrderRow
from protocol.records import Command
from protocol.terms import EventFlag, EventKind, ExpiryReason, Side

AUCTION = int(EventFlag.AUCTION)


@kernel
def tell_call(core: Core, cmd: Command, kind: int, instrument: int) -> None:
    """Tell price, paired and imbalance quantity that the last price search found."""
    call = core.call
    event = new_event(core, cmd, kind)
    event.instrument = instrument
    event.price = call.price
    event.order_qty = call.paired_qty
    event.leaves_qty = abs(call.surplus)
    event.side = Side.SELL if call.surplus < 0 else Side.BUY
    event.update_id = core.instruments[instrument].update_id


@kernel
def uncross(core: Core, cmd: Command, instrument: int) -> None:
    """Trade all that can trade at one price, then expire what was for this auction only."""
    market = core.markets[instrument]
    find_price(core, market, instrument)
    tell_call(core, cmd, EventKind.UNCROSSED, instrument)
    allocate(core, cmd, market, instrument)
    count = gather_call_orders(core, market)
    sort_by_order_id(core, count)
    for place in range(count):
        slot = core.scratch[place]
        order = core.orders[slot]
        # None of them is gone: no two orders of a list take part in one call.
        expire(core, cmd, market, order, slot, ExpiryReason.END_OF_AUCTION)


@kernel
def allocate(core: Core, cmd: Command, market: MarketRow, instrument: int) -> None:
    """Pair buyers and sellers until the executable volume has traded."""
    price = core.call.price
    left = core.call.paired_qty
    market_buys = gather_market_buys(core, market)
    market_sells = gather_market_sells(core, market)
    next_buy = 0
    next_sell = 0
    buyer = 0
    seller = 0
    last_taker = 0
    while left > 0:
        if buyer == 0:
            if next_buy < market_buys and buys_first(core, market, core.scratch[next_buy]):
                buyer = core.scratch[next_buy]
                next_buy += 1
            else:
                buyer = first_at_best(core, market, BUY)
        if seller == 0:
            if next_sell < market_sells:
                seller = core.scratch[core.limits.orders + next_sell]
                next_sell += 1
            else:
                seller = first_at_best(core, market, SELL)
        buy = core.orders[buyer]
        sell = core.orders[seller]
        qty = min(buy.leaves_qty, sell.leaves_qty)
        older = buy.order_id < sell.order_id
        maker = buyer if older else seller
        taker = seller if older else buyer
        taker_id = core.orders[taker].order_id
        trade_in_call(core, cmd, market, maker, taker, price, qty, taker_id != last_taker)
        last_taker = taker_id
        left -= qty
        if buy.order_id == 0:
            buyer = 0
        if sell.order_id == 0:
            seller = 0


@kernel
def buys_first(core: Core, market: MarketRow, slot: int) -> bool:
    """Say whether a market BUY trades before the limits that are left."""
    if not has_orders(market, BUY):
        return True
    return worst_price(core, slot) >= price_at(market, market.best_bid)


@kernel
def first_at_best(core: Core, market: MarketRow, side: int) -> int:
    """Return the order that stands first at the best price of a side."""
    return core.levels[level_at(core, market, side, best_of(market, side))].head


@kernel
def trade_in_call(
    core: Core,
    cmd: Command,
    market: MarketRow,
    maker_slot: int,
    taker_slot: int,
    price: int,
    qty: int,
    new_agg_trade: bool,
) -> None:
    """Trade two orders of a call; both are settled before the first event, the maker's."""
    maker = core.orders[maker_slot]
    taker = core.orders[taker_slot]
    touch(core, maker.account)
    touch(core, taker.account)
    instrument = maker.instrument
    cost = price * qty * market.quote_scale
    maker_rested = maker.flags & RESTING
    taker_rested = taker.flags & RESTING
    maker_fee = fill_in_call(
        core, cmd, market, maker, maker_slot, qty, cost, maker_rate(core, market, maker.account)
    )
    taker_fee = fill_in_call(
        core, cmd, market, taker, taker_slot, qty, cost, taker_rate(core, market, taker.account)
    )
    row = core.instruments[instrument]
    price_before = row.last_px
    print_trade(row, cmd, price, qty, new_agg_trade)
    event = tell_trade(core, cmd, market, maker, taker, maker_fee)
    event.flags |= MAKER | AUCTION
    if maker_rested:
        tell_level(core, event, instrument, maker.level)
    event = tell_trade(core, cmd, market, taker, maker, taker_fee)
    event.flags |= AUCTION
    if taker_rested:
        tell_level(core, event, instrument, taker.level)
    if market.stops != 0:
        note_trade(core, market, price, price_before, cmd.at_ns)
    if list_of(core, maker) | list_of(core, taker) != 0:
        settle_lists(core, cmd, market, taker, taker_slot, maker, maker_slot)
        return
    if maker.leaves_qty == 0:
        release_filled(core, cmd, market, maker, maker_slot)
    if taker.leaves_qty == 0:
        release_filled(core, cmd, market, taker, taker_slot)


@kernel
def fill_in_call(
    core: Core,
    cmd: Command,
    market: MarketRow,
    order: OrderRow,
    slot: int,
    qty: int,
    cost: int,
    rate: int,
) -> int:
    """Settle and fill one side, and take the fill out of where the order stands; return its fee."""
    if order.side == BUY:
        taken = part_of_hold(core, market, order, qty, cost)
        fee = settle_buyer(core, market, order, qty, cost, taken, rate)
    else:
        fee = settle_seller(core, market, order, qty, cost, rate)
    if market.counted != 0:
        uncount_fill(core, order, qty)
    if order.flags & RESTING == 0:
        fill(core, cmd, market, order, qty, cost)
        if order.leaves_qty == 0:
            leave_aside(core, market, order)
        return fee
    level = core.levels[order.level]
    shown = visible_of(core, order)
    hidden = order.leaves_qty - shown
    fill(core, cmd, market, order, qty, cost)
    level.qty -= shown
    level.hidden_qty -= hidden
    if order.leaves_qty == 0:
        drop_from_level(core, market, order, level)
        return fee
    left = shown - qty
    if order.flags & ICEBERG:
        left = next_slice(core, level, order, slot, left)
    level.qty += left
    level.hidden_qty += order.leaves_qty - left
    return fee


@kernel
def next_slice(core: Core, level: LevelRow, order: OrderRow, slot: int, left: int) -> int:
    """Return what an iceberg shows with `left` of its slice; a used-up one is refreshed (C-7)."""
    extra = core.extras[order.extra]
    if left <= 0:
        left = min(extra.display_qty, order.leaves_qty)
        unlink(core, level, order)
        link_last(core, level, order, slot)
    extra.visible_qty = left
    return left
