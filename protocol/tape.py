"""What trades add up to: aggregated trades, candles, rolling tickers, averages. Pure arithmetic.

Prices and quantities are int64 in the instrument's decimals; a quote volume is the sum of
price × quantity, in price decimals + quantity decimals. Sums are Python integers and cannot
overflow. Times are nanoseconds since 1970. The text forms are somebody else's file.
"""

from typing import NamedTuple


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
