"""The invariants hold through everything, and see each kind of damage."""

import numpy as np
import pytest

from matcher.core.engine import Engine
from matcher.core.invariants import check, live_slots
from protocol.terms import CommandKind
from tests.command_stream import CommandStream
from tests.desk import Desk, apply_all
from tests.engines import SMALL


@pytest.mark.parametrize("seed", range(2_000, 2_006))
def test_nothing_is_wrong_after_any_command(seed):
    stream = CommandStream(seed)
    engine = Engine(stream.world.capacities)
    for _ in range(60):
        commands = stream.next_chunk()[0]
        apply_all(engine, commands)
        assert check(engine) == []


@pytest.fixture
def engine():
    """An exchange with a few orders of every sort in its book."""
    engine = Engine(SMALL)
    desk = Desk(engine)
    desk.add_market(top=1_000)
    desk.set_term(25, 100)
    alice = desk.account("alice", {0: 10_000, 1: 10_000_000})
    limit = {"account": alice, "ord_type": 1, "time_in_force": 1}
    for number, price in enumerate([50, 50, 50, 49, 700]):
        name = b"a%d" % number
        desk.ask(CommandKind.ENTER, **limit, price=price % 600, order_qty=10, cl_ord_id=name)
    desk.ask(CommandKind.ENTER, **limit, side=1, price=200, order_qty=10, display_qty=3)
    desk.ask(
        CommandKind.ENTER, **{**limit, "time_in_force": 5}, price=9, order_qty=1, expire_ns=1 << 62
    )
    desk.ask(CommandKind.ENTER, **limit, price=30, order_qty=10)
    for number in (2, 8):
        desk.ask(CommandKind.CANCEL, account=alice, order_id=number)
    assert check(engine) == []
    return engine


def order(engine, number):
    """The row of the order with this id."""
    orders = engine.blocks["orders"]
    return orders[np.flatnonzero(orders["order_id"] == number)[0] :][:1]


def level(engine, position):
    """The row of the level at a BUY price of instrument 0."""
    row = int(engine.blocks["ladder"][position])
    assert row != 0
    return engine.blocks["levels"][row : row + 1]


def freed(engine):
    """The row that a level used and left."""
    row = int(engine.blocks["state"]["free_level"][0])
    assert row <= engine.blocks["state"]["level_top"][0]
    return engine.blocks["levels"][row : row + 1]


DAMAGE = {
    "an order's quantity": lambda e: order(e, 1)["leaves_qty"].__iadd__(1),
    "an order's price": lambda e: order(e, 1)["price"].__iadd__(1),
    "an order's account": lambda e: order(e, 4)["account"].__isub__(1),
    "a link to the order before": lambda e: order(e, 3)["prev"].__iadd__(1),
    "a link to the next order": lambda e: order(e, 1)["next"].__iadd__(1),
    "a mark": lambda e: order(e, 1)["flags"].__ixor__(4),
    "the number of orders": lambda e: e.blocks["state"]["orders"].__iadd__(1),
    "the free rows": lambda e: e.blocks["state"]["free_order"].__imul__(0),
    "the free extra rows": lambda e: e.blocks["state"]["extra_top"].__iadd__(1),
    "an extra row's owner": lambda e: e.blocks["extras"]["order"][1:2].__iadd__(1),
    "the slices": lambda e: e.blocks["state"]["slices"].__iadd__(1),
    "a free balance": lambda e: e.blocks["balances"]["free"][:, 1].__iadd__(1),
    "a locked balance": lambda e: e.blocks["balances"]["locked"][:, 1].__iadd__(1),
    "an asset's total": lambda e: e.blocks["totals"].__iadd__(1),
    "the version of an account": lambda e: e.blocks["accounts"]["version"].__iadd__(1),
    "the length of an account's list": lambda e: e.blocks["accounts"]["order_count"][1:2].__isub__(
        1
    ),
    "an account's list": lambda e: e.blocks["account_orders"][:, 1].__iadd__(1),
    "the table of ids": lambda e: e.blocks["id_slots"].__ixor__(1),
    "the id index": lambda e: e.blocks["id_index"].__ixor__(1),
    "the text index": lambda e: e.blocks["text_index"].__imul__(0),
    "the order of the text index": lambda e: e.blocks["text_index"].__setitem__(
        slice(None), np.roll(e.blocks["text_index"], 1)
    ),
    "the remembered ids": lambda e: e.blocks["state"]["finished_count"].__imul__(0),
    "a count": lambda e: e.blocks["counts"]["orders"][1].__iadd__(1),
    "the quantity open to buy": lambda e: e.blocks["counts"]["buy_qty"][1].__iadd__(1),
    "the best bid": lambda e: e.blocks["markets"]["best_bid"].__iadd__(1),
    "the best ask": lambda e: e.blocks["markets"]["best_ask"].__imul__(0),
    "a bitmap": lambda e: e.blocks["bits"].__imul__(0),
    "a level's quantity": lambda e: level(e, 50)["qty"].__iadd__(1),
    "a level's hidden quantity": lambda e: level(e, 50)["hidden_qty"].__iadd__(1),
    "a level's count": lambda e: level(e, 50)["order_count"].__iadd__(1),
    "a level's last order": lambda e: level(e, 50)["tail"].__iadd__(1),
    "where a level stands": lambda e: level(e, 50)["position"].__iadd__(1),
    "a level in the ladder": lambda e: e.blocks["ladder"][50:51].__imul__(0),
    "a level that is not marked": lambda e: e.blocks["ladder"][51:52].__iadd__(1),
    "the free levels": lambda e: e.blocks["state"]["free_level"].__iadd__(1),
    "a circle of free levels": lambda e: freed(e)["head"].__isub__(1),
    "the heap of expiries": lambda e: e.blocks["expiries"][:1].__iadd__(1),
    "the number of stops": lambda e: e.blocks["markets"]["stops"].__iadd__(1),
    "the number of lists": lambda e: e.blocks["state"]["lists"].__iadd__(1),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(engine, damage):
    DAMAGE[damage](engine)
    assert check(engine) != []


def test_live_orders_are_those_with_an_id(engine):
    ids = engine.blocks["orders"]["order_id"][live_slots(engine.blocks)]
    assert sorted(ids.tolist()) == [1, 3, 4, 5, 6, 7]
