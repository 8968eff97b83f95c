"""What clients use is counted, told and limited (API section 3)."""

import os

import pytest

from conf.sections import Rest
from ingress.counts import SharedCounts, Window
from ingress.errors import Refused
from ingress.limits import DAY_NS, FIRST_BAN_NS, LONGEST_BAN_NS, MINUTE_NS, TEN_SECONDS_NS, Limits
from tests.reference_market import START_NS
from tests.rest_house import House

DAY = START_NS - START_NS % DAY_NS


def limits(tmp_path, **rest) -> Limits:
    return Limits(Rest(**rest), SharedCounts(tmp_path, 1))


def test_orders_are_counted_over_ten_seconds_and_over_the_day(tmp_path):
    counts = limits(tmp_path)
    assert counts.take_orders(1, 1, DAY) == (1, 1)
    assert counts.take_orders(1, 1, DAY + TEN_SECONDS_NS) == (1, 2)
    assert counts.take_orders(1, 1, DAY + DAY_NS) == (1, 1)


def test_an_account_over_its_limit_hears_when_it_may_order_again(tmp_path):
    counts = limits(tmp_path, orders_limit_10s=3, orders_limit_1d=4)
    counts.take_orders(1, 3, DAY)
    with pytest.raises(Refused) as over:
        counts.take_orders(1, 1, DAY + 1_500_000_000)
    assert (over.value.status, over.value.code, over.value.retry_after_s) == (429, -1015, 9)
    assert over.value.msg == "Too many new orders; current limit is 3 orders per 10 SECOND."
    assert counts.take_orders(2, 1, DAY) == (1, 1), "another account is not concerned"
    with pytest.raises(Refused, match="current limit is 4 orders per 1 DAY"):
        counts.take_orders(1, 2, DAY + TEN_SECONDS_NS)
    assert counts.count_orders(1, 0, DAY + TEN_SECONDS_NS) == (0, 3), "nothing was counted"


def refusals(counts: Limits, address: str, now_ns: int, requests: int) -> list[tuple[int, int]]:
    told = []
    for _ in range(requests):
        with pytest.raises(Refused) as refusal:
            counts.admit(address, now_ns)
        told.append((refusal.value.status, refusal.value.retry_after_s))
    return told


def test_an_address_over_its_weight_is_refused_until_the_minute_ends(tmp_path):
    counts = limits(tmp_path, weight_limit=100)
    counts.admit("a", DAY)
    counts.charge("a", 100, DAY)
    assert refusals(counts, "a", DAY + 15_000_000_000, 1) == [(429, 45)]
    counts.admit("b", DAY)
    counts.admit("a", DAY + MINUTE_NS)


