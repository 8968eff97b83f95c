"""Any process may be killed at any instant, under a running flow of orders: nothing is lost or doubled."""

import itertools
import json
import os
import signal
from collections.abc import Iterator

import pytest

from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.state import private_memory
from matcher.recovery import replay_into
from protocol.layout import Rows
from runtime.durable import DurableReader
from runtime.replay import JournalReader
from tests.system.exchange_fixture import Exchange
from tests.system.order_flow_fixture import Flow
from writer.reconcile import reconcile
from writer.store import connect

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
KILLS = 3
ENVIRON = {"OPENBOURSE_REST_ANSWER_TIMEOUT_S": "1"}
"""A request that was in the matcher when it died is answered "unknown" only after this time."""
_FLOWS = itertools.count()


@pytest.fixture
def flow(venue: Exchange) -> Iterator[Flow]:
    prefix = f"k{next(_FLOWS)}"
    one = Flow(venue.client(), prefix, venue.demo_keys("alice"), venue.demo_keys("bob"))
    one.start()
    yield one
    one.finish()


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


def go_on(venue: Exchange, flow: Flow, orders: int = 50) -> None:
    """Wait until so many more orders have been acknowledged."""
    wanted = len(flow.acknowledged) + orders
    venue.until(
        lambda: len(flow.acknowledged) >= wanted or flow.failure, f"{orders} more orders", 60
    )
    assert flow.failure == ""


def audit(venue: Exchange, flow: Flow) -> None:
    """Hold the database, the journal and the running matcher to each other and to what clients were told."""
    venue.until(venue.is_written, "the writer has caught up")
    with venue.database() as database:
        kept = database.execute(
            "select cl_ord_id, order_id from orders where cl_ord_id like %s", (f"{flow.prefix}-%",)
        ).fetchall()
        money = database.execute(
            "select asset, sum(free + locked) from balances group by asset order by asset"
        ).fetchall()
        deposits = database.execute(
            "select asset, sum(amount) from transfers group by asset order by asset"
        ).fetchall()
    assert len(kept) == len({text_id for text_id, _ in kept}), "an order was entered twice"
    found = dict(kept)
    assert set(flow.acknowledged) - set(found) == set(), "an acknowledged order was lost"
    assert {
        text_id: (told, found[text_id])
        for text_id, told in flow.acknowledged.items()
        if told not in (0, found[text_id])
    } == {}
    assert money == deposits
    assert venue.asked("journal", "verify", "--deep")["faults"] == []
    with connect(venue.dsn(), 60) as connection:
        found = reconcile(connection, events_of_a_replay(venue))
    assert found.agrees, found.differences


def events_of_a_replay(venue: Exchange) -> list[Rows]:
    """Replay the running exchange's journal from its first command and return all events."""
    folder = venue.data_dir / "journal"
    engine = Engine(capacity.recorded(folder), private_memory)
    events: list[Rows] = []
    replay_into(
        engine,
        DurableReader(JournalReader(folder), venue.run).read(),
        take=lambda rows: events.append(rows.copy()),
    )
    return events


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
