"""Two whole hosts: one matches, the other takes orders for it (docs/hosts.md), and what breaks between them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from commands.rest_client import Keys, RestClient, patiently
from commands.venue import Rejected
from protocol.board_reads import Board
from runtime.ports import free_port
from runtime.shared import Reader
from tests.system.exchange_fixture import Exchange
from tests.system.test_host_namespaces import NotAllowed, ip, joined
from tests.system.test_ws_kills import api

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SYMBOL = "BTCUSDT"
ORDER = {"symbol": SYMBOL, "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.00100"}
PATIENCE_S = 60.0
HOME, EDGE = "10.213.78.1", "10.213.78.2"
ENVIRON = {"OPENBOURSE_REST_ANSWER_TIMEOUT_S": "2"}


class Hosts:
    """The exchange, the host that takes orders for it, and two traders."""

    def __init__(self, folder: Path, wire: str) -> None:
        home, edge = (HOME, EDGE) if wire else ("127.0.0.1", "127.0.0.1")
        self.wire = wire
        self.place, at = f"{home}:{free_port(home)}", {**ENVIRON, "OPENBOURSE_REST_HOST": home}
        self.home = Exchange(folder / "home", "--no-demo", **at, OPENBOURSE_EDGE_LISTEN=self.place)
        about = {**ENVIRON, "OPENBOURSE_EDGE_SOURCE": self.place, "OPENBOURSE_REST_HOST": edge}
        self.edge = Exchange(folder / "edge", **about, OPENBOURSE_WS_HOST=edge)
        # A killed edge begins with a snapshot and goes on from there.
        self.edge._environ |= {
            "OPENBOURSE_OFFICE_HOST": edge,
            "OPENBOURSE_JOURNAL_SNAPSHOT_EVERY_S": "1",
        }
        if wire:
            self.edge.prefix = ("ip", "netns", "exec", wire)

    def start(self) -> None:
        home, edge = self.home, self.edge
        exchange_key = home.asked("keys", "create")["public"]
        self.edge_key = edge.asked("keys", "create")["public"]
        home.asked("keys", "trust", "edge", self.edge_key, "--edge")
        home.start()
        edge._environ |= {
            "OPENBOURSE_EDGE_SOURCE_KEY": exchange_key,
            "OPENBOURSE_DATABASE_DSN": home.dsn(),
            "OPENBOURSE_DATABASE_KEY_FILE": str(home.data_dir / "secrets.key"),
        }
        self.alice = home.account("alice", "USDT=10000000", "BTC=1000")
        self.bob = home.account("bob", "USDT=10000000", "BTC=1000")
        edge.start()
        self.there, self.here = home.client(), edge.client()

    def stream(self, path: str) -> ClientConnection:
        return connect(self.edge.status()["ws"] + path, compression=None, proxy=None)

    def wipe(self) -> None:
        self.edge.wipe()
        self.home.wipe()

    def order(self, client: RestClient, keys: Keys, side: str, price: str, **more: str) -> Any:
        return client.signed("POST", "/api/v3/order", keys, **ORDER, side=side, price=price, **more)

    def open_ids(self, client: RestClient, keys: Keys) -> set[str]:
        told = client.signed("GET", "/api/v3/openOrders", keys, symbol=SYMBOL)
        return {one["clientOrderId"] for one in told}

    def balances(self, client: RestClient, keys: Keys) -> dict[str, tuple[str, str]]:
        told = client.signed("GET", "/api/v3/account", keys)["balances"]
        return {one["asset"]: (one["free"], one["locked"]) for one in told}

    def heals(self) -> None:
        """Wait until an order is taken at the edge again."""
        self.edge.until(self._takes_orders, "orders at the edge", PATIENCE_S)

    def _takes_orders(self) -> bool:
        try:
            order = self.order(self.here, self.alice, "BUY", "20000.00")
            self.here.signed(
                "DELETE", "/api/v3/order", self.alice, symbol=SYMBOL, orderId=order["orderId"]
            )
        except Rejected:
            return False
        return True

    def agree(self) -> None:
        """Both hosts show the same accounts and the same book."""

        def shown(client: RestClient) -> list[Any]:
            return [
                *(self.balances(client, keys) for keys in (self.alice, self.bob)),
                *(self.open_ids(client, keys) for keys in (self.alice, self.bob)),
                client.public("/api/v3/depth", symbol=SYMBOL, limit=5000),
            ]

        def same() -> bool:
            # One of the connections may have been idle for so long that it was closed.
            return bool(patiently(lambda: shown(self.here) == shown(self.there)))

        self.edge.until(same, "both hosts show the same", PATIENCE_S)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two hosts with a wire between them; both on loopback where this machine allows no namespaces."""
    with ExitStack() as stack:
        try:
            wire = stack.enter_context(joined(HOME, EDGE))
        except NotAllowed:
            wire = ""
        found = Hosts(tmp_path_factory.mktemp("hosts"), wire)
        try:
            found.start()
            yield found
        finally:
            found.wipe()


