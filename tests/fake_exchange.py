"""Fake processes under a real supervisor process, for tests that kill and stop them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runtime import endpoints
from supervision import claim, status

ROOT = Path(__file__).parent.parent
QUICK = {"backoff_first_s": 0.05, "stop_timeout_s": 1.0, "ready_timeout_s": 20.0}


class Exchange:
    """A fake exchange under a real supervisor process."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.run = endpoints.run_dir(data_dir)
        self.output = data_dir / "output"
        self.child: subprocess.Popen[bytes] | None = None

    def up(
        self,
        *programs: tuple[str, str, tuple[str, ...]],
        stop_order: tuple[str, ...] = (),
        **policy: float,
    ) -> None:
        script = str(ROOT / "tests" / "fake_supervisor.py")
        arguments = [json.dumps(QUICK | policy), json.dumps(programs), json.dumps(stop_order)]
        self.data_dir.mkdir(exist_ok=True)
        with self.output.open("ab") as output:
            self.child = subprocess.Popen(
                [sys.executable, script, str(self.data_dir), *arguments],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=output,
            )

    def is_up(self) -> bool:
        return "up\n" in self.text()

    def state(self, name: str) -> str:
        return str(self.entry(name)["state"])

    def entry(self, name: str) -> dict[str, Any]:
        found = status.told(self.run)["processes"]
        return next((one for one in found if one["name"] == name), {"state": "", "pid": 0})

    def lives(self) -> list[str]:
        path = self.run / "lives"
        return path.read_text().splitlines() if path.exists() else []

    def text(self) -> str:
        return self.output.read_text()

    def end(self) -> int:
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(30)

    def wipe(self) -> None:
        """End whatever is left and take the run-time directory away."""
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        claim.end_leftovers(self.run, 1.0)
        shutil.rmtree(self.run)


def until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
