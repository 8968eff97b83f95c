"""The price that nobody sees and everybody guesses.

The logarithm of the price walks with a volatility that itself wanders (so calm and stormy times come in
clusters, as in every recorded market), jumps now and then, and is pulled gently back to where it began,
so that a market left alone for weeks keeps a price that makes sense.
"""

import math
import random

from crowd.character import LIVELY, Manners

DAY_S = 86_400.0
_STORM_MEMORY_S = 300.0
_STORM_DEPTH = 0.6
"""Stationary deviation of the logarithm of volatility."""
_HOME_S = 5 * DAY_S


class FairValue:
    """One instrument's fair price, in whole units of the quote asset."""

    def __init__(
        self,
        chance: random.Random,
        price: float,
        daily_volatility: float,
        manners: Manners = LIVELY,
    ) -> None:
        self._chance = chance
        self._home = math.log(price)
        self._at = self._home
        self._daily = daily_volatility
        self._manners = manners
        # On the average, not in the middle: `storm` is 1 then, so a market begins as lively as it is in the long run.
        self._storm = _STORM_DEPTH**2 / 2

    @property
    def price(self) -> float:
        """The fair price now."""
        return math.exp(self._at)

    @property
    def storm(self) -> float:
        """How lively the market is: 1 on the average, more in a storm."""
        return math.exp(self._storm - _STORM_DEPTH**2 / 2)

    def advance(self, seconds: float) -> float:
        """Let time pass; the new price."""
        keep = math.exp(-seconds / _STORM_MEMORY_S)
        self._storm = self._storm * keep + self._chance.gauss(
            0, _STORM_DEPTH * math.sqrt(1 - keep * keep)
        )
        step = self._daily * self.storm * math.sqrt(seconds / DAY_S)
        self._at += self._chance.gauss(0, step)
        self._at += (self._home - self._at) * (1 - math.exp(-seconds / _HOME_S))
        if self._chance.random() < self._manners.jumps_a_day * seconds / DAY_S:
            self._at += self._chance.gauss(0, self._manners.jump * self._daily)
        return self.price

    def move_to(self, price: float) -> None:
        """Go on from a price, keeping the home that it is pulled back to."""
        self._at = math.log(price)
