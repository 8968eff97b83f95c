"""A second matcher stands by: it takes over at once, whatever becomes of the first, and nothing is lost."""

import json
import os
import signal
import time

import pytest

from tests.system.exchange_fixture import Exchange
from tests.system.order_flow_fixture import Flow, go_on
from tests.system.verdict import faults_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ANSWER_TIMEOUT_S = 25
ENVIRON = {
    "OPENBOURSE_MATCHER_STANDBY": "true",
    "OPENBOURSE_MATCHER_SILENCE_S": "0.5",
    # What died with a matcher is answered "unknown" long before.
    "OPENBOURSE_REST_ANSWER_TIMEOUT_S": str(ANSWER_TIMEOUT_S),
}


def switched(venue: Exchange, flow: Flow) -> float:
    """Kill the matcher in charge; how long it took until three more orders were acknowledged."""
    before = venue.until_matchers("primary", "standby")
    begun = time.monotonic()
    os.kill(before["primary"], signal.SIGKILL)
    go_on(venue, flow, 3)
    seconds = time.monotonic() - begun
    venue.until(
        lambda: venue.matchers().get("primary") == before["standby"],
        "the status to show that the standby is in charge",
    )
    return seconds


def test_the_standby_takes_over_from_a_killed_matcher_again_and_again(venue, flow, record_property):
    go_on(venue, flow, 50)
    taken = []
    for _ in range(4):
        taken.append(switched(venue, flow))
        go_on(venue, flow, 50)
    record_property("seconds_to_three_orders", taken)
    assert max(taken) < ANSWER_TIMEOUT_S / 2
    flow.finish()
    assert faults_of(venue, f"{flow.prefix}-", flow.acknowledged) == []


def test_a_matcher_that_was_paused_is_replaced_and_can_acknowledge_nothing_more(venue, flow):
    go_on(venue, flow, 50)
    before = venue.until_matchers("primary", "standby")
    os.kill(before["primary"], signal.SIGSTOP)
    go_on(venue, flow, 50)
    # It was ended, not only outrun: there is nobody left to wake up.
    with pytest.raises(ProcessLookupError):
        os.kill(before["primary"], signal.SIGCONT)
    assert venue.until_matchers("primary", "standby")["primary"] == before["standby"]
    flow.finish()
    assert faults_of(venue, f"{flow.prefix}-", flow.acknowledged) == []


def test_a_standby_that_dies_is_started_again_and_nobody_notices(venue, flow):
    go_on(venue, flow, 20)
    before = venue.until_matchers("primary", "standby")
    retries = flow.retries
    os.kill(before["standby"], signal.SIGKILL)
    venue.until(lambda: venue.matchers().get("standby", 0) not in (0, before["standby"]), "another")
    go_on(venue, flow, 20)
    assert flow.retries == retries
    assert venue.matchers()["primary"] == before["primary"]


def test_streams_and_books_go_on_after_a_switch(venue, flow):
    venue.until_matchers("primary", "standby")
    with venue.stream("/ws/btcusdt@trade") as stream:
        last = json.loads(stream.recv(timeout=30))["t"]
        os.kill(venue.matchers()["primary"], signal.SIGKILL)
        seen = last
        deadline = time.monotonic() + 60
        while seen < last + 50:
            assert time.monotonic() < deadline
            seen = json.loads(stream.recv(timeout=30))["t"]
    flow.finish()
    venue.until(venue.is_written, "the writer has caught up", 60)
    # Neither had to be started again.
    assert [venue.process(name)["restarts"] for name in ("writer", "broadcaster", "ingress")] == [
        0
    ] * 3


def test_an_orderly_stop_is_no_reason_to_take_over(venue, flow):
    venue.until_matchers("primary", "standby")
    go_on(venue, flow, 20)
    flow.finish()
    lives = venue.log.read_text().count("role=primary")
    assert venue.stop() == 0
    assert venue.log.read_text().count("role=primary") == lives
    lived = json.loads((venue.data_dir / "journal" / "stopped.json").read_text())
    assert venue.asked("journal", "digest") == {**lived, "live": False}
    venue.start()
