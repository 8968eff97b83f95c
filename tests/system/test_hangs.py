"""Every process stopped by SIGSTOP, one after the other: noticed, replaced, and the exchange whole again."""

import os
import signal
import time

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
LIMIT_S = 1.0
ENVIRON = {"OPENBOURSE_SUPERVISION_STOPPED_LIMIT_S": str(LIMIT_S), "OPENBOURSE_MARKET_RATE": "0"}
NOTICE_S = LIMIT_S + 5.0
"""A second of the loop, and four for a machine that is busy with other tests."""


@pytest.mark.parametrize(
    "name", ["office", "broadcaster", "ingress", "snapshotter", "writer", "postgres", "matcher"]
)
def test_a_stopped_process_is_replaced_within_the_stated_time(venue, name):
    venue.until(venue.is_whole, "a whole exchange before", 120)
    first = venue.process(name)["pid"]
    begun = time.monotonic()
    os.kill(first, signal.SIGSTOP)
    venue.until(lambda: venue.process(name)["pid"] != first, f"{name} is ended", 60)
    assert time.monotonic() - begun < NOTICE_S
    venue.until(venue.is_whole, f"whole again with a new {name}", 120)
    assert f"stopped by a signal, killed process={name} pid={first}" in venue.log.read_text()


def test_a_stopped_worker_of_the_ingress_is_replaced_by_gunicorn(venue):
    venue.until(venue.is_whole, "a whole exchange before", 120)
    [worker] = venue.process("ingress")["workers"]
    master = venue.process("ingress")["pid"]
    os.kill(worker, signal.SIGSTOP)
    venue.until(
        lambda: venue.process("ingress")["workers"] not in ([worker], []), "another worker", 60
    )
    venue.until(venue.is_whole, "a whole exchange", 120)
    assert venue.process("ingress")["pid"] == master


def test_it_trades_after_all_of_that(venue):
    keys = venue.demo_keys("alice")
    order = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    told = venue.client().signed(
        "POST", "/api/v3/order", keys, **order, quantity="0.001", price="20000"
    )
    assert told["status"] == "NEW"
    venue.until(venue.is_written, "the order in the database", 120)
