"""Sum up the whole logical state in one number: equal exactly when the exchanges are.

What is hashed is what the rules can see. Row numbers, links, hash tables and how far forgotten text
ids were tidied away differ between two engines that did the same, so orders go in by order id with
their place in the queue, lists by list id, remembered ids oldest first.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from matcher.core.blocks import Array
from matcher.core.book import BUY, SELL, best_of, level_at, next_worse
from matcher.core.kernel import entry, kernel, memory_at
from matcher.core.state import Core
from protocol.board import BALANCES_A_LINE, by_account, lines_for

core_at = memory_at(Core)

_SCALARS = (
    "seq",
    "at_ns",
    "event_seq",
    "orders",
    "lists",
    "next_order_id",
    "next_list_id",
    "activations",
    "phase_due_ns",
)
_ORDER_LINKS = ("next", "prev", "account_pos", "extra", "level")
_EXTRA_LINKS = ("list", "trigger_next", "trigger_prev", "expiry_pos", "order", "slices", "below")
_LIST_LINKS = ("next", "prev", "queued", "later", "earlier")
_ACCOUNT_NOISE = ("version", "last_seq", "list_count")
_INSTRUMENT_NOISE = ("best_bid", "best_ask")


@entry
def rank_orders(memory: int, _first: int, _second: int) -> int:
    """Write the place in its queue of every resting order, from 1, into the scratch block."""
    core = core_at(memory)
    for slot in range(core.state.order_top + 1):
        core.scratch[slot] = 0
    for instrument in range(core.state.instruments):
        _rank_side(core, instrument, BUY)
        _rank_side(core, instrument, SELL)
    return core.state.order_top


@kernel
def _rank_side(core: Core, instrument: int, side: int) -> None:
    market = core.markets[instrument]
    position = best_of(market, side)
    while 0 <= position < market.level_count:
        slot = core.levels[level_at(core, market, side, position)].head
        rank = 1
        while slot != 0:
            core.scratch[slot] = rank
            slot = core.orders[slot].next
            rank += 1
        position = next_worse(core, market, side, position)


def digest(blocks: Mapping[str, Array], memory: int) -> str:
    """Digest the state of the engine that owns `blocks`. Cost: proportional to what is in use."""
    state = blocks["state"][0]
    summed = hashlib.blake2b(digest_size=16)
    for name in _SCALARS:
        summed.update(int(state[name]).to_bytes(8, "little"))
    accounts, assets = int(state["accounts"]), int(state["assets"])
    instruments = int(state["instruments"])
    _add(summed, blocks["assets"][:assets])
    _add(summed, blocks["accounts"][:accounts], _ACCOUNT_NOISE)
    held = by_account(blocks["balances"][: lines_for(assets, BALANCES_A_LINE)])
    _add(summed, held[:accounts, :assets].reshape(-1))
    _add(summed, blocks["fee_tiers"])
    _add(summed, blocks["instruments"][:instruments], _INSTRUMENT_NOISE)
    summed.update(blocks["terms"][:instruments].tobytes())
    _add_orders(summed, blocks, rank_orders(memory, 0, 0))
    _add_lists(summed, blocks)
    _add_remembered(summed, blocks)
    return summed.hexdigest()


def _add(summed: Any, rows: Array, without: tuple[str, ...] = ()) -> None:
    """Hash rows column by column, spare fields and `without` left out."""
    for name in rows.dtype.names or ():
        if name not in without and not name.startswith("spare"):
            summed.update(name.encode())
            summed.update(np.ascontiguousarray(rows[name]).tobytes())


def _add_orders(summed: Any, blocks: Mapping[str, Array], top: int) -> None:
    orders = blocks["orders"][: top + 1]
    slots = np.flatnonzero(orders["order_id"])
    slots = slots[np.argsort(orders["order_id"][slots])]
    live = orders[slots]
    _add(summed, live, _ORDER_LINKS)
    summed.update(blocks["scratch"][slots].tobytes())
    _add(summed, blocks["extras"][live["extra"]], _EXTRA_LINKS)


def _add_lists(summed: Any, blocks: Mapping[str, Array]) -> None:
    """Hash live lists with the order ids of their legs, and the legs of one not yet complete."""
    state = blocks["state"][0]
    top = int(state["list_top"]) + 1
    numbers = np.flatnonzero(blocks["lists"]["list_id"][:top])
    numbers = numbers[np.argsort(blocks["lists"]["list_id"][numbers])]
    _add(summed, blocks["lists"][numbers], _LIST_LINKS)
    legs = blocks["list_legs"][numbers]
    summed.update(blocks["orders"]["order_id"][legs].tobytes())
    summed.update(blocks["gathered"][: int(state["gathered"])].tobytes())


def _add_remembered(summed: Any, blocks: Mapping[str, Array]) -> None:
    """Hash the finished text ids still in the window, and the references."""
    state, limits = blocks["state"][0], blocks["limits"][0]
    finished = _ring(blocks["finished"], int(state["finished_first"]), int(state["finished_count"]))
    fresh = state["at_ns"] - finished["at_ns"] < limits["dedupe_window_ns"]
    _add(summed, finished[fresh], ("tag",))
    references = _ring(
        blocks["references"], int(state["reference_first"]), int(state["reference_count"])
    )
    _add(summed, references, ("tag",))


def _ring(rows: Array, first: int, count: int) -> Array:
    """Return what is in a ring, oldest first."""
    return rows[(first + np.arange(count)) % len(rows)]
