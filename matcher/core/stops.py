"""Stops: what the last price elects, and in which order (rules S-1 to S-3).

A stop that watches the price stands in a trigger ladder (`triggers.py`) or, a trailing one that tracks,
in a group that stands there together (`trailing.py`). A trailing stop with a `stop_px` waits at that price
first, and is not elected there but begins to track.

`note_trade` is called for each trade, in order. Elected stops leave the ladders and queue; they act
when the command is over (`follow_ups.py`). An instrument without stops pays one branch a trade.

Cost: O(1) to watch, for each stop that a trade elects, and for each group of trailing stops it moves.
"""

from matcher.core.kernel import inlined, kernel
from matcher.core.marks import highest_upto, lowest_from
from matcher.core.rows import ELECTED, WATCHING, MarketRow
from matcher.core.state import Core
from matcher.core.trailing import move_extreme, stop_tracking, track, tracks
from matcher.core.triggers import (
    FALLING,
    RISING,
    join_triggers,
    leave_triggers,
    trigger_at,
    trigger_position,
    way_of,
)
from protocol.board import ExtraRow, OrderRow


@inlined
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


@inlined
def stop_watching(core: Core, market: MarketRow, order: OrderRow, place: int) -> None:
    """Take a stop that was not elected out of everything that watches the price."""
    market.stops -= 1
    if tracks(core.extras[order.extra]):
        stop_tracking(core, market, order, place)
    else:
        leave_triggers(core, order)


@kernel
def note_trade(core: Core, market: MarketRow, price: int, before: int, at_ns: int) -> None:
    """Move and elect what a trade at `price` reaches; `before`: the last price before it, 0: none."""
    move_extreme(core, market, FALLING, price, at_ns)
    move_extreme(core, market, RISING, price, at_ns)
    queued = core.state.elected_last
    if before == 0:
        elect_first(core, market, price, at_ns, queued)
    elif price > before:
        elect_rising(core, market, price, at_ns, queued)
    elif price < before:
        elect_falling(core, market, price, at_ns, queued)


@kernel
def elect_rising(core: Core, market: MarketRow, price: int, at_ns: int, queued: int) -> None:
    """Elect what the price has reached from below, lowest trigger first."""
    while True:
        position = lowest_from(core, market, RISING, 0)
        if position < 0:
            return
        number = core.triggers[trigger_at(market, RISING, position)].head
        if core.extras[number].trigger_px > price:
            return
        reach(core, market, core.extras[number], RISING, price, at_ns, queued)


@kernel
def elect_falling(core: Core, market: MarketRow, price: int, at_ns: int, queued: int) -> None:
    """Elect what the price has reached from above, highest trigger first."""
    while True:
        position = highest_upto(core, market, FALLING, market.level_count - 1)
        if position < 0:
            return
        number = core.triggers[trigger_at(market, FALLING, position)].head
        if core.extras[number].trigger_px < price:
            return
        reach(core, market, core.extras[number], FALLING, price, at_ns, queued)


@kernel
def elect_first(core: Core, market: MarketRow, price: int, at_ns: int, queued: int) -> None:
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
        reach(core, market, core.extras[number], way, price, at_ns, queued)


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


@inlined
def reach(
    core: Core,
    market: MarketRow,
    extra: ExtraRow,
    way: int,
    price: int,
    at_ns: int,
    queued: int,
) -> None:
    """Take the first stop of a trigger level out: it queues to act, or begins to track."""
    slot = extra.order
    order = core.orders[slot]
    if tracks(extra):
        stop_tracking(core, market, order, WATCHING)
    else:
        leave_triggers(core, order)
        if extra.trailing_bips != 0:
            track(core, market, order, slot, price, at_ns)
            return
    market.stops -= 1
    elect(core, order.extra, queued)


@inlined
def elect(core: Core, number: int, queued: int) -> None:
    """Queue a stop, given by its extra row, to act when the command is over.

    Of those that this trade elected (all behind `queued`) at one trigger price the earliest activated
    acts first; only groups bring them out of that order, so the walk is nearly always no step.
    """
    state = core.state
    extra = core.extras[number]
    before = state.elected_last
    while before != queued and acts_later(core.extras[before], extra):
        before = core.extras[before].trigger_prev
    after = state.elected_first if before == 0 else core.extras[before].trigger_next
    extra.place = ELECTED
    extra.trigger_prev = before
    extra.trigger_next = after
    if before == 0:
        state.elected_first = number
    else:
        core.extras[before].trigger_next = number
    if after == 0:
        state.elected_last = number
    else:
        core.extras[after].trigger_prev = number
    state.follow_ups = 1


@kernel
def acts_later(extra: ExtraRow, other: ExtraRow) -> bool:
    """Say whether one elected stop acts later than another at the same trigger price."""
    return extra.trigger_px == other.trigger_px and extra.active_since > other.active_since


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
