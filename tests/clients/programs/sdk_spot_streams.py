"""binance-sdk-spot: its stream client, with a typed model of every message."""

import asyncio
from typing import Any

from binance_common.configuration import ConfigurationWebSocketStreams
from binance_sdk_spot.spot import Spot
from cases import WS, case, run

SYMBOL = "btcusdt"


async def heard(method: str, *args: Any, **fields: Any) -> Any:
    """Return the first message of a stream as its model."""
    configuration = ConfigurationWebSocketStreams(stream_url=WS)
    streams = Spot(config_ws_streams=configuration).websocket_streams
    await streams.create_connection()
    try:
        told: asyncio.Queue[Any] = asyncio.Queue()
        handle = await getattr(streams, method)(*args, **fields)
        handle.on("message", told.put_nowait)
        return await asyncio.wait_for(told.get(), 40)
    finally:
        await streams.close_connection(close_session=True)


@case
async def trades_are_typed() -> None:
    trade = await heard("trade", symbol=SYMBOL)
    assert (trade.e, trade.s) == ("trade", SYMBOL.upper())
    assert trade.t > 0
    assert float(trade.p) > 0
    aggregate = await heard("agg_trade", symbol=SYMBOL)
    assert aggregate.f <= aggregate.l


@case
async def candles_are_typed() -> None:
    told = await heard("kline", symbol=SYMBOL, interval="1m")
    assert told.k.i == "1m"
    told = await heard("kline_offset", symbol=SYMBOL, interval="1d")
    assert told.k.i == "1d"


@case
async def tickers_are_typed() -> None:
    assert (await heard("ticker", symbol=SYMBOL)).s == SYMBOL.upper()
    assert (await heard("mini_ticker", symbol=SYMBOL)).e == "24hrMiniTicker"
    assert (await heard("rolling_window_ticker", symbol=SYMBOL, window_size="1h")).e == "1hTicker"
    assert (await heard("avg_price", symbol=SYMBOL)).i == "5m"


@case
async def books_are_typed() -> None:
    best = await heard("book_ticker", symbol=SYMBOL)
    assert best.u > 0
    told = await heard("partial_book_depth", symbol=SYMBOL, levels="5")
    assert len(told.bids) <= 5
    told = await heard("diff_book_depth", symbol=SYMBOL, update_speed="100ms")
    assert told.u >= told.U


run()
