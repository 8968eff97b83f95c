"""Requests about order lists, each declared once (API section 8.6).

The parameters of a leg are those of a new order with a prefix: `abovePrice`, `pendingBelowType`. `LEGS` says
for each request which legs it has and what its plain parameters are called in a leg.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ingress import errors
from ingress.params import (
    Kind,
    Param,
    Request,
    Security,
    client_id,
    decimal,
    may,
    need,
    symbol,
    whole_number,
    words,
)
from ingress.requests import NEW_ORDER, time_range
from protocol.terms import ListKind, OrdType

KINDS: Mapping[str, Kind] = {param.name: param.kind for param in NEW_ORDER}
_NOT_IN_OCO = errors.Refused(-1158, "Order type not supported in OCO.")
_contingent = words(
    {kind.name: kind for kind in OrdType if kind not in (OrdType.LIMIT, OrdType.MARKET)},
    _NOT_IN_OCO,
)
_working_type = words({kind.name: kind for kind in (OrdType.LIMIT, OrdType.LIMIT_MAKER)})
_OPTIONAL = (
    "price",
    "stopPrice",
    "trailingDelta",
    "timeInForce",
    "icebergQty",
    "strategyId",
    "strategyType",
    "pegPriceType",
    "pegOffsetValue",
    "pegOffsetType",
)


@dataclass(frozen=True)
class Leg:
    """One leg: what each parameter of a new order is called in it, and what it always is."""

    names: Mapping[str, str]
    fixed: Mapping[str, object]

    def params(self, type_kind: Kind, required: tuple[str, ...]) -> tuple[Param, ...]:
        """Declare the leg's own parameters."""
        return tuple(
            Param(given, type_kind if plain == "type" else KINDS[plain], plain in required)
            for plain, given in self.names.items()
            if given != plain
        )


def _leg(prefix: str, *own: str, shared: tuple[str, ...] = ()) -> Leg:
    """Name the parameters of a leg: `own` and the optional ones with the prefix, `shared` as they come."""
    prefixed = ("type", *own, *_OPTIONAL)
    names = {name: f"{prefix}{name[0].upper()}{name[1:]}" for name in prefixed}
    names["newClientOrderId"] = f"{prefix}ClientOrderId"
    return Leg({**names, **{name: name for name in shared}}, {})


_TOGETHER = ("side", "quantity")
ABOVE, BELOW = (_leg(prefix, shared=_TOGETHER) for prefix in ("above", "below"))
WORKING, PENDING = (_leg(prefix, "side", "quantity") for prefix in ("working", "pending"))


def _pending(prefix: str) -> Leg:
    leg = _leg(prefix)
    together = {"side": "pendingSide", "quantity": "pendingQuantity"}
    return Leg({**leg.names, **together}, {})


PENDING_ABOVE, PENDING_BELOW = (_pending(prefix) for prefix in ("pendingAbove", "pendingBelow"))
OLD_STOP = Leg(
    {
        "side": "side",
        "quantity": "quantity",
        "price": "stopLimitPrice",
        "stopPrice": "stopPrice",
        "trailingDelta": "trailingDelta",
        "timeInForce": "stopLimitTimeInForce",
        "icebergQty": "stopIcebergQty",
        "strategyId": "stopStrategyId",
        "strategyType": "stopStrategyType",
        "newClientOrderId": "stopClientOrderId",
    },
    {},
)
OLD_LIMIT = Leg(
    {
        "side": "side",
        "quantity": "quantity",
        "price": "price",
        "icebergQty": "limitIcebergQty",
        "strategyId": "limitStrategyId",
        "strategyType": "limitStrategyType",
        "newClientOrderId": "limitClientOrderId",
    },
    {"type": OrdType.LIMIT_MAKER},
)

_TYPE = ("type",)
_ORDER = ("type", "side", "quantity")
_SYMBOL = (need("symbol", symbol),)
_LIST = (
    may("listClientOrderId", client_id),
    may("newOrderRespType", KINDS["newOrderRespType"]),
    may("selfTradePreventionMode", KINDS["selfTradePreventionMode"]),
)
_SIDE_AND_QUANTITY = (need("side", KINDS["side"]), need("quantity", decimal))

