"""Plain orders of the WebSocket API read by compiled code: a yes means the same request as in Python."""

import json
import random
from typing import Any

import pytest

from ingress import plain
from ingress.ws_message import PlainCall, WrongMessage, read_call, read_plain
from tests.read_orders import PLAIN, agree_on_message
from tests.stream_house import played
from tests.test_ingress_plain import Orders
from tests.test_ingress_reading import LIMIT, NOT_PLAIN, PLAIN_ORDERS, TIMES
from tests.ws_house import ws_house

SIGNED = {**TIMES, "apiKey": "alice", "signature": "0123abc"}


def message(params: Any, **more: Any) -> dict[str, Any]:
    """Return a request for an order."""
    return {"id": 1, "method": "order.place", "params": params, **more}


def is_plain(text: str | bytes) -> bool:
    """Read a message in both ways; tell whether compiled code understood it."""
    data = text.encode() if isinstance(text, str) else text
    return agree_on_message(data)


@pytest.mark.parametrize("order", PLAIN_ORDERS, ids=str)
@pytest.mark.parametrize("more", [SIGNED, TIMES, {}], ids=["signed", "in a session", "bare"])
def test_a_plain_order_is_read_as_python_reads_it(order, more):
    for request in (
        message({**order, **more}),
        message({**more, **order}, id="0b6d2a3c-36-characters-are-allowed.."),
        message({**order, **more}, id=0, method="v3/order.place"),
        {"params": {**order, **more}, "method": "order.place", "id": "a"},
    ):
        for separators in (None, (",", ":"), (" ,\t", "\n:\r")):
            assert is_plain(json.dumps(request, separators=separators))
            assert is_plain(f" \n{json.dumps(request, separators=separators)}\t ")


def test_whole_numbers_may_be_sent_as_numbers():
    order = {**LIMIT, "quantity": 2, "price": 50_000, "newClientOrderId": 7}
    assert is_plain(json.dumps(message({**order, "timestamp": 1764450000000, "recvWindow": 0})))


@pytest.mark.parametrize("order", [{}, *NOT_PLAIN], ids=str)
def test_orders_that_are_not_plain_are_left_to_python(order):
    assert not is_plain(json.dumps(message({**order, **SIGNED}), ensure_ascii=False))


@pytest.mark.parametrize(
    "request_",
    [
        message({**LIMIT, "newClientOrderId": ""}),
        message({**LIMIT, "apiKey": ""}),
        message({**LIMIT, "signature": ""}),
        message({**LIMIT, "apiKey": "ü"}),
        message({**LIMIT, "price": 1.5}),
        message({**LIMIT, "price": -1}),
        message({**LIMIT, "price": 10**18}),
        message({**LIMIT, "price": None}),
        message({**LIMIT, "price": True}),
        message({**LIMIT, "price": ["1"]}),
        message({**LIMIT, "returnRateLimits": True}),
        message({**LIMIT, "batchOrders": "1"}),
        message({**LIMIT, "newClientOrderId": "a&side=SELL"}),
        message({**LIMIT, "apiKey": "x" * 5000}),
        message(LIMIT, id=None),
        message(LIMIT, id=""),
        message(LIMIT, id=-1),
        message(LIMIT, id=1.5),
        message(LIMIT, id="x" * 37),
        message(LIMIT, id="ü"),
        message(LIMIT, id='"'),
        message(LIMIT, id=10**18),
        message(LIMIT, id=[1]),
        message(LIMIT, method="order.test"),
        message(LIMIT, method="v4/order.place"),
        message(LIMIT, method=7),
        message(LIMIT, more=1),
        message([]),
        message(None),
        {"id": 1, "method": "order.place"},
        {"id": 1, "params": LIMIT},
        {"method": "order.place", "params": LIMIT},
        [],
    ],
    ids=str,
)
def test_messages_that_are_not_plain_are_left_to_python(request_):
    for ensure_ascii in (True, False):
        assert not is_plain(json.dumps(request_, ensure_ascii=ensure_ascii))


