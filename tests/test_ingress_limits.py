"""What clients use is counted and told (API section 3)."""

import pytest

from ingress import limits
from ingress.limits import DAY_NS, MINUTE_NS, TEN_SECONDS_NS, Limits, Window
from tests.rest_house import START_NS, House

FULL_MINUTE = START_NS - START_NS % MINUTE_NS


def test_a_count_starts_anew_at_every_full_minute():
    window = Window(MINUTE_NS)
    assert window.add("a", 5, FULL_MINUTE + MINUTE_NS - 2) == 5
    assert window.add("a", 5, FULL_MINUTE + MINUTE_NS - 1) == 10
    assert window.add("a", 1, FULL_MINUTE + MINUTE_NS) == 1


def test_each_party_has_its_own_count():
    window = Window(MINUTE_NS)
    window.add("a", 5, FULL_MINUTE)
    assert window.add("b", 1, FULL_MINUTE) == 1


def test_a_count_never_falls_below_zero():
    window = Window(MINUTE_NS)
    assert window.add("a", 2, FULL_MINUTE) == 2
    assert window.add("a", -5, FULL_MINUTE) == 0
    assert window.add("a", 1, FULL_MINUTE) == 1


def test_the_parties_counted_in_one_window_are_bounded(monkeypatch):
    monkeypatch.setattr(limits, "PARTIES_LIMIT", 2)
    window = Window(MINUTE_NS)
    for party in ("a", "b", "c"):
        window.add(party, 1, FULL_MINUTE)
    assert window.add("b", 1, FULL_MINUTE) == 2
    assert window.add("c", 1, FULL_MINUTE) == 1
    assert window.add("c", 1, FULL_MINUTE + MINUTE_NS) == 1


def test_orders_are_counted_over_ten_seconds_and_over_the_day():
    counts = Limits(100)
    day = START_NS - START_NS % DAY_NS
    assert counts.count_orders(1, 1, day) == (1, 1)
    assert counts.count_orders(1, 1, day + TEN_SECONDS_NS) == (1, 2)
    assert counts.count_orders(1, 1, day + DAY_NS) == (1, 1)


@pytest.fixture
def client():
    with House().open() as client:
        yield client


def used(answer) -> int:
    assert answer.headers["x-mbx-used-weight"] == answer.headers["x-mbx-used-weight-1m"]
    return int(answer.headers["x-mbx-used-weight"])


def test_every_answer_tells_the_weight_used_in_this_minute(client):
    assert used(client.ask("GET", "/api/v3/ping")) == 1
    assert used(client.ask("GET", "/api/v3/depth", "symbol=BTCUSDT")) == 6
    assert used(client.ask("GET", "/api/v3/depth", "symbol=NOSUCH")) == 11
    assert used(client.signed("GET", "account")) == 31


def test_an_order_that_is_done_costs_nothing_and_one_that_fails_its_weight(client):
    good = client.order(side="BUY", price="100", quantity="1")
    assert (good.status, used(good)) == (200, 0)
    assert used(client.signed("DELETE", "order", symbol="BTCUSDT", orderId=1)) == 0
    assert used(client.signed("DELETE", "order", symbol="BTCUSDT", orderId=1)) == 1


def test_an_order_tells_how_many_the_account_placed(client):
    for number in (1, 2):
        headers = client.order(side="BUY", price="100", quantity="1").headers
        assert headers["x-mbx-order-count-10s"] == headers["x-mbx-order-count-1d"] == str(number)
    headers = client.order("bob", side="SELL", price="100", quantity="1").headers
    assert headers["x-mbx-order-count-1d"] == "0", "filled at once: the order gives its count back"
    refused = client.order(side="BUY", price="0.01", quantity="1")
    assert "x-mbx-order-count-1d" not in refused.headers
