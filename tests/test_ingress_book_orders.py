"""The book order by order over REST (docs/l3.md)."""

import pytest

from tests.rest_house import House


@pytest.fixture
def house():
    return House()


def test_every_order_is_told_in_its_queue(house):
    with house.open() as client:
        for who, side, price, quantity, more in (
            ("bob", "SELL", "50001", "2", {"icebergQty": "0.5"}),
            ("alice", "BUY", "50000", "0.3", {}),
            ("bob", "BUY", "50000", "0.1", {}),
            ("alice", "BUY", "50000.5", "1", {}),
        ):
            placed = client.order(who, side=side, price=price, quantity=quantity, **more)
            assert placed.status == 200, placed.body
        told = client.ask("GET", "/api/v3/l3", "symbol=BTCUSDT").json
        other = client.ask("GET", "/api/v3/l3", "symbol=ETHUSDT").json
        depth = client.ask("GET", "/api/v3/depth", "symbol=BTCUSDT").json
    # An order is its id, price and what it shows; whether it hides something is not told.
    assert told == {
        "symbol": "BTCUSDT",
        "lastUpdateId": depth["lastUpdateId"],
        "bids": [
            [4, "50000.50000000", "1.00000000"],
            [2, "50000.00000000", "0.30000000"],
            [3, "50000.00000000", "0.10000000"],
        ],
        "asks": [[1, "50001.00000000", "0.50000000"]],
    }
    assert (other["symbol"], other["bids"], other["asks"]) == ("ETHUSDT", [], [])


def test_an_unknown_symbol_is_refused(house):
    with house.open() as client:
        answer = client.ask("GET", "/api/v3/l3", "symbol=NONE")
        assert (answer.status, answer.error[0]) == (400, -1121)
        assert client.ask("GET", "/api/v3/l3").error[0] == -1102
