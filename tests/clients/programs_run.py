"""Run the program of one client in a virtual environment of its own, and read the lines that it prints."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from commands.rest_venue import Keys

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = Path(__file__).parent / "programs"
_INSTALL_S = 600
_BUILD_S = 3600
_RUN_S = 600
_UNREACHABLE = (
    "Temporary failure in name resolution",
    "Max retries exceeded",
    "Failed to establish a new connection",
    "Network is unreachable",
    "No matching distribution found",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
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
    return _made(name, "\n".join(packages), [packages], _INSTALL_S)


def built(name: str, needs: Path, package: str) -> Path:
    """Return the Python of an environment in which pip compiled a package, made when it is not there yet.

    What the package says it needs is not asked for: the file `needs` lists what it gets.
    """
    alone = ("--no-deps", "--no-build-isolation", package)
    return _made(
        name, f"{needs.read_text()}{package}", [("--requirement", str(needs)), alone], _BUILD_S
    )


def _made(name: str, wanted: str, steps: Sequence[Sequence[str]], seconds: float) -> Path:
    """Make an environment by these calls of pip, none longer than `seconds`, and note in it what was wanted."""
    folder = ROOT / ".venv" / "clients" / name
    python = folder / "bin" / "python"
    installed = folder / "installed"
    if installed.is_file() and installed.read_text() == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    for words in steps:
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words]
        done = subprocess.run(pip, capture_output=True, text=True, timeout=seconds, check=False)
        if done.returncode != 0 and any(sign in done.stderr for sign in _UNREACHABLE):
            pytest.skip(f"pip cannot reach {words[-1]}: {done.stderr.splitlines()[-1]}")
        assert done.returncode == 0, done.stderr
    installed.write_text(wanted)
    return python


def modules(name: str, *packages: str) -> Path:
    """Return the folder in which npm has installed these packages, done when it is not yet."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no node on this machine")
    folder = ROOT / ".venv" / "clients" / name
    installed = folder / "installed"
    if installed.is_file() and installed.read_text().split() == list(packages):
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
    done = subprocess.run(
        [*npm, *packages], capture_output=True, text=True, timeout=_INSTALL_S, check=False
    )
    if done.returncode != 0 and any(sign in done.stderr for sign in _UNREACHABLE):
        pytest.skip(f"npm cannot reach {', '.join(packages)}")
    assert done.returncode == 0, done.stderr
    installed.write_text("\n".join(packages))
    return folder


def run(
    interpreter: Path, program: str, venue: dict[str, Any], mine: Keys, theirs: Keys
) -> list[Row]:
    """Run a program to its end; the program must end well, whatever its cases found.

    `interpreter` is the Python of an environment, or a folder of npm for a program of node.
    """
    script = PROGRAMS / program
    words = [interpreter, "-W", "ignore", script] if script.suffix == ".py" else ["node", script]
    environ = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "OPENBOURSE_REST": venue["rest"],
        "OPENBOURSE_WS": venue["ws"],
        "OPENBOURSE_MODULES": str(interpreter),
        "OPENBOURSE_MINE": json.dumps({"api_key": mine.api_key, "secret": mine.secret}),
        "OPENBOURSE_THEIRS": json.dumps({"api_key": theirs.api_key, "secret": theirs.secret}),
    }
    done = subprocess.run(
        words,
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
    # Pytest shows it beside a failure: what ended unseen in the client's own loop is told nowhere else.
    print(done.stderr[-3000:])
    assert rows, f"{program} told of no case:\n{done.stderr[-3000:]}"
    return rows
