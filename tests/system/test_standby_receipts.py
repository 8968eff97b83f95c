"""Answers wait for the standby's receipt: a kill loses nothing, and without a standby the rule of the settings holds."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from protocol.terms import EventKind, Side
from runtime.segments import segments_in
from tests.matcher_house import ROOT, house, limit, opening, until
from tests.system.exchange_fixture import Exchange
from tests.system.order_flow_fixture import go_on
from tests.system.test_standby_process import switched
from tests.system.verdict import faults_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ENVIRON = {
    "OPENBOURSE_MATCHER_STANDBY": "true",
    "OPENBOURSE_MATCHER_SILENCE_S": "0.5",
    "OPENBOURSE_JOURNAL_REPLICAS": "1",
    "OPENBOURSE_JOURNAL_ALONE_AFTER_S": "1.5",
    "OPENBOURSE_REST_ANSWER_TIMEOUT_S": "0.3",
}


def primary(venue: Exchange) -> dict[str, object]:
    """What the matcher in charge last reported."""
    found = [one for one in venue.status()["processes"] if one["role"] == "primary"]
    return dict(found[0]["facts"]) if found else {}


def wait_for_together(venue: Exchange) -> None:
    venue.until_matchers("primary", "standby")
    venue.until(lambda: primary(venue).get("alone") is False, "answers that wait for receipts", 60)


def test_what_was_acknowledged_under_receipts_survives_kills_and_pauses(venue, flow):
    wait_for_together(venue)
    go_on(venue, flow, 100)
    switched(venue, flow)
    wait_for_together(venue)
    go_on(venue, flow, 50)
    # A standby that stands still stops the answers for the time set, and then an alarm rings.
    os.kill(venue.matchers()["standby"], signal.SIGSTOP)
    begun = time.monotonic()
    go_on(venue, flow, 20)
    waited = time.monotonic() - begun
    assert waited > 1.4, "answers did not wait for the receipt"
    venue.until(lambda: primary(venue).get("alone") is True, "the alarm")
    assert "ALONE: answers do not wait" in venue.log_end(200)
    with urllib.request.urlopen(venue.status()["office"] + "/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    assert "openbourse_alone 1.0" in metrics
    # The supervisor replaces what stands still, and all is as before.
    wait_for_together(venue)
    flow.finish()
    assert faults_of(venue, f"{flow.prefix}-", flow.acknowledged) == []
    # An orderly stop, too, leaves nothing in the journal that it has not done.
    assert venue.stop() == 0
    lived = json.loads((venue.data_dir / "journal" / "stopped.json").read_text())
    assert venue.asked("journal", "digest") == {**lived, "live": False}


def test_with_no_time_set_nothing_is_acknowledged_without_a_standby():
    environ = ENVIRON | {"OPENBOURSE_JOURNAL_ALONE_AFTER_S": "0"}
    with house() as home:
        home.start(wait=False, **environ)
        until(lambda: segments_in(home.journal), "the first matcher to be in charge")
        with home.output.open("ab") as output:
            second = subprocess.Popen(
                [sys.executable, "-m", "matcher", "matcher-2"],
                env={**home.environ, **environ},
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        client = home.client()
        try:
            until(lambda: "ready role=primary" in home.log(), "the market to open")
            assert set(client.ask(*opening(2))["kind"]) == {
                EventKind.ACCOUNT_ADDED,
                EventKind.DEPOSITED,
            }
            second.send_signal(signal.SIGSTOP)
            (held,) = client.send(limit(1, Side.SELL, 10_000, 30, "held"))
            until(lambda: not home.board.status()["ready"], "the door to close")
            # What comes now is not taken at all.
            client.send(limit(1, Side.SELL, 10_000, 30, "not taken"))
            assert held not in client.hear(300)
            assert len(home.board.account(1).orders) == 0, "it is seen before it is confirmed"
            second.send_signal(signal.SIGCONT)
            until(lambda: held in client.hear(20), "the answer to what was held")
            client.ask(limit(1, Side.SELL, 10_000, 30, "after"))
            assert len(home.board.account(1).orders) == 2
            home.stop()
        finally:
            client.close()
            second.kill()
            second.wait()
