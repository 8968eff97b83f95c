"""The processes that the REST benchmark measures: a matcher, one ingress worker, a database, hello-world."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from conf.sections import Rest, Ws
from conf.settings import Settings, to_environ
from runtime import endpoints
from runtime.ports import free_port
from runtime.postgres import STOP_SIGNAL, EmbeddedPostgres
from runtime.shared import NotPublished, Reader
from writer.migrate import migrate
from writer.store import connect

START_S = 120.0
"""The first start on a machine compiles the core."""
_ROOT = Path(__file__).parent.parent
_DEPOSITS = {"BTC": "10000000", "USDT": "20000000000"}
_HELLO = (
    "gunicorn",
    "--worker-class=uvicorn_worker.UvicornWorker",
    "--log-level=error",
    "--worker-tmp-dir=/dev/shm",
    "--no-control-socket",
    "benchmarks.rest_hello:app",
)


class Stage:
    """A running exchange without its followers; `follow` adds the writer and the broadcaster."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.port = settings.rest.port
        self.hello_port = free_port()
        self._children: list[subprocess.Popen[bytes]] = []
        self._environ = {**os.environ, **to_environ(settings)}

    def start(self) -> list[dict[str, str]]:
        """Start matcher, worker and hello-world; return two funded accounts with their keys."""
        self._run("matcher")
        run = endpoints.run_dir(self.settings.data_dir)
        wait_until(lambda: _is_ready(run), "the matcher")
        accounts = [self._account(name) for name in ("left", "right")]
        self._run("ingress")
        hello = f"--bind=127.0.0.1:{self.hello_port}", f"--workers={self.settings.rest.workers}"
        self._run(*_HELLO, *hello)
        wait_until(lambda: _answers(self.port, "/api/v3/ping"), "the REST door")
        wait_until(lambda: _answers(self.hello_port, "/hello"), "hello-world")
        return accounts

    def follow(self) -> None:
        """Start the processes that follow the matcher, and wait until they have caught up with it."""
        self._run("writer")
        self._run("broadcaster")
        wait_until(self._is_written, "the writer")
        wait_until(lambda: _answers(self.settings.ws.port, "/"), "the broadcaster")

    def stop(self) -> None:
        """Stop everything, last started first."""
        for child in reversed(self._children):
            child.terminate()
        for child in self._children:
            child.wait(30)

    def _is_written(self) -> bool:
        board = Reader(endpoints.run_dir(self.settings.data_dir)).current()
        with connect(self.settings.database.dsn, 60.0) as connection:
            row = connection.execute("select event_seq from watermark").fetchone()
        return row is not None and row[0] >= int(board["status"]["event_seq"][0])

    def _account(self, name: str) -> dict[str, str]:
        """Open a funded account as an operator does; its key is made with it."""
        deposits = [f"--deposit={asset}={amount}" for asset, amount in _DEPOSITS.items()]
        return self.account("create", name, *deposits)

    def account(self, *words: str) -> dict[str, str]:
        """Say `openbourse account …`; return what it tells."""
        command = [sys.executable, str(_ROOT / "supervisor.py"), "account", *words, "--json"]
        done = subprocess.run(command, env=self._environ, capture_output=True, check=True)
        made: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return made

    def _run(self, module: str, *arguments: str) -> None:
        argv = [sys.executable, "-m", module, *arguments]
        child = subprocess.Popen(argv, env=self._environ, stderr=subprocess.DEVNULL)
        self._children.append(child)


@contextlib.contextmanager
def stage(data_dir: Path, workers: int = 1) -> Iterator[Stage]:
    """Set up an exchange in `data_dir`, with its database, and take it down again."""
    server = EmbeddedPostgres(data_dir, endpoints.run_dir(data_dir))
    server.prepare()
    argv, environ = server.command()
    postgres = subprocess.Popen(argv, env=environ, stderr=subprocess.DEVNULL)
    settings = Settings(
        data_dir=data_dir,
        rest=Rest(port=free_port(), workers=workers),
        ws=Ws(port=free_port()),
        demo=False,
    )
    settings = replace(settings, database=replace(settings.database, dsn=server.dsn()))
    made = Stage(settings)
    try:
        server.wait_ready(60)
        with connect(server.dsn(), 60.0) as connection:
            migrate(connection)
        yield made
    finally:
        made.stop()
        postgres.send_signal(STOP_SIGNAL)
        postgres.wait()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait until `condition` holds.

    Raises: TimeoutError.
    """
    deadline = time.monotonic() + START_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not ready within {START_S:g} s")
        time.sleep(0.05)


def _is_ready(run: Path) -> bool:
    try:
        return bool(Reader(run).current()["status"]["ready"][0])
    except NotPublished:
        return False


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
