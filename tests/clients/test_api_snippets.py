"""The programs that docs/api.md shows do what they say, against a running exchange."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.clients.programs_run import ROOT, environment
from tests.clients.test_clients import CCXT, PYTHON_BINANCE
from tests.clients.traffic import DEPOSITS
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]
PROGRAMS = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text(), re.DOTALL)


@pytest.mark.parametrize(
    ("number", "package"), [(0, CCXT), (1, PYTHON_BINANCE)], ids=["ccxt", "python-binance"]
)
def test_a_program_of_the_document_runs(
    market: Exchange, tmp_path: Path, number: int, package: str
) -> None:
    keys, told = market.account(f"reader-{number}", *DEPOSITS), market.status()
    text = PROGRAMS[number]
    for shown, real in (
        ("http://127.0.0.1:3000", told["rest"]),
        ("ws://127.0.0.1:4000", told["ws"]),
        ("YOUR_KEY", keys.api_key),
        ("YOUR_SECRET", keys.secret),
    ):
        text = text.replace(shown, real)
    program = tmp_path / "program.py"
    program.write_text(text)
    python = environment(package.partition("=")[0], package)
    done = subprocess.run(
        [python, "-W", "ignore", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    status, candles = done.stdout.splitlines()
    assert status in ("NEW", "open")
    assert candles.startswith("[[")


def test_the_document_shows_two_programs() -> None:
    assert len(PROGRAMS) == 2
