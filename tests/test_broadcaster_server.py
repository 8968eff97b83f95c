"""The stream server with real clients: addresses, requests, streams, the end (API section 11)."""

import asyncio
import json
from unittest.mock import patch

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from protocol.terms import Side
from tests.market_events import FIRST_TRADE_ID
from tests.stream_house import UPGRADE, ask, hear, played, soon, stream_house, until


@played
async def test_a_raw_stream_tells_each_trade():
    async with stream_house() as house, house.client("/ws/btcusdt@trade") as client:
        house.trade(qty=250000)
        told = await hear(client)
        assert told["e"] == "trade"
        assert told["s"] == "BTCUSDT"
        assert told["t"] == FIRST_TRADE_ID
        assert (told["p"], told["q"]) == ("1.10000000", "2.50000000")
        assert told["T"] == house.market.at_ns // 1_000_000
        assert told["E"] >= told["T"]
        assert told["m"] is False


@played
async def test_several_raw_streams_share_a_connection():
    async with stream_house() as house, house.client("/ws/btcusdt@trade/btcusdt@aggTrade") as both:
        house.trade()
        assert {(await hear(both))["e"], (await hear(both))["e"]} == {"trade", "aggTrade"}


@played
async def test_a_combined_stream_names_the_stream():
    path = "/stream?streams=btcusdt@trade/btcusdt@depth@100ms"
    async with stream_house() as house, house.client(path) as client:
        house.trade()
        told = [await hear(client), await hear(client)]
        assert [message["stream"] for message in told] == ["btcusdt@trade", "btcusdt@depth@100ms"]
        assert told[1]["data"]["e"] == "depthUpdate"
        assert (told[1]["data"]["U"], told[1]["data"]["u"]) == (1, 2)


@played
async def test_the_best_prices_of_all_instruments_are_one_stream():
    async with stream_house() as house, house.client("/ws/!bookTicker") as client:
        for instrument, symbol in enumerate(("BTCUSDT", "ETHUSDT")):
            with house.market.command():
                house.market.level(Side.BUY, 100, 1, instrument=instrument)
            house.send()
            told = await hear(client)
            assert (told["s"], told["b"]) == (symbol, "1.00000000")


@pytest.mark.parametrize("path", ["/ws", "/ws/0", "/0", "/", "/stream", "/stream?streams="])
def test_a_bare_connection_subscribes_later(path):
    @played
    async def scenario():
        async with stream_house() as house, house.client(path) as client:
            assert await ask(client, "SUBSCRIBE", "btcusdt@trade") == {"result": None, "id": 1}
            house.trade()
            told = await hear(client)
            wrapped = path.startswith("/stream")
            assert (told["data"] if wrapped else told)["e"] == "trade"
            assert ("stream" in told) == wrapped

    scenario()


@played
async def test_the_alias_of_raw_streams_under_stream_is_raw():
    async with stream_house() as house, house.client("/stream/ws/btcusdt@trade") as client:
        house.trade()
        assert (await hear(client))["e"] == "trade"


@played
async def test_microseconds_are_told_to_who_asks_for_them():
    path = "/ws/btcusdt@trade?timeUnit=MICROSECOND"
    async with stream_house() as house, house.client(path) as client:
        house.trade()
        assert (await hear(client))["T"] == house.market.at_ns // 1_000


@played
async def test_a_wrong_time_unit_is_refused_before_the_connection_is_open():
    async with stream_house() as house:
        with pytest.raises(InvalidStatus) as refused:
            async with house.client("/ws?timeUnit=HOUR"):
                pass
        assert refused.value.response.status_code == 400
        assert json.loads(refused.value.response.body)["code"] == -1194


@played
async def test_requests_are_answered_as_the_dialect_does():
    async with stream_house() as house, house.client("/stream") as client:
        assert await ask(client, "LIST_SUBSCRIPTIONS", id_=2) == {"result": [], "id": 2}
        await ask(client, "SUBSCRIBE", "btcusdt@trade", "ethusdt@depth", "no@such", id_=3)
        await ask(client, "UNSUBSCRIBE", "ethusdt@depth", id_=4)
        assert await ask(client, "LIST_SUBSCRIPTIONS", id_=5) == {
            "result": ["btcusdt@trade", "no@such"],
            "id": 5,
        }
        assert await ask(client, "GET_PROPERTY", "combined") == {"result": True, "id": 1}
        assert await ask(client, "SET_PROPERTY", "combined", False) == {"result": None, "id": 1}
        assert await ask(client, "GET_PROPERTY", "combined") == {"result": False, "id": 1}
        house.trade()
        assert (await hear(client))["e"] == "trade"
        assert (await ask(client, "GET_PROPERTY", "colour"))["code"] == 0
        assert (await ask(client, "SHOUT"))["code"] == 2
        await client.send("{")
        assert (await hear(client))["code"] == 3


@played
async def test_who_unsubscribed_hears_no_more():
    async with stream_house() as house, house.client("/ws/btcusdt@trade") as client:
        house.trade()
        await hear(client)
        await ask(client, "UNSUBSCRIBE", "btcusdt@trade")
        house.trade()
        assert await ask(client, "GET_PROPERTY", "combined") == {"result": False, "id": 1}