def refusal(ask: Callable[[], object]) -> Rejected:
    with pytest.raises(Rejected) as caught:
        ask()
    return caught.value


def test_what_was_answered_at_the_edge_can_be_read_there_at_once(hosts: Hosts) -> None:
    for number in range(30):
        text = f"o{number}"
        hosts.order(hosts.here, hosts.alice, "BUY", f"{30000 + number}.00", newClientOrderId=text)
        assert text in hosts.open_ids(hosts.here, hosts.alice)
        about = {"symbol": SYMBOL, "origClientOrderId": text}
        told = hosts.here.signed("GET", "/api/v3/order", hosts.alice, **about)
        assert told["status"] == "NEW"
        usdt = hosts.balances(hosts.here, hosts.alice)["USDT"]
        assert float(usdt[1]) == pytest.approx((30000 + number) * 0.001)
        told = hosts.here.signed("DELETE", "/api/v3/order", hosts.alice, **about)
        assert told["status"] == "CANCELED"
        assert hosts.open_ids(hosts.here, hosts.alice) == set()
    hosts.agree()


def test_orders_of_both_hosts_meet_and_fills_are_told_at_both(hosts: Hosts) -> None:
    key = hosts.here.keyed("POST", "/api/v3/userDataStream", hosts.alice)["listenKey"]
    with hosts.stream(f"/ws/{key}") as mine, hosts.stream("/ws/btcusdt@trade") as tape:
        before = hosts.balances(hosts.here, hosts.alice)["BTC"]
        hosts.order(hosts.there, hosts.bob, "SELL", "50000.00")
        hosts.agree()
        told = hosts.order(hosts.here, hosts.alice, "BUY", "50000.00", newClientOrderId="meets")
        assert told["status"] == "FILLED"
        after = hosts.balances(hosts.here, hosts.alice)["BTC"]
        assert float(after[0]) > float(before[0])
        reports: list[dict[str, Any]] = []
        while not reports or reports[-1].get("X") != "FILLED":
            reports.append(json.loads(mine.recv(timeout=PATIENCE_S)))
        assert reports[-1]["c"] == "meets"
        assert json.loads(tape.recv(timeout=PATIENCE_S))["p"] == "50000.00000000"
    # History is that of the books, and never behind what was answered here.
    trades = hosts.here.signed("GET", "/api/v3/myTrades", hosts.alice, symbol=SYMBOL)
    assert trades[-1]["orderId"] == told["orderId"]
    hosts.agree()


def test_lists_replacements_and_candles_work_at_the_edge(hosts: Hosts) -> None:
    first = hosts.order(hosts.here, hosts.bob, "SELL", "60000.00")
    replaced = hosts.here.signed(
        "POST", "/api/v3/order/cancelReplace", hosts.bob, **ORDER, side="SELL", price="61000.00",
        cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=first["orderId"],
    )  # fmt: skip
    assert replaced["newOrderResponse"]["status"] == "NEW"
    hosts.here.signed("DELETE", "/api/v3/openOrders", hosts.bob, symbol=SYMBOL)
    assert hosts.open_ids(hosts.here, hosts.bob) == set()
    assert hosts.here.public("/api/v3/klines", symbol=SYMBOL, interval="1m")


def test_the_websocket_api_trades_and_tells_at_the_edge(hosts: Hosts) -> None:
    with api(hosts.edge, hosts.bob) as socket:
        socket.ask("userDataStream.subscribe.signature")
        order = socket.ask("order.place", **ORDER, side="SELL", price="65000.00")
        about = {"symbol": SYMBOL, "orderId": order["orderId"]}
        assert socket.ask("order.status", **about)["status"] == "NEW"
        assert socket.ask("order.cancel", **about)["status"] == "CANCELED"
        while [event["x"] for event in socket.events if "x" in event][-1:] != ["CANCELED"]:
            assert socket.take()


def test_a_revoked_key_is_refused_at_the_edge_when_the_command_returns(hosts: Hosts) -> None:
    keys = hosts.home.account("gone", "USDT=1000")
    assert hosts.balances(hosts.here, keys)["USDT"][0].startswith("1000.")
    hosts.home.asked("account", "key", "revoke", keys.api_key)
    assert "-2015" in str(refusal(lambda: hosts.balances(hosts.here, keys)))


