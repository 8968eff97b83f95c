"""The invariants of what watches the price or waits for the clock see each kind of damage."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from matcher.core.engine import Engine
from matcher.core.invariants import check
from protocol.terms import CommandKind, ListKind, OrdType, Side, TimeInForce
from tests.desk import Desk
from tests.engines import SMALL

ENTER = CommandKind.ENTER


@pytest.fixture
def engine() -> Engine:
    """Stops on both ladders, two of them at one price; trailing ones; expiries; a pending list."""
    engine = Engine(SMALL)
    desk = Desk(engine)
    desk.add_market(top=1_000)
    alice = desk.account("alice", {0: 10_000, 1: 10_000_000})
    limit = {"account": alice, "ord_type": OrdType.LIMIT, "time_in_force": TimeInForce.GTC}
    for side, maker in ((Side.SELL, 1), (Side.BUY, 1)):
        desk.ask(ENTER, **limit, side=side, price=500, order_qty=1, stp_mode=maker)
    stop = {"account": alice, "ord_type": OrdType.STOP_LOSS, "order_qty": 1, "stp_mode": 1}
    for side, stop_px in ((Side.BUY, 600), (Side.BUY, 600), (Side.SELL, 400), (Side.SELL, 390)):
        desk.ask(ENTER, **stop, side=side, stop_px=stop_px)
    for bips in (100, 2_000):
        desk.ask(ENTER, **stop, side=Side.SELL, trailing_bips=bips)
        desk.ask(ENTER, **stop, side=Side.BUY, trailing_bips=bips)
    timed = {**limit, "time_in_force": TimeInForce.GTD, "order_qty": 1}
    for number in range(5):
        desk.ask(ENTER, **timed, price=10 + number, expire_ns=(1 << 62) + number)
    legs = {**limit, "list_kind": ListKind.OTO, "legs": 2, "request_id": 7, "order_qty": 1}
    desk.ask(ENTER, **legs, price=20)
    desk.ask(ENTER, **legs, leg=1, side=Side.SELL, price=700)
    assert engine.blocks["state"]["orders"][0] == 15
    assert check(engine) == []
    return engine


def swap(rows: Any, one: int, other: int) -> None:
    rows[[one, other]] = rows[[other, one]]


def extra_of(engine: Engine, order_id: int) -> int:
    orders = engine.blocks["orders"]
    (slot,) = np.flatnonzero(orders["order_id"] == order_id)
    return int(orders["extra"][slot])


def set_extra(name: str, order_id: int, value: int) -> Callable[[Engine], None]:
    def damage(engine: Engine) -> None:
        engine.blocks["extras"][name][extra_of(engine, order_id)] += value

    return damage


def two_levels_swapped(engine: Engine) -> None:
    triggers = engine.blocks["triggers"]
    filled = np.flatnonzero(triggers["head"])
    swap(triggers, filled[0], filled[1])


def a_stop_out_of_its_ladder(engine: Engine) -> None:
    triggers = engine.blocks["triggers"]
    triggers[np.flatnonzero(triggers["head"])[0]] = 0


def a_bit_of_an_empty_level(engine: Engine) -> None:
    mark = int(engine.blocks["limits"]["ladder_cells"][0]) + 1
    engine.blocks["bits"][mark >> 6] |= np.uint64(1 << (mark & 63))


DAMAGE: dict[str, Callable[[Engine], None]] = {
    "two trigger levels swapped": two_levels_swapped,
    "a stop taken out of its ladder": a_stop_out_of_its_ladder,
    "a bit of an empty trigger level": a_bit_of_an_empty_level,
    "a trigger price": set_extra("trigger_px", 5, 1),
    "the order of activation": set_extra("active_since", 3, 100),
    "a link between stops": set_extra("trigger_prev", 4, 1),
    "an extreme": set_extra("trailing_extreme", 7, 100),
    "a tail of the trailing stops": lambda e: e.blocks["markets"]["falling_tail"].__imul__(0),
    "an expiry time": set_extra("expire_ns", 11, 100),
    "a place among the expiries": set_extra("expiry_pos", 12, 1),
    "the heap": lambda e: swap(e.blocks["expiries"], 0, 4),
    "the chain of pending lists": lambda e: e.blocks["markets"]["pending"].__imul__(0),
    "the mark of a pending list": lambda e: e.blocks["lists"]["pending"].__imul__(0),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(engine: Engine, damage: str) -> None:
    DAMAGE[damage](engine)
    assert check(engine) != []
