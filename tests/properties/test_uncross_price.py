"""The uncross price against brute force: every tick of the ladder is tried (rule A-3)."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from protocol.terms import AuctionRule
from tests.reference.uncross import NOTHING, Interest, find_price, outcome_at

TOP = 40
pytestmark = pytest.mark.property

limits = st.builds(
    Interest, price=st.integers(1, TOP), qty=st.integers(1, 20), is_market=st.just(False)
)
market_buys = st.builds(
    Interest, price=st.integers(TOP - 4, TOP), qty=st.integers(1, 20), is_market=st.just(True)
)
market_sells = st.builds(
    Interest, price=st.just(0), qty=st.integers(1, 20), is_market=st.just(True)
)
buys = st.lists(limits | market_buys, max_size=6)
sells = st.lists(limits | market_sells, max_size=6)
references = st.integers(0, TOP)
ticks = st.sampled_from([1, 1, 2, 5])
rules = st.sampled_from(list(AuctionRule))


def on_grid(orders, tick):
    """Move limits onto the tick grid, as PRICE_FILTER would have them."""
    return [
        order if order.is_market else order._replace(price=-(-order.price // tick) * tick)
        for order in orders
    ]


def tried_prices(rule, buys, sells, reference, tick):
    """Every price that the rule book calls a candidate, one by one."""
    limits = sorted({order.price for order in buys + sells if not order.is_market})
    if not limits:
        return [reference] if reference else []
    if rule in (AuctionRule.XETRA, AuctionRule.LIMITS_ONLY, AuctionRule.TMX):
        return limits
    low, high = limits[0], limits[-1]
    if reference and any(order.is_market for order in buys + sells):
        low, high = min(low, reference), max(high, reference)
    grid = [price for price in range(low, high + 1) if price % tick == 0]
    return sorted({*grid, *limits})


def best_by_brute_force(rule, buys, sells, reference, tick):
    """The rule book, word for word, over every candidate."""
    tried = [
        outcome_at(price, buys, sells) for price in tried_prices(rule, buys, sells, reference, tick)
    ]
    most = max((outcome.volume for outcome in tried), default=0)
    if most == 0:
        return NOTHING
    tried = [outcome for outcome in tried if outcome.volume == most]
    least = min(abs(outcome.surplus) for outcome in tried)
    tried = [outcome for outcome in tried if abs(outcome.surplus) == least]
    lowest, highest = tried[0], tried[-1]
    if rule == AuctionRule.VEGA_MID:
        middle = (lowest.price + highest.price) // 2 // tick * tick
        return outcome_at(max(lowest.price, middle), buys, sells)
    all_buy = all(outcome.surplus > 0 for outcome in tried)
    all_sell = all(outcome.surplus < 0 for outcome in tried)
    if rule == AuctionRule.BNB and reference and (all_buy or all_sell):
        above = [o for o in tried if o.price >= reference * 95 / 100]
        below = [o for o in tried if o.price <= reference * 105 / 100]
        if all_sell:
            return above[0] if above else highest
        return below[-1] if below else lowest
    if rule != AuctionRule.TMX and all_buy:
        return highest
    if rule != AuctionRule.TMX and all_sell:
        return lowest
    nearest = min((abs(outcome.price - reference) for outcome in tried), default=0)
    near = [o for o in tried if reference == 0 or abs(o.price - reference) == nearest]
    return near[-1]


@given(rule=rules, buys=buys, sells=sells, reference=references, tick=ticks)
def test_the_price_is_the_one_that_trying_every_tick_finds(rule, buys, sells, reference, tick):
    buys, sells = on_grid(buys, tick), on_grid(sells, tick)
    found = find_price(rule, buys, sells, reference=reference, tick=tick)
    assert found == best_by_brute_force(rule, buys, sells, reference, tick)


@given(rule=rules, buys=buys, sells=sells, reference=references, tick=ticks)
def test_no_other_price_trades_more(rule, buys, sells, reference, tick):
    buys, sells = on_grid(buys, tick), on_grid(sells, tick)
    found = find_price(rule, buys, sells, reference=reference, tick=tick)
    limits = {order.price for order in buys + sells if not order.is_market}
    # What a market buy pays at most is the highest price there may be, so no limit lies above it.
    assume(all(order.price >= max(limits, default=0) for order in buys if order.is_market))
    if limits:
        most = max(outcome_at(price, buys, sells).volume for price in range(1, TOP + 10))
        assert found.volume == most
