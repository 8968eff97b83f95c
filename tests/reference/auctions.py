"""Call auctions: what a call would do now, and the uncross that ends it (rules A-2 to A-4)."""

from protocol.terms import (
    EventFlag,
    EventKind,
    ExpiryReason,
    InstrumentTerm,
    Side,
    TimeInForce,
)
from tests.reference import trading
from tests.reference.state import Instrument, Order, Venue
from tests.reference.telling import tell_auction
from tests.reference.uncross import Interest, Outcome, find_price

_FOR_THE_CALL = (TimeInForce.AT_OPENING, TimeInForce.AT_CLOSE)


def indication(instrument: Instrument) -> tuple[int, int, int, int]:
    """Return price, paired and imbalance quantity and imbalance side if the call ended now."""
    outcome = _outcome(instrument)
    side = Side.SELL if outcome.surplus < 0 else Side.BUY
    return outcome.price, outcome.volume, abs(outcome.surplus), side


def _outcome(instrument: Instrument) -> Outcome:
    buys, sells = (
        [Interest(_worst_price(order), order.leaves_qty, order.without_limit) for order in queue]
        for queue in (_queue(instrument, Side.BUY), _queue(instrument, Side.SELL))
    )
    return find_price(
        instrument.terms[InstrumentTerm.AUCTION_RULE],
        buys,
        sells,
        reference=instrument.average_price,
        tick=instrument.terms[InstrumentTerm.TICK_SIZE],
    )


def _worst_price(order: Order) -> int:
    """Return the limit; of a market SELL 0, of a market BUY what its hold pays for."""
    if not order.without_limit:
        return order.price
    return order.hold_price or 0


def _queue(instrument: Instrument, side: Side) -> list[Order]:
    """Return one side of the call in the order of allocation (rule A-4)."""
    market_orders = sorted(
        (order for order in instrument.market_orders.values() if order.side == side),
        key=lambda order: order.order_id,
    )
    limited = [order for _, queue in instrument.book.levels(side) for order in queue]
    sign = -1 if side == Side.BUY else 1
    return sorted(
        market_orders + limited,
        key=lambda order: (sign * _worst_price(order), not order.without_limit),
    )


def uncross(venue: Venue, instrument: Instrument) -> None:
    """Trade all that can trade at one price, then expire what was for this auction only."""
    outcome = _outcome(instrument)
    tell_auction(venue, EventKind.UNCROSSED, instrument, indication(instrument))
    buys = [o for o in _queue(instrument, Side.BUY) if _worst_price(o) >= outcome.price]
    sells = [o for o in _queue(instrument, Side.SELL) if _worst_price(o) <= outcome.price]
    left = outcome.volume
    while left:
        buy, sell = buys[0], sells[0]
        qty = min(buy.leaves_qty, sell.leaves_qty)
        maker, taker = (buy, sell) if buy.order_id < sell.order_id else (sell, buy)
        trading.trade(venue, maker, taker, outcome.price, qty, flags=EventFlag.AUCTION)
        left -= qty
        if not buy.live:
            buys.pop(0)
        if not sell.live:
            sells.pop(0)
    for order in venue.live_orders(instrument):
        at_market = order.order_id in instrument.market_orders
        if at_market or (order.resting and order.time_in_force in _FOR_THE_CALL):
            trading.expire(venue, order, ExpiryReason.END_OF_AUCTION)
