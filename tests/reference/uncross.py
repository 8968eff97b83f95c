"""The price of a call auction, as a function of what the two sides want (rule A-3)."""

from typing import NamedTuple

from protocol.terms import AuctionRule

_LIMITS_ONLY = (AuctionRule.XETRA, AuctionRule.LIMITS_ONLY, AuctionRule.TMX)
_COLLAR_LOW, _COLLAR_HIGH, _PERCENT = 95, 105, 100


class Interest(NamedTuple):
    """One order in the call. `price`: its limit; of a market order the worst it would accept."""

    price: int
    qty: int
    is_market: bool


class Outcome(NamedTuple):
    """The auction price, the volume at it and what is left over: bid minus ask quantity."""

    price: int
    volume: int
    surplus: int


NOTHING = Outcome(0, 0, 0)


def find_price(
    rule: int, buys: list[Interest], sells: list[Interest], *, reference: int, tick: int
) -> Outcome:
    """Return the price at which the call uncrosses now; NOTHING when nothing can trade."""
    outcomes = [
        outcome_at(price, buys, sells) for price in _candidates(rule, buys, sells, reference, tick)
    ]
    most = max((outcome.volume for outcome in outcomes), default=0)
    if most == 0:
        return NOTHING
    outcomes = [outcome for outcome in outcomes if outcome.volume == most]
    least = min(abs(outcome.surplus) for outcome in outcomes)
    outcomes = [outcome for outcome in outcomes if abs(outcome.surplus) == least]
    if rule == AuctionRule.VEGA_MID:
        low, high = outcomes[0].price, outcomes[-1].price
        return outcome_at(max(low, (low + high) // 2 // tick * tick), buys, sells)
    if rule != AuctionRule.TMX:
        if all(outcome.surplus > 0 for outcome in outcomes):
            return _under_buy_pressure(rule, outcomes, reference)
        if all(outcome.surplus < 0 for outcome in outcomes):
            return _under_sell_pressure(rule, outcomes, reference)
    if reference == 0:
        return outcomes[-1]
    return min(outcomes, key=lambda found: (abs(found.price - reference), -found.price))


def outcome_at(price: int, buys: list[Interest], sells: list[Interest]) -> Outcome:
    """Return what would trade at `price`."""
    demand = sum(buy.qty for buy in buys if buy.price >= price)
    supply = sum(sell.qty for sell in sells if sell.price <= price)
    return Outcome(price, min(demand, supply), demand - supply)


def _under_buy_pressure(rule: int, outcomes: list[Outcome], reference: int) -> Outcome:
    if rule == AuctionRule.BNB and reference:
        inside = [o for o in outcomes if o.price * _PERCENT <= reference * _COLLAR_HIGH]
        return inside[-1] if inside else outcomes[0]
    return outcomes[-1]


def _under_sell_pressure(rule: int, outcomes: list[Outcome], reference: int) -> Outcome:
    if rule == AuctionRule.BNB and reference:
        inside = [o for o in outcomes if o.price * _PERCENT >= reference * _COLLAR_LOW]
        return inside[0] if inside else outcomes[-1]
    return outcomes[0]


def _candidates(
    rule: int, buys: list[Interest], sells: list[Interest], reference: int, tick: int
) -> list[int]:
    """Return the prices to look at, ascending.

    Between two neighbouring limits every tick has the same volume and surplus, so of each such run
    only the ends matter, and the ticks around the reference price and the edges of its collar.
    """
    orders = buys + sells
    limits = {order.price for order in orders if not order.is_market}
    if not limits:
        return [reference] if reference else []
    if rule in _LIMITS_ONLY:
        return sorted(limits)
    low, high = min(limits), max(limits)
    if reference and any(order.is_market for order in orders):
        low, high = min(low, reference), max(high, reference)
    turns = limits | {order.price for order in orders} | {low, high}
    turns |= {reference * edge // _PERCENT for edge in (_PERCENT, _COLLAR_LOW, _COLLAR_HIGH)}
    ticks = {
        price // tick * tick + step * tick
        for turn in turns
        for price in (turn - 1, turn, turn + 1)
        for step in (0, 1)
    }
    return sorted(limits | {price for price in ticks if low <= price <= high})
