"""Make up an exchange to test: capacities, instruments with rules of their own, funded accounts."""

from dataclasses import dataclass, replace
from random import Random

from matcher.core.state import Capacities
from protocol.terms import (
    AccountTerm,
    AuctionRule,
    CommandKind,
    InstrumentFeature,
    InstrumentTerm,
    SessionPhase,
    StpMode,
)
from tests.engines import SMALL

Fields = dict[str, int | bytes]

TOP = 64
"""Highest price of a made-up ladder; trading stays around the middle."""
ACCOUNTS = 6
_FUNDS = 4_000
_CRAMPED = Capacities(
    orders=20,
    accounts=8,
    assets=4,
    instruments=3,
    account_orders=7,
    price_levels=4 * (TOP + 1),
    dedupe_window_ns=2_000_000,
    dedupe_capacity=6,
    references=4,
    lists=4,
    iceberg_slices=24,
)
_SHORT_MEMORY = replace(SMALL, dedupe_window_ns=1_000_000)
_NO_MEMORY = replace(SMALL, dedupe_window_ns=0, dedupe_capacity=0, references=0)

_ALL_FEATURES = int(sum(InstrumentFeature))
_RULES: dict[InstrumentTerm, tuple[int, ...]] = {
    InstrumentTerm.TICK_SIZE: (1, 1, 1, 2, 4),
    InstrumentTerm.LOT_SIZE: (1, 1, 1, 2),
    InstrumentTerm.MIN_QTY: (0, 0, 2),
    InstrumentTerm.MAX_QTY: (10_000, 30),
    InstrumentTerm.MARKET_LOT_SIZE: (0, 0, 3),
    InstrumentTerm.MARKET_MIN_QTY: (0, 0, 3),
    InstrumentTerm.MARKET_MAX_QTY: (0, 0, 12),
    InstrumentTerm.MIN_PRICE: (0, 0, 10),
    InstrumentTerm.MAX_PRICE: (TOP, TOP, 50),
    InstrumentTerm.MIN_NOTIONAL: (0, 0, 0, 40),
    InstrumentTerm.MAX_NOTIONAL: (0, 0, 0, 5_000),
    InstrumentTerm.APPLY_MIN_TO_MARKET: (0, 1),
    InstrumentTerm.APPLY_MAX_TO_MARKET: (0, 1),
    InstrumentTerm.BID_MULTIPLIER_UP: (0, 0, 15_000),
    InstrumentTerm.BID_MULTIPLIER_DOWN: (0, 0, 6_000),
    InstrumentTerm.ASK_MULTIPLIER_UP: (0, 0, 15_000),
    InstrumentTerm.ASK_MULTIPLIER_DOWN: (0, 0, 6_000),
    InstrumentTerm.ICEBERG_PARTS: (0, 0, 6),
    InstrumentTerm.MAX_NUM_ORDERS: (0, 0, 8),
    InstrumentTerm.MAX_NUM_ALGO_ORDERS: (0, 0, 3),
    InstrumentTerm.MAX_NUM_ICEBERG_ORDERS: (0, 0, 1),
    InstrumentTerm.MAX_NUM_ORDER_LISTS: (0, 0, 1),
    InstrumentTerm.MAX_NUM_ORDER_AMENDS: (0, 0, 1),
    InstrumentTerm.MAX_POSITION: (0, 0, 5_000, 600),
    InstrumentTerm.MIN_TRAILING_ABOVE: (0, 0, 200),
    InstrumentTerm.MAX_TRAILING_ABOVE: (0, 0, 2_000),
    InstrumentTerm.MIN_TRAILING_BELOW: (0, 0, 200),
    InstrumentTerm.MAX_TRAILING_BELOW: (0, 0, 2_000),
    InstrumentTerm.MAKER_FEE_PPM: (0, 1_000, 20_000),
    InstrumentTerm.TAKER_FEE_PPM: (0, 2_500, 100_000),
    InstrumentTerm.DEFAULT_STP: tuple(mode for mode in StpMode if mode != StpMode.DEFAULT),
    InstrumentTerm.ALLOWED_STP: (62, 62, 62, 30),
    InstrumentTerm.ALLOWED_ORD_TYPES: (254, 254, 254, 254, 190),
    InstrumentTerm.FEATURES: (_ALL_FEATURES,) * 9 + (0,),
    InstrumentTerm.STATIC_COLLAR: (0, 0, 5_000),
    InstrumentTerm.DYNAMIC_COLLAR: (0, 0, 1_500, 3_000),
    InstrumentTerm.AUCTION_RULE: tuple(AuctionRule),
    InstrumentTerm.VOLATILITY_AUCTION_NS: (0, 300_000, 2_000_000),
    InstrumentTerm.HALT_CANCELS: (0, 0, 1),
    InstrumentTerm.REFERENCE_PRICE: (0, 0, 30, 37),
}
"""What a made-up instrument's terms may be; a value named twice is twice as likely."""


