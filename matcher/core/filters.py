"""The instrument's filters (rule R-4): price, size, notional, collars, counts, position."""

from matcher.core.book import BUY
from matcher.core.kernel import inlined, kernel
from matcher.core.lookahead import draft_taker, quantity_for_money
from matcher.core.money import base_of
from matcher.core.rows import (
    GUARD_MARKET_LOT,
    GUARD_PRICES,
    CountRow,
    MarketRow,
)
from matcher.core.state import Core
from matcher.core.terms import FULL_SHARE, reference_or_last, term_of
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import InstrumentTerm, OrdType, Side

WITHOUT_LIMIT = 1 << OrdType.MARKET | 1 << OrdType.STOP_LOSS | 1 << OrdType.TAKE_PROFIT
"""Bit 1 << OrdType of every type without a limit price."""


@inlined
def lot_fits(market: MarketRow, qty: int) -> bool:
    """Say whether a quantity passes LOT_SIZE."""
    if qty < market.min_qty or qty > market.max_qty:
        return False
    return market.lot_size == 1 or qty % market.lot_size == 0


@inlined
def price_fits(market: MarketRow, price: int) -> bool:
    """Say whether a price passes PRICE_FILTER."""
    if price < market.min_price or price > market.max_price:
        return False
    return market.tick_size == 1 or price % market.tick_size == 0


@inlined
def check_sizes(core: Core, cmd: Command, market: MarketRow) -> int:
    """Check from PRICE_FILTER to TRAILING_DELTA."""
    if cmd.price != 0 and not price_fits(market, cmd.price):
        return RejectReason.PRICE_FILTER
    if cmd.stop_px != 0 and not price_fits(market, cmd.stop_px):
        return RejectReason.PRICE_FILTER
    if cmd.quote_qty == 0 and not lot_fits(market, cmd.order_qty):
        return RejectReason.LOT_SIZE
    if cmd.display_qty != 0 and not lot_fits(market, cmd.display_qty):
        return RejectReason.LOT_SIZE
    if market.guards & GUARD_MARKET_LOT and not _market_lot_fits(core, cmd):
        return RejectReason.MARKET_LOT_SIZE
    if cmd.display_qty != 0:
        reason = _check_iceberg(core, cmd)
        if reason != RejectReason.NONE:
            return reason
    if cmd.trailing_bips != 0 and not _trailing_fits(core, cmd):
        return RejectReason.TRAILING_DELTA
    return RejectReason.NONE


@kernel
def _market_lot_fits(core: Core, cmd: Command) -> bool:
    if WITHOUT_LIMIT >> cmd.ord_type & 1 == 0 or cmd.quote_qty != 0:
        return True
    most = term_of(core, cmd.instrument, InstrumentTerm.MARKET_MAX_QTY)
    lot = term_of(core, cmd.instrument, InstrumentTerm.MARKET_LOT_SIZE)
    if cmd.order_qty < term_of(core, cmd.instrument, InstrumentTerm.MARKET_MIN_QTY):
        return False
    if most != 0 and cmd.order_qty > most:
        return False
    return lot == 0 or cmd.order_qty % lot == 0


@inlined
def slices_of(order_qty: int, display_qty: int) -> int:
    """Return how many slices an iceberg shows one after another."""
    return (order_qty + display_qty - 1) // display_qty


@kernel
def _check_iceberg(core: Core, cmd: Command) -> int:
    if cmd.display_qty >= cmd.order_qty:
        return RejectReason.ICEBERG_QTY_TOO_LARGE
    slices = slices_of(cmd.order_qty, cmd.display_qty)
    most = term_of(core, cmd.instrument, InstrumentTerm.ICEBERG_PARTS)
    if most != 0 and slices > most:
        return RejectReason.ICEBERG_PARTS
    if slices > core.limits.iceberg_slices - core.state.slices:
        return RejectReason.ICEBERG_PARTS
    return RejectReason.NONE


@kernel
def _trailing_fits(core: Core, cmd: Command) -> bool:
    stop_loss = cmd.ord_type == OrdType.STOP_LOSS or cmd.ord_type == OrdType.STOP_LOSS_LIMIT
    if stop_loss == (cmd.side == Side.BUY):
        least = term_of(core, cmd.instrument, InstrumentTerm.MIN_TRAILING_ABOVE)
        most = term_of(core, cmd.instrument, InstrumentTerm.MAX_TRAILING_ABOVE)
    else:
        least = term_of(core, cmd.instrument, InstrumentTerm.MIN_TRAILING_BELOW)
        most = term_of(core, cmd.instrument, InstrumentTerm.MAX_TRAILING_BELOW)
    bips = cmd.trailing_bips
    return bips < FULL_SHARE and bips >= least and (most == 0 or bips <= most)


