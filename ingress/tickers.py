"""Tickers: last prices, best bids and asks, and the statistics of a window (API section 7).

Statistics are added up from candles, the rest is read from shared memory. A rolling window opens where the
streams let it open: `protocol.tape.window_open_ns`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingress import candle_queries, errors
from ingress.door import Asked, Door
from ingress.market import check_status, reach_market, status_of
from ingress.market_requests import MINI
from ingress.present import Told
from ingress.views import Instrument
from protocol.intervals import DAY_NS, INTERVALS
from protocol.tape import (
    AVERAGE_DECIMALS,
    Candle,
    average_price,
    change_percent,
    flat_candle,
    window_open_ns,
)
from protocol.units import to_text

_PERCENT_DECIMALS = 3


@dataclass(frozen=True)
class Window:
    """The stretch of a ticker: from which minute trades count, and which times are told of it."""

    since_ns: int
    open_ns: int
    close_ns: int


async def day(door: Door, asked: Asked) -> Any:
    """GET /api/v3/ticker/24hr."""
    now_ns = asked.now_ns
    window = Window(window_open_ns(now_ns, DAY_NS), now_ns - DAY_NS, now_ns)
    shown = _shown(door, asked)
    candles = await _candles(door, shown, window)
    if asked.values.get("type") == MINI:
        told = [_mini(one, candles[one.number], window, asked) for one in shown]
        return _one_or_all(asked, told)
    before: dict[int, int | None] = dict(
        await door.pool.fetch(
            *candle_queries.prices_before([one.number for one in shown], window.since_ns)
        )
    )
    told = [
        _full(one, candles[one.number], window, asked)
        | _now(door, one, before.get(one.number) or 0, traded=bool(candles[one.number].trade_count))
        for one in shown
    ]
    return _one_or_all(asked, told)


async def rolling(door: Door, asked: Asked) -> Any:
    """GET /api/v3/ticker: a window of any size."""
    since_ns = window_open_ns(asked.now_ns, asked.values.get("windowSize", DAY_NS))
    return await _statistics(door, asked, Window(since_ns, since_ns, asked.now_ns))


async def trading_day(door: Door, asked: Asked) -> Any:
    """GET /api/v3/ticker/tradingDay: the day that runs now in a time zone."""
    open_ns = INTERVALS["1d"].open_ns(asked.now_ns, asked.values.get("timeZone", 0))
    last_ns = open_ns + DAY_NS - asked.teller.unit_ns
    return await _statistics(door, asked, Window(open_ns, open_ns, last_ns))


async def price(door: Door, asked: Asked) -> Any:
    """GET /api/v3/ticker/price."""
    told = [
        {"symbol": one.symbol, "price": one.price(door.views.state(one).last_px)}
        for one in _shown(door, asked)
    ]
    return _one_or_all(asked, told)


async def book(door: Door, asked: Asked) -> Any:
    """GET /api/v3/ticker/bookTicker."""
    told = [{"symbol": one.symbol, **_best(door, one)} for one in _shown(door, asked)]
    return _one_or_all(asked, told)


async def _statistics(door: Door, asked: Asked, window: Window) -> Any:
    if "symbol" not in asked.values and "symbols" not in asked.values:
        raise errors.one_of_two("symbol", "symbols")
    shown = _shown(door, asked)
    candles = await _candles(door, shown, window)
    write = _mini if asked.values.get("type") == MINI else _full
    return _one_or_all(asked, [write(one, candles[one.number], window, asked) for one in shown])


def _shown(door: Door, asked: Asked) -> Sequence[Instrument]:
    """Return the instruments asked for; `symbolStatus` must fit one, and chooses among several."""
    values = asked.values
    status = values.get("symbolStatus")
    if "symbol" in values:
        if "symbols" in values:
            raise errors.Refused(*errors.BAD_COMBINATION)
        one = door.views.instrument(values["symbol"])
        check_status(door, one, status)
        return [one]
    if "symbols" in values:
        many = [door.views.instrument(symbol) for symbol in values["symbols"]]
    else:
        many = door.views.instruments()
    return [one for one in many if status in (None, status_of(door, one))]


def _one_or_all(asked: Asked, told: list[Told]) -> Any:
    return told[0] if "symbol" in asked.values else told


async def _candles(door: Door, shown: Sequence[Instrument], window: Window) -> dict[int, Candle]:
    """Return what traded in a window, by instrument; all zeros, ids -1, where nothing did."""
    await reach_market(door)
    found = {one.number: flat_candle(window.since_ns, 0) for one in shown}
    rows = await door.pool.fetch(*candle_queries.windows(list(found), window.since_ns))
    for number, *parts in rows:
        found[number] = candle_queries.candle(window.since_ns, tuple(parts))
    return found


def _full(instrument: Instrument, one: Candle, window: Window, asked: Asked) -> Told:
    average = percent = 0
    if one.trade_count:
        average = average_price(one.quote_qty, one.qty, instrument.price_decimals)
        percent = change_percent(one.open, one.close)
    return {
        "symbol": instrument.symbol,
        "priceChange": instrument.price(one.close - one.open),
        "priceChangePercent": to_text(percent, _PERCENT_DECIMALS),
        "weightedAvgPrice": to_text(average, AVERAGE_DECIMALS),
        **_mini(instrument, one, window, asked),
    }


def _mini(instrument: Instrument, one: Candle, window: Window, asked: Asked) -> Told:
    unit_ns = asked.teller.unit_ns
    return {
        "symbol": instrument.symbol,
        "openPrice": instrument.price(one.open),
        "highPrice": instrument.price(one.high),
        "lowPrice": instrument.price(one.low),
        "lastPrice": instrument.price(one.close),
        "volume": instrument.qty(one.qty),
        "quoteVolume": instrument.turnover(one.quote_qty),
        "openTime": window.open_ns // unit_ns,
        "closeTime": window.close_ns // unit_ns,
        "firstId": one.first_trade_id,
        "lastId": one.last_trade_id,
        "count": one.trade_count,
    }


def _now(door: Door, instrument: Instrument, before: int, *, traded: bool) -> Told:
    last_qty = door.views.state(instrument).last_qty if traded else 0
    return {
        "prevClosePrice": instrument.price(before),
        "lastQty": instrument.qty(last_qty),
        **_best(door, instrument),
    }


def _best(door: Door, instrument: Instrument) -> Told:
    view = door.views.depth(instrument)
    told = {}
    for side, levels in (("bid", view.bids), ("ask", view.asks)):
        level_price, qty = (
            (int(levels[0]["price"]), int(levels[0]["qty"])) if len(levels) else (0, 0)
        )
        told[f"{side}Price"] = instrument.price(level_price)
        told[f"{side}Qty"] = instrument.qty(qty)
    return told
