"""New orders: which parameters each order type needs and takes, and the command they become.

The rules of the dialect (API section 8.1) as one table. What is checked here needs no state: presence,
combination, decimals. Filters, funds and the market are the matcher's to judge.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ingress import errors
from ingress.gateway import Fields
from ingress.params import DECIMAL
from ingress.requests import TRANSFER
from ingress.views import PLACES, Instrument
from protocol.terms import CommandKind, OrdType, StpMode, TimeInForce
from protocol.units import NotDecimal, Overflow, TooPrecise, to_units

_units_of = lru_cache(maxsize=1 << 14)(to_units)
"""Prices and quantities of a market come again and again."""
_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TO_BASE62 = bytes(_BASE62[byte % 62] for byte in range(256))
_ID_LENGTH = 22


@dataclass(frozen=True)
class TypeRule:
    """Parameters an order type must have and may have, of those that depend on the type.

    `trigger` types need stopPrice or trailingDelta; `sized` types need quantity or quoteOrderQty.
    """

    needs: tuple[str, ...] = ()
    takes: frozenset[str] = frozenset()
    trigger: bool = False
    sized: bool = False


_LIMIT = ("timeInForce", "quantity", "price")
_ICEBERG = frozenset({"icebergQty"})
_TRIGGER = frozenset({"stopPrice", "trailingDelta"})
_SIZES = frozenset({"quantity", "quoteOrderQty"})
RULES = {
    OrdType.LIMIT: TypeRule(_LIMIT, _ICEBERG),
    OrdType.MARKET: TypeRule(takes=_SIZES, sized=True),
    OrdType.LIMIT_MAKER: TypeRule(("quantity", "price"), _ICEBERG),
    OrdType.STOP_LOSS: TypeRule(("quantity",), _TRIGGER, trigger=True),
    OrdType.TAKE_PROFIT: TypeRule(("quantity",), _TRIGGER, trigger=True),
    OrdType.STOP_LOSS_LIMIT: TypeRule(_LIMIT, _TRIGGER | _ICEBERG, trigger=True),
    OrdType.TAKE_PROFIT_LIMIT: TypeRule(_LIMIT, _TRIGGER | _ICEBERG, trigger=True),
}
_DEPENDS = (
    "timeInForce",
    "quantity",
    "quoteOrderQty",
    "price",
    "stopPrice",
    "trailingDelta",
    "icebergQty",
)
_PEGS = ("pegPriceType", "pegOffsetValue", "pegOffsetType")
_UNUSUAL = frozenset({*_TRIGGER, *_ICEBERG, *_PEGS, "quoteOrderQty", "goodTillDate"})
_NEEDS_OF_LIMIT = frozenset(_LIMIT)
_DIALECT_TIMES = (TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK)
"""Times in force that the dialect knows; types without a limit price may only say one of ours."""


def check(values: Mapping[str, Any]) -> None:
    """Check the combination of the parameters of a new order.

    Raises: Refused (-1013, -1102, -1106, -1114, -1128, -1014).
    """
    ord_type: OrdType = values["type"]
    # Most orders are plain limit orders; they need no closer look.
    plain = ord_type is OrdType.LIMIT and values.keys() >= _NEEDS_OF_LIMIT
    if not plain or not _UNUSUAL.isdisjoint(values):
        _check_type(values, RULES[ord_type])
    _check_time(values)
    if values.get("selfTradePreventionMode") == TRANSFER:
        raise errors.Refused(
            -1013, "This symbol does not allow the specified self-trade prevention mode."
        )


def _check_type(values: Mapping[str, Any], rule: TypeRule) -> None:
    for name in rule.needs:
        if name not in values:
            raise errors.mandatory(name)
    for name in _DEPENDS:
        if name in values and name not in rule.needs and name not in rule.takes:
            _refuse_extra(name, values)
    if rule.sized and _SIZES.isdisjoint(values):
        raise errors.one_of_two("quantity", "quoteOrderQty")
    if rule.sized and values.keys() >= _SIZES:
        raise errors.Refused(*errors.BAD_COMBINATION)
    if rule.trigger and _TRIGGER.isdisjoint(values):
        raise errors.one_of_two("stopPrice", "trailingDelta")
    for name in _PEGS:
        if name in values:
            raise errors.not_required(name)


def _refuse_extra(name: str, values: Mapping[str, Any]) -> None:
    if name != "timeInForce":
        raise errors.not_required(name)
    if values[name] in _DIALECT_TIMES:
        raise errors.Refused(-1114, "TimeInForce parameter sent when not required.")


def _check_time(values: Mapping[str, Any]) -> None:
    time_in_force = values.get("timeInForce")
    if time_in_force is TimeInForce.GTD:
        if "goodTillDate" not in values:
            raise errors.mandatory("goodTillDate")
    elif "goodTillDate" in values:
        raise errors.not_required("goodTillDate")
    if "icebergQty" in values and time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        raise errors.Refused(*errors.UNSUPPORTED_ORDER)


def enter(values: Mapping[str, Any], instrument: Instrument, account: int) -> Fields:
    """Make the fields of the ENTER command of checked values.

    Raises: Refused (-1013, -1108, -1111) for numbers that the instrument's units cannot hold.
    """
    fields: Fields = {
        "kind": CommandKind.ENTER,
        "account": account,
        "instrument": instrument.number,
        "side": values["side"],
        "ord_type": values["type"],
        "time_in_force": values.get("timeInForce", TimeInForce.GTC),
        "stp_mode": values.get("selfTradePreventionMode", StpMode.DEFAULT),
        "cl_ord_id": text_id(values.get("newClientOrderId")),
    }
    if "price" in values:
        fields["price"] = price_units("price", values["price"], instrument)
    if "stopPrice" in values:
        fields["stop_px"] = price_units("stopPrice", values["stopPrice"], instrument)
    if "quantity" in values:
        fields["order_qty"] = qty_units("quantity", values["quantity"], instrument)
    if _RARE.isdisjoint(values):
        return fields
    if "icebergQty" in values:
        fields["display_qty"] = qty_units("icebergQty", values["icebergQty"], instrument)
    if "quoteOrderQty" in values:
        fields["quote_qty"] = _positive(
            "quantity",
            _units("quoteOrderQty", values["quoteOrderQty"], instrument.quote.decimals, ""),
        )
    for name, field in _LABELS.items():
        if name in values:
            fields[field] = values[name]
    if values.get("trailingDelta") == 0:
        raise errors.filter_failure("TRAILING_DELTA")
    return fields


_LABELS = {
    "trailingDelta": "trailing_bips",
    "strategyId": "strategy_id",
    "strategyType": "strategy_type",
    "goodTillDate": "expire_ns",
}
_RARE = frozenset({"icebergQty", "quoteOrderQty", *_LABELS})


def price_units(name: str, text: str, instrument: Instrument) -> int:
    """Read a price of the instrument.

    Raises: Refused, PRICE_FILTER when it lies between two of the instrument's prices.
    """
    return _positive("price", _units(name, text, instrument.price_decimals, "PRICE_FILTER"))


def qty_units(name: str, text: str, instrument: Instrument) -> int:
    """Read a quantity of the instrument.

    Raises: Refused, LOT_SIZE when it lies between two of the instrument's quantities.
    """
    return _positive("quantity", _units(name, text, instrument.qty_decimals, "LOT_SIZE"))


def text_id(given: str | None) -> bytes:
    """Return the client's text id, or a new one: 22 characters of base 62."""
    if given:
        return given.encode()
    return secrets.token_bytes(_ID_LENGTH).translate(_TO_BASE62)


def _units(name: str, text: str, decimals: int, grid: str) -> int:
    """Read decimal text; `grid` names the filter that a finer number fails ("": none does)."""
    try:
        return _units_of(text, decimals)
    except NotDecimal:
        raise errors.illegal(name, DECIMAL) from None
    except Overflow:
        raise errors.overflowed(name) from None
    except TooPrecise:
        if grid and len(text.partition(".")[2].rstrip("0")) <= PLACES:
            raise errors.filter_failure(grid) from None
        raise errors.too_precise(name) from None


def _positive(what: str, units: int) -> int:
    if units <= 0:
        raise errors.Refused(-1013, f"Invalid {what}.")
    return units
