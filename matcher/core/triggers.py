"""Trigger ladders: where stops stand at the last price that makes them act (rules S-1, S-2).

Each instrument has two, RISING and FALLING, with a level for every price as in the book, and bitmaps
beside the book's; so the next stop to fire is found as fast as the next price level. Within a level
the nearest trigger price comes first (trailing stops may fire between two ticks), then the
earliest activation. Who stands here is linked by `trigger_next` and `trigger_prev` of its extra row.
"""

from matcher.core.book import position_of
from matcher.core.kernel import inlined, kernel
from matcher.core.marks import cell_at, clear_mark, set_mark, trigger_mark
from matcher.core.rows import MarketRow
from matcher.core.state import Core
from protocol.board import ExtraRow, OrderRow
from protocol.terms import OrdType, Side

RISING = 2
"""Ladder numbers, behind the book's BUY and SELL: stops that act at or above their price,"""
FALLING = 3
"""and stops that act at or below it."""


@inlined
def is_stop_loss(ord_type: int) -> bool:
    """Say whether a stop guards against a loss; else it takes a profit."""
    return ord_type == OrdType.STOP_LOSS or ord_type == OrdType.STOP_LOSS_LIMIT


@inlined
def way_of(ord_type: int, side: int) -> int:
    """Return the ladder in which a stop waits for its `stop_px` (rule S-1)."""
    return RISING if is_stop_loss(ord_type) == (side == Side.BUY) else FALLING


@inlined
def has_reached(ord_type: int, side: int, stop_px: int, price: int) -> bool:
    """Say whether a price (0: none yet) is at or past a stop price."""
    if price == 0:
        return False
    return price >= stop_px if way_of(ord_type, side) == RISING else price <= stop_px


@inlined
def trigger_at(market: MarketRow, way: int, position: int) -> int:
    """Return the number of a trigger level in the `triggers` block."""
    return cell_at(market, way - RISING, position)


@inlined
def trigger_position(market: MarketRow, price: int) -> int:
    """Return the ladder position of a trigger price; one beyond the ladder stands at its end."""
    return min(position_of(market, price), market.level_count - 1)


@inlined
def acts_before(extra: ExtraRow, other: ExtraRow, way: int) -> bool:
    """Say whether one stop of a trigger level acts before another."""
    if extra.trigger_px != other.trigger_px:
        return (extra.trigger_px < other.trigger_px) == (way == RISING)
    return extra.active_since < other.active_since


@kernel
def join_triggers(core: Core, market: MarketRow, order: OrderRow, way: int) -> None:
    """Put a stop into a trigger ladder at its trigger price, behind those that act before it."""
    number = order.extra
    extra = core.extras[number]
    position = trigger_position(market, extra.trigger_px)
    order.level = trigger_at(market, way, position)
    level = core.triggers[order.level]
    before = level.tail
    if before == 0:
        set_mark(core, trigger_mark(core, order.level))
    while before != 0 and acts_before(extra, core.extras[before], way):
        before = core.extras[before].trigger_prev
    after = level.head if before == 0 else core.extras[before].trigger_next
    extra.trigger_prev = before
    extra.trigger_next = after
    if before == 0:
        level.head = number
    else:
        core.extras[before].trigger_next = number
    if after == 0:
        level.tail = number
    else:
        core.extras[after].trigger_prev = number


@kernel
def leave_triggers(core: Core, order: OrderRow) -> None:
    """Take a stop out of its trigger ladder."""
    extra = core.extras[order.extra]
    level = core.triggers[order.level]
    before = extra.trigger_prev
    after = extra.trigger_next
    if before == 0:
        level.head = after
    else:
        core.extras[before].trigger_next = after
    if after == 0:
        level.tail = before
    else:
        core.extras[after].trigger_prev = before
    if level.head == 0:
        clear_mark(core, trigger_mark(core, order.level))
