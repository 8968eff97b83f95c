"""Which cells of all ladders are not empty: one bitmap, with up to six tiers of 64-bit words.

A mark is a bit of the lowest tier; its number is that of the cell: first all of the books' ladders (the `ladder`
block), then those of stops (the `triggers` block). A bit of a higher tier says that the word below is not
zero, so the next better price is a few instructions away even across a gap of millions of ticks.

Ladders lie side by side without a gap, so the words at their ends are shared by neighbours, and a
search that finds a neighbour's mark has found nothing.
"""

from matcher.core.kernel import inlined, kernel, zeros_above, zeros_below
from matcher.core.rows import MarketRow
from matcher.core.state import Core


@inlined
def cell_at(market: MarketRow, side: int, position: int) -> int:
    """Return where in the `ladder` block a ladder position stands."""
    return market.levels + side * market.level_count + position


@inlined
def mark_at(core: Core, market: MarketRow, ladder: int, position: int) -> int:
    """Return the mark of a position of one of the instrument's ladders (`ladder`: see LADDERS)."""
    return cell_at(market, ladder & 1, position) + (ladder >> 1) * core.limits.ladder_cells


@inlined
def trigger_mark(core: Core, number: int) -> int:
    """Return the mark of a trigger level, given by its number in the `triggers` block."""
    return core.limits.ladder_cells + number


@inlined
def set_mark(core: Core, mark: int) -> None:
    """Mark a cell as not empty."""
    tier = 0
    while True:
        place = core.tiers[tier] + (mark >> 6)
        word = core.bits[place]
        core.bits[place] = word | (1 << (mark & 63))
        tier += 1
        if word != 0 or tier == core.limits.tier_count:
            return
        mark >>= 6


@inlined
def clear_mark(core: Core, mark: int) -> None:
    """Mark a cell as empty."""
    tier = 0
    while True:
        place = core.tiers[tier] + (mark >> 6)
        word = core.bits[place] & ~(1 << (mark & 63))
        core.bits[place] = word
        tier += 1
        if word != 0 or tier == core.limits.tier_count:
            return
        mark >>= 6


@kernel
def lowest_from(core: Core, market: MarketRow, ladder: int, position: int) -> int:
    """Return the lowest position from `position` up that is not empty; -1: none."""
    first = mark_at(core, market, ladder, 0)
    mark = first + position
    tier = 0
    while True:
        if tier == core.limits.tier_count:
            return -1
        word = core.bits[core.tiers[tier] + (mark >> 6)] & (-1 << (mark & 63))
        if word != 0:
            break
        mark = (mark >> 6) + 1
        tier += 1
    mark = (mark & ~63) + zeros_below(word)
    while tier > 0:
        tier -= 1
        mark = (mark << 6) + zeros_below(core.bits[core.tiers[tier] + mark])
    return mark - first if mark < first + market.level_count else -1


@kernel
def highest_upto(core: Core, market: MarketRow, ladder: int, position: int) -> int:
    """Return the highest position up to `position` that is not empty; -1: none."""
    first = mark_at(core, market, ladder, 0)
    mark = first + position
    tier = 0
    while True:
        if tier == core.limits.tier_count or mark < 0:
            return -1
        word = core.bits[core.tiers[tier] + (mark >> 6)] & ((2 << (mark & 63)) - 1)
        if word != 0:
            break
        mark = (mark >> 6) - 1
        tier += 1
    mark = (mark & ~63) + 63 - zeros_above(word)
    while tier > 0:
        tier -= 1
        mark = (mark << 6) + 63 - zeros_above(core.bits[core.tiers[tier] + mark])
    return max(mark - first, -1)


@inlined
def marks_around(core: Core, market: MarketRow, side: int, position: int) -> int:
    """Return the word of the bitmap in which a book's position stands, without its neighbours' marks."""
    first = cell_at(market, side, 0)
    block = (first + position) & ~63
    word = core.bits[block >> 6]
    if block < first:
        word &= -1 << (first - block)
    left = first + market.level_count - block
    return word & ((1 << left) - 1) if left < 64 else word
