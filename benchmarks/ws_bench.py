"""Deliveries per second to 1,000 WebSocket clients, beside npm `ws` with the same coalescing.

Both servers run in a process of their own on the first core and send a round whenever this process,
on the last core, asks for one; the next is asked for when every client has the one before the
previous, so that the server always has work and never a backlog. The clients count bytes and parse
nothing, or the bench would measure them.

Two figures each: deliveries a second, which is the server's only while it has its core to itself, and
deliveries per second of the server's CPU, which a busy machine disturbs less.

The subject turns Event rows into text and frames (feed, encoding, channels); the yardstick makes an
object of each trade and stringifies it. Case "1 message a write" is a market at rest, "10 messages a
write" a busy one: what comes within a tick leaves together.
"""

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.report import Report, Row, compare
from benchmarks.ws_clients import allow_many_files, connected, cpu_seconds, on_last_core
from benchmarks.ws_crowd import CROWD, crowd_rows, latency_rows

CLIENTS = 1000
WINDOW = 2
"""Rounds under way at a time."""
CASES = {1: 300, 10: 200}
"""Messages a round, and rounds a turn."""
WS_PACKAGE = "ws@8"
_HERE = Path(__file__).parent


def run(runs: int) -> Report:
    """Measure both cases, `runs` turns each."""
    allow_many_files(CROWD)
    with tempfile.TemporaryDirectory() as folder:
        missing = _install_ws(Path(folder))
        rows = [row for count in CASES for row in _case(count, runs, Path(folder), missing)]
    rows += crowd_rows() + latency_rows(runs)
    return Report(
        bench="ws",
        rows=rows,
        excluded="TLS, the wire from the matcher, reading and parsing on the clients' side",
    )


class Fan:
    """A server process and its clients. `rate()` is one turn."""

    def __init__(self, command: Sequence[str], messages: int, environ: dict[str, str]) -> None:
        self._messages = messages
        self._rounds = CASES[messages]
        self.latencies_ms: list[float] = []
        self.per_cpu_second: list[float] = []
        self._server = subprocess.Popen(
            [*command, str(messages)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environ},
        )
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._ask = self._server.stdin.fileno()
        os.sched_setaffinity(self._server.pid, {min(os.sched_getaffinity(0))})
        port = int(self._server.stdout.readline())
        self._clients = [connected(port) for _ in range(CLIENTS)]
        self._poll = select.epoll()
        for client in self._clients:
            self._poll.register(client.fileno(), select.EPOLLIN)
        self._buffer = bytearray(1 << 16)
        self._round_bytes = self._measure_round()

    def rate(self) -> float:
        """Send the rounds of one turn; return deliveries per second."""
        with on_last_core():
            return self._rate()

    def _rate(self) -> float:
        cpu_s, starts = cpu_seconds(self._server.pid), [time.perf_counter()] * WINDOW
        os.write(self._ask, b"." * WINDOW)
        heard = 0
        for number in range(1, self._rounds + 1):
            while heard < number * self._round_bytes:
                heard += self._read()
            now = time.perf_counter()
            self.latencies_ms.append((now - starts[number - 1]) * 1000)
            if len(starts) < self._rounds:
                starts.append(now)
                os.write(self._ask, b".")
        seconds = time.perf_counter() - starts[0]
        assert heard == self._rounds * self._round_bytes, "a delivery was lost or came twice"
        deliveries = self._rounds * self._messages * CLIENTS
        self.per_cpu_second.append(deliveries / (cpu_seconds(self._server.pid) - cpu_s))
        return deliveries / seconds

    def close(self) -> None:
        """End the server and its clients."""
        assert self._server.stdin is not None
        for client in self._clients:
            client.close()
        self._server.stdin.close()
        if self._server.stdout is not None:
            self._server.stdout.close()
        self._server.kill()
        self._server.wait()

    def _read(self) -> int:
        heard = 0
        for number, _ in self._poll.poll():
            heard += os.readv(number, [self._buffer])
        return heard

    def _measure_round(self) -> int:
        """Send one round and wait until nothing more comes; ids and times keep their width."""
        os.write(self._ask, b".")
        heard = self._read()
        while self._poll.poll(1.0):
            heard += self._read()
        return heard


def _case(messages: int, runs: int, folder: Path, missing: str) -> list[Row]:
    case = f"{messages} message{'s' * (messages > 1)} a write, {CLIENTS:,} clients"
    subject = Fan([sys.executable, "-m", "benchmarks.ws_subject"], messages, {})
    try:
        if missing:
            return _alone(case, subject, runs, missing)
        script = str(_HERE / "ws_yardstick.js")
        yardstick = Fan(["node", script], messages, {"NODE_PATH": str(folder / "node_modules")})
        try:
            compared = compare(subject.rate, yardstick.rate, runs)
        finally:
            yardstick.close()
        p50, p99 = _percentiles(subject.latencies_ms)
        theirs = _percentiles(yardstick.latencies_ms)
        note = f"{WS_PACKAGE} send(); its p50 {theirs[0]:.1f} ms, p99 {theirs[1]:.1f} ms"
        # The first turn was the warm-up.
        own, yard = median(subject.per_cpu_second[1:]), median(yardstick.per_cpu_second[1:])
        return [
            compared.row(case, "deliveries/s", p50=p50, p99=p99, note=note),
            Row(case, own, "deliveries/CPU s", yard, own / yard, runs=runs),
        ]
    finally:
        subject.close()


def _alone(case: str, subject: Fan, runs: int, missing: str) -> list[Row]:
    subject.rate()
    values = [subject.rate() for _ in range(runs)]
    p50, p99 = _percentiles(subject.latencies_ms)
    spread = (max(values) - min(values)) / median(values)
    note = f"no yardstick: {missing}"
    per_cpu_second = median(subject.per_cpu_second[1:])
    return [
        Row(case, median(values), "deliveries/s", None, None, p50, p99, runs, spread, note),
        Row(case, per_cpu_second, "deliveries/CPU s", runs=runs, note=note),
    ]


def _percentiles(values: list[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]


def _install_ws(folder: Path) -> str:
    """Put npm `ws` into a folder; return what is missing when that cannot be done."""
    for tool in ("node", "npm"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", WS_PACKAGE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return f"npm did not install {WS_PACKAGE} within two minutes"
    return "" if done.returncode == 0 else f"npm could not install {WS_PACKAGE}"
