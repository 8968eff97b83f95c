"""Many orders in one request: each is answered on its own, in order."""

import json

import pytest

from protocol.records import Command
from runtime.endpoints import rows_in
from tests.rest_house import House

LIMIT = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}


@pytest.fixture
def house():
    return House()


@pytest.fixture
def client(house):
    with house.open() as client:
        yield client


def batch(client, *orders, verb="POST"):
    return client.signed(verb, "batchOrders", batchOrders=json.dumps(orders))


def test_each_order_is_answered_as_if_it_had_come_alone(client):
    answer = batch(
        client,
        {**LIMIT, "price": "100", "quantity": "1", "newClientOrderId": "one"},
        {**LIMIT, "price": "100", "quantity": "1", "newClientOrderId": "one"},
        {**LIMIT, "price": "100"},
        {**LIMIT, "price": "99", "quantity": "1", "newOrderRespType": "ACK"},
        {**LIMIT, "symbol": "NONE", "price": "99", "quantity": "1"},
    )
    assert answer.status == 200
    first, second, third, fourth, fifth = answer.json
    assert (first["status"], first["fills"]) == ("NEW", [])
    assert second == {"code": -2010, "msg": "Duplicate order sent."}
    assert third["code"] == -1102
    assert (fourth["orderId"], "status" in fourth) == (first["orderId"] + 1, False)
    assert fifth == {"code": -1121, "msg": "Invalid symbol."}
    assert answer.headers["x-mbx-order-count-10s"] == "2"


@pytest.mark.parametrize(
    ("more", "frames"), [({}, [50]), ({"strategyId": "1"}, [16, 16, 16, 2])], ids=["plain", "not"]
)
def test_all_orders_leave_in_full_frames_in_their_order(client, house, more, frames):
    prices = [str(100 + number) for number in range(50)]
    orders = [{**LIMIT, "price": price, "quantity": "0.1", **more} for price in prices]
    answer = batch(client, *orders)
    assert [one["price"] for one in answer.json] == [f"{price}.00000000" for price in prices]
    sent = [rows_in(Command, frame)["price"].tolist() for frame in house.wire.frames]
    assert [one for frame in sent for one in frame] == [int(price) * 100 for price in prices]
    assert [len(one) for one in sent] == frames


def test_numbers_count_as_they_were_written(client):
    text = json.dumps([{**LIMIT, "price": "P", "quantity": "Q"}])
    text = text.replace('"P"', "100.10").replace('"Q"', "0.00010")
    [told] = client.signed("POST", "batchOrders", batchOrders=text).json
    # Too small for the notional filter, so both numbers were read.
    assert told == {"code": -1013, "msg": "Filter failure: NOTIONAL"}


def test_an_order_that_hears_nothing_is_told_as_unknown(client, house):
    house.wire.deaf = True
    [told] = batch(client, {**LIMIT, "price": "100", "quantity": "1"}).json
    assert told["code"] == -1007


@pytest.mark.parametrize("more", [{}, {"strategyId": "1"}], ids=["plain", "not"])
def test_orders_that_the_matcher_takes_none_of_are_not_counted(client, monkeypatch, more):
    monkeypatch.setattr("ingress.views.Views.is_ready", lambda self: False)  # noqa: ARG005
    order = {**LIMIT, "price": "100", "quantity": "1", **more}
    answer = batch(client, order, order)
    assert [one["code"] for one in answer.json] == [-1008, -1008]
    assert answer.headers["x-mbx-order-count-10s"] == "0"


def test_each_cancel_is_answered_as_if_it_had_come_alone(client, house):
    placed = batch(
        client,
        {**LIMIT, "price": "100", "quantity": "1", "newClientOrderId": "one"},
        {**LIMIT, "price": "101", "quantity": "1"},
    ).json
    house.wire.frames.clear()
    answer = batch(
        client,
        {"symbol": "BTCUSDT", "orderId": placed[1]["orderId"], "newClientOrderId": "gone"},
        {"symbol": "BTCUSDT", "orderId": placed[1]["orderId"]},
        {"symbol": "BTCUSDT", "origClientOrderId": "one"},
        {"symbol": "BTCUSDT"},
        {"symbol": "NONE", "orderId": "1"},
        {"symbol": "BTCUSDT", "orderId": "x"},
        verb="DELETE",
    )
    assert answer.status == 200
    first, second, third, fourth, fifth, sixth = answer.json
    assert (first["status"], first["clientOrderId"]) == ("CANCELED", "gone")
    assert first["orderId"] == placed[1]["orderId"]
    assert second == {"code": -2011, "msg": "Unknown order sent."}
    assert (third["status"], third["origClientOrderId"]) == ("CANCELED", "one")
    assert [one["code"] for one in (fourth, fifth, sixth)] == [-1102, -1121, -1100]
    [frame] = house.wire.frames
    assert len(rows_in(Command, frame)) == 3
    assert client.signed("GET", "openOrders").json == []


def test_a_cancel_that_hears_nothing_is_told_as_unknown(client, house):
    house.wire.deaf = True
    [told] = batch(client, {"symbol": "BTCUSDT", "orderId": "1"}, verb="DELETE").json
    assert told["code"] == -1007


@pytest.mark.parametrize("verb", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", -1102),
        ("[]", -1102),
        ("{}", -1135),
        ("[1]", -1135),
        ('[{"a":{}}]', -1135),
        ("[{]", -1135),
        ("[" * 10_000, -1135),
        (json.dumps([LIMIT] * 51), -1101),
    ],
)
def test_what_is_no_list_of_orders_is_refused_as_a_whole(client, house, text, code, verb):
    answer = client.signed(verb, "batchOrders", batchOrders=text)
    assert (answer.status, answer.error[0]) == (400, code)
    assert house.wire.frames == []
