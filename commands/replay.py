"""`openbourse replay FILE`: play a recorded order flow and hold the market to the record.

Through the core it measures the engine and proves its price-time order; through the running exchange's
REST door (`--via rest`) it proves the whole chain. Every named hit and every depth check counts as
one; what the record cannot promise is told as skipped (`commands/lobster.py`).
"""

import argparse
import json
import pathlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from commands import Refused, flows
from commands.steps import Amend, Cancel, Check, Enter, Skip, Step
from commands.venue import Rejected, Venue

SUMMARY = "play a recorded order flow through the core or the running exchange"
_FAILURES_TOLD = 100


@dataclass
class Tally:
    """What a replay found."""

    orders: int = 0
    """Requests made: orders entered, cancelled and amended."""
    trades: int = 0
    passed: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)

    def fail(self, number: int, text: str) -> None:
        """Count a failure; only the first ones are kept in words."""
        self.failed += 1
        if len(self.failures) < _FAILURES_TOLD:
            self.failures.append(f"step {number}: {text}")


def play(steps: list[Step], venue: Venue, progress: Progress | None = None) -> Tally:
    """Play `steps` on `venue` and compare what it does with what they promise."""
    tally = Tally()
    task = progress.add_task("replay", total=len(steps)) if progress else None
    for number, step in enumerate(steps, start=1):
        try:
            _play_one(number, step, venue, tally)
        except Rejected as refusal:
            tally.fail(number, f"{_words(step)}: rejected, {refusal}")
        if progress and task is not None and number % 64 == 0:
            progress.update(task, completed=number)
    if progress and task is not None:
        progress.update(task, completed=len(steps))
    return tally


def _play_one(number: int, step: Step, venue: Venue, tally: Tally) -> None:
    match step:
        case Enter():
            tally.orders += 1
            fills = venue.enter(step)
            tally.trades += len(fills)
            _judge_fills(number, step, fills, tally)
        case Cancel():
            tally.orders += 1
            venue.cancel(step.order)
        case Amend():
            tally.orders += 1
            venue.amend(step.order, step.qty)
        case Check():
            _judge_book(number, step, venue, tally)
        case Skip():
            tally.skips[step.reason] += 1


def _judge_fills(number: int, step: Enter, fills: list[tuple[str, int]], tally: Tally) -> None:
    wanted = [(step.hit, step.qty)] if step.hit else []
    if fills != wanted:
        tally.fail(number, f"{_words(step)}: traded with {fills}, expected {wanted}")
    elif step.hit:
        tally.passed += 1


def _judge_book(number: int, step: Check, venue: Venue, tally: Tally) -> None:
    if step.bids is None and step.asks is None:
        return
    everything = step.level_counts is not None
    shown = max(len(step.bids or ()), len(step.asks or ()), 1)
    seen = venue.book(None if everything else shown)
    found: list[str] = []
    for word, wanted, levels in (("bids", step.bids, seen.bids), ("asks", step.asks, seen.asks)):
        if wanted is not None and levels[:shown] != wanted:
            found.append(f"{word} {levels[:shown]}, expected {wanted}")
    if everything and seen.level_counts != step.level_counts:
        found.append(f"levels {seen.level_counts}, expected {step.level_counts}")
    if step.open_orders is not None and seen.open_orders != step.open_orders:
        found.append(f"open orders {seen.open_orders}, expected {step.open_orders}")
    if found:
        tally.fail(number, "; ".join(found))
    else:
        tally.passed += 1


def _words(step: Step) -> str:
    match step:
        case Enter():
            return f"{step.side.name} {step.qty} @ {step.price / 100:.2f} as {step.order}"
        case Cancel():
            return f"cancel {step.order}"
        case Amend():
            return f"amend {step.order} to {step.qty}"
    return "check"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command line."""
    parser.add_argument("file", type=pathlib.Path, help="a *.flow.jsonl or LOBSTER message file")
    parser.add_argument("--via", choices=("core", "rest"), default="core")
    parser.add_argument("--limit", type=int, help="play only the first LIMIT steps")
    parser.add_argument("--symbol", help="with --via rest: an empty one (one of its own)")
    parser.add_argument("--json", action="store_true", help="print one object as the last line")


def open_venue(args: argparse.Namespace) -> Venue:
    """Make the place to play on that the command line names.

    Raises: Refused when it cannot be had.
    """
    if args.via == "core":
        from commands.core_venue import CoreVenue

        return CoreVenue()
    from commands.rest_venue import open_rest_venue
    from conf import settings

    return open_rest_venue(settings.load(), args.symbol)


def run(
    args: argparse.Namespace, open_venue: Callable[[argparse.Namespace], Venue] = open_venue
) -> int:
    """Play the file; 0 only when every check passed."""
    if args.limit is not None and args.limit < 0:
        raise Refused(f"--limit is {args.limit}; 0 or more are needed")
    try:
        steps = flows.read(args.file)[: args.limit]
    except (OSError, flows.NotAFlow) as wrong:
        raise Refused(f"cannot play {args.file}: {wrong}") from wrong
    venue = open_venue(args)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        started = time.perf_counter()
        try:
            tally = play(steps, venue, bar)
            seconds = time.perf_counter() - started
        finally:
            venue.close()
    _report(tally, seconds, as_json=args.json)
    return 0 if tally.failed == 0 else 1


def _report(tally: Tally, seconds: float, *, as_json: bool) -> None:
    skipped = sum(tally.skips.values())
    rate = tally.orders / seconds if seconds else 0.0
    for failure in tally.failures:
        print(f"failed: {failure}")
    for reason, count in tally.skips.items():
        print(f"skipped {count} times: {reason}")
    print(
        f"{tally.orders} orders, {tally.trades} trades in {seconds:.2f} s ({rate:,.0f} orders/s); "
        f"checks: {tally.passed} passed, {tally.failed} failed, {skipped} skipped"
    )
    if as_json:
        result: dict[str, Any] = {
            "passed": tally.passed,
            "failed": tally.failed,
            "skipped": skipped,
            "failures": tally.failures,
            "skips": [f"{count} times: {reason}" for reason, count in tally.skips.items()],
            "orders": tally.orders,
            "trades": tally.trades,
            "seconds": round(seconds, 3),
            "rate": round(rate, 1),
        }
        print(json.dumps(result))
