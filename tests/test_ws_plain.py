"""Plain orders of the WebSocket API read by compiled code: a yes means the same request as in Python."""

import json
import random
from typing import Any
from unittest.mock import patch

import pytest

from benchmarks.ws_load import frame_of
from ingress import auth
from ingress.errors import Refused
from ingress.plain import PlainOrders
from ingress.plain_messages import RUN_LIMIT, PlainMessages, PlainRun, burst_of
from ingress.views import Views
from ingress.ws_message import read_call
from ingress.ws_runs import Runs
from tests.read_orders import NOW_NS, SENT_MS, WINDOW_MS, agree_on_message, agree_on_messages
from tests.stream_house import played
from tests.test_ingress_plain import Orders
from tests.test_ingress_reading import LIMIT, NOT_PLAIN, PLAIN_ORDERS, TIMES
from tests.ws_house import Client, WsHouse, ws_house

SIGNED = {**TIMES, "apiKey": "alice", "signature": "0123abc"}


def message(params: Any, **more: Any) -> dict[str, Any]:
    """Return a request for an order."""
    return {"id": 1, "method": "order.place", "params": params, **more}


def is_plain(text: str | bytes) -> bool:
    """Read a message in both ways; tell whether compiled code understood it."""
    data = text.encode() if isinstance(text, str) else text
    return agree_on_message(data)


@pytest.mark.parametrize("order", PLAIN_ORDERS, ids=str)
@pytest.mark.parametrize("more", [SIGNED, TIMES], ids=["signed", "in a session"])
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
    assert is_plain(json.dumps(message({**order, "timestamp": SENT_MS, "recvWindow": 3000})))


