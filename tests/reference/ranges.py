"""The values that each term of an instrument may take."""

from protocol.terms import (
    AuctionRule,
    InstrumentFeature,
    InstrumentTerm,
    OrdType,
    StpMode,
)
from tests.reference.state import FULL_SHARE, LARGEST, Instrument

ALL_STP_MODES = sum(1 << mode for mode in StpMode if mode != StpMode.DEFAULT)
ALL_ORD_TYPES = sum(1 << ord_type for ord_type in OrdType)
ALL_FEATURES = int(sum(InstrumentFeature))

_MOST_BIPS = 1_000_000
_WHOLE_PPM = 1_000_000
_MOST_COUNT = (1 << 31) - 1
_ONE_DAY_NS = 86_400 * 10**9
_MOST_TRADE_ID = 1 << 52

_RANGES: dict[int, tuple[int, int]] = {
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
    InstrumentTerm.MIN_TRAILING_ABOVE: (0, FULL_SHARE - 1),
    InstrumentTerm.MAX_TRAILING_ABOVE: (0, FULL_SHARE - 1),
    InstrumentTerm.MIN_TRAILING_BELOW: (0, FULL_SHARE - 1),
    InstrumentTerm.MAX_TRAILING_BELOW: (0, FULL_SHARE - 1),
    InstrumentTerm.MAKER_FEE_PPM: (0, _WHOLE_PPM),
    InstrumentTerm.TAKER_FEE_PPM: (0, _WHOLE_PPM),
    InstrumentTerm.DEFAULT_STP: (StpMode.NONE, max(StpMode)),
    InstrumentTerm.ALLOWED_STP: (0, ALL_STP_MODES),
    InstrumentTerm.ALLOWED_ORD_TYPES: (0, ALL_ORD_TYPES),
    InstrumentTerm.FEATURES: (0, ALL_FEATURES),
    InstrumentTerm.STATIC_COLLAR: (0, _MOST_BIPS),
    InstrumentTerm.DYNAMIC_COLLAR: (0, _MOST_BIPS),
    InstrumentTerm.AUCTION_RULE: (min(AuctionRule), max(AuctionRule)),
    InstrumentTerm.VOLATILITY_AUCTION_NS: (0, _ONE_DAY_NS),
    InstrumentTerm.HALT_CANCELS: (0, 1),
    InstrumentTerm.CALENDAR: (0, _MOST_COUNT),
}
_PRICES = (InstrumentTerm.MIN_PRICE, InstrumentTerm.REFERENCE_PRICE)
_QUANTITIES_FROM_ONE = (InstrumentTerm.LOT_SIZE, InstrumentTerm.MAX_QTY)
_QUANTITIES = (
    InstrumentTerm.MIN_QTY,
    InstrumentTerm.MARKET_LOT_SIZE,
    InstrumentTerm.MARKET_MIN_QTY,
    InstrumentTerm.MARKET_MAX_QTY,
    InstrumentTerm.MAX_POSITION,
)


def range_of(instrument: Instrument, term: int) -> tuple[int, int] | None:
    """Return lowest and highest value of a term; None: no such term, or it can't change (now)."""
    if term == InstrumentTerm.TICK_SIZE:
        return None if instrument.orders else (1, instrument.top)
    if term == InstrumentTerm.MAX_PRICE:
        return 1, instrument.top
    if term in _PRICES:
        return 0, instrument.top
    if term in _QUANTITIES_FROM_ONE:
        return 1, instrument.most
    if term in _QUANTITIES:
        return 0, instrument.most
    if term == InstrumentTerm.FIRST_TRADE_ID:
        return None if instrument.traded else (1, _MOST_TRADE_ID)
    return _RANGES.get(term)
