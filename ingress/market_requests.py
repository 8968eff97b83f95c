"""Requests for candles, tickers and averages, each declared once (API section 7; weights: 3)."""

import re
from collections.abc import Mapping
from typing import Any

from ingress import errors
from ingress.params import Kind, Request, Security, may, need, symbol, symbols, time, words
from ingress.requests import rows, status
from protocol.intervals import DAY_NS, HOUR_NS, INTERVALS, MINUTE_NS

FULL, MINI = "FULL", "MINI"
_WINDOW = re.compile(r"([1-9][0-9]?)([mhd])")
_WINDOW_UNITS = {"m": (MINUTE_NS, 59), "h": (HOUR_NS, 23), "d": (DAY_NS, 7)}
_ZONE = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-5][0-9]))?")
_ZONES_NS = (-12 * HOUR_NS, 14 * HOUR_NS)
_SYMBOLS_IN_HEADER = 20
_SYMBOLS_LIMIT = 100


def _read_window(name: str, text: str) -> int:
    found = _WINDOW.fullmatch(text)
    if found is None:
        raise errors.not_valid(name)
    unit_ns, most = _WINDOW_UNITS[found[2]]
    if int(found[1]) > most:
        raise errors.not_valid(name)
    return int(found[1]) * unit_ns


def _read_zone(name: str, text: str) -> int:
    found = _ZONE.fullmatch(text)
    if found is None:
        raise errors.not_valid(name)
    offset_ns = int(found[2]) * HOUR_NS + int(found[3] or 0) * MINUTE_NS
    offset_ns = -offset_ns if found[1] == "-" else offset_ns
    if not _ZONES_NS[0] <= offset_ns <= _ZONES_NS[1]:
        raise errors.not_valid(name)
    return offset_ns


_interval = words(INTERVALS, errors.Refused(-1120, "Invalid interval."))
_window = Kind(_read_window, {"type": "string", "pattern": "^[1-9][0-9]?[mhd]$"})
_zone = Kind(_read_zone, {"type": "string", "pattern": r"^[+-]?[0-9]{1,2}(:[0-5][0-9])?$"})
_shape = words({FULL: FULL, MINI: MINI}, errors.Refused(-1139, "Invalid ticker type."))
_one_or_many = (may("symbol", symbol), may("symbols", symbols))


def _count(values: Mapping[str, Any]) -> int:
    """Return how many instruments are asked for; 0 stands for all."""
    return 1 if "symbol" in values else len(values.get("symbols", ()))


def _day_weight(values: Mapping[str, Any]) -> int:
    count = _count(values)
    if not count or count > _SYMBOLS_LIMIT:
        return 80
    return 2 if count <= _SYMBOLS_IN_HEADER else 40


def _each_weight(values: Mapping[str, Any]) -> int:
    return min(4 * max(1, _count(values)), 200)


def _top_weight(values: Mapping[str, Any]) -> int:
    return 2 if "symbol" in values else 4


_KLINES = (
    need("symbol", symbol),
    need("interval", _interval),
    may("startTime", time),
    may("endTime", time),
    may("timeZone", _zone),
    may("limit", rows),
)
KLINES = Request("klines", "GET", "/api/v3/klines", Security.NONE, weight=2, params=_KLINES)
UI_KLINES = Request("uiKlines", "GET", "/api/v3/uiKlines", Security.NONE, weight=2, params=_KLINES)
AVG_PRICE = Request(
    "avgPrice",
    "GET",
    "/api/v3/avgPrice",
    Security.NONE,
    weight=2,
    params=(need("symbol", symbol),),
)
TICKER_24HR = Request(
    "ticker.24hr",
    "GET",
    "/api/v3/ticker/24hr",
    Security.NONE,
    weight=_day_weight,
    params=(*_one_or_many, may("type", _shape), may("symbolStatus", status)),
)
TRADING_DAY = Request(
    "ticker.tradingDay",
    "GET",
    "/api/v3/ticker/tradingDay",
    Security.NONE,
    weight=_each_weight,
    params=(
        *_one_or_many,
        may("timeZone", _zone),
        may("type", _shape),
        may("symbolStatus", status),
    ),
)
TICKER = Request(
    "ticker",
    "GET",
    "/api/v3/ticker",
    Security.NONE,
    weight=_each_weight,
    params=(
        *_one_or_many,
        may("windowSize", _window),
        may("type", _shape),
        may("symbolStatus", status),
    ),
)
TICKER_PRICE = Request(
    "ticker.price",
    "GET",
    "/api/v3/ticker/price",
    Security.NONE,
    weight=_top_weight,
    params=(*_one_or_many, may("symbolStatus", status)),
)
BOOK_TICKER = Request(
    "ticker.book",
    "GET",
    "/api/v3/ticker/bookTicker",
    Security.NONE,
    weight=_top_weight,
    params=(*_one_or_many, may("symbolStatus", status)),
)
SESSION = Request(
    "session.phase",
    "GET",
    "/api/v3/session",
    Security.NONE,
    weight=2,
    params=(may("symbol", symbol),),
)
L3 = Request(
    "depth.orders",
    "GET",
    "/api/v3/l3",
    Security.NONE,
    weight=250,
    params=(need("symbol", symbol),),
)
ALL = (
    KLINES,
    UI_KLINES,
    AVG_PRICE,
    TICKER_24HR,
    TRADING_DAY,
    TICKER,
    TICKER_PRICE,
    BOOK_TICKER,
    SESSION,
    L3,
)
