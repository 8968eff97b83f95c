"""python-binance: the client class as its users call it; form bodies also on DELETE."""

import time
from typing import Any

from binance.base_client import BaseClient
from binance.client import Client
from binance.exceptions import BinanceAPIException
from cases import MINE, REST, THEIRS, WS, case, refused, run

BaseClient.API_URL = f"{REST}/api"
BaseClient.MARGIN_API_URL = f"{REST}/sapi"
BaseClient.WS_API_URL = f"{WS}/ws-api/v3"
SYMBOL = "BTCUSDT"
mine = Client(MINE["api_key"], MINE["secret"])
theirs = Client(THEIRS["api_key"], THEIRS["secret"])


def code(call: Any, *args: Any, **fields: Any) -> int:
    error = refused(BinanceAPIException, call, *args, **fields)
    assert isinstance(error, BinanceAPIException)
    return int(error.code)


@case
def pings_and_tells_the_time() -> None:
    assert mine.ping() == {}
    assert abs(mine.get_server_time()["serverTime"] - time.time() * 1000) < 5000
    assert mine.get_system_status()["status"] == 0


@case
def describes_the_instruments() -> None:
    info = mine.get_exchange_info()
    assert {"BTCUSDT", "AAPLUSD"} <= {one["symbol"] for one in info["symbols"]}
    assert mine.get_symbol_info(SYMBOL)["status"] == "TRADING"
    assert mine.get_symbol_info("NONE") is None


@case
def tells_the_book_and_the_trades() -> None:
    book = mine.get_order_book(symbol=SYMBOL, limit=50)
    assert float(book["bids"][0][0]) < float(book["asks"][0][0])
    assert len(mine.get_recent_trades(symbol=SYMBOL, limit=10)) == 10
    old = mine.get_historical_trades(symbol=SYMBOL, fromId=1, limit=5)
    assert [one["id"] for one in old] == [old[0]["id"] + n for n in range(5)]
    aggregated = mine.get_aggregate_trades(symbol=SYMBOL, limit=5)
    assert len(aggregated) == 5
    found = list(mine.aggregate_trade_iter(symbol=SYMBOL, last_id=aggregated[0]["a"]))
    assert found[0]["a"] == aggregated[0]["a"] + 1


@case
def tells_candles_and_their_history() -> None:
    assert mine.get_klines(symbol=SYMBOL, interval="1m", limit=3)
    assert mine.get_ui_klines(symbol=SYMBOL, interval="1h", timeZone="8")
    history = mine.get_historical_klines(SYMBOL, "1m", "1 hour ago UTC")
    assert sum(one[8] for one in history) > 0
    assert len(history) == len({one[0] for one in history})


@case
def tells_every_kind_of_ticker() -> None:
    assert mine.get_ticker(symbol=SYMBOL)["count"] > 0
    assert len(mine.get_ticker()) >= 4
    assert float(mine.get_symbol_ticker(symbol=SYMBOL)["price"]) > 0
    assert len(mine.get_all_tickers()) >= 4
    assert len(mine.get_orderbook_tickers()) >= 4
    assert float(mine.get_orderbook_ticker(symbol=SYMBOL)["bidPrice"]) > 0
    assert mine.get_symbol_ticker_window(symbol=SYMBOL, windowSize="2h")["count"] > 0
    assert mine.v3_get_ticker_trading_day(symbol=SYMBOL)["count"] > 0
    assert float(mine.get_avg_price(symbol=SYMBOL)["price"]) > 0


@case
def tells_the_account() -> None:
    account = mine.get_account(omitZeroBalances="true")
    assert account["canTrade"]
    assert {one["asset"] for one in account["balances"]} == {"BTC", "USDT", "ETH", "AAPL", "USD"}
    assert float(mine.get_asset_balance("BTC")["free"]) > 0
    assert mine.get_trade_fee(symbol=SYMBOL)[0]["symbol"] == SYMBOL
    assert mine.v3_get_account_commission(symbol=SYMBOL)["symbol"] == SYMBOL
    assert mine.get_current_order_count()[0]["rateLimitType"] == "ORDERS"
    assert mine.get_all_coins_info()[0]["coin"]


@case
def places_tests_and_cancels_a_limit_order() -> None:
    limit = {"symbol": SYMBOL, "quantity": "0.001", "price": "30000"}
    assert mine.create_test_order(**limit, side="BUY", type="LIMIT", timeInForce="GTC") == {}
    placed = mine.order_limit_buy(**limit)
    assert (placed["status"], placed["fills"]) == ("NEW", [])
    about = {"symbol": SYMBOL, "orderId": placed["orderId"]}
    assert mine.get_order(**about)["status"] == "NEW"
    assert placed["orderId"] in [one["orderId"] for one in mine.get_open_orders(symbol=SYMBOL)]
    assert mine.cancel_order(**about)["status"] == "CANCELED"
    assert mine.get_order(**about)["status"] == "CANCELED"
    assert placed["orderId"] in [one["orderId"] for one in mine.get_all_orders(symbol=SYMBOL)]


@case
def sells_what_it_bought_at_the_market() -> None:
    bought = mine.order_market_buy(symbol=SYMBOL, quantity="0.003")
    assert bought["status"] == "FILLED"
    assert sum(float(fill["qty"]) for fill in bought["fills"]) == 0.003
    sold = mine.order_market_sell(symbol=SYMBOL, quoteOrderQty="100")
    assert sold["status"] == "FILLED"
    trades = mine.get_my_trades(symbol=SYMBOL)
    assert {bought["orderId"], sold["orderId"]} <= {one["orderId"] for one in trades}
    own = mine.get_my_trades(symbol=SYMBOL, orderId=bought["orderId"])
    assert {one["orderId"] for one in own} == {bought["orderId"]}


