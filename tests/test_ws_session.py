"""Sessions and user data subscriptions of the WebSocket API (API sections 12 and 13, rule P-6)."""

import asyncio
import json
from typing import Any

import pytest

from ingress.ws_session import SUBSCRIPTION_IDS
from protocol.terms import CommandKind
from runtime import clock
from tests.stream_house import hear, played, until
from tests.ws_house import Client, WsHouse, ws_house

NOT_AUTHORIZED = {"code": -1002, "msg": "You are not authorized to execute this request."}
REVOKED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


async def log_on(house: WsHouse, client: Client, who: str = "alice-ed", **more: Any) -> Any:
    return await client.signed("session.logon", who, **more)


def unsigned(house: WsHouse, **params: Any) -> dict[str, Any]:
    """Return parameters of a request that needs no signature after a log-on."""
    return {**params, "timestamp": house.house.now_ns // 1_000_000}


def deposit(house: WsHouse, account: int, amount: int = 1) -> None:
    house.house.market.command(kind=CommandKind.DEPOSIT, account=account, asset=1, amount=amount)


async def deposit_in_every_turn(house: WsHouse) -> None:
    """Let something happen to an account whenever the loop comes round."""
    while True:
        deposit(house, house.house.alice)
        await asyncio.sleep(0)


@played
async def test_after_a_log_on_requests_need_only_a_time():
    async with ws_house() as house, house.client() as client:
        now_ms = house.house.now_ns // 1_000_000
        nobody = {
            "apiKey": None,
            "authorizedSince": None,
            "connectedSince": now_ms,
            "returnRateLimits": True,
            "serverTime": now_ms,
            "userDataStream": False,
        }
        assert (await client.ask("session.status"))["result"] == nobody
        somebody = {**nobody, "apiKey": "alice-ed", "authorizedSince": now_ms}
        assert (await log_on(house, client))["result"] == somebody
        assert (await client.ask("session.status"))["result"] == somebody
        placed = await client.ask("order.place", unsigned(house, **house.limit()))
        assert placed["result"]["status"] == "NEW"
        told = await client.ask("order.place", house.limit())
        assert told["error"]["code"] == -1102
        # A key in the request counts for that request.
        told = await client.signed("account.status", "bob")
        assert told["result"]["uid"] == house.house.bob
        assert (await client.ask("session.logout"))["result"] == nobody
        told = await client.ask("order.place", unsigned(house, **house.limit()))
        assert (told["status"], told["error"]["code"]) == (401, -2014)


@pytest.mark.parametrize(("who", "kind"), [("alice", "HMAC_SHA256"), ("alice-rsa", "RSA")])
def test_only_ed25519_keys_log_on(who: str, kind: str):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            told = await log_on(house, client, who)
            assert told["status"] == 400
            assert told["error"] == {"code": -4056, "msg": f"{kind} API key is not supported."}

    scenario()


@played
async def test_a_log_on_needs_a_signature_whoever_is_logged_on():
    async with ws_house() as house, house.client() as client:
        await log_on(house, client)
        told = await client.ask("session.logon", unsigned(house))
        assert (told["status"], told["error"]["code"]) == (401, -2014)
        told = await client.ask("session.logon", unsigned(house, apiKey="bob-ed"))
        assert (told["status"], told["error"]["code"]) == (400, -1102)
        assert (await log_on(house, client, "bob-ed"))["result"]["apiKey"] == "bob-ed"
        told = await client.ask("account.status", unsigned(house))
        assert told["result"]["uid"] == house.house.bob


@played
async def test_a_key_that_is_revoked_ends_the_session_and_says_so():
    async with ws_house() as house, house.client() as client:
        await log_on(house, client)
        await client.ask("userDataStream.subscribe")
        await client.signed("userDataStream.subscribe.signature", "bob")
        house.house.keys.put("alice-ed", None)
        told = await client.ask("account.status", unsigned(house))
        assert (told["status"], told["error"]) == (401, REVOKED)
        # And without being asked, a moment later.
        assert (await client.event())["event"]["e"] == "eventStreamTerminated"
        assert await client.hear() == {"id": None, "status": 401, "error": REVOKED}
        assert (await client.ask("session.status"))["result"]["apiKey"] is None
        assert (await client.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}]


