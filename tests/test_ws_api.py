"""The WebSocket API does what REST does, asked by name (API section 13)."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ingress import account_requests, list_requests, requests
from ingress.limits import CONNECT_WEIGHT
from tests.stream_house import played
from tests.ws_house import sign_hmac, ws_house

WEIGHT = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
DIALECT = [
    "ping",
    "time",
    "exchangeInfo",
    "depth",
    "trades.recent",
    "trades.historical",
    "trades.aggregate",
    "klines",
    "uiKlines",
    "avgPrice",
    "ticker.24hr",
    "ticker.tradingDay",
    "ticker",
    "ticker.price",
    "ticker.book",
    "order.place",
    "order.test",
    "order.status",
    "order.cancel",
    "order.cancelReplace",
    "openOrders.cancelAll",
    "openOrders.status",
    "allOrders",
    "myTrades",
    "account.status",
    "order.amend.keepPriority",
    "order.amendments",
    "orderList.place",
    "orderList.place.oco",
    "orderList.place.oto",
    "orderList.place.otoco",
    "orderList.cancel",
    "orderList.status",
    "allOrderLists",
    "openOrderLists.status",
    "account.rateLimits.orders",
    "account.commission",
    "myPreventedMatches",
    "myAllocations",
    "myFilters",
    "session.logon",
    "session.status",
    "session.logout",
    "session.subscriptions",
    "userDataStream.subscribe.signature",
    "userDataStream.subscribe",
    "userDataStream.unsubscribe",
    "userDataStream.start",
    "userDataStream.ping",
    "userDataStream.stop",
]


@played
async def test_every_method_of_the_dialect_is_there():
    async with ws_house() as house:
        assert set(DIALECT) <= set(house.api.methods)
        wallet = account_requests.COINS.method
        assert wallet not in house.api.methods


@played
async def test_an_answer_has_the_id_the_status_the_result_and_what_was_used():
    async with ws_house() as house, house.client() as client:
        told = await client.ask("ping")
        limit = house.api.door.limits.rate_limits[0].limit
        assert told == {
            "id": 1,
            "status": 200,
            "result": {},
            "rateLimits": [{**WEIGHT, "limit": limit, "count": CONNECT_WEIGHT + 1}],
        }
        told = await client.ask("v3/time")
        assert told["result"] == {"serverTime": house.house.now_ns // 1_000_000}
        assert told["rateLimits"][0]["count"] == CONNECT_WEIGHT + 2


@played
async def test_an_order_is_placed_asked_for_changed_and_cancelled():
    async with ws_house() as house, house.client() as client:
        told = await client.signed("order.place", **house.limit(newClientOrderId="one"))
        order = told["result"]
        assert (told["status"], order["status"], order["fills"]) == (200, "NEW", [])
        assert [one["rateLimitType"] for one in told["rateLimits"]] == [
            "ORDERS",
            "ORDERS",
            "REQUEST_WEIGHT",
        ]
        assert [one["count"] for one in told["rateLimits"]] == [1, 1, CONNECT_WEIGHT]
        about = {"symbol": "BTCUSDT", "orderId": order["orderId"]}
        assert (await client.signed("order.status", **about))["result"]["clientOrderId"] == "one"
        assert len((await client.signed("openOrders.status"))["result"]) == 1
        changed = await client.signed("order.amend.keepPriority", **about, newQty="0.005")
        assert changed["result"]["amendedOrder"]["qty"] == "0.00500000"
        # ccxt sends ids as strings.
        about["orderId"] = str(about["orderId"])
        told = await client.signed("order.cancel", **about)
        assert told["result"]["status"] == "CANCELED"
        told = await client.signed("order.cancel", **about)
        assert (told["status"], told["error"]) == (
            400,
            {"code": -2011, "msg": "Unknown order sent."},
        )


@played
async def test_half_of_a_cancel_replace_is_a_conflict_with_both_halves():
    async with ws_house() as house, house.client() as client:
        order = (await client.signed("order.place", **house.limit()))["result"]
        told = await client.signed(
            "order.cancelReplace",
            **house.limit(side="SELL", quantity="150"),
            cancelReplaceMode="STOP_ON_FAILURE",
            cancelOrderId=order["orderId"],
        )
        error = told["error"]
        assert (told["status"], error["code"]) == (409, -2021)
        assert error["data"]["cancelResponse"]["status"] == "CANCELED"
        assert error["data"]["newOrderResponse"]["code"] == -2010


@played
async def test_lists_come_by_the_same_declarations():
    async with ws_house() as house, house.client() as client:
        await client.signed("order.place", **house.limit(price="50000", quantity="1"))
        await client.signed("order.place", "bob", **house.limit(side="SELL", quantity="0.1"))
        oco = {
            "symbol": "BTCUSDT",
            "side": "SELL",
            "quantity": "0.1",
            "aboveType": "LIMIT_MAKER",
            "abovePrice": "60000",
            "belowType": "STOP_LOSS",
            "belowStopPrice": "40000",
        }
        told = await client.signed("orderList.place.oco", **oco)
        assert told["result"]["contingencyType"] == "OCO"
        about = {"symbol": "BTCUSDT", "orderListId": told["result"]["orderListId"]}
        told = await client.signed("orderList.cancel", **about)
        assert told["result"]["listOrderStatus"] == "ALL_DONE"


@pytest.mark.parametrize("form", [list, json.dumps])
def test_a_batch_of_orders_is_an_array_or_its_text(form: Callable[[Any], Any]):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:

            async def batch(method: str, *orders: dict[str, Any]) -> Any:
                params = house.signed(batchOrders=json.dumps(orders))
                told = await client.ask(method, {**params, "batchOrders": form(orders)})
                return told["result"]

            first, second, third = await batch(
                "order.batch", house.limit(), house.limit(price="1"), {"symbol": "BTCUSDT"}
            )
            assert (first["status"], third["code"]) == ("NEW", -1102)
            assert second == {"code": -1013, "msg": "Filter failure: NOTIONAL"}
            gone = {"symbol": "BTCUSDT", "orderId": first["orderId"]}
            told = await batch("order.cancelBatch", gone, gone)
            assert told[0]["status"] == "CANCELED"
            assert told[1] == {"code": -2011, "msg": "Unknown order sent."}

    scenario()


@pytest.mark.parametrize(
    "params",
    [
        '"quantity":0.01,"price":50000.0',
        '"quantity":"0.01","price":"50000"',
        '"quantity":0.0100,"price":5e4',
        '"quantity":1.0e-2,"price":50000',
    ],
)
def test_numbers_are_read_and_signed_as_they_stand(params: str):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            now_ms = house.house.now_ns // 1_000_000
            plain = f'"symbol":"BTCUSDT","side":"BUY","type":"LIMIT","timeInForce":"GTC",{params}'
            shown = f'{plain},"apiKey":"alice","timestamp":{now_ms}'
            signed = shown.replace('"', "").replace(":", "=").split(",")
            seal = sign_hmac("&".join(sorted(signed)).encode())
            message = f'{{"id":1,"method":"order.place","params":{{{shown},"signature":"{seal}"}}}}'
            await client.socket.send(message)
            told = await client.hear()
            if "5e4" in params or "e-2" in params:
                assert told["error"]["code"] == -1100
                assert "legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'" in told["error"]["msg"]
            else:
                assert told["result"]["status"] == "NEW", told

    scenario()


@pytest.mark.parametrize("who", ["alice", "alice-ed", "alice-rsa"])
def test_every_kind_of_key_signs(who: str):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            told = await client.signed("account.status", who)
            assert told["result"]["uid"] == house.house.alice

    scenario()


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"signature": "0" * 64}, 400, -1022),
        ({"signature": ""}, 400, -1102),
        ({"apiKey": "nobody"}, 401, -2015),
        ({"apiKey": ""}, 401, -2014),
        ({"timestamp": 1}, 400, -1021),
        ({"timestamp": None}, 400, -1102),
        ({"recvWindow": 70000}, 400, -1131),
    ],
)
def test_who_asks_is_checked_as_over_rest(change: dict[str, object], status: int, code: int):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            told = await client.ask("account.status", {**house.signed(), **change})
            assert (told["status"], told["error"]["code"]) == (status, code)

    scenario()


@played
async def test_requests_of_one_connection_are_done_side_by_side_and_in_order():
    async with ws_house() as house, house.client() as client:
        wire = house.house.wire
        wire.deaf = True
        first = await client.send("order.place", house.signed(**house.limit()))
        while not wire.frames:  # noqa: ASYNC110 - the wire has no event to wait for
            await asyncio.sleep(0)
        wire.deaf = False
        # The first is never answered by the matcher; the second does not wait for that.
        second = await client.send("order.place", house.signed(**house.limit()))
        assert (await client.answer(second))["status"] == 200
        told = await client.answer(first)
        assert (told["status"], told["error"]["code"]) == (504, -1007)


@played
async def test_an_order_and_its_cancel_may_be_sent_without_waiting():
    # A hundred requests of the slow exchange in one turn may take longer than a single one is given.
    async with ws_house(rest={"answer_timeout_s": 10.0}) as house, house.client() as client:
        for number in range(50):
            about = {"symbol": "BTCUSDT", "origClientOrderId": f"id-{number}"}
            order = house.limit(newClientOrderId=f"id-{number}")
            await client.send("order.place", house.signed(**order))
            await client.send("order.cancel", house.signed(**about))
        answers = [await client.hear() for _ in range(100)]
        assert sorted(one["id"] for one in answers) == list(range(1, 101))
        assert {one["status"] for one in answers} == {200}


@pytest.mark.parametrize(
    ("query", "param", "shown"),
    [
        ("", None, True),
        ("?returnRateLimits=false", None, False),
        ("?returnRateLimits=false", True, True),
        ("", False, False),
        ("?returnRateLimits=true", "false", False),
    ],
)
def test_counts_are_told_unless_they_are_not_wanted(query: str, param: object, shown: bool):
    @played
    async def scenario():
        async with ws_house() as house, house.client(query) as client:
            params = {} if param is None else {"returnRateLimits": param}
            assert ("rateLimits" in await client.ask("ping", params)) is shown

    scenario()


@played
async def test_a_connection_may_want_microseconds():
    async with ws_house() as house, house.client("?timeUnit=MICROSECOND") as client:
        assert (await client.ask("time"))["result"]["serverTime"] == house.house.now_ns // 1000


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("?timeUnit=HOUR", "Invalid value for time unit"),
        ("?returnRateLimits=1", "Data sent for parameter 'returnRateLimits'"),
    ],
)
def test_a_wrong_address_is_refused_before_the_upgrade(query: str, says: str):
    @played
    async def scenario():
        from websockets.exceptions import InvalidStatus

        async with ws_house() as house:
            with pytest.raises(InvalidStatus) as refused:
                async with house.client(query):
                    pass
            assert refused.value.response.status_code == 400
            assert says in refused.value.response.body.decode()

    scenario()


def test_what_is_asked_here_is_declared_once():
    declared = [
        *requests.ALL,
        *account_requests.ALL,
        *list_requests.LISTS,
        list_requests.CANCEL_LIST,
    ]
    methods = [request.method for request in declared]
    assert len(set(methods)) == len(methods)