def test_the_exchange_is_administered_where_it_matches(hosts: Hosts) -> None:
    done = hosts.edge.command("halt", SYMBOL)
    assert done.returncode != 0
    assert "say it there" in done.stderr


@pytest.mark.parametrize("victim", ["edge", "gate", "matcher"])
def test_a_kill_on_the_way_loses_nothing_that_was_answered(hosts: Hosts, victim: str) -> None:
    house = hosts.edge if victim == "edge" else hosts.home
    kept = []
    for number in range(40):
        text = f"{victim}{number}"
        try:
            hosts.order(
                hosts.here, hosts.alice, "BUY", f"{25000 + number}.00", newClientOrderId=text
            )
        except Rejected:
            # Refused, or unknown: then it may stand in the book or not.
            time.sleep(0.1)
        else:
            kept.append(text)
        if number == 10:
            os.kill(house.process(victim)["pid"], signal.SIGKILL)
    hosts.heals()
    assert len(kept) > 10
    assert set(kept) <= hosts.open_ids(hosts.here, hosts.alice)
    hosts.agree()
    hosts.here.signed("DELETE", "/api/v3/openOrders", hosts.alice, symbol=SYMBOL)
    hosts.agree()
    assert hosts.edge.process("ingress")["restarts"] == 0


@pytest.mark.parametrize("name", ["edge", "gate"])
def test_one_that_stands_still_is_replaced(hosts: Hosts, name: str) -> None:
    house = hosts.edge if name == "edge" else hosts.home
    first = house.process(name)["pid"]
    os.kill(first, signal.SIGSTOP)
    house.until(lambda: house.process(name)["pid"] not in (0, first), "replaced", 10)
    hosts.heals()
    assert hosts.order(hosts.here, hosts.alice, "BUY", "20500.00")["status"] == "NEW"
    hosts.agree()


def test_a_copy_that_is_damaged_is_put_aside_and_begun_anew(hosts: Hosts) -> None:
    snapshots = hosts.edge.data_dir / "snapshots"
    hosts.agree()
    seq = int(Board(Reader(hosts.edge.run).current).status()["seq"])
    # Nothing happens now, so that no other snapshot is on its way.
    newest = snapshots / f"{seq:012d}.snapshot"
    hosts.edge.until(newest.exists, "a snapshot of everything", PATIENCE_S)
    (copy, *_) = sorted((hosts.edge.data_dir / "journal").glob("0*"))
    with copy.open("r+b") as file:
        file.seek(1000)
        byte = file.read(1)[0]
        file.seek(1000)
        file.write(bytes([byte ^ 1]))
    # What is before a snapshot is not read again.
    for path in snapshots.iterdir():
        path.unlink()
    # Of those before this one, one stays.
    older = [hosts.edge.data_dir / f"aside-{number}" for number in (9, 10)]
    for folder in older:
        folder.mkdir()
    os.kill(hosts.edge.process("edge")["pid"], signal.SIGKILL)
    hosts.edge.until(lambda: not older[0].exists(), "put aside", PATIENCE_S)
    first, second = sorted(hosts.edge.data_dir.glob("aside-*"), key=lambda path: int(path.name[6:]))
    assert (first, (second / "journal" / copy.name).exists()) == (older[1], True)
    hosts.heals()
    hosts.agree()
    hosts.edge.until(lambda: list(snapshots.glob("*.snapshot")), "a snapshot of it", PATIENCE_S)


def test_a_stranger_is_refused_and_one_that_takes_the_market_only_is_too(
    hosts: Hosts, tmp_path: Path
) -> None:
    other = Exchange(tmp_path / "other")
    other._environ |= {
        name: value
        for name, value in hosts.edge._environ.items()
        if name.startswith(("OPENBOURSE_EDGE", "OPENBOURSE_DATABASE"))
    }
    try:
        key = other.asked("keys", "create")["public"]
        # Trusted with the market, not with orders.
        hosts.home.asked("keys", "trust", "mirror", key)
        other.begin()
        other.until(lambda: "nobody answers at" in other.log.read_text(), "refused", PATIENCE_S)
        assert hosts.home.process("gate")["facts"]["edges"] == 1
        assert not list((other.data_dir / "journal").glob("*.journal"))
        # The same key, trusted with orders: then it comes, without a restart of anything.
        hosts.home.asked("keys", "trust", "other", key, "--edge")
        other.until(other.is_whole, "let in", PATIENCE_S)
        assert hosts.home.process("gate")["facts"]["edges"] == 2
        there, here = (venue.client() for venue in (hosts.home, other))
        assert hosts.open_ids(here, hosts.alice) == hosts.open_ids(there, hosts.alice)
    finally:
        other.wipe()


