"""Continuous trading: an order enters, meets makers, and rests or ends (rules P, C, T)."""

from protocol.terms import (
    EventFlag,
    EventKind,
    ExpiryReason,
    OrdStatus,
    StpMode,
    TimeInForce,
)
from tests.reference import lists, sessions, stops
from tests.reference.checks import entry_hold
from tests.reference.liquidity import crosses, is_fillable, meets_something, outside_collar
from tests.reference.money import hold, release_excess, settle
from tests.reference.orders import rest, retire, slice_of, waits_for_the_close
from tests.reference.state import Order, Venue
from tests.reference.telling import tell_order


def enter(venue: Venue, order: Order, kind: EventKind) -> None:
    """Let an admitted order in and let it trade; `kind` is ACCEPTED or TRIGGERED."""
    hold(order, entry_hold(order))
    if admit(venue, order, kind):
        match(venue, order)


def admit(venue: Venue, order: Order, kind: EventKind) -> bool:
    """Tell that the order is in, its hold taken; return whether it must now be matched."""
    order.status = OrdStatus.NEW
    if order.unfired:
        stops.activate(venue, order)
    elif waits_for_the_close(order):
        order.instrument.waiting[order.order_id] = order
    else:
        return start_working(venue, order, kind)
    tell_order(venue, kind, order)
    return False


def start_working(venue: Venue, order: Order, kind: EventKind) -> bool:
    """Put an order to work: into the call, into the book, or (True) on to the match."""
    instrument = order.instrument
    order.working = True
    order.working_ns = venue.now
    if instrument.in_call and order.without_limit:
        instrument.market_orders[order.order_id] = order
        tell_order(venue, kind, order)
        return False
    if instrument.in_call or (order.may_rest and not meets_something(order)):
        rest(order)
        tell_order(venue, kind, order, level=True)
        return False
    tell_order(venue, kind, order)
    return True


def match(venue: Venue, taker: Order) -> None:
    """Trade the order against the book until it is done, then rest or expire what is left."""
    instrument = taker.instrument
    if taker.time_in_force == TimeInForce.FOK and not is_fillable(taker):
        expire(venue, taker, ExpiryReason.UNFILLED_FOK_ORDER_EXPIRED)
        return
    collar_price = instrument.last_or_reference
    collar_reached = False
    while taker.leaves_qty:
        maker = instrument.book.first(1 - taker.side)
        if maker is None or not crosses(taker, maker.price):
            break
        if outside_collar(instrument, maker.price, collar_price):
            collar_reached = True
            break
        if taker.prevents(maker):
            prevent(venue, taker, maker)
        else:
            trade(venue, maker, taker, maker.price, min(taker.leaves_qty, maker.visible_qty))
    if taker.live:
        _end_of_match(venue, taker, collar_reached=collar_reached)
    if collar_reached:
        sessions.start_volatility_auction(venue, instrument)


def _end_of_match(venue: Venue, taker: Order, *, collar_reached: bool) -> None:
    if taker.may_rest:
        rest(taker)
        tell_order(venue, EventKind.RESTED, taker, level=True)
    elif collar_reached:
        expire(venue, taker, ExpiryReason.PRICE_COLLAR)
    elif taker.without_limit:
        expire(venue, taker, ExpiryReason.INSUFFICIENT_LIQUIDITY)
    else:
        expire(venue, taker, ExpiryReason.UNFILLED_IOC_QUANTITY_EXPIRED)


def trade(venue: Venue, maker: Order, taker: Order, px: int, qty: int, flags: int = 0) -> None:
    """Fill `qty` of both orders at `px`: settle, tell both sides, then what follows for lists."""
    instrument = maker.instrument
    trade_id, agg_trade_id = _trade_ids(taker, px)
    maker_rested, maker_fee, maker_asset = _fill(venue, maker, px, qty, is_maker=True)
    taker_rested, taker_fee, taker_asset = _fill(venue, taker, px, qty, is_maker=False)
    tell_order(
        venue,
        EventKind.TRADE,
        maker,
        level=maker_rested,
        flags=flags | EventFlag.MAKER,
        contra_account=taker.account.number,
        contra_order_id=taker.order_id,
        last_px=px,
        last_qty=qty,
        fee=maker_fee,
        asset=maker_asset,
        trade_id=trade_id,
        agg_trade_id=agg_trade_id,
    )
    tell_order(
        venue,
        EventKind.TRADE,
        taker,
        level=taker_rested,
        flags=flags,
        contra_account=maker.account.number,
        contra_order_id=maker.order_id,
        last_px=px,
        last_qty=qty,
        fee=taker_fee,
        asset=taker_asset,
        trade_id=trade_id,
        agg_trade_id=agg_trade_id,
    )
    price_before, instrument.last_px = instrument.last_px, px
    stops.look_at_trade(venue, instrument, price_before)
    lists.after_fill(venue, maker)
    lists.after_fill(venue, taker)


