"""Candles: what the trades of a batch add to the minutes and hours they fall into. Pure.

The store adds these parts to the rows already there, in the transaction that writes the trades, so
a trade is in its candles exactly once. Sums are Python integers: a turnover may pass 63 bits.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from protocol.layout import Rows
from protocol.terms import Side

_HALF = 32
_LOW = (1 << _HALF) - 1


class Candle(NamedTuple):
    """The part of one candle; the fields are the columns of the klines tables."""

    instrument: int
    open_ns: int
    open: int
    high: int
    low: int
    close: int
    qty: int
    quote_qty: int
    taker_buy_qty: int
    taker_buy_quote_qty: int
    trade_count: int
    first_trade_id: int
    last_trade_id: int


def candles(trades: Rows, width_ns: int) -> list[Candle]:
    """Return the parts of all candles that these TRADES rows touch, by instrument and time.

    `trades` are in the order in which they were made.
    """
    if not len(trades):
        return []
    opens = trades["at_ns"] - trades["at_ns"] % width_ns
    order = np.lexsort((opens, trades["instrument"]))
    trades, opens = trades[order], opens[order]
    starts = np.flatnonzero(
        np.r_[True, (opens[1:] != opens[:-1]) | (np.diff(trades["instrument"]) != 0)]
    )
    ends = np.r_[starts[1:], len(trades)] - 1
    price, qty = trades["price"], trades["qty"]
    quote = price * qty
    bought = trades["side"] == Side.BUY
    columns = (
        trades["instrument"][starts].tolist(),
        opens[starts].tolist(),
        price[starts].tolist(),
        np.maximum.reduceat(price, starts).tolist(),
        np.minimum.reduceat(price, starts).tolist(),
        price[ends].tolist(),
        _sums(qty, starts),
        _sums(quote, starts),
        _sums(np.where(bought, qty, 0), starts),
        _sums(np.where(bought, quote, 0), starts),
        (ends - starts + 1).tolist(),
        trades["trade_id"][starts].tolist(),
        trades["trade_id"][ends].tolist(),
    )
    return [Candle(*values) for values in zip(*columns, strict=True)]


def _sums(values: npt.NDArray[np.int64], starts: npt.NDArray[np.intp]) -> list[int]:
    # Summed in two halves, so that no sum can pass 63 bits.
    high = np.add.reduceat(values >> _HALF, starts).tolist()
    low = np.add.reduceat(values & _LOW, starts).tolist()
    return [(h << _HALF) + part for h, part in zip(high, low, strict=True)]
