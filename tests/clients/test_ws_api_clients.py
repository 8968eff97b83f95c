"""Real trading programs over the WebSocket API, against a running exchange."""

import pytest

from tests.clients.programs_run import FOUND, environment, run
from tests.clients.test_clients import CCXT, PYTHON_BINANCE
from tests.clients.traffic import DEPOSITS
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]


@pytest.mark.parametrize(
    ("program", "package"),
    [
        ("ccxt_ws_api.py", CCXT),
        ("python_binance_ws_api.py", PYTHON_BINANCE),
        ("connector_ws_api.py", "binance-connector==3.13.0"),
        ("sdk_ws_api.py", "binance-sdk-spot==13.2.0"),
    ],
)
def test_every_case_of_a_client_holds(market: Exchange, program: str, package: str) -> None:
    python = environment(package.partition("=")[0], package)
    name = program.removesuffix(".py").replace("_", "-")
    mine, theirs = (market.account(f"{who}-of-{name}", *DEPOSITS) for who in ("mine", "theirs"))
    rows = FOUND[program] = run(python, program, market.status(), mine, theirs)
    assert {row.case: row.failure for row in rows if row.failure} == {}
