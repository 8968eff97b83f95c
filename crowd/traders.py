"""The four kinds of traders, each a few rules over what everybody sees.

None looks at what it will do next or at others' orders beyond the best prices: what looks like a market comes
of their meeting (makers around a fair value they guess, traders in need of a trade, followers of a move, and those
who bet against it).
"""

from collections.abc import Callable, Mapping

from crowd.desk import Desk, Scene
from crowd.intents import Intent, Style
from protocol.terms import Side

_MAKER_LEVELS = 8
_MAKER_MOVES = 4
_SKEW_BIPS = 0.01
_SKEW_LIMIT = 60.0
_NOISE_LIVE_LIMIT = 30
_IMPROVING, _JOINING = 0.03, 0.12
_TREND_FAST_S, _TREND_SLOW_S = 20.0, 120.0
_RECHECK = 0.3

Turn = Callable[[Desk, Scene], list[Intent]]


def _other(side: Side) -> Side:
    return Side.SELL if side == Side.BUY else Side.BUY


def _sign(side: Side) -> int:
    return 1 if side == Side.BUY else -1


def _side(desk: Desk) -> Side:
    return Side.BUY if desk.chance.random() < 0.5 else Side.SELL


def make_market(desk: Desk, scene: Scene) -> list[Intent]:
    """Keep a ladder of quotes around a guess at the fair price, leaning against the inventory.

    At most a few quotes move in one turn: the rest of the ladder is followed up in the next ones.
    """
    manners = scene.character.manners
    skew = max(-_SKEW_LIMIT, min(_SKEW_LIMIT, desk.inventory)) * _SKEW_BIPS
    guess = scene.fair + scene.bips(desk.chance.gauss(0, manners.guess_error_bips) - skew)
    wanted = list(_ladder(scene, guess, desk.trader))
    off = scene.bips(scene.character.half_spread_bips) * manners.stale_share
    tolerance = max(off, scene.listing.tick)
    intents: list[Intent] = []
    unmet = wanted.copy()
    for number, order in list(desk.live.items()):
        near = next(
            (
                one
                for one in unmet
                if one[0] == order.side and abs(one[1] - order.price) <= tolerance
            ),
            None,
        )
        if near is not None:
            unmet.remove(near)
        elif len(intents) < _MAKER_MOVES:
            intents.append(desk.cancel(scene, number))
    if not intents and desk.live and desk.chance.random() < _RECHECK:
        # A quote that stands where it should may long have been filled: only a cancel tells.
        number = desk.chance.choice(list(desk.live))
        intents.append(desk.cancel(scene, number))
    for side, price, level in unmet[:_MAKER_MOVES]:
        size = desk.size(scene, 1 + level * manners.growth)
        intents.append(desk.place(scene, side, Style.REST, price, size))
    return intents + _pick_off(desk, scene, guess)


def _pick_off(desk: Desk, scene: Scene, guess: float) -> list[Intent]:
    """Take what stands on the wrong side of the guess, where the market has makers who do.

    Resting orders that the price has passed go this way, so that the best prices follow the fair one.
    """
    margin = scene.bips(scene.character.manners.pick_off_bips)
    intents: list[Intent] = []
    for side, best in ((Side.BUY, scene.view.ask), (Side.SELL, scene.view.bid)):
        worst = guess - _sign(side) * margin
        if best and _sign(side) * (worst - best) > 0:
            size = desk.size(scene, scene.character.manners.take_size)
            price = scene.on_grid(worst, side)
            intents.append(desk.place(scene, side, Style.TAKE, price, size))
    return intents


def _ladder(scene: Scene, guess: float, trader: int) -> list[tuple[Side, int, int]]:
    """Return side, price and level of the quotes wanted, best first; makers differ a little."""
    half = scene.character.half_spread_bips * (0.7 + 0.3 * scene.storm) * (1 + 0.25 * (trader % 3))
    gap = scene.character.gap_bips
    return [
        (side, scene.on_grid(guess - _sign(side) * scene.bips(half + away), side), level)
        for level, away in enumerate(gap * (n + 0.12 * n * n) for n in range(_MAKER_LEVELS))
        for side in (Side.BUY, Side.SELL)
    ]


def trade_at_random(desk: Desk, scene: Scene) -> list[Intent]:
    """Do what people with reasons of their own do: mostly rest somewhere, often give up, at times take."""
    manners, chance = scene.character.manners, desk.chance
    if len(desk.live) >= _NOISE_LIVE_LIMIT or (
        desk.live and chance.random() < manners.noise_cancels
    ):
        return [desk.cancel(scene, chance.choice(list(desk.live)))]
    side = _side(desk)
    takes = chance.random() < manners.noise_takes and scene.view.bid and scene.view.ask
    spread = scene.view.ask - scene.view.bid
    if takes and spread <= scene.character.half_spread_bips * scene.bips(manners.patience):
        return [desk.place(scene, side, Style.MARKET, 0, desk.size(scene, manners.take_size))]
    return [
        desk.place(scene, side, Style.REST, _resting_price(desk, scene, side), desk.size(scene))
    ]


