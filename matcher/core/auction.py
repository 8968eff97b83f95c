"""The price of a call: what both sides want, added up level by level (rule A-3).

Demand falls and supply rises with the price, in steps: demand behind a level with buys, supply at one
with sells. Between two neighbouring levels every tick has the same volume and surplus, so one
pass over the levels that hold orders, lowest first, sees every case; and the best candidates stand
side by side, so their first and last price is all that is kept of them.

A market SELL accepts any price. A market BUY accepts what its hold pays for: it is a limit there
(`ExtraRow.hold_price`), though no candidate, and a step of its own.

`find_price` leaves what it finds in `core.call`. Cost: one look at each level with orders and each
market order; the block `scratch` holds the market BUYs, sorted (`calls.py`).
"""

from matcher.core.book import BUY, SELL, level_at, price_at
from matcher.core.calls import gather_market_buys, worst_price
from matcher.core.kernel import inlined, kernel
from matcher.core.marks import highest_upto, lowest_from
from matcher.core.rows import CallRow, MarketRow
from matcher.core.state import Core
from matcher.core.terms import reference_or_last, term_of
from protocol.terms import AuctionRule, InstrumentTerm

NEVER = 1 << 62
"""A price above all prices."""
_COLLAR_LOW = 95
_COLLAR_HIGH = 105
_PERCENT = 100


@kernel
def find_price(core: Core, market: MarketRow, instrument: int) -> None:
    """Find price, paired quantity and surplus at which the call would uncross now."""
    call = core.call
    call.price = 0
    call.paired_qty = 0
    call.surplus = 0
    call.volume = 0
    call.rule = term_of(core, instrument, InstrumentTerm.AUCTION_RULE)
    call.reference = reference_or_last(core, instrument)
    market_buys = gather_market_buys(core, market)
    if not bound_candidates(core, market, call):
        return
    sweep(core, market, call, market_buys)
    if call.volume == 0:
        return
    call.price = choose(core, market, call)
    call.paired_qty = call.volume
    buying = call.last_buying != 0 and call.price <= call.last_buying
    call.surplus = call.distance if buying else -call.distance


@kernel
def bound_candidates(core: Core, market: MarketRow, call: CallRow) -> bool:
    """Set the range and the grid of candidate prices; return whether there is any."""
    lowest = lowest_limit(core, market, 0)
    stretched = call.reference != 0 and (market.market_buys | market.market_sells) != 0
    call.ticks = 1
    call.low = call.reference
    call.high = call.reference
    if lowest == NEVER:
        return stretched
    highest = highest_limit(core, market, market.level_count - 1)
    call.ticks = 0 if looks_at_limits_only(call.rule) else market.tick_size
    if stretched:
        call.low = min(lowest, call.reference)
        call.high = max(highest, call.reference)
    else:
        call.low = lowest
        call.high = highest
    return True


@inlined
def looks_at_limits_only(rule: int) -> bool:
    """Say whether only order limits are candidates."""
    if rule == AuctionRule.XETRA or rule == AuctionRule.TMX:
        return True
    return rule == AuctionRule.LIMITS_ONLY


@inlined
def lowest_limit(core: Core, market: MarketRow, position: int) -> int:
    """Return the lowest limit at or above a ladder position, of either side; NEVER: none."""
    buys = lowest_from(core, market, BUY, position)
    sells = lowest_from(core, market, SELL, position)
    if buys < 0 and sells < 0:
        return NEVER
    if buys < 0 or (sells >= 0 and sells < buys):
        return price_at(market, sells)
    return price_at(market, buys)


@inlined
def highest_limit(core: Core, market: MarketRow, position: int) -> int:
    """Return the highest limit at or below a ladder position, of either side; -1: none."""
    buys = highest_upto(core, market, BUY, position)
    sells = highest_upto(core, market, SELL, position)
    highest = max(buys, sells)
    return price_at(market, highest) if highest >= 0 else -1


