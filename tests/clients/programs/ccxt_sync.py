"""ccxt, synchronous, as its users write it; keys are set, so it also asks for coins and margin pairs."""

from typing import Any

import ccxt
from cases import MINE, THEIRS, case, refused, run
from ccxt_settings import settings

SYMBOL = "BTC/USDT"
mine = ccxt.binance(settings(MINE))
theirs = ccxt.binance(settings(THEIRS))


def far_bid() -> dict[str, Any]:
    return mine.create_order(SYMBOL, "limit", "buy", 0.001, 30000)


@case
def loads_markets_with_all_filters() -> None:
    markets = mine.load_markets()
    market = markets[SYMBOL]
    assert market["spot"] and market["active"] and not market["margin"]
    assert market["precision"]["price"] == 0.01
    assert market["limits"]["cost"]["min"] == 5
    assert {"ETH/USDT", "AAPL/USD"} <= set(markets)
    assert mine.currencies["BTC"]["precision"] == 1e-08


@case
def tells_time_and_status() -> None:
    assert abs(mine.fetch_time() - mine.milliseconds()) < 5000
    assert mine.fetch_status()["status"] == "ok"


@case
def tells_tickers_in_every_form() -> None:
    one = mine.fetch_ticker(SYMBOL)
    assert one["high"] >= one["low"] > 0
    assert one["bid"] < one["ask"]
    assert one["baseVolume"] * one["low"] <= one["quoteVolume"] <= one["baseVolume"] * one["high"]
    assert set(mine.fetch_tickers([SYMBOL, "ETH/USDT"])) == {SYMBOL, "ETH/USDT"}
    assert len(mine.fetch_tickers()) >= 4
    assert mine.fetch_last_prices([SYMBOL])[SYMBOL]["price"] > 0
    assert mine.fetch_bids_asks([SYMBOL])[SYMBOL]["ask"] > 0


@case
def tells_the_order_book_as_deep_as_asked() -> None:
    for limit in (5, 20, 100, 5000):
        book = mine.fetch_order_book(SYMBOL, limit)
        bids, asks = [level[0] for level in book["bids"]], [level[0] for level in book["asks"]]
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
        assert len(bids) <= limit
        assert book["nonce"] > 0


@case
def tells_trades_in_order() -> None:
    trades = mine.fetch_trades(SYMBOL, limit=100)
    assert len(trades) >= 50
    assert [one["timestamp"] for one in trades] == sorted(one["timestamp"] for one in trades)
    assert {one["side"] for one in trades} == {"buy", "sell"}
    since = trades[10]["timestamp"]
    assert all(one["timestamp"] >= since for one in mine.fetch_trades(SYMBOL, since=since))
    recent = mine.fetch_trades(SYMBOL, params={"fetchTradesMethod": "publicGetTrades"})
    assert recent[-1]["price"] > 0


@case
def tells_candles_of_every_interval() -> None:
    for timeframe in mine.timeframes:
        candles = mine.fetch_ohlcv(SYMBOL, timeframe, limit=10)
        assert candles, timeframe
        for _, opened, high, low, closed, volume in candles:
            assert high >= max(opened, closed) >= min(opened, closed) >= low > 0
            assert volume >= 0
    first = mine.fetch_ohlcv(SYMBOL, "1m", since=0, limit=3)
    assert first[0][5] > 0
    again = mine.fetch_ohlcv(SYMBOL, "1m", since=first[0][0], limit=3)
    assert again[0][0] == first[0][0]


@case
def tells_the_balance() -> None:
    balance = mine.fetch_balance()
    assert balance["USDT"]["total"] == balance["USDT"]["free"] + balance["USDT"]["used"]
    assert balance["BTC"]["free"] > 0


@case
def tells_trading_fees() -> None:
    assert mine.fetch_trading_fee(SYMBOL)["taker"] >= 0
    assert SYMBOL in mine.fetch_trading_fees()


@case
def places_queries_and_cancels_a_limit_order() -> None:
    placed = far_bid()
    assert (placed["status"], placed["filled"], placed["remaining"]) == ("open", 0, 0.001)
    found = mine.fetch_order(placed["id"], SYMBOL)
    assert (found["price"], found["side"], found["type"]) == (30000, "buy", "limit")
    assert placed["id"] in [one["id"] for one in mine.fetch_open_orders(SYMBOL)]
    canceled = mine.cancel_order(placed["id"], SYMBOL)
    assert canceled["status"] == "canceled"
    assert mine.fetch_order(placed["id"], SYMBOL)["status"] == "canceled"
    assert placed["id"] in [one["id"] for one in mine.fetch_canceled_orders(SYMBOL)]


@case
def finds_an_order_by_its_own_id() -> None:
    name = f"x-own-{mine.milliseconds()}"
    placed = mine.create_order(SYMBOL, "limit", "buy", 0.001, 30000, {"clientOrderId": name})
    assert placed["clientOrderId"] == name
    found = mine.fetch_order(None, SYMBOL, {"origClientOrderId": name})
    assert found["id"] == placed["id"]
    mine.cancel_order(None, SYMBOL, {"origClientOrderId": name})


