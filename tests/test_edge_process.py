"""What an edge leaves behind for the workers of its host when it ends (`matcher/edge.py`)."""

import logging
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from conf.capacities import Core
from matcher import capacity
from matcher.gate import Gate
from matcher.shipping import Source
from protocol.board import BEHIND, READY, StatusRow
from runtime import endpoints
from runtime.curve import EDGES, Counter, Guard, Keys
from runtime.ports import free_port
from runtime.replica_frames import Frame, Word
from runtime.service import BAD_CONFIGURATION
from runtime.shared import Blocks, NotPublished, Reader
from runtime.sockets import wait_for_any
from tests.fake_exchange import until
from tests.test_gate import Orders
from tests.test_recovery import SMALL, Exchange

ROOT = Path(__file__).parent.parent
LIMIT = 100
PATIENCE_S = 60.0


class Host:
    """The host of an edge: its data directory, and the process that stands where the matcher stands."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "edge"
        self.run = endpoints.run_dir(self.data_dir)
        self._output = folder / "output"
        sizes = [one.name for one in fields(Core) if hasattr(SMALL, one.name)]
        self._environ = {
            **{f"OPENBOURSE_CORE_{name.upper()}": str(getattr(SMALL, name)) for name in sizes},
            "OPENBOURSE_CORE_DEDUPE_WINDOW_S": str(SMALL.dedupe_window_ns / 1e9),
            "OPENBOURSE_DATA_DIR": str(self.data_dir),
            "PYTHONPATH": str(ROOT),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environ: str) -> None:
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "matcher.edge"],
                env={**os.environ, **self._environ, **environ},
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )

    def ready(self) -> int:
        """Return what the workers of the host read; 0, too, where nothing is shown."""
        try:
            return int(Reader(self.run).current()["status"]["ready"][0])
        except NotPublished:
            return 0

    def text(self) -> str:
        return self._output.read_text()

    def wipe(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for path in Path("/dev/shm").glob(f"{self.run.name}-*"):
            path.unlink()


class Home:
    """An exchange, and the gate where the edge comes."""

    def __init__(self, folder: Path) -> None:
        self.exchange = Exchange(folder / "home")
        self.exchange.trade(random.Random(1), 3)
        Keys(folder / "home" / "curve").make()
        self.keys = Keys(folder / "home" / "curve", EDGES)
        self.place = f"127.0.0.1:{free_port()}"
        self.guard = Guard(self.keys)
        self.wire = Counter(self.keys, self.place, LIMIT)
        self.gate = Gate(self.wire, Orders(), logging.getLogger("test"))
        self.journal_id = self.exchange.journal.place.head.journal_id
        capacities = (self.exchange.folder / capacity.FILE).read_bytes()
        self.gate.begin(Source(self.exchange.folder, self.journal_id, 0, capacities), life=1)

    def trust(self, host: Host) -> dict[str, str]:
        """Let an edge come; return the settings with which it does."""
        self.keys.trust("edge", Keys(host.data_dir / "curve").make())
        public, _ = self.keys.own()
        return {
            "OPENBOURSE_EDGE_SOURCE": self.place,
            "OPENBOURSE_EDGE_SOURCE_KEY": public.decode(),
        }

    def turn(self) -> None:
        wait_for_any(10, self.wire)
        self.gate.turn(self.exchange.journal.next_seq, is_open=True)

    def refuse(self, why: bytes) -> None:
        """Tell the edge that has come what the gate tells when it cannot read its journal."""
        said = Frame(Word.REFUSED, 1, journal_id=self.journal_id, body=why)
        (peer,) = self.gate._edges
        assert self.wire.send(peer, said.pack())

    def close(self) -> None:
        self.wire.close()
        self.guard.close()
        self.exchange.end()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    # The path of a socket may not be as long as a folder of pytest's.
    with tempfile.TemporaryDirectory() as run:
        monkeypatch.setenv("XDG_RUNTIME_DIR", run)
        found = Host(tmp_path)
        yield found
        found.wipe()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    found = Home(tmp_path)
    yield found
    found.close()


def test_an_edge_that_cannot_go_on_leaves_no_account_and_no_open_door_behind(
    host: Host, home: Home
) -> None:
    host.start(**home.trust(host))
    assert host.process

    def at_work() -> bool:
        home.turn()
        assert host.process
        assert host.process.poll() is None, host.text()
        return host.ready() == READY

    until(at_work, "the edge at work", PATIENCE_S)
    home.refuse(b"the journal there cannot be read")
    assert host.process.wait(PATIENCE_S) == BAD_CONFIGURATION
    assert "sends no journal: the journal there cannot be read" in host.text()
    # Nobody starts it again. Its books may be looked at, as while the exchange is away.
    assert host.ready() == BEHIND


def test_an_edge_that_cannot_start_takes_back_what_the_one_before_it_showed(host: Host) -> None:
    blocks = Blocks(host.run, 1)
    blocks.allocate("status", StatusRow.dtype, (1,))["ready"] = READY
    blocks.publish()
    assert host.ready() == READY
    host.start(OPENBOURSE_INSTRUMENTS_FILE=str(host.data_dir / "missing.toml"))
    assert host.process
    assert host.process.wait(PATIENCE_S) == BAD_CONFIGURATION
    assert "missing.toml" in host.text()
    assert host.ready() == 0
    blocks.remove()
