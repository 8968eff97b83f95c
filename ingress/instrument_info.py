"""Describe an instrument as exchangeInfo does: its terms as filters, its phase as a status (API section 6)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from ingress.requests import STATUS_OF_PHASE
from ingress.views import Instrument
from protocol.terms import InstrumentFeature as Feature
from protocol.terms import InstrumentTerm as Term
from protocol.terms import OrdType, SessionPhase, StpMode
from protocol.units import to_text

Terms = npt.NDArray[np.int64]
Told = dict[str, Any]
_BIPS_DECIMALS = 4


def symbol_info(instrument: Instrument, terms: Terms, phase: int, *, permissions: bool) -> Told:
    """Write the symbol object of one instrument."""
    features = int(terms[Term.FEATURES])
    base, quote = instrument.base, instrument.quote
    return {
        "symbol": instrument.symbol,
        "status": STATUS_OF_PHASE[SessionPhase(phase)],
        "baseAsset": base.code,
        "baseAssetPrecision": base.decimals,
        "quoteAsset": quote.code,
        "quotePrecision": quote.decimals,
        "quoteAssetPrecision": quote.decimals,
        "baseCommissionPrecision": base.decimals,
        "quoteCommissionPrecision": quote.decimals,
        "orderTypes": [kind.name for kind in OrdType if terms[Term.ALLOWED_ORD_TYPES] >> kind & 1],
        "icebergAllowed": bool(features & Feature.ICEBERG),
        "ocoAllowed": bool(features & Feature.OCO),
        "otoAllowed": bool(features & Feature.OTO),
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": bool(features & Feature.QUOTE_QTY_MARKET),
        "allowTrailingStop": bool(features & Feature.TRAILING),
        "cancelReplaceAllowed": bool(features & Feature.CANCEL_REPLACE),
        "amendAllowed": bool(features & Feature.AMEND),
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": filters(instrument, terms),
        "permissions": [],
        "permissionSets": [["SPOT"]] if permissions else [],
        "defaultSelfTradePreventionMode": StpMode(int(terms[Term.DEFAULT_STP])).name,
        "allowedSelfTradePreventionModes": [
            mode.name for mode in StpMode if mode and terms[Term.ALLOWED_STP] >> mode & 1
        ],
    }


def filters(instrument: Instrument, terms: Terms) -> list[Told]:
    """Write the terms of an instrument as filters; a count that is not limited has none.

    Some clients fail without PRICE_FILTER, LOT_SIZE, MARKET_LOT_SIZE or NOTIONAL, and some take a maximum
    of 0 literally: these four are always there, with the bound that holds anyway.
    """
    value = [int(term) for term in terms]
    told: list[Told] = [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": instrument.price(value[Term.MIN_PRICE]),
            "maxPrice": instrument.price(value[Term.MAX_PRICE]),
            "tickSize": instrument.price(value[Term.TICK_SIZE]),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": instrument.qty(value[Term.MIN_QTY]),
            "maxQty": instrument.qty(value[Term.MAX_QTY]),
            "stepSize": instrument.qty(value[Term.LOT_SIZE]),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": instrument.qty(value[Term.MARKET_MIN_QTY]),
            "maxQty": instrument.qty(value[Term.MARKET_MAX_QTY] or value[Term.MAX_QTY]),
            "stepSize": instrument.qty(value[Term.MARKET_LOT_SIZE]),
        },
        _notional(instrument, value),
    ]
    told += _price_filters(value)
    if value[Term.MAX_POSITION]:
        held = instrument.qty(value[Term.MAX_POSITION])
        told.append({"filterType": "MAX_POSITION", "maxPosition": held})
    told += [
        {"filterType": kind, member: value[term]} for kind, member, term in _COUNTS if value[term]
    ]
    return told


_COUNTS = (
    ("ICEBERG_PARTS", "limit", Term.ICEBERG_PARTS),
    ("MAX_NUM_ORDERS", "maxNumOrders", Term.MAX_NUM_ORDERS),
    ("MAX_NUM_ORDER_LISTS", "maxNumOrderLists", Term.MAX_NUM_ORDER_LISTS),
    ("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders", Term.MAX_NUM_ALGO_ORDERS),
    ("MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders", Term.MAX_NUM_ICEBERG_ORDERS),
    ("MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends", Term.MAX_NUM_ORDER_AMENDS),
)


def _notional(instrument: Instrument, value: list[int]) -> Told:
    bound = value[Term.MAX_PRICE] * value[Term.MAX_QTY] * value[Term.QUOTE_SCALE]
    return {
        "filterType": "NOTIONAL",
        "minNotional": instrument.quote.text(value[Term.MIN_NOTIONAL]),
        "applyMinToMarket": bool(value[Term.APPLY_MIN_TO_MARKET]),
        "maxNotional": instrument.quote.text(value[Term.MAX_NOTIONAL] or bound),
        "applyMaxToMarket": bool(value[Term.APPLY_MAX_TO_MARKET]),
        "avgPriceMins": value[Term.AVG_PRICE_MINS],
    }


def _price_filters(value: list[int]) -> list[Told]:
    told: list[Told] = []
    if value[Term.BID_MULTIPLIER_UP]:
        told.append(
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": _multiplier(value[Term.BID_MULTIPLIER_UP]),
                "bidMultiplierDown": _multiplier(value[Term.BID_MULTIPLIER_DOWN]),
                "askMultiplierUp": _multiplier(value[Term.ASK_MULTIPLIER_UP]),
                "askMultiplierDown": _multiplier(value[Term.ASK_MULTIPLIER_DOWN]),
                "avgPriceMins": value[Term.AVG_PRICE_MINS],
            }
        )
    if value[Term.MAX_TRAILING_ABOVE] or value[Term.MAX_TRAILING_BELOW]:
        told.append(
            {
                "filterType": "TRAILING_DELTA",
                "minTrailingAboveDelta": value[Term.MIN_TRAILING_ABOVE],
                "maxTrailingAboveDelta": value[Term.MAX_TRAILING_ABOVE],
                "minTrailingBelowDelta": value[Term.MIN_TRAILING_BELOW],
                "maxTrailingBelowDelta": value[Term.MAX_TRAILING_BELOW],
            }
        )
    return told


def _multiplier(bips: int) -> str:
    whole, fraction = to_text(bips, _BIPS_DECIMALS).split(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
