"""Bodies as JSON text and text as WebSocket frames. Each is made once, whoever reads it.

Decimals have 8 places as in all of this dialect; times are milliseconds, or microseconds for
connections that ask for them. The fields come in the order of API section 11.1.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from broadcaster.messages import (
    Aggregate,
    Auction,
    AveragePrice,
    Body,
    BookTicker,
    DepthUpdate,
    Kline,
    Level,
    OrderChange,
    OrdersBegin,
    PartialDepth,
    Phase,
    ServerShutdown,
    Ticker,
    Tickers,
    Trade,
    UserReport,
)
from protocol.names import Instrument
from protocol.tape import AVERAGE_DECIMALS, average_price, change_percent, flat_candle
from protocol.terms import SessionPhase, Side
from protocol.units import to_text
from runtime.websocket import text_frame

MILLISECOND = 1_000_000
MICROSECOND = 1_000
"""Nanoseconds in the unit of time that a connection reads."""
_TICKER_LETTERS = {
    "24hrTicker": "eEspPwxcQbBaAohlvqOCFLn",
    "24hrMiniTicker": "eEscohlvq",
}
_OfInstrument = (
    Trade
    | Aggregate
    | DepthUpdate
    | Kline
    | AveragePrice
    | Phase
    | Auction
    | OrderChange
    | OrdersBegin
)
"""The events of one instrument that say when they were told."""
_SIDES = {int(side): side.name for side in Side}
_WINDOW_LETTERS = "eEspPohlcwvqOCFLn"
"""The fields of each kind of ticker, one letter each, in the dialect's order."""


def text_of(body: Body, unit_ns: int) -> str:
    """Return the payload of a body as JSON text, with times in units of `unit_ns`."""
    return _WRITERS[type(body)](body, unit_ns)


def combined(stream: str, payload: str) -> str:
    """Wrap a payload as combined streams do."""
    return f'{{"stream":"{stream}","data":{payload}}}'


def frame_of(text: str) -> bytes:
    """Return a text as a whole WebSocket frame."""
    return text_frame(text.encode())


def _head(event: str, body: _OfInstrument, unit_ns: int) -> str:
    """Write what messages of an instrument begin with."""
    return f'{{"e":"{event}","E":{body.told_ns // unit_ns},"s":"{body.instrument.symbol}",'


def _trade(body: Trade, unit_ns: int) -> str:
    trade, instrument = body.trade, body.instrument
    return (
        f"{_head('trade', body, unit_ns)}"
        f'"t":{trade.trade_id},"p":"{instrument.price(trade.price)}",'
        f'"q":"{instrument.qty(trade.qty)}","T":{trade.at_ns // unit_ns},'
        f'"m":{_bool(trade.buyer_is_maker)},"M":true}}'
    )


def _aggregate(body: Aggregate, unit_ns: int) -> str:
    trade, instrument = body.trade, body.instrument
    return (
        f"{_head('aggTrade', body, unit_ns)}"
        f'"a":{trade.agg_trade_id},"p":"{instrument.price(trade.price)}",'
        f'"q":"{instrument.qty(trade.qty)}","f":{trade.first_trade_id},"l":{trade.last_trade_id},'
        f'"T":{trade.at_ns // unit_ns},"m":{_bool(trade.buyer_is_maker)},"M":true}}'
    )


def _depth_update(body: DepthUpdate, unit_ns: int) -> str:
    instrument = body.instrument
    return (
        f"{_head('depthUpdate', body, unit_ns)}"
        f'"U":{body.first_id},"u":{body.last_id},'
        f'"b":{_levels(instrument, body.bids)},"a":{_levels(instrument, body.asks)}}}'
    )


def _partial_depth(body: PartialDepth, unit_ns: int) -> str:
    instrument = body.instrument
    return (
        f'{{"lastUpdateId":{body.update_id},'
        f'"bids":{_levels(instrument, body.bids)},"asks":{_levels(instrument, body.asks)}}}'
    )


def _book_ticker(body: BookTicker, unit_ns: int) -> str:
    instrument = body.instrument
    return (
        f'{{"u":{body.update_id},"s":"{instrument.symbol}",'
        f'"b":"{instrument.price(body.bid[0])}","B":"{instrument.qty(body.bid[1])}",'
        f'"a":"{instrument.price(body.ask[0])}","A":"{instrument.qty(body.ask[1])}"}}'
    )


def _kline(body: Kline, unit_ns: int) -> str:
    candle, instrument = body.candle, body.instrument
    price, turnover = instrument.price, instrument.turnover
    return (
        f'{_head("kline", body, unit_ns)}"k":{{'
        f'"t":{candle.open_ns // unit_ns},"T":{body.next_ns // unit_ns - 1},'
        f'"s":"{instrument.symbol}","i":"{body.interval}",'
        f'"f":{candle.first_trade_id},"L":{candle.last_trade_id},'
        f'"o":"{price(candle.open)}","c":"{price(candle.close)}",'
        f'"h":"{price(candle.high)}","l":"{price(candle.low)}",'
        f'"v":"{instrument.qty(candle.qty)}","n":{candle.trade_count},'
        f'"x":{_bool(body.closed)},"q":"{turnover(candle.quote_qty)}",'
        f'"V":"{instrument.qty(candle.taker_buy_qty)}",'
        f'"Q":"{turnover(candle.taker_buy_quote_qty)}","B":"0"}}}}'
    )


