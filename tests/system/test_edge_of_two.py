"""An edge of an exchange that has two hosts: it goes on with the one that takes over (docs/hosts.md)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.rest_client import Keys, RestClient
from commands.venue import Rejected
from runtime.ports import free_port
from tests.system.exchange_fixture import ROOT, Exchange
from tests.system.test_two_exchanges import Host
from tests.system.test_ws_kills import limit

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SYMBOL = "ETHUSDT"
PATIENCE_S = 60.0


@pytest.fixture
def venues(tmp_path: Path, database: str) -> Iterator[tuple[Host, Host, Exchange]]:
    """Both hosts of an exchange, and an edge."""
    offers = [f"tcp://127.0.0.1:{free_port()}" for _ in range(2)]
    places = [f"127.0.0.1:{free_port()}" for _ in range(2)]
    environ = {
        "OPENBOURSE_DATABASE_DSN": database,
        "OPENBOURSE_DATABASE_KEY_FILE": str(tmp_path / "secrets.key"),
        "OPENBOURSE_REST_ANSWER_TIMEOUT_S": "2",
    }
    pair = {"OPENBOURSE_JOURNAL_REPLICAS": "1", "OPENBOURSE_MATCHER_SILENCE_S": "0.5"}
    hosts = [
        Host(
            tmp_path / name,
            "--no-demo",
            **environ,
            **pair,
            OPENBOURSE_MATCHER_OFFER=offer,
            OPENBOURSE_MATCHER_PEER=peer,
            OPENBOURSE_EDGE_LISTEN=place,
        )
        for name, offer, peer, place in zip(
            ("one", "other"), offers, offers[::-1], places, strict=True
        )
    ]
    edge = Exchange(tmp_path / "edge", **environ, OPENBOURSE_EDGE_SOURCE=",".join(places))
    try:
        yield hosts[0], hosts[1], edge
    finally:
        for venue in (edge, *hosts):
            venue.wipe()


def placed(client: RestClient, keys: Keys, count: int, prefix: str, seconds: float) -> set[str]:
    """Send orders until `count` were taken; their text ids."""
    taken: set[str] = set()
    deadline, number = time.monotonic() + seconds, 0
    while len(taken) < count:
        assert time.monotonic() < deadline, f"{len(taken)} of {count} orders were taken"
        number += 1
        about = limit(0) | {"newClientOrderId": f"{prefix}{number}"}
        try:
            client.signed("POST", "/api/v3/order", keys, **about)
        except Rejected:
            time.sleep(0.05)
        else:
            taken.add(about["newClientOrderId"])
    return taken


def test_an_edge_goes_on_with_the_host_that_takes_over(
    venues: tuple[Host, Host, Exchange],
) -> None:
    one, other, edge = venues
    key = edge.asked("keys", "create")["public"]
    theirs = [host.asked("keys", "create")["public"] for host in (one, other)]
    edge._environ["OPENBOURSE_EDGE_SOURCE_KEY"] = ",".join(theirs)
    for host in (one, other):
        host.asked("keys", "trust", "edge", key, "--edge")
    taken = subprocess.run(
        [sys.executable, str(ROOT / "supervisor.py"), "lease", "--take"],
        env={**one._environ, "OPENBOURSE_DATA_DIR": str(one.data_dir)},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert taken.returncode == 0, taken.stderr
    one.start()
    other.follow()
    keys = one.account("alice", "USDT=100000")
    edge.start()
    other.until(lambda: other.asked("lease")["may_take_over"], "the lease to name the copy", 60)
    client = edge.client()
    before = placed(client, keys, 20, "before", PATIENCE_S)
    copy_of = edge.data_dir / "journal" / "copy.id"
    copy = copy_of.read_text()
    assert one.child
    # The host is lost as a whole, and stays so.
    pids = [process["pid"] for process in one.status()["processes"]]
    one.child.kill()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    begun = time.monotonic()
    after = placed(client, keys, 20, "after", PATIENCE_S)
    print(f"orders at the edge {time.monotonic() - begun:.1f} s after the host was lost")
    other.until(lambda: other.role() == "primary", "the other one in charge", PATIENCE_S)
    told = client.signed("GET", "/api/v3/openOrders", keys, symbol=SYMBOL)
    assert before | after <= {one["clientOrderId"] for one in told}
    # It is the same journal, gone on with.
    assert copy_of.read_text() == copy
    assert not list(edge.data_dir.glob("aside-*"))
