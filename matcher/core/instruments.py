"""Instruments: adding one with its ladder, changing a term, and making the terms ready to use.

`InstrumentTerm` columns are the truth that readers see. What the hot path needs of them stands in
the instrument's `MarketRow`, rewritten whole after every change (`prepare_market`).
"""

from matcher.core.accounts import count_order, counts_of
from matcher.core.emit import new_event
from matcher.core.kernel import copy_text, has_text, kernel, same_text
from matcher.core.money import balance_cell
from matcher.core.ranges import (
    ALL_FEATURES,
    ALL_ORD_TYPES,
    ALL_STP_MODES,
    LARGEST,
    term_fits,
)
from matcher.core.rows import (
    GUARD_MARKET_LOT,
    GUARD_PRICES,
    LISTED,
    TERM_COLUMNS,
    MarketRow,
)
from matcher.core.state import Core
from matcher.core.terms import term_of
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import (
    AuctionRule,
    EventKind,
    InstrumentTerm,
    OrdType,
    SessionPhase,
    StpMode,
)

FIRST_TRADE_ID = 100_000_001


@kernel
def power_of_ten(exponent: int) -> int:
    """Return 10 ** exponent."""
    power = 1
    for _ in range(exponent):
        power *= 10
    return power


@kernel
def add_instrument(core: Core, cmd: Command) -> int:
    """Add an instrument; its number is the next. Its ladder holds prices up to `amount`."""
    reason = check_instrument(core, cmd)
    if reason != RejectReason.NONE:
        return reason
    number = core.state.instruments
    core.state.instruments = number + 1
    base_scale = power_of_ten(core.assets[cmd.asset].decimals - cmd.order_qty)
    quote_scale = power_of_ten(core.assets[cmd.term].decimals - cmd.price - cmd.order_qty)
    row = core.instruments[number]
    row.phase = SessionPhase.PRE_OPEN
    row.next_trade_id = FIRST_TRADE_ID
    row.next_agg_trade_id = FIRST_TRADE_ID
    row.exists = 1
    copy_text(row.symbol, cmd.cl_ord_id)
    market = core.markets[number]
    market.top = cmd.amount
    market.most = min(LARGEST // (cmd.amount * quote_scale), LARGEST // base_scale)
    first = number * TERM_COLUMNS
    core.terms[first + InstrumentTerm.PRICE_DECIMALS] = cmd.price
    core.terms[first + InstrumentTerm.QTY_DECIMALS] = cmd.order_qty
    core.terms[first + InstrumentTerm.BASE_ASSET] = cmd.asset
    core.terms[first + InstrumentTerm.QUOTE_ASSET] = cmd.term
    core.terms[first + InstrumentTerm.BASE_SCALE] = base_scale
    core.terms[first + InstrumentTerm.QUOTE_SCALE] = quote_scale
    core.terms[first + InstrumentTerm.TICK_SIZE] = 1
    core.terms[first + InstrumentTerm.MAX_PRICE] = market.top
    core.terms[first + InstrumentTerm.LOT_SIZE] = 1
    core.terms[first + InstrumentTerm.MAX_QTY] = market.most
    core.terms[first + InstrumentTerm.DEFAULT_STP] = StpMode.EXPIRE_MAKER
    core.terms[first + InstrumentTerm.ALLOWED_STP] = ALL_STP_MODES
    core.terms[first + InstrumentTerm.ALLOWED_ORD_TYPES] = ALL_ORD_TYPES
    core.terms[first + InstrumentTerm.FEATURES] = ALL_FEATURES
    core.terms[first + InstrumentTerm.AUCTION_RULE] = AuctionRule.FOUR_STEP
    core.terms[first + InstrumentTerm.FIRST_TRADE_ID] = FIRST_TRADE_ID
    lay_out_ladder(core, number)
    prepare_market(core, number)
    event = new_event(core, cmd, EventKind.INSTRUMENT_ADDED)
    event.instrument = number
    event.asset = cmd.asset
    event.order_count = cmd.term
    event.price = cmd.price
    event.order_qty = cmd.order_qty
    copy_text(event.cl_ord_id, cmd.cl_ord_id)
    return RejectReason.NONE


@kernel
def check_instrument(core: Core, cmd: Command) -> int:
    """Check a new instrument, lowest reason first."""
    if not has_text(cmd.cl_ord_id):
        return RejectReason.INVALID_FIELDS
    if max(cmd.asset, cmd.term) >= core.state.assets:
        return RejectReason.UNKNOWN_ASSET
    if cmd.amount < 1:
        return RejectReason.INVALID_AMOUNT
    for other in range(core.state.instruments):
        if same_text(core.instruments[other].symbol, cmd.cl_ord_id):
            return RejectReason.ALREADY_EXISTS
    if core.state.instruments == core.limits.instruments:
        return RejectReason.CAPACITY
    # Written so that no sum can overflow, whatever top is asked for.
    if cmd.amount > core.limits.price_levels - core.state.levels_used // 2 - 1:
        return RejectReason.CAPACITY
    base_decimals = core.assets[cmd.asset].decimals
    quote_decimals = core.assets[cmd.term].decimals
    if cmd.asset == cmd.term or min(cmd.price, cmd.order_qty) < 0:
        return RejectReason.INVALID_TERM
    if cmd.order_qty > base_decimals or cmd.price > quote_decimals - cmd.order_qty:
        return RejectReason.INVALID_TERM
    if cmd.amount > LARGEST // power_of_ten(quote_decimals - cmd.price - cmd.order_qty):
        return RejectReason.INVALID_TERM
    return RejectReason.NONE


@kernel
def lay_out_ladder(core: Core, number: int) -> None:
    """Give a new instrument its ladders."""
    market = core.markets[number]
    market.level_count = market.top + 1
    market.levels = core.state.levels_used
    core.state.levels_used += 2 * market.level_count
    market.best_bid = -1
    market.best_ask = market.level_count


@kernel
def prepare_market(core: Core, number: int) -> None:
    """Write what the hot path needs of an instrument's terms into its market row."""
    market = core.markets[number]
    market.tick_size = term_of(core, number, InstrumentTerm.TICK_SIZE)
    market.lot_size = term_of(core, number, InstrumentTerm.LOT_SIZE)
    market.base_scale = term_of(core, number, InstrumentTerm.BASE_SCALE)
    market.quote_scale = term_of(core, number, InstrumentTerm.QUOTE_SCALE)
    market.base_asset = term_of(core, number, InstrumentTerm.BASE_ASSET)
    market.quote_asset = term_of(core, number, InstrumentTerm.QUOTE_ASSET)
    market.base_cell = balance_cell(core, 0, market.base_asset)
    market.quote_cell = balance_cell(core, 0, market.quote_asset)
    market.min_price = term_of(core, number, InstrumentTerm.MIN_PRICE)
    market.max_price = term_of(core, number, InstrumentTerm.MAX_PRICE)
    market.min_qty = term_of(core, number, InstrumentTerm.MIN_QTY)
    market.max_qty = term_of(core, number, InstrumentTerm.MAX_QTY)
    market.allowed_ord_types = term_of(core, number, InstrumentTerm.ALLOWED_ORD_TYPES)
    market.default_stp = term_of(core, number, InstrumentTerm.DEFAULT_STP)
    market.allowed_stp = term_of(core, number, InstrumentTerm.ALLOWED_STP)
    market.features = term_of(core, number, InstrumentTerm.FEATURES)
    market.maker_fee_ppm = term_of(core, number, InstrumentTerm.MAKER_FEE_PPM)
    market.taker_fee_ppm = term_of(core, number, InstrumentTerm.TAKER_FEE_PPM)
    market.dynamic_collar = term_of(core, number, InstrumentTerm.DYNAMIC_COLLAR)
    core.instruments[number].reference_price = term_of(core, number, InstrumentTerm.REFERENCE_PRICE)
    market.guards = guards_of(core, number)
    market.plain_modes = plain_modes_of(market)


@kernel
def plain_modes_of(market: MarketRow) -> int:
    """Say with which modes, as asked for, a LIMIT is admitted."""
    if market.allowed_ord_types >> OrdType.LIMIT & 1 == 0:
        return 0
    modes = market.allowed_stp & ~1
    return modes | 1 if modes >> market.default_stp & 1 else modes


@kernel
def guards_of(core: Core, number: int) -> int:
    """Say which of the rarer filters are switched on."""
    prices = (
        term_of(core, number, InstrumentTerm.MIN_NOTIONAL)
        | term_of(core, number, InstrumentTerm.MAX_NOTIONAL)
        | term_of(core, number, InstrumentTerm.BID_MULTIPLIER_UP)
        | term_of(core, number, InstrumentTerm.BID_MULTIPLIER_DOWN)
        | term_of(core, number, InstrumentTerm.ASK_MULTIPLIER_UP)
        | term_of(core, number, InstrumentTerm.ASK_MULTIPLIER_DOWN)
        | term_of(core, number, InstrumentTerm.STATIC_COLLAR)
    )
    lots = (
        term_of(core, number, InstrumentTerm.MARKET_LOT_SIZE)
        | term_of(core, number, InstrumentTerm.MARKET_MIN_QTY)
        | term_of(core, number, InstrumentTerm.MARKET_MAX_QTY)
    )
    guards = GUARD_PRICES if prices != 0 else 0
    return guards | GUARD_MARKET_LOT if lots != 0 else guards


@kernel
def is_counted(core: Core, number: int) -> bool:
    """Say whether some limit needs what accounts have open on an instrument."""
    limits = (
        term_of(core, number, InstrumentTerm.MAX_NUM_ORDERS)
        | term_of(core, number, InstrumentTerm.MAX_NUM_ALGO_ORDERS)
        | term_of(core, number, InstrumentTerm.MAX_NUM_ICEBERG_ORDERS)
        | term_of(core, number, InstrumentTerm.MAX_POSITION)
    )
    return limits != 0


@kernel
def change_instrument(core: Core, cmd: Command) -> int:
    """Set one term of an instrument."""
    number = cmd.instrument
    if number >= core.state.instruments:
        return RejectReason.UNKNOWN_INSTRUMENT
    if not term_fits(core, number, cmd.term, cmd.amount):
        return RejectReason.INVALID_TERM
    core.terms[number * TERM_COLUMNS + cmd.term] = cmd.amount
    if cmd.term == InstrumentTerm.FIRST_TRADE_ID:
        core.instruments[number].next_trade_id = cmd.amount
        core.instruments[number].next_agg_trade_id = cmd.amount
    prepare_market(core, number)
    counted = is_counted(core, number)
    if counted and core.markets[number].counted == 0:
        count_all(core, number)
    core.markets[number].counted = 1 if counted else 0
    event = new_event(core, cmd, EventKind.INSTRUMENT_CHANGED)
    event.instrument = number
    event.order_count = cmd.term
    event.order_qty = cmd.amount
    return RejectReason.NONE


@kernel
def count_all(core: Core, number: int) -> None:
    """Count what every account has open on an instrument, from now on kept up to date."""
    for account in range(core.state.accounts):
        counts = counts_of(core, account, number)
        counts.orders = 0
        counts.algos = 0
        counts.icebergs = 0
        counts.buy_qty = 0
    for slot in range(1, core.state.order_top + 1):
        order = core.orders[slot]
        if order.order_id != 0 and order.instrument == number and order.flags & LISTED:
            count_order(core, order, 1)
