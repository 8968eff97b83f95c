"""Publish the books for readers: the top of each changed book into a ring of snapshots.

A reader takes the newest snapshot of a ring and compares its version before and after. The writer
fills the oldest one, so a reader is disturbed only when it sleeps through a whole ring. Walking the
live book under a sequence lock was tried: at full load no reader ever succeeded.

A snapshot costs the writer a few nanoseconds a level, once per batch and changed instrument.
"""

from matcher.core.blocks import Table
from matcher.core.book import BUY, SELL, best_of, level_at, next_worse, price_at
from matcher.core.kernel import entry, fence, inlined, kernel, memory_at, zeros_above, zeros_below
from matcher.core.marks import cell_at, marks_around
from matcher.core.rows import MarketRow
from matcher.core.state import Core
from protocol.board import DEEP_LEVELS, DEEP_SLOTS, DEPTH_SLOTS, DepthHead, DepthLevel

core_at = memory_at(Core)


@entry
def publish_depth(memory: int, _first: int, _second: int) -> int:
    """Publish every instrument whose book changed since it was last published; return how many."""
    core = core_at(memory)
    published = 0
    for instrument in range(core.state.instruments):
        if core.instruments[instrument].update_id != core.markets[instrument].published_id:
            _publish(core, instrument)
            published += 1
    return published


@entry
def publish_deep(memory: int, instrument: int, levels: int) -> int:
    """Publish up to `levels` levels a side of one book, as asked for; return the update id."""
    core = core_at(memory)
    count = core.deep_count[instrument] + 1
    slot = instrument * DEEP_SLOTS + count % DEEP_SLOTS
    head = core.deep_heads[slot]
    head.version += 1
    fence()
    market = core.markets[instrument]
    wanted = min(levels, DEEP_LEVELS)
    first = slot * 2 * DEEP_LEVELS
    head.bids = _copy_side(core, core.deep_levels, market, BUY, first, wanted)
    head.asks = _copy_side(core, core.deep_levels, market, SELL, first + DEEP_LEVELS, wanted)
    _finish(core, head, instrument, wanted)
    core.deep_count[instrument] = count
    return head.update_id


@kernel
def _publish(core: Core, instrument: int) -> None:
    market = core.markets[instrument]
    row = core.instruments[instrument]
    row.best_bid = max(0, price_at(market, market.best_bid))
    has_ask = market.best_ask < market.level_count
    row.best_ask = price_at(market, market.best_ask) if has_ask else 0
    count = core.depth_count[instrument] + 1
    slot = instrument * DEPTH_SLOTS + count % DEPTH_SLOTS
    head = core.depth_heads[slot]
    head.version += 1
    fence()
    wanted = core.limits.depth_levels
    first = slot * 2 * wanted
    head.bids = _copy_side(core, core.depth_levels, market, BUY, first, wanted)
    head.asks = _copy_side(core, core.depth_levels, market, SELL, first + wanted, wanted)
    _finish(core, head, instrument, wanted)
    core.depth_count[instrument] = count
    market.published_id = row.update_id


@inlined
def _finish(core: Core, head: DepthHead, instrument: int, wanted: int) -> None:
    """Write what the snapshot is of, and make it valid."""
    head.update_id = core.instruments[instrument].update_id
    head.seq = core.state.seq
    head.at_ns = core.state.at_ns
    head.complete = 1 if max(head.bids, head.asks) < wanted else 0
    fence()
    head.version += 1


@kernel
def _copy_side(
    core: Core, into: Table[DepthLevel], market: MarketRow, side: int, first: int, wanted: int
) -> int:
    """Copy the best levels of a side into a ring; return how many there were."""
    position = best_of(market, side)
    copied = 0
    while 0 <= position < market.level_count:
        # Levels lie close: asking for the next worse of each would search its bit anew.
        word = marks_around(core, market, side, position)
        block = position - (cell_at(market, side, position) & 63)
        while word != 0:
            if copied == wanted:
                return copied
            bit = 63 - zeros_above(word) if side == BUY else zeros_below(word)
            word ^= 1 << bit
            position = block + bit
            level = core.levels[level_at(core, market, side, position)]
            shown = into[first + copied]
            shown.price = price_at(market, position)
            shown.qty = level.qty
            shown.order_count = level.order_count
            copied += 1
        position = next_worse(core, market, side, position)
    return copied
