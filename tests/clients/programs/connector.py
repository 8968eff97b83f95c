"""binance-connector: everything in the query string, empty bodies under a JSON content type."""

import time
from typing import Any

from binance.error import ClientError
from binance.spot import Spot
from cases import MINE, REST, case, refused, run

SYMBOL = "BTCUSDT"
client = Spot(MINE["api_key"], MINE["secret"], base_url=REST)
LIMIT = {"timeInForce": "GTC", "quantity": 0.001, "price": "30000"}


def code(call: Any, *args: Any, **fields: Any) -> int:
    error = refused(ClientError, call, *args, **fields)
    assert isinstance(error, ClientError)
    return int(error.error_code)


@case
def tells_the_market() -> None:
    assert client.ping() == {}
    assert abs(client.time()["serverTime"] - time.time() * 1000) < 5000
    info = client.exchange_info(symbols=[SYMBOL, "ETHUSDT"])
    assert [one["symbol"] for one in info["symbols"]] == [SYMBOL, "ETHUSDT"]
    assert len(client.depth(SYMBOL, limit=5)["bids"]) == 5
    assert len(client.trades(SYMBOL, limit=5)) == 5
    assert len(client.historical_trades(SYMBOL, limit=5)) == 5
    assert len(client.agg_trades(SYMBOL, limit=5)) == 5
    assert client.klines(SYMBOL, "1m", limit=1)[0][8] >= 0
    assert client.ui_klines(SYMBOL, "1d", limit=1)[0][8] > 0
    assert client.avg_price(SYMBOL)["mins"] == 5


@case
def tells_tickers_of_one_of_some_and_of_all() -> None:
    for call in (client.ticker_24hr, client.ticker_price, client.book_ticker):
        assert call(SYMBOL)["symbol"] == SYMBOL
        assert [one["symbol"] for one in call(symbols=["ETHUSDT", SYMBOL])] == ["ETHUSDT", SYMBOL]
        assert len(call()) >= 4
    assert client.ticker_24hr(SYMBOL, type="MINI")["count"] > 0
    assert client.trading_day_ticker(SYMBOL)["count"] > 0
    assert client.rolling_window_ticker(SYMBOL, windowSize="1d")["count"] > 0


@case
def places_queries_and_cancels() -> None:
    assert client.new_order_test(SYMBOL, "BUY", "LIMIT", **LIMIT) == {}
    placed = client.new_order(SYMBOL, "BUY", "LIMIT", **LIMIT)
    about = {"orderId": placed["orderId"]}
    assert client.get_order(SYMBOL, **about)["status"] == "NEW"
    assert client.get_open_orders(SYMBOL)[0]["orderId"] == placed["orderId"]
    assert client.cancel_order(SYMBOL, **about)["status"] == "CANCELED"
    client.new_order(SYMBOL, "BUY", "LIMIT", **LIMIT)
    assert client.cancel_open_orders(SYMBOL)[0]["status"] == "CANCELED"
    assert len(client.get_orders(SYMBOL)) >= 2


@case
def trades_and_finds_its_trades() -> None:
    bought = client.new_order(SYMBOL, "BUY", "MARKET", quantity=0.002)
    assert bought["status"] == "FILLED"
    spent = client.new_order(SYMBOL, "BUY", "MARKET", quoteOrderQty=100)
    assert float(spent["cummulativeQuoteQty"]) <= 100
    trades = client.my_trades(SYMBOL)
    assert {bought["orderId"], spent["orderId"]} <= {one["orderId"] for one in trades}


@case
def replaces() -> None:
    placed = client.new_order(SYMBOL, "BUY", "LIMIT", **LIMIT)
    told = client.cancel_and_replace(
        SYMBOL, "BUY", "LIMIT", "STOP_ON_FAILURE", cancelOrderId=placed["orderId"], **LIMIT
    )
    assert told["newOrderResult"] == "SUCCESS"
    client.cancel_open_orders(SYMBOL)


@case
def places_every_kind_of_list() -> None:
    oco = client.new_oco_order(
        SYMBOL,
        "SELL",
        0.001,
        "LIMIT_MAKER",
        "STOP_LOSS",
        abovePrice="70000",
        belowStopPrice="40000",
    )
    assert client.get_oco_order(orderListId=oco["orderListId"])["listOrderStatus"] == "EXECUTING"
    assert len(client.get_oco_open_orders()) == 1
    working = {"workingTimeInForce": "GTC"}
    oto = client.new_oto_order(
        SYMBOL, "LIMIT", "BUY", 30000, 0.001, "LIMIT_MAKER", "SELL", 0.001,
        pendingPrice=70000, **working,
    )  # fmt: skip
    otoco = client.new_otoco_order(
        SYMBOL, "LIMIT", "BUY", 30000, 0.001, "SELL", 0.001, "LIMIT_MAKER",
        pendingAbovePrice=70000, pendingBelowType="STOP_LOSS", pendingBelowStopPrice=25000,
        **working,
    )  # fmt: skip
    for placed in (oco, oto, otoco):
        gone = client.cancel_oco_order(SYMBOL, orderListId=placed["orderListId"])
        assert gone["listOrderStatus"] == "ALL_DONE"
    assert len(client.get_oco_orders()) >= 3


@case
def tells_the_account() -> None:
    assert client.account(omitZeroBalances="true")["accountType"] == "SPOT"
    assert client.get_order_rate_limit()[0]["rateLimitType"] == "ORDERS"
    assert client.query_commission_rates(SYMBOL)["symbol"] == SYMBOL
    assert client.query_prevented_matches(SYMBOL, orderId=1) == []
    assert client.query_allocations(SYMBOL) == []
    assert client.trade_fee(symbol=SYMBOL)[0]["symbol"] == SYMBOL
    assert client.coin_info()
    assert client.system_status()["msg"] == "normal"


@case
def keeps_a_listen_key() -> None:
    key = client.new_listen_key()["listenKey"]
    assert client.new_listen_key()["listenKey"] == key
    assert client.renew_listen_key(key) == {}
    assert client.close_listen_key(key) == {}
    assert code(client.renew_listen_key, key) == -1125


@case
def shows_the_limits_used() -> None:
    shown = Spot(base_url=REST, show_limit_usage=True).time()
    assert int(shown["limit_usage"]["x-mbx-used-weight-1m"]) > 0


@case
def says_what_is_wrong() -> None:
    assert code(client.depth, "NONE") == -1121
    assert code(client.klines, SYMBOL, "7m") == -1120
    assert code(client.new_order, SYMBOL, "BUY", "LIMIT") == -1102
    assert code(client.cancel_order, SYMBOL, orderId=999999999) == -2011
    assert code(Spot("x" * 64, "y", base_url=REST).account) == -2015
    assert code(Spot(MINE["api_key"], "y", base_url=REST).account) == -1022


run()
