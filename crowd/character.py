"""How each market is meant to behave: the figures that were fitted to recorded markets.

Ratios, not levels, were taken from the records (docs/simulation.md shows both side by side): a spread
in basis points, depth in typical orders, sizes in money.
"""

from dataclasses import dataclass


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
        price=230, daily_volatility=0.03, half_spread_bips=5.5, gap_bips=0.8,
        order_value=23_000, size_spread=0.6, round_lot=100,
    ),
    "AMZNUSD": Character(
        price=220, daily_volatility=0.03, half_spread_bips=9.0, gap_bips=1.2,
        order_value=22_000, size_spread=0.6, round_lot=100,
    ),
}  # fmt: skip


def character_of(symbol: str, price: float) -> Character:
    """Return how a market behaves; for one we have no figures of, something ordinary around `price`."""
    return CHARACTERS.get(symbol) or Character(
        price=price, daily_volatility=0.03, half_spread_bips=3, gap_bips=2,
        order_value=1_000, size_spread=1.0,
    )  # fmt: skip
