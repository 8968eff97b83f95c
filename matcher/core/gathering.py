"""Gather the live orders of an instrument into the `scratch` block, wherever they stand.

In the book, in the trigger ladders or tracking, elected, waiting for the closing call, in a call
without a limit, or pending in a list: every live order is in exactly one of these places. Cost: one
look at each of them.
"""

from matcher.core.book import BUY, SELL, level_at
from matcher.core.kernel import kernel
from matcher.core.legs import leg_at
from matcher.core.marks import lowest_from
from matcher.core.rows import MarketRow
from matcher.core.state import Core
from matcher.core.trailing import next_of_group, tracks
from matcher.core.triggers import FALLING, RISING, trigger_at
from protocol.terms import TimeInForce

ALL = -1
"""Masks of 1 << TimeInForce: all,"""
ONE_DAY = 1 << TimeInForce.DAY | 1 << TimeInForce.AT_OPENING | 1 << TimeInForce.AT_CLOSE
"""what ends with the trading day,"""
ONE_CALL = 1 << TimeInForce.AT_OPENING | 1 << TimeInForce.AT_CLOSE
"""and what ends with its call."""


@kernel
def gather_call_orders(core: Core, market: MarketRow) -> int:
    """Gather what ends with the call: orders without a limit, resting ones for the call only."""
    count = _gather_chain(core, market.market_buys, 0, ALL)
    count = _gather_chain(core, market.market_sells, count, ALL)
    return _gather_book(core, market, count, ONE_CALL)


@kernel
def gather_live(core: Core, market: MarketRow, times: int) -> int:
    """Gather live orders with a time in force of the mask, and all without a limit in a call."""
    count = _gather_chain(core, market.market_buys, 0, ALL)
    count = _gather_chain(core, market.market_sells, count, ALL)
    count = _gather_chain(core, market.waiting, count, times)
    count = _gather_book(core, market, count, times)
    count = _gather_triggers(core, market, RISING, count, times)
    count = _gather_triggers(core, market, FALLING, count, times)
    count = _gather_untracked(core, market.rising_tail, count, times)
    count = _gather_untracked(core, market.falling_tail, count, times)
    count = _gather_elected(core, count, times)
    return _gather_pending(core, market, count, times)


@kernel
def _keep(core: Core, slot: int, count: int, times: int) -> int:
    if times >> core.orders[slot].time_in_force & 1 == 0:
        return count
    core.scratch[count] = slot
    return count + 1


@kernel
def _gather_chain(core: Core, first: int, count: int, times: int) -> int:
    slot = first
    while slot != 0:
        count = _keep(core, slot, count, times)
        slot = core.orders[slot].next
    return count


@kernel
def _gather_book(core: Core, market: MarketRow, count: int, times: int) -> int:
    for side in (BUY, SELL):
        position = lowest_from(core, market, side, 0)
        while position >= 0:
            head = core.levels[level_at(core, market, side, position)].head
            count = _gather_chain(core, head, count, times)
            position = lowest_from(core, market, side, position + 1)
    return count


@kernel
def _gather_triggers(core: Core, market: MarketRow, way: int, count: int, times: int) -> int:
    position = lowest_from(core, market, way, 0)
    while position >= 0:
        number = core.triggers[trigger_at(market, way, position)].head
        while number != 0:
            extra = core.extras[number]
            count = _keep(core, extra.order, count, times)
            if tracks(extra):
                count = _gather_group(core, number, count, times)
            number = extra.trigger_next
        position = lowest_from(core, market, way, position + 1)
    return count


@kernel
def _gather_group(core: Core, top: int, count: int, times: int) -> int:
    """Gather the trailing stops for which the first of their group stands in the ladder."""
    number = next_of_group(core, top, top)
    while number != 0:
        count = _keep(core, core.extras[number].order, count, times)
        number = next_of_group(core, number, top)
    return count


@kernel
def _gather_untracked(core: Core, tail: int, count: int, times: int) -> int:
    """Gather the trailing stops that still wait for a first trade: they are in no ladder."""
    slot = tail
    while slot != 0:
        order = core.orders[slot]
        if core.extras[order.extra].trailing_extreme == 0:
            count = _keep(core, slot, count, times)
        slot = order.prev
    return count


@kernel
def _gather_elected(core: Core, count: int, times: int) -> int:
    """Gather elected stops: all are the instrument's, a cascade ends before another begins."""
    number = core.state.elected_first
    while number != 0:
        extra = core.extras[number]
        count = _keep(core, extra.order, count, times)
        number = extra.trigger_next
    return count


@kernel
def _gather_pending(core: Core, market: MarketRow, count: int, times: int) -> int:
    number = market.pending
    while number != 0:
        row = core.lists[number]
        for leg in range(1, row.legs):
            slot = leg_at(core, number, leg)
            if slot != 0:
                count = _keep(core, slot, count, times)
        number = row.later
    return count
