"""One trader's place in one market: his live orders, his inventory, and how he words an order."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from crowd.character import Character
from crowd.intents import Cancel, Listing, Outcome, Place, Style, View
from protocol.terms import Side

_ROUND_LOT_HABIT = 0.55


@dataclass(slots=True)
class Live:
    """An order that rests, as far as its owner knows."""

    side: Side
    price: int
    qty: int
    filled: int


@dataclass(slots=True)
class Scene:
    """What everybody in one market shares at this moment."""

    listing: Listing
    character: Character
    view: View
    fair: float
    """The fair price, in price units."""
    storm: float
    now_s: float

    @property
    def middle(self) -> float:
        """The middle of the spread; where a side is empty, the fair price."""
        if self.view.bid and self.view.ask:
            return (self.view.bid + self.view.ask) / 2
        return self.fair

    def on_grid(self, price: float, side: Side) -> int:
        """Round to the tick, away from the other side; at least one tick."""
        tick = self.listing.tick
        ticks = math.floor(price / tick) if side == Side.BUY else math.ceil(price / tick)
        return max(ticks, 1) * tick

    def bips(self, count: float) -> float:
        """Return so many hundredths of a per cent of the fair price, in price units."""
        return self.fair * count / 10_000


class Desk:
    """Where one trader stands in one market."""

    def __init__(self, trader: int, chance: random.Random, numbers: Iterator[int]) -> None:
        self.trader = trader
        self.chance = chance
        self._numbers = numbers
        self.live: dict[int, Live] = {}
        self._leaving: dict[int, Live] = {}
        """Orders whose cancel is under way."""
        self.inventory = 0.0
        """Bought less sold since the start, in values of a typical order."""

    def place(self, scene: Scene, side: Side, style: Style, price: int, qty: int) -> Place:
        """Word an order; what will rest is remembered when it is heard of."""
        number = next(self._numbers)
        return Place(self.trader, scene.listing.symbol, side, style, price, qty, number)

    def cancel(self, scene: Scene, number: int) -> Cancel:
        """Word a cancel of a live order."""
        self._leaving[number] = self.live.pop(number)
        return Cancel(self.trader, scene.listing.symbol, number)

    def size(self, scene: Scene, times: float = 1.0) -> int:
        """Draw a quantity on the lot grid, worth about `times` a typical order, and never too little."""
        character, listing = scene.character, scene.listing
        unit_price = scene.fair / 10**listing.price_decimals
        unit = 10**listing.qty_decimals
        if character.round_lot and times <= 1 and self.chance.random() < _ROUND_LOT_HABIT:
            qty = float(character.round_lot * unit)
        else:
            value = (
                times * character.order_value * self.chance.lognormvariate(0, character.size_spread)
            )
            qty = value / unit_price * unit
        least = math.ceil(listing.min_notional * 1.5 / unit_price * unit / listing.lot)
        lots: int = max(round(qty / listing.lot), least, 1)
        return lots * listing.lot

    def heard(self, scene: Scene, intent: Place | Cancel, outcome: Outcome) -> None:
        """Take in what came of an intent of this trader."""
        if isinstance(intent, Place):
            self._traded(scene, intent.side, outcome.filled)
            if outcome.leaves:
                self.live[intent.number] = Live(
                    intent.side, intent.price, intent.qty, outcome.filled
                )
            return
        order = self._leaving.pop(intent.number)
        # A cancel that is refused says that the order was filled meanwhile.
        filled = order.qty if outcome.refusal else outcome.filled
        self._traded(scene, order.side, filled - order.filled)

    def forget(self) -> None:
        """Forget all orders."""
        self.live.clear()
        self._leaving.clear()

    def _traded(self, scene: Scene, side: Side, qty: int) -> None:
        value = qty / 10**scene.listing.qty_decimals * scene.fair / 10**scene.listing.price_decimals
        self.inventory += (1 if side == Side.BUY else -1) * value / scene.character.order_value
