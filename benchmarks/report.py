"""What every benchmark reports, and how a subject is measured beside its yardstick.

A benchmark is a module `benchmarks/<name>_bench.py` with `run(runs: int) -> Report`. A figure
without its yardstick from the same run is not a figure: machines differ and drift, so `compare`
lets the two take turns and the ratio is what one carries away.
"""

import json
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One figure: the median `value` in `unit` over `runs` runs.

    `yardstick` is the median of the yardstick in the same unit and `ratio` says value / yardstick,
    both None when nothing comparable exists. `spread` is (largest - smallest) / median over the runs.
    `p50` and `p99` are latencies in milliseconds unless `note` names another unit.
    """

    case: str
    value: float
    unit: str
    yardstick: float | None = None
    ratio: float | None = None
    p50: float | None = None
    p99: float | None = None
    runs: int = 1
    spread: float | None = None
    note: str = ""


def machine() -> dict[str, object]:
    """Return the facts of this machine that a figure depends on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "numba": version("numba"),
        "compiled": os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0"),
    }


@dataclass(frozen=True)
class Report:
    """The rows of one benchmark; `excluded` says what is not in the numbers."""

    bench: str
    rows: list[Row]
    excluded: str = ""
    machine: dict[str, object] = field(default_factory=machine)

    def as_json(self) -> str:
        """Write the report as one line of JSON."""
        return json.dumps(asdict(self))

    def show(self, console: Console) -> None:
        """Print the report as a table; where that is too narrow for notes, they stand below it."""
        is_wide = console.width >= _WIDE
        console.print(_table(self, is_wide=is_wide))
        for row in self.rows:
            if row.note and not is_wide:
                console.print(f"{row.case}: {row.note}")
        if self.excluded:
            console.print(f"not in the numbers: {self.excluded}")


_WIDE = 140
"""Columns from which on a table has room for the notes."""


@dataclass(frozen=True)
class Comparison:
    """A subject and its yardstick, measured in turns; medians, and the median of the pairwise ratios."""

    value: float
    yardstick: float
    ratio: float
    spread: float
    runs: int

    def row(
        self,
        case: str,
        unit: str,
        *,
        p50: float | None = None,
        p99: float | None = None,
        note: str = "",
    ) -> Row:
        """Make the report's row of this comparison."""
        return Row(
            case=case,
            value=self.value,
            unit=unit,
            yardstick=self.yardstick,
            ratio=self.ratio,
            p50=p50,
            p99=p99,
            runs=self.runs,
            spread=self.spread,
            note=note,
        )


def compare(
    subject: Callable[[], float], yardstick: Callable[[], float], runs: int, *, warm_ups: int = 1
) -> Comparison:
    """Run subject and yardstick in turns, `runs` times each after `warm_ups` unmeasured turns.

    Each call measures itself and returns its figure; both in the same unit. Which of the two goes
    first alternates, so that a drift of the machine falls on both alike.
    """
    assert runs >= 1
    for _ in range(warm_ups):
        yardstick()
        subject()
    values: list[float] = []
    yards: list[float] = []
    for turn in range(runs):
        if turn % 2:
            values.append(subject())
            yards.append(yardstick())
        else:
            yards.append(yardstick())
            values.append(subject())
    ratios = [value / yard for value, yard in zip(values, yards, strict=True)]
    return Comparison(
        value=median(values),
        yardstick=median(yards),
        ratio=median(ratios),
        spread=spread(values),
        runs=runs,
    )


def spread(values: list[float]) -> float:
    """Return (largest - smallest) / median: how far the runs lie apart."""
    return (max(values) - min(values)) / median(values)


def console() -> Console:
    """Return a console on standard error: standard output belongs to the result."""
    return Console(file=sys.stderr)


def _cpu() -> str:
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _table(report: Report, *, is_wide: bool) -> Table:
    facts = report.machine
    title = f"{report.bench}: {facts['cpu']}, {facts['cores']} cores, load {facts['load']}"
    table = Table(title=title, title_justify="left", box=box.HEAVY_HEAD if is_wide else box.SIMPLE)
    table.add_column("case")
    names = ("value", "unit", "yardstick", "ratio", "p50", "p99")
    for name in (*names, "runs", "spread") if is_wide else names:
        table.add_column(name, justify="left" if name == "unit" else "right", no_wrap=True)
    if is_wide:
        table.add_column("note")
    for row in report.rows:
        spread = "" if row.spread is None else f"{row.spread:.0%}"
        table.add_row(
            row.case,
            _figure(row.value),
            row.unit,
            _figure(row.yardstick),
            _figure(row.ratio),
            _figure(row.p50),
            _figure(row.p99),
            *([str(row.runs), spread, row.note] if is_wide else []),
        )
    return table


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
