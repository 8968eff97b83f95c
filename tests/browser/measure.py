"""Measure the terminal in a busy market: `python -m tests.browser.measure [--seconds N] [--json]`.

The real exchange trades in one instrument while the page shows it: about 500 changes of levels and 200 trades a
second. The yardstick is the same page in the same browser before the market begins to move. Frames
are timed by the page itself; what the browser worked is its own count.
"""

import argparse
import json
import random
import tempfile
import threading
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.report import Report, Row, console
from commands.rest_client import Keys, RestClient, Unknown
from tests.browser import chromium
from tests.browser.conftest import DESK, free_port
from tests.browser.trader import Trader
from tests.system.exchange_fixture import Exchange

SYMBOL = "AAPLUSD"
ROUND_S = 0.1
ENTERED, TRADED = 30, 20
"""Orders that rest and orders that trade, each round: with the cancels some 500 changes a second."""
MIDDLE = 19_000
WATCH = """() => {
    globalThis.frames = []; globalThis.longTasks = []; globalThis.seen = { levels: 0, trades: 0 };
    let last = performance.now();
    const next = (now) => { frames.push(now - last); last = now; globalThis.turn = requestAnimationFrame(next); };
    globalThis.turn = requestAnimationFrame(next);
    globalThis.tasks = new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((e) => e.duration)));
    tasks.observe({ type: "longtask" });
    for (const [name, listener] of terminal.streams._listeners) {
        const message = listener.message;
        if (name.endsWith("@depth@100ms")) listener.message = (told) => { seen.levels += told.b.length + told.a.length; message(told); };
        if (name.endsWith("@trade")) listener.message = (told) => { seen.trades += 1; message(told); };
    }
}"""
TELL = """() => {
    cancelAnimationFrame(turn); tasks.disconnect();
    return { frames: frames.slice(1), longTasks, seen };
}"""


class Market(threading.Thread):
    """Trades until told to stop: one account rests, another takes."""

    def __init__(self, client: RestClient, maker: Keys, taker: Keys) -> None:
        super().__init__(daemon=True)
        self._client, self._maker, self._taker = client, maker, taker
        self._stopped = threading.Event()
        self._dice = random.Random(8)

    def run(self) -> None:
        """Trade."""
        rounds = 0
        while not self._stopped.is_set():
            begun = time.monotonic()
            try:
                self._round(rounds)
            except Unknown:
                # Under other people's load an answer may be late; the market goes on.
                continue
            rounds += 1
            self._stopped.wait(max(0.0, ROUND_S - (time.monotonic() - begun)))

    def stop(self) -> None:
        """Stop, and wait for the last answer."""
        self._stopped.set()
        self.join()

    def _round(self, number: int) -> None:
        if number % 100 == 99:
            self._client.signed("DELETE", "/api/v3/openOrders", self._maker, symbol=SYMBOL)
        sides = [self._dice.choice(("BUY", "SELL")) for _ in range(ENTERED)]
        self._send(self._maker, [(side, "GTC", self._away(side), 50) for side in sides])
        sides = [self._dice.choice(("BUY", "SELL")) for _ in range(TRADED)]
        self._send(self._taker, [(side, "IOC", self._through(side), 1) for side in sides])

    def _away(self, side: str) -> int:
        off = 1 + int(abs(self._dice.gauss(0, 120)))
        return MIDDLE - off if side == "BUY" else MIDDLE + off

    def _through(self, side: str) -> int:
        return MIDDLE + 2_000 if side == "BUY" else MIDDLE - 2_000

    def _send(self, keys: Keys, orders: list[tuple[str, str, int, int]]) -> None:
        batch = [
            {"symbol": SYMBOL, "side": side, "type": "LIMIT", "timeInForce": force,
             "price": f"{price // 100}.{price % 100:02d}", "quantity": str(qty)}
            for side, force, price, qty in orders
        ]  # fmt: skip
        self._client.signed("POST", "/api/v3/batchOrders", keys, batchOrders=json.dumps(batch))


