"""Every request that clients may make, each declared once (API sections 7, 8, 9; weights: 3)."""

from collections.abc import Mapping
from typing import Any

from ingress import errors
from ingress.params import (
    Kind,
    Param,
    Request,
    Security,
    client_id,
    decimal,
    limit,
    may,
    names_or_one,
    need,
    symbol,
    symbols,
    time,
    truth,
    whole,
    whole_number,
    word,
    words,
)
from protocol.terms import CommandFlag, OrdType, SessionPhase, Side, StpMode, TimeInForce

ACK, RESULT, FULL = "ACK", "RESULT", "FULL"
STOP_ON_FAILURE, ALLOW_FAILURE = "STOP_ON_FAILURE", "ALLOW_FAILURE"
DO_NOTHING, CANCEL_ONLY = "DO_NOTHING", "CANCEL_ONLY"
TRANSFER = "TRANSFER"
"""A prevention mode that the dialect knows and no instrument here allows."""

DEPTH_LIMIT = 5000
ROWS_LIMIT = 1000

_side = word(Side, errors.Refused(-1117, "Invalid side."))
_ord_type = word(OrdType, errors.Refused(-1116, "Invalid orderType."))
_time_in_force = word(TimeInForce, errors.Refused(-1115, "Invalid timeInForce."))
_stp_mode = words({mode.name: mode for mode in StpMode if mode} | {TRANSFER: TRANSFER})
_answer = words({name: name for name in (ACK, RESULT, FULL)})
_restrictions = words(
    {
        "ONLY_NEW": CommandFlag.ONLY_NEW,
        "ONLY_PARTIALLY_FILLED": CommandFlag.ONLY_PARTIALLY_FILLED,
    },
    errors.Refused(
        -1145, "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`."
    ),
)
status = words(
    {name: name for name in ("TRADING", "END_OF_DAY", "HALT", "BREAK", "CANCEL_ONLY")},
    errors.Refused(-1122, "Invalid symbolStatus."),
)
_strategy_type = whole(
    1_000_000, (1 << 31) - 1, errors.Refused(-1134, "strategyType was less than 1000000.")
)
_bips = whole(0, (1 << 31) - 1)

STATUS_OF_PHASE = {
    SessionPhase.PRE_OPEN: "BREAK",
    SessionPhase.OPENING_AUCTION: "TRADING",
    SessionPhase.CONTINUOUS: "TRADING",
    SessionPhase.VOLATILITY_AUCTION: "TRADING",
    SessionPhase.CLOSING_AUCTION: "TRADING",
    SessionPhase.CLOSED: "END_OF_DAY",
    SessionPhase.HALTED: "HALT",
}
"""Symbol status of each session phase (API section 5)."""

NEW_ORDER: tuple[Param, ...] = (
    need("symbol", symbol),
    need("side", _side),
    need("type", _ord_type),
    may("timeInForce", _time_in_force),
    may("quantity", decimal),
    may("quoteOrderQty", decimal),
    may("price", decimal),
    may("newClientOrderId", client_id),
    may("strategyId", whole_number),
    may("strategyType", _strategy_type),
    may("stopPrice", decimal),
    may("trailingDelta", _bips),
    may("icebergQty", decimal),
    may("newOrderRespType", _answer),
    may("selfTradePreventionMode", _stp_mode),
    may("pegPriceType", words({name: name for name in ("PRIMARY_PEG", "MARKET_PEG")})),
    may("pegOffsetValue", whole(0, 100)),
    may("pegOffsetType", words({"PRICE_LEVEL": "PRICE_LEVEL"})),
    may("goodTillDate", time),
)


def _target(order: str, client: str) -> tuple[Param, ...]:
    return may(order, whole_number), may(client, client_id)