@played
async def test_a_subscription_tells_what_happens_to_the_account_under_its_number():
    async with ws_house() as house, house.client() as client:
        told = await client.signed("userDataStream.subscribe.signature")
        assert told["result"] == {"subscriptionId": 0}
        assert (await client.ask("session.status"))["result"]["userDataStream"] is True
        placed = await client.signed("order.place", **house.limit(newClientOrderId="mine"))
        report = await client.event()
        assert report["subscriptionId"] == 0
        event = report["event"]
        assert (event["e"], event["x"], event["X"]) == ("executionReport", "NEW", "NEW")
        assert (event["c"], event["i"]) == ("mine", placed["result"]["orderId"])
        assert (await client.event())["event"]["e"] == "outboundAccountPosition"
        deposit(house, house.house.alice)
        assert (await client.event())["event"]["e"] == "balanceUpdate"


@played
async def test_an_account_that_is_never_quiet_tells_its_events_behind_the_answer():
    async with ws_house() as house, house.client() as client:
        busy = asyncio.create_task(deposit_in_every_turn(house))
        for number in range(50):
            told = await client.signed("userDataStream.subscribe.signature")
            assert told["result"] == {"subscriptionId": number}
            assert client.events == []
            assert (await client.event())["subscriptionId"] == number
            await client.ask("userDataStream.unsubscribe")
            client.events.clear()
        busy.cancel()


@played
async def test_times_of_events_are_in_the_unit_of_the_connection():
    async with ws_house() as house, house.client("?timeUnit=microsecond") as client:
        await client.signed("userDataStream.subscribe.signature")
        deposit(house, house.house.alice)
        event = (await client.event())["event"]
        assert event["T"] == house.house.market.now_ns // 1000


@played
async def test_nobody_hears_of_another_account():
    async with ws_house() as house, house.client() as client:
        await client.signed("userDataStream.subscribe.signature", "bob")
        deposit(house, house.house.alice)
        deposit(house, house.house.bob, 7)
        assert (await client.event())["event"]["d"] == "0.00000007"


@played
async def test_an_account_is_subscribed_once_and_numbers_are_not_used_again():
    async with ws_house() as house, house.client() as client:
        await client.signed("userDataStream.subscribe.signature")
        told = await client.signed("userDataStream.subscribe.signature", "alice-ed")
        assert told["status"] == 400
        assert told["error"] == {
            "code": -2035,
            "msg": "User Data Stream subscription already active.",
        }
        told = await client.signed("userDataStream.subscribe.signature", "bob")
        assert told["result"] == {"subscriptionId": 1}
        told = await client.ask("userDataStream.unsubscribe", {"subscriptionId": 0})
        assert told["result"] == {}
        assert client.events.pop()["event"]["e"] == "eventStreamTerminated"
        told = await client.signed("userDataStream.subscribe.signature")
        assert told["result"] == {"subscriptionId": 2}
        told = await client.ask("session.subscriptions")
        assert told["result"] == [{"subscriptionId": 1}, {"subscriptionId": 2}]


@played
async def test_what_is_not_subscribed_cannot_be_ended():
    async with ws_house() as house, house.client() as client:
        told = await client.ask("userDataStream.unsubscribe", {"subscriptionId": 0})
        assert (told["status"], told["error"]) == (
            400,
            {"code": -2036, "msg": "User Data Stream subscription not active."},
        )
        assert (await client.ask("userDataStream.unsubscribe", {}))["result"] == {}


