"""Why a command was refused by the matcher: `Event.reason`, in precedence order.

When several reasons hold, the one with the lowest number is told. Each docstring is the plain
English; the dialect's code and text for it are the ingress's affair (`ingress/errors.py`).
"""

from enum import IntEnum


class RejectReason(IntEnum):
    """Reject reasons, lowest number first told (FIX 103 in spirit)."""

    NONE = 0
    UNKNOWN_COMMAND = 1
    """The command kind does not exist."""
    UNKNOWN_ACCOUNT = 2
    """No such account."""
    ACCOUNT_FROZEN = 3
    """The account may neither place nor cancel orders."""
    ACCOUNT_CANCEL_ONLY = 4
    """The account may only cancel."""
    UNKNOWN_INSTRUMENT = 5
    """No such instrument."""
    UNKNOWN_ORDER = 6
    """The order does not rest: unknown, finished or another account's (rule P-2)."""
    ORDER_ID_MISMATCH = 7
    """Both ids were given and name different orders."""
    CANCEL_RESTRICTED = 8
    """The order is not in the state that the cancel restriction asks for."""
    INVALID_SIDE = 9
    """The side is neither BUY nor SELL."""
    INVALID_ORD_TYPE = 10
    """The order type does not exist."""
    INVALID_TIME_IN_FORCE = 11
    """The time in force does not exist or does not go with the order type."""
    INVALID_FIELDS = 12
    """A field is missing, or given where the order type does not take it."""
    INVALID_QTY = 13
    """The quantity is not positive."""
    INVALID_PRICE = 14
    """The price is not positive."""
    MARKET_CLOSED = 15
    """The session phase admits no orders."""
    PHASE_FORBIDS_ORD_TYPE = 16
    """The session phase does not admit this order type or time in force."""
    ORD_TYPE_NOT_SUPPORTED = 17
    """The instrument does not admit this order type."""
    ICEBERG_NOT_SUPPORTED = 18
    """The instrument does not admit icebergs."""
    TRAILING_NOT_SUPPORTED = 19
    """The instrument does not admit trailing stops."""
    QUOTE_QTY_NOT_SUPPORTED = 20
    """The instrument does not admit market orders by quote quantity."""
    LIST_NOT_SUPPORTED = 21
    """The instrument does not admit this kind of list."""
    AMEND_NOT_SUPPORTED = 22
    """The instrument does not admit amends."""
    REPLACE_NOT_SUPPORTED = 23
    """The instrument does not admit cancel-replace."""
    STP_MODE_NOT_ALLOWED = 24
    """The instrument does not allow this self-trade prevention mode."""
    PRICE_FILTER = 25
    """A price is below the minimum, above the maximum or off the tick grid."""
    LOT_SIZE = 26
    """The quantity is below the minimum, above the maximum or off the lot grid."""
    MARKET_LOT_SIZE = 27
    """The same for market orders."""
    ICEBERG_QTY_TOO_LARGE = 28
    """The display quantity is not below the order quantity."""
    ICEBERG_PARTS = 29
    """The iceberg would have too many slices."""
    TRAILING_DELTA = 30
    """The trailing delta is outside the allowed range."""
    NOTIONAL = 31
    """Price times quantity is below the minimum or above the maximum notional."""
    PERCENT_PRICE_BY_SIDE = 32
    """The price is too far from the average price."""
    STATIC_COLLAR = 33
    """The price is outside the static price collar (rule A-5)."""
    DUPLICATE_CL_ORD_ID = 34
    """The text id is in use by a live order, or was within the dedupe window (rule P-5)."""
    MAX_NUM_ORDERS = 35
    """Too many open orders of the account on the instrument."""
    MAX_NUM_ALGO_ORDERS = 36
    """Too many open stop and take-profit orders."""
    MAX_NUM_ICEBERG_ORDERS = 37
    """Too many open icebergs."""
    MAX_NUM_ORDER_LISTS = 38
    """Too many open lists."""
    MAX_POSITION = 39
    """The order could take the position above its maximum."""
    LIST_PRICES = 40
    """The prices of the legs do not stand in the right relation (rule O-1)."""
    WOULD_TRIGGER = 41
    """The stop would trigger at once (rule S-1)."""
    WOULD_MATCH = 42
    """A post-only order would trade (rule C-2)."""
    NO_LIQUIDITY = 43
    """The opposite side is too thin for a market order by quote quantity."""
    INSUFFICIENT_BALANCE = 44
    """The free balance does not cover the order (rule R-1)."""
    ORDER_CAPACITY = 45
    """The exchange holds as many orders as it is configured for."""
    ACCOUNT_ORDER_CAPACITY = 46
    """The account holds as many open orders as the exchange is configured for."""
    AMEND_NOT_DECREASE = 47
    """An amend in place may only reduce the quantity (rule P-3)."""
    AMEND_BELOW_FILLED = 48
    """The new quantity is not above what is already filled (rule P-3)."""
    AMEND_NO_CHANGE = 49
    """The amend changes nothing."""
    MAX_NUM_ORDER_AMENDS = 50
    """The order was amended too often."""
    UNKNOWN_LIST = 51
    """The list is unknown, finished or another account's."""
    UNKNOWN_ASSET = 52
    """No such asset."""
    INVALID_AMOUNT = 53
    """The amount is not positive or would overflow the asset's total."""
    DUPLICATE_REFERENCE = 54
    """A deposit or withdrawal with this external id was already done."""
    ALREADY_EXISTS = 55
    """The asset, instrument or account exists."""
    CAPACITY = 56
    """The table of assets, instruments, accounts or price levels is full."""
    INVALID_TERM = 57
    """The term does not exist, cannot change now or its value is out of range."""
    INVALID_PHASE = 58
    """The phase does not exist or cannot follow the current one."""
