"""Behind a proxy that is trusted: a key bound to an address works from there over every way in, and from nowhere else."""

import contextlib
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from websockets.sync.client import connect

from commands.rest_client import Keys
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
ENVIRON = {"OPENBOURSE_REST_PROXIES": "127.0.0.1, 127.0.0.9"}
CLIENT = "192.0.2.7"
ALLOWED, REFUSED = 200, 401


@pytest.fixture(scope="module")
def bound(venue: Exchange) -> Keys:
    venue.asked("account", "create", "carol")
    made = venue.asked("account", "key", "create", "carol", "--ip", CLIENT)
    return Keys(made["api_key"], made["secret"])


@contextlib.contextmanager
def connection(venue: Exchange, peer: str) -> Iterator[http.client.HTTPConnection]:
    where = urlsplit(venue.status()["rest"])
    one = http.client.HTTPConnection(
        str(where.hostname), where.port, timeout=30, source_address=(peer, 0)
    )
    with contextlib.closing(one):
        yield one


def signed(keys: Keys) -> dict[str, str]:
    fields = {"recvWindow": "60000", "timestamp": str(time.time_ns() // 1_000_000)}
    seal = hmac.new(keys.secret.encode(), urlencode(fields).encode(), hashlib.sha256)
    return {**fields, "signature": seal.hexdigest()}


@pytest.mark.parametrize(
    ("peer", "told", "status"),
    [
        pytest.param("127.0.0.1", CLIENT, ALLOWED, id="named by the proxy"),
        pytest.param("127.0.0.1", f"{CLIENT}, 127.0.0.9", ALLOWED, id="by a proxy behind it"),
        pytest.param("127.0.0.1", f"{CLIENT}, 192.0.2.8", REFUSED, id="claimed by somebody else"),
        pytest.param("127.0.0.1", "", REFUSED, id="not named"),
        pytest.param("127.0.0.2", CLIENT, REFUSED, id="named by a stranger"),
    ],
)
# A request that is expected to wait goes through Falcon, an ordinary one past it.
@pytest.mark.parametrize("way", [{}, {"Expect": "100-continue"}], ids=["lane", "falcon"])
def test_a_key_bound_to_an_address_works_from_there_alone(venue, bound, peer, told, status, way):
    headers = {"X-MBX-APIKEY": bound.api_key, "X-Forwarded-For": told, **way}
    with connection(venue, peer) as wire:
        wire.request("GET", f"/api/v3/account?{urlencode(signed(bound))}", headers=headers)
        answer = wire.getresponse()
        assert (answer.status, answer.read() and answer.status) == (status, status)


def test_one_connection_of_a_proxy_carries_many_clients(venue, bound):
    with connection(venue, "127.0.0.1") as wire:
        for told, status in ((CLIENT, ALLOWED), ("192.0.2.8", REFUSED), (CLIENT, ALLOWED)):
            headers = {"X-MBX-APIKEY": bound.api_key, "X-Forwarded-For": told}
            wire.request("GET", f"/api/v3/account?{urlencode(signed(bound))}", headers=headers)
            answer = wire.getresponse()
            answer.read()
            assert answer.status == status


@pytest.mark.parametrize(("told", "status"), [(CLIENT, ALLOWED), ("192.0.2.8", REFUSED)])
def test_the_websocket_api_knows_the_client_too(venue, bound, told, status):
    fields: dict[str, Any] = {"apiKey": bound.api_key, "recvWindow": 60000}
    fields["timestamp"] = time.time_ns() // 1_000_000
    covered = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    seal = hmac.new(bound.secret.encode(), covered.encode(), hashlib.sha256)
    request = {"id": 1, "method": "account.status"}
    url = venue.status()["rest"].replace("http", "ws", 1) + "/ws-api/v3"
    with connect(url, additional_headers={"X-Forwarded-For": told}, compression=None) as wire:
        wire.send(json.dumps({**request, "params": {**fields, "signature": seal.hexdigest()}}))
        assert json.loads(wire.recv(timeout=30))["status"] == status
