"""The instrument's filters: price, size, notional, collars, counts, position (rule R-4)."""

from protocol.rejects import RejectReason
from protocol.terms import InstrumentTerm, OrdType, Side
from tests.reference.orders import slices_of
from tests.reference.state import FULL_SHARE, STOPS, WITHOUT_LIMIT, Account, Instrument, Venue
from tests.reference.wire import Asked

_LARGEST_TRAILING_BIPS = FULL_SHARE - 1


def price_and_size_reason(venue: Venue, instrument: Instrument, asked: Asked) -> RejectReason:
    """Check from PRICE_FILTER to STATIC_COLLAR."""
    terms = instrument.terms
    by_quote = asked.quote_qty != 0
    if not _prices_fit(instrument, asked):
        return RejectReason.PRICE_FILTER
    if not by_quote and not _sizes_fit(instrument, asked):
        return RejectReason.LOT_SIZE
    if (
        not by_quote
        and asked.ord_type in WITHOUT_LIMIT
        and not _market_size_fits(instrument, asked)
    ):
        return RejectReason.MARKET_LOT_SIZE
    if asked.display_qty >= asked.order_qty and asked.display_qty:
        return RejectReason.ICEBERG_QTY_TOO_LARGE
    slices = slices_of(asked.order_qty, asked.display_qty)
    most_slices = terms[InstrumentTerm.ICEBERG_PARTS] or slices
    if asked.display_qty and slices > min(
        most_slices, venue.limits.iceberg_slices - venue.live_slices
    ):
        return RejectReason.ICEBERG_PARTS
    if asked.trailing_bips and not _trailing_fits(instrument, asked):
        return RejectReason.TRAILING_DELTA
    if not _notional_fits(instrument, asked):
        return RejectReason.NOTIONAL
    if asked.price and not _percent_price_fits(instrument, asked):
        return RejectReason.PERCENT_PRICE_BY_SIDE
    if asked.price and not _static_collar_fits(instrument, asked.price):
        return RejectReason.STATIC_COLLAR
    return RejectReason.NONE


def _within(value: int, least: int, most: int, step: int) -> bool:
    """Say whether a value keeps to minimum, maximum and grid; 0 switches one off."""
    return value >= least and (most == 0 or value <= most) and (step == 0 or value % step == 0)


def _prices_fit(instrument: Instrument, asked: Asked) -> bool:
    terms = instrument.terms
    least, most = terms[InstrumentTerm.MIN_PRICE], terms[InstrumentTerm.MAX_PRICE]
    given = [price for price in (asked.price, asked.stop_px) if price]
    return all(_within(price, least, most, terms[InstrumentTerm.TICK_SIZE]) for price in given)


def lot_size_fits(instrument: Instrument, qty: int) -> bool:
    """Say whether a quantity passes LOT_SIZE."""
    terms = instrument.terms
    least, most = terms[InstrumentTerm.MIN_QTY], terms[InstrumentTerm.MAX_QTY]
    return _within(qty, least, most, terms[InstrumentTerm.LOT_SIZE])


def _sizes_fit(instrument: Instrument, asked: Asked) -> bool:
    display_fits = not asked.display_qty or lot_size_fits(instrument, asked.display_qty)
    return lot_size_fits(instrument, asked.order_qty) and display_fits


def _market_size_fits(instrument: Instrument, asked: Asked) -> bool:
    terms = instrument.terms
    least, most = terms[InstrumentTerm.MARKET_MIN_QTY], terms[InstrumentTerm.MARKET_MAX_QTY]
    return _within(asked.order_qty, least, most, terms[InstrumentTerm.MARKET_LOT_SIZE])


def _trailing_fits(instrument: Instrument, asked: Asked) -> bool:
    terms = instrument.terms
    stop_loss = asked.ord_type in (OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT)
    if stop_loss == (asked.side == Side.BUY):
        least, most = InstrumentTerm.MIN_TRAILING_ABOVE, InstrumentTerm.MAX_TRAILING_ABOVE
    else:
        least, most = InstrumentTerm.MIN_TRAILING_BELOW, InstrumentTerm.MAX_TRAILING_BELOW
    bips = asked.trailing_bips
    return bips <= _LARGEST_TRAILING_BIPS and _within(bips, terms[least], terms[most], 0)


