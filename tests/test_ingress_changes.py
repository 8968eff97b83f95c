"""What a client hears when it cancels, replaces and amends (API sections 8.3 to 8.5, 8.7)."""

import re

import pytest

from tests.rest_house import House


@pytest.fixture
def client():
    with House().open() as client:
        yield client


def test_a_cancel_tells_the_order_and_its_own_id(client):
    client.order(side="BUY", price="100", quantity="2", newClientOrderId="mine")
    client.order("bob", side="SELL", price="100", quantity="0.5")
    told = client.signed(
        "DELETE", "order", symbol="BTCUSDT", orderId=1, newClientOrderId="my-cancel"
    )
    assert told.status == 200
    assert {
        name: told.json[name]
        for name in ("origClientOrderId", "clientOrderId", "orderId", "status", "executedQty")
    } == {
        "origClientOrderId": "mine",
        "clientOrderId": "my-cancel",
        "orderId": 1,
        "status": "CANCELED",
        "executedQty": "0.50000000",
    }
    assert "fills" not in told.json and "workingTime" not in told.json


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ({"orderId": 99}, (-2011, "Unknown order sent.")),
        ({"orderId": 0}, (-2011, "Unknown order sent.")),
        ({"origClientOrderId": "other"}, (-2011, "Unknown order sent.")),
        (
            {"orderId": 1, "origClientOrderId": "other"},
            (-2011, "Cancel order is invalid. Check origClOrdId and orderId."),
        ),
        (
            {"orderId": 1, "cancelRestrictions": "ONLY_PARTIALLY_FILLED"},
            (-2011, "Order was not canceled due to cancel restrictions."),
        ),
        ({"orderId": 1, "origClientOrderId": "mine"}, None),
        ({"origClientOrderId": "mine"}, None),
        ({"orderId": 1, "cancelRestrictions": "ONLY_NEW"}, None),
    ],
)
def test_which_order_a_cancel_means(client, target, error):
    client.order(side="BUY", price="100", quantity="1", newClientOrderId="mine")
    answer = client.signed("DELETE", "order", symbol="BTCUSDT", **target)
    assert (answer.status, answer.error if error else None) == (400 if error else 200, error)


def test_another_accounts_order_cannot_be_cancelled(client):
    client.order(side="BUY", price="100", quantity="1")
    answer = client.signed("DELETE", "order", "bob", symbol="BTCUSDT", orderId=1)
    assert answer.error == (-2011, "Unknown order sent.")


def test_cancelling_all_tells_every_order(client):
    for price in ("100", "101"):
        client.order(side="BUY", price=price, quantity="1")
    client.order("bob", side="BUY", price="99", quantity="1")
    told = client.signed("DELETE", "openOrders", symbol="BTCUSDT").json
    assert [(one["orderId"], one["status"]) for one in told] == [(1, "CANCELED"), (2, "CANCELED")]
    again = client.signed("DELETE", "openOrders", symbol="BTCUSDT")
    assert again.error == (-2011, "Unknown order sent.")


REPLACE = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "101",
    "quantity": "1",
}


def replace(client, mode, **fields):
    return client.signed(
        "POST", "order/cancelReplace", cancelReplaceMode=mode, **{**REPLACE, **fields}
    )


