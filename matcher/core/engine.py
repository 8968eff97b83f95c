"""The engine: the compiled core behind a few plain methods.

One engine owns one exchange's memory and is used by one thread. `apply` is deterministic: the same
commands give the same events and the same digest, however they were cut into batches, on every
machine, compiled or interpreted.
"""

from collections.abc import Mapping

import numpy as np

from matcher.core import saving
from matcher.core.blocks import Array, MemoryView, blocks_of
from matcher.core.digest import digest
from matcher.core.dispatch import apply_commands
from matcher.core.interpreted import array_address, array_length, register
from matcher.core.kernel import compile_entries, straight_to
from matcher.core.publish import publish_deep, publish_depth
from matcher.core.queues import publish_queues
from matcher.core.rows import FEE_TIERS
from matcher.core.state import (
    Allocator,
    Capacities,
    Core,
    allocate_blocks,
    note_capacities,
    private_memory,
)
from matcher.core.terms import FULL_SHARE
from protocol.board import DEEP_LEVELS
from protocol.layout import Rows
from protocol.records import Command

COMMAND = Command.dtype
FEW = 16
"""So few events are a view that is ready: making one takes longer than the command that made them."""


class Engine:
    """A matching core and its memory.

    `blocks` are all arrays by name; those of `protocol.board.BLOCKS` come from `allocate`, which
    must give zero-filled memory: an engine always starts empty.
    """

    def __init__(self, capacities: Capacities, allocate: Allocator = private_memory) -> None:
        compile_entries()
        layout = blocks_of(Core)
        self.capacities = capacities
        self.blocks: dict[str, Array] = allocate_blocks(
            capacities, allocate, {block.name: block.dtype for block in layout}
        )
        flat = {name: array.reshape(-1) for name, array in self.blocks.items()}
        table = [(array.ctypes.data, array.size) for array in (flat[b.name] for b in layout)]
        self._table = np.array(table, np.int64)
        self._memory = self._table.ctypes.data
        self._view = MemoryView(layout, flat)
        register(self._memory, self._view)
        self._apply = straight_to(apply_commands)
        self._publish = straight_to(publish_depth)
        self._events: Rows = self.blocks["events"]
        self._few = [self._events[:count] for count in range(FEW)]
        assert (array_address(self._table), array_length(self._table)) == (
            self._memory,
            len(layout),
        )
        self._state = self.blocks["state"]
        self._open()

    def _open(self) -> None:
        """Write what holds before the first command: capacities, account 0, full fee shares."""
        note_capacities(self.blocks["limits"], self.capacities, self.blocks)
        self._state["next_order_id"] = 1
        self._state["next_list_id"] = 1
        self._state["free_level"] = 1
        self._state["accounts"] = 1
        self.blocks["accounts"]["exists"][0] = 1
        for share in ("maker_share", "taker_share"):
            self.blocks["fee_tiers"][share][:FEE_TIERS] = FULL_SHARE

    def apply(self, commands: Rows) -> tuple[Rows, int]:
        """Apply stamped Command rows, in order; return their events and how many were applied.

        It stops early, between two commands, when the event buffer is full: call again with the
        rest. The events are a view that is valid until the next call.
        """
        dtype = commands.dtype
        assert dtype is COMMAND or dtype == COMMAND
        rows = len(commands)
        # One row is contiguous, and asking takes a twentieth of the time that it takes to apply it.
        assert rows == 1 or commands.flags.c_contiguous
        count = self._apply(self._table, commands)
        if count < 0:
            rows, count = ~count >> 32, ~count & 0xFFFFFFFF
        return self._few[count] if count < FEW else self._events[:count], rows

    def publish(self) -> None:
        """Refresh the depth ring of every instrument whose book changed since the last call."""
        self._publish(self._memory, 0, 0)

    def publish_deep(self, instrument: int, levels: int = DEEP_LEVELS) -> int:
        """Publish up to `levels` levels a side of one book on request; return its update id."""
        assert 0 <= instrument < int(self._state["instruments"][0])
        return publish_deep(self._memory, instrument, levels)

    def publish_queues(self, instrument: int) -> int:
        """Publish one book order by order, on request; return how many orders it has."""
        assert 0 <= instrument < int(self._state["instruments"][0])
        return publish_queues(self._memory, instrument, 0)

    def digest(self) -> str:
        """Sum up the whole logical state; equal states give equal digests, whatever led there."""
        return digest(self.blocks, self._memory)

    def save(self) -> dict[str, Array]:
        """Return the whole state as dense arrays by name: views, valid until the next `apply`."""
        return saving.save(self.blocks)

    def misfit(self, saved: Mapping[str, Array]) -> str:
        """Say why `load` could not take a saved state, in words; empty: it can."""
        return saving.misfit(self.blocks, saved)

    def load(self, saved: Mapping[str, Array]) -> None:
        """Take over the state that an engine of the same capacities has saved.

        This engine has applied nothing yet. Digest and later events are then those of the other.
        """
        assert not self._state["seq"][0] and not self.misfit(saved)
        saving.restore(self.blocks, self._memory, saved)

    def warm_up(self) -> None:
        """Compile every kernel entry, or load it from disk. The constructor did it already."""
        compile_entries()
