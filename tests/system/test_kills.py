"""Any process may be killed at any instant, under a running flow of orders: nothing is lost or doubled."""

import json
import os
import signal

import pytest

from tests.system.exchange_fixture import Exchange
from tests.system.order_flow_fixture import Flow, go_on
from tests.system.verdict import faults_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
KILLS = 3
ENVIRON = {"OPENBOURSE_MATCHER_SPARE": "true"}


def pid_of(venue: Exchange, victim: str) -> int:
    if victim == "ingress worker":
        workers = venue.process("ingress")["workers"]
        return int(workers[0]) if workers else 0
    return int(venue.process(victim)["pid"])


def kill(venue: Exchange, victim: str) -> None:
    """Kill it and wait until the exchange is whole again, with another in its place."""
    pid = pid_of(venue, victim)
    os.kill(pid, signal.SIGKILL)
    venue.until(
        lambda: pid_of(venue, victim) not in (0, pid) and venue.is_whole(),
        f"a new {victim} in place of {pid}",
        60,
    )


def audit(venue: Exchange, flow: Flow) -> None:
    """Hold the database, the journal and the running matcher to each other and to what clients were told."""
    assert faults_of(venue, f"{flow.prefix}-", flow.acknowledged) == []


@pytest.mark.parametrize(
    "victim", ["matcher", "writer", "ingress", "ingress worker", "broadcaster", "postgres"]
)
def test_a_killed_process_comes_back_and_nothing_is_lost_or_doubled(venue, flow, victim):
    go_on(venue, flow)
    for _ in range(KILLS):
        kill(venue, victim)
        go_on(venue, flow)
    flow.finish()
    audit(venue, flow)


def test_streams_go_on_after_the_broadcaster_and_the_matcher_were_killed(venue, flow):
    for victim in ("broadcaster", "matcher"):
        kill(venue, victim)
        go_on(venue, flow)
        with venue.stream("/ws/btcusdt@trade") as stream:
            first, second = (json.loads(stream.recv(timeout=10)) for _ in range(2))
        assert second["t"] == first["t"] + 1


def test_a_killed_supervisor_leaves_nothing_that_the_next_start_cannot_handle(venue, flow):
    go_on(venue, flow)
    flow.finish()
    assert venue.child is not None
    venue.child.kill()
    venue.child.wait()
    venue.start()
    assert venue.is_whole()
    audit(venue, flow)


def test_the_state_that_lived_through_kills_is_the_state_that_a_replay_gives(venue, flow):
    for _ in range(KILLS):
        kill(venue, "matcher")
        go_on(venue, flow)
    flow.finish()
    assert venue.stop() == 0
    lived = json.loads((venue.data_dir / "journal" / "stopped.json").read_text())
    assert venue.asked("journal", "digest") == {**lived, "live": False}
    venue.start()
