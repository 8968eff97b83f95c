"""What a crowd of stream clients costs, and how soon the last of them has an event.

Three cases beside the throughput of `ws_bench`, with the same server and clients:

* 5,000 clients: all of them get every delivery, and what each costs the server in memory;
* 1,000 clients at 2,000 events a second: from the moment an event is given to the server to the moment the
  last client has it. Events leave within the shipped tick, so several share a write;
* the same with ten more that never read. Both are measured in turns on one server and one crowd: the ten
  come for a turn and go after it, so that nothing but them differs. A turn sees all of their way:
  their sockets fill, then what waits for them does, then they are left out.

All clients are this process, on the last core, while the server has the first one. Which share of the time
they were busy with reading is told beside the latency: near 100 % it would be theirs and not the server's.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.report import Row, compare, spread
from benchmarks.ws_clients import connected, cpu_seconds, on_last_core, unread

CROWD = 5000
CROWD_ROUNDS = 60
CLIENTS = 1000
DEAF = CLIENTS // 100
EVENTS_PER_S = 2000
PAIRS = 5
"""Turns with and without those who never read, at least: single ones differ by more than the ten add."""
TURN_S = 3.0
TICK_MS = 2.0
"""The shipped `ws.tick_ms`."""
_PATIENCE_S = 60.0


class Turn(NamedTuple):
    """What was found while events came at a steady rate."""

    p99_ms: float
    """99th percentile of the time to the last client."""
    reading: float
    """Share of the time in which the clients were reading."""
    server: float
    """Share of a core that the server had."""


class Crowd:
    """A server process and clients that read all that comes."""

    def __init__(self, clients: int) -> None:
        command = [sys.executable, "-m", "benchmarks.ws_subject", "1", str(TICK_MS)]
        self._server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._ask = self._server.stdin.fileno()
        os.sched_setaffinity(self._server.pid, {min(os.sched_getaffinity(0))})
        self._port = int(self._server.stdout.readline())
        before = self._memory()
        self._plugs = [connected(self._port) for _ in range(clients)]
        self._poll = select.epoll()
        self._places: dict[int, int] = {}
        for place, plug in enumerate(self._plugs):
            self._poll.register(plug.fileno(), select.EPOLLIN)
            self._places[plug.fileno()] = place
        self._heard = [0] * clients
        self._heard_by_all, self._last = 0, 0
        """What even the last client has heard, and who that was at the last look."""
        self._buffer = [bytearray(1 << 16)]
        self.dropped = 0
        self._event_bytes = self._measure_event()
        self.bytes_per_client = (self._memory() - before) / clients

    def rounds(self, count: int) -> int:
        """Send so many events, each when all clients have the one before; return deliveries."""
        begun = sum(self._heard)
        goal = min(self._heard)
        for _ in range(count):
            os.write(self._ask, b".")
            goal += self._event_bytes
            self._until(goal)
        return (sum(self._heard) - begun) // self._event_bytes

    def turn(self) -> Turn:
        """Offer events at a steady rate for a while."""
        with on_last_core():
            cpu_s, begun_s = cpu_seconds(self._server.pid), time.perf_counter()
            latencies, reading_s = self._offer()
            took_s = time.perf_counter() - begun_s
            share = (cpu_seconds(self._server.pid) - cpu_s) / took_s
            return Turn(latencies[len(latencies) * 99 // 100], reading_s / took_s, share)

    def _offer(self) -> tuple[list[float], float]:
        """Return the sorted latencies in milliseconds, and the seconds in which clients were reading."""
        heard = min(self._heard)
        due_s = begun_s = time.perf_counter()
        reading_s = 0.0
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
            reading_s += self._read(0.001)
            now_s = time.perf_counter()
            while self._have_all(heard + self._event_bytes):
                heard += self._event_bytes
                latencies.append((now_s - sent[len(latencies)]) * 1000)
            assert now_s - begun_s < TURN_S + _PATIENCE_S, "a delivery was lost"
        return sorted(latencies), reading_s

    @contextmanager
    def beside_deaf(self, count: int) -> Iterator[None]:
        """Let so many more clients be there that never read; look that they were, until the end."""
        plugs = [connected(self._port, receive_buffer=4096) for _ in range(count)]
        begun = self._heard[0]
        try:
            yield
            told = self._heard[0] - begun
            assert all(unread(plug) < told / 2 for plug in plugs), "nobody was behind"
        finally:
            for plug in plugs:
                plug.close()

    def close(self) -> None:
        """End the server and its clients."""
        for plug in self._plugs:
            plug.close()
        for end in (self._server.stdin, self._server.stdout):
            if end is not None:
                end.close()
        self._server.kill()
        self._server.wait()

    def _read(self, timeout_s: float) -> float:
        """Read what has come; return how long it took, without the waiting."""
        found = self._poll.poll(timeout_s)
        begun_s = time.perf_counter()
        heard, places, buffer, readv = self._heard, self._places, self._buffer, os.readv
        for number, _ in found:
            count = readv(number, buffer)
            if count == 0:
                self.dropped += 1
                self._poll.unregister(number)
            heard[places[number]] += count
        return time.perf_counter() - begun_s

    def _have_all(self, goal: int) -> bool:
        """Tell whether every client has heard so many bytes."""
        if self._heard_by_all < goal:
            # One who has not is nearly always the one that had least before; the rest need no look.
            if self._heard[self._last] < goal:
                return False
            self._heard_by_all = min(self._heard)
            self._last = self._heard.index(self._heard_by_all)
        return self._heard_by_all >= goal

    def _until(self, goal: int) -> None:
        deadline_s = time.perf_counter() + _PATIENCE_S
        while not self._have_all(goal):
            self._read(0.1)
            assert time.perf_counter() < deadline_s, "a delivery was lost"

    def _measure_event(self) -> int:
        """Send one event until all have it; ids and times keep their width."""
        os.write(self._ask, b".")
        deadline_s = time.perf_counter() + _PATIENCE_S
        while min(self._heard) == 0 or min(self._heard) != max(self._heard):
            self._read(0.1)
            assert time.perf_counter() < deadline_s, "a client heard nothing"
        return self._heard[0]

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
    crowd = Crowd(CLIENTS)
    turns: list[Turn] = []
    deaf_turns: list[Turn] = []

    def alone() -> float:
        turns.append(crowd.turn())
        return turns[-1].p99_ms

    def beside_deaf() -> float:
        with crowd.beside_deaf(DEAF):
            deaf_turns.append(crowd.turn())
        return deaf_turns[-1].p99_ms

    try:
        compared = compare(beside_deaf, alone, max(runs, PAIRS))
    finally:
        crowd.close()
    # The first turns were the warm-up.
    del turns[0], deaf_turns[0]
    p99s = [turn.p99_ms for turn in turns]
    at = f"{CLIENTS:,} clients, {EVENTS_PER_S:,} events/s"
    beside = f"{at}, {DEAF} more never read"
    note = f"the clients were reading {median(turn.reading for turn in turns):.0%} of the time"
    own, other = (median(100 * turn.server for turn in some) for some in (deaf_turns, turns))
    ratio = median(a.server / b.server for a, b in zip(deaf_turns, turns, strict=True))
    return [
        Row(
            f"{at}: to the last client", median(p99s), "ms p99", p99=median(p99s),
            runs=len(p99s), spread=spread(p99s), note=note,
        ),
        compared.row(beside, "ms p99", note="yardstick: without those; ratio: median of the pairs"),
        Row(beside, own, "% of a core", other, ratio, runs=len(p99s), note="the server's work"),
    ]  # fmt: skip
