"""A real matcher process with its data directory, and a client that speaks its wires."""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from matcher import capacity
from matcher.core.engine import Engine
from matcher.recovery import replay_into
from protocol.board_reads import Board
from protocol.layout import Rows, rows_of
from protocol.records import Command, Event
from protocol.terms import CommandKind, EventFlag, OrdType, Side, TimeInForce
from runtime import endpoints
from runtime.replay import replay
from runtime.shared import Reader
from runtime.sockets import Pull, Push

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60
SMALL = {
    "OPENBOURSE_CORE_ORDERS": "4096",
    "OPENBOURSE_CORE_ACCOUNTS": "64",
    "OPENBOURSE_CORE_ASSETS": "8",
    "OPENBOURSE_CORE_INSTRUMENTS": "8",
    "OPENBOURSE_CORE_ACCOUNT_ORDERS": "2048",
    "OPENBOURSE_CORE_DEDUPE_CAPACITY": "1024",
    "OPENBOURSE_CORE_LISTS": "256",
    "OPENBOURSE_CORE_REFERENCES": "256",
    "OPENBOURSE_JOURNAL_SEGMENT_BYTES": str(1 << 20),
}
LISTINGS = """
[assets]
BTC = 8
USD = 8
[instruments.BTCUSD]
base = "BTC"
quote = "USD"
price_decimals = 2
qty_decimals = 4
ladder_top = "10000.00"
tick_size = "0.01"
[instruments.ETHUSD]
base = "BTC"
quote = "USD"
price_decimals = 2
qty_decimals = 4
ladder_top = "10000.00"
tick_size = "0.01"
phase = "PRE_OPEN"
"""


