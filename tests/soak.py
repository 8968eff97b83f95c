"""A supervised exchange under load for as long as one likes: does anything grow that should not? `make soak MINUTES=60`.

Simulated traders over the WebSocket API, orders and reads over REST, and clients of the streams. Every few seconds the
memory and the open files of each process are noted, and each interval the 99th percentile of an order's time. What is
flat is judged over the second and the last quarter of the run; the first one is warming up.
"""

import argparse
import json
import os
import random
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from websockets.exceptions import ConnectionClosed

from commands.rest_client import Keys, RestClient
from runtime.meters import quantile_ns, readings
from supervision.pids import usage
from tests.system.exchange_fixture import Exchange

SAMPLE_S = 5.0
LATENCY_S = 30.0
STREAMS = ("btcusdt@depth@100ms", "btcusdt@trade", "btcusdt@bookTicker", "ethusdt@depth@100ms")
MOST_GROWTH, MOST_GROWTH_BYTES = 0.05, 8 << 20
"""Private memory may grow by so much between the quarters; whichever is more. A leak goes on, allocators settle."""
MOST_NEW_FILES = 2
MOST_SLOWER = 2.0
"""By which factor the median of the p99 may differ between the quarters."""


@dataclass
class Seen:
    """What was noted, by process: (seconds, private bytes, open files); and (seconds, p99 in seconds)."""

    used: dict[str, list[tuple[float, float, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    p99: list[tuple[float, float]] = field(default_factory=list)
    load: list[tuple[float, float]] = field(default_factory=list)
    """The machine's load average: what else it had to do."""


def quarters(
    values: Sequence[tuple[float, ...]], seconds: float, at: int
) -> tuple[list[float], list[float]]:
    """Return one column's values in the second and in the last quarter of a run."""
    second = [one[at] for one in values if seconds / 4 <= one[0] < seconds / 2]
    last = [one[at] for one in values if one[0] >= seconds * 3 / 4]
    return second, last


def verdict(seen: Seen, log: str, seconds: float) -> list[str]:
    """Return everything that is not as it should be."""
    found = []
    for name, values in seen.used.items():
        before, after = quarters(values, seconds, 1)
        allowed = max(MOST_GROWTH_BYTES, MOST_GROWTH * statistics.median(before))
        if (growth := statistics.median(after) - statistics.median(before)) > allowed:
            found.append(f"{name}: private memory grew by {growth / (1 << 20):.1f} MiB")
        files_before, files_after = quarters(values, seconds, 2)
        if min(files_after) > max(files_before) + MOST_NEW_FILES:
            found.append(f"{name}: open files {max(files_before):.0f} → {min(files_after):.0f}")
    before, after = quarters(seen.p99, seconds, 1)
    if statistics.median(after) > MOST_SLOWER * statistics.median(before):
        found.append(
            f"p99 {statistics.median(before) * 1e3:.1f} → {statistics.median(after) * 1e3:.1f} ms"
        )
    return found + [f"log: {line}" for line in complaints(log)]


def complaints(log: str) -> list[str]:
    """Return the lines of a log that tell of something wrong."""
    wrong = re.compile(r" (ERROR|CRITICAL|FATAL|PANIC) |^Traceback| (ERROR|FATAL|PANIC): ")
    return [line for line in log.splitlines() if wrong.search(line)]


def table(seen: Seen, seconds: float) -> Iterator[str]:
    """Yield the report's lines."""
    yield f"{'process':<14}{'private MiB, 2nd → last quarter':>34}{'files':>14}"
    for name, values in seen.used.items():
        memory = [statistics.median(one) / (1 << 20) for one in quarters(values, seconds, 1)]
        files = [max(one) for one in quarters(values, seconds, 2)]
        told = f"{memory[0]:.1f} → {memory[1]:.1f}"
        yield f"{name:<14}{told:>34}{f'{files[0]:.0f} → {files[1]:.0f}':>14}"
    p99 = [statistics.median(one) * 1e3 for one in quarters(seen.p99, seconds, 1)]
    worst = max(one for _, one in seen.p99) * 1e3
    load = [statistics.median(one) for one in quarters(seen.load, seconds, 1)]
    yield f"load average of the machine: {load[0]:.1f} → {load[1]:.1f}"
    yield f"p99 of an order per {LATENCY_S:.0f} s: {p99[0]:.1f} → {p99[1]:.1f} ms, the worst {worst:.1f} ms"


class Load:
    """Orders and reads over REST, and clients of the streams, until it is over."""

    def __init__(self, venue: Exchange, rate: float) -> None:
        self._venue = venue
        self._pause_s = 1 / rate
        self.over = threading.Event()
        self.requests = self.messages = 0
        self.failures: list[str] = []
        bodies = [self._trade, *(lambda stream=one: self._listen(stream) for one in STREAMS)]
        self._threads = [threading.Thread(target=self._run, args=(body,)) for body in bodies]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, body: Callable[[], None]) -> None:
        try:
            body()
        except Exception as error:  # noqa: BLE001 - told in the verdict
            self.failures.append(f"client: {error!r}")

    def _trade(self) -> None:
        client, keys = self._venue.client(), self._venue.demo_keys("alice")
        generator = random.Random(1)
        while not self.over.wait(self._pause_s):
            side, price = generator.choice([("BUY", "20000"), ("SELL", "90000")])
            placed = client.signed(
                "POST", "/api/v3/order", keys, symbol="BTCUSDT", side=side, type="LIMIT",
                timeInForce="GTC", quantity="0.001", price=price,
            )  # fmt: skip
            client.signed(
                "DELETE", "/api/v3/order", keys, symbol="BTCUSDT", orderId=placed["orderId"]
            )
            self._read(client, keys, generator)
            self.requests += 3

    def _read(self, client: RestClient, keys: Keys, generator: random.Random) -> None:
        kind = generator.randrange(4)
        if kind == 0:
            client.signed("GET", "/api/v3/account", keys)
        elif kind == 1:
            client.signed("GET", "/api/v3/openOrders", keys, symbol="BTCUSDT")
        elif kind == 2:
            client.public("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=100)
        else:
            client.public("/api/v3/depth", symbol="BTCUSDT", limit=100)

    def _listen(self, stream: str) -> None:
        with self._venue.stream(f"/ws/{stream}") as one:
            while not self.over.is_set():
                try:
                    one.recv(timeout=1.0)
                    self.messages += 1
                except TimeoutError:
                    continue
                except ConnectionClosed as closed:
                    raise AssertionError(f"{stream} was closed: {closed}") from closed


def run(venue: Exchange, seconds: float, load: Load) -> Seen:
    """Look on for so long."""
    seen, begun = Seen(), time.monotonic()
    orders, looked_s = _orders(venue), 0.0
    while (now_s := time.monotonic() - begun) < seconds and not load.failures:
        for name, private, files in _used(venue):
            seen.used[name].append((now_s, private, files))
        if now_s - looked_s >= LATENCY_S:
            fresh = _orders(venue)
            p99_ns = quantile_ns([b - a for a, b in zip(orders, fresh, strict=True)], 0.99)
            seen.p99.append((now_s, p99_ns / 1e9))
            seen.load.append((now_s, os.getloadavg()[0]))
            orders, looked_s = fresh, now_s
            print(f"{now_s:6.0f} s  {load.requests:,} requests  p99 {p99_ns / 1e6:.1f} ms", flush=True)  # fmt: skip
        time.sleep(SAMPLE_S)
    return seen


def _orders(venue: Exchange) -> list[int]:
    whole = [one for one in readings(venue.run) if one.meter.name == "openbourse_order_seconds"]
    return [sum(counts) for counts in zip(*(one.cells[:-1] for one in whole), strict=True)]


def _used(venue: Exchange) -> Iterator[tuple[str, float, float]]:
    for entry in venue.status()["processes"]:
        pids = {entry["pid"], *entry["workers"]}
        if entry["name"] == "postgres":
            # Those that stay; the others come and go with autovacuum.
            pids |= {one.pid for one in psutil.Process(entry["pid"]).children()}
        found = [use for pid in pids if (use := usage(pid))]
        yield entry["name"], sum(one[1] for one in found), sum(one[2] for one in found)


def _has_spare(venue: Exchange) -> bool:
    return any(entry["role"] == "spare" for entry in venue.status()["processes"])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--market-rate", type=float, default=50.0, help="orders/s of the traders")
    parser.add_argument("--rest-rate", type=float, default=10.0, help="rounds/s of the REST client")
    args = parser.parse_args(arguments)
    seconds = 60 * args.minutes
    with tempfile.TemporaryDirectory() as folder:
        environ: Mapping[str, str] = {
            "OPENBOURSE_MARKET_RATE": str(args.market_rate),
            "OPENBOURSE_MATCHER_SPARE": "true",
            # What snapshots cost must be in every quarter that is compared.
            "OPENBOURSE_JOURNAL_SNAPSHOT_EVERY_S": str(min(300.0, max(30.0, seconds / 20))),
        }
        venue = Exchange(Path(folder) / "data", **environ)
        try:
            venue.start()
            venue.until(lambda: _has_spare(venue), "a spare behind the matcher", 120)
            load = Load(venue, args.rest_rate)
            load.start()
            try:
                seen = run(venue, seconds, load)
            finally:
                load.stop()
            seq, whole = venue.status()["seq"], venue.is_whole()
            restarts = {one["name"]: one["restarts"] for one in venue.status()["processes"]}
            ended = venue.stop()
            log = venue.log.read_text(errors="replace")
        finally:
            venue.wipe()
    wrong = load.failures + [f"{name} was started again" for name, n in restarts.items() if n]
    if not load.failures:
        print("\n".join(table(seen, seconds)))
        wrong += verdict(seen, log, seconds)
    wrong += [] if whole and ended == 0 else [f"the exchange was not whole at the end ({ended})"]
    told = {"minutes": args.minutes, "commands": seq, "requests": load.requests, "messages": load.messages}  # fmt: skip
    print(json.dumps(told | {"wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
