"""Order lists over REST: placed, cancelled, refused (API section 8.6; rules O-1, O-2)."""

import pytest

from ingress.params import DECIMAL
from tests.reference_market import START_NS
from tests.rest_house import House

SELL_OCO = {
    "symbol": "BTCUSDT",
    "side": "SELL",
    "quantity": "1",
    "aboveType": "LIMIT_MAKER",
    "abovePrice": "110",
    "belowType": "STOP_LOSS_LIMIT",
    "belowStopPrice": "90",
    "belowPrice": "89",
    "belowTimeInForce": "GTC",
}
OTO = {
    "symbol": "BTCUSDT",
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "100",
    "workingQuantity": "1",
    "workingTimeInForce": "GTC",
    "pendingType": "LIMIT_MAKER",
    "pendingSide": "SELL",
    "pendingQuantity": "1",
    "pendingPrice": "120",
}
OTOCO = {
    **{name: value for name, value in OTO.items() if not name.startswith("pending")},
    "pendingSide": "SELL",
    "pendingQuantity": "1",
    "pendingAboveType": "LIMIT_MAKER",
    "pendingAbovePrice": "120",
    "pendingBelowType": "STOP_LOSS",
    "pendingBelowStopPrice": "80",
}
LIST = {
    "orderListId",
    "contingencyType",
    "listStatusType",
    "listOrderStatus",
    "listClientOrderId",
    "transactionTime",
    "symbol",
    "orders",
    "orderReports",
}


@pytest.fixture
def house():
    return House()


@pytest.fixture
def client(house):
    with house.open() as client:
        client.order(side="BUY", price="100", quantity="1")
        client.order("bob", side="SELL", price="100", quantity="1")
        yield client


def test_an_oco_is_told_with_both_orders_the_lower_first(client):
    told = client.signed("POST", "orderList/oco", **SELL_OCO, listClientOrderId="pair").json
    assert set(told) == LIST
    assert (told["contingencyType"], told["listStatusType"]) == ("OCO", "EXEC_STARTED")
    assert (told["listOrderStatus"], told["listClientOrderId"]) == ("EXECUTING", "pair")
    below, above = told["orderReports"]
    assert [one["orderId"] for one in told["orders"]] == [below["orderId"], above["orderId"]]
    assert (below["type"], below["stopPrice"]) == ("STOP_LOSS_LIMIT", "90.00000000")
    assert (above["type"], above["price"]) == ("LIMIT_MAKER", "110.00000000")
    assert {one["status"] for one in (below, above)} == {"NEW"}
    assert {one["orderListId"] for one in (below, above)} == {told["orderListId"]}
    assert (below["workingTime"], above["workingTime"] > 0) == (-1, True)


def test_a_list_counts_as_its_orders(client):
    answer = client.signed("POST", "orderList/oco", **SELL_OCO)
    # The order before it gave its count back when it was filled.
    assert answer.headers["x-mbx-order-count-10s"] == "2"
    answer = client.signed("POST", "orderList/otoco", **OTOCO)
    assert answer.headers["x-mbx-order-count-10s"] == "5"


@pytest.mark.parametrize(
    ("answer", "has_status", "has_fills"),
    [("ACK", False, False), ("RESULT", True, False), ("FULL", True, True)],
)
def test_reports_are_as_long_as_asked_for(client, answer, has_status, has_fills):
    told = client.signed("POST", "orderList/oco", **SELL_OCO, newOrderRespType=answer).json
    for report in told["orderReports"]:
        assert ("status" in report, "fills" in report) == (has_status, has_fills)