GOOD = json.dumps(message({**LIMIT, **SIGNED}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        GOOD[:-1],
        GOOD + "x",
        GOOD + "}",
        GOOD.replace('"BUY"', '"B\\u0055Y"'),
        GOOD.replace('"BUY"', '"BUY\x01"'),
        GOOD.replace('"BUY"', '"BUY\x7f"'),
        GOOD.replace('"BUY",', '"BUY",,'),
        GOOD.replace('"BUY"', '"BUY", "side": "SELL"'),
        GOOD.replace('"id": 1', '"id": 1, "id": 2'),
        GOOD.replace('"id": 1', '"id": 01'),
        GOOD.replace('"id": 1', '"id": 1.0'),
        GOOD.replace('"id": 1', '"id": 1e0'),
        GOOD.replace('"id": 1', '"id": '),
        GOOD.replace('"id": 1', '"id"'),
        GOOD.replace('"BUY"', "BUY"),
    ],
)
def test_json_that_is_not_plain_is_left_to_python(text):
    assert not is_plain(text)


@pytest.mark.parametrize("seed", range(40))
def test_messages_with_any_bytes_changed_are_read_alike_or_left_to_python(seed):
    dice = random.Random(seed)
    read = 0
    for _ in range(200):
        data = bytearray(json.dumps(message({**dice.choice(PLAIN_ORDERS), **SIGNED})).encode())
        for _ in range(dice.choice([0, 1, 1, 2, 5])):
            at = dice.randrange(len(data))
            size = dice.choice([0, 1, 1, 3])
            data[at : at + size] = bytes(
                dice.choices(b'"{}:,.\\&= 0a\xc3\xff', k=dice.choice([0, 1, 1]))
            )
        read += is_plain(bytes(data))
    assert read > 40


async def session(seed: int, **rest: Any) -> list[Any]:
    """Return everything that the requests of a random session heard, and what they left behind."""
    dice, orders, heard = random.Random(seed), Orders(seed), []
    async with ws_house(rest=rest) as house, house.client() as client:
        wire = house.house.wire
        await client.signed("session.logon", "alice-ed")
        for number in range(60):
            wire.full, wire.deaf = number % 20 == 7, number % 20 == 13
            if number % 10 == 0:
                house.house.now_ns += 11_000_000_000
            params: dict[str, Any] = dict(orders.order())
            if dice.random() < 0.2:
                params["quantity"] = dice.choice([1, 2, 0.5, True, None])
            if dice.random() < 0.5:
                params["timestamp"] = house.house.now_ns // 1_000_000 - dice.choice([0, 0, 90_000])
            else:
                params = house.signed(dice.choice(["alice", "bob"]), **params)
                if dice.random() < 0.1:
                    params["signature"] = params["signature"][::-1]
            heard.append(await client.ask("order.place", params))
        wire.full = wire.deaf = False
        for who in ("alice", "bob"):
            heard.append(await client.signed("account.status", who))
            heard.append(await client.signed("account.rateLimits.orders", who))
            heard.append(await client.signed("openOrders.status", who))
    return heard


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [1_000_000, 40], ids=["free", "limited"])
def test_both_ways_say_the_same(seed, limit, monkeypatch):
    heard: list[Any] = []

    @played
    async def scenario():
        heard.append(await session(seed, orders_limit_10s=limit, answer_timeout_s=0.1))

    scenario()
    read = plain.PlainOrders
    monkeypatch.setattr(read, "read_message", lambda self, message, again: None)  # noqa: ARG005
    monkeypatch.setattr(read, "of_fields", lambda self, form: form)  # noqa: ARG005
    scenario()
    for mine, python in zip(*heard, strict=True):
        assert mine == python
    assert {one["status"] for one in heard[0]} >= {200, 400, 503, 504}


def test_a_plain_order_does_not_pass_through_python(monkeypatch):
    told: list[PlainCall | None] = []

    def spy(*args: Any) -> PlainCall | None:
        told.append(read_plain(*args))
        return told[-1]

    monkeypatch.setattr("ingress.ws_api.read_plain", spy)

    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            assert (await client.signed("order.place", **house.limit()))["status"] == 200
            assert (await client.ask("ping"))["status"] == 200

    scenario()
    assert [type(one) for one in told] == [PlainCall, type(None)]


def test_what_is_no_json_is_refused_as_before():
    assert read_plain(PLAIN, b"{") is None
    with pytest.raises(WrongMessage):
        read_call(b"{")
