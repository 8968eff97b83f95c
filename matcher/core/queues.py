"""Publish one book order by order, on request: every queue, best level first, oldest order first.

A snapshot goes into the next slot of a small ring that all instruments share; a reader takes the newest
of its instrument and compares the slot's version before and after. What an iceberg hides is not in
it. Cost: a few cache lines an order, so the loop makes them rarely (`matcher/loop.py`).
"""

from matcher.core.book import BUY, SELL, best_of, level_at, next_worse, visible_of
from matcher.core.kernel import entry, fence, kernel, memory_at
from matcher.core.rows import ICEBERG, MarketRow
from matcher.core.state import Core
from protocol.board import QUEUE_SLOTS

core_at = memory_at(Core)


@entry
def publish_queues(memory: int, instrument: int, _second: int) -> int:
    """Publish the queues of one book; return how many orders they hold."""
    core = core_at(memory)
    count = core.queue_count[0] + 1
    slot = count % QUEUE_SLOTS
    head = core.queue_heads[slot]
    head.version += 1
    fence()
    market = core.markets[instrument]
    first = slot * core.limits.orders
    head.bids = _copy_queues(core, market, BUY, first)
    head.asks = _copy_queues(core, market, SELL, first + head.bids)
    head.instrument = instrument
    head.update_id = core.instruments[instrument].update_id
    head.seq = core.state.seq
    head.at_ns = core.state.at_ns
    fence()
    head.version += 1
    core.queue_count[0] = count
    return head.bids + head.asks


@kernel
def _copy_queues(core: Core, market: MarketRow, side: int, first: int) -> int:
    """Copy the orders of a side into the ring; return how many there were."""
    position = best_of(market, side)
    copied = 0
    while 0 <= position < market.level_count:
        slot = core.levels[level_at(core, market, side, position)].head
        while slot != 0:
            order = core.orders[slot]
            shown = core.queue_orders[first + copied]
            shown.order_id = order.order_id
            shown.price = order.price
            shown.qty = visible_of(core, order)
            shown.iceberg = 1 if order.flags & ICEBERG else 0
            copied += 1
            slot = order.next
        position = next_worse(core, market, side, position)
    return copied
