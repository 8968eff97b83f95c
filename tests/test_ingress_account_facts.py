"""What holds for an account: fees, counts, filters, stream keys, and the wallet's few answers (API section 9)."""

import pytest

from runtime.listen_keys import KEY_LENGTH, LIFE_NS
from tests.reference_market import START_NS
from tests.rest_house import House

STREAM = "/api/v3/userDataStream"
KEY = {"X-MBX-APIKEY": "alice"}


@pytest.fixture
def house():
    return House()


@pytest.fixture
def client(house):
    with house.open() as client:
        yield client


def test_commission_is_the_share_of_the_account_s_tier(client, house):
    told = client.signed("GET", "account/commission", symbol="BTCUSDT").json
    assert set(told) == {
        "symbol",
        "standardCommission",
        "specialCommission",
        "taxCommission",
        "discount",
    }
    full = told["standardCommission"]
    assert set(full) == {"maker", "taker", "buyer", "seller"}
    house.books.rows["fee_tiers"] = [(5_000, 2_500)]
    less = client.signed("GET", "account/commission", symbol="BTCUSDT").json["standardCommission"]
    assert float(less["maker"]) == float(full["maker"]) / 2
    assert float(less["taker"]) == float(full["taker"]) / 4


def test_the_orders_counted_are_told_and_asking_does_not_count(client):
    client.order(side="BUY", price="100", quantity="1")
    for _ in range(2):
        told = client.signed("GET", "rateLimit/order").json
        assert [(one["interval"], one["intervalNum"], one["count"]) for one in told] == [
            ("SECOND", 10, 1),
            ("DAY", 1, 1),
        ]


def test_the_filters_of_an_instrument_are_those_of_exchange_info(client):
    told = client.signed("GET", "myFilters", symbol="BTCUSDT").json
    [info] = client.ask("GET", "/api/v3/exchangeInfo", "symbol=BTCUSDT").json["symbols"]
    assert told == {"exchangeFilters": [], "symbolFilters": info["filters"], "assetFilters": []}


def test_an_amendment_tells_the_quantity_before_and_after(client, house):
    house.books.rows["amendments"] = [(44, 100_000, 50_000, START_NS, "old", "new")]
    told = client.signed("GET", "order/amendments", symbol="BTCUSDT", orderId=7).json
    assert told == [
        {
            "symbol": "BTCUSDT",
            "orderId": 7,
            "executionId": 44,
            "origClientOrderId": "old",
            "newClientOrderId": "new",
            "origQty": "1.00000000",
            "newQty": "0.50000000",
            "time": START_NS // 1_000_000,
        }
    ]


def test_a_prevented_match_tells_only_the_side_that_lost_something(client, house):
    house.books.rows["prevented_matches"] = [(0, START_NS, 10_000, 3, 4, 100_000, 0, 3)]
    [told] = client.signed("GET", "myPreventedMatches", symbol="BTCUSDT", orderId=4).json
    assert told["makerPreventedQuantity"] == "1.00000000"
    assert "takerPreventedQuantity" not in told
    assert (told["selfTradePreventionMode"], told["tradeGroupId"]) == ("EXPIRE_MAKER", -1)
    wrong = client.signed("GET", "myPreventedMatches", symbol="BTCUSDT")
    assert wrong.error[0] == -1102


def test_a_listen_key_is_kept_extended_and_closed_with_the_key_alone(client, house):
    made = client.ask("POST", STREAM, headers=KEY).json
    assert len(made["listenKey"]) == KEY_LENGTH
    assert client.ask("POST", STREAM, headers=KEY).json == made
    query = f"listenKey={made['listenKey']}"
    assert client.ask("PUT", STREAM, query, headers=KEY).json == {}
    assert client.ask("PUT", STREAM, body=query.encode(), headers=KEY).json == {}
    house.now_ns += LIFE_NS - 1
    assert client.ask("PUT", STREAM, query, headers=KEY).json == {}
    assert client.ask("DELETE", STREAM, query, headers=KEY).json == {}
    gone = client.ask("PUT", STREAM, query, headers=KEY)
    assert gone.error == (-1125, "This listenKey does not exist.")


def test_a_listen_key_of_somebody_else_does_not_exist(client):
    made = client.ask("POST", STREAM, headers=KEY).json
    for verb in ("PUT", "DELETE"):
        query = f"listenKey={made['listenKey']}"
        assert client.ask(verb, STREAM, query, headers={"X-MBX-APIKEY": "bob"}).error[0] == -1125
    assert client.ask("POST", STREAM).error[0] == -2014


def signed_sapi(client, path, **fields):
    verb, _, query, body, headers = client.signed_request("GET", "x", **fields)
    return client.ask(verb, f"/sapi/v1/{path}", query, body, headers)


def test_clients_that_ask_for_a_wallet_find_coins_and_fees_and_no_margin(client):
    assert client.ask("GET", "/sapi/v1/system/status").json == {"status": 0, "msg": "normal"}
    assert client.ask("GET", "/sapi/v1/margin/allPairs", headers=KEY).json == []
    assert client.ask("GET", "/sapi/v1/margin/isolated/allPairs", headers=KEY).json == []
    fees = signed_sapi(client, "asset/tradeFee").json
    assert [one["symbol"] for one in fees] == ["BTCUSDT", "ETHUSDT", "AAPLUSD", "AMZNUSD"]
    assert signed_sapi(client, "asset/tradeFee", symbol="ETHUSDT").json == fees[1:2]
    coins = {one["coin"]: one for one in signed_sapi(client, "capital/config/getall").json}
    assert coins["BTC"]["free"] == "100.00000000"
    assert coins["BTC"]["networkList"][0]["withdrawEnable"] is False