class House:
    """One data directory and the matcher that lives there, life after life."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.journal = self.data_dir / "journal"
        self.listings = folder / "instruments.toml"
        self.listings.write_text(LISTINGS)
        self.output = folder / "output"
        self.environ = {
            **os.environ,
            **SMALL,
            "OPENBOURSE_DATA_DIR": str(self.data_dir),
            "OPENBOURSE_INSTRUMENTS_FILE": str(self.listings),
            "XDG_RUNTIME_DIR": str(folder),
            "PYTHONPATH": str(ROOT),
        }
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
        self.run = endpoints.run_dir(self.data_dir)
        self.process: subprocess.Popen[bytes] | None = None
        self._reports = Pull(100)
        self._reports.bind(endpoints.address(endpoints.REPORTS, self.run))
        self.reports: list[dict[str, Any]] = []
        self.board = Board(Reader(self.run).current)

    def start(self, *, wait: bool = True, **environ: str) -> None:
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "matcher"],
                env={**self.environ, **environ},
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        if wait:
            self.reports.clear()
            until(lambda: self._is_ready() or self._has_ended(), "the matcher to be ready")
            assert not self._has_ended(), self.output.read_text()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def log(self) -> str:
        return self.output.read_text()

    def stopped(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.journal / "stopped.json").read_text())
        return found

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "supervisor", *words],
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def replayed(self) -> "tuple[Engine, Rows, Rows]":
        """Replay the journal at rest in this process; return the engine, commands and events."""
        engine = Engine(capacity.recorded(self.journal))
        commands = [rows.copy() for rows in replay(self.journal)]
        events: list[Rows] = []
        replay_into(engine, commands, take=lambda some: events.append(some.copy()))
        return engine, np.concatenate(commands), np.concatenate(events)

    def replayed_events(self, first: int) -> subprocess.CompletedProcess[bytes]:
        """Run the child that tells events again."""
        return subprocess.run(
            [sys.executable, "-m", "matcher.replay_events", "--from-event-seq", str(first)],
            env=self.environ,
            cwd=ROOT,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def client(self, slot: int = 1) -> "Client":
        return Client(self.run, slot)

    def wipe(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self._reports.close()
        for path in Path("/dev/shm").glob(f"{self.run.name}-*"):
            path.unlink()

    def _is_ready(self) -> bool:
        self._reports.wait(20)
        self.reports += [json.loads(frame) for frame in self._reports.drain(100)]
        return any(
            report["report"] == "ready" and report["pid"] == self.process.pid  # type: ignore[union-attr]
            for report in self.reports
        )

    def _has_ended(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None


class Client:
    """Sends commands and hears their answers, at one reply slot."""

    def __init__(self, run: Path, slot: int) -> None:
        self.slot = slot
        self._orders = Push(endpoints.ORDERS.limit)
        self._orders.connect(endpoints.address(endpoints.ORDERS, run))
        self._replies = Pull(endpoints.REPLIES.limit)
        self._replies.bind(endpoints.address(endpoints.REPLIES, run, slot))
        self._next_request = 1
        self.heard: list[Rows] = []
        self.answered: set[int] = set()

    def send(self, *commands: dict[str, Any]) -> list[int]:
        """Send commands in one frame; return their request numbers."""
        rows = rows_of(Command, len(commands))
        for index, fields in enumerate(commands):
            rows["request_id"][index] = self._next_request + index
            rows["reply_to"][index] = self.slot
            for name, value in fields.items():
                rows[name][index] = value
        self._next_request += len(commands)
        assert self._orders.send(endpoints.frame_of(Command, rows))
        return [int(one) for one in rows["request_id"]]

    def send_bytes(self, frame: bytes) -> None:
        assert self._orders.send(frame)

    def hear(self, timeout_ms: int = 0) -> set[int]:
        """Take in the answers that have come; return all requests answered so far."""
        self._replies.wait(timeout_ms)
        for frame in self._replies.drain(10_000):
            rows = endpoints.rows_in(Event, frame)
            self.heard.append(rows)
            last = (rows["flags"] & EventFlag.LAST) != 0
            self.answered |= set(rows["request_id"][last].tolist())
        return self.answered

    def ask(self, *commands: dict[str, Any]) -> Rows:
        """Send commands and return the events that answer them."""
        wanted = set(self.send(*commands))
        until(lambda: wanted <= self.hear(20), "answers")
        return self.events(wanted)

    def events(self, requests: set[int]) -> Rows:
        heard = np.concatenate(self.heard)
        return heard[np.isin(heard["request_id"], list(requests))]

    def close(self) -> None:
        self._orders.close()
        self._replies.close()


def limit(
    account: int, side: Side, price: int, qty: int, text: str = "", instrument: int = 0
) -> dict[str, Any]:
    return {
        "kind": CommandKind.ENTER,
        "account": account,
        "instrument": instrument,
        "side": side,
        "ord_type": OrdType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "price": price,
        "order_qty": qty,
        "cl_ord_id": text.encode(),
    }


def cancel(account: int, text: str) -> dict[str, Any]:
    return {"kind": CommandKind.CANCEL, "account": account, "target_cl_ord_id": text.encode()}


def opening(accounts: int = 4) -> list[dict[str, Any]]:
    """Accounts 1 … with plenty of both assets."""
    found: list[dict[str, Any]] = []
    for number in range(1, accounts + 1):
        name = f"trader{number}".encode()
        found.append({"kind": CommandKind.ADD_ACCOUNT, "account": number, "cl_ord_id": name})
        for asset in (0, 1):
            deposit = {"kind": CommandKind.DEPOSIT, "account": number, "asset": asset}
            found.append({**deposit, "amount": 10**15})
    return found


def rows_of_pipe(content: bytes) -> Rows:
    """Return the Event rows of all frames that a child has written (`runtime/pipe.py`)."""
    found, at = [rows_of(Event, 0)], 0
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at)
        found.append(endpoints.rows_in(Event, content[at + 4 : at + 4 + length]))
        at += 4 + length
    return np.concatenate(found)


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"


@contextmanager
def house() -> Iterator[House]:
    """A house in a short-named directory, for the paths of sockets may not be long."""
    folder = Path(tempfile.mkdtemp(prefix="ob"))
    kept = os.environ.get("XDG_RUNTIME_DIR")
    found = House(folder)
    try:
        yield found
    finally:
        found.wipe()
        if kept is None:
            del os.environ["XDG_RUNTIME_DIR"]
        else:
            os.environ["XDG_RUNTIME_DIR"] = kept
        shutil.rmtree(folder)