@played
async def test_the_numbers_of_a_connection_come_to_an_end():
    async with ws_house() as house, house.client() as client:
        await client.ask("ping")
        (one,) = house.state.connections
        one._session._next_id = SUBSCRIPTION_IDS
        told = await client.signed("userDataStream.subscribe.signature")
        assert told["error"] == {
            "code": -2042,
            "msg": "Maximum subscription ID reached for this connection.",
        }


@played
async def test_nothing_listens_for_a_subscription_that_was_one_too_many():
    async with ws_house() as house, house.client() as client:
        await client.ask("ping")
        (one,) = house.state.connections
        session, listeners = one._session, one._session._events._listeners
        session._next_id = SUBSCRIPTION_IDS - 1
        asked = (session.subscribe(account, "key", own=False) for account in (1, 2))
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert told[0] == {"subscriptionId": SUBSCRIPTION_IDS - 1}
        assert told[1].code == -2042
        assert list(listeners) == [1]


@played
async def test_unsubscribing_without_a_number_ends_all_and_each_says_so():
    async with ws_house() as house, house.client() as client:
        await client.signed("userDataStream.subscribe.signature")
        await client.signed("userDataStream.subscribe.signature", "bob")
        assert (await client.ask("userDataStream.unsubscribe"))["result"] == {}
        told = [client.events.pop(0) for _ in range(2)]
        assert [one["subscriptionId"] for one in told] == [0, 1]
        assert {one["event"]["e"] for one in told} == {"eventStreamTerminated"}
        deposit(house, house.house.alice)
        assert (await client.ask("session.status"))["result"]["userDataStream"] is False
        assert client.events == []


