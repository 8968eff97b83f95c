"""How each market is meant to behave: the figures that were fitted to recorded markets.

Ratios, not levels, were taken from the records (docs/simulation.md shows both side by side): a spread
in basis points, depth in typical orders, sizes in money.
"""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Manners:
    """How the traders of one kind of market go about it; the defaults make a lively one."""

    guess_error_bips: float = 0.15
    """Deviation of a market maker's guess from the fair price, anew in each turn."""
    stale_share: float = 0.8
    """He moves a quote when it is off by this share of his half spread."""
    pick_off_bips: float = math.inf
    """He takes what others offer so much better than his guess; infinite: he never does."""
    growth: float = 0.5
    """How much larger each of his quotes is than the one before it, in typical orders."""
    noise_takes: float = 0.07
    """How often a noise trader who enters an order takes, rather than rests."""
    patience: float = math.inf
    """He rests instead while the spread is wider than so many of a maker's half spreads."""
    noise_cancels: float = 0.42
    """How often a noise trader takes an order back instead of entering one."""
    take_size: float = 0.7
    """What noise traders and makers take at a time, in typical orders."""
    jumps_a_day: float = 24.0
    """How often the fair price jumps."""
    jump: float = 0.12
    """Deviation of a jump, in daily volatilities."""


LIVELY = Manners()
STOCK = Manners(
    # The middle of a stock's spread is a walk without memory, and its spread hardly changes. Makers who let
    # quotes stand until they were off by most of a half spread left the best prices to whichever noise traders
    # had rested last: the spread was theirs, unsteady and too narrow, and the middle hardly moved. So makers of
    # stocks follow closely, and take what was left on the wrong side of their guess. An error of the
    # guess of about a tick makes the quotes of one second a little independent of those of the last.
    guess_error_bips=0.4,
    stale_share=0.2,
    pick_off_bips=0.0,
    # Depth grows little from level to level; larger quotes further away made the fourth level 2.5 times the first.
    growth=0.0,
    # Following closely needs most of the orders: the takers' share is kept by those who are left.
    noise_takes=0.25,
    # At thousands of orders a second noise traders act many times between two turns of the makers, and would
    # take all there is.
    patience=2.5,
    noise_cancels=0.55,
    take_size=1.0,
    # News comes in small pieces: no second of the recorded hours moved by more than 13 bips. Jumps of 36 bips,
    # one in an hour, made the kurtosis of most quarters of an hour far too small and of a few enormous.
    jumps_a_day=300,
    jump=0.04,
)


@dataclass(frozen=True, slots=True)
class Character:
    """One market. Money in whole units of the quote asset; `bips` are hundredths of a per cent."""

    price: float
    """Where the fair value begins, and returns to."""
    daily_volatility: float
    half_spread_bips: float
    """How far the best market maker stays from what he takes for fair."""
    gap_bips: float
    """Distance of his next level."""
    order_value: float
    """Median value of a limit order."""
    size_spread: float
    """Deviation of the logarithm of sizes."""
    round_lot: int = 0
    """Many orders are exactly this many units (a hundred shares); 0: sizes have no habit."""
    weight: float = 1.0
    """Its share in the activity."""
    manners: Manners = LIVELY


CHARACTERS = {
    "BTCUSDT": Character(
        price=60_000, daily_volatility=0.03, half_spread_bips=0.4, gap_bips=0.5,
        order_value=3_000, size_spread=1.3, weight=2.0,
    ),
    "ETHUSDT": Character(
        price=2_500, daily_volatility=0.035, half_spread_bips=0.7, gap_bips=0.8,
        order_value=2_000, size_spread=1.3, weight=1.5,
    ),
    "AAPLUSD": Character(
        price=230, daily_volatility=0.034, half_spread_bips=2.1, gap_bips=0.8,
        order_value=23_000, size_spread=0.6, round_lot=100, manners=STOCK,
    ),
    "AMZNUSD": Character(
        price=220, daily_volatility=0.034, half_spread_bips=3.4, gap_bips=0.8,
        order_value=22_000, size_spread=0.6, round_lot=100,
        # Quotes that stand further away are touched less often, by makers too: others take more.
        manners=replace(STOCK, noise_takes=0.5),
    ),
}  # fmt: skip


def character_of(symbol: str, price: float) -> Character:
    """Return how a market behaves; for one we have no figures of, something ordinary around `price`."""
    return CHARACTERS.get(symbol) or Character(
        price=price, daily_volatility=0.03, half_spread_bips=3, gap_bips=2,
        order_value=1_000, size_spread=1.0,
    )  # fmt: skip
