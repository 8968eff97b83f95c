"""The words of the trade as numbers: every enum that a record carries.

Each docstring names the FIX tag where there is one. Values are part of the journal format: they are
never renumbered, only added to. 0 always means "not given".
"""

from enum import IntEnum, IntFlag


class CommandKind(IntEnum):
    """What the exchange is asked to do. The fields each kind uses: `records.COMMAND_FIELDS`."""

    ENTER = 1
    CANCEL = 2
    REPLACE = 3
    """Cancel-replace: the old order out, a new one in at the back (rule P-4)."""
    AMEND = 4
    """Reduce the quantity in place, keeping priority (rule P-3)."""
    CANCEL_ALL = 5
    """One account, one instrument or all (`instrument` = ALL_INSTRUMENTS); rule P-6."""
    CANCEL_LIST = 6

    SET_PHASE = 10
    """Start a session phase of an instrument; leaving a call uncrosses it (rules A-1, A-3)."""
    TICK = 11
    """The clock: everything due at or before `at_ns` expires or starts (rule C-8)."""

    DEPOSIT = 20
    WITHDRAW = 21

    ADD_ASSET = 30
    ADD_INSTRUMENT = 31
    SET_INSTRUMENT = 32
    """Set one `InstrumentTerm` of an instrument to `amount`."""
    ADD_ACCOUNT = 33
    SET_ACCOUNT = 34
    """Set one `AccountTerm` of an account to `amount`."""
    SET_FEE_TIER = 35


class EventKind(IntEnum):
    """What happened. The fields each kind uses: `records.EVENT_FIELDS`."""

    ACCEPTED = 1
    REJECTED = 2
    TRADE = 3
    """One side of one trade; every trade is two TRADE events, maker first."""
    CANCELED = 4
    EXPIRED = 5
    RESTED = 6
    """The remainder of an order that traded, or a triggered or re-entered one, joined the book."""
    TRIGGERED = 7
    """A stop or take-profit fired, or a pending leg of a list became active."""
    REPLACED = 8
    """An amend was done in place (FIX 150=5)."""
    PREVENTED = 9
    """Self-trade prevention acted on one order of a pair (rule T-1)."""
    CANCEL_REJECTED = 10
    AMEND_REJECTED = 11
    LABELED = 12
    """The text id that a cancel or amend itself carried; goes just before the event it labels."""

    LIST_OPENED = 15
    LIST_UPDATED = 16
    LIST_DONE = 17
    LIST_REJECTED = 18

    PHASE_CHANGED = 20
    INDICATED = 21
    """Indicative auction price, paired and imbalance quantity changed (rule A-2)."""
    UNCROSSED = 22

    DEPOSITED = 30
    WITHDRAWN = 31

    ASSET_ADDED = 40
    INSTRUMENT_ADDED = 41
    INSTRUMENT_CHANGED = 42
    ACCOUNT_ADDED = 43
    ACCOUNT_CHANGED = 44
    FEE_TIER_CHANGED = 45
    COMMAND_REJECTED = 49
    """Any refused command that is not an order, a cancel, an amend or a list."""


class Side(IntEnum):
    """FIX 54 (1 and 2 there)."""

    BUY = 0
    SELL = 1


class OrdType(IntEnum):
    """FIX 40."""

    LIMIT = 1
    MARKET = 2
    LIMIT_MAKER = 3
    STOP_LOSS = 4
    STOP_LOSS_LIMIT = 5
    TAKE_PROFIT = 6
    TAKE_PROFIT_LIMIT = 7


class TimeInForce(IntEnum):
    """FIX 59."""

    GTC = 1
    IOC = 2
    FOK = 3
    DAY = 4
    GTD = 5
    AT_OPENING = 6
    AT_CLOSE = 7


class StpMode(IntEnum):
    """Self-trade prevention (FIX 2964). DEFAULT takes the instrument's default."""

    DEFAULT = 0
    NONE = 1
    EXPIRE_TAKER = 2
    EXPIRE_MAKER = 3
    EXPIRE_BOTH = 4
    DECREMENT = 5


class OrdStatus(IntEnum):
    """Where an order stands (FIX 39)."""

    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELED = 4
    REJECTED = 5
    EXPIRED = 6
    EXPIRED_IN_MATCH = 7
    PENDING_NEW = 8
    """A pending leg of an OTO list whose working order is not yet filled."""


class ExpiryReason(IntEnum):
    """Why an order expired: `Event.reason` of EXPIRED (API section 5)."""

    REJECTED = 1
    EXCHANGE_CANCELED = 2
    OCO_TRIGGER = 3
    OTO_PHASE_ONE_EXPIRED = 4
    UNFILLED_IOC_QUANTITY_EXPIRED = 5
    UNFILLED_FOK_ORDER_EXPIRED = 6
    INSUFFICIENT_LIQUIDITY = 7
    GTD_TIME_REACHED = 8
    END_OF_DAY = 9
    END_OF_AUCTION = 10
    PRICE_COLLAR = 11


class ListKind(IntEnum):
    """Contingency type (FIX 1385)."""

    OCO = 1
    OTO = 2
    OTOCO = 3


