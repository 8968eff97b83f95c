"""Read the file of assets and instruments (`conf/instruments.toml`): decimal text in, numbers out.

What a person writes is in the words and units that clients see; each key sets one or more
`InstrumentTerm`s. A key that is not given leaves its terms as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from protocol import units
from protocol.layout import TEXT_LIMIT
from protocol.terms import (
    AuctionRule,
    InstrumentFeature,
    InstrumentTerm,
    OrdType,
    SessionPhase,
    StpMode,
)
from runtime.service import BadConfiguration

T = InstrumentTerm
_NOT_TERMS = ("base", "quote", "price_decimals", "qty_decimals", "ladder_top", "phase")
_FIXED = ("base", "quote", "price_decimals", "qty_decimals", "ladder_top")
_BIPS_DECIMALS = 4
_PPM_DECIMALS = 6
_MAX_DECIMALS = 18
_NO_CALENDARS: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Listing:
    """One instrument as the file wants it; numbers in the exchange's own units."""

    symbol: str
    base: str
    quote: str
    price_decimals: int
    qty_decimals: int
    ladder_top: int
    phase: SessionPhase
    """The phase in which a new instrument opens."""
    terms: dict[InstrumentTerm, int]


def read_listings(
    table: Mapping[str, Any], calendars: Mapping[str, int] = _NO_CALENDARS
) -> tuple[dict[str, int], list[Listing]]:
    """Return the decimals of each asset, and the instruments, in the order of the file.

    Raises: BadConfiguration, which names the key, what was found and what is needed.
    """
    unknown = set(table) - {"assets", "instruments"}
    if unknown:
        raise BadConfiguration(f"unknown table {min(unknown)!r}; known are assets, instruments")
    assets = {
        _text("assets", code): _whole(f"assets.{code}", decimals, _MAX_DECIMALS)
        for code, decimals in table.get("assets", {}).items()
    }
    found = table.get("instruments", {}).items()
    return assets, [
        _listing(symbol, _numbered(symbol, keys, calendars), assets) for symbol, keys in found
    ]


def _numbered(
    symbol: str, keys: Mapping[str, Any], calendars: Mapping[str, int]
) -> Mapping[str, Any]:
    """Return the keys with the number of the calendar instead of its name."""
    name = keys.get("calendar")
    if not isinstance(name, str):
        return keys
    if name and name not in calendars:
        known = ", ".join(calendars) or "none"
        raise BadConfiguration(
            f"instruments.{symbol}.calendar is {name!r}; the file of calendars has {known}; "
            '"" is around the clock'
        )
    return {**keys, "calendar": calendars[name] if name else 0}


def _listing(symbol: str, keys: Mapping[str, Any], assets: Mapping[str, int]) -> Listing:
    where = f"instruments.{_text('instruments', symbol)}"
    for key in _FIXED:
        if key not in keys:
            raise BadConfiguration(f"{where}.{key} is missing")
    for side in ("base", "quote"):
        if keys[side] not in assets:
            raise BadConfiguration(f"{where}.{side} is {keys[side]!r}, which is not among [assets]")
    price_decimals = _whole(f"{where}.price_decimals", keys["price_decimals"], _MAX_DECIMALS)
    qty_decimals = _whole(f"{where}.qty_decimals", keys["qty_decimals"], _MAX_DECIMALS)
    decimals = {"price": price_decimals, "qty": qty_decimals, "money": assets[keys["quote"]]}
    terms: dict[InstrumentTerm, int] = {}
    for key, value in keys.items():
        if key not in _NOT_TERMS:
            terms |= _terms(f"{where}.{key}", key, value, decimals)
    return Listing(
        symbol=symbol,
        base=keys["base"],
        quote=keys["quote"],
        price_decimals=price_decimals,
        qty_decimals=qty_decimals,
        ladder_top=_decimal(f"{where}.ladder_top", keys["ladder_top"], price_decimals),
        phase=_name(f"{where}.phase", keys.get("phase", "CONTINUOUS"), SessionPhase),
        terms=terms,
    )


def _terms(
    where: str, key: str, value: Any, decimals: Mapping[str, int]
) -> dict[InstrumentTerm, int]:
    if key in _DECIMALS:
        unit, term = _DECIMALS[key]
        places = decimals[unit] if isinstance(unit, str) else unit
        return {term: _decimal(where, value, places)}
    if key in _OTHERS:
        term, read = _OTHERS[key]
        return {term: read(where, value)}
    if key in _GROUPS:
        terms, read = _GROUPS[key]
        if not isinstance(value, list) or len(value) != len(terms):
            raise BadConfiguration(f"{where} is {value!r}; a list of {len(terms)} is needed")
        return {term: read(where, one) for term, one in zip(terms, value, strict=True)}
    known = ", ".join(sorted([*_NOT_TERMS, *_DECIMALS, *_OTHERS, *_GROUPS]))
    raise BadConfiguration(f"{where} is unknown; known are {known}")


def _decimal(where: str, value: Any, decimals: int) -> int:
    try:
        return units.to_units(str(value), decimals)
    except ValueError as error:
        raise BadConfiguration(
            f"{where} is {value!r}; a decimal number with at most {decimals} decimals is needed"
        ) from error


