"""Candles and the average price (API section 7), out of the candles that the writer keeps.

An answer waits until the books of record hold every event up to now, so the running candle is as
whole as the others. From an instrument's first trade on there is a candle for every stretch; one without
trades is flat at the last price, as the streams tell it.
"""

from typing import Any

from ingress import candle_queries
from ingress.door import Asked, Door
from ingress.market import ROWS_DEFAULT, reach_market
from ingress.present import Told
from ingress.views import PLACES, Instrument
from protocol.intervals import MINUTE_NS, Interval
from protocol.tape import Candle, average_price, flat_candle, window_open_ns
from protocol.units import to_text

AVERAGE_MINUTES = 5


async def klines(door: Door, asked: Asked) -> list[list[Any]]:
    """GET /api/v3/klines and /api/v3/uiKlines."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    interval, offset_ns = values["interval"], values.get("timeZone", 0)
    await reach_market(door)
    table = candle_queries.table_of(interval, offset_ns)
    first = await door.pool.fetch(*candle_queries.first_open(table, instrument.number))
    if not first:
        return []
    opens = opens_asked(
        interval,
        offset_ns,
        start_ns=max(values.get("startTime", 0), interval.open_ns(first[0][0], offset_ns)),
        end_ns=min(values.get("endTime", asked.now_ns), asked.now_ns),
        limit=values.get("limit", ROWS_DEFAULT),
        newest="startTime" not in values,
    )
    if not opens:
        return []
    edges = [*opens, interval.next_ns(opens[-1], offset_ns)]
    rows = await door.pool.fetch(*candle_queries.candles(table, instrument.number, edges))
    made = {opens[row[0]]: candle_queries.candle(opens[row[0]], row[1:]) for row in rows}
    price = 0 if opens[0] in made else await _price_before(door, instrument, opens[0])
    told = []
    for open_ns, next_ns in zip(opens, edges[1:], strict=True):
        one = made.get(open_ns) or flat_candle(open_ns, price)
        price = one.close
        told.append(_kline(one, next_ns, instrument, asked.teller.unit_ns))
    return told


def opens_asked(
    interval: Interval, offset_ns: int, *, start_ns: int, end_ns: int, limit: int, newest: bool
) -> list[int]:
    """Return when the candles open that are asked for, in order. Cost: one step a candle.

    They open between two times, both included; of too many the newest or the oldest.
    """
    if start_ns > end_ns:
        return []
    if newest:
        open_ns = interval.open_ns(end_ns, offset_ns)
        found: list[int] = []
        while open_ns >= start_ns and len(found) < limit:
            found.append(open_ns)
            open_ns = interval.open_ns(open_ns - 1, offset_ns)
        return found[::-1]
    open_ns = interval.open_ns(start_ns, offset_ns)
    if open_ns < start_ns:
        open_ns = interval.next_ns(open_ns, offset_ns)
    found = []
    while open_ns <= end_ns and len(found) < limit:
        found.append(open_ns)
        open_ns = interval.next_ns(open_ns, offset_ns)
    return found


async def _price_before(door: Door, instrument: Instrument, open_ns: int) -> int:
    rows = await door.pool.fetch(*candle_queries.prices_before([instrument.number], open_ns))
    return rows[0][1] or 0


def _kline(one: Candle, next_ns: int, instrument: Instrument, unit_ns: int) -> list[Any]:
    price, qty = instrument.price, instrument.qty
    return [
        one.open_ns // unit_ns,
        price(one.open),
        price(one.high),
        price(one.low),
        price(one.close),
        qty(one.qty),
        next_ns // unit_ns - 1,
        instrument.turnover(one.quote_qty),
        one.trade_count,
        qty(one.taker_buy_qty),
        instrument.turnover(one.taker_buy_quote_qty),
        "0",
    ]


async def avg_price(door: Door, asked: Asked) -> Told:
    """GET /api/v3/avgPrice: the last five minutes, without trades in them the last price."""
    instrument = door.views.instrument(asked.values["symbol"])
    await reach_market(door)
    open_ns = window_open_ns(asked.now_ns, AVERAGE_MINUTES * MINUTE_NS)
    rows = await door.pool.fetch(*candle_queries.windows([instrument.number], open_ns))
    state = door.views.state(instrument)
    average = average_price(state.last_px, 1, instrument.price_decimals)
    if rows:
        window = candle_queries.candle(open_ns, rows[0][1:])
        average = average_price(window.quote_qty, window.qty, instrument.price_decimals)
    return {
        "mins": AVERAGE_MINUTES,
        "price": to_text(average, PLACES),
        "closeTime": state.last_trade_ns // asked.teller.unit_ns,
    }