def _ticker(body: Ticker, unit_ns: int) -> str:
    return json.dumps(_ticker_fields(body, unit_ns), separators=(",", ":"))


def _tickers(body: Tickers, unit_ns: int) -> str:
    fields = [_ticker_fields(ticker, unit_ns) for ticker in body.tickers]
    return json.dumps(fields, separators=(",", ":"))


def _ticker_fields(body: Ticker, unit_ns: int) -> dict[str, object]:
    """Return the fields of the kind of ticker, in its order; zeros when nothing traded."""
    instrument = body.instrument
    candle = body.candle or flat_candle(body.open_ns, 0)
    last_qty = body.last_qty if body.candle else 0
    opened, average, percent = candle.open, 0, 0
    if body.candle:
        average = average_price(candle.quote_qty, candle.qty, instrument.price_decimals)
        percent = change_percent(opened, candle.close)
    bid, ask = body.best
    every = {
        "e": body.event,
        "E": body.told_ns // unit_ns,
        "s": instrument.symbol,
        "p": instrument.price(candle.close - opened),
        "P": to_text(percent, 3),
        "w": to_text(average, AVERAGE_DECIMALS),
        "x": instrument.price(body.price_before),
        "c": instrument.price(candle.close),
        "Q": instrument.qty(last_qty),
        "b": instrument.price(bid[0]),
        "B": instrument.qty(bid[1]),
        "a": instrument.price(ask[0]),
        "A": instrument.qty(ask[1]),
        "o": instrument.price(opened),
        "h": instrument.price(candle.high),
        "l": instrument.price(candle.low),
        "v": instrument.qty(candle.qty),
        "q": instrument.turnover(candle.quote_qty),
        "O": body.open_ns // unit_ns,
        "C": body.told_ns // unit_ns,
        "F": candle.first_trade_id,
        "L": candle.last_trade_id,
        "n": candle.trade_count,
    }
    return {letter: every[letter] for letter in _TICKER_LETTERS.get(body.event, _WINDOW_LETTERS)}


def _average_price(body: AveragePrice, unit_ns: int) -> str:
    average = average_price(body.quote_qty, body.qty, body.instrument.price_decimals)
    return (
        f"{_head('avgPrice', body, unit_ns)}"
        f'"i":"{body.minutes}m","w":"{to_text(average, AVERAGE_DECIMALS)}",'
        f'"T":{body.last_ns // unit_ns}}}'
    )


def _phase(body: Phase, unit_ns: int) -> str:
    return (
        f"{_head('phase', body, unit_ns)}"
        f'"T":{body.at_ns // unit_ns},"p":"{SessionPhase(body.phase).name}",'
        f'"u":{body.until_ns // unit_ns},"r":"{body.instrument.price(body.reference_price)}"}}'
    )


def _auction(body: Auction, unit_ns: int) -> str:
    instrument = body.instrument
    side = f'"{Side(body.imbalance_side).name}"' if body.imbalance_qty else "null"
    return (
        f"{_head('auction', body, unit_ns)}"
        f'"T":{body.at_ns // unit_ns},"x":"{"UNCROSSED" if body.uncrossed else "INDICATED"}",'
        f'"p":"{instrument.price(body.price)}","q":"{instrument.qty(body.paired_qty)}",'
        f'"i":"{instrument.qty(body.imbalance_qty)}","S":{side}}}'
    )


def _order_change(body: OrderChange, unit_ns: int) -> str:
    instrument = body.instrument
    traded = ""
    if body.last_qty:
        traded = (
            f',"t":{body.trade_id},"L":"{instrument.price(body.last_px)}",'
            f'"l":"{instrument.qty(body.last_qty)}","r":{_bool(body.refreshed)}'
        )
    return (
        f"{_head('order', body, unit_ns)}"
        f'"u":{body.update_id},"T":{body.at_ns // unit_ns},"x":"{body.what}",'
        f'"i":{body.order_id},"S":"{_SIDES[body.side]}",'
        f'"p":"{instrument.price(body.price)}","q":"{instrument.qty(body.qty)}"{traded}}}'
    )


def _orders_begin(body: OrdersBegin, unit_ns: int) -> str:
    return f'{_head("ordersBegin", body, unit_ns)}"u":{body.update_id}}}'


def _user_report(body: UserReport, unit_ns: int) -> str:
    return json.dumps(body.report.told(body.told_ns, unit_ns), separators=(",", ":"))


def _server_shutdown(body: ServerShutdown, unit_ns: int) -> str:
    return f'{{"e":"serverShutdown","E":{body.told_ns // unit_ns}}}'


def _levels(instrument: Instrument, levels: Sequence[Level]) -> str:
    rows = [f'["{instrument.price(price)}","{instrument.qty(qty)}"]' for price, qty in levels]
    return f"[{','.join(rows)}]"


def _bool(value: bool) -> str:
    return "true" if value else "false"


_WRITERS: dict[type, Callable[[Any, int], str]] = {
    Trade: _trade,
    Aggregate: _aggregate,
    DepthUpdate: _depth_update,
    PartialDepth: _partial_depth,
    BookTicker: _book_ticker,
    Kline: _kline,
    Ticker: _ticker,
    Tickers: _tickers,
    AveragePrice: _average_price,
    Phase: _phase,
    Auction: _auction,
    OrderChange: _order_change,
    OrdersBegin: _orders_begin,
    UserReport: _user_report,
    ServerShutdown: _server_shutdown,
}
