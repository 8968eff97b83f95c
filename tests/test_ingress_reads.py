"""What a client reads: its account and orders, the instruments, the depth (API sections 6, 7, 9)."""

from decimal import Decimal

import pytest

from ingress import queries
from protocol.terms import CommandKind, InstrumentTerm, OrdStatus, SessionPhase
from tests.reference_market import START_NS
from tests.rest_house import House


@pytest.fixture
def house():
    return House()


@pytest.fixture
def client(house):
    with house.open() as client:
        yield client


ORDER = {
    "symbol",
    "orderId",
    "orderListId",
    "clientOrderId",
    "price",
    "origQty",
    "executedQty",
    "origQuoteOrderQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "stopPrice",
    "icebergQty",
    "time",
    "updateTime",
    "isWorking",
    "workingTime",
    "selfTradePreventionMode",
}


def stored_order(**fields):
    """A row of the table `orders` as the statement reads it."""
    order = {
        "order_id": 7,
        "account": 1,
        "instrument": 0,
        "side": 1,
        "ord_type": 1,
        "time_in_force": 1,
        "stp_mode": 3,
        "ord_status": OrdStatus.FILLED,
        "price": 10_000,
        "order_qty": 100_000,
        "cum_qty": 100_000,
        "cum_quote": 100 * 10**8,
        "created_ns": START_NS,
        "working_ns": START_NS,
        "updated_ns": START_NS + 5_000_000,
        "working": True,
        "cl_ord_id": "stored",
        **fields,
    }
    columns = queries.ORDER_BY_ID.partition("select ")[2].partition(" from")[0].split(", ")
    assert set(order) <= set(columns)
    return tuple(order.get(column, 0) for column in columns)


def test_an_open_order_is_read_from_shared_memory_alone(client, house):
    house.books.away = True
    client.order(side="BUY", price="100", quantity="2", newClientOrderId="mine")
    client.order("bob", side="SELL", price="100", quantity="0.5")
    for target in ({"orderId": 1}, {"origClientOrderId": "mine"}):
        told = client.signed("GET", "order", symbol="BTCUSDT", **target).json
        assert set(told) == ORDER
        assert (told["status"], told["executedQty"]) == ("PARTIALLY_FILLED", "0.50000000")
        assert (told["stopPrice"], told["icebergQty"]) == ("0.00000000", "0.00000000")
        assert (told["isWorking"], told["cummulativeQuoteQty"]) == (True, "50.00000000")


def test_a_finished_order_is_read_once_the_books_hold_all_that_was_told(client, house):
    house.books.rows["orders"] = [stored_order()]
    told = client.signed("GET", "order", symbol="BTCUSDT", orderId=7).json
    assert set(told) == ORDER
    assert (told["orderId"], told["status"], told["clientOrderId"]) == (7, "FILLED", "stored")
    assert told["updateTime"] - told["time"] == 5
    [mark] = house.books.reached
    assert mark.seq == house.market.board["accounts"][house.alice]["last_seq"]


def test_an_order_that_never_was_does_not_exist(client):
    answer = client.signed("GET", "order", symbol="BTCUSDT", orderId=7)
    assert (answer.status, answer.error) == (400, (-2013, "Order does not exist."))


def test_an_order_of_another_account_or_instrument_does_not_exist(client):
    client.order(side="BUY", price="100", quantity="1")
    assert client.signed("GET", "order", "bob", symbol="BTCUSDT", orderId=1).error[0] == -2013
    assert client.signed("GET", "order", symbol="ETHUSDT", orderId=1).error[0] == -2013


def test_two_ids_that_name_different_orders_are_refused(client):
    client.order(side="BUY", price="100", quantity="1", newClientOrderId="mine")
    answer = client.signed("GET", "order", symbol="BTCUSDT", orderId=1, origClientOrderId="other")
    assert answer.error == (-2039, "Client order ID is not correct for this order ID.")


def test_open_orders_are_told_by_id_of_one_instrument_or_of_all(client):
    client.order(side="BUY", price="100", quantity="1")
    client.order(side="BUY", price="100", quantity="1", symbol="ETHUSDT")
    client.order(side="BUY", type="STOP_LOSS", stopPrice="200", quantity="1")
    client.order("bob", side="BUY", price="99", quantity="1")
    every = client.signed("GET", "openOrders").json
    assert [one["orderId"] for one in every] == [1, 2, 3]
    assert [one["isWorking"] for one in every] == [True, True, False]
    assert every[2]["workingTime"] == -1
    assert every[2]["stopPrice"] == "200.00000000"
    of_one = client.signed("GET", "openOrders", symbol="ETHUSDT").json
    assert [one["symbol"] for one in of_one] == ["ETHUSDT"]
    assert client.signed("GET", "openOrders", symbol="AAPLUSD").json == []