@pytest.mark.parametrize("window", [None, "5000", 1, "0001", 0, 60_000])
@pytest.mark.parametrize("unit_ns", [1_000_000, 1_000], ids=["ms", "us"])
def test_a_message_is_plain_within_its_window(window, unit_ns):
    times: dict[str, Any] = {"timestamp": SENT_MS * 1_000_000 // unit_ns}
    if window is not None:
        times["recvWindow"] = window
    text = json.dumps(message({**LIMIT, **times})).encode()
    latest_ns = SENT_MS * 1_000_000 + int(window if window is not None else WINDOW_MS) * 1_000_000
    earliest_ns = SENT_MS * 1_000_000 - 999_999_999
    for now_ns in (earliest_ns, SENT_MS * 1_000_000, latest_ns):
        assert agree_on_message(text, now_ns)
    for now_ns in (earliest_ns - 1, latest_ns + 1):
        assert not agree_on_message(text, now_ns)
        with pytest.raises(Refused):
            auth.check_time(read_call(text).fields, now_ns, WINDOW_MS)


@pytest.mark.parametrize(
    "times",
    [
        {"timestamp": None},
        {"timestamp": "1764450000000.0"},
        {"timestamp": "+1764450000000"},
        {"timestamp": 10**17},
        {"timestamp": "9" * 18},
        {"timestamp": "9" * 14},
        {"timestamp": "0"},
        {"timestamp": "0" * 10 + str(SENT_MS)},
        {"recvWindow": "5000.5"},
        {"recvWindow": "60001"},
        {"recvWindow": "9" * 18},
        {"recvWindow": "x"},
    ],
    ids=str,
)
def test_times_that_are_not_plain_are_left_to_python(times):
    assert not is_plain(json.dumps(message({**LIMIT, **TIMES, **times})))


def test_messages_read_together_are_read_as_alone():
    dice = random.Random(3)
    texts = [
        json.dumps(message({**order, **dice.choice([SIGNED, TIMES])}, id=f"no-{number}"))
        for number, order in enumerate([*PLAIN_ORDERS, *NOT_PLAIN, *PLAIN_ORDERS])
    ]
    for _ in range(20):
        dice.shuffle(texts)
        burst = [text.encode() for text in texts[: dice.randrange(1, RUN_LIMIT)]]
        alone = [agree_on_message(one) for one in burst]
        assert agree_on_messages(burst) == alone
        assert 0 < sum(alone) <= len(burst)


def test_without_instruments_nothing_is_plain():
    messages = PlainMessages(PlainOrders(Views(lambda: None)), WINDOW_MS)  # type: ignore[arg-type]
    with patch.object(PlainOrders, "tables", return_value=None):
        assert messages.read(burst_of([GOOD.encode()]), NOW_NS) == []


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
        message({**LIMIT, "apiKey": "x" * 5000, **TIMES}),
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


async def session(seed: int, bursts: list[int], **rest: Any) -> list[Any]:
    """Return everything that the requests of a random session heard, in bursts, and what they left behind."""
    dice, orders, heard = random.Random(seed), Orders(seed), []
    async with ws_house(rest=rest) as house, house.client() as client:
        wire = house.house.wire
        await client.signed("session.logon", "alice-ed")
        for number in range(40):
            wire.full, wire.deaf = number % 20 in (6, 7), number in (13, 14)
            if number % 10 == 0:
                house.house.now_ns += 11_000_000_000
            ids = []
            for _ in range(dice.choice(bursts)):
                params: dict[str, Any] = dict(orders.order())
                if dice.random() < 0.2:
                    params["quantity"] = dice.choice([1, 2, 0.5, True, None])
                if dice.random() < 0.5:
                    late_ms = dice.choice([0, 0, 0, 90_000])
                    params["timestamp"] = house.house.now_ns // 1_000_000 - late_ms
                else:
                    params = house.signed(dice.choice(["alice", "bob"]), **params)
                    if dice.random() < 0.1:
                        params["signature"] = params["signature"][::-1]
                ids.append(await client.send("order.place", params))
            if wire.deaf:
                params = house.signed("bob", **house.limit())
                ids.append(await client.send("order.place", params))
            told = [await client.hear() for _ in ids]
            heard += sorted(told, key=lambda one: one["id"])
        wire.full = wire.deaf = False
        for who in ("alice", "bob"):
            heard.append(await client.signed("account.status", who))
            heard.append(await client.signed("account.rateLimits.orders", who))
            heard.append(await client.signed("openOrders.status", who))
    return heard


def without_counts(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was counted: what is under way is counted, too, and in a burst other things are."""
    return {name: value for name, value in answer.items() if name != "rateLimits"}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("limit", "bursts"), [(1_000_000, [1, 1, 2, 5]), (3, [1])], ids=["free", "limited"]
)
def test_both_ways_say_the_same(seed, limit, bursts, monkeypatch):
    heard: list[Any] = []

    @played
    async def scenario():
        heard.append(await session(seed, bursts, orders_limit_10s=limit))

    scenario()
    monkeypatch.setattr("ingress.ws_runs._METHOD", b"no message has this")
    scenario()
    for mine, python in zip(*heard, strict=True):
        assert without_counts(mine) == without_counts(python)
    # The counts that are left in the end are those of every request one by one.
    assert heard[0][-6:] == heard[1][-6:]
    statuses = {one["status"] for one in heard[0]}
    assert statuses >= ({200, 400, 503, 504} if limit > len(heard[0]) else {200, 400, 429})


@pytest.mark.parametrize("size", [1, 3, RUN_LIMIT, RUN_LIMIT + 5])
def test_a_burst_goes_in_runs_and_counts_as_one_by_one(size):
    runs: list[int] = []
    real = Runs.answer

    def spy(self: Runs, opening: Any, run: PlainRun) -> Any:
        runs.append(run.count)
        return real(self, opening, run)

    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            told = await burst(house, client, [house.limit() for _ in range(size)])
            assert [one["id"] for one in told] == list(range(size))
            assert {one["status"] for one in told} == {200}
            assert [one["rateLimits"][0]["count"] for one in told] == list(range(1, size + 1))
            assert [one["rateLimits"][1]["count"] for one in told] == list(range(1, size + 1))
            assert len({one["result"]["orderId"] for one in told}) == size

    with patch.object(Runs, "answer", spy):
        scenario()
    assert sum(runs) == size
    assert max(runs) <= RUN_LIMIT
    assert len(runs) <= size // 2 + 1


async def burst(house: WsHouse, client: Client, orders: list[dict[str, Any]]) -> list[Any]:
    """Send signed orders in one write; return their answers."""
    frames = [
        frame_of(json.dumps(message(house.signed(**order), id=number)).encode())
        for number, order in enumerate(orders)
    ]
    client.socket.transport.writelines(frames)
    return [await client.hear() for _ in orders]


@pytest.mark.parametrize("requests", [False, True], ids=["orders", "requests"])
def test_a_run_over_a_limit_goes_as_far_as_it_may(requests):
    # Connecting is a request, too.
    limit = {"requests_limit": 4} if requests else {"orders_limit_10s": 3}

    @played
    async def scenario():
        async with ws_house(rest=limit) as house, house.client() as client:
            told = await burst(house, client, [house.limit() for _ in range(6)])
            by_id = sorted(told, key=lambda one: one["id"])
            assert [one["status"] for one in by_id] == [200] * 3 + [429] * 3
            assert {one["error"]["code"] for one in by_id[3:]} == {-1003 if requests else -1015}

    scenario()


def test_what_is_refused_in_a_run_is_refused_alone():
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            params = [
                house.limit(),
                house.limit(quantity="90000"),
                house.limit(newClientOrderId="twice"),
                house.limit(newClientOrderId="twice"),
                house.limit(side="SELL", quantity="90000"),
                house.limit(),
            ]
            told = await burst(house, client, params)
            assert [one["status"] for one in told] == [200, 400, 200, 400, 400, 200]
            assert {one["error"]["code"] for one in told if "error" in one} == {-1013, -2010}
            # Refused orders are not counted, and they weigh.
            counts = await client.signed("account.rateLimits.orders")
            assert counts["result"][0]["count"] == 3
            assert told[1]["rateLimits"][0]["rateLimitType"] == "REQUEST_WEIGHT"

    scenario()


def test_an_index_beyond_its_array_is_no_end():
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            with patch.object(PlainMessages, "read", side_effect=IndexError):
                told = await client.signed("order.place", **house.limit())
            assert told["status"] == 200

    scenario()
