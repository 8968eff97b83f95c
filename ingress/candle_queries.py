# ruff: noqa: S608 - statements are made of this file's own words; values are always parameters.
"""What is asked of the candles that the writer keeps (`klines_1s`, `klines_1m`, `klines_1h`).

The database only adds up parts: where candles begin is `protocol/intervals.py`'s to say, so the edges come as
an array and `width_bucket` finds the place of a part among them. Rows are read by `candle`.
"""

from collections.abc import Sequence
from typing import Any

from protocol.intervals import HOUR_NS, SECOND_NS, Interval
from protocol.tape import Candle

Row = tuple[Any, ...]
_PARTS = (
    "(array_agg(open order by open_ns))[1], max(high), min(low), "
    "(array_agg(close order by open_ns desc))[1], sum(qty), sum(quote_qty), sum(taker_buy_qty), "
    "sum(taker_buy_quote_qty), sum(trade_count)::bigint, min(first_trade_id), max(last_trade_id)"
)


def table_of(interval: Interval, offset_ns: int) -> str:
    """Return the widest candles that candles of an interval in a time zone are made of."""
    if interval.width_ns == SECOND_NS:
        return "klines_1s"
    hours = not interval.width_ns or interval.width_ns >= HOUR_NS
    return "klines_1h" if hours and offset_ns % HOUR_NS == 0 else "klines_1m"


def first_open(table: str, instrument: int) -> tuple[str, list[Any]]:
    """When the first candle opens."""
    return (
        f"select open_ns from {table} where instrument = %s order by open_ns limit 1",
        [instrument],
    )


def candles(table: str, instrument: int, edges: Sequence[int]) -> tuple[str, list[Any]]:
    """Candles with trades between edges: place of the edge that one opens at, and its parts.

    Cost: one step a part.
    """
    statement = (
        f"select width_bucket(open_ns, %s::bigint[]) - 1 as place, {_PARTS} from {table} "
        "where instrument = %s and open_ns >= %s and open_ns < %s group by place order by place"
    )
    return statement, [list(edges), instrument, edges[0], edges[-1]]


def windows(instruments: Sequence[int], open_ns: int) -> tuple[str, list[Any]]:
    """Everything since a time, by instrument: minutes up to the next full hour, then hours.

    Cost: at most 60 steps and one an hour for each instrument.
    """
    hour_ns = -(-open_ns // HOUR_NS) * HOUR_NS
    statement = (
        f"select instrument, {_PARTS} from ("
        "select * from klines_1m where instrument = any(%s::smallint[]) and open_ns >= %s and open_ns < %s "
        "union all select * from klines_1h where instrument = any(%s::smallint[]) and open_ns >= %s"
        ") as parts group by instrument"
    )
    numbers = list(instruments)
    return statement, [numbers, open_ns, hour_ns, numbers, hour_ns]


def prices_before(instruments: Sequence[int], open_ns: int) -> tuple[str, list[Any]]:
    """The last price before a time that begins a second, by instrument; null when there was none."""
    statement = (
        "select asked, (select close from klines_1s where instrument = asked and open_ns < %s "
        "order by open_ns desc limit 1) from unnest(%s::smallint[]) as asked"
    )
    return statement, [open_ns, list(instruments)]


def candle(open_ns: int, parts: Row) -> Candle:
    """Read the columns of added-up parts; sums come as decimals."""
    return Candle(open_ns, *map(int, parts))
