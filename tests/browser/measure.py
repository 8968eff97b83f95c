"""Measure the terminal in a busy market: `python -m tests.browser.measure [--seconds N] [--json]`.

The real exchange trades in one instrument while the page shows it: some 500 changes of levels and 200 trades a
second. The yardstick is the same page in the same browser before the market begins to move. Frames are timed by
the page itself; what the browser worked is its own count. Memory is read after a collection, at the end of each
window: what it grows by from the second on is drawn out to an hour.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression, median, quantiles
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, Route, sync_playwright

from benchmarks.report import Report, Row, console
from runtime.ports import free_port
from tests.browser import chromium
from tests.browser.busy_market import SYMBOL, BusyMarket
from tests.browser.conftest import DESK
from tests.browser.trader import Trader
from tests.system.exchange_fixture import Exchange

WINDOW_S = 30.0
QUIET_S = 15.0
WARM_MS = 12_000
PAINTS = 5
LATE_MS = 34
"""A frame later than this was preceded by one that was dropped."""
WATCH = """() => {
    globalThis.watched = { frames: [], longTasks: [], levels: 0, trades: 0 };
    let last = performance.now();
    const next = (now) => { watched.frames.push(now - last); last = now; globalThis.turn = requestAnimationFrame(next); };
    globalThis.turn = requestAnimationFrame(next);
    globalThis.tasks = new PerformanceObserver((list) => watched.longTasks.push(...list.getEntries().map((e) => e.duration)));
    tasks.observe({ type: "longtask" });
    if (globalThis.isCounting) return;
    globalThis.isCounting = true;
    for (const [name, listener] of terminal.streams._listeners) {
        const message = listener.message;
        if (name.endsWith("@depth@100ms")) listener.message = (told) => { watched.levels += told.b.length + told.a.length; message(told); };
        if (name.endsWith("@trade")) listener.message = (told) => { watched.trades += 1; message(told); };
    }
}"""
TELL = """() => {
    cancelAnimationFrame(turn); tasks.disconnect();
    const told = watched; globalThis.watched = { frames: [], longTasks: [], levels: 0, trades: 0 };
    return { ...told, frames: told.frames.slice(1) };
}"""


class Watched:
    """What was seen of the page in some windows of time."""

    def __init__(self, page: Page, tool: CDPSession, seconds: Sequence[float]) -> None:
        self.frames: list[float] = []
        self.long_tasks: list[float] = []
        self.levels = self.trades = 0
        self.seconds = sum(seconds)
        self.heaps: list[tuple[float, float]] = []
        """Seconds since the beginning, and MiB after a collection."""
        self.nodes: list[int] = []
        before = _worked(tool)
        gone = 0.0
        for window in seconds:
            page.evaluate(WATCH)
            page.wait_for_timeout(window * 1000)
            told: dict[str, Any] = page.evaluate(TELL)
            self.frames += told["frames"]
            self.long_tasks += told["longTasks"]
            self.levels += told["levels"]
            self.trades += told["trades"]
            gone += window
            tool.send("HeapProfiler.collectGarbage")
            size = tool.send("Runtime.getHeapUsage")["usedSize"]
            self.heaps.append((gone, size / 2**20))
            self.nodes.append(tool.send("Memory.getDOMCounters")["nodes"])
        after = _worked(tool)
        self.work = {name: (after[name] - before[name]) / self.seconds * 100 for name in after}

    @property
    def late(self) -> float:
        """How many per cent of the frames came late."""
        return 100 * sum(one > LATE_MS for one in self.frames) / len(self.frames)

    @property
    def growth(self) -> float:
        """MiB an hour."""
        if len(self.heaps) < 3:
            return 0.0
        times, sizes = zip(*self.heaps[1:], strict=True)
        return linear_regression(times, sizes).slope * 3600


def _worked(tool: CDPSession) -> dict[str, float]:
    wanted = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    metrics = {one["name"]: one["value"] for one in tool.send("Performance.getMetrics")["metrics"]}
    return {name: metrics[name] for name in wanted}


def first_paint(browser: Browser, address: str) -> float:
    """Return how many milliseconds it takes a browser that has never been here to paint something."""
    context = browser.new_context(viewport=DESK)
    page = context.new_page()

    def answer(route: Route) -> None:
        route.fulfill(body="<!doctype html><p>here", content_type="text/html")

    page.route("**/empty", answer)
    page.goto(address)
    painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    page.wait_for_function(f"{painted} !== undefined")
    took = float(page.evaluate(painted))
    context.close()
    return took


def rows(quiet: Watched, busy: Watched, paints: list[float], empty: list[float]) -> list[Row]:
    """Make the figures of the report."""
    cuts, rest = quantiles(busy.frames, n=100), quantiles(quiet.frames, n=100)
    seen = f"{busy.levels / busy.seconds:.0f} levels and {busy.trades / busy.seconds:.0f} trades a second"
    grown = f"{len(busy.heaps)} windows; nodes {busy.nodes[0]} to {busy.nodes[-1]}"
    work = (("page", "TaskDuration"), ("scripts", "ScriptDuration"), ("layout", "LayoutDuration"), ("style", "RecalcStyleDuration"))  # fmt: skip
    heap, heap_before = busy.heaps[-1][1], quiet.heaps[-1][1]
    return [
        Row("time between frames", cuts[49], "ms", rest[49], cuts[49] / rest[49], cuts[49], cuts[98], note=seen),
        Row(f"frames later than {LATE_MS} ms", busy.late, "%", quiet.late, note=f"{len(busy.frames)} frames, longest {max(busy.frames):.0f} ms"),
        Row("tasks above 50 ms", len(busy.long_tasks) / busy.seconds * 60, "a minute", len(quiet.long_tasks) / quiet.seconds * 60, note=f"longest {max(busy.long_tasks, default=0.0):.0f} ms"),
        *(Row(name, busy.work[key], "% of a core", quiet.work[key]) for name, key in work),
        Row("heap after collection", heap, "MiB", heap_before, heap / heap_before, runs=len(busy.heaps)),
        Row("growth of the heap", busy.growth, "MiB/hour", note=grown),
        Row("first paint", median(paints), "ms", median(empty), median(paints) / median(empty), runs=PAINTS),
    ]  # fmt: skip


def measure(seconds: float) -> Report:
    """Start an exchange and a browser, and watch the page in a quiet and in a busy market."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        ports = ("--rest-port", str(free_port()), "--ws-port", str(free_port()))
        venue = Exchange(Path(folder) / "data", *ports)
        browser = chromium.launched(playwright)
        try:
            venue.start()
            here = venue.status()["rest"]
            paints = [first_paint(browser, f"{here}/") for _ in range(PAINTS)]
            empty = [first_paint(browser, f"{here}/empty") for _ in range(PAINTS)]
            trader = Trader(browser.new_page(viewport=DESK), venue)
            trader.arrive(SYMBOL)
            tool = trader.page.context.new_cdp_session(trader.page)
            tool.send("Performance.enable")
            quiet = Watched(trader.page, tool, [QUIET_S])
            market = BusyMarket(venue)
            market.start()
            trader.page.wait_for_timeout(WARM_MS)
            busy = Watched(trader.page, tool, [WINDOW_S] * max(1, round(seconds / WINDOW_S)))
            trader.shot("30-busy-market")
            market.stop()
        finally:
            browser.close()
            venue.wipe()
    return Report(
        "page",
        rows(quiet, busy, paints, empty),
        "a graphics card (the browser draws in software) and a network",
    )


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=measure.__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="in windows of 30 s")
    parser.add_argument("--json", action="store_true", help="print one object as the last line")
    args = parser.parse_args()
    report = measure(args.seconds)
    report.show(console())
    if args.json:
        print(report.as_json())


if __name__ == "__main__":
    main()