def watched(page: Page, tool: CDPSession, seconds: float) -> dict[str, Any]:
    """Watch the page for a while: its frames, what it saw, what the browser worked."""
    tool.send("HeapProfiler.collectGarbage")
    heap = tool.send("Runtime.getHeapUsage")["usedSize"]
    before = _worked(tool)
    page.evaluate(WATCH)
    page.wait_for_timeout(seconds * 1000)
    told: dict[str, Any] = page.evaluate(TELL)
    after = _worked(tool)
    tool.send("HeapProfiler.collectGarbage")
    told["heap"] = (heap, tool.send("Runtime.getHeapUsage")["usedSize"])
    told["work"] = {name: (after[name] - before[name]) / seconds * 100 for name in after}
    told["seconds"] = seconds
    return told


def _worked(tool: CDPSession) -> dict[str, float]:
    wanted = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    metrics = {one["name"]: one["value"] for one in tool.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in wanted}


def rows(quiet: dict[str, Any], busy: dict[str, Any], paint_ms: float) -> list[Row]:
    """Make the figures of the report."""
    cuts, rest = (quantiles(one["frames"], n=100) for one in (busy, quiet))
    seconds = busy["seconds"]
    late = [
        100 * sum(one > 34 for one in told["frames"]) / len(told["frames"])
        for told in (busy, quiet)
    ]
    seen = f"{busy['seen']['levels'] / seconds:.0f} levels and {busy['seen']['trades'] / seconds:.0f} trades a second"
    megabytes = [size / 2**20 for size in busy["heap"]]
    return [
        Row("frame", cuts[49], "ms", rest[49], cuts[49] / rest[49], cuts[49], cuts[98], note=seen),
        Row("frames later than 34 ms", late[0], "%", late[1]),
        Row("longest task", max(busy["longTasks"], default=0.0), "ms", max(quiet["longTasks"], default=0.0), note=f"{len(busy['longTasks'])} above 50 ms"),
        *(
            Row(name, busy["work"][key], "% of a core", quiet["work"][key])
            for name, key in (("page", "TaskDuration"), ("scripts", "ScriptDuration"), ("layout", "LayoutDuration"))
        ),
        Row("heap after collection", megabytes[1], "MiB", megabytes[0], megabytes[1] / megabytes[0], note=f"yardstick: {seconds:g} s before"),
        Row("first paint", paint_ms, "ms"),
    ]  # fmt: skip


def measure(seconds: float) -> Report:
    """Start an exchange and a browser, and watch the page in a quiet and in a busy market."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        ports = ("--rest-port", str(free_port()), "--ws-port", str(free_port()))
        venue = Exchange(Path(folder) / "data", *ports)
        browser = playwright.chromium.launch(
            executable_path=chromium.found(), args=list(chromium.FLAGS)
        )
        try:
            venue.start()
            taker = venue.account("carol", "USD=100000000", "AAPL=1000000")
            maker = venue.account("dora", "USD=100000000", "AAPL=1000000")
            trader = Trader(browser.new_page(viewport=DESK), venue)
            trader.arrive(SYMBOL)
            paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            paint_ms = trader.page.evaluate(paint)
            tool = trader.page.context.new_cdp_session(trader.page)
            tool.send("Performance.enable")
            quiet = watched(trader.page, tool, min(seconds, 15))
            market = Market(venue.client(), maker, taker)
            market.start()
            trader.page.wait_for_timeout(12_000)
            busy = watched(trader.page, tool, seconds)
            trader.shot("18-busy-market")
            market.stop()
        finally:
            browser.close()
            venue.wipe()
    return Report(
        "page",
        rows(quiet, busy, paint_ms),
        "a graphics card (the browser draws in software) and a network",
    )


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    report = measure(args.seconds)
    report.show(console())
    if args.json:
        print(report.as_json())


if __name__ == "__main__":
    main()
