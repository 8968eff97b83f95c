"""Signed orders per second through the REST door, beside hello-world on the same kind of worker.

End to end: a signed POST over kept-alive connections, one ingress worker, the matcher with the
journal synced to disk before it answers, and the answer back at the client. Orders of two accounts cross at
one price, so every second one trades and the book stays small. The yardstick is a Falcon hello-world
under gunicorn with a stock uvicorn-worker; both are driven by the same client, in turns.
"""

import hashlib
import hmac
import itertools
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from benchmarks.report import Report, Row, compare
from benchmarks.rest_load import Load, drive, drive_open
from benchmarks.rest_stage import Stage, stage

CONNECTIONS = 32
SECONDS = 2.0
BATCH = 50
_FASTEST = 30_000
"""Orders a second for which requests are made beforehand."""
_FASTEST_BATCHES = 2_500
_HOST = "127.0.0.1"
_BLOCK = 8192


def run(runs: int) -> Report:
    """Measure and return the report."""
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as running:
        bench = Bench(running, running.start(), Path(folder))
        rows = [bench.orders(runs)]
        rows += [bench.open_orders(runs, rows[0].value / 2), bench.batches(runs), bench.depth(runs)]
        running.follow()
        rows.append(bench.orders(runs, "signed order, writer and streams following"))
    many = max(2, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder), many) as running:
        bench = Bench(running, running.start(), Path(folder))
        rows.append(bench.orders(runs, f"signed order, {many} workers"))
        rows.append(bench.open_orders(runs, rows[-1].value / 2, f", {many} workers"))
        rows.append(bench.depth(runs, f"depth, {many} workers"))
    return Report(
        bench="rest",
        rows=rows,
        excluded="signing at the client, connecting; in the first case the writer and the broadcaster, "
        "which follow the matcher and are not waited for",
    )


def _batch(side: str) -> str:
    """Write the parameter of a batch, once: only the number in its text ids changes."""
    order = {
        "symbol": "BTCUSDT",
        "side": side,
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000",
        "price": "50000.00",
    }
    batch = [order | {"newClientOrderId": f"batch-NUMBER-{place}"} for place in range(BATCH)]
    return urlencode({"batchOrders": json.dumps(batch)})


_BATCHES = {side: _batch(side) for side in ("BUY", "SELL")}


