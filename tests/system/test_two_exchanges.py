"""Two whole exchanges as on two hosts: a client that finds one dead goes on at the other, and nothing is lost."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from commands.rest_client import Keys, RestClient
from commands.venue import Rejected
from runtime.ports import free_port
from tests.system.exchange_fixture import ROOT, Exchange
from tests.system.order_flow_fixture import Flow
from tests.system.verdict import faults_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SWITCH_S = 1.0


class Host(Exchange):
    """An exchange whose database is somewhere else; `stands_by`: it is not up before it is in charge."""

    def dsn(self) -> str:
        return self._environ["OPENBOURSE_DATABASE_DSN"]

    def follow(self) -> None:
        """Start it, and wait until its doors are open and it stands by."""
        words = ["up", "--data-dir", str(self.data_dir), "--rest-port", "0", "--ws-port", "0"]
        with self.output.open("wb") as output, self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, str(ROOT / "supervisor.py"), *words, "--no-demo"],
                cwd=ROOT,
                env=self._environ,
                stdout=output,
                stderr=log,
            )
        self.until(lambda: self.role() == "standby", "a standby", 240)
        self.until(lambda: self.process("ingress")["state"] in ("ready", "running"), "doors", 120)

    def role(self) -> str:
        """What its matcher says it is."""
        if self.status()["state"] == "down":
            return ""
        return str(self.process("matcher")["role"])


@pytest.fixture
def hosts(tmp_path: Path, database: str) -> Iterator[tuple[Host, Host]]:
    offers = [f"tcp://127.0.0.1:{free_port()}" for _ in range(2)]
    environ = {
        "OPENBOURSE_DATABASE_DSN": database,
        "OPENBOURSE_DATABASE_KEY_FILE": str(tmp_path / "secrets.key"),
        "OPENBOURSE_JOURNAL_REPLICAS": "1",
        "OPENBOURSE_MATCHER_SILENCE_S": "0.5",
        "OPENBOURSE_REST_ANSWER_TIMEOUT_S": "0.3",
    }
    found = tuple(
        Host(
            tmp_path / name,
            **environ,
            OPENBOURSE_MATCHER_OFFER=offer,
            OPENBOURSE_MATCHER_PEER=peer,
        )
        for name, offer, peer in (("one", *offers), ("other", *offers[::-1]))
    )
    try:
        yield found  # type: ignore[misc]
    finally:
        for host in found:
            host.wipe()


def first_accepted(client: RestClient, keys: Keys, begun: float) -> float:
    """Ask until an order is accepted; how long after `begun` that was."""
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    order |= {"quantity": "0.00100", "price": "40000.00"}
    for number in range(10_000):
        try:
            client.signed("POST", "/api/v3/order", keys, **order, newClientOrderId=f"n{number}")
        except Rejected:
            threading.Event().wait(0.005)
        else:
            return time.monotonic() - begun
    raise AssertionError("no order was accepted")


def test_clients_go_on_at_the_other_host_and_no_order_is_lost(hosts, record_property):
    one, other = hosts
    taken = subprocess.run(
        [sys.executable, str(ROOT / "supervisor.py"), "lease", "--take"],
        env={**one._environ, "OPENBOURSE_DATA_DIR": str(one.data_dir)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert taken.returncode == 0, taken.stderr
    one.start()
    other.follow()
    one.until(lambda: "together" in one.log.read_text(), "answers that wait for the copy")
    alice, bob = one.demo_keys("alice"), one.demo_keys("bob")
    other.until(lambda: other.asked("lease")["may_take_over"], "the lease to name the copy")
    flow = Flow(one.client(), "x", alice, bob)
    flow.start()
    one.until(lambda: len(flow.acknowledged) > 100 or flow.failure, "orders")
    client = other.client()
    with pytest.raises(Rejected):
        client.signed("GET", "/api/v3/account", alice)
    begun = time.monotonic()
    os.kill(one.process("matcher")["pid"], signal.SIGKILL)
    seconds = first_accepted(client, alice, begun)
    record_property("switch_over_s", seconds)
    print(f"{len(flow.acknowledged)} acknowledged, switch-over {seconds:.3f} s")
    # The flow finds its own host closed from here on, and gives up; what it was told is what counts.
    flow._stopped.set()
    acknowledged = dict(flow.acknowledged)
    other.until(other.is_whole, "the other one to be up", 60)
    one.until(lambda: one.role() == "standby", "the first one to stand by", 60)
    # It has the same market, key and all, and the doors of both have lived through it.
    assert [host.process("ingress")["restarts"] for host in hosts] == [0, 0]
    assert other.process("writer")["restarts"] == 0
    assert faults_of(other, "x-", acknowledged) == []
    assert seconds <= SWITCH_S