PLACE = Request(
    "order.place",
    "POST",
    "/api/v3/order",
    Security.TRADE,
    weight=1,
    params=NEW_ORDER,
    free_when_done=True,
)
TEST = Request(
    "order.test",
    "POST",
    "/api/v3/order/test",
    Security.TRADE,
    weight=lambda values: 20 if values.get("computeCommissionRates") else 1,
    params=(*NEW_ORDER, may("computeCommissionRates", truth)),
)
CANCEL = Request(
    "order.cancel",
    "DELETE",
    "/api/v3/order",
    Security.TRADE,
    weight=1,
    params=(
        need("symbol", symbol),
        *_target("orderId", "origClientOrderId"),
        may("newClientOrderId", client_id),
        may("cancelRestrictions", _restrictions),
    ),
    free_when_done=True,
)
CANCEL_OPEN = Request(
    "openOrders.cancelAll",
    "DELETE",
    "/api/v3/openOrders",
    Security.TRADE,
    weight=1,
    params=(need("symbol", symbol),),
    free_when_done=True,
)
CANCEL_REPLACE = Request(
    "order.cancelReplace",
    "POST",
    "/api/v3/order/cancelReplace",
    Security.TRADE,
    weight=1,
    params=(
        *NEW_ORDER[:3],
        need("cancelReplaceMode", words({n: n for n in (STOP_ON_FAILURE, ALLOW_FAILURE)})),
        *NEW_ORDER[3:],
        may("cancelNewClientOrderId", client_id),
        *_target("cancelOrderId", "cancelOrigClientOrderId"),
        may("cancelRestrictions", _restrictions),
        may("orderRateLimitExceededMode", words({n: n for n in (DO_NOTHING, CANCEL_ONLY)})),
    ),
    free_when_done=True,
)
AMEND = Request(
    "order.amend.keepPriority",
    "PUT",
    "/api/v3/order/amend/keepPriority",
    Security.TRADE,
    weight=4,
    params=(
        need("symbol", symbol),
        *_target("orderId", "origClientOrderId"),
        need("newQty", decimal),
        may("newClientOrderId", client_id),
    ),
)
GET_ORDER = Request(
    "order.status",
    "GET",
    "/api/v3/order",
    Security.USER_DATA,
    weight=4,
    params=(need("symbol", symbol), *_target("orderId", "origClientOrderId")),
)
OPEN_ORDERS = Request(
    "openOrders.status",
    "GET",
    "/api/v3/openOrders",
    Security.USER_DATA,
    weight=lambda values: 6 if "symbol" in values else 80,
    params=(may("symbol", symbol),),
)
rows: Kind = limit(ROWS_LIMIT)
time_range = (may("startTime", time), may("endTime", time), may("limit", rows))
ALL_ORDERS = Request(
    "allOrders",
    "GET",
    "/api/v3/allOrders",
    Security.USER_DATA,
    weight=20,
    params=(need("symbol", symbol), may("orderId", whole_number), *time_range),
)
MY_TRADES = Request(
    "myTrades",
    "GET",
    "/api/v3/myTrades",
    Security.USER_DATA,
    weight=lambda values: 5 if "orderId" in values else 20,
    params=(
        need("symbol", symbol),
        may("orderId", whole_number),
        may("fromId", whole_number),
        *time_range,
    ),
)
ACCOUNT = Request(
    "account.status",
    "GET",
    "/api/v3/account",
    Security.USER_DATA,
    weight=20,
    params=(may("omitZeroBalances", truth),),
)


def _depth_weight(values: Mapping[str, Any]) -> int:
    levels = values.get("limit", 100)
    return next(cost for most, cost in _DEPTH_WEIGHTS if levels <= most)


_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (DEPTH_LIMIT, 250))

PING = Request("ping", "GET", "/api/v3/ping", Security.NONE, weight=1)
TIME = Request("time", "GET", "/api/v3/time", Security.NONE, weight=1)
EXCHANGE_INFO = Request(
    "exchangeInfo",
    "GET",
    "/api/v3/exchangeInfo",
    Security.NONE,
    weight=20,
    params=(
        may("symbol", symbol),
        may("symbols", symbols),
        may("permissions", names_or_one),
        may("showPermissionSets", truth),
        may("symbolStatus", status),
    ),
)
DEPTH = Request(
    "depth",
    "GET",
    "/api/v3/depth",
    Security.NONE,
    weight=_depth_weight,
    params=(
        need("symbol", symbol),
        may("limit", limit(DEPTH_LIMIT)),
        may("symbolStatus", status),
    ),
)
TRADES = Request(
    "trades.recent",
    "GET",
    "/api/v3/trades",
    Security.NONE,
    weight=25,
    params=(need("symbol", symbol), may("limit", rows)),
)
HISTORICAL_TRADES = Request(
    "trades.historical",
    "GET",
    "/api/v3/historicalTrades",
    Security.NONE,
    weight=25,
    params=(need("symbol", symbol), may("limit", rows), may("fromId", whole_number)),
)
AGG_TRADES = Request(
    "trades.aggregate",
    "GET",
    "/api/v3/aggTrades",
    Security.NONE,
    weight=4,
    params=(need("symbol", symbol), may("fromId", whole_number), *time_range),
)
ALL = (
    PLACE,
    TEST,
    CANCEL,
    CANCEL_OPEN,
    CANCEL_REPLACE,
    AMEND,
    GET_ORDER,
    OPEN_ORDERS,
    ALL_ORDERS,
    MY_TRADES,
    ACCOUNT,
    PING,
    TIME,
    EXCHANGE_INFO,
    DEPTH,
    TRADES,
    HISTORICAL_TRADES,
    AGG_TRADES,
)
