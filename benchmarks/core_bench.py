"""`openbourse bench core`: nanoseconds per command of the matching core, beside the yardstick.

The flows are those of `order_flow.py`, 2,000,000 records on one instrument and on a hundred. First each
is played once and must come out exactly as `expected_flow.json` says, down to the checksum over every
fill: an engine that reports anything else has no throughput. Then core and yardstick take turns.

Everything is in the number that the core does: all checks, holds, fees, settlement, every event written in
full, capacities as shipped. The batch is copied into a buffer before the clock starts, as the matcher's
drain leaves it.
"""

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.core_clock import SLOT_DTYPE, apply_timed, ns_per_tick, yardstick_ns
from benchmarks.core_flow import Tally, Translator, batches, opening
from benchmarks.order_flow import expected, generate
from benchmarks.report import Comparison, Report, Row, compare
from matcher.core.engine import Engine
from matcher.core.kernel import compile_entries, straight_to
from matcher.core.state import Capacities
from protocol.layout import Rows

SEEDS = {1: 20240607, 100: 20240608}
"""Instruments → seed of the flow that figures are published for."""
BATCHES = (1024, 64)
SINGLE_COMMANDS = 400_000
"""So many commands are played one by one."""
CAPACITIES = Capacities(assets=128, instruments=128, price_levels=1 << 24)
_COLD = """
import time
begun = time.perf_counter()
from matcher.core.engine import Engine
from matcher.core.state import Capacities
Engine(Capacities(orders=64))
print(time.perf_counter() - begun)
"""


class WrongResult(RuntimeError):
    """The core did not trade what a correct engine trades."""


@dataclass(frozen=True)
class Flow:
    """One flow: as records for the yardstick, as commands for the core."""

    name: str
    records: Rows
    opening: Rows
    commands: Rows
    wanted: dict[str, object]


def run(runs: int) -> Report:
    """Check and measure both flows, and the start of a process."""
    rows = []
    for instruments in SEEDS:
        flow = make_flow(instruments)
        verify(flow)
        rows += [_throughput(flow, size, runs) for size in BATCHES]
        if instruments == 1:
            rows.append(_throughput(_first(flow, SINGLE_COMMANDS), 1, runs))
            rows.append(_throughput(_published(flow), 64, runs, publish=True))
            rows.append(_throughput(make_flow(1, text_ids=True), 1024, runs))
    rows += [_start("warm start", runs), _start("cold compile", 1)]
    return Report(
        bench="core",
        rows=rows,
        excluded="journal, sockets and processes; filling the command buffer; slicing it in Python, but for batches of 1",
    )


def make_flow(instruments: int, *, text_ids: bool = False) -> Flow:
    """Make a flow, with a text id for every order if asked for."""
    records = generate(instruments, SEEDS[instruments])
    wanted = expected(instruments, SEEDS[instruments])
    opened = opening(instruments)
    last_id = int(max(records["oid"].max(), records["newid"].max()))
    translator = Translator(last_id, len(opened) + 1, text_ids=text_ids)
    name = f"{instruments} instrument{'s' if instruments > 1 else ''}"
    name += " with text ids" if text_ids else ""
    return Flow(name, records, opened, translator.translate(records), wanted)


def _first(flow: Flow, count: int) -> Flow:
    return Flow(flow.name, flow.records[:count], flow.opening, flow.commands[:count], {})


def _published(flow: Flow) -> Flow:
    return Flow(flow.name + ", published", flow.records, flow.opening, flow.commands, {})


def open_engine(flow: Flow) -> Engine:
    """Make an engine with the flow's market open and its accounts funded."""
    engine = Engine(CAPACITIES)
    rest = flow.opening
    while len(rest):
        _, applied = engine.apply(rest)
        rest = rest[applied:]
    return engine