def test_the_old_form_makes_the_same_pair_the_stop_first(client):
    old = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "price": "110", "stopPrice": "90"}
    told = client.signed("POST", "order/oco", **old).json
    assert [one["type"] for one in told["orderReports"]] == ["STOP_LOSS", "LIMIT_MAKER"]
    limited = {**old, "stopLimitPrice": "89", "stopLimitTimeInForce": "GTC"}
    told = client.signed("POST", "order/oco", **limited, stopClientOrderId="s").json
    assert [one["type"] for one in told["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert told["orders"][0]["clientOrderId"] == "s"
    hint = "Recommendation: 'stopLimitTimeInForce' should also be sent."
    wrong = client.signed("POST", "order/oco", **old, stopLimitPrice="89")
    assert wrong.error == (-1128, f"Combination of optional parameters invalid. {hint}")


def test_a_pending_order_is_told_as_pending_even_when_the_working_one_fills_at_once(client):
    resting = client.signed("POST", "orderList/oto", **OTO).json
    assert resting["contingencyType"] == "OTO"
    working, pending = resting["orderReports"]
    assert (working["status"], pending["status"], pending["workingTime"]) == (
        "NEW",
        "PENDING_NEW",
        -1,
    )
    client.order("bob", side="SELL", price="105", quantity="1")
    filled = client.signed("POST", "orderList/oto", **{**OTO, "workingPrice": "105"}).json
    working, pending = filled["orderReports"]
    assert (working["status"], pending["status"]) == ("FILLED", "PENDING_NEW")
    [shown] = [
        one
        for one in client.signed("GET", "openOrders", symbol="BTCUSDT").json
        if one["orderId"] == pending["orderId"]
    ]
    assert (shown["status"], shown["isWorking"]) == ("NEW", True)


def test_an_otoco_has_a_working_order_and_a_pair(client):
    told = client.signed("POST", "orderList/otoco", **OTOCO).json
    assert [one["type"] for one in told["orderReports"]] == ["LIMIT", "STOP_LOSS", "LIMIT_MAKER"]
    assert [one["status"] for one in told["orderReports"]] == ["NEW", "PENDING_NEW", "PENDING_NEW"]
    assert [one["side"] for one in told["orderReports"]] == ["BUY", "SELL", "SELL"]


@pytest.mark.parametrize("target", ["orderListId", "listClientOrderId"])
def test_a_list_is_cancelled_by_its_id_or_its_text(client, target):
    placed = client.signed("POST", "orderList/oco", **SELL_OCO).json
    asked = {"symbol": "BTCUSDT", target: placed[target], "newClientOrderId": "bye"}
    told = client.signed("DELETE", "orderList", **asked).json
    assert set(told) == LIST
    assert (told["listStatusType"], told["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert [one["status"] for one in told["orderReports"]] == ["CANCELED", "CANCELED"]
    assert {one["clientOrderId"] for one in told["orderReports"]} == {"bye"}
    again = client.signed("DELETE", "orderList", **asked)
    assert (again.status, again.error[0]) == (400, -2011)


def test_a_list_that_is_not_named_cannot_be_cancelled(client):
    wrong = client.signed("DELETE", "orderList", symbol="BTCUSDT")
    text = "Param 'orderListId' or 'listClientOrderId' must be sent, but both were empty/null!"
    assert wrong.error == (-1102, text)
    assert client.signed("DELETE", "orderList", symbol="BTCUSDT", orderListId=0).error[0] == -2011


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"aboveType": "LIMIT"}, (-1158, "Order type not supported in OCO.")),
        (
            {"belowType": "LIMIT_MAKER", "belowPrice": "95"},
            (-1168, "At least one OCO order must be contingent."),
        ),
        (
            {"side": "BUY"},
            (-1196, "A stop loss order in a buy OCO must be above."),
        ),
        (
            {"aboveType": "STOP_LOSS"},
            (-1197, "A stop loss order in a sell OCO must be below."),
        ),
        (
            {"belowType": "TAKE_PROFIT"},
            (-1199, "A take profit order in a sell OCO must be above."),
        ),
        (
            {"abovePrice": "80"},
            (-2010, "The relationship of the prices for the orders is not correct."),
        ),
        ({"quantity": "1000"}, (-2010, "Account has insufficient balance for requested action.")),
    ],
)
def test_a_pair_that_does_not_stand_around_the_market_is_refused(client, changes, error):
    assert client.signed("POST", "orderList/oco", **{**SELL_OCO, **changes}).error == error


@pytest.mark.parametrize(
    ("without", "with_", "error"),
    [
        (
            "abovePrice",
            {},
            (-1102, "Mandatory parameter 'abovePrice' was not sent, was empty/null, or malformed."),
        ),
        (
            "belowTimeInForce",
            {},
            (
                -1102,
                "Mandatory parameter 'belowTimeInForce' was not sent, was empty/null, or malformed.",
            ),
        ),
        (
            "belowStopPrice",
            {},
            (
                -1102,
                "Param 'belowStopPrice' or 'belowTrailingDelta' must be sent, but both were empty/null!",
            ),
        ),
        (
            "quantity",
            {"quantity": "1,5"},
            (
                -1100,
                f"Illegal characters found in parameter 'quantity'; legal range is '{DECIMAL}'.",
            ),
        ),
    ],
)
def test_a_leg_is_refused_in_the_names_that_the_client_uses(client, without, with_, error):
    asked = {name: value for name, value in SELL_OCO.items() if name != without} | with_
    assert client.signed("POST", "orderList/oco", **asked).error == error


def stored_list(list_id=5, *, done=False, text="pair"):
    return (list_id, 0, 1, done, START_NS, text)


def test_a_stored_list_is_told_with_its_orders(client, house):
    house.books.rows["order_lists"] = [stored_list()]
    house.books.rows["orders"] = [(5, 7, "a"), (5, 8, "b")]
    told = client.signed("GET", "orderList", orderListId=5).json
    assert set(told) == LIST - {"orderReports"}
    assert [one["orderId"] for one in told["orders"]] == [7, 8]
    assert (told["listStatusType"], told["listOrderStatus"]) == ("EXEC_STARTED", "EXECUTING")
    house.books.rows["order_lists"] = [stored_list(done=True)]
    assert client.signed("GET", "allOrderList").json[0]["listOrderStatus"] == "ALL_DONE"
    wrong = client.signed("GET", "orderList", orderListId=5, origClientOrderId="other")
    assert wrong.error == (-2018, "Order list does not exist.")


def test_a_list_that_never_was_does_not_exist(client):
    assert client.signed("GET", "orderList", orderListId=5).error[0] == -2018
    assert client.signed("GET", "orderList").error[0] == -1102


def test_without_an_open_list_the_books_are_not_even_asked(client, house):
    house.books.away = True
    assert client.signed("GET", "openOrderList").json == []
    client.signed("POST", "orderList/oco", **SELL_OCO)
    assert client.signed("GET", "openOrderList").error[0] == -1001
