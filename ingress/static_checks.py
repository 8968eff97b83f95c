"""What can be judged of an order without entering it: the filters that look at the order alone.

Only POST /api/v3/order/test asks here; a real order is judged by the matcher, in RejectReason order,
which this follows. Funds, the market's phase, percent price and counts are not looked at.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ingress import errors
from ingress.gateway import Fields
from protocol.rejects import RejectReason as Why
from protocol.terms import InstrumentFeature, OrdType, Side, StpMode
from protocol.terms import InstrumentTerm as Term
from protocol.units import to_text

Terms = npt.NDArray[np.int64]
_MARKETS = (OrdType.MARKET, OrdType.STOP_LOSS, OrdType.TAKE_PROFIT)
_STOP_LOSSES = (OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT)
_TRAILING_LIMIT = 10_000
_RATE_DECIMALS = 6
_PLACES = 8


def check(fields: Fields, terms: Terms) -> None:
    """Check the fields of an ENTER against the terms of its instrument.

    Raises: Refused, the first that holds in RejectReason order.
    """
    order = {name: value for name, value in fields.items() if isinstance(value, int)}
    ord_type = OrdType(order["ord_type"])
    for reason, failed in (
        (Why.ORD_TYPE_NOT_SUPPORTED, not terms[Term.ALLOWED_ORD_TYPES] >> ord_type & 1),
        *_features(order, int(terms[Term.FEATURES])),
        (Why.STP_MODE_NOT_ALLOWED, not _stp_allowed(order["stp_mode"], terms)),
        (Why.PRICE_FILTER, not _prices_fit(order, terms)),
        (Why.LOT_SIZE, not _lots_fit(order, terms)),
        (Why.MARKET_LOT_SIZE, ord_type in _MARKETS and not _market_lot_fits(order, terms)),
        *_iceberg(order, int(terms[Term.ICEBERG_PARTS])),
        (Why.TRAILING_DELTA, not _trailing_fits(order, terms)),
        (Why.NOTIONAL, not _notional_fits(order, terms)),
    ):
        if failed:
            raise errors.rejection(reason, errors.PLACE, ord_type)


def _features(order: dict[str, int], features: int) -> list[tuple[Why, bool]]:
    return [
        (reason, bool(order.get(field)) and not features & feature)
        for reason, field, feature in (
            (Why.ICEBERG_NOT_SUPPORTED, "display_qty", InstrumentFeature.ICEBERG),
            (Why.TRAILING_NOT_SUPPORTED, "trailing_bips", InstrumentFeature.TRAILING),
            (Why.QUOTE_QTY_NOT_SUPPORTED, "quote_qty", InstrumentFeature.QUOTE_QTY_MARKET),
        )
    ]


def _stp_allowed(mode: int, terms: Terms) -> bool:
    resolved = int(terms[Term.DEFAULT_STP]) if mode == StpMode.DEFAULT else mode
    return bool(terms[Term.ALLOWED_STP] >> resolved & 1)


def _fits(value: int, lowest: int, highest: int, step: int) -> bool:
    if (lowest and value < lowest) or (highest and value > highest):
        return False
    return not step or value % step == 0


def _prices_fit(order: dict[str, int], terms: Terms) -> bool:
    bounds = (int(terms[Term.MIN_PRICE]), int(terms[Term.MAX_PRICE]), int(terms[Term.TICK_SIZE]))
    prices = [order[name] for name in ("price", "stop_px") if order.get(name)]
    return all(_fits(price, *bounds) for price in prices)


def _lots_fit(order: dict[str, int], terms: Terms) -> bool:
    bounds = (int(terms[Term.MIN_QTY]), int(terms[Term.MAX_QTY]), int(terms[Term.LOT_SIZE]))
    qtys = [order[name] for name in ("order_qty", "display_qty") if order.get(name)]
    return all(_fits(qty, *bounds) for qty in qtys)


def _market_lot_fits(order: dict[str, int], terms: Terms) -> bool:
    names = (Term.MARKET_MIN_QTY, Term.MARKET_MAX_QTY, Term.MARKET_LOT_SIZE)
    lowest, highest, step = (int(terms[name]) for name in names)
    return not order.get("order_qty") or _fits(order["order_qty"], lowest, highest, step)


def _iceberg(order: dict[str, int], parts: int) -> list[tuple[Why, bool]]:
    display = order.get("display_qty", 0)
    if not display:
        return []
    qty = order["order_qty"]
    return [
        (Why.ICEBERG_QTY_TOO_LARGE, display >= qty),
        (Why.ICEBERG_PARTS, bool(parts) and -(-qty // display) > parts),
    ]


def _trailing_fits(order: dict[str, int], terms: Terms) -> bool:
    bips = order.get("trailing_bips", 0)
    if not bips:
        return True
    above = (order["ord_type"] in _STOP_LOSSES) == (order["side"] == Side.BUY)
    names = (
        (Term.MIN_TRAILING_ABOVE, Term.MAX_TRAILING_ABOVE)
        if above
        else (Term.MIN_TRAILING_BELOW, Term.MAX_TRAILING_BELOW)
    )
    lowest, highest = (int(terms[name]) for name in names)
    return bips < _TRAILING_LIMIT and _fits(bips, lowest, highest, 0)


def _notional_fits(order: dict[str, int], terms: Terms) -> bool:
    lowest, highest = int(terms[Term.MIN_NOTIONAL]), int(terms[Term.MAX_NOTIONAL])
    price, qty = order.get("price", 0), order.get("order_qty", 0)
    if price:
        return _fits(price * qty * int(terms[Term.QUOTE_SCALE]), lowest, highest, 0)
    if order.get("quote_qty"):
        lowest *= bool(terms[Term.APPLY_MIN_TO_MARKET])
        highest *= bool(terms[Term.APPLY_MAX_TO_MARKET])
        return _fits(order["quote_qty"], lowest, highest, 0)
    return True


def commission_for_order(terms: Terms) -> dict[str, Any]:
    """Say what an order on the instrument would pay (API section 8.2)."""
    none = {"maker": _rate(0), "taker": _rate(0)}
    return {
        "standardCommissionForOrder": {
            "maker": _rate(int(terms[Term.MAKER_FEE_PPM])),
            "taker": _rate(int(terms[Term.TAKER_FEE_PPM])),
        },
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "",
            "discount": _rate(0),
        },
    }


def _rate(ppm: int) -> str:
    return to_text(ppm, _RATE_DECIMALS, _PLACES)
