"""Two hosts: one matches and relays its market into Redis, the other serves it from there (docs/hosts.md)."""

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from commands.rest_client import Keys, RestClient
from commands.venue import Rejected
from tests.system.exchange_fixture import Exchange
from tests.valkey_fixture import Valkey

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SYMBOL = "ETHUSDT"
STREAMS = "/stream?streams=ethusdt@depth@100ms/ethusdt@trade/ethusdt@bookTicker"
PATIENCE_S = 60.0


class Hosts:
    """Both exchanges, the server between them, and a trader on the first."""

    def __init__(self, valkey: Valkey | None, home: Exchange, edge: Exchange) -> None:
        self.valkey, self.home, self.edge = valkey, home, edge
        self.keys: Keys = home.account("trader", "USDT=10000000", "ETH=1000")
        self.there, self.here = home.client(), edge.client()

    def order(self, side: str, price: int, qty: str = "0.1") -> None:
        fields = {"type": "LIMIT", "timeInForce": "GTC", "selfTradePreventionMode": "NONE"}
        about = {"symbol": SYMBOL, "side": side, "price": str(price), "quantity": qty}
        self.there.signed("POST", "/api/v3/order", self.keys, **about, **fields)

    def trade(self, turns: int) -> None:
        for turn in range(turns):
            self.order("SELL", 2001 + turn % 7)
            self.order("BUY", 1999 - turn % 5 + 3 * (turn % 2))

    def agree(self) -> dict[str, Any]:
        """Wait until the other host shows the book of the first; return it."""
        book: dict[str, Any] = {}

        def same() -> bool:
            nonlocal book
            book = depth(self.there)
            return depth(self.here) == book

        self.edge.until(same, "both hosts show the same book", PATIENCE_S)
        return book


def depth(client: RestClient, limit: int = 5000) -> dict[str, Any]:
    try:
        told: dict[str, Any] = client.public("/api/v3/depth", symbol=SYMBOL, limit=limit)
    except Rejected:
        # A book that waits for a snapshot is not shown.
        return {}
    return told


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("hosts")
    valkey = Valkey(folder)
    valkey.start()
    home = Exchange(folder / "home", "--no-demo", OPENBOURSE_REDIS_URL=valkey.url)
    edge = Exchange(folder / "edge", OPENBOURSE_REDIS_SOURCE=valkey.url)
    try:
        home.start()
        edge._environ["OPENBOURSE_REDIS_HISTORY"] = home.status()["rest"].removeprefix("http://")
        edge.start()
        yield Hosts(valkey, home, edge)
    finally:
        edge.wipe()
        home.wipe()
        valkey.kill()


def heard_until(client: ClientConnection, stream: str, done: Any) -> list[dict[str, Any]]:
    """Return the messages of a stream until one of them is what is waited for."""
    deadline, found = time.monotonic() + PATIENCE_S, []
    while not found or not done(found[-1]):
        told = json.loads(client.recv(timeout=max(0.1, deadline - time.monotonic())))
        if told["stream"] == stream:
            found.append(told["data"])
    return found


def test_the_other_host_serves_books_prices_and_instruments(hosts: Hosts) -> None:
    hosts.trade(10)
    book = hosts.agree()
    assert book["bids"]
    assert book["asks"]
    hosts.edge.until(
        lambda: depth(hosts.here, 5) == depth(hosts.there, 5), "the short depth, too", PATIENCE_S
    )
    for path in ("ticker/bookTicker", "ticker/price", "session"):
        ours, theirs = (
            client.public(f"/api/v3/{path}", symbol=SYMBOL) for client in (hosts.here, hosts.there)
        )
        assert ours == theirs, path
    ours, theirs = (
        client.public("/api/v3/exchangeInfo")["symbols"] for client in (hosts.here, hosts.there)
    )
    assert ours == theirs


def test_streams_of_both_hosts_say_the_same(hosts: Hosts) -> None:
    with (
        connect(hosts.home.status()["ws"] + STREAMS, compression=None) as one,
        connect(hosts.edge.status()["ws"] + STREAMS, compression=None) as other,
    ):
        hosts.trade(20)
        last = hosts.agree()["lastUpdateId"]
        name = "ethusdt@depth@100ms"
        sides = [
            heard_until(client, name, lambda told: told["u"] >= last) for client in (one, other)
        ]
    ids = [[u for told in side for u in range(told["U"], told["u"] + 1)] for side in sides]
    begin = max(ids[0][0], ids[1][0])
    assert ids[1] == list(range(ids[1][0], last + 1))
    levels = [_levels(side, begin) for side in sides]
    assert levels[0] == levels[1]


def _levels(side: list[dict[str, Any]], begin: int) -> dict[tuple[str, str], str]:
    """What differences lead to, however they were cut."""
    found = {}
    for told in side:
        if told["U"] >= begin:
            for letter in "ba":
                found.update({(letter, price): qty for price, qty in told[letter]})
    return found


def test_nothing_can_be_entered_on_the_other_host(hosts: Hosts) -> None:
    with pytest.raises(Rejected):
        hosts.here.signed("GET", "/api/v3/account", hosts.keys)
    # A book order by order is not to be had there.
    with pytest.raises(Rejected, match="-1001"):
        hosts.here.public("/api/v3/l3", symbol=SYMBOL)


def test_candles_come_from_the_host_that_knows_the_past(hosts: Hosts) -> None:
    with connect(hosts.edge.status()["ws"] + "/ws/ethusdt@kline_1m", compression=None) as client:
        hosts.trade(2)
        told = json.loads(client.recv(timeout=PATIENCE_S))
        assert (told["e"], told["s"]) == ("kline", SYMBOL)
        assert told["k"]["n"] > 0


@pytest.mark.parametrize("victim", ["mirror", "relay", "broadcaster"])
def test_a_kill_between_the_hosts_leaves_the_books_right(hosts: Hosts, victim: str) -> None:
    venue = hosts.home if victim == "relay" else hosts.edge
    hosts.trade(3)
    pid = venue.process(victim)["pid"]
    os.kill(pid, signal.SIGKILL)
    hosts.trade(5)
    venue.until(lambda: venue.process(victim)["pid"] not in (0, pid), "another in its place", 60)
    venue.until(venue.is_whole, "whole again", 60)
    hosts.trade(3)
    hosts.agree()
    _follows(hosts)


def test_redis_killed_and_started_again_under_load_leaves_the_books_right(hosts: Hosts) -> None:
    for _ in range(2):
        hosts.trade(3)
        hosts.valkey.kill()
        hosts.trade(5)
        # The exchange itself goes on, and so does what the other host has.
        assert hosts.home.is_whole()
        assert hosts.edge.is_whole()
        hosts.valkey.start()
        hosts.trade(3)
        hosts.agree()
        _follows(hosts)


def test_redis_that_hangs_loses_nothing(hosts: Hosts) -> None:
    lost = hosts.edge.process("mirror")
    hosts.trade(3)
    hosts.agree()
    hosts.valkey.pause()
    hosts.trade(5)
    hosts.valkey.resume()
    hosts.agree()
    _follows(hosts)
    assert hosts.edge.process("mirror")["restarts"] == lost["restarts"]


def _follows(hosts: Hosts) -> None:
    """A client of the other host hears what happens from now on."""
    with connect(hosts.edge.status()["ws"] + STREAMS, compression=None) as client:
        hosts.trade(1)
        last = hosts.agree()["lastUpdateId"]
        heard_until(client, "ethusdt@depth@100ms", lambda told: told["u"] >= last)
