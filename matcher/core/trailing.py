"""Trailing stops that track: groups that share an extreme (rule S-3).

All that track one way from the same extreme form a group, a pairing heap with the one on top that fires
first: smallest delta, then earliest activation. Only the top stands in the trigger ladder and
knows the extreme (`trailing_extreme`); the others hang below it: `below` is the first child, siblings are
linked by `trigger_next`, `trigger_prev` leads to the sibling before or from the first child up.

The groups of a way are chained by `next` and `prev` of their tops, by extreme, the one that a new extreme
overtakes first at the tail. So a new extreme melds the groups it overtakes, in O(1) each, however many
stops they hold, and the tail group takes in who begins to track at its own extreme. A stop that has
no extreme yet (before the instrument's first trade) is a group of its own, in no ladder.

Cost: O(1) to begin, for each group that a trade melds, and O(log n) amortised to leave a group of n. (One
ladder place for each stop was tried: a new extreme then moved them all, 7 ms for 50,000.)
"""

from matcher.core.kernel import inlined, kernel
from matcher.core.rows import FOLLOWING, WATCHING, MarketRow
from matcher.core.state import Core
from matcher.core.terms import FULL_SHARE
from matcher.core.triggers import FALLING, RISING, join_triggers, leave_triggers
from protocol.board import ExtraRow, OrderRow
from protocol.terms import Side


@inlined
def trailing_way(side: int) -> int:
    """Return the ladder in which a trailing stop waits once it tracks."""
    return RISING if side == Side.BUY else FALLING


@inlined
def tracks(extra: ExtraRow) -> bool:
    """Say whether a stop is trailing and follows the price by now."""
    return extra.trailing_bips != 0 and (extra.stop_px == 0 or extra.trailing_extreme != 0)


@inlined
def tail_of(market: MarketRow, way: int) -> int:
    """Return the top of the group that a new extreme overtakes first, as an order row."""
    return market.rising_tail if way == RISING else market.falling_tail


@inlined
def set_tail(market: MarketRow, way: int, slot: int) -> None:
    """Let another group be the last of its chain."""
    if way == RISING:
        market.rising_tail = slot
    else:
        market.falling_tail = slot


@inlined
def extreme_of(core: Core, slot: int) -> int:
    """Return the extreme of the group with this top; 0: it has seen no trade."""
    return core.extras[core.orders[slot].extra].trailing_extreme


@kernel
def track(
    core: Core, market: MarketRow, order: OrderRow, slot: int, price: int, at_ns: int
) -> None:
    """Let a trailing stop follow the price from `price` on; 0: from the first trade on."""
    way = trailing_way(order.side)
    tail = tail_of(market, way)
    extra = core.extras[order.extra]
    extra.below = 0
    if price == 0:
        append_group(core, market, way, tail, slot)
        return
    extra.trailing_extreme = price
    extra.trailing_since_ns = at_ns
    top = order.extra
    if tail != 0 and extreme_of(core, tail) == price:
        leave_triggers(core, core.orders[tail])
        top = meld(core, core.orders[tail].extra, top)
        tail = core.orders[tail].prev
    append_group(core, market, way, tail, core.extras[top].order)
    stand(core, market, way, top, price)


@kernel
def append_group(core: Core, market: MarketRow, way: int, last: int, slot: int) -> None:
    """Chain a group, by its top, behind `last` as the new last."""
    order = core.orders[slot]
    order.prev = last
    order.next = 0
    if last != 0:
        core.orders[last].next = slot
    set_tail(market, way, slot)


@kernel
def stand(core: Core, market: MarketRow, way: int, top: int, price: int) -> None:
    """Put the top of a group, given by its extra row, into the ladder for the extreme `price`."""
    extra = core.extras[top]
    extra.place = WATCHING
    extra.trailing_extreme = price
    if way == FALLING:
        extra.trigger_px = price * (FULL_SHARE - extra.trailing_bips) // FULL_SHARE
    else:
        share = FULL_SHARE + extra.trailing_bips
        extra.trigger_px = (price * share + FULL_SHARE - 1) // FULL_SHARE
    join_triggers(core, market, core.orders[extra.order], way)


@inlined
def move_extreme(core: Core, market: MarketRow, way: int, price: int, at_ns: int) -> None:
    """Meld all groups that `price` overtakes into one with that extreme; they are the last ones."""
    top = 0
    slot = tail_of(market, way)
    while slot != 0 and is_overtaken(core, slot, way, price, top != 0):
        order = core.orders[slot]
        if extreme_of(core, slot) == 0:
            core.extras[order.extra].trailing_since_ns = at_ns
        else:
            leave_triggers(core, order)
        top = order.extra if top == 0 else meld(core, order.extra, top)
        slot = order.prev
    if top != 0:
        append_group(core, market, way, slot, core.extras[top].order)
        stand(core, market, way, top, price)


