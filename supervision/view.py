"""The live view of `openbourse up` on a terminal: a few lines below the log, drawn anew each second.

The log keeps scrolling above: the terminal's scroll region ends where the view begins, so every process
may write its lines to the terminal as it always does, and one write of ours draws the whole view. Without a
terminal, or while somebody else has it (`openbourse up &`), nothing is drawn and the log is all there is.
"""

import io
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from runtime import clock
from runtime.meters import Reading, quantile_ns, readings, total
from supervision.pids import usage
from supervision.states import WORKING, Process, State

_EVERY_NS = 1_000_000_000
_LEFT_FOR_LOG = 5
"""Lines that the log keeps; a terminal with fewer has no view."""
_ORDERS = "openbourse_order_seconds"
_STYLES = {State.BACKOFF: "bold red", State.FATAL: "bold red", State.STARTING: "yellow"}


class Rates:
    """What was counted between two looks, per second."""

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter()
        self._orders: Counter[int] = Counter()
        self._cpu_s: dict[int, float] = {}
        self._seen_ns = 0
        self._past_s = 0.0

    def look(self, found: Sequence[Reading], now_ns: int) -> dict[str, float]:
        """Return the rates since the last look, and the median and 99th percentile of orders in it."""
        self._past_s = (now_ns - self._seen_ns) / 1e9 if self._seen_ns else 0.0
        self._seen_ns = now_ns
        names = ("commands", "requests", "written_events", "delivered_messages")
        told = {name: self._rate(name, total(found, f"openbourse_{name}_total")) for name in names}
        workers = [one.cells[:-1] for one in found if one.meter.name == _ORDERS]
        now = Counter({at: sum(counts) for at, counts in enumerate(zip(*workers, strict=True))})
        # A worker that ended took its counts along: what is less than before is nothing new.
        fresh = [max(0, count - self._orders[at]) for at, count in now.items()]
        self._orders = now
        return told | {"p50_ns": quantile_ns(fresh, 0.5), "p99_ns": quantile_ns(fresh, 0.99)}

    def cpu(self, pid: int, used_s: float) -> float:
        """Return which part of a processor core a process had since the last look."""
        before = self._cpu_s.get(pid, used_s)
        self._cpu_s[pid] = used_s
        return max(0.0, used_s - before) / self._past_s if self._past_s else 0.0

    def _rate(self, name: str, value: int) -> float:
        grown = max(0, value - self._totals[name])
        self._totals[name] = value
        return grown / self._past_s if self._past_s else 0.0


class View:
    """The view on one terminal; `file` is its output."""

    def __init__(self, run: Path, file: TextIO) -> None:
        self._run = run
        self._file = file
        self._rates = Rates()
        self._told: dict[str, float] = {}
        self._drawn_ns = 0
        self._states: list[State] = []
        self._region = (0, 0)

    def draw(self, processes: Sequence[Process]) -> None:
        """Draw how the processes stand now: at every change of a state, else once a second."""
        now_ns = clock.steady_ns()
        states = [one.state for one in processes]
        if states == self._states and now_ns - self._drawn_ns < _EVERY_NS:
            return
        if not _is_ours(self._file):
            return
        if now_ns - self._drawn_ns >= _EVERY_NS:
            self._drawn_ns = now_ns
            self._told = self._rates.look(list(readings(self._run)), now_ns)
        self._states = states
        columns, rows = shutil.get_terminal_size()
        lines = written(processes, self._told, self._rates, columns)
        room = rows - _LEFT_FOR_LOG
        self._put(lines[: max(0, room)] if room > 1 else [], rows)

    def close(self) -> None:
        """Give the whole terminal back to the log."""
        if self._region != (0, 0):
            self._put([], self._region[0])

    def _put(self, lines: Sequence[str], rows: int) -> None:
        parts = []
        if (rows, len(lines)) != self._region:
            parts.append(_reserve(rows, len(lines), before=self._region[1]))
            self._region = (rows, len(lines)) if lines else (0, 0)
        parts.append("\x1b7")
        for number, line in enumerate(lines):
            parts.append(f"\x1b[{rows - len(lines) + 1 + number};1H\x1b[2K{line}")
        parts.append("\x1b8")
        # One write: what other processes write to the terminal comes before it or behind it.
        say("".join(parts), self._file)


