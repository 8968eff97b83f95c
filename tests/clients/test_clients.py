"""Real trading programs, unmodified apart from URLs and options, against a running exchange."""

import itertools
import os
from pathlib import Path

import pytest

from tests.clients.programs_run import FOUND, PROGRAMS, built, environment, modules, run
from tests.clients.traffic import DEPOSITS
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]
CCXT = "ccxt==4.5.90"
PYTHON_BINANCE = "python-binance==1.0.37"
NPM_SPOT = "@binance/spot@32.0.4"
NPM_BINANCE = "binance@3.6.5"
HUMMINGBOT = "hummingbot==20260922"
_numbers = itertools.count(1)


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("ccxt_sync.py", CCXT),
        ("ccxt_async.py", CCXT),
        ("ccxt_shipped.py", CCXT),
        ("python_binance.py", PYTHON_BINANCE),
        ("python_binance_streams.py", PYTHON_BINANCE),
        ("connector.py", "binance-connector==3.13.0"),
        ("connector_streams.py", "binance-connector==3.13.0"),
        ("sdk_spot.py", "binance-sdk-spot==13.2.0"),
        ("sdk_spot_streams.py", "binance-sdk-spot==13.2.0"),
        ("openapi.py", "schemathesis==4.32.5"),
        ("nautilus.py", "nautilus_trader==1.221.0"),
        ("bot_freqtrade.py", "freqtrade==2026.9"),
    ],
)
def test_every_case_of_a_client_holds(market: Exchange, program: str, package: str) -> None:
    check(market, program, environment(package.partition("=")[0], package))


@pytest.mark.skipif(
    not os.environ.get("OPENBOURSE_HUMMINGBOT"),
    reason="Hummingbot is compiled for minutes before it runs: make hummingbot",
)
@pytest.mark.timeout(5400)
def test_every_case_of_hummingbot_holds(market: Exchange) -> None:
    python = built("hummingbot", PROGRAMS / "hummingbot_needs.txt", HUMMINGBOT)
    check(market, "bot_hummingbot.py", python)


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("npm_spot.mjs", NPM_SPOT),
        ("npm_spot_streams.mjs", NPM_SPOT),
        ("npm_binance.mjs", NPM_BINANCE),
        ("npm_binance_streams.mjs", NPM_BINANCE),
    ],
)
def test_every_case_of_a_client_in_javascript_holds(
    market: Exchange, program: str, package: str
) -> None:
    check(market, program, modules(Path(program).stem.removesuffix("_streams"), package))


def check(market: Exchange, program: str, interpreter: Path) -> None:
    """Run a program with two accounts of its own; every case must hold."""
    number = next(_numbers)
    mine, theirs = (market.account(f"{who}-of-{number}", *DEPOSITS) for who in ("mine", "theirs"))
    rows = FOUND[program] = run(interpreter, program, market.status(), mine, theirs)
    assert {row.case: row.failure for row in rows if row.failure} == {}