OCO = Request(
    "orderList.place.oco",
    "POST",
    "/api/v3/orderList/oco",
    Security.TRADE,
    weight=1,
    params=(
        *_SYMBOL,
        *_SIDE_AND_QUANTITY,
        *ABOVE.params(_contingent, _TYPE),
        *BELOW.params(_contingent, _TYPE),
        *_LIST,
    ),
    free_when_done=True,
)
OLD_OCO = Request(
    "orderList.place",
    "POST",
    "/api/v3/order/oco",
    Security.TRADE,
    weight=1,
    params=(
        *_SYMBOL,
        *_SIDE_AND_QUANTITY,
        need("price", decimal),
        need("stopPrice", decimal),
        may("stopLimitPrice", decimal),
        may("stopLimitTimeInForce", KINDS["timeInForce"]),
        may("trailingDelta", KINDS["trailingDelta"]),
        *(may(f"{leg}ClientOrderId", client_id) for leg in ("limit", "stop")),
        *(may(f"{leg}IcebergQty", decimal) for leg in ("limit", "stop")),
        *(may(f"{leg}StrategyId", KINDS["strategyId"]) for leg in ("limit", "stop")),
        *(may(f"{leg}StrategyType", KINDS["strategyType"]) for leg in ("limit", "stop")),
        *_LIST,
    ),
    free_when_done=True,
)
OTO = Request(
    "orderList.place.oto",
    "POST",
    "/api/v3/orderList/oto",
    Security.TRADE,
    weight=1,
    params=(
        *_SYMBOL,
        *WORKING.params(_working_type, (*_ORDER, "price")),
        *PENDING.params(KINDS["type"], _ORDER),
        *_LIST,
    ),
    free_when_done=True,
)
OTOCO = Request(
    "orderList.place.otoco",
    "POST",
    "/api/v3/orderList/otoco",
    Security.TRADE,
    weight=1,
    params=(
        *_SYMBOL,
        *WORKING.params(_working_type, (*_ORDER, "price")),
        need("pendingSide", KINDS["side"]),
        need("pendingQuantity", decimal),
        *_leg("pendingAbove").params(_contingent, _TYPE),
        *_leg("pendingBelow").params(_contingent, _TYPE),
        *_LIST,
    ),
    free_when_done=True,
)
LISTS: Mapping[Request, tuple[ListKind, tuple[Leg, ...]]] = {
    OCO: (ListKind.OCO, (BELOW, ABOVE)),
    OLD_OCO: (ListKind.OCO, (OLD_STOP, OLD_LIMIT)),
    OTO: (ListKind.OTO, (WORKING, PENDING)),
    OTOCO: (ListKind.OTOCO, (WORKING, PENDING_BELOW, PENDING_ABOVE)),
}
"""The kind of list that each request places, and its legs in the order in which they are told."""

CANCEL_LIST = Request(
    "orderList.cancel",
    "DELETE",
    "/api/v3/orderList",
    Security.TRADE,
    weight=1,
    params=(
        *_SYMBOL,
        may("orderListId", whole_number),
        may("listClientOrderId", client_id),
        may("newClientOrderId", client_id),
    ),
    free_when_done=True,
)
GET_LIST = Request(
    "orderList.status",
    "GET",
    "/api/v3/orderList",
    Security.USER_DATA,
    weight=4,
    params=(
        may("orderListId", whole_number),
        may("origClientOrderId", client_id),
    ),
)
ALL_LISTS = Request(
    "allOrderLists",
    "GET",
    "/api/v3/allOrderList",
    Security.USER_DATA,
    weight=20,
    params=(may("fromId", whole_number), *time_range),
)
OPEN_LISTS = Request(
    "openOrderLists.status",
    "GET",
    "/api/v3/openOrderList",
    Security.USER_DATA,
    weight=6,
)
ALL = (*LISTS, CANCEL_LIST, GET_LIST, ALL_LISTS, OPEN_LISTS)
