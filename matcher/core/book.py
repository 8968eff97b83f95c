"""The book of one instrument: two ladders of price levels, each level a queue of orders.

A ladder has a cell for every price on the grid, so a price is an index and joining a queue costs
the same wherever it is. The cell says in which row of `levels` the price's queue stands; there are rows only for
prices that have orders, side by side, for a book of few orders at far-apart prices would touch a page
for each. Which levels are not empty stands in a bitmap (`marks.py`). The best level of each side is kept.

A sorted array of levels lost 3.4 to 1 against this on a book of 2,350 levels a side.

Invariants, between commands: a level's bit is set exactly when it has orders; `qty` + `hidden_qty`
is the sum of its orders' leaves; `head` … `tail` are linked both ways, oldest first; the cell of a price
without orders is 0, and so is row 0, which is never used.
Not here: money, events, ids; and orders that are not in a queue (stops, market orders in a call).
"""

from matcher.core.indexes import LOW
from matcher.core.kernel import inlined, kernel
from matcher.core.marks import cell_at, clear_mark, highest_upto, lowest_from, set_mark
from matcher.core.rows import ICEBERG, RESTING, LevelRow, MarketRow
from matcher.core.state import Core
from matcher.core.terms import by_side
from protocol.board import InstrumentRow, OrderRow
from protocol.terms import Side

BUY = int(Side.BUY)
SELL = int(Side.SELL)


@inlined
def position_of(market: MarketRow, price: int) -> int:
    """Return the ladder position of a price on the grid."""
    return price if market.tick_size == 1 else price // market.tick_size


@inlined
def price_at(market: MarketRow, position: int) -> int:
    """Return the price at a ladder position."""
    return position * market.tick_size


@inlined
def level_at(core: Core, market: MarketRow, side: int, position: int) -> int:
    """Return the row of the level at a ladder position; 0: it has no orders."""
    return core.ladder[cell_at(market, side, position)]


@inlined
def after_free(core: Core, number: int) -> int:
    """Return the free row that follows a free row: the next one, if this one was never used.

    So that rows of zeros are a list of free rows already, and taking one needs no branch.
    """
    return (number + 1 + core.levels[number].head) & LOW


@inlined
def link_free(number: int, following: int) -> int:
    """Return what a free row holds in `head` when another one follows it."""
    return (following - number - 1) & LOW


@kernel
def take_level(core: Core, market: MarketRow, side: int, position: int) -> int:
    """Give a ladder position that has none a level without orders; return its row."""
    state = core.state
    number = state.free_level
    state.free_level = after_free(core, number)
    state.level_top = max(state.level_top, number)
    level = core.levels[number]
    level.head = 0
    level.position = position
    core.ladder[cell_at(market, side, position)] = number
    return number


@inlined
def best_of(market: MarketRow, side: int) -> int:
    """Return the position of a side's best level: -1 (BUY) or `level_count` (SELL) when empty."""
    return by_side(side, market.best_bid, market.best_ask)


@inlined
def has_orders(market: MarketRow, side: int) -> bool:
    """Say whether a side has any resting order."""
    return market.best_bid >= 0 if side == BUY else market.best_ask < market.level_count


@inlined
def visible_of(core: Core, order: OrderRow) -> int:
    """Return how much of an order the book shows."""
    return core.extras[order.extra].visible_qty if order.flags & ICEBERG else order.leaves_qty