def say(text: str, file: TextIO) -> None:
    """Write to an output whose reader may have gone: the exchange outlives a pipe that nobody reads.

    A terminal can be hung up in the middle of a write too; the signal that says so ends the exchange in
    good order, which an error here would not.
    """
    try:
        file.write(text)
        file.flush()
    except OSError:
        # What is left in the buffer goes nowhere, and Python can end without complaint.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, file.fileno())
        os.close(nowhere)


def view_on(run: Path, file: TextIO, errors: TextIO, environ: Mapping[str, str]) -> View | None:
    """Return the view for these outputs; None unless both are a terminal that can do more than type."""
    able = environ.get("TERM", "dumb") not in ("", "dumb")
    return View(run, file) if able and file.isatty() and errors.isatty() else None


def written(
    processes: Sequence[Process], told: Mapping[str, float], rates: Rates, columns: int
) -> list[str]:
    """Write the view as lines for a terminal of so many columns."""
    paper = io.StringIO()
    console = Console(
        file=paper,
        width=columns,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
    )
    shown = [one for one in processes if one.state is not State.DONE]
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for title in ("process", "state", "pid", "restarts", "cpu", "memory", "files"):
        table.add_column(title, justify="left" if title in ("process", "state") else "right", no_wrap=True)  # fmt: skip
    for one in shown:
        style = _STYLES.get(one.state, "green" if one.state in WORKING else "")
        table.add_row(
            one.program.name,
            Text(one.state.value, style=style),
            str(one.pid or ""),
            str(one.restarts),
            *_used(one, rates),
        )
    console.print(Group(_market(shown, told), table), end="")
    return paper.getvalue().rstrip("\n").split("\n")


def _market(processes: Sequence[Process], told: Mapping[str, float]) -> Text:
    facts = {str(one.facts.get("role") or one.program.name): one.facts for one in processes}
    matcher = facts.get("primary") or facts.get("matcher") or facts.get("edge", {})
    last, seq = _number(matcher, "event_seq"), _number(matcher, "seq")
    clients = sum(_number(one.facts, "connections") for one in processes)
    line = Text(no_wrap=True, overflow="ellipsis")
    if "writer" in facts:
        lag = max(0, last - _number({"watermark": last, **facts["writer"]}, "watermark"))
        style = "bold" if lag < 10_000 else "bold yellow"
        line.append(f"seq {seq:,}  lag {lag:,} events", style=style)
    else:
        line.append(f"seq {seq:,}", style="bold")
    line.append(f"  commands {told['commands']:,.0f}/s  requests {told['requests']:,.0f}/s")
    if "writer" in facts:
        line.append(f"  rows from {told['written_events']:,.0f} events/s")
    line.append(f"  stream messages {told['delivered_messages']:,.0f}/s to {clients:,}")
    if told["p99_ns"]:
        line.append(f"  order p50 {told['p50_ns'] / 1e6:.1f} ms p99 {told['p99_ns'] / 1e6:.1f} ms")
    return line


def _used(process: Process, rates: Rates) -> tuple[str, str, str]:
    pids = {process.pid, *process.voices} - {0}
    found = [(pid, use) for pid in pids if (use := usage(pid))]
    if not found:
        return "", "", ""
    cpu = sum(rates.cpu(pid, use[3]) for pid, use in found)
    private, files = (sum(use[at] for _, use in found) for at in (1, 2))
    return f"{cpu:.0%}", f"{private / (1 << 20):,.0f} MiB", f"{files:,.0f}"


def _number(facts: Mapping[str, object], name: str) -> int:
    value = facts.get(name, 0)
    return int(value) if isinstance(value, int | float) else 0


def _reserve(rows: int, height: int, *, before: int) -> str:
    """Return what makes the terminal scroll its lines above the last `height` only, `before` so far."""
    wiped = "".join(f"\x1b[{rows - number};1H\x1b[2K" for number in range(max(height, before)))
    # The lines that are to be ours may hold text: it scrolls up first, and the cursor with it.
    made = "\n" * max(0, height - before) + f"\x1b[{height - before}A" if height > before else ""
    return f"{made}\x1b7{wiped}\x1b[1;{rows - height}r\x1b8"


def _is_ours(file: TextIO) -> bool:
    try:
        return os.tcgetpgrp(file.fileno()) == os.getpgrp()
    except OSError:
        return False
