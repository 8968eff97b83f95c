"""An edge through the lives of the matcher it takes orders for, and what it shows and keeps of its own (docs/hosts.md)."""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from commands.rest_client import RestClient
from commands.venue import Rejected
from runtime.segments import segments_in
from tests.system.test_edge import ORDER, PATIENCE_S, Hosts

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ANSWER_TIMEOUT_S = 60.0
"""Who hears -1007 long before has heard it for another reason."""


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    """Two hosts, both on loopback, whose clients have much patience."""
    found = Hosts(tmp_path_factory.mktemp("hosts"), "")
    for one in (found.home, found.edge):
        one._environ["OPENBOURSE_REST_ANSWER_TIMEOUT_S"] = str(ANSWER_TIMEOUT_S)
        one._environ["OPENBOURSE_JOURNAL_SEGMENT_BYTES"] = str(1 << 20)
    found.home._environ["OPENBOURSE_MATCHER_SPARE"] = "true"
    found.edge._environ["OPENBOURSE_JOURNAL_KEEP"] = "needed"
    found.edge._environ["OPENBOURSE_JOURNAL_SNAPSHOTS_KEPT"] = "1"
    try:
        found.start()
        yield found
    finally:
        found.wipe()


class InFlight(threading.Thread):
    """An order on its way, and how it ended."""

    def __init__(self, hosts: Hosts, text: str) -> None:
        super().__init__(daemon=True)
        self._hosts, self._text = hosts, text
        host, _, port = hosts.edge.status()["rest"].removeprefix("http://").rpartition(":")
        self._client = RestClient(host, int(port), 2 * ANSWER_TIMEOUT_S)
        self.outcome = ""
        self.ended = 0.0
        self.start()

    def run(self) -> None:
        alice, text = self._hosts.alice, self._text
        try:
            self._hosts.order(self._client, alice, "BUY", "22000.00", newClientOrderId=text)
            self.outcome = "taken"
        except Rejected as why:
            self.outcome = str(why)
        self.ended = time.monotonic()
        self._client.connection.close()


def test_both_ends_of_the_wire_are_metered(hosts: Hosts) -> None:
    told = {}
    for name, venue in (("home", hosts.home), ("edge", hosts.edge)):
        place = venue.status()["office"].removeprefix("http://")
        door = http.client.HTTPConnection(place, timeout=30)
        door.request("GET", "/metrics")
        told[name] = door.getresponse().read().decode().splitlines()
        door.close()
    assert {"openbourse_edges 1.0", "openbourse_gate_refused_commands 0.0"} <= set(told["home"])
    assert {"openbourse_edge_away 0.0", "openbourse_up 1.0"} <= set(told["edge"])


def test_what_died_with_the_matcher_is_unknown_at_the_edge_soon_after_the_next_is_at_work(
    hosts: Hosts,
) -> None:
    hosts.heals()
    first = hosts.home.process("matcher")["pid"]
    # It takes nothing from its wire any more: the order will die in it.
    os.kill(first, signal.SIGSTOP)
    lost = InFlight(hosts, "lost")
    # Nothing tells that an order lies in the socket of a process that stands still.
    time.sleep(0.3)
    os.kill(first, signal.SIGKILL)
    killed = time.monotonic()
    hosts.heals()
    healed = time.monotonic()
    lost.join(ANSWER_TIMEOUT_S)
    print(
        f"orders {healed - killed:.2f} s after the kill, unknown {lost.ended - killed:.2f} s after it"
    )
    assert "-1007" in lost.outcome
    assert lost.ended - healed < 2.0
    assert "lost" not in hosts.open_ids(hosts.here, hosts.alice)
    assert hosts.order(hosts.here, hosts.alice, "BUY", "22000.00", newClientOrderId="lost")
    hosts.here.signed("DELETE", "/api/v3/openOrders", hosts.alice, symbol="BTCUSDT")
    hosts.agree()


def test_an_edge_tells_nothing_of_how_far_the_database_is(hosts: Hosts) -> None:
    pages = {}
    for name, venue in (("home", hosts.home), ("edge", hosts.edge)):
        door = http.client.HTTPConnection(venue.status()["office"].removeprefix("http://"))
        door.request("GET", "/metrics")
        pages[name] = door.getresponse().read().decode() + venue.command("status").stdout
        door.close()
    for word in ("openbourse_watermark_lag_events ", "  watermark "):
        assert word in pages["home"]
        assert word not in pages["edge"]
    assert hosts.edge.asked("status")["watermark"] is None


def test_segments_of_the_copy_go_that_its_snapshots_do_not_need(hosts: Hosts) -> None:
    first, *_ = segments_in(hosts.edge.data_dir / "journal")
    ioc = {**ORDER, "timeInForce": "IOC", "side": "BUY", "price": "20000.00"}
    about = {"batchOrders": json.dumps([ioc] * 50)}

    def cleared() -> bool:
        hosts.here.signed("POST", "/api/v3/batchOrders", hosts.alice, **about)
        return not first.exists()

    hosts.edge.until(cleared, "the first segment to go", 2 * PATIENCE_S)
    # There everything is kept, as it was asked for there.
    assert (hosts.home.data_dir / "journal" / first.name).exists()
    os.kill(hosts.edge.process("edge")["pid"], signal.SIGKILL)
    hosts.heals()
    hosts.agree()
    assert not first.exists()
    assert not list(hosts.edge.data_dir.glob("aside-*"))
