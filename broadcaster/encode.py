"""Bodies as JSON text and text as WebSocket frames. Each is made once, whoever reads it.

Decimals have 8 places as in all of this dialect; times are milliseconds, or microseconds for
connections that ask for them. The fields come in the order of API section 11.1.
"""

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

from broadcaster.messages import (
    Aggregate,
    Body,
    BookTicker,
    DepthUpdate,
    Level,
    PartialDepth,
    ServerShutdown,
    Trade,
    UserReport,
)
from protocol.names import Instrument

MILLISECOND = 1_000_000
MICROSECOND = 1_000
"""Nanoseconds in the unit of time that a connection reads."""


def text_of(body: Body, unit_ns: int) -> str:
    """Return the payload of a body as JSON text, with times in units of `unit_ns`."""
    return _WRITERS[type(body)](body, unit_ns)


def combined(stream: str, payload: str) -> str:
    """Wrap a payload as combined streams do."""
    return f'{{"stream":"{stream}","data":{payload}}}'


def frame_of(text: str) -> bytes:
    """Return a whole, unmasked WebSocket text frame (RFC 6455 section 5.2)."""
    payload = text.encode()
    size = len(payload)
    if size < 126:
        return b"\x81" + bytes((size,)) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


def _trade(body: Trade, unit_ns: int) -> str:
    trade, instrument = body.trade, body.instrument
    return (
        f'{{"e":"trade","E":{body.told_ns // unit_ns},"s":"{instrument.symbol}",'
        f'"t":{trade.trade_id},"p":"{instrument.price(trade.price)}",'
        f'"q":"{instrument.qty(trade.qty)}","T":{trade.at_ns // unit_ns},'
        f'"m":{_bool(trade.buyer_is_maker)},"M":true}}'
    )


def _aggregate(body: Aggregate, unit_ns: int) -> str:
    trade, instrument = body.trade, body.instrument
    return (
        f'{{"e":"aggTrade","E":{body.told_ns // unit_ns},"s":"{instrument.symbol}",'
        f'"a":{trade.agg_trade_id},"p":"{instrument.price(trade.price)}",'
        f'"q":"{instrument.qty(trade.qty)}","f":{trade.first_trade_id},"l":{trade.last_trade_id},'
        f'"T":{trade.at_ns // unit_ns},"m":{_bool(trade.buyer_is_maker)},"M":true}}'
    )


def _depth_update(body: DepthUpdate, unit_ns: int) -> str:
    instrument = body.instrument
    return (
        f'{{"e":"depthUpdate","E":{body.told_ns // unit_ns},"s":"{instrument.symbol}",'
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
    UserReport: _user_report,
    ServerShutdown: _server_shutdown,
}