def _trade_ids(taker: Order, px: int) -> tuple[int, int]:
    """Return trade id (rule P-1) and aggregated trade id (rule D-2) of the next trade."""
    instrument = taker.instrument
    trade_id = instrument.next_trade_id
    instrument.next_trade_id += 1
    instrument.traded = True
    if instrument.last_fill != (taker.order_id, px):
        instrument.last_fill = (taker.order_id, px)
        instrument.next_agg_trade_id += 1
    return trade_id, instrument.next_agg_trade_id - 1


def _fill(
    venue: Venue, order: Order, px: int, qty: int, *, is_maker: bool
) -> tuple[bool, int, int]:
    """Fill one side; return whether it stood in the book, its fee and the asset of the fee."""
    was_resting = order.resting
    fee, asset = settle(venue, order, px, qty, is_maker=is_maker)
    order.leaves_qty -= qty
    order.cum_qty += qty
    order.cum_quote += px * qty * order.instrument.quote_scale
    if order.leaves_qty == 0 and not order.book_ended:
        retire(venue, order, OrdStatus.FILLED)
        return was_resting, fee, asset
    order.status = OrdStatus.PARTIALLY_FILLED
    if was_resting:
        order.visible_qty -= qty
        if order.visible_qty <= 0:
            order.visible_qty = slice_of(order)
            order.instrument.book.send_to_back(order)
    return was_resting, fee, asset


def prevent(venue: Venue, taker: Order, maker: Order) -> None:
    """Keep an account from trading with itself: the taker's mode decides (rule T-1)."""
    instrument = taker.instrument
    match_id = instrument.next_prevented_id
    instrument.next_prevented_id += 1
    mode = taker.stp_mode
    smaller = min(maker.leaves_qty, taker.leaves_qty)
    if mode in (StpMode.EXPIRE_MAKER, StpMode.EXPIRE_BOTH):
        _take_away(venue, maker, taker, maker.leaves_qty, match_id, maker.price)
    elif mode == StpMode.DECREMENT:
        _take_away(venue, maker, taker, smaller, match_id, maker.price)
    if mode in (StpMode.EXPIRE_TAKER, StpMode.EXPIRE_BOTH):
        _take_away(venue, taker, maker, taker.leaves_qty, match_id, maker.price)
    elif mode == StpMode.DECREMENT:
        _take_away(venue, taker, maker, smaller, match_id, maker.price)
    for order in (maker, taker):
        if not order.live:
            lists.after_end(venue, order)


def _take_away(venue: Venue, order: Order, other: Order, qty: int, match_id: int, px: int) -> None:
    """Take `qty` off one order of a prevented match and tell so."""
    was_resting = order.resting
    shown = order.visible_qty
    order.leaves_qty -= qty
    order.prevented_qty += qty
    if order.leaves_qty == 0:
        retire(venue, order, OrdStatus.EXPIRED_IN_MATCH)
    else:
        order.visible_qty = min(shown, order.leaves_qty)
        release_excess(order)
    tell_order(
        venue,
        EventKind.PREVENTED,
        order,
        level=was_resting and (not order.live or order.visible_qty != shown),
        flags=EventFlag.MAKER if was_resting else 0,
        contra_account=other.account.number,
        contra_order_id=other.order_id,
        last_px=px,
        last_qty=qty,
        trade_id=match_id,
    )


def expire(venue: Venue, order: Order, reason: ExpiryReason) -> None:
    """End an order by the rules, tell so, then what follows for its list."""
    was_resting = retire(venue, order, OrdStatus.EXPIRED)
    tell_order(venue, EventKind.EXPIRED, order, level=was_resting, reason=reason)
    lists.after_end(venue, order)
