"""python-binance over the WebSocket API: the `ws_…` methods and the user socket."""

import asyncio
from typing import Any

from binance import AsyncClient, BinanceSocketManager
from binance.base_client import BaseClient
from binance.exceptions import BinanceAPIException
from cases import MINE, REST, case, refused_later, run

SYMBOL = "BTCUSDT"
BaseClient.API_URL = f"{REST}/api"
BaseClient.MARGIN_API_URL = f"{REST}/sapi"
BaseClient.WS_API_URL = REST.replace("http:", "ws:") + "/ws-api/v3"
LIMIT = {"symbol": SYMBOL, "quantity": "0.001", "price": "30000"}
OPEN: dict[str, Any] = {}


def mine() -> Any:
    return OPEN["mine"]


@case
async def reads_the_market() -> None:
    OPEN["mine"] = await AsyncClient.create(MINE["api_key"], MINE["secret"])
    assert await mine().ws_ping() == {}
    assert (await mine().ws_get_time())["serverTime"] > 0
    assert (await mine().ws_get_exchange_info(symbol=SYMBOL))["symbols"][0]["symbol"] == SYMBOL
    assert (await mine().ws_get_order_book(symbol=SYMBOL, limit=5))["bids"]
    assert await mine().ws_get_recent_trades(symbol=SYMBOL, limit=3)
    assert await mine().ws_get_historical_trades(symbol=SYMBOL, limit=3)
    assert await mine().ws_get_aggregate_trades(symbol=SYMBOL, limit=3)
    assert await mine().ws_get_klines(symbol=SYMBOL, interval="1m", limit=3)
    assert await mine().ws_get_uiKlines(symbol=SYMBOL, interval="1m", limit=3)
    assert (await mine().ws_get_avg_price(symbol=SYMBOL))["mins"] == 5
    assert (await mine().ws_get_ticker(symbol=SYMBOL))["count"] > 0
    assert (await mine().ws_get_trading_day_ticker(symbol=SYMBOL))["count"] > 0
    assert (await mine().ws_get_symbol_ticker_window(symbol=SYMBOL, windowSize="1h"))["symbol"]
    assert float((await mine().ws_get_symbol_ticker(symbol=SYMBOL))["price"]) > 0
    assert float((await mine().ws_get_orderbook_ticker(symbol=SYMBOL))["bidPrice"]) > 0


@case
async def places_asks_for_replaces_and_cancels() -> None:
    test = {**LIMIT, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    assert await mine().ws_create_test_order(**test) == {}
    placed = await mine().ws_order_limit_buy(**LIMIT)
    about = {"symbol": SYMBOL, "orderId": placed["orderId"]}
    assert (await mine().ws_get_order(**about))["status"] == "NEW"
    replaced = await mine().ws_cancel_and_replace_order(
        **test, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=placed["orderId"]
    )
    about["orderId"] = replaced["newOrderResponse"]["orderId"]
    assert len(await mine().ws_get_open_orders(symbol=SYMBOL)) == 1
    assert (await mine().ws_cancel_order(**about))["status"] == "CANCELED"
    await mine().ws_order_limit_buy(**LIMIT)
    assert len(await mine().ws_cancel_all_open_orders(symbol=SYMBOL)) == 1
    assert len(await mine().ws_get_all_orders(symbol=SYMBOL)) >= 3


@case
async def trades_and_reads_its_account() -> None:
    bought = await mine().ws_order_market_buy(symbol=SYMBOL, quantity="0.002")
    assert bought["status"] == "FILLED"
    trades = await mine().ws_get_my_trades(symbol=SYMBOL)
    assert bought["orderId"] in [one["orderId"] for one in trades]
    assert (await mine().ws_get_account())["canTrade"] is True
    assert (await mine().ws_get_account_rate_limits_orders())[0]["rateLimitType"] == "ORDERS"
    assert (await mine().ws_get_commission_rates(symbol=SYMBOL))["symbol"] == SYMBOL
    assert await mine().ws_get_allocations(symbol=SYMBOL) == []


@case
async def places_and_cancels_lists() -> None:
    oco = await mine().ws_create_oco_order(
        symbol=SYMBOL,
        side="SELL",
        quantity="0.001",
        aboveType="LIMIT_MAKER",
        abovePrice="70000",
        belowType="STOP_LOSS",
        belowStopPrice="30000",
    )
    assert oco["contingencyType"] == "OCO"
    about = {"orderListId": oco["orderListId"]}
    assert (await mine().ws_get_oco_order(**about))["listStatusType"] == "EXEC_STARTED"
    assert len(await mine().ws_get_oco_open_orders()) == 1
    done = await mine().ws_cancel_oco_order(symbol=SYMBOL, **about)
    assert done["listStatusType"] == "ALL_DONE"
    oto = await mine().ws_create_oto_order(
        symbol=SYMBOL,
        workingType="LIMIT",
        workingSide="BUY",
        workingPrice="30000",
        workingQuantity="0.001",
        workingTimeInForce="GTC",
        pendingType="LIMIT_MAKER",
        pendingSide="SELL",
        pendingPrice="70000",
        pendingQuantity="0.001",
    )
    await mine().ws_cancel_oco_order(symbol=SYMBOL, orderListId=oto["orderListId"])


@case
async def hears_refusals_with_code_and_text() -> None:
    error = await refused_later(
        BinanceAPIException, mine().ws_cancel_order(symbol=SYMBOL, orderId=1234567)
    )
    assert isinstance(error, BinanceAPIException)
    assert (error.code, error.message) == (-2011, "Unknown order sent.")


@case
async def the_user_socket_tells_what_happens() -> None:
    async with BinanceSocketManager(mine()).user_socket() as socket:
        sold = await mine().ws_order_market_sell(symbol=SYMBOL, quantity="0.001")
        events: list[Any] = []
        while not events or events[-1]["e"] != "outboundAccountPosition":
            event = await asyncio.wait_for(socket.recv(), 20)
            # What was done before the subscription may be told a moment later.
            if events or event.get("i") == sold["orderId"]:
                events.append(event)
        assert [one["x"] for one in events[:2]] == ["NEW", "TRADE"]


async def close() -> None:
    await mine().close_connection()


run(close)
