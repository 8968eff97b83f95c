"""The live tests that ccxt ships in its own wheel, called one by one with its own functions.

Left out are the tests of what the exchange does not have (margin, futures, wallet transfers), and that of
fetchMarkets, which in Python asks for a dictionary where every exchange of ccxt gives a list. The time of order
books is skipped, because the dialect gives none; `status` of orders, because ccxt's own test does not know `expired`,
which ccxt itself returns.
"""

import asyncio
import importlib
from collections.abc import Callable
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
from cases import CASES, MINE, run
from ccxt_settings import settings

SYMBOL = "BTC/USDT"
SKIPPED = {
    "orderBook": dict.fromkeys(("timestamp", "datetime"), "the dialect gives none"),
    "order": {"status": "expired"},
}
ABSENT = ("swap", "future", "option")
"""Markets that ccxt knows of this dialect and that are not loaded here."""
PLAIN = (
    "load_markets",
    "fetch_currencies",
    "fetch_status",
    "fetch_balance",
    "fetch_trading_fees",
    "features",
    "after_construct",
)
OF_SYMBOL = (
    "fetch_ticker",
    "fetch_tickers",
    "fetch_last_prices",
    "fetch_order_book",
    "fetch_l2_order_book",
    "fetch_trades",
    "fetch_ohlcv",
    "fetch_trading_fee",
    "fetch_open_orders",
    "fetch_closed_orders",
    "fetch_orders",
    "fetch_my_trades",
)
WATCHED = (
    "watch_order_book",
    "watch_trades",
    "watch_ticker",
    "watch_tickers",
    "watch_bids_asks",
    "watch_ohlcv",
)

later: list[Any] = []


def loop_bound(kind: Callable[[dict[str, Any]], Any]) -> Any:
    """Make an exchange inside the running loop, closed at the end."""
    exchange = spot_only(kind(settings(MINE)))
    later.append(exchange)
    return exchange


def spot_only(exchange: Any) -> Any:
    """Let an exchange say that it has no other markets."""
    exchange.has.update(dict.fromkeys(ABSENT, False))
    return exchange


plain = spot_only(ccxt.binance(settings(MINE)))


def skipped(name: str) -> dict[str, Any]:
    if "order_book" in name:
        return SKIPPED["orderBook"]
    return SKIPPED["order"] if name.endswith("orders") else {}


def of_plain(name: str, *args: Any) -> Callable[[], None]:
    test = getattr(importlib.import_module(f"ccxt.test.exchange.sync.test_{name}"), f"test_{name}")

    def check() -> None:
        plain.load_markets()
        test(plain, skipped(name), *args)

    check.__name__ = f"sync_{name}"
    return check


def of_async(name: str, *args: Any) -> Callable[[], Any]:
    module = importlib.import_module(f"ccxt.test.exchange.async.test_{name}")
    test = getattr(module, f"test_{name}")

    async def check() -> None:
        exchange = loop_bound(ccxt.async_support.binance)
        await exchange.load_markets()
        told = test(exchange, skipped(name), *args)
        if asyncio.iscoroutine(told):
            await told

    check.__name__ = f"async_{name}"
    return check


def of_stream(name: str) -> Callable[[], Any]:
    module = importlib.import_module(f"ccxt.pro.test.Exchange.test_{name}")
    test = getattr(module, f"test_{name}")

    async def check() -> None:
        exchange = loop_bound(ccxt.pro.binance)
        await exchange.load_markets()
        # The tests watch for fifteen seconds each: the clock they read runs five times as fast.
        began = exchange.milliseconds()
        real = exchange.milliseconds
        exchange.milliseconds = lambda: began + 5 * (real() - began)
        await test(exchange, skipped(name), SYMBOL)

    check.__name__ = f"pro_{name}"
    return check


async def close() -> None:
    for exchange in later:
        await exchange.close()


def trade() -> None:
    """Make some history of one's own, so that the tests of orders and trades have something to read."""
    plain.load_markets()
    plain.create_order(SYMBOL, "market", "buy", 0.002)
    plain.create_order(SYMBOL, "market", "sell", 0.001)
    plain.create_order(SYMBOL, "limit", "buy", 0.001, 40000)


CASES += [trade]
CASES += [of_plain(name) for name in PLAIN]
CASES += [of_plain(name, SYMBOL) for name in OF_SYMBOL]
CASES += [of_async(name) for name in PLAIN]
CASES += [of_async(name, SYMBOL) for name in OF_SYMBOL]
CASES += [of_stream(name) for name in WATCHED]
run(close)