TRADER = """
import sys, time
from commands.rest_client import Keys, RestClient
from commands.venue import Rejected
host, port, api_key, secret, prefix, seconds = sys.argv[1:]
client, keys = RestClient(host, int(port)), Keys(api_key, secret)
about = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.00100", "side": "BUY"}
deadline, number = time.monotonic() + float(seconds), 0
while time.monotonic() < deadline:
    number += 1
    text = f"{prefix}{number}"
    try:
        client.signed("POST", "/api/v3/order", keys, **about, price="24000.00", newClientOrderId=text)
        print(text, "taken")
    except Rejected as why:
        print(text, why)
    time.sleep(0.02)
"""


def test_a_wire_that_is_pulled_stops_orders_at_the_edge_and_nowhere_else(hosts: Hosts) -> None:
    if not hosts.wire:
        pytest.skip("this machine allows no network namespaces: no wire to pull")

    def trade(prefix: str, seconds: float) -> dict[str, str]:
        """Send orders from the edge's own side of the wire; what became of each."""
        host, _, port = hosts.edge.status()["rest"].removeprefix("http://").rpartition(":")
        words = [host, port, hosts.alice.api_key, hosts.alice.secret, prefix, str(seconds)]
        done = subprocess.run(
            [*hosts.edge.prefix, sys.executable, "-c", TRADER, *words],
            env=hosts.edge._environ, capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        return dict(line.split(maxsplit=1) for line in done.stdout.splitlines())

    before = trade("before", 1.0)
    assert set(before.values()) == {"taken"}
    assert ip("link", "set", hosts.wire, "down") == ""
    cut = trade("cut", 6.0)
    # What was on its way is unknown; then everything is refused, and nobody is told that it was taken.
    assert "taken" not in cut.values()
    last = list(cut.values())[-1]
    assert "-1008" in last, cut
    # Its connection may have been idle for longer than the door keeps one.
    hosts.there = hosts.home.client()
    begun = time.monotonic()
    for number in range(20):
        order = hosts.order(hosts.there, hosts.bob, "SELL", f"{70000 + number}.00")
        assert order["status"] == "NEW"
    assert time.monotonic() - begun < 10
    assert hosts.home.is_whole()
    assert ip("link", "set", hosts.wire, "up") == ""
    hosts.heals()
    after = trade("after", 1.0)
    assert set(after.values()) == {"taken"}
    found = hosts.open_ids(hosts.there, hosts.alice)
    assert set(before) | set(after) <= found
    refused = {text for text, why in cut.items() if "-1008" in why}
    assert not refused & found
    hosts.agree()
    # A key that is trusted no more is refused from the next connection on.
    hosts.home.asked("keys", "distrust", "edge", "--edge")
    hosts.home.asked("restart", "gate")
    hosts.edge.until(lambda: hosts.edge.process("edge")["facts"]["away"], "refused", PATIENCE_S)
    hosts.home.asked("keys", "trust", "edge", hosts.edge_key, "--edge")
    hosts.heals()
    for keys in (hosts.alice, hosts.bob):
        hosts.here.signed("DELETE", "/api/v3/openOrders", keys, symbol=SYMBOL)
    hosts.agree()


def test_an_exchange_that_was_away_as_a_whole_is_gone_on_with(hosts: Hosts) -> None:
    order = hosts.order(hosts.here, hosts.alice, "BUY", "21000.00", newClientOrderId="stays")
    assert hosts.home.stop() == 0
    # At once it may be one that was on its way.
    why = str(refusal(lambda: hosts.order(hosts.here, hosts.alice, "BUY", "21001.00")))
    assert "-1007" in why or "-1008" in why
    hosts.edge.until(lambda: hosts.edge.process("edge")["facts"]["away"], "behind", PATIENCE_S)
    # No order is taken, and what may be old is not shown; the book is.
    assert "-1008" in str(refusal(lambda: hosts.order(hosts.here, hosts.alice, "BUY", "21001.00")))
    assert "-1001" in str(refusal(lambda: hosts.open_ids(hosts.here, hosts.alice)))
    assert hosts.here.public("/api/v3/depth", symbol=SYMBOL)["bids"]
    hosts.home.start()
    hosts.there = hosts.home.client()
    hosts.heals()
    assert "stays" in hosts.open_ids(hosts.here, hosts.alice)
    about = {"symbol": SYMBOL, "orderId": order["orderId"]}
    hosts.here.signed("DELETE", "/api/v3/order", hosts.alice, **about)
    hosts.agree()
