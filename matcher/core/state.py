"""The memory of the core: which blocks there are, how large, and where they come from.

Blocks that other processes read are the rows of `protocol/board.py` and come from the allocator
given to the engine (shared memory); all others are private. Both start as zeros, and zero means
empty everywhere: row 0 of orders, extras and lists is never used, so a link of 0 is no link.

Most blocks are sparse: only pages that were touched cost memory. The ladders are the extreme, an
exchange with the shipped capacities maps some eight GiB and touches a few megabytes.
"""

import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from matcher.core.blocks import Array, Integers, Numbers, SmallNumbers, Table
from matcher.core.rows import (
    FEE_TIERS,
    LADDERS,
    LIST_LEGS,
    TERM_COLUMNS,
    CallRow,
    CountRow,
    FeeTierRow,
    FinishedRow,
    LevelRow,
    LimitsRow,
    ListRow,
    MarketRow,
    ReferenceRow,
    StateRow,
    TriggerRow,
)
from protocol.board import (
    BALANCES_A_LINE,
    BLOCKS,
    DEEP_LEVELS,
    DEEP_SLOTS,
    DEPTH_SLOTS,
    LISTED_A_LINE,
    QUEUE_SLOTS,
    AccountRow,
    AssetRow,
    BalanceRow,
    DepthHead,
    DepthLevel,
    ExtraRow,
    InstrumentRow,
    OrderRow,
    QueuedOrder,
    QueueHead,
    StatusRow,
    lines_for,
)
from protocol.records import Command, Event

Allocator = Callable[[str, "np.dtype[Any]", tuple[int, ...]], Array]
"""Block name, dtype, shape → a zero-filled array that lives as long as the engine."""

EVENTS_PER_ORDER = 8
"""One command can make at most so many events for each live order: a pair of trades, its trigger,
its end, what that does to its list; icebergs two more for each slice."""
EVENTS_PER_INSTRUMENT = 4
"""And for each instrument: a TICK can end its auction, open another and tell what it indicates."""
COLD_EVENTS = 1024
CELLS_PER_ORDER = 4
"""Of the table of ids: the more, the fewer orders find an older live one in their cell."""
CELLS_PER_TEXT = 4
"""Of the index of text ids: the more, the fewer are not where their hash says."""
LARGE_PAGE = 1 << 21
"""A block that begins on a large page has its first, busiest rows on one."""
SPARSE = ("ladder", "triggers")
"""Blocks that are touched here and there: large pages would make them as large as they look."""


@dataclass(frozen=True)
class Capacities:
    """How much the exchange can hold. Reaching one is a clean rejection, never a failure."""

    orders: int = 1 << 18
    """Rows for live orders; row 0 is never used. As many extra rows come with them."""
    accounts: int = 1 << 14
    """Accounts, the fee account included."""
    assets: int = 64
    instruments: int = 256
    account_orders: int = 1 << 12
    """Live orders of one account."""
    price_levels: int = 1 << 28
    """Ladder levels of one side, summed over all instruments (ladder top + 1 each)."""
    depth_levels: int = 100
    """Levels a side in the snapshot published after every batch."""
    dedupe_window_ns: int = 600_000_000_000
    """How long a finished order's text id stays taken; 0: not at all (rule P-5)."""
    dedupe_capacity: int = 1 << 18
    """Finished text ids remembered over the whole exchange."""
    references: int = 1 << 18
    """External ids of deposits and withdrawals remembered."""
    lists: int = 1 << 16
    """Rows for live order lists; row 0 is never used."""
    iceberg_slices: int = 1 << 20
    """Slices that all live icebergs together may still have to show: bounds a command's events."""
    events: int = 1 << 16
    """Events that end a batch at the next command, so that its buffer stays in the cache."""
    index_seed: int = 0x1F3D5B79
    """Seed of the text index's hash; it changes no event, so a host may choose its own."""


class Core:
    """Every block, as kernel functions see it: `core.orders[slot].price`."""

    state: StateRow
    limits: LimitsRow
    status: StatusRow
    events: Table[Event]
    orders: Table[OrderRow]
    draft: OrderRow
    extras: Table[ExtraRow]
    accounts: Table[AccountRow]
    balances: Table[BalanceRow]
    account_orders: SmallNumbers
    counts: Table[CountRow]
    instruments: Table[InstrumentRow]
    markets: Table[MarketRow]
    terms: Integers
    levels: Table[LevelRow]
    ladder: SmallNumbers
    triggers: Table[TriggerRow]
    call: CallRow
    lists: Table[ListRow]
    list_legs: SmallNumbers
    gathered: Table[Command]
    expiries: SmallNumbers
    bits: Numbers
    tiers: Integers
    id_slots: SmallNumbers
    id_index: Numbers
    text_index: Numbers
    finished: Table[FinishedRow]
    reference_index: Numbers
    references: Table[ReferenceRow]
    assets: Table[AssetRow]
    totals: Integers
    fee_tiers: Table[FeeTierRow]
    touched: SmallNumbers
    scratch: Integers
    ahead: Integers
    depth_count: Integers
    depth_heads: Table[DepthHead]
    depth_levels: Table[DepthLevel]
    deep_count: Integers
    deep_heads: Table[DepthHead]
    deep_levels: Table[DepthLevel]
    queue_count: Integers
    queue_heads: Table[QueueHead]
    queue_orders: Table[QueuedOrder]