@kernel
def sweep(core: Core, market: MarketRow, call: CallRow, market_buys: int) -> None:
    """Look at every candidate price, in runs of equal demand and supply, lowest first."""
    add_up_interest(core, market, call, market_buys)
    price = 0
    next_buy = market_buys - 1
    while True:
        after = lowest_limit(core, market, price // market.tick_size + 1)
        limit = after
        if next_buy >= 0:
            after = min(after, worst_price(core, core.scratch[next_buy]))
        note_ticks(call, price + 1, after - 1)
        if after == NEVER:
            return
        price = after
        if price != limit:
            note_ticks(call, price, price)
        else:
            position = price // market.tick_size
            call.supply += interest_at(core, market, SELL, position)
            note(call, price, price)
            call.demand -= interest_at(core, market, BUY, position)
        while next_buy >= 0 and worst_price(core, core.scratch[next_buy]) == price:
            call.demand -= core.orders[core.scratch[next_buy]].leaves_qty
            next_buy -= 1


@kernel
def add_up_interest(core: Core, market: MarketRow, call: CallRow, market_buys: int) -> None:
    """Set demand and supply as they are below every limit: all that buys, the market SELLs."""
    call.demand = 0
    call.supply = 0
    for place in range(market_buys):
        call.demand += core.orders[core.scratch[place]].leaves_qty
    slot = market.market_sells
    while slot != 0:
        call.supply += core.orders[slot].leaves_qty
        slot = core.orders[slot].next
    position = lowest_from(core, market, BUY, 0)
    while position >= 0:
        call.demand += interest_at(core, market, BUY, position)
        position = lowest_from(core, market, BUY, position + 1)


@inlined
def interest_at(core: Core, market: MarketRow, side: int, position: int) -> int:
    """Return what a level buys or sells, hidden quantity included."""
    level = core.levels[level_at(core, market, side, position)]
    return level.qty + level.hidden_qty


@inlined
def note_ticks(call: CallRow, first: int, last: int) -> None:
    """Note the candidate ticks from `first` to `last`, all with the present demand and supply."""
    if call.ticks == 0:
        return
    first = max(first, call.low)
    last = min(last, call.high)
    first = (first + call.ticks - 1) // call.ticks * call.ticks
    last = last // call.ticks * call.ticks
    if first <= last:
        note(call, first, last)


@inlined
def note(call: CallRow, first: int, last: int) -> None:
    """Keep candidates that are as good as the best so far, or better than them."""
    volume = min(call.demand, call.supply)
    surplus = call.demand - call.supply
    distance = abs(surplus)
    if volume < call.volume or (volume == call.volume and distance > call.distance):
        return
    if volume > call.volume or distance < call.distance:
        call.volume = volume
        call.distance = distance
        call.lowest = first
        call.last_buying = 0
    call.highest = last
    call.ends_selling = 1 if surplus < 0 else 0
    if surplus > 0:
        call.last_buying = last


@kernel
def choose(core: Core, market: MarketRow, call: CallRow) -> int:
    """Choose the auction price among the best candidates."""
    lowest = call.lowest
    highest = call.highest
    if call.rule == AuctionRule.VEGA_MID:
        return max(lowest, (lowest + highest) // 2 // market.tick_size * market.tick_size)
    bounded = call.rule == AuctionRule.BNB and call.reference != 0
    if call.rule != AuctionRule.TMX and call.last_buying == highest:
        ceiling = call.reference * _COLLAR_HIGH // _PERCENT
        if bounded and ceiling < highest:
            return lowest if ceiling < lowest else candidate_upto(core, market, call, ceiling)
        return highest
    if call.rule != AuctionRule.TMX and call.last_buying == 0 and call.ends_selling != 0:
        floor = (call.reference * _COLLAR_LOW + _PERCENT - 1) // _PERCENT
        if bounded and floor > lowest:
            return highest if floor > highest else candidate_from(core, market, call, floor)
        return lowest
    if call.reference == 0 or call.reference >= highest:
        return highest
    if call.reference <= lowest:
        return lowest
    below = candidate_upto(core, market, call, call.reference)
    above = candidate_from(core, market, call, call.reference)
    return below if call.reference - below < above - call.reference else above


@kernel
def candidate_upto(core: Core, market: MarketRow, call: CallRow, price: int) -> int:
    """Return the highest candidate at or below a price that lies between the best ones."""
    found = max(call.lowest, highest_limit(core, market, price // market.tick_size))
    if call.ticks != 0:
        found = max(found, price // call.ticks * call.ticks)
    return found


@kernel
def candidate_from(core: Core, market: MarketRow, call: CallRow, price: int) -> int:
    """Return the lowest candidate at or above a price that lies between the best ones."""
    position = (price + market.tick_size - 1) // market.tick_size
    found = min(call.highest, lowest_limit(core, market, position))
    if call.ticks != 0:
        found = min(found, (price + call.ticks - 1) // call.ticks * call.ticks)
    return found
