"""The limits of the WebSocket API: those of REST, counted together with it, and its connections (API section 3)."""

from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.http11 import Response

from ingress.limits import CONNECT_WEIGHT, FIRST_BAN_NS, MINUTE_NS, TEN_SECONDS_NS
from tests.stream_house import played
from tests.ws_house import Client, WsHouse, ws_house

EXCHANGE_INFO_WEIGHT = 20


async def _refused(house: WsHouse) -> Response:
    """Return the answer to a handshake that is refused."""
    with pytest.raises(InvalidStatus) as refused:
        async with house.client():
            pass
    return refused.value.response


async def _used_up(client: Client) -> dict[str, Any]:
    """Ask until the weight is used up; return the first refusal."""
    for _ in range(100):
        told = await client.ask("exchangeInfo")
        if told["status"] != 200:
            return told
    raise AssertionError("nothing was refused")


@played
async def test_exchange_info_tells_the_limit_of_connections_in_place_of_raw_requests():
    async with ws_house(connects_limit=300) as house, house.client() as client:
        told = (await client.ask("exchangeInfo"))["result"]["rateLimits"]
        assert [one["rateLimitType"] for one in told] == [
            "REQUEST_WEIGHT",
            "ORDERS",
            "ORDERS",
            "CONNECTIONS",
        ]
        assert told[-1] == {
            "rateLimitType": "CONNECTIONS",
            "interval": "MINUTE",
            "intervalNum": 5,
            "limit": 300,
        }


@played
async def test_an_address_that_connects_too_often_waits_for_the_next_five_minutes():
    async with ws_house(connects_limit=2) as house:
        house.house.now_ns -= house.house.now_ns % (5 * MINUTE_NS)
        for _ in range(2):
            async with house.client():
                pass
        house.house.now_ns += MINUTE_NS
        response = await _refused(house)
        assert response.status_code == 429
        assert response.headers["Retry-After"] == "240"
        assert response.body == (
            b"Too many connection attempts from IP; current limit is 2 per '5 MINUTE'.\n"
        )
        house.house.now_ns += 4 * MINUTE_NS
        async with house.client() as client:
            assert (await client.ask("ping"))["status"] == 200


@played
async def test_a_connection_weighs_as_much_as_the_dialect_says():
    async with ws_house() as house:
        async with house.client():
            pass
        async with house.client() as client:
            told = await client.ask("ping")
            assert told["rateLimits"][0]["count"] == 2 * CONNECT_WEIGHT + 1


@played
async def test_who_used_up_the_weight_hears_429_until_the_minute_ends():
    async with ws_house(rest={"weight_limit": 60}) as house:
        house.house.now_ns -= house.house.now_ns % MINUTE_NS
        async with house.client() as client:
            told = await _used_up(client)
            now_ms = house.house.now_ns // 1_000_000
            assert (told["status"], told["error"]["code"]) == (429, -1003)
            assert told["error"]["msg"].startswith(
                "Too much request weight used; current limit is 60 request weight per 1 MINUTE."
            )
            assert told["error"]["data"] == {"serverTime": now_ms, "retryAfter": now_ms + 60_000}
            assert told["rateLimits"][0]["count"] == CONNECT_WEIGHT + 3 * EXCHANGE_INFO_WEIGHT
            # Over the other door it is the same count.
            assert (await _refused(house)).status_code == 429
            house.house.now_ns += MINUTE_NS
            assert (await client.ask("exchangeInfo"))["status"] == 200


@played
async def test_who_goes_on_asking_is_banned_and_cannot_connect():
    async with ws_house(rest={"weight_limit": 60, "ban_after": 3}) as house:
        async with house.client() as client:
            await _used_up(client)
            heard = [await client.ask("ping") for _ in range(3)]
            assert [one["status"] for one in heard] == [429, 429, 418]
            banned_ms = (house.house.now_ns + FIRST_BAN_NS) // 1_000_000
            assert heard[-1]["error"]["msg"].startswith(
                f"Way too much request weight used; IP banned until {banned_ms}."
            )
            assert heard[-1]["error"]["data"]["retryAfter"] == banned_ms
            response = await _refused(house)
            assert response.status_code == 418
            assert response.headers["Retry-After"] == str(FIRST_BAN_NS // 10**9)
        house.house.now_ns += FIRST_BAN_NS
        async with house.client() as client:
            assert (await client.ask("ping"))["status"] == 200


@played
async def test_too_many_orders_are_refused_with_the_time_to_wait():
    async with ws_house(rest={"orders_limit_10s": 2}) as house:
        house.house.now_ns -= house.house.now_ns % TEN_SECONDS_NS
        async with house.client() as client:
            for _ in range(2):
                assert (await client.signed("order.place", **house.limit()))["status"] == 200
            told = await client.signed("order.place", **house.limit())
            assert (told["status"], told["error"]["code"]) == (429, -1015)
            assert told["error"]["msg"] == (
                "Too many new orders; current limit is 2 orders per 10 SECOND."
            )
            now_ms = house.house.now_ns // 1_000_000
            assert told["error"]["data"] == {"serverTime": now_ms, "retryAfter": now_ms + 10_000}
            house.house.now_ns += TEN_SECONDS_NS
            assert (await client.signed("order.place", **house.limit()))["status"] == 200
