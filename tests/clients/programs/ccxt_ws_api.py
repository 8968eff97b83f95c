"""ccxt.pro over the WebSocket API: its shipped tests of private streams, and orders by its `…_ws` methods."""

import asyncio
import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import ccxt.pro
from cases import CASES, MINE, REST, case, refused_later, run
from ccxt_settings import settings

SYMBOL = "BTC/USDT"
WS_API = REST.replace("http:", "ws:") + "/ws-api/v3"
later: list[Any] = []
OPEN: dict[str, Any] = {}


def mine() -> Any:
    return OPEN["mine"]


def exchange() -> Any:
    """Make an exchange inside the running loop, closed at the end."""
    told = settings(MINE)
    told["urls"]["api"]["ws"]["ws-api"] = {"spot": WS_API}
    one = ccxt.pro.binance(told)
    later.append(one)
    return one


async def trade_while_watched(watching: "asyncio.Task[None]", waits: Callable[[], bool]) -> None:
    """Let something happen to the account, from when it is watched on and for as long as it is.

    An event that reaches ccxt between the answer to its subscription and the beginning of its watch ends its
    reader without a word (`handle_balance`: KeyError), and nothing is heard any more, whoever tells it.
    """
    one = exchange()
    await one.load_markets()
    while not (waits() or watching.done()):  # noqa: ASYNC110 - ccxt has no event for it
        await asyncio.sleep(0.01)
    while not watching.done():
        await one.create_order(SYMBOL, "market", "buy", 0.001)
        await one.create_order(SYMBOL, "market", "sell", 0.001)
        order = await one.create_order(SYMBOL, "limit", "buy", 0.001, 30000)
        await one.cancel_order(order["id"], SYMBOL)
        await asyncio.sleep(0.2)


def waits_for(one: Any, what: str) -> bool:
    """Tell whether ccxt has subscribed and waits for something on its connection."""
    return WS_API in one.clients and what in one.clients[WS_API].futures


def shipped(name: str, what: str, *args: Any) -> Callable[[], Any]:
    """Make a case of ccxt's test of a private stream; `what` is the name under which ccxt waits for it."""
    module = importlib.import_module(f"ccxt.pro.test.Exchange.test_{name}")
    test = getattr(module, f"test_{name}")

    async def check() -> None:
        one = exchange()
        await one.load_markets()
        # The tests watch for fifteen seconds each: the clock they read runs five times as fast.
        began = one.milliseconds()
        real = one.milliseconds
        one.nonce = real
        one.milliseconds = lambda: began + 5 * (real() - began)
        skipped = {"status": "expired"} if name == "watch_orders" else {}
        watching = asyncio.create_task(test(one, skipped, *args))
        waits = partial(waits_for, one, what)
        try:
            await asyncio.gather(watching, trade_while_watched(watching, waits))
        finally:
            watching.cancel()

    check.__name__ = f"pro_{name}"
    return check


CASES += [
    shipped("watch_balance", "spot:balance", "BTC"),
    shipped("watch_orders", f"orders:{SYMBOL}", SYMBOL),
    shipped("watch_my_trades", f"myTrades:{SYMBOL}", SYMBOL),
]


@case
async def places_asks_for_changes_and_cancels_an_order() -> None:
    OPEN["mine"] = exchange()
    await mine().load_markets()
    order = await mine().create_order_ws(SYMBOL, "limit", "buy", 0.001, 30000)
    assert order["status"] == "open"
    assert (await mine().fetch_order_ws(order["id"], SYMBOL))["id"] == order["id"]
    changed = await mine().edit_order_ws(order["id"], SYMBOL, "limit", "buy", 0.002, 30001)
    assert changed["amount"] == 0.002
    assert changed["id"] in [one["id"] for one in await mine().fetch_open_orders_ws(SYMBOL)]
    assert (await mine().cancel_order_ws(changed["id"], SYMBOL))["status"] == "canceled"
    assert changed["id"] in [one["id"] for one in await mine().fetch_orders_ws(SYMBOL)]


@case
async def places_many_at_once_and_cancels_them_all() -> None:
    orders = await asyncio.gather(
        *(mine().create_order_ws(SYMBOL, "limit", "buy", 0.001, 30000 + n) for n in range(20))
    )
    assert len({one["id"] for one in orders}) == 20
    assert len(await mine().cancel_all_orders_ws(SYMBOL)) == 20
    assert await mine().fetch_open_orders_ws(SYMBOL) == []


@case
async def trades_and_reads_its_trades_and_balance() -> None:
    order = await mine().create_order_ws(SYMBOL, "market", "buy", 0.001)
    assert order["status"] == "closed"
    trades = await mine().fetch_my_trades_ws(SYMBOL)
    assert order["id"] in [one["order"] for one in trades]
    # ccxt looks for the balances of another market's answer and finds none, whoever answers.
    assert (await mine().fetch_balance_ws())["info"]["canTrade"]


@case
async def reads_the_market() -> None:
    assert await mine().fetch_ohlcv_ws(SYMBOL, "1m", limit=3)
    assert await mine().fetch_trades_ws(SYMBOL, limit=3)


@case
async def hears_refusals_as_its_own_kinds_of_errors() -> None:
    await refused_later(ccxt.OrderNotFound, mine().cancel_order_ws("1234567", SYMBOL))
    too_much = mine().create_order_ws(SYMBOL, "limit", "buy", 90, 49000)
    await refused_later(ccxt.InsufficientFunds, too_much)


async def close() -> None:
    for one in later:
        await one.close()


run(close)
