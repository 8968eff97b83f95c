"""Compiled loops of the core benchmark: the yardstick, and the core with a clock around each command.

The clock is the processor's time-stamp counter, read in compiled code: asking Python for the time
would take longer than a command.
"""

import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from benchmarks.order_flow import CANCEL, NEW_IOC, REDUCE
from matcher.core.ahead import look_ahead, look_first
from matcher.core.blocks import Array
from matcher.core.dispatch import apply_command, apply_plain
from matcher.core.kernel import (
    array_address,
    array_length,
    batch_entry,
    entry,
    memory_at,
    rows_at,
)
from matcher.core.state import Core
from protocol.layout import Rows
from protocol.records import Command

core_at = memory_at(Core)
commands_at = rows_at(Command)

SLOT_DTYPE = np.dtype([("qty", "<i8"), ("price", "<i8"), ("rest", "<i8", (6,))])
"""The yardstick's 64-byte slot of one order."""


@intrinsic
def _ticks(_typing: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(64), [])
        name = "llvm.readcyclecounter"
        return builder.call(builder.module.declare_intrinsic(name, (), kind), [])

    return types.int64(), generate


ticks = cast("Callable[[], int]", _ticks)


@batch_entry
def apply_timed(table: Array, commands: Array) -> int:
    """Apply commands as the engine does, and write how long each took into the scratch block."""
    core = core_at(array_address(table))
    count = array_length(commands)
    batch = commands_at(array_address(commands), count)
    core.state.events = 0
    look_first(core, batch, count)
    for place in range(count):
        begun = ticks()
        look_ahead(core, batch, place, count)
        cmd = batch[place]
        if not apply_plain(core, cmd):
            apply_command(core, cmd)
        core.scratch[place] = ticks() - begun
    return count


@njit(_nrt=False, error_model="numpy", cache=True)  # type: ignore[call-overload,untyped-decorator]
def touch_slots(flow: Any, slots: Any) -> None:
    """Do the least that any engine must: read each record, switch on its type, touch its slot.

    NEW stores quantity and price, CANCEL zeroes, REDUCE subtracts, REPLACE zeroes and stores in the
    new id's slot. Nothing else.
    """
    for place in range(flow.shape[0]):
        record = flow[place]
        slot = slots[record.oid]
        if record.type <= NEW_IOC:
            slot.qty = record.qty
            slot.price = record.price
        elif record.type == CANCEL:
            slot.qty = 0
        elif record.type == REDUCE:
            slot.qty -= record.qty
        else:
            slot.qty = 0
            new = slots[record.newid]
            new.qty = record.qty
            new.price = record.price


def yardstick_ns(flow: Rows, slots: Rows) -> float:
    """Return the nanoseconds a record takes the yardstick."""
    begun = time.perf_counter()
    touch_slots(flow, slots)
    return (time.perf_counter() - begun) / len(flow) * 1e9


@entry
def read_ticks(_memory: int, _one: int, _other: int) -> int:
    """Read the time-stamp counter."""
    return ticks()


def ns_per_tick() -> float:
    """Measure how long a tick of the counter is."""
    begun, begun_ticks = time.perf_counter_ns(), read_ticks(0, 0, 0)
    while time.perf_counter_ns() - begun < 50_000_000:
        pass
    return (time.perf_counter_ns() - begun) / (read_ticks(0, 0, 0) - begun_ticks)