@inlined
def is_overtaken(core: Core, slot: int, way: int, price: int, joins: bool) -> bool:
    """Say whether `price` is a new extreme for a group, or (`joins`) its present one."""
    extreme = extreme_of(core, slot)
    if extreme == 0:
        return True
    if extreme == price:
        return joins
    return price < extreme if way == RISING else price > extreme


@kernel
def meld(core: Core, one: int, two: int) -> int:
    """Meld two groups, given by the extra rows of their tops; return the top of both."""
    first = core.extras[one]
    second = core.extras[two]
    if fires_before(second, first):
        return meld_below(core, two, one)
    return meld_below(core, one, two)


@inlined
def fires_before(extra: ExtraRow, other: ExtraRow) -> bool:
    """Say whether one stop of a group fires before another."""
    if extra.trailing_bips != other.trailing_bips:
        return extra.trailing_bips < other.trailing_bips
    return extra.active_since < other.active_since


@kernel
def meld_below(core: Core, top: int, child: int) -> int:
    """Hang a group below the top of another, as its first child; return that top."""
    extra = core.extras[top]
    below = core.extras[child]
    below.place = FOLLOWING
    below.trigger_prev = top
    below.trigger_next = extra.below
    if extra.below != 0:
        core.extras[extra.below].trigger_prev = child
    extra.below = child
    return top


@kernel
def meld_children(core: Core, first: int) -> int:
    """Meld a stop's children into one group; return its top, 0: there are none.

    In pairs first, then the pairs from the last to the first: what makes leaving a group cheap.
    """
    pairs = 0
    child = first
    while child != 0:
        other = core.extras[child].trigger_next
        after = 0
        pair = child
        if other != 0:
            after = core.extras[other].trigger_next
            pair = meld(core, child, other)
        core.extras[pair].trigger_next = pairs
        pairs = pair
        child = after
    top = 0
    while pairs != 0:
        after = core.extras[pairs].trigger_next
        top = pairs if top == 0 else meld(core, top, pairs)
        pairs = after
    return top


@kernel
def stop_tracking(core: Core, market: MarketRow, order: OrderRow, place: int) -> None:
    """Take a stop out of its group; `place`: where it stood in it, WATCHING as its top."""
    extra = core.extras[order.extra]
    heir = meld_children(core, extra.below)
    extra.below = 0
    if place == FOLLOWING:
        leave_parent(core, extra, order.extra, heir)
        return
    way = trailing_way(order.side)
    if extra.trailing_extreme != 0:
        leave_triggers(core, order)
    slot = core.extras[heir].order if heir != 0 else 0
    inherit_place(core, market, order, way, slot)
    if heir != 0:
        stand(core, market, way, heir, extra.trailing_extreme)


@kernel
def leave_parent(core: Core, extra: ExtraRow, number: int, heir: int) -> None:
    """Put a stop's children, melded into `heir`, in its place below another."""
    before = extra.trigger_prev
    after = extra.trigger_next
    inserted = after
    if heir != 0:
        core.extras[heir].trigger_prev = before
        core.extras[heir].trigger_next = after
        inserted = heir
    if core.extras[before].below == number:
        core.extras[before].below = inserted
    else:
        core.extras[before].trigger_next = inserted
    if after != 0:
        core.extras[after].trigger_prev = heir if heir != 0 else before


@kernel
def inherit_place(core: Core, market: MarketRow, order: OrderRow, way: int, heir: int) -> None:
    """Put another top in a group's place in the chain; 0: the group is gone."""
    before = order.prev
    after = order.next
    if heir != 0:
        core.orders[heir].prev = before
        core.orders[heir].next = after
    if before != 0:
        core.orders[before].next = heir if heir != 0 else after
    if after != 0:
        core.orders[after].prev = heir if heir != 0 else before
    else:
        set_tail(market, way, heir if heir != 0 else before)


@kernel
def next_of_group(core: Core, number: int, top: int) -> int:
    """Return the stop after `number` on a walk over a group; 0: that was the last."""
    if core.extras[number].below != 0:
        return core.extras[number].below
    while number != top:
        if core.extras[number].trigger_next != 0:
            return core.extras[number].trigger_next
        before = core.extras[number].trigger_prev
        while core.extras[before].below != number:
            number = before
            before = core.extras[number].trigger_prev
        number = before
    return 0