class Bench:
    """The running exchange, its yardstick, and the accounts that trade."""

    def __init__(self, running: Stage, accounts: list[dict[str, str]], folder: Path) -> None:
        self._stage = running
        self._folder = folder
        self._accounts = accounts
        self._numbers = itertools.count()

    def orders(self, runs: int, case: str = "signed order, journal synced") -> Row:
        """Measure accepted orders. Each waits for the disk, so its speed is told beside them."""
        before = sync_ms(self._folder)
        row = self._row(case, "orders/s", self._stage.port, self._signed_orders, runs)
        disk = median((before, sync_ms(self._folder)))
        return replace(row, note=f"{row.note}; fdatasync {disk:.2f} ms")

    def open_orders(self, runs: int, rate: float, where: str = "") -> Row:
        """Measure the latency of orders that come by the clock at a rate, beside hello-world so driven."""
        loads: list[Load] = []

        def subject() -> float:
            loads.append(measure(self._stage.port, self._signed_orders(), rate))
            return loads[-1].percentile(0.99)

        def yardstick() -> float:
            hello = itertools.repeat(get("/hello"))
            return measure(self._stage.hello_port, hello, rate).percentile(0.99)

        compared = compare(subject, yardstick, runs)
        p50, p99 = (
            median(load.percentile(share) for load in loads[-runs:]) for share in (0.5, 0.99)
        )
        note = f"open loop, {rate:,.0f} orders/s, latency from when an order was due"
        case = f"signed order, p99 at half of the most{where}"
        return compared.row(case, "ms", p50=p50, p99=p99, note=note)

    def batches(self, runs: int) -> Row:
        """Measure orders that come fifty in a request."""
        return self._row(
            f"batch of {BATCH}", "orders/s", self._stage.port, self._signed_batches, runs, BATCH
        )

    def depth(self, runs: int, case: str = "depth of 20") -> Row:
        """Measure reads of the depth out of shared memory."""
        request = get("/api/v3/depth?symbol=BTCUSDT&limit=20")
        return self._row(
            case, "requests/s", self._stage.port, lambda: itertools.repeat(request), runs
        )

    def _row(
        self,
        case: str,
        unit: str,
        port: int,
        requests: Callable[[], Iterator[bytes]],
        runs: int,
        in_each: int = 1,
    ) -> Row:
        loads: list[Load] = []

        def subject() -> float:
            loads.append(measure(port, requests()))
            return loads[-1].rate * in_each

        def yardstick() -> float:
            return measure(self._stage.hello_port, itertools.repeat(get("/hello"))).rate

        compared = compare(subject, yardstick, runs)
        p50, p99 = (
            median(load.percentile(share) for load in loads[-runs:]) for share in (0.5, 0.99)
        )
        return compared.row(case, unit, p50=p50, p99=p99, note=f"{CONNECTIONS} connections")

    def _signed_orders(self) -> Iterator[bytes]:
        # Made as a list before the clock starts: signing is the client's work, not ours.
        now_ms = time.time_ns() // 1_000_000
        count = int(SECONDS * _FASTEST)
        return iter([self._signed_order(next(self._numbers), now_ms) for _ in range(count)])

    def _signed_order(self, number: int, now_ms: int) -> bytes:
        # Both accounts buy as often as they sell, so that neither runs dry.
        account = self._accounts[number % 2]
        side = "BUY" if (number + number // 2) % 2 else "SELL"
        form = (
            f"symbol=BTCUSDT&side={side}&type=LIMIT&timeInForce=GTC&quantity=0.01000&price=50000.00"
            f"&newClientOrderId=bench-{number}&recvWindow=60000&timestamp={now_ms}"
        )
        return self._signed("/api/v3/order", account, form)

    def _signed_batches(self) -> Iterator[bytes]:
        now_ms = time.time_ns() // 1_000_000
        count = int(SECONDS * _FASTEST_BATCHES)
        return iter([self._signed_batch(next(self._numbers), now_ms) for _ in range(count)])

    def _signed_batch(self, number: int, now_ms: int) -> bytes:
        side = "BUY" if (number + number // 2) % 2 else "SELL"
        form = (
            f"{_BATCHES[side].replace('NUMBER', str(number))}&recvWindow=60000&timestamp={now_ms}"
        )
        return self._signed("/api/v3/batchOrders", self._accounts[number % 2], form)

    def _signed(self, path: str, account: dict[str, str], form: str) -> bytes:
        seal = hmac.new(account["secret"].encode(), form.encode(), hashlib.sha256).hexdigest()
        body = f"{form}&signature={seal}"
        return (
            f"POST {path} HTTP/1.1\r\nHost: {_HOST}\r\nX-MBX-APIKEY: {account['api_key']}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()


def sync_ms(folder: Path, tries: int = 51) -> float:
    """Return the median time of writing and syncing 8 KiB in a file written before, as the journal is."""
    file = folder / "sync.bin"
    file.write_bytes(bytes(tries * _BLOCK))
    times = []
    with file.open("r+b", buffering=0) as opened:
        os.fsync(opened.fileno())
        for _ in range(tries):
            begun = time.perf_counter()
            opened.write(bytes(_BLOCK))
            os.fdatasync(opened.fileno())
            times.append((time.perf_counter() - begun) * 1e3)
    file.unlink()
    return median(times)


def get(target: str) -> bytes:
    """Make a GET request."""
    return f"GET {target} HTTP/1.1\r\nHost: {_HOST}\r\n\r\n".encode()


def measure(port: int, requests: Iterator[bytes], rate: float = 0.0) -> Load:
    """Drive one server for a while, by the clock when there is a rate; every answer must be a good one."""
    if rate:
        load = drive_open(
            _HOST, port, requests, connections=CONNECTIONS, rate=rate, seconds=SECONDS
        )
    else:
        load = drive(_HOST, port, requests, connections=CONNECTIONS, seconds=SECONDS)
    assert load.good == load.answers > 0, f"{load.answers - load.good} requests were refused"
    return load
