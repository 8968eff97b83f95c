"""python-binance: its socket manager and its depth cache, over the streams."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from binance import AsyncClient, BinanceSocketManager, DepthCacheManager
from cases import MINE, REST, WS, case, run

AsyncClient.API_URL = f"{REST}/api"
BinanceSocketManager.STREAM_URL = f"{WS}/"
SYMBOL = "BTCUSDT"
Sockets = BinanceSocketManager


@asynccontextmanager
async def sockets() -> AsyncIterator[tuple[AsyncClient, BinanceSocketManager]]:
    client = AsyncClient(MINE["api_key"], MINE["secret"])
    try:
        yield client, BinanceSocketManager(client)
    finally:
        await client.close_connection()


async def heard(open_socket: Callable[[BinanceSocketManager], Any], count: int = 1) -> list[Any]:
    """Return the first messages of a socket."""
    async with sockets() as (_, manager), open_socket(manager) as socket:
        return [await asyncio.wait_for(socket.recv(), 40) for _ in range(count)]


@case
async def trades_come_one_by_one_with_dense_ids() -> None:
    told = await heard(lambda one: one.trade_socket(SYMBOL), 3)
    assert {one["e"] for one in told} == {"trade"}
    assert [one["t"] for one in told] == [told[0]["t"] + number for number in range(3)]
    [one] = await heard(lambda one: one.aggtrade_socket(SYMBOL))
    assert one["e"] == "aggTrade"
    assert one["f"] <= one["l"]


@case
async def candles_run_and_close() -> None:
    told = await heard(lambda one: one.kline_socket(SYMBOL, interval="1s"), 4)
    assert {one["k"]["i"] for one in told} == {"1s"}
    assert any(one["k"]["x"] for one in told)


@case
async def tickers_of_one_and_of_all() -> None:
    for open_socket, event in (
        (lambda one: one.symbol_ticker_socket(SYMBOL), "24hrTicker"),
        (lambda one: one.symbol_miniticker_socket(SYMBOL), "24hrMiniTicker"),
    ):
        [one] = await heard(open_socket)
        assert (one["e"], one["s"]) == (event, SYMBOL)
        assert float(one["c"]) > 0
    for open_socket in (Sockets.ticker_socket, Sockets.miniticker_socket):
        [many] = await heard(open_socket)
        assert SYMBOL in {one["s"] for one in many}


@case
async def best_prices_of_one_and_of_all() -> None:
    for open_socket in (
        lambda one: one.symbol_book_ticker_socket(SYMBOL),
        lambda one: one.book_ticker_socket(),
    ):
        [told] = await heard(open_socket)
        assert float(told["b"]) < float(told["a"])


@case
async def partial_depth_and_differences() -> None:
    [top] = await heard(
        lambda one: one.depth_socket(SYMBOL, depth=BinanceSocketManager.WEBSOCKET_DEPTH_5)
    )
    assert len(top["bids"]) <= 5
    assert float(top["bids"][0][0]) < float(top["asks"][0][0])
    for interval in (None, 100):
        told = await heard(lambda one, every=interval: one.depth_socket(SYMBOL, interval=every), 3)
        assert [one["U"] for one in told[1:]] == [one["u"] + 1 for one in told[:-1]]


@case
async def several_streams_share_a_socket() -> None:
    names = [f"{SYMBOL.lower()}@trade", f"{SYMBOL.lower()}@depth@100ms"]
    async with sockets() as (_, manager), manager.multiplex_socket(names) as socket:
        found = set()
        while found != set(names):
            found.add((await asyncio.wait_for(socket.recv(), 40))["stream"])


@case
async def the_depth_cache_is_the_book() -> None:
    async with sockets() as (client, _):
        manager = DepthCacheManager(client, SYMBOL, limit=1000, ws_interval=100)
        async with manager as cache:
            for _ in range(60):
                kept = await asyncio.wait_for(cache.recv(), 40)
                book = await client.get_order_book(symbol=SYMBOL, limit=1000)
                if manager._last_update_id == book["lastUpdateId"]:
                    break
            else:
                raise AssertionError("the cache was never as new as the book")
        for levels, side in ((kept.get_bids(), "bids"), (kept.get_asks(), "asks")):
            assert levels == [[float(price), float(qty)] for price, qty in book[side]]


run()
