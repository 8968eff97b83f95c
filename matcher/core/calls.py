"""Orders without a limit in a call, in the order in which they trade (rule A-4).

They wait in two unordered chains of their instrument. For a price search or an uncross they are
gathered into the `scratch` block and sorted: BUYs from its start, SELLs from `limits.orders` on.
"""

from matcher.core.book import BUY
from matcher.core.kernel import kernel
from matcher.core.rows import MarketRow
from matcher.core.state import Core


@kernel
def worst_price(core: Core, slot: int) -> int:
    """Return the highest price that a market BUY accepts: what its hold pays for."""
    return core.extras[core.orders[slot].extra].hold_price


@kernel
def gather_market_buys(core: Core, market: MarketRow) -> int:
    """Sort the market BUYs of a call into `scratch[0:]`; return how many there are."""
    return _gather(core, market.market_buys, 0)


@kernel
def gather_market_sells(core: Core, market: MarketRow) -> int:
    """Sort the market SELLs of a call into `scratch[limits.orders:]`; return how many."""
    return _gather(core, market.market_sells, core.limits.orders)


@kernel
def _gather(core: Core, first: int, base: int) -> int:
    count = 0
    slot = first
    while slot != 0:
        core.scratch[base + count] = slot
        count += 1
        slot = core.orders[slot].next
    for root in range(count // 2 - 1, -1, -1):
        _sift(core, base, root, count)
    for end in range(count - 1, 0, -1):
        largest = core.scratch[base]
        core.scratch[base] = core.scratch[base + end]
        core.scratch[base + end] = largest
        _sift(core, base, 0, end)
    return count


@kernel
def _trades_before(core: Core, slot: int, other: int) -> bool:
    """Say whether one market order trades before another of its side: better price, then id."""
    one = core.orders[slot]
    two = core.orders[other]
    if one.side == BUY:
        first = worst_price(core, slot)
        second = worst_price(core, other)
        if first != second:
            return first > second
    return one.order_id < two.order_id


@kernel
def _sift(core: Core, base: int, root: int, count: int) -> None:
    """Let the heap's root sink; on top of the heap stands the order that trades last."""
    moving = core.scratch[base + root]
    while True:
        child = 2 * root + 1
        if child >= count:
            break
        if child + 1 < count and _trades_before(
            core, core.scratch[base + child], core.scratch[base + child + 1]
        ):
            child += 1
        if not _trades_before(core, moving, core.scratch[base + child]):
            break
        core.scratch[base + root] = core.scratch[base + child]
        root = child
    core.scratch[base + root] = moving
