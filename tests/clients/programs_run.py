"""Run the program of one client in a virtual environment of its own, and read the lines that it prints."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from commands.rest_venue import Keys

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
_INSTALL_S = 600
_RUN_S = 240
_UNREACHABLE = (
    "Temporary failure in name resolution",
    "Max retries exceeded",
    "Failed to establish a new connection",
    "Network is unreachable",
    "No matching distribution found",
)


@dataclass(frozen=True)
class Row:
    """One case of one program; no failure: it holds."""

    case: str
    failure: str
    seconds: float


FOUND: dict[str, list[Row]] = {}
"""What each program found, by its name."""


def environment(name: str, *packages: str) -> Path:
    """Return the Python of a virtual environment with these packages, made when it is not there yet."""
    folder = ROOT / ".venv" / "clients" / name
    python = folder / "bin" / "python"
    installed = folder / "installed"
    if installed.is_file() and installed.read_text().split() == list(packages):
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    if done.returncode != 0 and any(sign in done.stderr for sign in _UNREACHABLE):
        pytest.skip(f"pip cannot reach {', '.join(packages)}: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    installed.write_text("\n".join(packages))
    return python


def run(python: Path, program: str, rest: str, ws: str, mine: Keys, theirs: Keys) -> list[Row]:
    """Run a program to its end; the program must end well, whatever its cases found."""
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "OPENBOURSE_REST": rest,
        "OPENBOURSE_WS": ws,
        "OPENBOURSE_MINE": json.dumps({"api_key": mine.api_key, "secret": mine.secret}),
        "OPENBOURSE_THEIRS": json.dumps({"api_key": theirs.api_key, "secret": theirs.secret}),
    }
    done = subprocess.run(
        [python, "-W", "ignore", PROGRAMS / program],
        env=environ,
        capture_output=True,
        text=True,
        timeout=_RUN_S,
        check=False,
    )
    rows = [
        Row(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith('{"case"')
    ]
    assert done.returncode == 0, f"{program} ended badly:\n{done.stderr[-3000:]}"
    assert rows, f"{program} told of no case:\n{done.stderr[-3000:]}"
    return rows