def test_an_account_tells_every_asset_with_what_is_free_and_locked(client):
    client.order(side="BUY", price="100", quantity="2")
    told = client.signed("GET", "account").json
    balances = {one["asset"]: (one["free"], one["locked"]) for one in told["balances"]}
    assert list(balances) == ["BTC", "ETH", "USDT", "AAPL", "AMZN", "USD"]
    assert balances["USDT"] == ("9999800.00000000", "200.00000000")
    assert balances["ETH"] == ("0.00000000", "0.00000000")
    assert told["commissionRates"] == {
        "maker": "0.00100000",
        "taker": "0.00100000",
        "buyer": "0.00000000",
        "seller": "0.00000000",
    }
    assert (told["makerCommission"], told["accountType"]) == (10, "SPOT")
    assert (told["canTrade"], told["permissions"], told["uid"]) == (True, ["SPOT"], 1)


@pytest.mark.parametrize("truth", ["true", "True", "TRUE"])
def test_an_account_may_leave_out_what_it_has_nothing_of(client, truth):
    told = client.signed("GET", "account", omitZeroBalances=truth).json
    assert [one["asset"] for one in told["balances"]] == ["BTC", "USDT", "AAPL", "USD"]


def test_a_frozen_account_cannot_trade(client, house):
    house.market.command(kind=CommandKind.SET_ACCOUNT, account=house.alice, term=0, amount=2)
    assert client.signed("GET", "account").json["canTrade"] is False
    answer = client.order(side="BUY", price="100", quantity="1")
    assert answer.error == (-2010, "This account may not place or cancel orders.")


TRADE = (100_000_001, 7, 0, 10_000, 150_000, 50_000, 2, START_NS, 1)


def test_own_trades_say_which_side_was_ours(client, house):
    house.books.rows["trades"] = [(*TRADE, False), (*TRADE, True)]
    taken, made = client.signed("GET", "myTrades", symbol="BTCUSDT", fromId=1).json
    assert taken == {
        "symbol": "BTCUSDT",
        "id": 100_000_001,
        "orderId": 7,
        "orderListId": -1,
        "price": "100.00000000",
        "qty": "1.50000000",
        "quoteQty": "150.00000000",
        "commission": "0.00050000",
        "commissionAsset": "USDT",
        "time": START_NS // 1_000_000,
        "isBuyer": False,
        "isMaker": False,
        "isBestMatch": True,
    }
    assert (made["isBuyer"], made["isMaker"]) == (True, True)
    [mark] = house.books.reached
    assert mark.seq == house.market.board["accounts"][house.alice]["last_seq"]


def test_the_newest_trades_come_in_ascending_order(client, house):
    house.books.rows["trades"] = [(3, 1, 1, START_NS, 0), (2, 1, 1, START_NS, 1)]
    told = client.ask("GET", "/api/v3/trades", "symbol=BTCUSDT&limit=2").json
    assert [(one["id"], one["isBuyerMaker"]) for one in told] == [(2, True), (3, False)]
    from_one = client.ask("GET", "/api/v3/historicalTrades", "symbol=BTCUSDT&fromId=2").json
    assert [one["id"] for one in from_one] == [3, 2], "a lower bound: as the statement ordered them"


def test_public_trades_wait_for_every_event_up_to_now(client, house):
    client.order(side="BUY", price="100", quantity="1")
    client.ask("GET", "/api/v3/trades", "symbol=BTCUSDT")
    [mark] = house.books.reached
    assert mark.event_seq == house.market.core.venue.event_seq


def test_aggregated_trades_have_short_names(client, house):
    house.books.rows["trades"] = [(5, 10_000, 150_000, 11, 12, START_NS, 1)]
    [told] = client.ask("GET", "/api/v3/aggTrades", "symbol=BTCUSDT").json
    assert told == {
        "a": 5,
        "p": "100.00000000",
        "q": "1.50000000",
        "f": 11,
        "l": 12,
        "T": START_NS // 1_000_000,
        "m": True,
        "M": True,
    }


def test_while_the_books_are_away_history_says_so_and_the_rest_goes_on(client, house):
    house.books.away = True
    answer = client.signed("GET", "myTrades", symbol="BTCUSDT")
    assert (answer.status, answer.error[0], answer.headers["retry-after"]) == (503, -1001, "1")
    assert client.order(side="BUY", price="100", quantity="1").status == 200
    assert client.signed("GET", "openOrders").status == 200


def prices(side):
    return [(Decimal(price), Decimal(qty)) for price, qty in side]


def test_depth_is_told_best_first_and_as_deep_as_asked(client):
    for price in range(100, 106):
        client.order(side="BUY", price=price, quantity="1")
        client.order("bob", side="SELL", price=price + 100, quantity="2")
    told = client.ask("GET", "/api/v3/depth", "symbol=BTCUSDT&limit=2").json
    assert told["lastUpdateId"] == 12
    assert prices(told["bids"]) == [(105, 1), (104, 1)]
    assert prices(told["asks"]) == [(200, 2), (201, 2)]
    assert told["bids"][0] == ["105.00000000", "1.00000000"]
    # The house publishes four levels with every batch; what is deeper is made when it is asked for.
    for limit in ("5", "5000"):
        told = client.ask("GET", "/api/v3/depth", f"symbol=BTCUSDT&limit={limit}").json
        assert len(told["bids"]) == min(6, int(limit))


