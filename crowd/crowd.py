"""The crowd: who acts when. Sans-I/O, in lock-step with a market.

A round: the market is seen, `act` says what is wanted, the market is asked, `hear` takes the answers. Time is
the crowd's own, a round's length at a time, so that a slow machine sees the same market later, not another one.

Accounts are shared by all markets: the trader number `n` is the same account everywhere.
"""

import itertools
import random
from collections.abc import Mapping, Sequence

from crowd import traders
from crowd.character import Character, character_of
from crowd.desk import Desk, Scene
from crowd.fair_value import FairValue
from crowd.intents import Intent, Listing, Outcome, Place, Style, View
from protocol.terms import SessionPhase

ORDERS_A_ROUND = 400
"""At most, in all markets together: in larger rounds an order costs less, but traders see less often."""
LONGEST_ROUND_S = 0.1
_IDLE_COST = 0.05
"""What a turn without an order takes from the budget: a round ends although nobody wants anything."""
_CALLS = {
    SessionPhase.OPENING_AUCTION: Style.OPENING,
    SessionPhase.CLOSING_AUCTION: Style.CLOSING,
    SessionPhase.VOLATILITY_AUCTION: Style.REST,
}


def names() -> list[str]:
    """Return the traders' names, in the order of their numbers."""
    return [
        f"{kind}-{number}"
        for kind, count in traders.KINDS.items()
        for number in range(1, count + 1)
    ]


def round_s(rate: float) -> float:
    """Return the length of a round for a rate of orders a second: short enough to look alive."""
    return min(LONGEST_ROUND_S, ORDERS_A_ROUND / rate)


class _Market:
    """One instrument's crowd."""

    def __init__(
        self, listing: Listing, character: Character, seed: str, numbers: "itertools.count[int]"
    ) -> None:
        self.chance = random.Random(seed)
        self.fair = FairValue(
            random.Random(f"{seed} fair"),
            character.price,
            character.daily_volatility,
            character.manners,
        )
        self.listing = listing
        self.character = character
        kinds = [kind for kind, count in traders.KINDS.items() for _ in range(count)]
        self.desks = [Desk(number, self.chance, numbers) for number in range(len(kinds))]
        self.turns = [traders.turn_of(kind) for kind in kinds]
        turns = [
            n for n, kind in enumerate(kinds) for _ in range(traders.TURNS_A_ROUND.get(kind, 1))
        ]
        self._makers = [number for number in turns if number < traders.MAKERS]
        self._others = [number for number in turns if number >= traders.MAKERS]
        """Who may act in a round, as often as he may."""
        self.call_turns = {phase: traders.join_call(style) for phase, style in _CALLS.items()}
        self.credit = 0.0

    def scene(self, view: View, now_s: float) -> Scene:
        fair = self.fair.price * 10**self.listing.price_decimals
        return Scene(self.listing, self.character, view, fair, self.fair.storm, now_s)

    def act(self, scene: Scene, budget: float) -> list[Intent]:
        """Let traders act until the budget is used; what is left over, or overdrawn, is carried on.

        In a storm everybody is busier, and in a calm idler: the average is kept.
        """
        self.credit += budget * min(scene.storm, 5.0)
        intents: list[Intent] = []
        makers, others = self._makers.copy(), self._others.copy()
        chance = self.chance.random
        while self.credit >= 1 and (makers or others):
            # Makers act as often as all the others together, as long as there are some who have not yet.
            some = makers if makers and (chance() < 0.5 or not others) else others
            number = some.pop(int(chance() * len(some)))
            turn = self.turns[number]
            if scene.view.phase != SessionPhase.CONTINUOUS:
                turn = self.call_turns[scene.view.phase]
            done = turn(self.desks[number], scene)
            self.credit -= max(len(done), _IDLE_COST)
            intents += done
        self.credit = min(self.credit, ORDERS_A_ROUND)
        return intents


def _by_trader(intents: Sequence[Intent]) -> list[Intent]:
    """Put together what each trader wants, his cancels first: whoever asks the market can ask for all at once."""
    turns: dict[int, tuple[list[Intent], list[Intent]]] = {}
    for one in intents:
        turns.setdefault(one.trader, ([], []))[isinstance(one, Place)].append(one)
    return [one for both in turns.values() for some in both for one in some]


class Crowd:
    """All traders in all markets.

    `prices`: where a market's fair value begins instead of its own habit (last prices of a market that goes on).
    """

    def __init__(
        self,
        listings: Sequence[Listing],
        *,
        seed: int,
        rate: float,
        prices: Mapping[str, float] | None = None,
    ) -> None:
        self.now_s = 0.0
        self.round_s = round_s(rate)
        self._rate = rate
        numbers = itertools.count(1)
        self._markets = {}
        for listing in listings:
            price = (prices or {}).get(listing.symbol, 0.0)
            character = character_of(listing.symbol, price or 100.0)
            self._markets[listing.symbol] = _Market(
                listing, character, f"{seed} {listing.symbol}", numbers
            )
            if price:
                self._markets[listing.symbol].fair.move_to(price)
        self._weights = sum(one.character.weight for one in self._markets.values())
        self._scenes: dict[str, Scene] = {}

    def act(self, views: Mapping[str, View]) -> list[Intent]:
        """Let a round pass; what the traders want done, in order."""
        self.now_s += self.round_s
        intents: list[Intent] = []
        for symbol, market in self._markets.items():
            market.fair.advance(self.round_s)
            view = views[symbol]
            scene = self._scenes[symbol] = market.scene(view, self.now_s)
            if view.phase == SessionPhase.CONTINUOUS or view.phase in _CALLS:
                share = market.character.weight / self._weights
                intents += market.act(scene, self._rate * self.round_s * share)
        return _by_trader(intents)

    def hear(self, intents: Sequence[Intent], outcomes: Sequence[Outcome]) -> None:
        """Take the answers to the intents of this round, in their order."""
        for intent, outcome in zip(intents, outcomes, strict=True):
            desk = self._markets[intent.symbol].desks[intent.trader]
            desk.heard(self._scenes[intent.symbol], intent, outcome)

    def forget(self) -> None:
        """Forget all live orders: they were cancelled, or their market began anew."""
        for market in self._markets.values():
            for desk in market.desks:
                desk.forget()

    def fair_price(self, symbol: str) -> float:
        """Return the fair price, in whole units of the quote asset; for figures and tests."""
        return self._markets[symbol].fair.price