@played
async def test_a_log_out_ends_the_sessions_own_subscription_only():
    async with ws_house() as house, house.client() as client:
        told = await client.ask("userDataStream.subscribe")
        assert (told["status"], told["error"]) == (401, NOT_AUTHORIZED)
        await log_on(house, client)
        assert (await client.ask("userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        await client.signed("userDataStream.subscribe.signature", "bob")
        await client.ask("session.logout")
        assert (await client.event())["subscriptionId"] == 0
        assert (await client.ask("session.subscriptions"))["result"] == [{"subscriptionId": 1}]


@played
async def test_listen_keys_are_opened_by_the_same_code():
    async with ws_house() as house, house.client() as client:
        told = await client.ask("userDataStream.start", {"apiKey": "alice"})
        key = told["result"]["listenKey"]
        both = {"apiKey": "alice", "listenKey": key}
        assert (await client.ask("userDataStream.ping", both))["result"] == {}
        assert (await client.ask("userDataStream.stop", both))["result"] == {}
        told = await client.ask("userDataStream.ping", both)
        assert told["error"] == {"code": -1125, "msg": "This listenKey does not exist."}


@played
async def test_events_lost_on_the_wire_are_made_again_in_order():
    async with ws_house() as house, house.client() as client:
        await client.signed("userDataStream.subscribe.signature")
        deposit(house, house.house.alice, 1)
        house.wire.cut = True
        for amount in (2, 3, 4):
            deposit(house, house.house.alice, amount)
        house.wire.cut = False
        deposit(house, house.house.alice, 5)
        amounts = []
        while len(amounts) < 5:
            event = (await client.event())["event"]
            if event["e"] == "balanceUpdate":
                amounts.append(event["d"])
        assert amounts == [f"0.0000000{amount}" for amount in (1, 2, 3, 4, 5)]
        assert len(house.replayed) == 1


@played
async def test_events_lost_at_the_end_are_noticed_though_nothing_follows():
    async with ws_house() as house, house.client() as client:
        await client.signed("userDataStream.subscribe.signature")
        house.wire.cut = True
        deposit(house, house.house.alice, 2)
        assert (await client.event())["event"]["d"] == "0.00000002"


@played
async def test_what_cannot_be_made_again_ends_the_subscription_and_a_new_one_begins():
    async with ws_house() as house, house.client() as client:
        await client.signed("userDataStream.subscribe.signature")
        house.replay_breaks = True
        house.wire.cut = True
        deposit(house, house.house.alice, 2)
        house.wire.cut = False
        deposit(house, house.house.alice, 3)
        since_ms = clock.wall_ns() // 1_000_000 - 10_000
        event = (await client.event())["event"]
        assert event["e"] == "eventStreamTerminated"
        assert event["E"] >= since_ms
        told = await client.signed("userDataStream.subscribe.signature")
        assert told["result"] == {"subscriptionId": 1}
        deposit(house, house.house.alice, 4)
        assert (await client.event())["event"]["d"] == "0.00000004"


@played
async def test_the_market_wire_is_opened_with_the_first_subscription():
    async with ws_house() as house, house.client() as one, house.client() as other:
        await one.ask("ping")
        assert house.wire.opened == 0
        await one.signed("userDataStream.subscribe.signature")
        await other.signed("userDataStream.subscribe.signature")
        assert house.wire.opened == 1
        deposit(house, house.house.alice)
        assert await hear(one.socket) == await hear(other.socket)


@played
async def test_a_subscription_while_much_happens_begins_with_the_wire():
    async with ws_house() as house, house.client() as client:
        busy = True

        async def trade() -> None:
            while busy:
                deposit(house, house.house.bob)
                await asyncio.sleep(0.005)

        trading = asyncio.create_task(trade())
        await client.signed("userDataStream.subscribe.signature")
        deposit(house, house.house.alice, 9)
        assert (await client.event())["event"]["d"] == "0.00000009"
        busy = False
        await trading
        assert house.replayed == []


@pytest.mark.parametrize("goodbye", [True, False])
def test_a_lost_connection_cancels_the_orders_of_a_session_that_asked_for_it(goodbye: bool):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as watcher:
            await watcher.signed("userDataStream.subscribe.signature")
            async with house.client() as client:
                told = await log_on(house, client, cancelOnDisconnect=True)
                assert told["result"]["cancelOnDisconnect"] is True
                for symbol in ("BTCUSDT", "ETHUSDT"):
                    order = house.limit(symbol=symbol, price="1000.00")
                    assert (await client.ask("order.place", unsigned(house, **order)))["result"]
                if not goodbye:
                    client.socket.transport.abort()
            statuses = []
            while statuses.count("CANCELED") < 2:
                event = (await watcher.event())["event"]
                statuses.append(event.get("X"))
            assert (await watcher.signed("openOrders.status"))["result"] == []

    scenario()


@played
async def test_a_cancel_on_disconnect_is_asked_again_until_the_matcher_answers():
    async with ws_house() as house, house.client() as watcher:
        async with house.client() as client:
            await log_on(house, client, cancelOnDisconnect=True)
            await client.ask("order.place", unsigned(house, **house.limit()))
            house.house.wire.full = True
        await until(lambda: len(house.state.connections) == 1)
        assert len((await watcher.signed("openOrders.status"))["result"]) == 1
        house.house.wire.full = False
        await watcher.signed("userDataStream.subscribe.signature")
        assert (await watcher.event())["event"]["X"] == "CANCELED"


@played
async def test_orders_stay_after_a_log_out_and_for_sessions_that_did_not_ask():
    async with ws_house() as house, house.client() as watcher:
        async with house.client() as client:
            await log_on(house, client)
            await client.ask("order.place", unsigned(house, **house.limit()))
        async with house.client() as client:
            await log_on(house, client, cancelOnDisconnect=True)
            await client.ask("session.logout")
        await until(lambda: len(house.state.connections) == 1 and not house.state.tasks)
        assert len((await watcher.signed("openOrders.status"))["result"]) == 1


@played
async def test_messages_of_the_stream_are_plain_json():
    async with ws_house() as house, house.client() as client:
        await client.signed("userDataStream.subscribe.signature")
        deposit(house, house.house.alice)
        told = json.loads(await client.socket.recv())
        assert set(told) == {"subscriptionId", "event"}