def test_depth_is_never_behind_an_answer(client):
    for quantity in (1, 2, 3):
        client.order(side="BUY", price="100", quantity="1")
        for _ in range(2):
            told = client.ask("GET", "/api/v3/depth", "symbol=BTCUSDT").json
            assert prices(told["bids"]) == [(100, quantity)]


def test_instruments_are_described_with_their_filters(client):
    told = client.ask("GET", "/api/v3/exchangeInfo").json
    assert [one["symbol"] for one in told["symbols"]] == [
        "BTCUSDT",
        "ETHUSDT",
        "AAPLUSD",
        "AMZNUSD",
    ]
    assert (told["timezone"], told["serverTime"]) == ("UTC", START_NS // 1_000_000)
    assert {one["rateLimitType"] for one in told["rateLimits"]} == {
        "REQUEST_WEIGHT",
        "ORDERS",
        "RAW_REQUESTS",
    }
    btc, aapl = told["symbols"][0], told["symbols"][2]
    assert (btc["status"], btc["baseAsset"], btc["quoteAsset"]) == ("TRADING", "BTC", "USDT")
    assert (btc["baseAssetPrecision"], btc["isMarginTradingAllowed"]) == (8, False)
    assert btc["permissionSets"] == [["SPOT"]]
    assert btc["permissions"] == []
    assert "TRANSFER" not in btc["allowedSelfTradePreventionModes"]
    assert btc["defaultSelfTradePreventionMode"] == "EXPIRE_MAKER"
    filters = {one["filterType"]: one for one in btc["filters"]}
    assert filters["PRICE_FILTER"] == {
        "filterType": "PRICE_FILTER",
        "minPrice": "0.01000000",
        "maxPrice": "1000000.00000000",
        "tickSize": "0.01000000",
    }
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert filters["NOTIONAL"]["minNotional"] == "5.00000000"
    assert filters["PERCENT_PRICE_BY_SIDE"]["bidMultiplierDown"] == "0.2"
    assert filters["MAX_NUM_ORDERS"]["maxNumOrders"] == 1000
    # Some clients index these without asking, and take a maximum of 0 at its word.
    for symbol in (btc, aapl):
        by_type = {one["filterType"]: one for one in symbol["filters"]}
        assert {"PRICE_FILTER", "LOT_SIZE", "MARKET_LOT_SIZE", "NOTIONAL"} <= set(by_type)
        assert Decimal(by_type["NOTIONAL"]["maxNotional"]) > 0
        assert Decimal(by_type["MARKET_LOT_SIZE"]["maxQty"]) > 0


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ("symbol=BTCUSDT", ["BTCUSDT"]),
        ('symbols=["ETHUSDT","BTCUSDT"]', ["ETHUSDT", "BTCUSDT"]),
        ("permissions=SPOT&symbolStatus=TRADING", ["BTCUSDT", "ETHUSDT", "AAPLUSD", "AMZNUSD"]),
        ('permissions=["MARGIN"]', []),
        ("symbolStatus=HALT", []),
    ],
)
def test_instruments_are_chosen_by_name_permission_and_status(client, query, symbols):
    told = client.ask("GET", "/api/v3/exchangeInfo", query).json
    assert [one["symbol"] for one in told["symbols"]] == symbols


def test_a_halt_and_a_changed_term_are_told_at_once(client, house):
    assert client.ask("GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT").status == 200
    house.market.command(kind=CommandKind.SET_PHASE, term=SessionPhase.HALTED)
    house.market.command(
        kind=CommandKind.SET_INSTRUMENT, term=InstrumentTerm.MAX_NUM_ORDERS, amount=7
    )
    [told] = client.ask("GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT").json["symbols"]
    assert told["status"] == "HALT"
    assert {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 7} in told["filters"]
    wrong = client.ask("GET", "/api/v3/depth", "symbol=BTCUSDT&symbolStatus=TRADING")
    assert wrong.error == (
        -1220,
        "The symbol's status does not match the requested symbolStatus.",
    )


def test_an_instrument_added_while_we_run_is_found(client, house):
    assert client.ask("GET", "/api/v3/depth", "symbol=NEWUSDT").error[0] == -1121
    house.market.command(
        kind=CommandKind.ADD_INSTRUMENT,
        instrument=4,
        asset=1,
        term=2,
        price=2,
        order_qty=4,
        amount=100_000,
        cl_ord_id=b"NEWUSDT",
    )
    assert client.ask("GET", "/api/v3/depth", "symbol=NEWUSDT").status == 200