def power_of_two(least: int) -> int:
    """Return the smallest power of two that is at least `least`."""
    return 1 << max(0, least - 1).bit_length()


def shapes_of(capacities: Capacities) -> dict[str, tuple[int, ...]]:
    """Say how large each block is. Indexes are at most half full."""
    c = capacities
    events = c.events + EVENTS_PER_ORDER * c.orders + 2 * c.iceberg_slices
    events += EVENTS_PER_INSTRUMENT * c.instruments + COLD_EVENTS
    return {
        "state": (1,),
        "limits": (1,),
        "status": (1,),
        "events": (events,),
        "orders": (c.orders,),
        "draft": (1,),
        "extras": (c.orders,),
        "accounts": (c.accounts,),
        "balances": (lines_for(c.assets, BALANCES_A_LINE), c.accounts, BALANCES_A_LINE),
        "account_orders": (lines_for(c.account_orders, LISTED_A_LINE), c.accounts, LISTED_A_LINE),
        "counts": (c.accounts, c.instruments),
        "instruments": (c.instruments,),
        "markets": (c.instruments,),
        "terms": (c.instruments, TERM_COLUMNS),
        "levels": (c.orders + 1,),
        "ladder": (2 * c.price_levels,),
        "triggers": (2 * c.price_levels,),
        "call": (1,),
        "lists": (c.lists,),
        "list_legs": (c.lists, LIST_LEGS),
        "gathered": (LIST_LEGS,),
        "expiries": (c.orders,),
        "bits": (sum(tier_words(c)),),
        "tiers": (len(tier_words(c)),),
        "id_slots": (power_of_two(CELLS_PER_ORDER * c.orders),),
        "id_index": (power_of_two(2 * c.orders),),
        "text_index": (power_of_two(CELLS_PER_TEXT * (c.orders + c.dedupe_capacity)),),
        "finished": (max(1, c.dedupe_capacity),),
        "reference_index": (power_of_two(2 * c.references),),
        "references": (max(1, c.references),),
        "assets": (c.assets,),
        "totals": (c.assets,),
        "fee_tiers": (FEE_TIERS,),
        "touched": (max(c.accounts, 16),),
        "ahead": (32,),
        "scratch": (2 * c.orders + 64,),
        "depth_count": (c.instruments,),
        "depth_heads": (c.instruments, DEPTH_SLOTS),
        "depth_levels": (c.instruments, DEPTH_SLOTS, 2, c.depth_levels),
        "deep_count": (c.instruments,),
        "deep_heads": (c.instruments, DEEP_SLOTS),
        "deep_levels": (c.instruments, DEEP_SLOTS, 2, DEEP_LEVELS),
        "queue_count": (1,),
        "queue_heads": (QUEUE_SLOTS,),
        "queue_orders": (QUEUE_SLOTS, c.orders),
    }


def tier_words(capacities: Capacities) -> list[int]:
    """Words of each tier of the bitmap, the lowest first; a search may look at one more than has marks."""
    words: list[int] = []
    marks = LADDERS * capacities.price_levels
    while not words or marks > 1:
        marks = (marks + 63) >> 6
        words.append(marks + 1)
    return words


def private_memory(name: str, dtype: "np.dtype[Any]", shape: tuple[int, ...]) -> Array:
    """Allocate a zero-filled block of this process; pages cost memory once they are touched.

    MAP_NORESERVE: a ladder maps far more than a small machine has, and never touches it.
    """
    count = int(np.prod(shape, dtype=np.int64))
    size = max(1, count * dtype.itemsize)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    if name in SPARSE or size < LARGE_PAGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.frombuffer(mmap.mmap(-1, size, flags=flags), dtype, count).reshape(shape)
    memory = mmap.mmap(-1, size + LARGE_PAGE, flags=flags)
    memory.madvise(mmap.MADV_HUGEPAGE)
    first = -np.frombuffer(memory, np.uint8).ctypes.data % LARGE_PAGE
    return np.frombuffer(memory, dtype, count, offset=first).reshape(shape)


def allocate_blocks(
    capacities: Capacities, allocate: Allocator, dtypes: Mapping[str, "np.dtype[Any]"]
) -> dict[str, Array]:
    """Allocate every block: the board's with `allocate`, the others privately."""
    return {
        name: (allocate if name in BLOCKS else private_memory)(name, dtypes[name], shape)
        for name, shape in shapes_of(capacities).items()
    }


def note_capacities(limits: Array, capacities: Capacities, blocks: Mapping[str, Array]) -> None:
    """Write the capacities where kernel functions find them."""
    known = {one.name for one in fields(Capacities)}
    for name in limits.dtype.names or ():
        if name in known:
            limits[name] = getattr(capacities, name)
    limits["ladder_cells"] = blocks["ladder"].size
    limits["tier_count"] = blocks["tiers"].size
    blocks["tiers"][1:] = np.cumsum(tier_words(capacities))[:-1]
    limits["deep_levels"] = DEEP_LEVELS
    limits["cell_mask"] = blocks["id_slots"].size - 1
    limits["id_mask"] = blocks["id_index"].size - 1
    limits["text_mask"] = blocks["text_index"].size - 1
    limits["reference_mask"] = blocks["reference_index"].size - 1
