"""Stops: what the last price elects, and in which order (rules S-1 to S-3).

Every stop that watches the price stands in one of two trigger ladders of its instrument, RISING or
FALLING, at the last price that makes it act; the ladders share the book's bitmap machinery, so the
next stop to fire is found as fast as the next price level. Within one price the order is
that of activation. A trailing stop's place moves with the extreme it tracks:

* the trailing stops that track stand, besides, in a list ordered by their extremes, the one that a
  new extreme overtakes first at its tail. A trade therefore looks at those only that it moves;
* one with a `stop_px` waits at that price first, and is not elected there but begins to track.

`note_trade` is called for each trade, in order. Elected stops leave the ladders and queue; they act
when the command is over (`follow_ups.py`). An instrument without stops pays one branch a trade.

Cost: O(1) to watch and to leave (a walk over trailing stops within one price aside), O(1) for each
stop that a trade elects or moves.
"""

from matcher.core.book import clear_bit, highest_upto, lowest_from, set_bit
from matcher.core.kernel import inlined, kernel
from matcher.core.rows import ELECTED, WATCHING, MarketRow
from matcher.core.state import Core
from matcher.core.terms import FULL_SHARE
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
def trailing_way(side: int) -> int:
    """Return the ladder in which a trailing stop waits once it tracks (rule S-3)."""
    return RISING if side == Side.BUY else FALLING


@inlined
def has_reached(ord_type: int, side: int, stop_px: int, price: int) -> bool:
    """Say whether a price (0: none yet) is at or past a stop price."""
    if price == 0:
        return False
    return price >= stop_px if way_of(ord_type, side) == RISING else price <= stop_px


@inlined
def tracks(extra: ExtraRow) -> bool:
    """Say whether a stop is trailing and follows the price by now."""
    return extra.trailing_bips != 0 and (extra.stop_px == 0 or extra.trailing_extreme != 0)


@kernel
def watch(core: Core, market: MarketRow, order: OrderRow, slot: int, at_ns: int) -> None:
    """Let a stop watch the price from now on."""
    extra = core.extras[order.extra]
    core.state.activations += 1
    extra.active_since = core.state.activations
    extra.place = WATCHING
    market.stops += 1
    if extra.trailing_bips != 0 and extra.stop_px == 0:
        track(core, market, order, slot, core.instruments[order.instrument].last_px, at_ns)
    else:
        extra.trigger_px = extra.stop_px
        join_triggers(core, market, order, way_of(order.ord_type, order.side))


@kernel
def track(
    core: Core, market: MarketRow, order: OrderRow, slot: int, price: int, at_ns: int
) -> None:
    """Let a trailing stop follow the price from `price` on; 0: from the first trade on."""
    rising = trailing_way(order.side) == RISING
    last = market.rising_tail if rising else market.falling_tail
    order.prev = last
    order.next = 0
    if last != 0:
        core.orders[last].next = slot
    if rising:
        market.rising_tail = slot
    else:
        market.falling_tail = slot
    if price != 0:
        follow(core, market, order, price, at_ns)


@kernel
def follow(core: Core, market: MarketRow, order: OrderRow, price: int, at_ns: int) -> None:
    """Move a tracking stop's extreme to `price`, and its trigger with it."""
    extra = core.extras[order.extra]
    way = trailing_way(order.side)
    if extra.trailing_extreme != 0:
        leave_triggers(core, market, order, way)
    else:
        extra.trailing_since_ns = at_ns
    extra.trailing_extreme = price
    if way == FALLING:
        extra.trigger_px = price * (FULL_SHARE - extra.trailing_bips) // FULL_SHARE
    else:
        share = FULL_SHARE + extra.trailing_bips
        extra.trigger_px = (price * share + FULL_SHARE - 1) // FULL_SHARE
    join_triggers(core, market, order, way)


@inlined
def trigger_at(market: MarketRow, way: int, position: int) -> int:
    """Return the number of a trigger level in the `triggers` block."""
    return market.levels + (way - RISING) * market.level_count + position