@case
def fills_a_market_order_and_finds_its_trades() -> None:
    bought = mine.create_order(SYMBOL, "market", "buy", 0.002)
    assert (bought["status"], bought["filled"]) == ("closed", 0.002)
    assert bought["average"] > 0
    assert bought["fee"]["currency"] == "BTC"
    trades = mine.fetch_order_trades(bought["id"], SYMBOL)
    assert sum(one["amount"] for one in trades) == 0.002
    assert bought["id"] in [one["order"] for one in mine.fetch_my_trades(SYMBOL)]
    assert bought["id"] in [one["id"] for one in mine.fetch_closed_orders(SYMBOL)]


@case
def spends_an_amount_of_money() -> None:
    bought = mine.create_market_buy_order_with_cost(SYMBOL, 100)
    assert 90 <= bought["cost"] <= 100
    sold = mine.create_order(SYMBOL, "market", "sell", None, None, {"quoteOrderQty": 50})
    assert 40 <= sold["cost"] <= 50


@case
def trades_with_another_account() -> None:
    best = mine.fetch_bids_asks([SYMBOL])[SYMBOL]
    price = mine.price_to_precision(SYMBOL, (best["bid"] + best["ask"]) / 2)
    ask = theirs.create_order(SYMBOL, "limit", "sell", 0.003, price, {"postOnly": True})
    bid = mine.create_order(SYMBOL, "limit", "buy", 0.003, price, {"timeInForce": "IOC"})
    assert bid["status"] == "closed"
    assert theirs.fetch_order(ask["id"], SYMBOL)["filled"] > 0


@case
def refuses_a_post_only_order_that_would_take() -> None:
    error = refused(
        ccxt.OrderImmediatelyFillable,
        mine.create_order, SYMBOL, "limit", "buy", 0.001, 55000, {"postOnly": True},
    )  # fmt: skip
    assert "would immediately match" in str(error)


@case
def knows_every_time_in_force() -> None:
    for time_in_force in ("IOC", "FOK"):
        order = mine.create_order(
            SYMBOL, "limit", "buy", 0.001, 30000, {"timeInForce": time_in_force}
        )
        assert order["filled"] == 0
        assert order["status"] == "expired"


@case
def places_stops_of_every_kind() -> None:
    for kind, side, price, params in (
        ("market", "sell", None, {"stopLossPrice": 40000}),
        ("limit", "sell", 39000, {"stopLossPrice": 40000}),
        ("market", "sell", None, {"takeProfitPrice": 70000}),
        ("limit", "sell", 70000, {"takeProfitPrice": 69000}),
        ("limit", "buy", 61000, {"triggerPrice": 60000}),
        ("market", "sell", None, {"trailingPercent": 5, "stopLossOrTakeProfit": "stopLoss"}),
    ):
        order = mine.create_order(SYMBOL, kind, side, 0.001, price, params)
        assert mine.fetch_order(order["id"], SYMBOL)["status"] == "open"
        mine.cancel_order(order["id"], SYMBOL)


@case
def edits_an_order() -> None:
    placed = far_bid()
    edited = mine.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.002, 31000)
    assert edited["id"] != placed["id"]
    found = mine.fetch_order(edited["id"], SYMBOL)
    assert (found["price"], found["amount"]) == (31000, 0.002)
    mine.cancel_all_orders(SYMBOL)
    assert mine.fetch_open_orders(SYMBOL) == []


@case
def tests_an_order_without_entering_it() -> None:
    before = len(mine.fetch_open_orders(SYMBOL))
    mine.create_order(SYMBOL, "limit", "buy", 0.001, 30000, {"test": True})
    assert len(mine.fetch_open_orders(SYMBOL)) == before


@case
def places_and_cancels_a_pair() -> None:
    placed = mine.private_post_orderlist_oco(
        {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "quantity": "0.001",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": "70000",
            "belowType": "STOP_LOSS",
            "belowStopPrice": "40000",
        }
    )
    name = {"orderListId": placed["orderListId"]}
    assert mine.private_get_orderlist(name)["listOrderStatus"] == "EXECUTING"
    assert len(mine.private_get_openorderlist()) == 1
    mine.private_delete_orderlist({"symbol": "BTCUSDT", **name})
    assert mine.private_get_orderlist(name)["listOrderStatus"] == "ALL_DONE"


@case
def says_what_is_wrong_in_words_that_ccxt_knows() -> None:
    refused(ccxt.BadSymbol, mine.public_get_depth, {"symbol": "NONE"})
    refused(ccxt.InsufficientFunds, mine.create_order, SYMBOL, "limit", "buy", 100, 49000)
    refused(ccxt.OrderNotFound, mine.cancel_order, "999999999", SYMBOL)
    refused(ccxt.OrderNotFound, mine.fetch_order, "999999999", SYMBOL)
    refused(ccxt.InvalidOrder, mine.create_order, SYMBOL, "limit", "buy", 9500, 30000)
    refused(ccxt.BadRequest, mine.public_get_klines, {"symbol": "BTCUSDT", "interval": "7m"})
    stranger = ccxt.binance(settings({"api_key": "x" * 64, "secret": "y"}))
    stranger.set_markets(mine.markets)
    refused(ccxt.AuthenticationError, stranger.fetch_balance)
    forger = ccxt.binance(settings({**MINE, "secret": "y"}))
    refused(ccxt.AuthenticationError, forger.fetch_balance)


run()
