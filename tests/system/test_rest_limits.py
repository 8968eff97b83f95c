"""Limits hold over all workers of a host: what one counts, the other refuses."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import psutil
import pytest

from commands.venue import Rejected
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.slow]
CONNECTIONS = 16
WEIGHT_LIMIT, BAN_AFTER, ORDERS_LIMIT = 200, 20, 6
ENVIRON = {
    "OPENBOURSE_REST_WORKERS": "2",
    "OPENBOURSE_REST_WEIGHT_LIMIT": str(WEIGHT_LIMIT),
    "OPENBOURSE_REST_BAN_AFTER": str(BAN_AFTER),
    "OPENBOURSE_REST_ORDERS_LIMIT_1D": str(ORDERS_LIMIT),
}


@dataclass
class Answer:
    """What one request heard."""

    status: int
    used: int
    code: int
    retry_after_s: int


class Caller:
    """One address with connections to every worker."""

    def __init__(self, venue: Exchange, address: str) -> None:
        host, _, port = venue.status()["rest"].removeprefix("http://").rpartition(":")
        self._connections = [
            http.client.HTTPConnection(host, int(port), 30, source_address=(address, 0))
            for _ in range(CONNECTIONS)
        ]
        self._next = 0
        for _ in range(CONNECTIONS):
            self.ask("/api/v3/ping")
        served = [
            any(one.raddr and one.raddr.ip == address for one in connections_of(pid))
            for pid in venue.process("ingress")["workers"]
        ]
        assert served == [True, True], "this caller does not reach every worker"

    def ask(self, path: str) -> Answer:
        """Ask over the next connection."""
        return self._ask("GET", path, {})

    def is_known(self, api_key: str) -> bool:
        """Whether the worker of the next connection takes a key."""
        path = "/api/v3/userDataStream?listenKey=none"
        code = self._ask("PUT", path, {"X-MBX-APIKEY": api_key}).code
        assert code in (-1125, -2015)
        return code == -1125

    def _ask(self, verb: str, path: str, headers: dict[str, str]) -> Answer:
        connection = self._connections[self._next % CONNECTIONS]
        self._next += 1
        connection.request(verb, path, headers=headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
        code = told.get("code", 0)
        head = answer.headers
        used, retry = head["x-mbx-used-weight-1m"], head["retry-after"] or "0"
        return Answer(answer.status, int(used), code, int(retry))

    def close(self) -> None:
        for connection in self._connections:
            connection.close()


def connections_of(pid: int) -> list[object]:
    return psutil.Process(pid).net_connections("tcp")


@pytest.fixture
def caller(venue: Exchange, request: pytest.FixtureRequest) -> Iterator[Caller]:
    """A caller with an address of its own, early in a minute."""
    while time.time() % 60 > 30:
        time.sleep(0.1)
    one = Caller(venue, request.param)
    yield one
    one.close()


@pytest.mark.parametrize("caller", ["127.0.0.5"], indirect=True)
def test_a_revoked_key_is_refused_by_all_workers_once_the_command_is_done(venue, caller):
    key = venue.account("revoked", "USDT=1").api_key
    assert all(caller.is_known(key) for _ in range(CONNECTIONS))
    told = venue.asked("account", "key", "revoke", key)
    assert told == {"api_key": key, "revoked": True, "workers": 2}
    assert not any(caller.is_known(key) for _ in range(CONNECTIONS))


@pytest.mark.parametrize("caller", ["127.0.0.2"], indirect=True)
def test_the_weight_of_an_address_is_one_count_for_all_workers(caller):
    used = [caller.ask("/api/v3/exchangeInfo").used for _ in range(8)]
    assert used == [CONNECTIONS + 20 * number for number in range(1, 9)]


@pytest.mark.parametrize("caller", ["127.0.0.3"], indirect=True)
def test_an_address_over_the_limit_is_refused_and_then_banned_by_all_workers(venue, caller):
    while (answer := caller.ask("/api/v3/exchangeInfo")).status == 200:
        assert answer.used <= WEIGHT_LIMIT + 19
    told = [answer, *(caller.ask("/api/v3/ping") for _ in range(BAN_AFTER - 1))]
    assert {(one.status, one.code) for one in told} == {(429, -1003)}
    assert all(0 < one.retry_after_s <= 60 for one in told)
    banned = [caller.ask("/api/v3/ping") for _ in range(CONNECTIONS)]
    assert {(one.status, one.code) for one in banned} == {(418, -1003)}
    assert all(100 < one.retry_after_s <= 120 for one in banned)
    with closing(Caller(venue, "127.0.0.4")) as other:
        assert other.ask("/api/v3/ping").status == 200


def test_orders_of_an_account_are_one_count_for_all_workers(venue):
    keys = venue.account("counted", "USDT=1000000")
    clients = [venue.client() for _ in range(4)]
    about = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    told = []
    for client in clients * 2:
        try:
            client.signed("POST", "/api/v3/order", keys, **about, price="1000.00", quantity="0.01")
            told.append("taken")
        except Rejected as error:
            told.append(str(error))
    assert told[:ORDERS_LIMIT] == ["taken"] * ORDERS_LIMIT
    assert all("-1015 Too many new orders" in one for one in told[ORDERS_LIMIT:])
    (_, day) = clients[0].signed("GET", "/api/v3/rateLimit/order", keys)
    assert (day["count"], day["limit"]) == (ORDERS_LIMIT, ORDERS_LIMIT)