@played
async def test_depth_windows_of_both_speeds_have_no_hole_between_their_ids():
    path = "/stream?streams=btcusdt@depth/btcusdt@depth@100ms"
    async with stream_house(depth_interval_ms=250) as house, house.client(path) as client:
        last = {"btcusdt@depth": 0, "btcusdt@depth@100ms": 0}
        for turn in range(1, 400):
            with house.market.command():
                house.market.level(Side.BUY, 100 - turn % 7, turn)
            house.send()
            await asyncio.sleep(0.002)
        while min(last.values()) < 399:
            told = await hear(client)
            assert told["data"]["U"] == last[told["stream"]] + 1
            last[told["stream"]] = told["data"]["u"]


@played
async def test_state_streams_answer_at_once_and_on_change():
    path = "/stream?streams=btcusdt@bookTicker/btcusdt@depth5@100ms"
    async with stream_house() as house:
        with house.market.command():
            house.market.level(Side.BUY, 100, 5)
        house.send()
        async with house.client(path) as client:
            first = [await hear(client), await hear(client)]
            assert first[0] == {
                "stream": "btcusdt@bookTicker",
                "data": {
                    "u": 1,
                    "s": "BTCUSDT",
                    "b": "1.00000000",
                    "B": "0.00005000",
                    "a": "0.00000000",
                    "A": "0.00000000",
                },
            }
            assert first[1]["data"] == {
                "lastUpdateId": 1,
                "bids": [["1.00000000", "0.00005000"]],
                "asks": [],
            }
            with house.market.command():
                house.market.level(Side.SELL, 110, 5)
            house.send()
            # The first state may be told once more, when it changed just as the client came.
            told = {}
            while len(told) < 2:
                message = await hear(client)
                if message["data"].get("u", message["data"].get("lastUpdateId")) == 2:
                    told[message["stream"]] = message["data"]
            assert told["btcusdt@bookTicker"]["a"] == "1.10000000"
            assert told["btcusdt@depth5@100ms"]["asks"] == [["1.10000000", "0.00005000"]]


@played
async def test_messages_of_one_tick_leave_together_and_in_order():
    async with stream_house(tick_ms=50) as house, house.client("/ws/btcusdt@trade") as client:
        for _ in range(100):
            house.trade()
        ids = [(await hear(client))["t"] for _ in range(100)]
        assert ids == list(range(FIRST_TRADE_ID, FIRST_TRADE_ID + 100))
        assert house.server.delivered == 100


@played
async def test_a_frame_that_is_not_of_the_exchange_is_left_out():
    async with stream_house() as house, house.client("/ws/btcusdt@trade") as client:
        house.source.take([b"", b"nonsense", b"OBRS" + bytes(12)])
        house.trade()
        assert (await hear(client))["t"] == FIRST_TRADE_ID


@played
async def test_a_graceful_stop_is_announced_and_closes_every_connection():
    async with stream_house() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
        async with house.client("/ws") as raw, house.client("/stream") as wrapped:
            await until(lambda: house.server.connections == 3)
            stop = asyncio.create_task(house.server.stop())
            assert (await hear(raw))["e"] == "serverShutdown"
            assert (await hear(wrapped))["stream"] == "!serverShutdown"
            for client in (raw, wrapped):
                with pytest.raises(ConnectionClosed) as closed:
                    await soon(client.recv())
                assert closed.value.rcvd.code == 1001
                assert closed.value.rcvd.reason == "Server shutdown"
            await soon(stop)
            assert house.server.connections == 0
        assert await soon(reader.read()) == b""
        writer.close()


@played
async def test_plain_http_is_told_to_upgrade():
    async with stream_house() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
        writer.write(UPGRADE.format(path="/ws").replace("Upgrade: websocket\r\n", "").encode())
        answer = await soon(reader.read())
        assert answer.startswith(b"HTTP/1.1 426 ")
        writer.close()


@played
async def test_no_compression_is_agreed_to():
    async with (
        stream_house() as house,
        house.client("/ws/btcusdt@trade", compression="deflate") as client,
    ):
        assert client.protocol.extensions == []
        house.trade()
        assert (await hear(client))["e"] == "trade"


@played
async def test_a_change_that_was_lost_before_a_quiet_time_is_told_all_the_same():
    """As when the matcher is killed between its journal and the wire, and nobody trades after it."""
    async with (
        stream_house(depth_interval_ms=100) as house,
        house.client("/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker") as client,
    ):
        market = house.market
        with market.command():
            market.level(Side.BUY, 100, 5)
        house.send()
        heard = await _heard_until(client, lambda one: one["data"].get("u") == 1)
        with market.command():
            market.level(Side.BUY, 101, 7)
        lost = market.rows()
        market.told_seq = int(lost["event_seq"][-1])
        heard = await _heard_until(client, lambda one: one["data"].get("U") == 2)
        assert heard[-1]["data"]["b"] == [["1.01000000", "0.00007000"]]
        assert any(one["data"].get("b") == "1.01000000" for one in heard)


@played
async def test_a_broadcaster_that_is_only_behind_does_not_doubt_its_books():
    async with stream_house() as house:
        server = house.server
        with patch.object(server, "_doubt", wraps=server._doubt) as doubt:
            # Always told far more than has come, but something comes between any two looks.
            house.market.told_seq = 1_000_000
            for _ in range(60):
                house.trade()
                await asyncio.sleep(0.01)
            assert not doubt.called
            await until(lambda: doubt.called)


async def _heard_until(client, is_it):
    heard = [await hear(client)]
    while not is_it(heard[-1]):
        heard.append(await hear(client))
    return heard
