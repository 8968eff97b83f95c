"""A market that is alive: simulated traders on a running exchange, through its WebSocket API."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SYMBOLS = ("BTCUSDT", "ETHUSDT", "AAPLUSD", "AMZNUSD")


def trades(venue: Exchange, symbol: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = venue.client().public(
        "/api/v3/trades", symbol=symbol, limit=1000
    )
    return found


def told(venue: Exchange, *words: str) -> dict[str, float]:
    done = venue.command("simulate", *words, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.fixture(scope="module")
def quiet(tmp_path_factory):
    venue = Exchange(tmp_path_factory.mktemp("quiet") / "data", "--no-demo")
    venue.start()
    yield venue
    venue.wipe()


def test_the_demo_has_a_market_that_moves_and_outlives_kills(tmp_path):
    venue = Exchange(tmp_path / "data", OPENBOURSE_MARKET_RATE="60")
    try:
        venue.start()
        for symbol in ("BTCUSDT", "ETHUSDT"):
            venue.until(
                lambda symbol=symbol: len(trades(venue, symbol)) > 5, f"trades in {symbol}", 120
            )
            best = venue.client().public("/api/v3/ticker/bookTicker", symbol=symbol)
            assert 0 < float(best["bidPrice"]) < float(best["askPrice"])
        (market,) = [one for one in venue.status()["processes"] if one["name"] == "market"]
        assert market["state"] in ("ready", "running")
        assert (venue.data_dir / "traders.json").stat().st_mode & 0o777 == 0o600

        (ingress,) = [one for one in venue.status()["processes"] if one["name"] == "ingress"]
        for pid in ingress["workers"]:
            os.kill(pid, signal.SIGKILL)
        seen = trades(venue, "BTCUSDT")[-1]["id"] if _answers(venue) else 0
        venue.until(
            lambda: _answers(venue) and trades(venue, "BTCUSDT")[-1]["id"] > seen,
            "trades after the door was killed",
            120,
        )
        assert venue.stop() == 0
    finally:
        venue.wipe()


def _answers(venue: Exchange) -> bool:
    try:
        venue.client().public("/api/v3/ping")
    except Exception:  # noqa: BLE001 - whatever a door that is just being replaced says
        return False
    return True


def test_traders_trade_for_as_long_as_they_are_told(quiet):
    done = told(quiet, "--seconds", "4", "--rate", "100", "--symbol", "ETHUSDT")
    assert done["orders"] > 50
    assert done["refused"] < done["orders"] / 3
    assert done["restarts"] == 0
    assert trades(quiet, "ETHUSDT")
    assert not trades(quiet, "BTCUSDT")


def test_the_same_seed_makes_the_same_trades(quiet):
    told(quiet, "--seconds", "6", "--rate", "120", "--symbol", "BTCUSDT", "--seed", "5")
    first = [(one["price"], one["qty"]) for one in trades(quiet, "BTCUSDT")]
    assert len(first) > 5
    again = Exchange(quiet.data_dir.parent / "again", "--no-demo")
    try:
        again.start()
        told(again, "--seconds", "6", "--rate", "120", "--symbol", "BTCUSDT", "--seed", "5")
        second = [(one["price"], one["qty"]) for one in trades(again, "BTCUSDT")]
    finally:
        again.wipe()
    # A slower machine gets less far in the same time; as far as both got, it is the same market.
    both = min(len(first), len(second))
    assert both > 5
    assert first[:both] == second[:both]


def test_a_recorded_flow_plays_as_a_live_market(quiet, tmp_path):
    flow = tmp_path / "small.flow.jsonl"
    rows = [
        {"t": "34200.0", "op": "new", "id": "a", "side": "SELL", "type": "LIMIT", "tif": "GTC",
         "price": "231.00", "qty": 30},
        {"t": "34200.1", "op": "new", "id": "x", "side": "BUY", "type": "LIMIT", "tif": "IOC",
         "price": "231.00", "qty": 10, "hit": "a"},
        {"t": "34200.2", "op": "amend", "id": "a", "qty": 20},
        {"t": "34200.3", "op": "cancel", "id": "a"},
    ]  # fmt: skip
    flow.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = told(quiet, "--flow", str(flow), "--symbol", "AAPLUSD")
    assert (done["orders"], done["refused"]) == (4, 0)
    assert [(one["price"], one["qty"]) for one in trades(quiet, "AAPLUSD")] == [
        ("231.00000000", "10.00000000")
    ]
    depth = quiet.client().public("/api/v3/depth", symbol="AAPLUSD")
    assert depth["asks"] == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--rate", "0"), "expected a number from 1 to 10000"),
        (("--rate", "10001"), "expected a number from 1 to 10000"),
        (("--symbol", "NOPE"), "no instrument NOPE; there are AAPLUSD"),
        (("--flow", "nowhere.csv"), "cannot play nowhere.csv"),
        (("--offline", "--symbol", "NOPE"), "--offline knows BTCUSDT"),
        (("--offline", "--seconds", "5", "--symbol", "BTCUSDT"), "too few to measure"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(quiet, words, why):
    done = quiet.command("simulate", *words)
    assert done.returncode != 0
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def test_figures_of_simulated_and_recorded_markets_stand_side_by_side(quiet, tmp_path):
    flow = Path(tmp_path / "flat.flow.jsonl")
    rows = [
        {"t": "34200.0", "op": "new", "id": "a", "side": "SELL", "type": "LIMIT", "tif": "GTC",
         "price": "231.00", "qty": 30},
        {"t": "34200.0", "op": "new", "id": "b", "side": "BUY", "type": "LIMIT", "tif": "GTC",
         "price": "230.00", "qty": 30},
        {"t": "34260.0", "op": "new", "id": "x", "side": "BUY", "type": "LIMIT", "tif": "IOC",
         "price": "231.00", "qty": 10, "hit": "a"},
    ]  # fmt: skip
    flow.write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ("--offline", "--seconds", "45", "--rate", "60", "--symbol", "AMZNUSD")
    done = quiet.command("simulate", *words, "--beside", str(flow))
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "| figure | AMZNUSD | recorded |"
    spread = next(line for line in lines if line.startswith("| spread, median"))
    assert spread.endswith("| 43.38 |")


def test_in_large_rounds_nothing_is_asked_that_the_exchange_does_not_take(quiet):
    done = told(quiet, "--seconds", "4", "--rate", "10000")
    # A round holds 400, and a trader wants more of it than one batch takes.
    assert done["orders"] > 2000
    assert done["refused"] < done["orders"] / 5
    assert done["restarts"] == 0
    for symbol in SYMBOLS[:2]:
        best = quiet.client().public("/api/v3/ticker/bookTicker", symbol=symbol)
        assert 0 < float(best["bidPrice"]) < float(best["askPrice"])
