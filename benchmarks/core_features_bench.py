"""What the rarer rules cost in the core, beside plain orders in the same run.

The yardstick of a flow is the plain one (`order_flow`, one instrument) on the same core, of an uncross
the same orders in continuous trading, and of memory the row that readers see. So a ratio says how
much dearer a feature is than a limit order.
"""

import gc
import os
import time
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import order_flow
from benchmarks.core_bench import in_batches, with_latencies
from benchmarks.core_flow import Translator, batches, opening
from benchmarks.feature_flow import (
    BATCH,
    MIDDLE,
    Maker,
    Recorder,
    crossing,
    everywhere,
    icebergs,
    open_engine,
    phase,
    prevention,
    resting,
    roomy,
    stops,
    tick,
)
from benchmarks.report import Report, Row, compare
from matcher.core.engine import Engine
from protocol.board import OrderRow
from protocol.layout import Rows
from protocol.terms import SessionPhase, Side

COMMANDS = 200_000
DEEP_ORDERS = 1_000_000
WIDE_ORDERS = 100_000
CALL_ORDERS = 100_000
CALL_SPREAD = 2_000
WIDE_SPREAD = 40_000
_SEED = 20240607
_FLOWS: dict[str, Maker] = {"stops": stops, "icebergs": icebergs, "prevention": prevention}
_ORDERS = 1 << 18


def run(runs: int) -> Report:
    """Measure every feature."""
    flow = order_flow.generate(1, _SEED)[:COMMANDS]
    translator = Translator(int(flow["oid"].max()) + COMMANDS, len(opening(1)) + 1)
    plain = partial(_per_command, translator.translate(flow), None)
    rows = []
    for case, make in _FLOWS.items():
        commands = Recorder(open_engine(roomy(_ORDERS)), _SEED).record(make, COMMANDS)
        subject = partial(_per_command, commands, None)
        found = compare(subject, plain, runs)
        rows.append(with_latencies(found, case, open_engine(roomy(_ORDERS)), commands, BATCH))
    for case, count, capacity in (
        (f"wide book, {WIDE_ORDERS:,} over 100,000 ticks", WIDE_ORDERS, _ORDERS),
        (f"deep book, {DEEP_ORDERS:,} resting", DEEP_ORDERS, 1 << 21),
    ):
        rows.append(_book_row(case, count, capacity, plain, runs))
    rows.append(_uncross_row(runs))
    rows.append(_indication_row(runs))
    rows.append(_memory_row())
    return Report(
        bench="core_features",
        rows=rows,
        excluded=f"journal, sockets and processes; filling the command buffer, in batches of {BATCH:,}",
    )


def _per_command(commands: Rows, standing: Rows | None, capacity: int = _ORDERS) -> float:
    """Return the nanoseconds a command takes in a book where `standing` rests already."""
    return _play(_standing(standing, capacity), commands) / len(commands) * 1e9


def _standing(orders: Rows | None, capacity: int) -> Engine:
    engine = open_engine(roomy(capacity))
    if orders is not None:
        _play(engine, orders)
    return engine


def _play(engine: Engine, commands: Rows) -> float:
    """Play commands as `bench core` does and return the seconds it took."""
    gc.collect()
    return in_batches(engine, commands, size=BATCH, publish=False) / 1e9


def _book_row(case: str, count: int, capacity: int, plain: partial[float], runs: int) -> Row:
    standing = resting(count, 50_000, _SEED)
    recorder = Recorder(open_engine(roomy(capacity)), _SEED, seq=(1 << 20) + count)
    for piece in batches(standing, BATCH):
        recorder.learn(recorder.engine.apply(piece)[0])
    commands = recorder.record(everywhere, COMMANDS // 4)
    subject = partial(_per_command, commands, standing, capacity)
    found = compare(subject, plain, runs)
    return with_latencies(found, case, _standing(standing, capacity), commands, BATCH)


def _uncross_row(runs: int) -> Row:
    orders = crossing(CALL_ORDERS, CALL_SPREAD, _SEED)
    half = CALL_ORDERS // 2

    def uncross() -> float:
        engine = open_engine(roomy(_ORDERS))
        engine.apply(phase(SessionPhase.OPENING_AUCTION))
        _play(engine, orders)
        return _play(engine, phase(SessionPhase.CONTINUOUS)) * 1e3

    def continuous() -> float:
        engine = open_engine(roomy(_ORDERS))
        _play(engine, orders[:half])
        return _play(engine, orders[half:]) * 1e3

    return compare(uncross, continuous, runs).row(f"uncross of {CALL_ORDERS:,} orders", "ms")


def _indication_row(runs: int) -> Row:
    """Measure one price search of a call, beside the same sums done by numpy over every tick."""
    orders = crossing(CALL_ORDERS, WIDE_SPREAD, _SEED)
    engine = open_engine(roomy(_ORDERS))
    engine.apply(phase(SessionPhase.OPENING_AUCTION))
    _play(engine, orders)
    prices, sells, qty = orders["price"], orders["side"] == Side.SELL, orders["order_qty"]

    def search() -> float:
        # An order more, so that there is something new to tell and every tick must search.
        engine.apply(orders[:1])
        return _play(engine, tick()) * 1e3

    def sums() -> float:
        started = time.perf_counter()
        ticks = 2 * MIDDLE + 1
        supply = np.cumsum(np.bincount(prices[sells], qty[sells], ticks))
        demand = np.cumsum(np.bincount(prices[~sells], qty[~sells], ticks)[::-1])[::-1]
        np.minimum(supply, demand).argmax()
        return (time.perf_counter() - started) * 1e3

    case = f"price search in a call, {CALL_ORDERS:,} orders over {2 * WIDE_SPREAD:,} ticks"
    return compare(search, sums, runs).row(case, "ms")


def _memory_row() -> Row:
    """Measure what a million resting orders add to the resident memory, and share it among them.

    Everything that they make the core touch counts: rows, levels, indexes, lists of their accounts.
    """
    orders = resting(DEEP_ORDERS, 50_000, _SEED)
    engine = open_engine(roomy(1 << 21))
    # What earlier benchmarks left behind must not be given back while this one counts.
    gc.collect()
    before = _resident_bytes()
    _play(engine, orders)
    each = (_resident_bytes() - before) / DEEP_ORDERS
    row = float(OrderRow.dtype.itemsize)
    return Row(
        case="memory of a resting order",
        value=round(each, 1),
        unit="bytes",
        yardstick=row,
        ratio=round(each / row, 2),
        note="with its share of levels, indexes and lists; the row alone is the yardstick",
    )


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
