"""What the streams say, before it is text: one class per kind of message (API section 11.1).

A body carries integers and the instrument that gives them their decimals. `told_ns` is the event
time E: when the exchange says it, never before the thing happened.
"""

from collections.abc import Sequence
from typing import NamedTuple

from protocol.names import Instrument
from protocol.tape import AggTrade, Candle, PublicTrade
from protocol.user_reports import Report

Level = tuple[int, int]
"""Price and quantity of one price level; quantity 0: the level is gone."""


class Trade(NamedTuple):
    """`<symbol>@trade`."""

    instrument: Instrument
    trade: PublicTrade
    told_ns: int


class Aggregate(NamedTuple):
    """`<symbol>@aggTrade`."""

    instrument: Instrument
    trade: AggTrade
    told_ns: int


class DepthUpdate(NamedTuple):
    """`<symbol>@depth`: the changes `first_id` … `last_id`, the last quantity of each level."""

    instrument: Instrument
    first_id: int
    last_id: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    told_ns: int


class PartialDepth(NamedTuple):
    """`<symbol>@depth5` and the like: the best levels of a book as of `update_id`."""

    instrument: Instrument
    update_id: int
    bids: Sequence[Level]
    asks: Sequence[Level]


class BookTicker(NamedTuple):
    """`<symbol>@bookTicker`; (0, 0) stands for an empty side."""

    instrument: Instrument
    update_id: int
    bid: Level
    ask: Level


class ServerShutdown(NamedTuple):
    """Told to everybody before a graceful stop."""

    told_ns: int


class Kline(NamedTuple):
    """`<symbol>@kline_<interval>`; `closed` on the last message of a candle."""

    instrument: Instrument
    interval: str
    next_ns: int
    candle: Candle
    closed: bool
    told_ns: int


class Ticker(NamedTuple):
    """`<symbol>@ticker`, `@ticker_<window>` and `@miniTicker`, by `event`; no candle: no trade in the window.

    `best` is the best bid and ask for the kind that tells it.
    """

    event: str
    instrument: Instrument
    candle: Candle | None
    price_before: int
    last_qty: int
    best: tuple[Level, Level]
    open_ns: int
    told_ns: int


class AveragePrice(NamedTuple):
    """`<symbol>@avgPrice`: quote quantity and quantity of the last minutes, and the last trade's time."""

    instrument: Instrument
    minutes: int
    quote_qty: int
    qty: int
    last_ns: int
    told_ns: int


class Tickers(NamedTuple):
    """`!ticker@arr` and the like: the tickers that changed."""

    tickers: Sequence[Ticker]


class Phase(NamedTuple):
    """`<symbol>@phase`: the session phase, the reference price, and when it ends (0: not planned)."""

    instrument: Instrument
    phase: int
    reference_price: int
    at_ns: int
    until_ns: int
    told_ns: int


class Auction(NamedTuple):
    """`<symbol>@auction`: what an uncross would do now, or did (`uncrossed`); price 0: nothing."""

    instrument: Instrument
    price: int
    paired_qty: int
    imbalance_qty: int
    imbalance_side: int
    uncrossed: bool
    at_ns: int
    told_ns: int


class OrderChange(NamedTuple):
    """`<symbol>@orders`: one order in the book changed. `qty` is what it shows now, 0: it is gone.

    `what`: ADD, TRADE, REDUCE or REMOVE. After a TRADE an iceberg that was `refreshed` stands at the back.
    """

    instrument: Instrument
    update_id: int
    what: str
    order_id: int
    side: int
    price: int
    qty: int
    last_px: int
    last_qty: int
    trade_id: int
    refreshed: bool
    at_ns: int
    told_ns: int


class OrdersBegin(NamedTuple):
    """`<symbol>@orders`: every change after `update_id` follows."""

    instrument: Instrument
    update_id: int
    told_ns: int


class UserReport(NamedTuple):
    """What one account is told on its listen key."""

    report: Report
    told_ns: int


Body = (
    Trade
    | Aggregate
    | DepthUpdate
    | PartialDepth
    | BookTicker
    | Kline
    | Ticker
    | AveragePrice
    | Tickers
    | Phase
    | Auction
    | OrderChange
    | OrdersBegin
    | UserReport
    | ServerShutdown
)


class Message(NamedTuple):
    """One body and the stream it goes to, by its plain name."""

    stream: str
    body: Body