@dataclass(frozen=True)
class World:
    """An exchange to be opened: its capacities and the commands that set it up."""

    capacities: Capacities
    instruments: int
    opening: list[Fields]


def make_world(rng: Random) -> World:
    """Make up an exchange."""
    cramped = rng.random() < 0.2
    capacities = _CRAMPED if cramped else rng.choice([SMALL, SMALL, _SHORT_MEMORY, _NO_MEMORY])
    instruments = 1 if cramped else rng.randint(1, 2)
    opening: list[Fields] = [
        {"kind": CommandKind.ADD_ASSET, "cl_ord_id": f"ASSET{number}".encode(), "amount": decimals}
        for number, decimals in enumerate((1, 3, 2))
    ]
    for number in range(instruments):
        opening.append(
            {
                "kind": CommandKind.ADD_INSTRUMENT,
                "cl_ord_id": f"PAIR{number}".encode(),
                "asset": number * 2,
                "term": 1,
                "price": 1,
                "order_qty": 1,
                "amount": TOP,
            }
        )
        opening += _rules(rng, number)
    for account in range(1, ACCOUNTS + 1):
        opening += _account(rng, account)
    for number in range(instruments):
        opening.append(
            {
                "kind": CommandKind.SET_PHASE,
                "instrument": number,
                "term": SessionPhase.CONTINUOUS,
            }
        )
    return World(capacities, instruments, opening)


def random_term(rng: Random) -> tuple[InstrumentTerm, int]:
    """Return a term that may be set while the market is open, and a value for it."""
    term = rng.choice(list(_RULES))
    return term, rng.choice(_RULES[term])


def _rules(rng: Random, instrument: int) -> list[Fields]:
    """Set the terms of an instrument; few worlds have many rules at once, or nothing would trade."""
    strictness = rng.choice([0.05, 0.15, 0.4])
    always = (InstrumentTerm.DEFAULT_STP, InstrumentTerm.AUCTION_RULE, InstrumentTerm.MAKER_FEE_PPM)
    return [
        {
            "kind": CommandKind.SET_INSTRUMENT,
            "instrument": instrument,
            "term": term,
            "amount": rng.choice(values),
        }
        for term, values in _RULES.items()
        if term in always or rng.random() < strictness
    ]


def _account(rng: Random, account: int) -> list[Fields]:
    opening: list[Fields] = [
        {"kind": CommandKind.ADD_ACCOUNT, "cl_ord_id": f"trader{account}".encode()}
    ]
    for asset, unit in ((0, 1), (1, 30 * 10), (2, 10)):
        amount = int(_FUNDS * unit * rng.choice([0.02, 1, 1, 5]))
        opening.append(
            {"kind": CommandKind.DEPOSIT, "account": account, "asset": asset, "amount": amount}
        )
    for term, value in ((AccountTerm.TRADE_GROUP, 7), (AccountTerm.FEE_TIER, 1)):
        if rng.random() < 0.3:
            opening.append(
                {
                    "kind": CommandKind.SET_ACCOUNT,
                    "account": account,
                    "term": term,
                    "amount": value,
                }
            )
    return opening