def _notional_fits(instrument: Instrument, asked: Asked) -> bool:
    terms = instrument.terms
    least, most = terms[InstrumentTerm.MIN_NOTIONAL], terms[InstrumentTerm.MAX_NOTIONAL]
    price = asked.price
    if asked.ord_type in WITHOUT_LIMIT:
        least = least if terms[InstrumentTerm.APPLY_MIN_TO_MARKET] else 0
        most = most if terms[InstrumentTerm.APPLY_MAX_TO_MARKET] else 0
        price = instrument.average_price
    if asked.quote_qty:
        return _within(asked.quote_qty, least, most, 0)
    if price == 0:
        return least == 0
    return _within(price * asked.order_qty * instrument.quote_scale, least, most, 0)


def _percent_price_fits(instrument: Instrument, asked: Asked) -> bool:
    terms = instrument.terms
    if asked.side == Side.BUY:
        up, down = InstrumentTerm.BID_MULTIPLIER_UP, InstrumentTerm.BID_MULTIPLIER_DOWN
    else:
        up, down = InstrumentTerm.ASK_MULTIPLIER_UP, InstrumentTerm.ASK_MULTIPLIER_DOWN
    average = instrument.average_price
    if average == 0:
        return True
    return _within(asked.price * FULL_SHARE, average * terms[down], average * terms[up], step=0)


def _static_collar_fits(instrument: Instrument, price: int) -> bool:
    bips, reference = instrument.terms[InstrumentTerm.STATIC_COLLAR], instrument.reference_price
    if bips == 0 or reference == 0:
        return True
    return abs(price - reference) * FULL_SHARE <= reference * bips


def count_reason(account: Account, instrument: Instrument, entering: list[Asked]) -> RejectReason:
    """Check MAX_NUM_ORDERS, MAX_NUM_ALGO_ORDERS and MAX_NUM_ICEBERG_ORDERS with all that enter."""
    terms = instrument.terms
    present = [order for order in account.orders.values() if order.instrument is instrument]
    algos = sum(1 for order in present if order.ord_type in STOPS and not order.working)
    icebergs = sum(1 for order in present if order.display_qty)
    new_algos = sum(1 for asked in entering if asked.ord_type in STOPS)
    new_icebergs = sum(1 for asked in entering if asked.display_qty)
    limit = terms[InstrumentTerm.MAX_NUM_ORDERS]
    if limit and len(present) + len(entering) > limit:
        return RejectReason.MAX_NUM_ORDERS
    limit = terms[InstrumentTerm.MAX_NUM_ALGO_ORDERS]
    if limit and new_algos and algos + new_algos > limit:
        return RejectReason.MAX_NUM_ALGO_ORDERS
    limit = terms[InstrumentTerm.MAX_NUM_ICEBERG_ORDERS]
    if limit and new_icebergs and icebergs + new_icebergs > limit:
        return RejectReason.MAX_NUM_ICEBERG_ORDERS
    return RejectReason.NONE


def position_reason(account: Account, instrument: Instrument, side: int, qty: int) -> RejectReason:
    """Check MAX_POSITION for a BUY of `qty`."""
    limit = instrument.terms[InstrumentTerm.MAX_POSITION]
    if limit == 0 or side != Side.BUY:
        return RejectReason.NONE
    balance = account.balance(instrument.base)
    open_qty = sum(
        order.leaves_qty
        for order in account.orders.values()
        if order.instrument is instrument and order.side == Side.BUY
    )
    position = balance.free + balance.locked + (open_qty + qty) * instrument.base_scale
    if position > limit * instrument.base_scale:
        return RejectReason.MAX_POSITION
    return RejectReason.NONE