@inlined
def trigger_position(market: MarketRow, price: int) -> int:
    """Return the ladder position of a trigger price; one beyond the ladder stands at its end."""
    return min(price // market.tick_size, market.level_count - 1)


@inlined
def acts_before(extra: ExtraRow, other: ExtraRow, way: int) -> bool:
    """Say whether one stop of a trigger level acts before another."""
    if extra.trigger_px != other.trigger_px:
        return (extra.trigger_px < other.trigger_px) == (way == RISING)
    return extra.active_since < other.active_since


@kernel
def join_triggers(core: Core, market: MarketRow, order: OrderRow, way: int) -> None:
    """Put a stop into a trigger ladder, behind those that act before it."""
    number = order.extra
    extra = core.extras[number]
    position = trigger_position(market, extra.trigger_px)
    order.level = trigger_at(market, way, position)
    level = core.triggers[order.level]
    before = level.tail
    if before == 0:
        set_bit(core, market, way, position)
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
def leave_triggers(core: Core, market: MarketRow, order: OrderRow, way: int) -> None:
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
        clear_bit(core, market, way, order.level - trigger_at(market, way, 0))


@kernel
def stop_tracking(core: Core, market: MarketRow, order: OrderRow) -> None:
    """Take a trailing stop out of the list of those that follow the price."""
    before = order.prev
    after = order.next
    if before != 0:
        core.orders[before].next = after
    if after != 0:
        core.orders[after].prev = before
    elif trailing_way(order.side) == RISING:
        market.rising_tail = before
    else:
        market.falling_tail = before


@kernel
def stop_watching(core: Core, market: MarketRow, order: OrderRow) -> None:
    """Take a stop that was not elected out of everything that watches the price."""
    extra = core.extras[order.extra]
    market.stops -= 1
    if not tracks(extra):
        leave_triggers(core, market, order, way_of(order.ord_type, order.side))
        return
    stop_tracking(core, market, order)
    if extra.trailing_extreme != 0:
        leave_triggers(core, market, order, trailing_way(order.side))


@kernel
def note_trade(core: Core, market: MarketRow, price: int, before: int, at_ns: int) -> None:
    """Move and elect what a trade at `price` reaches; `before`: the last price before it, 0: none."""
    move_extremes(core, market, market.falling_tail, price, at_ns)
    move_extremes(core, market, market.rising_tail, price, at_ns)
    if before == 0:
        elect_first(core, market, price, at_ns)
    elif price > before:
        elect_rising(core, market, price, at_ns)
    elif price < before:
        elect_falling(core, market, price, at_ns)


@kernel
def move_extremes(core: Core, market: MarketRow, tail: int, price: int, at_ns: int) -> None:
    """Move every tracked extreme that `price` overtakes; they are the last of the list.

    Earliest first, so that stops that come to one trigger price are appended, not sorted in.
    """
    slot = tail
    first = 0
    while slot != 0 and overtakes(core, core.orders[slot], price):
        first = slot
        slot = core.orders[slot].prev
    while first != 0:
        order = core.orders[first]
        follow(core, market, order, price, at_ns)
        first = order.next


@inlined
def overtakes(core: Core, order: OrderRow, price: int) -> bool:
    """Say whether a price is a new extreme for a tracking stop."""
    extreme = core.extras[order.extra].trailing_extreme
    if extreme == 0:
        return True
    return price < extreme if trailing_way(order.side) == RISING else price > extreme


@kernel
def elect_rising(core: Core, market: MarketRow, price: int, at_ns: int) -> None:
    """Elect what the price has reached from below, lowest trigger first."""
    while True:
        position = lowest_from(core, market, RISING, 0)
        if position < 0:
            return
        number = core.triggers[trigger_at(market, RISING, position)].head
        if core.extras[number].trigger_px > price:
            return
        reach(core, market, core.extras[number], RISING, price, at_ns)


@kernel
def elect_falling(core: Core, market: MarketRow, price: int, at_ns: int) -> None:
    """Elect what the price has reached from above, highest trigger first."""
    while True:
        position = highest_upto(core, market, FALLING, market.level_count - 1)
        if position < 0:
            return
        number = core.triggers[trigger_at(market, FALLING, position)].head
        if core.extras[number].trigger_px < price:
            return
        reach(core, market, core.extras[number], FALLING, price, at_ns)


@kernel
def elect_first(core: Core, market: MarketRow, price: int, at_ns: int) -> None:
    """Elect what the first trade of an instrument has reached, nearest to its price first.

    Of the stops that a trade can reach, each trigger level holds one price only: what tracks by now
    started with this trade, and lies beyond it.
    """
    while True:
        below = nearest_rising(core, market, price)
        above = nearest_falling(core, market, price)
        number = below
        way = RISING
        if below == 0 or (above != 0 and is_nearer(core, above, below, price)):
            number = above
            way = FALLING
        if number == 0:
            return
        reach(core, market, core.extras[number], way, price, at_ns)


@kernel
def nearest_rising(core: Core, market: MarketRow, price: int) -> int:
    """Return the extra row of the next rising stop at or below a price; 0: none."""
    position = highest_upto(core, market, RISING, trigger_position(market, price))
    if position < 0:
        return 0
    number = core.triggers[trigger_at(market, RISING, position)].head
    if core.extras[number].trigger_px <= price:
        return number
    position = highest_upto(core, market, RISING, position - 1)
    return core.triggers[trigger_at(market, RISING, position)].head if position >= 0 else 0


@kernel
def nearest_falling(core: Core, market: MarketRow, price: int) -> int:
    """Return the extra row of the next falling stop at or above a price; 0: none."""
    position = lowest_from(core, market, FALLING, trigger_position(market, price))
    if position < 0:
        return 0
    number = core.triggers[trigger_at(market, FALLING, position)].head
    if core.extras[number].trigger_px >= price:
        return number
    position = lowest_from(core, market, FALLING, position + 1)
    return core.triggers[trigger_at(market, FALLING, position)].head if position >= 0 else 0


@kernel
def is_nearer(core: Core, number: int, other: int, price: int) -> bool:
    """Say whether one stop, given by its extra row, acts before another: nearer, then earlier."""
    one = core.extras[number]
    two = core.extras[other]
    nearer = abs(one.trigger_px - price) - abs(two.trigger_px - price)
    return nearer < 0 or (nearer == 0 and one.active_since < two.active_since)


@kernel
def reach(core: Core, market: MarketRow, extra: ExtraRow, way: int, price: int, at_ns: int) -> None:
    """Take the first stop of a trigger level out: it queues to act, or begins to track."""
    slot = extra.order
    order = core.orders[slot]
    leave_triggers(core, market, order, way)
    if extra.trailing_bips != 0:
        if not tracks(extra):
            track(core, market, order, slot, price, at_ns)
            return
        stop_tracking(core, market, order)
    market.stops -= 1
    elect(core, order.extra)


@kernel
def elect(core: Core, number: int) -> None:
    """Queue a stop, given by its extra row, to act when the command is over."""
    state = core.state
    extra = core.extras[number]
    last = state.elected_last
    extra.place = ELECTED
    extra.trigger_prev = last
    extra.trigger_next = 0
    if last == 0:
        state.elected_first = number
    else:
        core.extras[last].trigger_next = number
    state.elected_last = number
    state.follow_ups = 1


@kernel
def leave_elected(core: Core, number: int) -> None:
    """Take a stop, given by its extra row, out of the queue of those that act."""
    state = core.state
    extra = core.extras[number]
    before = extra.trigger_prev
    after = extra.trigger_next
    if before == 0:
        state.elected_first = after
    else:
        core.extras[before].trigger_next = after
    if after == 0:
        state.elected_last = before
    else:
        core.extras[after].trigger_prev = before
