"""A spare process behind one that must not be away for long: kept, watched, and put in its place."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervision import status
from supervision.pids import is_stopped
from tests.fake_exchange import Exchange, until

HELD = ("matcher", "has a spare", ())


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    one = Exchange(tmp_path / "data")
    yield one
    one.wipe()


def spare(exchange: Exchange) -> int:
    """Return the pid of the spare that waits; 0: there is none."""
    entry = exchange.entry("matcher-spare")
    return int(entry["pid"]) if entry.get("role") == "spare" else 0


def primary(exchange: Exchange) -> int:
    entry = exchange.entry("matcher")
    return int(entry["pid"]) if entry.get("role") == "primary" else 0


def test_the_exchange_is_up_before_its_spare_is_started(exchange):
    exchange.up(HELD, ("writer", "steady", ("matcher",)))
    until(lambda: spare(exchange), "a spare")
    assert exchange.lives() == [
        "matcher started",
        "writer started",
        "matcher started",
        "matcher waits",
    ]
    text = exchange.text()
    assert text.index("up\n") < text.index("started process=matcher-spare")
    assert status.told(exchange.run)["state"] == "running"


def test_a_spare_has_the_place_of_a_killed_process_and_gets_a_spare_of_its_own(exchange):
    exchange.up(HELD)
    for killed in range(1, 4):
        until(lambda: spare(exchange), "a spare")
        first, second = primary(exchange), spare(exchange)
        os.kill(first, signal.SIGKILL)
        until(lambda: exchange.entry("matcher")["pid"] == second, "the spare in its place")  # noqa: B023
        if exchange.entry("matcher")["role"] == "spare":
            # It is at work when it says so, not when it has the place.
            assert status.told(exchange.run)["state"] == "degraded"
        until(lambda: primary(exchange) == second, "the spare at work")  # noqa: B023
        assert exchange.entry("matcher")["restarts"] == killed
        assert exchange.entry("matcher")["last_end"] == "signal 9"
    until(lambda: spare(exchange), "a spare")
    assert status.told(exchange.run)["state"] == "running"
    assert exchange.text().count("died, its spare has its place") == 3
    # Nobody was started while another one recovered: each killed one cost one start.
    assert exchange.lives().count("matcher started") == 5


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_spare_that_ends_or_stands_still_is_replaced_and_nobody_notices(exchange, number):
    exchange.up(HELD, stopped_limit_s=0.5)
    until(lambda: spare(exchange), "a spare")
    first, second = primary(exchange), spare(exchange)
    os.kill(second, number)
    until(lambda: spare(exchange) not in (0, second), "another spare")
    assert primary(exchange) == first
    assert exchange.entry("matcher")["restarts"] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_process_that_dies_with_its_spare_is_started_anew(exchange, number):
    exchange.up(HELD, stopped_limit_s=30)
    until(lambda: spare(exchange), "a spare")
    first, second = primary(exchange), spare(exchange)
    os.kill(second, number)
    # A signal takes a moment; one that stands still only later is replaced when its limit is over.
    until(lambda: number != signal.SIGSTOP or is_stopped(second), "the spare to stand still")
    os.kill(first, signal.SIGKILL)
    until(lambda: primary(exchange) not in (0, first), "a new life")
    until(lambda: spare(exchange), "a spare")
    assert {primary(exchange), spare(exchange)}.isdisjoint({first, second})


def test_a_spare_that_cannot_live_is_tried_again_and_again_and_the_exchange_works(exchange):
    exchange.up(("matcher", "has a sick spare", ()), start_tries=2)
    until(lambda: exchange.entry("matcher-spare").get("restarts", 0) >= 2, "tries")
    first = primary(exchange)
    assert status.told(exchange.run)["state"] == "running"
    os.kill(first, signal.SIGKILL)
    until(lambda: primary(exchange) not in (0, first), "a new life")
    assert exchange.end() == 0


def test_a_spare_stops_before_the_one_whose_place_it_could_take(exchange):
    exchange.up(("door", "steady", ()), HELD, stop_order=("door", "matcher"))
    until(lambda: spare(exchange), "a spare")
    assert exchange.end() == 0
    ends = [line for line in exchange.lives() if line.endswith("stopped")]
    assert ends == ["matcher stopped", "door stopped", "matcher stopped"]
    assert exchange.text().count("role=primary") == 1
