"""A whole exchange for system tests: started by `openbourse up` on free ports, stopped by its pid.

Everything a test needs to talk to it as a client would, and to hurt it as an operator's worst day would.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from websockets.sync.client import ClientConnection, connect

from commands.rest_client import Keys, RestClient
from conf.settings import Settings
from protocol.board_reads import Board
from runtime import demo_keys, endpoints
from runtime.postgres import EmbeddedPostgres
from runtime.shared import Reader
from supervision import claim, status
from supervision.claim import end_leftovers
from tests.postgres_fixture import furnish

ROOT = Path(__file__).parent.parent.parent
ALWAYS_OPEN = ROOT / "tests" / "always_open.toml"
START_S = 240.0
"""A first start compiles the core."""
_SOURCES = ("OPENBOURSE_REDIS_SOURCE", "OPENBOURSE_WIRE_SOURCE", "OPENBOURSE_EDGE_SOURCE")
"""Where they are set no database is started."""


class Exchange:
    """One running exchange on a data directory of its own."""

    def __init__(self, data_dir: Path, *options: str, **environ: str) -> None:
        self.data_dir = data_dir.resolve()
        self.run = endpoints.run_dir(self.data_dir)
        self.output = data_dir.with_name(f"{data_dir.name}.out")
        self.log = data_dir.with_name(f"{data_dir.name}.log")
        self.config = data_dir.with_name(f"{data_dir.name}.toml")
        self.config.touch()
        self._options = options
        own = {
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
            "OPENBOURSE_CONFIG": str(self.config),
            "OPENBOURSE_CALENDAR_FILE": str(ALWAYS_OPEN),
            # Simulated traders would take part in what a test means to be two people's business.
            "OPENBOURSE_MARKET_RATE": "0",
            # A second of a core at every start, for the few tests in which a matcher dies.
            "OPENBOURSE_MATCHER_SPARE": "false",
        }
        self._environ = {**os.environ, **own, **environ}
        self.child: subprocess.Popen[bytes] | None = None
        self.prefix: tuple[str, ...] = ()
        """Put before the command line, as `ip netns exec NAME`."""
        self._clients: list[RestClient] = []

    def start(self) -> None:
        """Start it and wait until it says that it is up."""
        self.begin()
        self.until(lambda: "The exchange is up" in self.output.read_text(), "up", START_S)

    def begin(self) -> None:
        """Start it."""
        if not {"OPENBOURSE_DATABASE_DSN", *_SOURCES} & self._environ.keys():
            furnish(self.data_dir)
        words = ["up", "--data-dir", str(self.data_dir), "--rest-port", "0", "--ws-port", "0"]
        self.output.unlink(missing_ok=True)
        with self.output.open("wb") as output, self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [*self.prefix, sys.executable, str(ROOT / "supervisor.py"), *words, *self._options],
                cwd=ROOT,
                env=self._environ,
                stdout=output,
                stderr=log,
            )

    def stop(self) -> int:
        """Stop it by a signal to its supervisor; the exit status."""
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(120)

    def wipe(self) -> None:
        """End whatever is left of it and remove its directories."""
        for client in self._clients:
            client.connection.close()
        if self.child is not None and self.child.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        end_leftovers(self.run, 5.0)
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def until(self, condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
        """Wait for a condition; fails with the end of the log when it does not come."""
        deadline = time.monotonic() + seconds
        while not condition():
            ended = self.child is None or self.child.poll() is not None
            if ended or time.monotonic() > deadline:
                why = "the supervisor has ended" if ended else f"not within {seconds:g} s"
                raise AssertionError(f"{why}: {what}\n{self.log_end()}")
            time.sleep(0.02)

    def log_end(self, lines: int = 60) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `openbourse WORDS` against this exchange's data directory."""
        told = self.status()
        environ = {
            **self._environ,
            "OPENBOURSE_DATA_DIR": str(self.data_dir),
            "OPENBOURSE_REST_PORT": told["rest"].rpartition(":")[2] or "3000",
        }
        return subprocess.run(
            [sys.executable, str(ROOT / "supervisor.py"), *words],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def asked(self, *words: str) -> Any:
        """Run a command that must succeed and return the JSON of its last line."""
        done = self.command(*words, "--json")
        assert done.returncode == 0, f"openbourse {' '.join(words)}: {done.stderr}"
        return json.loads(done.stdout.splitlines()[-1])

    def status(self) -> dict[str, Any]:
        """Return what `openbourse status` says."""
        return status.told(self.run)

    def process(self, name: str) -> dict[str, Any]:
        """Return the status entry of one process."""
        return next(one for one in self.status()["processes"] if one["name"] == name)

    def is_whole(self) -> bool:
        """Whether every process does its work."""
        return bool(self.status()["state"] == "running")

    def client(self) -> RestClient:
        """Return a REST client with a connection of its own."""
        where = urlsplit(self.status()["rest"])
        assert where.hostname
        assert where.port
        self._clients.append(RestClient(where.hostname, where.port))
        return self._clients[-1]

    def matchers(self) -> dict[str, int]:
        """Return the pids of the matchers by their role."""
        found = [one for one in self.status()["processes"] if one["name"].startswith("matcher")]
        return {one["role"]: one["pid"] for one in found if one["pid"]}

    def until_matchers(self, *roles: str) -> dict[str, int]:
        """Wait until there are matchers in just these roles; return their pids."""
        self.until(lambda: set(self.matchers()) == set(roles), " and a ".join(roles), 120)
        return self.matchers()

    def demo_keys(self, name: str) -> Keys:
        """Return the keys of a demo account."""
        kept = demo_keys.read(self.data_dir)[name]
        return Keys(kept["api_key"], kept["secret"])

    def account(self, name: str, *deposits: str) -> Keys:
        """Open an account with deposits (`USDT=1000`) by the command line and return its keys."""
        words = [word for deposit in deposits for word in ("--deposit", deposit)]
        made = self.asked("account", "create", name, *words)
        return Keys(made["api_key"], made["secret"])

    def stream(self, path: str) -> ClientConnection:
        """Open a WebSocket stream, as `/ws/btcusdt@trade`."""
        return connect(self.status()["ws"] + path, compression=None)

    def database(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """Connect to the books of record."""
        return psycopg.connect(self.dsn(), autocommit=True)

    def is_written(self) -> bool:
        """Whether the database shows everything that the matcher has done."""
        event_seq = int(Board(Reader(self.run).current).status()["event_seq"])
        with self.database() as database:
            found = database.execute("select event_seq from watermark").fetchone()
        return found == (event_seq,)

    def dsn(self) -> str:
        """Return how to connect to the embedded PostgreSQL."""
        return EmbeddedPostgres(self.data_dir, self.run).dsn()

    def settings(self) -> Settings:
        """Return settings that point at this exchange."""
        return Settings(data_dir=self.data_dir)

    def owner(self) -> int:
        """Return the pid of the supervisor that holds the data directory."""
        return claim.owner(self.data_dir)


@pytest.fixture(scope="module")
def venue(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Exchange]:
    """A running exchange that the tests of one file share; the file's ENVIRON sets what it wants."""
    environ = getattr(request.module, "ENVIRON", {})
    one = Exchange(tmp_path_factory.mktemp("venue") / "data", **environ)
    try:
        one.start()
        yield one
    finally:
        one.wipe()
