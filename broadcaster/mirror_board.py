"""The public blocks of shared memory on a host without a matcher, written by its mirror.

Readers read them as they read a matcher's (`protocol/board.py`), deep requests included. Blocks of accounts and
orders are there and empty: one row each, that of account 0, which belongs to nobody.
"""

from pathlib import Path
from typing import Any

import numpy as np

from broadcaster.mirror_books import Books
from protocol.board import (
    BLOCKS,
    DEEP_LEVELS,
    DEEP_SLOTS,
    DEPTH_SLOTS,
    MIRRORED,
    QUEUE_SLOTS,
    InstrumentRow,
    StatusRow,
)
from protocol.board_reads import DepthView
from protocol.layout import Rows
from runtime import clock
from runtime.market_bus import Frame, Listings, State
from runtime.shared import Blocks, deep_requests

_TERMS = 64


class MirrorBoard:
    """One life of a mirror: its blocks, published with the state that it begins with."""

    def __init__(self, run: Path, state: State) -> None:
        self.books = Books()
        self._blocks = Blocks(run, clock.wall_ns())
        shapes = _shapes(state)
        for name, (record, _) in BLOCKS.items():
            dtype = np.dtype(record) if isinstance(record, str) else record.dtype
            self._blocks.allocate(name, dtype, shapes.get(name, (1,)))
        self._arrays = self._blocks.arrays
        self._words = deep_requests(run, state.capacity)
        self._list(state.listings)
        self._show_status(state.status)
        for depth in state.depths:
            self._show("depth", DEPTH_SLOTS, depth.instrument, depth.view())
        self.load_books(state)
        self._blocks.publish()

    def take(self, frame: Frame, rows: Rows | None) -> None:
        """Show the market after a frame; `rows` are those of its events that are new."""
        if frame.listings is not None:
            self._list(frame.listings)
        for depth in frame.depths:
            count = int(self._arrays["depth_count"][depth.instrument])
            head = self._arrays["depth_heads"][depth.instrument, count % DEPTH_SLOTS]
            if depth.update_id >= head["update_id"]:
                self._show("depth", DEPTH_SLOTS, depth.instrument, depth.view())
        for number, row in frame.instruments:
            found = np.frombuffer(row, InstrumentRow.dtype)
            if found["update_id"][0] >= self._arrays["instruments"]["update_id"][number]:
                self._arrays["instruments"][number] = found[0]
        if rows is not None:
            self.books.take(rows)
        self._show_status(frame.status)

    def load_books(self, state: State) -> None:
        """Take whole books out of a state, for those that need them."""
        self.books.load((book.instrument, book.view()) for book in state.books)

    def answer_requests(self) -> None:
        """Make the deep snapshots that readers ask for."""
        status = self._arrays["status"][0]
        for number in np.flatnonzero(self._words[: len(self._arrays["instruments"])]):
            view = self.books.view(int(number), int(status["seq"]), int(status["at_ns"]))
            if view is not None:
                self._words[number] = 0
                self._show("deep", DEEP_SLOTS, int(number), view)

    def remove(self) -> None:
        """Take the blocks away."""
        self._blocks.remove()

    def _list(self, listings: Listings) -> None:
        for name in ("assets", "instruments", "terms"):
            array = self._arrays[name]
            found = np.frombuffer(getattr(listings, name), array.dtype).reshape(array.shape)
            array[...] = found

    def _show_status(self, packed: bytes) -> None:
        row = np.frombuffer(packed, StatusRow.dtype).copy()
        row["ready"] = MIRRORED
        # In one store: a reader sees each word as it was or as it is.
        self._arrays["status"][:] = row

    def _show(self, ring: str, slots: int, number: int, view: DepthView) -> None:
        """Publish a book in a ring, as `matcher/core/publish.py` does."""
        arrays: dict[str, Any] = self._arrays
        count = int(arrays[f"{ring}_count"][number]) + 1
        slot = count % slots
        head, levels = arrays[f"{ring}_heads"][number], arrays[f"{ring}_levels"][number, slot]
        head["version"][slot] += 1
        for side, rows in enumerate((view.bids, view.asks)):
            rows = rows[: levels.shape[1]]
            levels[side, : len(rows)] = rows
            head["asks" if side else "bids"][slot] = len(rows)
        head["update_id"][slot], head["seq"][slot] = view.update_id, view.seq
        head["at_ns"][slot], head["complete"][slot] = view.at_ns, view.complete
        head["version"][slot] += 1
        arrays[f"{ring}_count"][number] = count


def _shapes(state: State) -> dict[str, tuple[int, ...]]:
    capacity = state.capacity
    assets_size = dict(BLOCKS)["assets"][0]
    assert not isinstance(assets_size, str)
    return {
        "assets": (len(state.listings.assets) // assets_size.dtype.itemsize,),
        "instruments": (capacity,),
        "terms": (capacity, _TERMS),
        "depth_count": (capacity,),
        "depth_heads": (capacity, DEPTH_SLOTS),
        "depth_levels": (capacity, DEPTH_SLOTS, 2, state.depth_levels),
        "deep_count": (capacity,),
        "deep_heads": (capacity, DEEP_SLOTS),
        "deep_levels": (capacity, DEEP_SLOTS, 2, DEEP_LEVELS),
        "balances": (1, 1, 1),
        "account_orders": (1, 1, 1),
        "queue_heads": (QUEUE_SLOTS,),
        "queue_orders": (QUEUE_SLOTS, 1),
    }
