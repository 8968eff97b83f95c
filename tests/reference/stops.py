"""Stops: what the last price elects, in which order, and how an elected order acts (rules S)."""

from protocol.terms import EventKind, ExpiryReason, Side
from tests.reference import lists, trading
from tests.reference.checks import entry_hold, funds_reason, has_reached, phase_admits
from tests.reference.money import hold, release_all
from tests.reference.orders import hold_price_now
from tests.reference.state import FULL_SHARE, Instrument, Order, Venue


def activate(venue: Venue, order: Order) -> None:
    """Let a stop watch the last price from now on; trailing without `stop_px` tracks at once."""
    venue.activations += 1
    order.active_since = venue.activations
    if order.trailing_bips and not order.stop_px:
        order.extreme = order.instrument.last_px
    order.instrument.stops[order.order_id] = order


def look_at_trade(venue: Venue, instrument: Instrument, price_before: int) -> None:
    """Queue the stops that the trade just made has reached, nearest to the price before first."""
    px = instrument.last_px
    start = price_before or px
    reached = [order for order in instrument.stops.values() if _fires(order, px)]
    reached.sort(key=lambda order: (abs(_stop_price(order) - start), order.active_since))
    for order in reached:
        del instrument.stops[order.order_id]
        venue.elected.append(order)


def _fires(order: Order, px: int) -> bool:
    if not order.trailing_bips:
        return has_reached(order, px)
    if order.extreme == 0:
        if order.stop_px == 0 or has_reached(order, px):
            order.extreme = px
        return False
    if order.side == Side.SELL:
        order.extreme = max(order.extreme, px)
        return px * FULL_SHARE <= order.extreme * (FULL_SHARE - order.trailing_bips)
    order.extreme = min(order.extreme, px)
    return px * FULL_SHARE >= order.extreme * (FULL_SHARE + order.trailing_bips)


def _stop_price(order: Order) -> int:
    """Return the first whole price that fires the order."""
    if not order.trailing_bips:
        return order.stop_px
    if order.side == Side.SELL:
        return order.extreme * (FULL_SHARE - order.trailing_bips) // FULL_SHARE
    return -(-order.extreme * (FULL_SHARE + order.trailing_bips) // FULL_SHARE)


def follow_up(venue: Venue) -> None:
    """Let filled working orders' pending legs and then elected stops act, until none is left."""
    while venue.filled_working or venue.elected:
        if venue.filled_working:
            lists.activate_pending(venue, venue.filled_working.popleft())
        else:
            _act(venue, venue.elected.popleft())


def _act(venue: Venue, order: Order) -> None:
    """Let an elected stop become the order it stands for, or expire (rule S-4)."""
    if not order.live:
        return
    lists.end_sibling(venue, order)
    order.triggered = True
    if order.without_limit:
        release_all(order)
        order.hold_price = hold_price_now(order)
    if not _can_be_placed(order):
        trading.expire(venue, order, ExpiryReason.REJECTED)
        return
    if order.without_limit:
        hold(order, entry_hold(order))
    if trading.admit(venue, order, EventKind.TRIGGERED):
        trading.match(venue, order)


def _can_be_placed(order: Order) -> bool:
    if not phase_admits(order.instrument, order.ord_type, order.time_in_force, by_quote=False):
        return False
    return not (order.without_limit and funds_reason(order))
