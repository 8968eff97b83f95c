"""`openbourse bench NAME`: measure a part of the exchange beside its yardstick, in the same run."""

import argparse
import importlib
from collections.abc import Callable
from dataclasses import replace

from benchmarks.report import Report, console
from commands import Refused

SUMMARY = "measure the exchange beside its yardsticks"
BENCHES = {
    "core": "nanoseconds per message of the matching core",
    "core_features": "what stops, icebergs, prevention, large books and auctions cost beside it",
    "journal": "records per second to disk and back",
    "recovery": "commands per second from the journal into a fresh core, and time until ready",
    "rest": "signed orders per second through the REST door",
    "ws": "deliveries per second to WebSocket clients",
    "ws_api": "orders per second through the WebSocket API",
    "writer": "rows per second into PostgreSQL",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words that may follow `bench`."""
    parser.add_argument(
        "name",
        choices=[*BENCHES, "all"],
        help="; ".join(f"{name}: {what}" for name, what in BENCHES.items()),
    )
    parser.add_argument(
        "--runs", type=int, default=11, help="turns of subject and yardstick (11); medians count"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object as last line")


def run(args: argparse.Namespace) -> int:
    """Run one benchmark or all and print what they found."""
    if args.runs < 1:
        raise Refused(f"--runs is {args.runs}; 1 or more are needed")
    names = list(BENCHES) if args.name == "all" else [args.name]
    reports = []
    for name in names:
        report = _bench(name)(args.runs)
        report.show(console())
        reports.append(report)
    if args.json:
        print((reports[0] if args.name != "all" else _together(reports)).as_json())
    return 0


def _bench(name: str) -> Callable[[int], Report]:
    measure: Callable[[int], Report] = importlib.import_module(f"benchmarks.{name}_bench").run
    return measure


def _together(reports: list[Report]) -> Report:
    rows = [
        replace(row, case=f"{report.bench}: {row.case}")
        for report in reports
        for row in report.rows
    ]
    excluded = "; ".join(f"{one.bench}: {one.excluded}" for one in reports if one.excluded)
    return Report(bench="all", rows=rows, excluded=excluded, machine=reports[0].machine)
