"""What a crowd of stream clients costs, and how soon the last of them has an event.

Three cases beside the throughput of `ws_bench`, with the same server and clients:

* 5,000 clients: all of them get every delivery, and what each costs the server in memory;
* 1,000 clients at 2,000 events a second: from the moment an event is given to the server to the moment the
  last client has it. Events leave within the shipped tick, so several share a write;
* the same with ten clients in a thousand that never read, beside a server without them.
"""

import os
import select
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.report import Row, compare
from benchmarks.ws_clients import connected

CROWD = 5000
CROWD_ROUNDS = 60
CLIENTS = 1000
DEAF = CLIENTS // 100
EVENTS_PER_S = 2000
TURN_S = 3.0
TICK_MS = 2.0
"""The shipped `ws.tick_ms`."""
_PATIENCE_S = 60.0


class Crowd:
    """A server process and its clients, of which `deaf` never read."""

    def __init__(self, clients: int, deaf: int = 0) -> None:
        command = [sys.executable, "-m", "benchmarks.ws_subject", "1", str(TICK_MS)]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._ask = self._server.stdin.fileno()
        os.sched_setaffinity(self._server.pid, {min(os.sched_getaffinity(0))})
        port = int(self._server.stdout.readline())
        before = self._memory()
        self._deaf = [connected(port, receive_buffer=4096) for _ in range(deaf)]
        self._plugs = [connected(port) for _ in range(clients)]
        self._poll = select.epoll()
        self._places: dict[int, int] = {}
        for place, plug in enumerate(self._plugs):
            self._poll.register(plug.fileno(), select.EPOLLIN)
            self._places[plug.fileno()] = place
        self._heard = np.zeros(clients, np.int64)
        self._buffer = bytearray(1 << 16)
        self.dropped = 0
        self._event_bytes = self._measure_event()
        self.bytes_per_client = (self._memory() - before) / clients

    def rounds(self, count: int) -> int:
        """Send so many events, each when all clients have the one before; return deliveries."""
        begun = self._heard.copy()
        for number in range(1, count + 1):
            os.write(self._ask, b".")
            self._until(int((begun + number * self._event_bytes).min()))
        return int((self._heard - begun).sum()) // self._event_bytes

    def latency_ms(self) -> float:
        """Offer events at a steady rate for a turn; return the 99th percentile to the last client."""
        goal = int(self._heard.min())
        due_s = begun_s = time.perf_counter()
        sent: list[float] = []
        latencies: list[float] = []
        events = int(TURN_S * EVENTS_PER_S)
        while len(latencies) < events:
            now_s = time.perf_counter()
            count = min(events - len(sent), int((now_s - due_s) * EVENTS_PER_S))
            if count > 0:
                os.write(self._ask, b"." * count)
                sent += [now_s] * count
                due_s += count / EVENTS_PER_S
            self._read(0.001)
            done = (int(self._heard.min()) - goal) // self._event_bytes
            now_s = time.perf_counter()
            latencies += [(now_s - sent[place]) * 1000 for place in range(len(latencies), done)]
            assert now_s - begun_s < TURN_S + _PATIENCE_S, "a delivery was lost"
        return sorted(latencies)[len(latencies) * 99 // 100]

    def close(self) -> None:
        """End the server and its clients."""
        for plug in (*self._plugs, *self._deaf):
            plug.close()
        for end in (self._server.stdin, self._server.stdout):
            if end is not None:
                end.close()
        self._server.kill()
        self._server.wait()

    def _read(self, timeout_s: float) -> None:
        for number, _ in self._poll.poll(timeout_s):
            count = os.readv(number, [self._buffer])
            if count == 0:
                self.dropped += 1
                self._poll.unregister(number)
            self._heard[self._places[number]] += count

    def _until(self, goal: int) -> None:
        deadline_s = time.perf_counter() + _PATIENCE_S
        while self._heard.min() < goal:
            self._read(0.1)
            assert time.perf_counter() < deadline_s, "a delivery was lost"

    def _measure_event(self) -> int:
        """Send one event until all have it; ids and times keep their width."""
        os.write(self._ask, b".")
        deadline_s = time.perf_counter() + _PATIENCE_S
        while self._heard.min() == 0 or self._heard.min() != self._heard.max():
            self._read(0.1)
            assert time.perf_counter() < deadline_s, "a client heard nothing"
        return int(self._heard[0])

    def _memory(self) -> int:
        status = Path(f"/proc/{self._server.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024


def crowd_rows() -> list[Row]:
    """Measure the large crowd once: it is a count and a size, not a time."""
    crowd = Crowd(CROWD)
    try:
        delivered = crowd.rounds(CROWD_ROUNDS)
        case = f"{CROWD:,} clients"
        note = f"{delivered:,} of {CROWD * CROWD_ROUNDS:,} deliveries; no client is dropped at 0"
        return [
            Row(case, float(crowd.dropped), "clients dropped", note=note),
            Row(case, crowd.bytes_per_client / 1024, "KB of memory a client"),
        ]
    finally:
        crowd.close()


def latency_rows(runs: int) -> list[Row]:
    """Measure how soon the last client has an event, with and without clients that never read."""
    deaf, plain = Crowd(CLIENTS, DEAF), Crowd(CLIENTS)
    try:
        plains: list[float] = []

        def alone() -> float:
            plains.append(plain.latency_ms())
            return plains[-1]

        compared = compare(deaf.latency_ms, alone, runs)
        at = f"{CLIENTS:,} clients, {EVENTS_PER_S:,} events/s"
        p99 = median(plains[1:])
        return [
            Row(f"{at}: to the last client", p99, "ms p99", p99=p99, runs=runs),
            compared.row(f"{at}, {DEAF} never read", "ms p99", note="yardstick: without those"),
        ]
    finally:
        deaf.close()
        plain.close()
