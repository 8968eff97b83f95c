"""Self-trade prevention (rule T-1): what happens when a taker reaches an order of its own."""

from matcher.core.accounts import touch
from matcher.core.book import leave_level, visible_of
from matcher.core.emit import order_event, tell_level
from matcher.core.kernel import inlined, kernel
from matcher.core.legs import list_of
from matcher.core.lists import after_end
from matcher.core.money import free_hold, shrink_hold
from matcher.core.orders import give_extra, release_order
from matcher.core.rows import ICEBERG, LISTED, RESTING, MarketRow
from matcher.core.state import Core
from matcher.core.trading import uncount_fill
from protocol.board import OrderRow
from protocol.records import Command, Event
from protocol.terms import EventFlag, EventKind, OrdStatus, StpMode

MAKER = int(EventFlag.MAKER)


@kernel
def prevent(
    core: Core, cmd: Command, market: MarketRow, taker: OrderRow, taker_slot: int, slot: int
) -> None:
    """Keep the taker from trading with the first order of the best level, its own."""
    maker = core.orders[slot]
    touch(core, maker.account)
    mode = taker.stp_mode
    row = core.instruments[taker.instrument]
    match_id = row.next_prevented_id
    row.next_prevented_id = match_id + 1
    price = maker.price
    smaller = min(maker.leaves_qty, taker.leaves_qty)
    if mode != StpMode.EXPIRE_TAKER:
        qty = smaller if mode == StpMode.DECREMENT else maker.leaves_qty
        event = _take_away(core, cmd, market, slot, qty)
        _tell_match(event, match_id, price, taker.account, taker.order_id)
    if mode != StpMode.EXPIRE_MAKER:
        qty = smaller if mode == StpMode.DECREMENT else taker.leaves_qty
        event = _take_away(core, cmd, market, taker_slot, qty)
        _tell_match(event, match_id, price, maker.account, maker.order_id)
    core.extras[maker.extra].last_prevented_id = match_id
    core.extras[taker.extra].last_prevented_id = match_id
    number = list_of(core, maker)
    leg = core.extras[maker.extra].leg if number != 0 else 0
    if maker.leaves_qty == 0:
        release_order(core, market, maker, slot, cmd.at_ns)
    else:
        number = 0
    if number != 0 or list_of(core, taker) != 0:
        _settle_lists(core, cmd, market, taker, taker_slot, number, leg)


@kernel
def _settle_lists(
    core: Core,
    cmd: Command,
    market: MarketRow,
    taker: OrderRow,
    taker_slot: int,
    number: int,
    leg: int,
) -> None:
    """Follow up for the lists of a prevented match; `number`, `leg`: a maker that has ended."""
    takers_number = list_of(core, taker)
    takers_leg = core.extras[taker.extra].leg
    ended = taker.leaves_qty == 0
    if ended:
        release_order(core, market, taker, taker_slot, cmd.at_ns)
    if number != 0:
        after_end(core, cmd, number, leg, False)
    if ended and takers_number != 0:
        after_end(core, cmd, takers_number, takers_leg, False)


@inlined
def _tell_match(event: Event, match_id: int, price: int, account: int, order_id: int) -> None:
    event.trade_id = match_id
    event.last_px = price
    event.contra_account = account
    event.contra_order_id = order_id


@kernel
def _take_away(core: Core, cmd: Command, market: MarketRow, slot: int, qty: int) -> Event:
    """Take `qty` off an order, out of its level, its hold and its leaves, and tell so."""
    order = core.orders[slot]
    if order.extra == 0:
        give_extra(core, slot)
    rested = order.flags & RESTING
    ends = qty == order.leaves_qty
    shrunk = 0
    if ends:
        free_hold(core, market, order)
        order.ord_status = OrdStatus.EXPIRED_IN_MATCH
        if rested:
            shrunk = visible_of(core, order)
            leave_level(core, market, order)
    else:
        shrink_hold(core, market, order, qty)
        filled = order.cum_qty != 0
        order.ord_status = OrdStatus.PARTIALLY_FILLED if filled else OrdStatus.NEW
        if rested:
            shrunk = shrink_level(core, order, qty)
    if market.counted != 0 and order.flags & LISTED:
        uncount_fill(core, order, qty)
    order.leaves_qty -= qty
    order.updated_ns = cmd.at_ns
    core.extras[order.extra].prevented_qty += qty
    event = order_event(core, cmd, EventKind.PREVENTED, order)
    event.last_qty = qty
    if rested:
        event.flags |= MAKER
        if shrunk != 0:
            tell_level(core, event, order.instrument, order.level)
    return event


@kernel
def shrink_level(core: Core, order: OrderRow, qty: int) -> int:
    """Take `qty` out of a resting order's level, hidden part first; return what it shows less."""
    level = core.levels[order.level]
    shown = visible_of(core, order)
    left = min(shown, order.leaves_qty - qty)
    level.qty -= shown - left
    level.hidden_qty -= qty - (shown - left)
    if order.flags & ICEBERG:
        core.extras[order.extra].visible_qty = left
    return shown - left