def test_an_address_that_goes_on_asking_is_banned_longer_each_time(tmp_path):
    counts = limits(tmp_path, weight_limit=1, ban_after=2)
    now_ns, lengths = START_NS - START_NS % (7 * DAY_NS), []
    for _ in range(13):
        counts.charge("a", 1, now_ns)
        assert [status for status, _ in refusals(counts, "a", now_ns, 2)] == [429, 429]
        ((status, seconds),) = refusals(counts, "a", now_ns, 1)
        assert status == 418
        # The ban holds in the next minutes too, whatever is asked.
        assert refusals(counts, "a", now_ns + FIRST_BAN_NS - 1, 1)[0][0] == 418
        counts.admit("b", now_ns)
        lengths.append(seconds)
        now_ns += seconds * 1_000_000_000
        counts.admit("a", now_ns)
    assert lengths[:4] == [120, 240, 480, 960]
    assert lengths[-2:] == [120 << 11, LONGEST_BAN_NS // 1_000_000_000]


def test_the_number_of_requests_is_limited_too(tmp_path):
    counts = limits(tmp_path, requests_limit=2)
    counts.admit("a", DAY)
    counts.admit("a", DAY)
    with pytest.raises(
        Refused, match="Too many requests; current limit is 2 requests per 5 MINUTE"
    ):
        counts.admit("a", DAY)


WINDOW = Window("things", MINUTE_NS)


@pytest.fixture
def workers(tmp_path):
    return [SharedCounts(tmp_path, 3) for _ in range(3)]


def test_all_workers_count_together(workers):
    for number, worker in enumerate(workers, 1):
        assert worker.add(WINDOW, "a", 5, DAY) == 5 * number
    assert {worker.add(WINDOW, "a", 0, DAY) for worker in workers} == {15}
    assert {worker.add(WINDOW, "b", 0, DAY) for worker in workers} == {0}


def test_a_count_starts_anew_when_its_window_ends(workers):
    one, other, _ = workers
    assert one.add(WINDOW, "a", 5, DAY + MINUTE_NS - 1) == 5
    assert other.add(WINDOW, "a", 1, DAY + MINUTE_NS) == 1
    assert one.add(WINDOW, "a", 0, DAY + MINUTE_NS) == 1


def test_a_count_never_falls_below_zero(workers):
    one, other, _ = workers
    assert one.add(WINDOW, "a", 2, DAY) == 2
    assert other.add(WINDOW, "a", -5, DAY) == 0
    assert one.add(WINDOW, "a", 1, DAY) == 1


def test_what_a_dead_worker_counted_stays(tmp_path, workers):
    workers[0].add(WINDOW, "a", 5, DAY)
    # As the kernel does for a process that is killed.
    os.close(workers[0]._cell_lock)
    successor = SharedCounts(tmp_path, 3)
    assert successor.add(WINDOW, "a", 1, DAY) == 6


def test_a_row_that_becomes_free_does_not_hide_those_behind_it(tmp_path, monkeypatch):
    monkeypatch.setattr("ingress.counts.ROWS", 4)
    monkeypatch.setattr("ingress.counts.PROBES", 4)
    one, other = SharedCounts(tmp_path, 2), SharedCounts(tmp_path, 2)
    day = Window("day", DAY_NS)
    for party in ("a", "b", "c"):
        one.add(WINDOW, party, 1, DAY)
    one.add(day, "long", 7, DAY)
    # The short windows are over, so their rows are free; the long one is still found.
    assert other.add(day, "long", 1, DAY + MINUTE_NS) == 8


def test_parties_beyond_the_table_are_counted_by_each_worker_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("ingress.counts.ROWS", 2)
    monkeypatch.setattr("ingress.counts.PROBES", 2)
    one = SharedCounts(tmp_path, 1)
    for party in ("a", "b", "c"):
        one.add(WINDOW, party, 1, DAY)
    assert one.add(WINDOW, "c", 2, DAY) == 3
    assert one.add(WINDOW, "c", 1, DAY + MINUTE_NS) == 1


def test_a_ban_is_seen_by_all_workers_at_once_until_it_ends(workers):
    one, other, _ = workers
    assert other.banned_until("a", DAY) == 0
    one.ban("a", DAY + 100, DAY)
    assert other.banned_until("a", DAY) == DAY + 100
    assert other.banned_until("b", DAY) == 0
    assert other.banned_until("a", DAY + 100) == 0
    other.ban("a", DAY + 900, DAY + 200)
    assert one.banned_until("a", DAY + 200) == DAY + 900


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


def orders_counted(answer) -> str:
    assert answer.headers["x-mbx-order-count-10s"] == answer.headers["x-mbx-order-count-1d"]
    return answer.headers["x-mbx-order-count-1d"]


def test_an_order_tells_how_many_the_account_placed(client):
    for number in (1, 2):
        assert orders_counted(client.order(side="BUY", price="100", quantity="1")) == str(number)
    taken = client.order("bob", side="SELL", price="100", quantity="1")
    assert orders_counted(taken) == "0", "filled at once: the order gives its count back"
    refused = client.order(side="BUY", price="0.01", quantity="1")
    assert "x-mbx-order-count-1d" not in refused.headers
    # Of the two orders one was filled as maker, which gives five back; the refused one never counted.
    assert orders_counted(client.order(side="BUY", price="90", quantity="1")) == "1"


def test_only_the_first_fill_gives_something_back(client):
    for _ in range(8):
        client.order(side="BUY", price="90", quantity="1")
    client.order(side="BUY", price="100", quantity="3")
    client.order("bob", side="SELL", price="100", quantity="1")
    client.order("bob", side="SELL", price="100", quantity="1")
    assert client.signed("GET", "rateLimit/order").json[0]["count"] == 9 - 5


def test_the_limit_of_orders_is_told_and_holds(client):
    with House(orders_limit_10s=2).open() as client:
        told = client.ask("GET", "/api/v3/exchangeInfo").json["rateLimits"]
        assert {one["limit"] for one in told if one["rateLimitType"] == "ORDERS"} == {2, 10**11}
        for _ in range(2):
            assert client.order(side="BUY", price="90", quantity="1").status == 200
        over = client.order(side="BUY", price="90", quantity="1")
        assert (over.status, over.json["code"]) == (429, -1015)
        assert 0 < int(over.headers["retry-after"]) <= 10
        # A cancel counts as no order.
        assert client.signed("DELETE", "order", symbol="BTCUSDT", orderId=1).status == 200


@pytest.mark.parametrize(
    ("mode", "order_id", "status", "code", "result"),
    [
        ("STOP_ON_FAILURE", 1, 429, -2021, "SUCCESS"),
        ("ALLOW_FAILURE", 1, 409, -2021, "SUCCESS"),
        ("ALLOW_FAILURE", 99, 400, -2022, "FAILURE"),
    ],
)
def test_a_replacement_over_the_limit_may_cancel_alone(mode, order_id, status, code, result):
    fields = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "price": "80",
        "quantity": "1",
        "cancelReplaceMode": mode,
        "cancelOrderId": order_id,
    }
    with House(orders_limit_10s=1).open() as client:
        client.order(side="BUY", price="90", quantity="1")
        whole = client.signed("POST", "order/cancelReplace", **fields)
        assert (whole.status, whole.json["code"]) == (429, -1015)
        assert len(client.signed("GET", "openOrders").json) == 1
        fields["orderRateLimitExceededMode"] = "CANCEL_ONLY"
        half = client.signed("POST", "order/cancelReplace", **fields)
        assert (half.status, half.json["code"]) == (status, code)
        told = half.json["data"]
        assert (told["cancelResult"], told["newOrderResult"]) == (result, "FAILURE")
        assert told["newOrderResponse"]["code"] == -1015
        assert len(client.signed("GET", "openOrders").json) == (0 if result == "SUCCESS" else 1)


def test_a_refused_address_hears_it_in_the_form_of_the_dialect():
    with House(weight_limit=2, ban_after=1).open() as client:
        assert client.ask("GET", "/api/v3/time").status == 200
        assert client.ask("GET", "/api/v3/time").status == 200
        over = client.ask("GET", "/api/v3/time")
        assert (over.status, over.json["code"]) == (429, -1003)
        assert over.json["msg"].startswith(
            "Too much request weight used; current limit is 2 request weight per 1 MINUTE."
        )
        assert 0 < int(over.headers["retry-after"]) <= 60
        assert used(over) == 2, "being refused costs nothing"
        banned = client.ask("GET", "/api/v3/time")
        assert (banned.status, banned.json["code"]) == (418, -1003)
        assert banned.json["msg"].startswith("Way too much request weight used; IP banned until 1")
        assert int(banned.headers["retry-after"]) == 120