def verify(flow: Flow) -> None:
    """Play a flow once.

    Raises: WrongResult when trades, quantity, notional, checksum or what rests are not as published.
    """
    engine, tally = open_engine(flow), Tally()
    for batch in batches(flow.commands, 1024):
        events, applied = engine.apply(batch)
        assert applied == len(batch)
        tally.add(events)
    found = {
        "trades": tally.trades,
        "traded_qty": tally.traded_qty,
        "notional": tally.notional,
        "checksum": f"{tally.checksum:016x}",
        "resting_orders": int(engine.blocks["state"]["orders"][0]),
        "resting_qty": int(engine.blocks["orders"]["leaves_qty"][_live(engine)].sum()),
    }
    for name, value in found.items():
        if value != flow.wanted[name]:
            raise WrongResult(f"{flow.name}: {name} is {value}, not {flow.wanted[name]}")
    if tally.rejects:
        raise WrongResult(f"{flow.name}: {tally.rejects} commands were refused")


def _live(engine: Engine) -> Rows:
    live: Rows = np.flatnonzero(engine.blocks["orders"]["order_id"])
    return live


def _throughput(flow: Flow, size: int, runs: int, *, publish: bool = False) -> Row:
    slots = np.zeros(int(flow.records["newid"].max() + flow.records["oid"].max()) + 2, SLOT_DTYPE)
    play = _one_by_one if size == 1 else partial(in_batches, size=size, publish=publish)
    found = compare(partial(_measure, flow, play), partial(yardstick_ns, flow.records, slots), runs)
    case = f"{flow.name}, batch {size}"
    if publish:
        return found.row(case, "ns/command", note=f"{1e3 / found.value:.2f} M commands/s")
    return with_latencies(found, case, open_engine(flow), flow.commands, size)


def _measure(flow: Flow, play: Callable[[Engine, Rows], int]) -> float:
    """Return the nanoseconds a command takes on a fresh engine."""
    engine = open_engine(flow)
    gc.collect()
    gc.disable()
    try:
        return play(engine, flow.commands) / len(flow.commands)
    finally:
        gc.enable()


def in_batches(engine: Engine, commands: Rows, *, size: int, publish: bool) -> int:
    """Play commands as the matcher does, copied into one buffer; return the core's nanoseconds."""
    buffer = np.empty(size, commands.dtype)
    spent = 0
    for batch in batches(commands, size):
        part = buffer[: len(batch)]
        part[:] = batch
        begun = time.perf_counter_ns()
        engine.apply(part)
        if publish:
            engine.publish()
        spent += time.perf_counter_ns() - begun
    return spent


def _one_by_one(engine: Engine, commands: Rows) -> int:
    """Play single commands as a caller would: a slice and a call each."""
    apply = engine.apply
    begun = time.perf_counter_ns()
    for place in range(len(commands)):
        apply(commands[place : place + 1])
    return time.perf_counter_ns() - begun


def with_latencies(found: Comparison, case: str, engine: Engine, commands: Rows, size: int) -> Row:
    """Make the row of a comparison with p50, p99, p99.9 and the longest time of a command inside the core.

    `engine` stands where the commands begin; it plays them once more.
    """
    compile_entries()
    timed = straight_to(apply_timed)
    buffer = np.empty(size, commands.dtype)
    took = np.empty(len(commands), np.int64)
    done = 0
    for batch in batches(commands, size):
        part = buffer[: len(batch)]
        part[:] = batch
        timed(engine._table, part)  # noqa: SLF001
        took[done : done + len(part)] = engine.blocks["scratch"][: len(part)]
        done += len(part)
    p50, p99, p999, longest = (np.percentile(took, [50, 99, 99.9, 100]) * ns_per_tick()).tolist()
    note = f"{1e3 / found.value:.2f} M commands/s; latencies in ns, p99.9 {p999:.0f}, max {longest:,.0f}"
    return found.row(case, "ns/command", p50=p50, p99=p99, note=note)


def _start(case: str, runs: int) -> Row:
    """Measure how long a new process takes until it has an engine."""
    with tempfile.TemporaryDirectory() as empty:
        changed = {"OPENBOURSE_CACHE_DIR": empty} if case == "cold compile" else {}
        environment = {**os.environ, **changed}
        took = [_time_start(environment) for _ in range(runs)]
    took.sort()
    return Row(case=case, value=took[len(took) // 2], unit="s", runs=runs)


def _time_start(environment: dict[str, str]) -> float:
    words = [sys.executable, "-c", _COLD]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)