def _resting_price(desk: Desk, scene: Scene, side: Side) -> int:
    """Draw a price: most orders stand near the best price, a few far away (a power law)."""
    best = scene.view.bid if side == Side.BUY else scene.view.ask
    start = best or scene.fair
    tick, chance = scene.listing.tick, desk.chance
    wide = scene.view.ask - scene.view.bid > scene.bips(scene.character.half_spread_bips) + tick
    if best and wide and chance.random() < _IMPROVING:
        return scene.on_grid(start + _sign(side) * tick, side)
    if best and chance.random() < _JOINING:
        return scene.on_grid(start, side)
    away = scene.bips(scene.character.gap_bips) * chance.paretovariate(1.4)
    return scene.on_grid(start - _sign(side) * min(away, scene.bips(300)), side)


class Trend:
    """Averages of the middle price over a short and a long time."""

    def __init__(self) -> None:
        self.fast = self.slow = 0.0
        self._at_s = 0.0

    def see(self, scene: Scene) -> float:
        """Take in the middle price; fast less slow, in half spreads."""
        if not self.slow:
            self.fast = self.slow = scene.middle
        past, self._at_s = scene.now_s - self._at_s, scene.now_s
        self.fast += (scene.middle - self.fast) * min(past / _TREND_FAST_S, 1)
        self.slow += (scene.middle - self.slow) * min(past / _TREND_SLOW_S, 1)
        return (self.fast - self.slow) / scene.bips(scene.character.half_spread_bips)


class Follower:
    """Buys what rises and sells what falls, taking what is there."""

    threshold = 1.5

    def __init__(self) -> None:
        self._trend = Trend()

    def __call__(self, desk: Desk, scene: Scene) -> list[Intent]:
        """Take the turn."""
        move = self._trend.see(scene)
        if abs(move) < self.threshold or not (scene.view.bid and scene.view.ask):
            return trade_at_random(desk, scene) if desk.chance.random() < _RECHECK else []
        side = Side.BUY if move > 0 else Side.SELL
        best = scene.view.ask if side == Side.BUY else scene.view.bid
        reach = best + _sign(side) * scene.bips(scene.character.gap_bips)
        price = scene.on_grid(reach, _other(side))
        return [desk.place(scene, side, Style.TAKE, price, desk.size(scene, 1.2))]


class Contrarian:
    """Waits with limit orders against a move that has gone too far, and takes them back later."""

    threshold = 1.0

    def __init__(self) -> None:
        self._trend = Trend()

    def __call__(self, desk: Desk, scene: Scene) -> list[Intent]:
        """Take the turn."""
        move = self._trend.see(scene)
        if desk.live and (abs(move) < self.threshold or desk.chance.random() < 0.5):
            return [desk.cancel(scene, next(iter(desk.live)))]
        if abs(move) < self.threshold:
            return []
        side = Side.SELL if move > 0 else Side.BUY
        best = (scene.view.bid if side == Side.BUY else scene.view.ask) or scene.middle
        price = scene.on_grid(best, side)
        return [desk.place(scene, side, Style.REST, price, desk.size(scene, 1.2))]


def join_call(style: Style) -> Turn:
    """Make what everybody does in a call: orders around the fair price, some of them crossing it."""

    def turn(desk: Desk, scene: Scene) -> list[Intent]:
        if len(desk.live) >= _NOISE_LIVE_LIMIT:
            return [desk.cancel(scene, next(iter(desk.live)))]
        side = _side(desk)
        away = scene.bips(desk.chance.gauss(4, 12))
        price = scene.on_grid(scene.fair - _sign(side) * away, side)
        chosen = style if desk.chance.random() < 0.3 else Style.REST
        return [desk.place(scene, side, chosen, price, desk.size(scene))]

    return turn


MAKERS, RANDOM, FOLLOWERS, CONTRARIANS = 3, 6, 2, 2
KINDS: Mapping[str, int] = {
    "maker": MAKERS,
    "noise": RANDOM,
    "momentum": FOLLOWERS,
    "reversion": CONTRARIANS,
}
"""How many of each kind there are in every market."""
TURNS_A_ROUND: Mapping[str, int] = {"noise": 40}
"""How often one of a kind may act before he hears what came of it; once, but for those who do not mind."""


def turn_of(kind: str) -> Turn:
    """Make the rules of one trader of a kind."""
    if kind == "maker":
        return make_market
    if kind == "noise":
        return trade_at_random
    return Follower() if kind == "momentum" else Contrarian()
