"""What each term of the floor's instrument may be: a ladder to 1,000.00 in cents, whole shares."""

from protocol.terms import InstrumentTerm as T
from protocol.terms import StpMode

TOP = 100_000
MOST = (1 << 62) // TOP
"""Its largest quantity: with a quote scale of 1 the whole ladder times it is at most 2^62."""

RANGES = {
    T.TICK_SIZE: (1, 100_000),
    T.MAX_PRICE: (1, 100_000),
    T.MIN_PRICE: (0, 100_000),
    T.REFERENCE_PRICE: (0, 100_000),
    T.LOT_SIZE: (1, MOST),
    T.MAX_QTY: (1, MOST),
    T.MIN_QTY: (0, MOST),
    T.MARKET_LOT_SIZE: (0, MOST),
    T.MARKET_MIN_QTY: (0, MOST),
    T.MARKET_MAX_QTY: (0, MOST),
    T.MAX_POSITION: (0, MOST),
    T.MIN_NOTIONAL: (0, 1 << 62),
    T.MAX_NOTIONAL: (0, 1 << 62),
    T.APPLY_MIN_TO_MARKET: (0, 1),
    T.APPLY_MAX_TO_MARKET: (0, 1),
    T.HALT_CANCELS: (0, 1),
    T.BID_MULTIPLIER_UP: (0, 1_000_000),
    T.BID_MULTIPLIER_DOWN: (0, 1_000_000),
    T.ASK_MULTIPLIER_UP: (0, 1_000_000),
    T.ASK_MULTIPLIER_DOWN: (0, 1_000_000),
    T.STATIC_COLLAR: (0, 1_000_000),
    T.DYNAMIC_COLLAR: (0, 1_000_000),
    T.AVG_PRICE_MINS: (0, 0),
    T.ICEBERG_PARTS: (0, (1 << 31) - 1),
    T.MAX_NUM_ORDERS: (0, (1 << 31) - 1),
    T.MAX_NUM_ALGO_ORDERS: (0, (1 << 31) - 1),
    T.MAX_NUM_ICEBERG_ORDERS: (0, (1 << 31) - 1),
    T.MAX_NUM_ORDER_LISTS: (0, (1 << 31) - 1),
    T.MAX_NUM_ORDER_AMENDS: (0, (1 << 31) - 1),
    T.CALENDAR: (0, (1 << 31) - 1),
    T.MIN_TRAILING_ABOVE: (0, 9_999),
    T.MAX_TRAILING_ABOVE: (0, 9_999),
    T.MIN_TRAILING_BELOW: (0, 9_999),
    T.MAX_TRAILING_BELOW: (0, 9_999),
    T.MAKER_FEE_PPM: (0, 1_000_000),
    T.TAKER_FEE_PPM: (0, 1_000_000),
    T.DEFAULT_STP: (StpMode.NONE, StpMode.DECREMENT),
    T.ALLOWED_STP: (0, 62),
    T.ALLOWED_ORD_TYPES: (0, 254),
    T.FEATURES: (0, 127),
    T.AUCTION_RULE: (1, 6),
    T.VOLATILITY_AUCTION_NS: (0, 86_400 * 10**9),
    T.FIRST_TRADE_ID: (1, 1 << 52),
}
"""Lowest and highest value of every term that may change (the market model's table)."""