@case
def a_text_id_may_come_back_after_its_order_is_gone() -> None:
    # Only after the dedupe window: until then the exchange says so.
    limit = {"symbol": SYMBOL, "quantity": "0.001", "price": "30000"}
    name = f"again-{time.time_ns()}"
    mine.order_limit_buy(**limit, newClientOrderId=name)
    assert code(mine.order_limit_buy, **limit, newClientOrderId=name) == -2010
    found = mine.get_order(symbol=SYMBOL, origClientOrderId=name)
    assert found["clientOrderId"] == name
    mine.cancel_order(symbol=SYMBOL, origClientOrderId=name)


@case
def places_pairs_in_the_old_and_the_new_form() -> None:
    new = mine.create_oco_order(
        symbol=SYMBOL,
        side="SELL",
        quantity="0.001",
        aboveType="LIMIT_MAKER",
        abovePrice="70000",
        belowType="STOP_LOSS_LIMIT",
        belowStopPrice="40000",
        belowPrice="39000",
        belowTimeInForce="GTC",
    )
    assert new["listOrderStatus"] == "EXECUTING"
    assert len(mine.get_open_oco_orders()) == 1
    about = {"orderListId": new["orderListId"]}
    assert mine.v3_get_order_list(**about)["contingencyType"] == "OCO"
    gone = mine.v3_delete_order_list(symbol=SYMBOL, **about)
    assert {one["status"] for one in gone["orderReports"]} == {"CANCELED"}
    assert mine.get_open_oco_orders() == []
    assert new["orderListId"] in [one["orderListId"] for one in mine.v3_get_all_order_list()]


@case
def places_orders_that_wait_for_others() -> None:
    working = {
        "symbol": SYMBOL,
        "workingType": "LIMIT",
        "workingSide": "BUY",
        "workingPrice": "30000",
        "workingQuantity": "0.001",
        "workingTimeInForce": "GTC",
        "pendingSide": "SELL",
        "pendingQuantity": "0.001",
    }
    one = mine.v3_post_order_list_oto(**working, pendingType="LIMIT_MAKER", pendingPrice="70000")
    two = mine.v3_post_order_list_otoco(
        **working,
        pendingAboveType="LIMIT_MAKER",
        pendingAbovePrice="70000",
        pendingBelowType="STOP_LOSS",
        pendingBelowStopPrice="25000",
    )
    assert [leg["status"] for leg in two["orderReports"]] == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    for placed in (one, two):
        mine.v3_delete_order_list(symbol=SYMBOL, orderListId=placed["orderListId"])


@case
def replaces_an_order() -> None:
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    placed = mine.create_order(**limit, quantity="0.001", price="30000")
    told = mine.cancel_replace_order(
        **limit,
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=placed["orderId"],
        quantity="0.002",
        price="31000",
    )
    assert (told["cancelResult"], told["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    gone = mine.cancel_all_open_orders(symbol=SYMBOL)
    assert told["newOrderResponse"]["orderId"] in [one["orderId"] for one in gone]


@case
def keeps_a_listen_key_alive() -> None:
    key = mine._post("userDataStream", False, data={})["listenKey"]
    assert len(key) == 64
    assert mine._put("userDataStream", False, data={"listenKey": key}) == {}
    assert mine._delete("userDataStream", False, data={"listenKey": key}) == {}


@case
def says_what_is_wrong_with_the_code_of_the_dialect() -> None:
    limit = {"symbol": SYMBOL, "quantity": "0.001", "price": "30000"}
    assert code(mine.get_order_book, symbol="NONE") == -1121
    assert code(mine.order_limit_buy, **{**limit, "quantity": "0.000001"}) == -1013
    assert code(mine.order_limit_buy, **{**limit, "quantity": "100", "price": "49000"}) == -2010
    assert code(mine.cancel_order, symbol=SYMBOL, orderId=999999999) == -2011
    assert code(mine.get_order, symbol=SYMBOL, orderId=999999999) == -2013
    assert code(mine.create_order, symbol=SYMBOL, side="BUY", type="LIMIT") == -1102
    forger = Client(MINE["api_key"], "wrong")
    assert code(forger.get_account) == -1022
    stranger = Client("x" * 64, "wrong")
    assert code(stranger.get_account) == -2015


@case
def tells_the_weight_that_was_used() -> None:
    mine.get_order_book(symbol=SYMBOL)
    assert int(mine.response.headers["x-mbx-used-weight-1m"]) > 0
    mine.order_limit_buy(symbol=SYMBOL, quantity="0.001", price="30000")
    assert int(mine.response.headers["x-mbx-order-count-10s"]) > 0
    mine.cancel_all_open_orders(symbol=SYMBOL)


@case
def two_accounts_trade_with_each_other() -> None:
    price = f"{float(mine.get_orderbook_ticker(symbol=SYMBOL)['bidPrice']) + 0.01:.2f}"
    rested = theirs.order_limit_buy(symbol=SYMBOL, quantity="0.0005", price=price)
    sold = mine.order_limit_sell(symbol=SYMBOL, quantity="0.0005", price=price, timeInForce="IOC")
    assert sold["status"] == "FILLED"
    found = theirs.get_order(symbol=SYMBOL, orderId=rested["orderId"])
    assert float(found["executedQty"]) > 0


run()
