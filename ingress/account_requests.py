"""Requests about an account's facts, its stream keys and its wallet, each declared once (API section 9)."""

from ingress import errors
from ingress.params import Kind, Request, Security, may, need, symbol, whole_number
from ingress.requests import rows

COMMISSION = Request(
    "account.commission",
    "GET",
    "/api/v3/account/commission",
    Security.USER_DATA,
    weight=20,
    params=(need("symbol", symbol),),
)
ORDER_COUNTS = Request(
    "account.rateLimits.orders",
    "GET",
    "/api/v3/rateLimit/order",
    Security.USER_DATA,
    weight=40,
)
PREVENTED_MATCHES = Request(
    "myPreventedMatches",
    "GET",
    "/api/v3/myPreventedMatches",
    Security.USER_DATA,
    weight=lambda values: 20 if "orderId" in values else 2,
    params=(
        need("symbol", symbol),
        may("preventedMatchId", whole_number),
        may("orderId", whole_number),
        may("fromPreventedMatchId", whole_number),
        may("limit", rows),
    ),
)
ALLOCATIONS = Request(
    "myAllocations",
    "GET",
    "/api/v3/myAllocations",
    Security.USER_DATA,
    weight=20,
    params=(
        need("symbol", symbol),
        may("startTime", whole_number),
        may("endTime", whole_number),
        may("fromAllocationId", whole_number),
        may("limit", rows),
        may("orderId", whole_number),
    ),
)
MY_FILTERS = Request(
    "myFilters",
    "GET",
    "/api/v3/myFilters",
    Security.USER_DATA,
    weight=40,
    params=(need("symbol", symbol),),
)
AMENDMENTS = Request(
    "order.amendments",
    "GET",
    "/api/v3/order/amendments",
    Security.USER_DATA,
    weight=4,
    params=(
        need("symbol", symbol),
        need("orderId", whole_number),
        may("fromExecutionId", whole_number),
        may("limit", rows),
    ),
)


def _read_listen_key(name: str, text: str) -> str:
    """Take any text: one that is no key is a key that does not exist."""
    if not text:
        raise errors.mandatory(name)
    return text


_listen_key = Kind(_read_listen_key, {"type": "string"})
_STREAM = "/api/v3/userDataStream"
START_STREAM = Request("userDataStream.start", "POST", _STREAM, Security.USER_STREAM, weight=2)
PING_STREAM = Request(
    "userDataStream.ping",
    "PUT",
    _STREAM,
    Security.USER_STREAM,
    weight=2,
    params=(need("listenKey", _listen_key),),
)
STOP_STREAM = Request(
    "userDataStream.stop",
    "DELETE",
    _STREAM,
    Security.USER_STREAM,
    weight=2,
    params=(need("listenKey", _listen_key),),
)
SYSTEM_STATUS = Request("system.status", "GET", "/sapi/v1/system/status", Security.NONE, weight=1)
TRADE_FEE = Request(
    "asset.tradeFee",
    "GET",
    "/sapi/v1/asset/tradeFee",
    Security.USER_DATA,
    weight=1,
    params=(may("symbol", symbol),),
)
COINS = Request(
    "capital.config.getall",
    "GET",
    "/sapi/v1/capital/config/getall",
    Security.USER_DATA,
    weight=10,
)
MARGIN_PAIRS = Request(
    "margin.allPairs", "GET", "/sapi/v1/margin/allPairs", Security.NONE, weight=1
)
ISOLATED_PAIRS = Request(
    "margin.isolated.allPairs", "GET", "/sapi/v1/margin/isolated/allPairs", Security.NONE, weight=10
)
ALL = (
    COMMISSION,
    ORDER_COUNTS,
    PREVENTED_MATCHES,
    ALLOCATIONS,
    MY_FILTERS,
    AMENDMENTS,
    START_STREAM,
    PING_STREAM,
    STOP_STREAM,
    SYSTEM_STATUS,
    TRADE_FEE,
    COINS,
    MARGIN_PAIRS,
    ISOLATED_PAIRS,
)
