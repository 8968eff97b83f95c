"""Save the whole state as a few dense arrays, and put it back into an empty engine.

What is saved is what cannot be found from anything else: the rows in use, with their links. Ladders
of triggers are sparse, so only levels that hold a stop are saved, each with its number; accounts' balances and
counts likewise. The books' ladders, bitmaps, hash tables and the lists of accounts' orders follow from the rows
(`rebuild.py`). A restored engine gives the same digest and, from there on, the same events.

A saved state belongs to the layout of these rows and to the capacities of its journal: whoever keeps it
compares both. Cost: proportional to what is in use, about a memory copy.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from matcher.core.blocks import Array
from matcher.core.rebuild import rebuild_indexes
from matcher.core.rows import WATCHING
from protocol.board import BALANCES_A_LINE, LISTED_A_LINE, lines_for

Blocks = Mapping[str, Array]
Saved = dict[str, Array]

_SINGLE = ("state", "status", "call")
_PREFIXES = {
    "assets": "assets",
    "totals": "assets",
    "accounts": "accounts",
    "instruments": "instruments",
    "markets": "instruments",
    "terms": "instruments",
    "gathered": "gathered",
    "expiries": "expiries",
}
"""Blocks saved up to a count that stands in the state."""
_TOPS = {
    "orders": "order_top",
    "levels": "level_top",
    "extras": "extra_top",
    "lists": "list_top",
    "list_legs": "list_top",
}
"""Blocks saved up to a highest row that stands in the state."""
_SCATTERED = ("balances", "counts", "triggers")
"""Blocks of which single rows are saved, with their numbers under `<name>_at`."""
_RINGS = {
    "finished": ("finished_first", "finished_count"),
    "references": ("reference_first", "reference_count"),
}


def save(blocks: Blocks) -> Saved:
    """Return the state of an engine between two commands; views of its memory where possible."""
    state = blocks["state"][0]
    saved: Saved = {name: blocks[name] for name in (*_SINGLE, "fee_tiers")}
    for name, count in _extents(state).items():
        saved[name] = blocks[name][:count]
    for name, (first, count) in _rings(blocks, state).items():
        saved[name] = blocks[name][_ring(blocks[name], first, count)]
    for name in _SCATTERED:
        rows = blocks[name]
        numbers = _numbers(blocks, name)
        saved[f"{name}_at"] = numbers
        saved[name] = _plain(rows).reshape(-1)[numbers].view(rows.dtype)
    return saved


def restore(blocks: Blocks, memory: int, saved: Mapping[str, Array]) -> None:
    """Put a saved state into the blocks of an engine that has applied nothing yet.

    Its arrays may come flat, as a file gives them.
    """
    for name in _SINGLE:
        blocks[name][...] = saved[name]
    for name in ("epoch", "heartbeat_ns", "ready"):
        blocks["status"][name] = 0
    blocks["fee_tiers"][...] = saved["fee_tiers"]
    state = blocks["state"][0]
    for name, count in _extents(state).items():
        rows = _plain(blocks[name])[:count]
        rows[...] = _plain(saved[name]).reshape(rows.shape)
    for name, (first, count) in _rings(blocks, state).items():
        blocks[name][_ring(blocks[name], first, count)] = saved[name]
    for name in _SCATTERED:
        _plain(blocks[name]).reshape(-1)[saved[f"{name}_at"]] = _plain(saved[name])
    orders = blocks["orders"]
    slots = _live(blocks)
    account, place = orders["account"][slots], orders["account_pos"][slots]
    blocks["account_orders"][place // LISTED_A_LINE, account, place % LISTED_A_LINE] = slots
    # Nothing was published by this engine: the first `publish` tells every book.
    blocks["markets"]["published_id"] = 0
    rebuild_indexes(memory, 0, 0)


def misfit(blocks: Blocks, saved: Mapping[str, Array]) -> str:
    """Say why a saved state is not one of an engine with these blocks; empty: it is."""
    wanted = {*_SINGLE, "fee_tiers", *_PREFIXES, *_TOPS, *_RINGS, *_SCATTERED}
    wanted |= {f"{name}_at" for name in _SCATTERED}
    if wanted != set(saved):
        return f"the blocks {sorted(wanted ^ set(saved))} are missing or unknown"
    for name, rows in saved.items():
        dtype = np.dtype("<i8") if name.endswith("_at") else blocks[name].dtype
        if rows.dtype != dtype:
            return f"the rows of {name} have another layout"
    return ""


def _extents(state: Any) -> dict[str, int]:
    """Return how many rows of each block are in use, from the first on."""
    return {name: int(state[count]) for name, count in _PREFIXES.items()} | {
        name: int(state[top]) + 1 for name, top in _TOPS.items()
    }


def _rings(blocks: Blocks, state: Any) -> dict[str, tuple[int, int]]:
    return {name: (int(state[first]), int(state[count])) for name, (first, count) in _RINGS.items()}


def _ring(rows: Array, first: int, count: int) -> Array:
    return (first + np.arange(count)) % len(rows)


def _plain(rows: Array) -> Array:
    """View rows as bytes without fields: numpy copies records field by field, ten times slower."""
    return rows.view(np.dtype((np.void, rows.dtype.itemsize)))


def _live(blocks: Blocks) -> Array:
    top = int(blocks["state"]["order_top"][0]) + 1
    return np.flatnonzero(blocks["orders"]["order_id"][:top])


def _numbers(blocks: Blocks, name: str) -> Array:
    """Return the numbers of the rows of a sparse block that are in use, ascending."""
    if name == "triggers":
        return _trigger_levels(blocks)
    state, rows = blocks["state"][0], blocks[name]
    if name == "balances":
        rows = rows[: lines_for(int(state["assets"]), BALANCES_A_LINE)]
    else:
        rows = rows[: int(state["accounts"])]
    words = rows.reshape(-1).view("<u8").reshape(-1, rows.dtype.itemsize // 8)
    return np.flatnonzero(words.any(axis=1)).astype(np.int64)


def _trigger_levels(blocks: Blocks) -> Array:
    """Find used levels by the stops that stand there, for a ladder is too long to look through."""
    orders = blocks["orders"]
    slots = _live(blocks)
    here = blocks["extras"]["place"][orders["extra"][slots]] == WATCHING
    numbers = np.unique(orders["level"][slots[here]]).astype(np.int64)
    used: Array = numbers[blocks["triggers"]["head"][numbers] != 0]
    return used