def _whole(where: str, value: Any, high: int = (1 << 31) - 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= high:
        raise BadConfiguration(f"{where} is {value!r}; a whole number from 0 to {high} is needed")
    return value


def _flag(where: str, value: Any) -> int:
    if not isinstance(value, bool):
        raise BadConfiguration(f"{where} is {value!r}; true or false is needed")
    return int(value)


def _name(where: str, value: Any, names: type[Any]) -> Any:
    if not isinstance(value, str) or value not in names.__members__:
        known = ", ".join(names.__members__)
        raise BadConfiguration(f"{where} is {value!r}; one of {known} is needed")
    return names[value]


def _bits(where: str, value: Any, names: type[Any]) -> int:
    """Read a list of names as bits: 1 << value of plain enums, the flags themselves of flag enums."""
    if not isinstance(value, list):
        raise BadConfiguration(f"{where} is {value!r}; a list of names is needed")
    found = [_name(where, one, names) for one in value]
    return sum({int(one) if names is InstrumentFeature else 1 << int(one) for one in found})


def _text(where: str, value: str) -> str:
    if not value.isascii() or not value.isalnum() or len(value) > TEXT_LIMIT:
        raise BadConfiguration(
            f"{where}.{value}: letters and digits are needed, at most {TEXT_LIMIT}"
        )
    return value


_DECIMALS: dict[str, tuple[str | int, InstrumentTerm]] = {
    "tick_size": ("price", T.TICK_SIZE),
    "min_price": ("price", T.MIN_PRICE),
    "max_price": ("price", T.MAX_PRICE),
    "reference_price": ("price", T.REFERENCE_PRICE),
    "lot_size": ("qty", T.LOT_SIZE),
    "min_qty": ("qty", T.MIN_QTY),
    "max_qty": ("qty", T.MAX_QTY),
    "market_lot_size": ("qty", T.MARKET_LOT_SIZE),
    "market_min_qty": ("qty", T.MARKET_MIN_QTY),
    "market_max_qty": ("qty", T.MARKET_MAX_QTY),
    "max_position": ("qty", T.MAX_POSITION),
    "min_notional": ("money", T.MIN_NOTIONAL),
    "max_notional": ("money", T.MAX_NOTIONAL),
    "maker_fee": (_PPM_DECIMALS, T.MAKER_FEE_PPM),
    "taker_fee": (_PPM_DECIMALS, T.TAKER_FEE_PPM),
    "static_collar": (_BIPS_DECIMALS, T.STATIC_COLLAR),
    "dynamic_collar": (_BIPS_DECIMALS, T.DYNAMIC_COLLAR),
    "volatility_auction_s": (9, T.VOLATILITY_AUCTION_NS),
}
"""Key → unit (or number of decimals) and term."""

_OTHERS: dict[str, tuple[InstrumentTerm, Callable[[str, Any], int]]] = {
    "iceberg_parts": (T.ICEBERG_PARTS, _whole),
    "max_num_orders": (T.MAX_NUM_ORDERS, _whole),
    "max_num_algo_orders": (T.MAX_NUM_ALGO_ORDERS, _whole),
    "max_num_iceberg_orders": (T.MAX_NUM_ICEBERG_ORDERS, _whole),
    "max_num_order_lists": (T.MAX_NUM_ORDER_LISTS, _whole),
    "max_num_order_amends": (T.MAX_NUM_ORDER_AMENDS, _whole),
    "avg_price_mins": (T.AVG_PRICE_MINS, _whole),
    "first_trade_id": (T.FIRST_TRADE_ID, lambda where, value: _whole(where, value, 1 << 52)),
    "calendar": (T.CALENDAR, _whole),
    "apply_min_to_market": (T.APPLY_MIN_TO_MARKET, _flag),
    "apply_max_to_market": (T.APPLY_MAX_TO_MARKET, _flag),
    "halt_cancels": (T.HALT_CANCELS, _flag),
    "default_stp": (T.DEFAULT_STP, lambda where, value: int(_name(where, value, StpMode))),
    "auction_rule": (T.AUCTION_RULE, lambda where, value: int(_name(where, value, AuctionRule))),
    "allowed_stp": (T.ALLOWED_STP, lambda where, value: _bits(where, value, StpMode)),
    "ord_types": (T.ALLOWED_ORD_TYPES, lambda where, value: _bits(where, value, OrdType)),
    "features": (T.FEATURES, lambda where, value: _bits(where, value, InstrumentFeature)),
}
"""Key → term, and how its value is read."""

_GROUPS: dict[str, tuple[tuple[InstrumentTerm, ...], Callable[[str, Any], int]]] = {
    "percent_price": (
        (
            T.BID_MULTIPLIER_UP,
            T.BID_MULTIPLIER_DOWN,
            T.ASK_MULTIPLIER_UP,
            T.ASK_MULTIPLIER_DOWN,
        ),
        lambda where, value: _decimal(where, value, _BIPS_DECIMALS),
    ),
    "trailing_delta": (
        (
            T.MIN_TRAILING_ABOVE,
            T.MAX_TRAILING_ABOVE,
            T.MIN_TRAILING_BELOW,
            T.MAX_TRAILING_BELOW,
        ),
        _whole,
    ),
}
"""Key → the terms that its list sets, and how each value is read."""