@inlined
def check_prices(core: Core, cmd: Command, market: MarketRow) -> int:
    """Check NOTIONAL, PERCENT_PRICE_BY_SIDE and STATIC_COLLAR, when one of them is on."""
    if market.guards & GUARD_PRICES == 0:
        return RejectReason.NONE
    return _check_prices(core, cmd, market)


@kernel
def _check_prices(core: Core, cmd: Command, market: MarketRow) -> int:
    if not _notional_fits(core, cmd, market):
        return RejectReason.NOTIONAL
    if cmd.price != 0:
        if not _percent_price_fits(core, cmd):
            return RejectReason.PERCENT_PRICE_BY_SIDE
        if not _static_collar_fits(core, cmd):
            return RejectReason.STATIC_COLLAR
    return RejectReason.NONE


@kernel
def _notional_fits(core: Core, cmd: Command, market: MarketRow) -> bool:
    least = term_of(core, cmd.instrument, InstrumentTerm.MIN_NOTIONAL)
    most = term_of(core, cmd.instrument, InstrumentTerm.MAX_NOTIONAL)
    price = cmd.price
    if WITHOUT_LIMIT >> cmd.ord_type & 1:
        if term_of(core, cmd.instrument, InstrumentTerm.APPLY_MIN_TO_MARKET) == 0:
            least = 0
        if term_of(core, cmd.instrument, InstrumentTerm.APPLY_MAX_TO_MARKET) == 0:
            most = 0
        price = reference_or_last(core, cmd.instrument)
    notional = price * cmd.order_qty * market.quote_scale
    if cmd.quote_qty != 0:
        notional = cmd.quote_qty
    elif price == 0:
        return least == 0
    return notional >= least and (most == 0 or notional <= most)


@kernel
def _percent_price_fits(core: Core, cmd: Command) -> bool:
    average = reference_or_last(core, cmd.instrument)
    if average == 0:
        return True
    if cmd.side == BUY:
        up = term_of(core, cmd.instrument, InstrumentTerm.BID_MULTIPLIER_UP)
        down = term_of(core, cmd.instrument, InstrumentTerm.BID_MULTIPLIER_DOWN)
    else:
        up = term_of(core, cmd.instrument, InstrumentTerm.ASK_MULTIPLIER_UP)
        down = term_of(core, cmd.instrument, InstrumentTerm.ASK_MULTIPLIER_DOWN)
    price = cmd.price * FULL_SHARE
    return price >= average * down and (up == 0 or price <= average * up)


@kernel
def _static_collar_fits(core: Core, cmd: Command) -> bool:
    bips = term_of(core, cmd.instrument, InstrumentTerm.STATIC_COLLAR)
    reference = core.instruments[cmd.instrument].reference_price
    if bips == 0 or reference == 0:
        return True
    return abs(cmd.price - reference) * FULL_SHARE <= reference * bips


@kernel
def check_counts(
    core: Core, cmd: Command, counts: CountRow, orders: int, stops: int, icebergs: int
) -> int:
    """Check the MAX_NUM limits with all that is about to enter: orders, stops, icebergs."""
    most = term_of(core, cmd.instrument, InstrumentTerm.MAX_NUM_ORDERS)
    if most != 0 and counts.orders + orders > most:
        return RejectReason.MAX_NUM_ORDERS
    most = term_of(core, cmd.instrument, InstrumentTerm.MAX_NUM_ALGO_ORDERS)
    if most != 0 and stops != 0 and counts.algos + stops > most:
        return RejectReason.MAX_NUM_ALGO_ORDERS
    most = term_of(core, cmd.instrument, InstrumentTerm.MAX_NUM_ICEBERG_ORDERS)
    if most != 0 and icebergs != 0 and counts.icebergs + icebergs > most:
        return RejectReason.MAX_NUM_ICEBERG_ORDERS
    return RejectReason.NONE


@kernel
def check_position(core: Core, cmd: Command, market: MarketRow, counts: CountRow) -> int:
    """Check MAX_POSITION for a BUY."""
    most = term_of(core, cmd.instrument, InstrumentTerm.MAX_POSITION)
    if most == 0 or cmd.side != BUY:
        return RejectReason.NONE
    qty = cmd.order_qty
    if cmd.quote_qty != 0:
        taker = draft_taker(core, market, cmd)
        qty = quantity_for_money(core, market, cmd.instrument, taker, cmd.quote_qty)[0]
    held = base_of(core, market, cmd.account)
    open_qty = counts.buy_qty + qty
    # Compared in two steps: a product with the open quantity could overflow, one below `most` not.
    if open_qty > most or held.free + held.locked > (most - open_qty) * market.base_scale:
        return RejectReason.MAX_POSITION
    return RejectReason.NONE
