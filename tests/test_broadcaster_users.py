"""User data streams on listen keys, with real clients (API section 12)."""

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from protocol.terms import EventKind
from runtime.listen_keys import LIFE_NS
from tests.stream_house import StreamHouse, ask, hear, played, soon, stream_house, until

ALICE, BOB = 5, 6


def _deposit(house: StreamHouse, account: int, amount: int = 150_000_000) -> None:
    with house.market.command():
        house.market.deposit(account, 2, amount)
    house.send()


@pytest.mark.parametrize("path", ["/ws/{}", "/stream?streams={}", "/ws/{}/btcusdt@trade"])
def test_an_account_is_told_on_its_listen_key_and_nobody_else(path):
    @played
    async def scenario():
        async with stream_house() as house:
            alices, bobs = house.keys.open(ALICE), house.keys.open(BOB)
            async with (
                house.client(path.format(alices)) as alice,
                house.client(f"/ws/{bobs}") as bob,
            ):
                _deposit(house, ALICE)
                told = [await hear(alice), await hear(alice)]
                if path.startswith("/stream"):
                    assert {one["stream"] for one in told} == {alices}
                    told = [one["data"] for one in told]
                assert [one["e"] for one in told] == ["balanceUpdate", "outboundAccountPosition"]
                assert (told[0]["a"], told[0]["d"]) == ("USDT", "1.50000000")
                assert told[0]["T"] == house.market.at_ns // 1_000_000
                _deposit(house, BOB, 7)
                assert (await hear(bob))["d"] == "0.00000007"

    scenario()


@played
async def test_a_listen_key_may_be_subscribed_later_and_given_up():
    async with stream_house() as house, house.client("/ws") as client:
        key = house.keys.open(ALICE)
        await ask(client, "SUBSCRIBE", key)
        _deposit(house, ALICE)
        assert (await hear(client))["e"] == "balanceUpdate"
        await hear(client)
        assert await ask(client, "LIST_SUBSCRIPTIONS") == {"result": [key], "id": 1}
        await ask(client, "UNSUBSCRIBE", key)
        _deposit(house, ALICE)
        assert await ask(client, "LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}


@played
async def test_two_connections_on_one_key_are_told_the_same():
    async with stream_house() as house:
        key = house.keys.open(ALICE)
        async with house.client(f"/ws/{key}") as one, house.client(f"/ws/{key}") as two:
            _deposit(house, ALICE)
            assert await hear(one) == await hear(two)


@played
async def test_a_key_that_does_not_exist_is_a_stream_on_which_nothing_is_said():
    async with stream_house() as house, house.client(f"/ws/{'k' * 64}") as client:
        _deposit(house, ALICE)
        assert await ask(client, "LIST_SUBSCRIPTIONS") == {"result": ["k" * 64], "id": 1}


def test_the_end_of_a_key_is_told():
    @played
    async def scenario():
        async with stream_house() as house:
            key = house.keys.open(ALICE)
            async with house.client(f"/ws/{key}") as client:
                house.keys.close(key)
                told = await hear(client)
                assert (told["e"], told["listenKey"]) == ("listenKeyExpired", key)
                _deposit(house, ALICE)
                assert (await ask(client, "GET_PROPERTY", "combined"))["result"] is False

    scenario()


@played
async def test_a_key_that_expires_is_told_too():
    async with stream_house() as house:
        key = house.keys.open(ALICE)
        async with house.client(f"/ws/{key}") as client:
            real = house.keys._wall_ns
            house.keys._wall_ns = lambda: real() + LIFE_NS
            assert (await hear(client))["e"] == "listenKeyExpired"


@played
async def test_a_gap_in_the_events_ends_user_streams_and_no_others():
    async with stream_house() as house:
        key = house.keys.open(ALICE)
        async with house.client(f"/ws/{key}") as user, house.client("/ws/btcusdt@trade") as other:
            _deposit(house, ALICE)
            with house.market.command():
                house.market.deposit(ALICE, 2, 1)
            house.market.rows()
            with house.market.command():
                house.market.other(EventKind.ACCOUNT_ADDED)
            house.send()
            assert (await hear(user))["e"] == "balanceUpdate"
            assert (await hear(user))["e"] == "outboundAccountPosition"
            with pytest.raises(ConnectionClosed) as closed:
                await soon(user.recv())
            assert closed.value.rcvd.code == 1012
            assert closed.value.rcvd.reason == "Events were missed, connect again"
            house.trade()
            assert (await hear(other))["e"] == "trade"
        async with house.client(f"/ws/{key}") as user:
            _deposit(house, ALICE)
            assert (await hear(user))["e"] == "balanceUpdate"


@played
async def test_keys_nobody_listens_to_any_more_cost_nothing():
    async with stream_house() as house:
        key = house.keys.open(ALICE)
        async with house.client(f"/ws/{key}"):
            await until(lambda: house.server._users.keys == [key])
        await until(lambda: house.server._users.keys == [])


def test_reports_come_in_the_order_of_the_engine():
    @played
    async def scenario():
        async with stream_house(tick_ms=20) as house:
            key = house.keys.open(ALICE)
            async with house.client(f"/ws/{key}") as client:
                for amount in range(1, 200):
                    _deposit(house, ALICE, amount)
                    if amount % 50 == 0:
                        await asyncio.sleep(0)
                amounts = []
                while len(amounts) < 199:
                    told = await hear(client)
                    if told["e"] == "balanceUpdate":
                        amounts.append(int(told["d"].partition(".")[2]))
                assert amounts == list(range(1, 200))

    scenario()
