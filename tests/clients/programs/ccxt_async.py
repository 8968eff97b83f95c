"""ccxt, asynchronous: many requests at once, and the public streams of ccxt.pro."""

import asyncio
from typing import Any

import ccxt.pro
from cases import MINE, THEIRS, case, run
from ccxt_settings import settings

SYMBOL = "BTC/USDT"
OPEN: dict[str, Any] = {}


def exchange(name: str = "mine") -> Any:
    if name not in OPEN:
        OPEN[name] = ccxt.pro.binance(settings(MINE if name == "mine" else THEIRS))
    return OPEN[name]


@case
async def loads_markets() -> None:
    for name in ("mine", "theirs"):
        assert SYMBOL in await exchange(name).load_markets()


@case
async def asks_many_things_at_once() -> None:
    one = exchange()
    ticker, book, trades, candles, balance, orders = await asyncio.gather(
        one.fetch_ticker(SYMBOL),
        one.fetch_order_book(SYMBOL, 50),
        one.fetch_trades(SYMBOL, limit=20),
        one.fetch_ohlcv(SYMBOL, "5m", limit=20),
        one.fetch_balance(),
        one.fetch_open_orders(SYMBOL),
    )
    assert ticker["last"] > 0 and book["bids"] and trades and candles
    assert balance["BTC"]["free"] > 0
    assert orders == []


@case
async def places_and_cancels_thirty_orders_at_once() -> None:
    one = exchange()
    placed = await asyncio.gather(
        *(one.create_order(SYMBOL, "limit", "buy", 0.001, 40000 + n) for n in range(30))
    )
    assert len({order["id"] for order in placed}) == 30
    assert len(await one.fetch_open_orders(SYMBOL)) == 30
    canceled = await asyncio.gather(
        *(one.cancel_order(order["id"], SYMBOL) for order in placed[:10])
    )
    assert {order["status"] for order in canceled} == {"canceled"}
    await one.cancel_all_orders(SYMBOL)
    assert await one.fetch_open_orders(SYMBOL) == []


@case
async def balances_follow_every_fill() -> None:
    one = exchange()
    before = await one.fetch_balance()
    bought = await one.create_order(SYMBOL, "market", "buy", 0.005)
    after = await one.fetch_balance()
    gained = after["BTC"]["total"] - before["BTC"]["total"]
    assert abs(gained - (0.005 - bought["fee"]["cost"])) < 1e-9
    paid = before["USDT"]["total"] - after["USDT"]["total"]
    assert abs(paid - bought["cost"]) < 1e-6


@case
async def watches_a_book_that_equals_the_one_asked_for() -> None:
    one = exchange()
    for _ in range(5):
        book = await one.watch_order_book(SYMBOL)
        assert book["bids"][0][0] < book["asks"][0][0]
    resting = await exchange("theirs").create_order(SYMBOL, "limit", "buy", 0.001, 45000.5)
    while 45000.5 not in [level[0] for level in book["bids"]]:
        book = await one.watch_order_book(SYMBOL)
    await exchange("theirs").cancel_order(resting["id"], SYMBOL)
    while 45000.5 in [level[0] for level in book["bids"]]:
        book = await one.watch_order_book(SYMBOL)


@case
async def watches_trades_tickers_and_candles() -> None:
    one = exchange()
    trades = await one.watch_trades(SYMBOL)
    assert trades[-1]["price"] > 0
    ticker = await one.watch_ticker(SYMBOL)
    assert ticker["high"] >= ticker["last"] >= ticker["low"]
    best = await one.watch_bids_asks([SYMBOL])
    assert best[SYMBOL]["bid"] < best[SYMBOL]["ask"]
    candles = await one.watch_ohlcv(SYMBOL, "1m")
    assert candles[-1][2] >= candles[-1][3] > 0


@case
async def edits_orders_and_sees_the_new_one() -> None:
    one = exchange()
    placed = await one.create_order(SYMBOL, "limit", "sell", 0.001, 60000)
    edited = await one.edit_order(placed["id"], SYMBOL, "limit", "sell", 0.001, 61000)
    assert (await one.fetch_order(edited["id"], SYMBOL))["price"] == 61000
    assert (await one.fetch_order(placed["id"], SYMBOL))["status"] == "canceled"
    await one.cancel_order(edited["id"], SYMBOL)


async def close() -> None:
    for one in OPEN.values():
        await one.close()


run(close)
