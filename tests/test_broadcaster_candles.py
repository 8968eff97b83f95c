"""Candle, ticker and average streams with real clients."""

import json

import pytest

from broadcaster.recent import Past
from protocol.tape import AggTrade
from protocol.terms import Side
from runtime import clock
from tests.market_events import FIRST_TRADE_ID, START_NS
from tests.stream_house import StreamHouse, hear, played, stream_house, until


def _known(house: StreamHouse) -> bool:
    return house.server._tapes.needs() == []


@played
async def test_a_new_listener_is_told_the_running_candle_and_each_change():
    async with stream_house() as house:
        await until(lambda: _known(house))
        house.market.at_ns = clock.wall_ns()
        house.trade()
        path = "/stream?streams=btcusdt@kline_1M/btcusdt@ticker/!miniTicker@arr@1000ms"
        async with house.client(path) as client:
            told = {}
            while len(told) < 3:
                one = await hear(client)
                told[one["stream"]] = one["data"]
            kline = told["btcusdt@kline_1M"]["k"]
            assert (kline["n"], kline["f"], kline["o"]) == (1, FIRST_TRADE_ID, "1.10000000")
            assert (told["btcusdt@ticker"]["n"], told["btcusdt@ticker"]["c"]) == (1, "1.10000000")
            assert [one["s"] for one in told["!miniTicker@arr@1000ms"]] == ["BTCUSDT", "ETHUSDT"]
            house.trade()
            changed = await hear(client)
            while changed["stream"] != "btcusdt@kline_1M":
                changed = await hear(client)
            assert changed["data"]["k"]["n"] == 2


@played
async def test_candles_wait_for_the_past_and_hold_it():
    async with stream_house() as house:
        house.history.away = True
        past = AggTrade(FIRST_TRADE_ID - 1, 90, 1, FIRST_TRADE_ID - 1, FIRST_TRADE_ID - 1, 0, False)
        house.history.of["BTCUSDT"] = Past([], [], [past._replace(at_ns=clock.wall_ns())], None)
        async with house.client("/ws/btcusdt@kline_1M") as client:
            house.market.at_ns = clock.wall_ns()
            house.trade()
            house.history.away = False
            kline = (await hear(client))["k"]
            assert (kline["n"], kline["o"], kline["c"]) == (2, "0.90000000", "1.10000000")


@played
async def test_trades_lost_on_the_wire_are_in_the_candles_all_the_same():
    async with stream_house() as house:
        await until(lambda: _known(house))
        house.market.at_ns = clock.wall_ns()
        house.trade()
        with house.market.command():
            house.market.level(Side.SELL, 500, 1)
        with house.market.command():
            house.market.trade(Side.SELL, 500, 1)
        house.market.rows()
        lost = FIRST_TRADE_ID + 1
        house.history.trades = [AggTrade(lost, 500, 1, lost, lost, clock.wall_ns(), False)]
        house.trade()
        await until(lambda: _known(house))
        async with house.client("/ws/btcusdt@kline_1M") as client:
            kline = (await hear(client))["k"]
            assert (kline["n"], kline["h"]) == (3, "5.00000000")


@pytest.mark.parametrize("stream", ["btcusdt@kline_1m", "btcusdt@avgPrice"])
def test_a_market_without_trades_says_nothing_of_them(stream):
    @played
    async def scenario():
        async with stream_house() as house, house.client(f"/ws/{stream}") as client:
            await until(lambda: _known(house))
            house.market.at_ns = START_NS
            await client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
            assert (await hear(client))["result"] == [stream]

    scenario()