def test_a_replace_that_succeeds_tells_both_halves(client):
    client.order(side="BUY", price="100", quantity="1")
    told = replace(client, "STOP_ON_FAILURE", cancelOrderId=1, cancelNewClientOrderId="c").json
    assert (told["cancelResult"], told["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert (told["cancelResponse"]["orderId"], told["cancelResponse"]["clientOrderId"]) == (1, "c")
    assert told["newOrderResponse"]["orderId"] == 2
    assert told["newOrderResponse"]["fills"] == []


UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
TOO_POOR = {"code": -2010, "msg": "Account has insufficient balance for requested action."}


@pytest.mark.parametrize(
    ("mode", "target", "quantity", "status", "code", "data"),
    [
        ("STOP_ON_FAILURE", 99, "1", 400, -2022, ("FAILURE", "NOT_ATTEMPTED", UNKNOWN, None)),
        ("ALLOW_FAILURE", 99, "1", 409, -2021, ("FAILURE", "SUCCESS", UNKNOWN, dict)),
        ("ALLOW_FAILURE", 99, "101", 400, -2022, ("FAILURE", "FAILURE", UNKNOWN, TOO_POOR)),
        ("STOP_ON_FAILURE", 1, "101", 409, -2021, ("SUCCESS", "FAILURE", dict, TOO_POOR)),
        ("ALLOW_FAILURE", 1, "101", 409, -2021, ("SUCCESS", "FAILURE", dict, TOO_POOR)),
    ],
)
def test_a_replace_that_fails_in_part_tells_which(
    client, mode, target, quantity, status, code, data
):
    client.order(side="SELL", price="2000", quantity="1")
    answer = replace(
        client, mode, side="SELL", price="1000", cancelOrderId=target, quantity=quantity
    )
    assert (answer.status, answer.error[0]) == (status, code)
    told = answer.json["data"]
    assert (told["cancelResult"], told["newOrderResult"]) == data[:2]
    for response, wanted in zip(
        (told["cancelResponse"], told["newOrderResponse"]), data[2:], strict=True
    ):
        assert isinstance(response, dict) if wanted is dict else response == wanted


def test_a_replace_whose_filters_fail_tries_neither_half(client):
    client.order(side="BUY", price="100", quantity="1")
    answer = replace(client, "STOP_ON_FAILURE", cancelOrderId=1, quantity="9001")
    assert answer.error == (-1013, "Filter failure: LOT_SIZE")
    assert client.signed("GET", "openOrders").json[0]["orderId"] == 1


def amend(client, **fields):
    return client.signed("PUT", "order/amend/keepPriority", symbol="BTCUSDT", **fields)


def test_an_amend_tells_the_order_as_it_is_now(client):
    client.order(side="BUY", price="100", quantity="2", newClientOrderId="old")
    told = amend(client, orderId=1, newQty="1.5", newClientOrderId="new").json
    assert set(told) == {"transactTime", "executionId", "amendedOrder"}
    order = told["amendedOrder"]
    assert (order["origClientOrderId"], order["clientOrderId"]) == ("old", "new")
    assert order["qty"] == "1.50000000"
    assert order["cumulativeQuoteQty"] == "0.00000000"
    assert "cummulativeQuoteQty" not in order


def test_an_amend_may_keep_the_text_id(client):
    client.order(side="BUY", price="100", quantity="2", newClientOrderId="same")
    order = amend(client, orderId=1, newQty="1", newClientOrderId="same").json["amendedOrder"]
    assert (order["origClientOrderId"], order["clientOrderId"]) == ("same", "same")


def test_an_amend_without_an_id_gives_the_order_a_new_one(client):
    client.order(side="BUY", price="100", quantity="2", newClientOrderId="old")
    order = amend(client, origClientOrderId="old", newQty="1").json["amendedOrder"]
    assert order["origClientOrderId"] == "old"
    assert re.fullmatch("[0-9A-Za-z]{22}", order["clientOrderId"])


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"newQty": "3"}, (-2038, "Order amend (quantity increase) is not supported.")),
        ({"newQty": "2"}, (-2038, "The requested action would change no state; rejecting.")),
        ({"newQty": "0.5"}, (-2038, "Invalid quantity.")),
        ({"newQty": "1", "orderId": 99}, (-2038, "Unknown order sent.")),
    ],
)
def test_an_amend_that_is_rejected(client, fields, error):
    client.order(side="BUY", price="100", quantity="2")
    client.order("bob", side="SELL", price="100", quantity="0.5")
    assert amend(client, **{"orderId": 1, **fields}).error == error
