"""The book order by order over REST (docs/l3.md)."""

import pytest

from tests.rest_house import House


@pytest.fixture
def house():
    return House()


def test_every_order_is_told_in_its_queue(house):
    head = house.market.board["queue_heads"][0]
    head["bids"], head["asks"], head["update_id"] = 2, 1, 17
    orders = house.market.board["queue_orders"][0]
    orders[:3] = [(7, 10_000, 150_000, 0, 0), (9, 10_000, 50_000, 1, 0), (8, 10_100, 10_000, 0, 0)]
    house.market.board["queue_count"][0] = 4
    with house.open() as client:
        told = client.ask("GET", "/api/v3/l3", "symbol=BTCUSDT").json
    assert told["lastUpdateId"] == 17
    assert told["symbol"] == "BTCUSDT"
    assert [order[0] for order in told["bids"]] == [7, 9]
    assert told["bids"][0][1] == told["bids"][1][1]
    # An order is its id, price and what it shows; whether it hides something is not told.
    assert {len(order) for order in told["bids"] + told["asks"]} == {3}
    assert float(told["asks"][0][1]) > float(told["bids"][0][1])
    assert float(told["bids"][0][2]) == 3 * float(told["bids"][1][2])


def test_an_unknown_symbol_is_refused(house):
    with house.open() as client:
        answer = client.ask("GET", "/api/v3/l3", "symbol=NONE")
        assert (answer.status, answer.error[0]) == (400, -1121)
        assert client.ask("GET", "/api/v3/l3").error[0] == -1102
