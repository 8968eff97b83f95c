"""The values that each term of an instrument may take (the market model's table)."""

from matcher.core.kernel import kernel
from matcher.core.rows import TERM_COLUMNS
from matcher.core.state import Core
from protocol.terms import (
    AuctionRule,
    InstrumentFeature,
    InstrumentTerm,
    OrdType,
    StpMode,
)

LARGEST = 1 << 62
ALL_ORD_TYPES = int(sum(1 << ord_type for ord_type in OrdType))
ALL_STP_MODES = int(sum(1 << mode for mode in StpMode if mode != StpMode.DEFAULT))
ALL_FEATURES = int(sum(InstrumentFeature))

_WHOLE_PPM = 1_000_000
_MOST_BIPS = 1_000_000
_MOST_COUNT = (1 << 31) - 1
_ONE_DAY_NS = 86_400 * 10**9
_MOST_TRADE_ID = 1 << 52
_MOST_TRAILING = 9_999
TOP = -1
"""Stands in the table for the highest price of the instrument's ladder,"""
MOST = -2
"""for the MAX_QTY it started with."""

_RANGES: dict[InstrumentTerm, tuple[int, int]] = {
    InstrumentTerm.TICK_SIZE: (1, TOP),
    InstrumentTerm.MIN_PRICE: (0, TOP),
    InstrumentTerm.MAX_PRICE: (1, TOP),
    InstrumentTerm.LOT_SIZE: (1, MOST),
    InstrumentTerm.MIN_QTY: (0, MOST),
    InstrumentTerm.MAX_QTY: (1, MOST),
    InstrumentTerm.MARKET_LOT_SIZE: (0, MOST),
    InstrumentTerm.MARKET_MIN_QTY: (0, MOST),
    InstrumentTerm.MARKET_MAX_QTY: (0, MOST),
    InstrumentTerm.MIN_NOTIONAL: (0, LARGEST),
    InstrumentTerm.MAX_NOTIONAL: (0, LARGEST),
    InstrumentTerm.APPLY_MIN_TO_MARKET: (0, 1),
    InstrumentTerm.APPLY_MAX_TO_MARKET: (0, 1),
    InstrumentTerm.BID_MULTIPLIER_UP: (0, _MOST_BIPS),
    InstrumentTerm.BID_MULTIPLIER_DOWN: (0, _MOST_BIPS),
    InstrumentTerm.ASK_MULTIPLIER_UP: (0, _MOST_BIPS),
    InstrumentTerm.ASK_MULTIPLIER_DOWN: (0, _MOST_BIPS),
    InstrumentTerm.AVG_PRICE_MINS: (0, 0),
    InstrumentTerm.ICEBERG_PARTS: (0, _MOST_COUNT),
    InstrumentTerm.MAX_NUM_ORDERS: (0, _MOST_COUNT),
    InstrumentTerm.MAX_NUM_ALGO_ORDERS: (0, _MOST_COUNT),
    InstrumentTerm.MAX_NUM_ICEBERG_ORDERS: (0, _MOST_COUNT),
    InstrumentTerm.MAX_NUM_ORDER_LISTS: (0, _MOST_COUNT),
    InstrumentTerm.MAX_NUM_ORDER_AMENDS: (0, _MOST_COUNT),
    InstrumentTerm.MAX_POSITION: (0, MOST),
    InstrumentTerm.MIN_TRAILING_ABOVE: (0, _MOST_TRAILING),
    InstrumentTerm.MAX_TRAILING_ABOVE: (0, _MOST_TRAILING),
    InstrumentTerm.MIN_TRAILING_BELOW: (0, _MOST_TRAILING),
    InstrumentTerm.MAX_TRAILING_BELOW: (0, _MOST_TRAILING),
    InstrumentTerm.MAKER_FEE_PPM: (0, _WHOLE_PPM),
    InstrumentTerm.TAKER_FEE_PPM: (0, _WHOLE_PPM),
    InstrumentTerm.DEFAULT_STP: (int(StpMode.NONE), int(StpMode.DECREMENT)),
    InstrumentTerm.ALLOWED_STP: (0, ALL_STP_MODES),
    InstrumentTerm.ALLOWED_ORD_TYPES: (0, ALL_ORD_TYPES),
    InstrumentTerm.FEATURES: (0, ALL_FEATURES),
    InstrumentTerm.STATIC_COLLAR: (0, _MOST_BIPS),
    InstrumentTerm.DYNAMIC_COLLAR: (0, _MOST_BIPS),
    InstrumentTerm.AUCTION_RULE: (int(min(AuctionRule)), int(max(AuctionRule))),
    InstrumentTerm.VOLATILITY_AUCTION_NS: (0, _ONE_DAY_NS),
    InstrumentTerm.HALT_CANCELS: (0, 1),
    InstrumentTerm.FIRST_TRADE_ID: (1, _MOST_TRADE_ID),
    InstrumentTerm.REFERENCE_PRICE: (0, TOP),
    InstrumentTerm.CALENDAR: (0, _MOST_COUNT),
}
_NEVER = (1, 0)
"""The range of a term that can't be changed: nothing lies in it."""
_LOW = tuple(_RANGES.get(term, _NEVER)[0] for term in InstrumentTerm)
_HIGH = tuple(_RANGES.get(term, _NEVER)[1] for term in InstrumentTerm)
_TERMS = len(InstrumentTerm)


@kernel
def term_fits(core: Core, number: int, term: int, value: int) -> bool:
    """Say whether a term of an instrument may be set to a value now."""
    if term >= _TERMS:
        return False
    market = core.markets[number]
    high = _HIGH[term]
    if high == TOP:
        high = market.top
    elif high == MOST:
        high = market.most
    if value < _LOW[term] or value > high:
        return False
    if term == InstrumentTerm.TICK_SIZE:
        return not has_live_order(core, number)
    if term == InstrumentTerm.FIRST_TRADE_ID:
        row = core.instruments[number]
        return row.next_trade_id == core.terms[number * TERM_COLUMNS + term]
    return True


@kernel
def has_live_order(core: Core, number: int) -> bool:
    """Say whether any order of an instrument is live. Cost: a look at every order row."""
    for slot in range(1, core.state.order_top + 1):
        order = core.orders[slot]
        if order.order_id != 0 and order.instrument == number:
            return True
    return False