class SessionPhase(IntEnum):
    """Trading session phase of an instrument (FIX 625; rule A-1)."""

    PRE_OPEN = 1
    OPENING_AUCTION = 2
    CONTINUOUS = 3
    VOLATILITY_AUCTION = 4
    CLOSING_AUCTION = 5
    CLOSED = 6
    HALTED = 7


class AuctionRule(IntEnum):
    """How the uncross price is chosen (rule A-3; `tests/vectors/SCHEMA.md`)."""

    FOUR_STEP = 1
    XETRA = 2
    TMX = 3
    LIMITS_ONLY = 4
    VEGA_MID = 5
    BNB = 6


class AccountState(IntEnum):
    """What an account may do (rule R-4)."""

    ACTIVE = 0
    CANCEL_ONLY = 1
    FROZEN = 2


class CommandFlag(IntFlag):
    """Bits of `Command.flags`."""

    ALLOW_FAILURE = 1
    """REPLACE: enter the new order even when the cancel fails (ALLOW_FAILURE mode)."""
    ONLY_NEW = 2
    """CANCEL, REPLACE: only when the target is untouched (cancelRestrictions)."""
    ONLY_PARTIALLY_FILLED = 4
    CANCEL_ORDERS = 8
    """SET_PHASE to HALTED or CLOSED: cancel every order of the instrument (rule A-6)."""


class EventFlag(IntFlag):
    """Bits of `Event.flags`."""

    MAKER = 1
    """TRADE, PREVENTED: this side rested."""
    WORKING = 2
    """The order is on the book or matching: neither an unfired stop nor a pending leg."""
    LEVEL = 4
    """`level_qty`, `order_count` and `update_id` are set: the level at `price` changed (rule D-1)."""
    AUCTION = 8
    """TRADE: made by an uncross."""
    LAST = 16
    """The last event of its command."""
    ONLY = 32
    """Reserved for readers' own marks; the core never sets it."""


class InstrumentTerm(IntEnum):
    """One changeable number of an instrument: the columns of the core's instrument table.

    Prices and quantities are in the instrument's own units (`price_decimals`, `qty_decimals`),
    multipliers in 1/10,000 (bips), fee rates in 1/1,000,000 (ppm), 0 switches a check off.
    """

    PRICE_DECIMALS = 0
    QTY_DECIMALS = 1
    BASE_ASSET = 2
    QUOTE_ASSET = 3
    BASE_SCALE = 4
    """Base asset units per quantity unit; derived when the instrument is added."""
    QUOTE_SCALE = 5
    """Quote asset units per price unit × quantity unit; derived when the instrument is added."""
    TICK_SIZE = 6
    MIN_PRICE = 7
    MAX_PRICE = 8
    LOT_SIZE = 9
    MIN_QTY = 10
    MAX_QTY = 11
    MARKET_LOT_SIZE = 12
    MARKET_MIN_QTY = 13
    MARKET_MAX_QTY = 14
    MIN_NOTIONAL = 15
    """In quote asset units, like MAX_NOTIONAL."""
    MAX_NOTIONAL = 16
    APPLY_MIN_TO_MARKET = 17
    APPLY_MAX_TO_MARKET = 18
    BID_MULTIPLIER_UP = 19
    BID_MULTIPLIER_DOWN = 20
    ASK_MULTIPLIER_UP = 21
    ASK_MULTIPLIER_DOWN = 22
    AVG_PRICE_MINS = 23
    ICEBERG_PARTS = 24
    MAX_NUM_ORDERS = 25
    MAX_NUM_ALGO_ORDERS = 26
    MAX_NUM_ICEBERG_ORDERS = 27
    MAX_NUM_ORDER_LISTS = 28
    MAX_NUM_ORDER_AMENDS = 29
    MAX_POSITION = 30
    MIN_TRAILING_ABOVE = 31
    MAX_TRAILING_ABOVE = 32
    MIN_TRAILING_BELOW = 33
    MAX_TRAILING_BELOW = 34
    MAKER_FEE_PPM = 35
    TAKER_FEE_PPM = 36
    DEFAULT_STP = 37
    ALLOWED_STP = 38
    """Bit 1 << StpMode for every mode allowed."""
    ALLOWED_ORD_TYPES = 39
    """Bit 1 << OrdType for every type allowed."""
    FEATURES = 40
    """Bits of `InstrumentFeature`."""
    STATIC_COLLAR = 41
    """Half-width of the static price collar around the reference price, bips."""
    DYNAMIC_COLLAR = 42
    AUCTION_RULE = 43
    VOLATILITY_AUCTION_NS = 44
    HALT_CANCELS = 45
    FIRST_TRADE_ID = 46
    REFERENCE_PRICE = 47
    CALENDAR = 48
    """Number of the calendar the sequencer follows; 0: open around the clock."""


class InstrumentFeature(IntFlag):
    """Bits of `InstrumentTerm.FEATURES`: what the instrument admits beside its order types."""

    ICEBERG = 1
    OCO = 2
    OTO = 4
    QUOTE_QTY_MARKET = 8
    TRAILING = 16
    CANCEL_REPLACE = 32
    AMEND = 64


class AccountTerm(IntEnum):
    """One changeable number of an account."""

    STATE = 0
    TRADE_GROUP = 1
    FEE_TIER = 2
