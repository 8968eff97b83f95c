"""What trades add up to: aggregated trades, candles, rolling statistics, averages. Pure arithmetic.

Prices and quantities are int64 in the instrument's decimals; a quote quantity is a sum of
price × quantity, in price decimals + quantity decimals. Sums are Python integers and cannot
overflow. Times are nanoseconds since 1970. The text forms are somebody else's file.
"""

from collections.abc import Iterable
from functools import reduce
from typing import NamedTuple

from protocol.intervals import MINUTE_NS

AVERAGE_DECIMALS = 8
"""Decimals of `average_price`: all that clients see."""
_AVERAGE_SCALE = 10**8


class PublicTrade(NamedTuple):
    """One trade as the public sees it: the maker's side of a TRADE event, without names."""

    trade_id: int
    agg_trade_id: int
    price: int
    qty: int
    at_ns: int
    buyer_is_maker: bool
    """True when the resting order was the BUY: the aggressor sold."""


class AggTrade(NamedTuple):
    """Consecutive fills of one taker at one price in one command (rule D-2)."""

    agg_trade_id: int
    price: int
    qty: int
    first_trade_id: int
    last_trade_id: int
    at_ns: int
    buyer_is_maker: bool

    def joined(self, trade: PublicTrade) -> "AggTrade | None":
        """Return this with one more fill in it, None when the fill starts another record."""
        if trade.agg_trade_id != self.agg_trade_id:
            return None
        return self._replace(qty=self.qty + trade.qty, last_trade_id=trade.trade_id)


def agg_trade_of(trade: PublicTrade) -> AggTrade:
    """Start an aggregated trade with its first fill."""
    return AggTrade(
        agg_trade_id=trade.agg_trade_id,
        price=trade.price,
        qty=trade.qty,
        first_trade_id=trade.trade_id,
        last_trade_id=trade.trade_id,
        at_ns=trade.at_ns,
        buyer_is_maker=trade.buyer_is_maker,
    )


class Candle(NamedTuple):
    """The trades of a stretch of time that begins at `open_ns`; fields as in the klines tables."""

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

    def joined(self, later: "Candle") -> "Candle":
        """Return this and a later one as one candle."""
        return Candle(
            open_ns=self.open_ns,
            open=self.open,
            high=max(self.high, later.high),
            low=min(self.low, later.low),
            close=later.close,
            qty=self.qty + later.qty,
            quote_qty=self.quote_qty + later.quote_qty,
            taker_buy_qty=self.taker_buy_qty + later.taker_buy_qty,
            taker_buy_quote_qty=self.taker_buy_quote_qty + later.taker_buy_quote_qty,
            trade_count=self.trade_count + later.trade_count,
            first_trade_id=self.first_trade_id,
            last_trade_id=later.last_trade_id,
        )


def candle_of(trade: AggTrade, open_ns: int) -> Candle:
    """Start a candle with one aggregated trade."""
    quote_qty = trade.price * trade.qty
    bought = not trade.buyer_is_maker
    return Candle(
        open_ns=open_ns,
        open=trade.price,
        high=trade.price,
        low=trade.price,
        close=trade.price,
        qty=trade.qty,
        quote_qty=quote_qty,
        taker_buy_qty=trade.qty if bought else 0,
        taker_buy_quote_qty=quote_qty if bought else 0,
        trade_count=trade.last_trade_id - trade.first_trade_id + 1,
        first_trade_id=trade.first_trade_id,
        last_trade_id=trade.last_trade_id,
    )


def flat_candle(open_ns: int, price: int) -> Candle:
    """Return the candle of a stretch without trades, after a trade at `price`."""
    return Candle(open_ns, price, price, price, price, 0, 0, 0, 0, 0, -1, -1)


def rolled_up(candles: Iterable[Candle], open_ns: int) -> Candle | None:
    """Return candles with trades, oldest first, as one that opens at `open_ns`; None of none."""
    parts = list(candles)
    if not parts:
        return None
    return reduce(Candle.joined, parts)._replace(open_ns=open_ns)


def window_open_ns(now_ns: int, width_ns: int) -> int:
    """Return when a rolling window opens: on a minute, so that it may be up to a minute wider."""
    return now_ns - now_ns % MINUTE_NS - width_ns


def average_price(quote_qty: int, qty: int, price_decimals: int) -> int:
    """Return quote quantity ÷ quantity with AVERAGE_DECIMALS decimals, rounded down; `qty` is not 0."""
    return quote_qty * _AVERAGE_SCALE // (qty * int(10**price_decimals))


def change_percent(opened: int, closed: int) -> int:
    """Return the change from one price to another in 1/1,000 of a percent, halves away from 0."""
    change = (closed - opened) * 100_000
    rounded = (2 * abs(change) + opened) // (2 * opened)
    return rounded if change >= 0 else -rounded
