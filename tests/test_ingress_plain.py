"""Plain orders past Python: two doors, one of them without compiled code, give the same answers to everything."""

import json
import random
from typing import Any

import pytest

from ingress import plain
from tests.rest_house import House

SYMBOLS = {"BTCUSDT": (50_000, 5), "AAPLUSD": (150, 2)}
ROUNDS = 60


@pytest.fixture
def house():
    return House()


@pytest.fixture
def client(house):
    with house.open() as client:
        yield client


def in_python(monkeypatch: Any) -> None:
    """Let compiled code understand nothing."""
    monkeypatch.setattr(plain, "_parted", lambda query, body: (b"", ""))  # noqa: ARG005


class Orders:
    """Makes the orders of a random session, many of them refused by the door or the market."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._count = 0

    def order(self) -> dict[str, str]:
        """Make one order."""
        pick = self._random.choice
        self._count += 1
        symbol = pick([*SYMBOLS])
        middle, _ = SYMBOLS[symbol]
        order = {
            "symbol": symbol,
            "side": pick(["BUY", "SELL"]),
            "type": pick(["LIMIT"] * 6 + ["MARKET", "MARKET", "LIMIT_MAKER"]),
            "quantity": pick(["1", "2", "3", "0.5", "7", "30"]),
            "newClientOrderId": pick([f"id-{self._count}"] * 9 + ["again"]),
        }
        if order["type"] != "MARKET":
            order["price"] = str(middle + pick([-2, -1, 0, 0, 0, 1, 2]))
        if order["type"] == "LIMIT":
            order["timeInForce"] = pick(["GTC"] * 5 + ["IOC", "FOK", "DAY"])
        for name, texts in (
            ("newOrderRespType", ["ACK", "RESULT", "FULL"]),
            ("selfTradePreventionMode", ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"]),
            ("icebergQty", ["1"]),
            ("strategyId", ["7"]),
            ("quantity", ["0", "1000000000000", "0.000000001", "x", ""]),
            ("symbol", ["NONE"]),
        ):
            if self._random.random() < (0.3 if name.startswith("new") else 0.03):
                order[name] = pick(texts)
        return order

    def request(self) -> tuple[str, str, dict[str, str]]:
        """Make one request: who, path, parameters."""
        who = self._random.choice(["alice", "bob"])
        if self._random.random() < 0.5:
            return who, "order", self.order()
        orders = [self.order() for _ in range(self._random.choice([1, 2, 5, 20]))]
        return who, "batchOrders", {"batchOrders": json.dumps(orders)}


def session(seed: int, **rest: Any) -> list[Any]:
    """Return everything that the requests of a random session heard."""
    house, orders, heard = House(**rest), Orders(seed), []
    with house.open() as client:
        for number in range(ROUNDS):
            house.wire.full = number % 20 == 7
            house.wire.deaf = number == 33
            if number % 10 == 0:
                house.now_ns += 11_000_000_000
            who, path, fields = orders.request()
            answer = client.signed("POST", path, who=who, **fields)
            heard.append((answer.status, dict(answer.headers), answer.body))
        for who in ("alice", "bob"):
            heard.append(client.signed("GET", "rateLimit/order", who=who).json)
            heard.append(client.signed("GET", "account", who=who).json)
            heard.append(client.signed("GET", "openOrders", who=who).json)
    return heard


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("limit", [1_000_000, 60], ids=["free", "limited"])
def test_both_ways_say_the_same(seed, limit, monkeypatch):
    rest = {"orders_limit_10s": limit}
    compiled = session(seed, **rest)
    in_python(monkeypatch)
    for mine, python in zip(compiled, session(seed, **rest), strict=True):
        assert mine == python


PLAIN = {"side": "BUY", "quantity": "1", "price": "100"}


def test_a_plain_order_is_answered_by_compiled_code(client, monkeypatch):
    told: list[Any] = []
    tell = plain.PlainOrders.tell

    def spy(*args: Any, **kwargs: Any) -> Any:
        told.append(tell(*args, **kwargs))
        return told[-1]

    monkeypatch.setattr(plain.PlainOrders, "tell", spy)
    first = client.order(**PLAIN)
    assert [one.body for one in told] == [first.body]


def test_each_order_without_a_text_id_gets_one_of_its_own(client):
    order = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", **PLAIN}
    ids = [client.order(**PLAIN).json["clientOrderId"] for _ in range(3)]
    text = json.dumps([order] * 20)
    many = client.signed("POST", "batchOrders", batchOrders=text).json
    ids += [one["clientOrderId"] for one in many]
    assert len(set(ids)) == len(ids) == 23
    assert {len(one) for one in ids} == {22}


def test_a_wrong_signature_of_a_plain_order_is_refused(client, house):
    verb, path, query, body, headers = client.signed_request(
        "POST", "order", symbol="BTCUSDT", type="LIMIT", timeInForce="GTC", **PLAIN
    )
    answer = client.ask(verb, path, query.replace("quantity=1", "quantity=2"), body, headers)
    assert (answer.status, answer.error[0]) == (400, -1022)
    assert house.wire.frames == []


@pytest.mark.parametrize("key", ["nobody", ""])
def test_a_plain_order_without_a_known_key_is_refused(client, house, key):
    verb, path, query, body, _ = client.signed_request(
        "POST", "order", symbol="BTCUSDT", type="LIMIT", timeInForce="GTC", **PLAIN
    )
    answer = client.ask(verb, path, query, body, {"X-MBX-APIKEY": key})
    assert answer.status == 401
    assert house.wire.frames == []
