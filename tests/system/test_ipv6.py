"""All doors at an IPv6 address, and a door for both families: orders, streams, metrics, keys bound to an address."""

import contextlib
import json
import socket
import urllib.request
from collections.abc import Iterator

import pytest
from websockets.sync.client import connect

from commands.rest_client import Keys, Rejected, RestClient
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
ENVIRON = {
    "OPENBOURSE_REST_HOST": "::",
    "OPENBOURSE_WS_HOST": "::",
    "OPENBOURSE_OFFICE_HOST": "::1",
}


@pytest.fixture(autouse=True, scope="module")
def _needs_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")


@contextlib.contextmanager
def client_at(host: str, venue: Exchange) -> Iterator[RestClient]:
    client = RestClient(host, port_of(venue))
    with contextlib.closing(client.connection):
        yield client


def port_of(venue: Exchange) -> int:
    return int(venue.status()["rest"].rpartition(":")[2])


def test_an_order_and_its_trade_are_seen_at_an_ipv6_address(venue):
    order = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    with client_at("::1", venue) as client, venue.stream("/ws/btcusdt@trade") as stream:
        for name, side in (("alice", "SELL"), ("bob", "BUY")):
            keys = venue.demo_keys(name)
            client.signed("POST", "/api/v3/order", keys, **order, side=side, price="30000")
        assert json.loads(stream.recv(timeout=30))["p"] == "30000.00000000"


def test_the_addresses_that_are_told_can_be_used(venue):
    told = venue.status()
    assert told["rest"].startswith("http://[::]:")
    assert told["ws"].startswith("ws://[::]:")
    assert told["office"].startswith("http://[::1]:")
    ws_port = int(told["ws"].rpartition(":")[2])
    for host in ("[::1]", "127.0.0.1"):
        with connect(f"ws://{host}:{ws_port}/ws/btcusdt@trade") as stream:
            stream.ping().wait(30)
    with urllib.request.urlopen(f"{told['office']}/metrics", timeout=30) as answer:
        assert b"openbourse_" in answer.read()
    with urllib.request.urlopen(f"http://[::1]:{port_of(venue)}/", timeout=30) as page:
        assert page.status == 200


@pytest.mark.parametrize("host", ["::1", "127.0.0.1"])
def test_a_key_bound_to_an_address_works_from_there_over_both_families(venue, host):
    account = venue.asked("account", "create", f"bound-{len(host)}")
    key = venue.asked("account", "key", "create", f"bound-{len(host)}", "--ip", host)
    bound, free = (Keys(one["api_key"], one["secret"]) for one in (key, account))
    for address in ("::1", "127.0.0.1"):
        with client_at(address, venue) as client:
            assert client.signed("GET", "/api/v3/account", free)["canTrade"] is True
            if address == host:
                assert client.signed("GET", "/api/v3/account", bound)["canTrade"] is True
            else:
                with pytest.raises(Rejected, match="-2015"):
                    client.signed("GET", "/api/v3/account", bound)


def test_a_port_that_is_taken_is_told_with_its_address(venue, tmp_path):
    second = Exchange(tmp_path / "data", "--rest-port", str(port_of(venue)), **ENVIRON)
    second.begin()
    assert second.child
    assert second.child.wait(60) == 1
    assert f"cannot listen on [::]:{port_of(venue)}" in second.log.read_text()