@inlined
def join_level(core: Core, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Put an order at the back of the queue at its price."""
    side = order.side
    position = position_of(market, order.price)
    number = level_at(core, market, side, position)
    if number == 0:
        number = take_level(core, market, side, position)
    level = core.levels[number]
    order.level = number
    order.flags |= RESTING
    link_last(core, level, order, slot)
    shown = visible_of(core, order)
    level.qty += shown
    level.hidden_qty += order.leaves_qty - shown
    level.order_count += 1
    if level.head == slot:
        open_level(core, market, side, position)


@inlined
def leave_level(core: Core, market: MarketRow, order: OrderRow) -> None:
    """Take an order with all its leaves out of its queue."""
    level = core.levels[order.level]
    shown = visible_of(core, order)
    level.qty -= shown
    level.hidden_qty -= order.leaves_qty - shown
    drop_from_level(core, market, order, level)


@inlined
def drop_from_level(core: Core, market: MarketRow, order: OrderRow, level: LevelRow) -> None:
    """Take an order that has nothing left in the level's sums out of its queue."""
    unlink(core, level, order)
    level.order_count -= 1
    order.flags ^= RESTING
    if level.order_count == 0:
        free_level(core, market, order.side, order.level)


@kernel
def free_level(core: Core, market: MarketRow, side: int, number: int) -> None:
    """Free the row of a level that has lost its last order."""
    level = core.levels[number]
    core.ladder[cell_at(market, side, level.position)] = 0
    level.head = link_free(number, core.state.free_level)
    core.state.free_level = number
    close_level(core, market, side, level.position)


@inlined
def link_last(core: Core, level: LevelRow, order: OrderRow, slot: int) -> None:
    """Link an order behind the last of a queue."""
    last = level.tail
    order.prev = last
    order.next = 0
    if last != 0:
        core.orders[last].next = slot
    else:
        level.head = slot
    level.tail = slot


@inlined
def unlink(core: Core, level: LevelRow, order: OrderRow) -> None:
    """Unlink an order from its queue."""
    before = order.prev
    after = order.next
    if before != 0:
        core.orders[before].next = after
    else:
        level.head = after
    if after != 0:
        core.orders[after].prev = before
    else:
        level.tail = before


@inlined
def count_change(core: Core, instrument: int) -> int:
    """Count one visible change of a level and return the new update id (rule D-1)."""
    row: InstrumentRow = core.instruments[instrument]
    row.update_id += 1
    return row.update_id


@kernel
def open_level(core: Core, market: MarketRow, side: int, position: int) -> None:
    """Note that a level has its first order."""
    set_mark(core, cell_at(market, side, position))
    if side == BUY:
        if position > market.best_bid:
            market.best_bid = position
    elif position < market.best_ask:
        market.best_ask = position


@kernel
def close_level(core: Core, market: MarketRow, side: int, position: int) -> None:
    """Note that a level has lost its last order."""
    clear_mark(core, cell_at(market, side, position))
    if side == BUY:
        if position == market.best_bid:
            market.best_bid = highest_upto(core, market, BUY, position)
    elif position == market.best_ask:
        found = lowest_from(core, market, SELL, position)
        market.best_ask = found if found >= 0 else market.level_count


@inlined
def raise_level(core: Core, market: MarketRow, side: int, position: int, cell: int) -> None:
    """Note that a level has an order more, its first or not: `open_level` without its branches.

    Whether a level was empty nobody can predict; that it is the best or alone in its word is rare.
    """
    word = core.bits[cell >> 6]
    better = by_side(side, market.best_bid - position, position - market.best_ask)
    if word == 0 or better < 0:
        open_level(core, market, side, position)
    else:
        core.bits[cell >> 6] = word | (1 << (cell & 63))


@inlined
def lower_level(
    core: Core, market: MarketRow, side: int, position: int, cell: int, empty: int
) -> None:
    """Note that a level has an order less, `empty` -1: its last: `close_level` without its branches."""
    left = core.bits[cell >> 6] & ~((empty & 1) << (cell & 63))
    if left == 0 or (empty != 0 and position == best_of(market, side)):
        close_level(core, market, side, position)
    else:
        core.bits[cell >> 6] = left


@inlined
def next_worse(core: Core, market: MarketRow, side: int, position: int) -> int:
    """Return the position of the next level with orders behind `position`; -1: none."""
    if side == BUY:
        return highest_upto(core, market, BUY, position - 1)
    return lowest_from(core, market, SELL, position + 1)
