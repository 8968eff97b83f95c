"""The short way of plain orders does what the general way does, event for event."""

import dataclasses

import numpy as np
import pytest

from benchmarks.core_flow import Translator, opening
from benchmarks.order_flow import FLOW_DTYPE, build
from matcher.core.engine import Engine
from matcher.core.invariants import check
from matcher.core.kernel import INTERPRETED
from protocol.terms import InstrumentTerm, Side, StpMode
from tests.command_stream import CommandStream
from tests.comparison import first_difference
from tests.desk import Desk, apply_all
from tests.engines import SMALL

MARKET = dataclasses.replace(SMALL, accounts=1_024, assets=4)
FLOW = 1_500 if INTERPRETED else 6_000


def long_way(engine):
    """Let no command go the short way."""
    engine.blocks["limits"]["long_way"][0] = 1
    return engine


@pytest.mark.parametrize("seed", range(4_000, 4_010))
def test_generated_streams_go_both_ways_alike(seed):
    stream = CommandStream(seed)
    commands = np.concatenate([stream.next_chunk()[0] for _ in range(100)])
    short, long = Engine(stream.world.capacities), long_way(Engine(stream.world.capacities))
    assert first_difference(apply_all(long, commands), apply_all(short, commands)) == ""
    assert short.digest() == long.digest()


@pytest.mark.parametrize("text_ids", [False, True])
def test_a_busy_market_goes_both_ways_alike(text_ids):
    records, _ = build(1, 99, FLOW)
    flow = np.frombuffer(records, FLOW_DTYPE)
    opened = opening(1)
    commands = Translator(10_000, len(opened) + 1, text_ids=text_ids).translate(flow)
    short, long = Engine(MARKET), long_way(Engine(MARKET))
    for engine in (short, long):
        apply_all(engine, opened)
    assert first_difference(apply_all(long, commands), apply_all(short, commands)) == ""
    assert short.digest() == long.digest()
    assert check(short) == []


EDGES = (0, 1, -1, 5, 1 << 31, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, -(1 << 63), -(1 << 63) + 5)
TERMS = (
    {},
    {InstrumentTerm.MIN_PRICE: 5, InstrumentTerm.MIN_QTY: 5, InstrumentTerm.MAX_QTY: 1_000},
    {InstrumentTerm.TICK_SIZE: 5, InstrumentTerm.LOT_SIZE: 5},
    {InstrumentTerm.MIN_NOTIONAL: 100, InstrumentTerm.MAX_NUM_ORDERS: 3},
    {InstrumentTerm.ALLOWED_ORD_TYPES: 4},
    {InstrumentTerm.ALLOWED_STP: 1 << StpMode.NONE},
    {InstrumentTerm.MAX_POSITION: 10},
)


@pytest.mark.parametrize("terms", TERMS)
def test_numbers_at_every_edge_go_both_ways_alike(terms):
    desks = [Desk(Engine(SMALL)), Desk(long_way(Engine(SMALL)))]
    told = []
    for desk in desks:
        desk.add_market(top=10_000, terms=terms)
        alice = desk.account("alice", {0: 1 << 40, 1: 1 << 40})
        desk.ask(31, cl_ord_id=b"nobody")
        base = {"account": alice, "ord_type": 1, "time_in_force": 1, "price": 10, "order_qty": 10}
        answers = [desk.ask(1, **base, side=side) for side in Side]
        for name in ("price", "order_qty", "quote_qty", "stop_px", "display_qty", "expire_ns"):
            answers += [desk.ask(1, **{**base, name: edge}) for edge in EDGES]
        for name, values in {
            "stp_mode": range(8),
            "side": (0, 1, 2, 255),
            "account": (0, 1, 2, 99, (1 << 32) - 1),
            "instrument": (0, 1, 65_535),
            "leg": (0, 1),
            "legs": (0, 200),
            "strategy_id": (1,),
            "strategy_type": (1,),
            "trailing_bips": (1,),
            "cl_ord_id": (b"x", b"x", b"y"),
        }.items():
            answers += [desk.ask(1, **{**base, name: value}) for value in values]
        live = [number for number, event in desk.orders.items() if event.leaves_qty][:6]
        for number in [*live, *live, *EDGES]:
            for more in ({}, {"flags": 2}, {"flags": 4}, {"target_cl_ord_id": b"x"}):
                answers.append(desk.ask(2, account=alice, order_id=number, **more))
        answers.append(desk.ask(2, account=99, order_id=1))
        answers.append(desk.ask(2, account=alice, order_id=1, instrument=9))
        told.append(answers)
    assert told[0] == told[1]
    assert check(desks[0].engine) == []


def test_a_frozen_account_goes_neither_way():
    desk = Desk(Engine(SMALL))
    desk.add_market()
    alice = desk.account("alice", {0: 1 << 40, 1: 1 << 40})
    order = {"account": alice, "ord_type": 1, "time_in_force": 1, "price": 10, "order_qty": 10}
    desk.ask(1, **order)
    desk.ask(34, account=alice, term=0, amount=1)
    assert desk.ask(1, **order)[0].reason == 4
    desk.ask(34, account=alice, term=0, amount=2)
    assert desk.ask(2, account=alice, order_id=1)[0].reason == 3
    desk.ask(34, account=alice, term=0, amount=1)
    assert desk.ask(2, account=alice, order_id=1)[0].reason == 0
