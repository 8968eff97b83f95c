"""Damage that only some states can have: it is found, and the fault says what it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from matcher.core.engine import Engine
from matcher.core.invariants import check
from matcher.core.rows import ELECTED, LISTED
from protocol.terms import CommandKind, ListKind, OrdType, SessionPhase, Side, TimeInForce
from tests.desk import Desk
from tests.engines import SMALL

ENTER = CommandKind.ENTER
Damage = Callable[[Engine], Any]


def slot_of(engine: Engine, order_id: int) -> int:
    (slot,) = np.flatnonzero(engine.blocks["orders"]["order_id"] == order_id)
    return int(slot)


def extra_of(engine: Engine, order_id: int) -> int:
    return int(engine.blocks["orders"]["extra"][slot_of(engine, order_id)])


def add(block: str, name: str, order_id: int, number: int) -> Damage:
    """Add to a field of an order, or of its extra row."""

    def damage(engine: Engine) -> None:
        find = slot_of if block == "orders" else extra_of
        engine.blocks[block][name][find(engine, order_id)] += number

    return damage


def flip(block: str, name: str, order_id: int, bits: int) -> Damage:
    """Flip bits of a field of an order."""
    return lambda engine: engine.blocks[block][name][slot_of(engine, order_id) :][:1].__ixor__(bits)


def named(engine: Engine, damage: Damage, words: str) -> bool:
    assert check(engine) == []
    damage(engine)
    found = check(engine)
    assert any(words in fault for fault in found), found
    return True


def opened() -> tuple[Engine, Desk, dict[str, int]]:
    engine = Engine(SMALL)
    desk = Desk(engine)
    desk.add_market(top=1_000)
    alice = desk.account("alice", {0: 10_000, 1: 10_000_000})
    order = {"account": alice, "ord_type": OrdType.LIMIT, "time_in_force": TimeInForce.GTC}
    return engine, desk, {**order, "order_qty": 1, "stp_mode": 1}


@pytest.fixture
def trailing() -> Engine:
    """Two extremes with two trailing sells each: orders 3 and 4 since 5.00, 7 and 8 since 4.90."""
    engine, desk, order = opened()
    stop = {**order, "ord_type": OrdType.STOP_LOSS, "side": Side.SELL}
    for price in (500, 490):
        for side in (Side.SELL, Side.BUY):
            desk.ask(ENTER, **order, side=side, price=price)
        for bips in (2_000, 3_000):
            desk.ask(ENTER, **stop, trailing_bips=bips)
    return engine


TRAILING: dict[str, tuple[Damage, str]] = {
    "extremes": (add("extras", "trailing_extreme", 3, -20), "not chained by their extremes"),
    "chain": (add("orders", "next", 3, 1), "not linked both ways"),
    "heap": (add("extras", "trigger_prev", 8, 1), "is out of order in its group"),
    "group": (flip("orders", "side", 8, 1), "is in another's group"),
}


@pytest.mark.parametrize("damage", TRAILING)
def test_damage_to_trailing_stops_is_named(trailing: Engine, damage: str) -> None:
    assert named(trailing, *TRAILING[damage])


@pytest.fixture
def call() -> Engine:
    """A call with a crossed book, orders without a limit, and one that waits for the close."""
    engine, desk, order = opened()
    desk.ask(CommandKind.SET_PHASE, term=SessionPhase.OPENING_AUCTION)
    desk.ask(ENTER, **order, side=Side.SELL, price=400)
    desk.ask(ENTER, **order, price=600)
    desk.ask(ENTER, **{**order, "ord_type": OrdType.MARKET})
    desk.ask(ENTER, **{**order, "time_in_force": TimeInForce.AT_CLOSE}, price=300)
    return engine


def mark_an_empty_level(engine: Engine) -> None:
    engine.blocks["bits"][0] |= np.uint64(2)


def clear_an_upper_tier(engine: Engine) -> None:
    engine.blocks["bits"][engine.blocks["tiers"][1]] = 0


CALL: dict[str, tuple[Damage, str]] = {
    "phase": (
        lambda e: e.blocks["instruments"]["phase"].__setitem__(0, SessionPhase.CONTINUOUS),
        "the book of instrument 0 is crossed",
    ),
    "bitmap": (mark_an_empty_level, "an empty level is marked"),
    "tier": (clear_an_upper_tier, "tier 1 of the bitmap is wrong"),
    "waiting": (
        lambda e: e.blocks["markets"]["waiting"].__setitem__(0, 0),
        "aside of its book are not chained",
    ),
    "place": (
        lambda e: e.blocks["extras"]["place"].__setitem__(extra_of(e, 4), ELECTED),
        "an elected stop has not acted",
    ),
    "list of an account": (flip("orders", "flags", 1, LISTED), "a live order is not listed"),
    "balance": (
        lambda e: e.blocks["balances"]["free"].reshape(-1).__setitem__(0, -1),
        "a balance is negative",
    ),
}


@pytest.mark.parametrize("damage", CALL)
def test_damage_in_a_call_is_named(call: Engine, damage: str) -> None:
    assert named(call, *CALL[damage])


@pytest.fixture
def listed() -> Engine:
    """An OTO list of orders 1 and 2, and order 3 of its own, a stop."""
    engine, desk, order = opened()
    legs = {**order, "list_kind": ListKind.OTO, "legs": 2}
    desk.send(
        {"kind": ENTER, **legs, "price": 20},
        {"kind": ENTER, **legs, "leg": 1, "side": Side.SELL, "price": 700},
    )
    desk.ask(ENTER, **{**order, "ord_type": OrdType.STOP_LOSS}, stop_px=800)
    return engine


LISTED_ORDERS: dict[str, tuple[Damage, str]] = {
    "count": (lambda e: e.blocks["lists"]["live"][1:2].__iadd__(1), "list 1 has 2 live legs"),
    "leg": (add("extras", "list", 1, 1), "has a leg that does not know it"),
    "stranger": (add("extras", "list", 3, 1), "a list that does not have it as a leg"),
}


@pytest.mark.parametrize("damage", LISTED_ORDERS)
def test_damage_to_lists_is_named(listed: Engine, damage: str) -> None:
    assert named(listed, *LISTED_ORDERS[damage])
