"""Crowds of trailing stops, held against the slow exchange: groups that meld, split and fire in turn."""

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from matcher.core.engine import Engine
from matcher.core.invariants import check
from protocol.terms import CommandKind, EventKind, OrdType, SessionPhase, Side, TimeInForce
from tests.comparison import compare, first_difference
from tests.desk import START_NS, apply_all, command_rows
from tests.engines import SMALL, reference

pytestmark = pytest.mark.property

TOP = 100_000
Fields = dict[str, int | bytes]


def opening() -> Iterator[Fields]:
    yield {"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"B"}
    yield {"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"Q"}
    yield {"kind": CommandKind.ADD_INSTRUMENT, "cl_ord_id": b"BQ", "term": 1, "amount": TOP}
    for number in (1, 2):
        yield {"kind": CommandKind.ADD_ACCOUNT, "cl_ord_id": b"a%d" % number}
        for asset in (0, 1):
            money = {"kind": CommandKind.DEPOSIT, "account": number, "asset": asset}
            yield {**money, "amount": 1 << 50}
    yield {"kind": CommandKind.SET_PHASE, "term": SessionPhase.CONTINUOUS}


def printed(price: int) -> Iterator[Fields]:
    """Two orders that trade with each other, if nothing better stands in between."""
    for side in (Side.SELL, Side.BUY):
        order = {"kind": CommandKind.ENTER, "account": 1 + side, "side": side, "order_qty": 1}
        yield {**order, "ord_type": OrdType.LIMIT, "time_in_force": 1, "price": price}


def crowd(seed: int, count: int) -> Iterator[Fields]:
    """A price that wanders, and trailing stops that come in crowds and leave from anywhere."""
    rng = Random(seed)
    price = rng.choice((30, 700, 60_000))
    deltas = rng.choice(((100, 200, 300), (1, 5, 9, 5_000), tuple(range(100, 2_000, 7))))
    yield from opening()
    if rng.random() < 0.5:
        yield from printed(price)
    entered = 4
    for _ in range(count):
        draw = rng.random()
        if draw < 0.55:
            entered += 1
            yield trailing(rng, price, deltas)
        elif draw < 0.80:
            price = max(2, min(TOP, price + rng.randint(-1, 1) * max(1, price // 50)))
            entered += 2
            yield from printed(price)
        else:
            account, order_id = rng.randint(1, 2), rng.randint(1, entered)
            yield {"kind": CommandKind.CANCEL, "account": account, "order_id": order_id}


def trailing(rng: Random, price: int, deltas: tuple[int, ...]) -> Fields:
    stop: Fields = {"kind": CommandKind.ENTER, "account": rng.randint(1, 2), "order_qty": 1}
    stop |= {"side": rng.randrange(2), "trailing_bips": rng.choice(deltas)}
    stop["ord_type"] = rng.choice((OrdType.STOP_LOSS, OrdType.TAKE_PROFIT_LIMIT))
    if stop["ord_type"] == OrdType.TAKE_PROFIT_LIMIT:
        stop |= {"price": price, "time_in_force": rng.choice((TimeInForce.IOC, TimeInForce.DAY))}
    if rng.random() < 0.3:
        stop["stop_px"] = max(1, price + rng.randint(-3, 3) * max(1, price // 100))
    return stop


def stamped(asked: Iterator[Fields]) -> np.ndarray:
    rows = command_rows(asked)
    rows["seq"] = np.arange(1, len(rows) + 1)
    rows["at_ns"] = START_NS + 1_000 * rows["seq"]
    return rows


@pytest.mark.parametrize("seed", range(60))
def test_crowds_are_answered_alike(seed: int) -> None:
    rows = stamped(crowd(seed, 500))
    expected = apply_all(reference(SMALL), rows)
    engine = Engine(SMALL)
    found = []
    for first in range(0, len(rows), 50):
        found.append(apply_all(engine, rows[first : first + 50]))
        assert check(engine) == []
    if first_difference(expected, np.concatenate(found)):
        raise AssertionError(compare(rows, SMALL))
    assert (expected["kind"] == EventKind.TRIGGERED).sum() > 50


def test_what_stands_for_others_takes_them_along_when_the_day_ends() -> None:
    rows = list(crowd(7, 300))
    rows.append({"kind": CommandKind.SET_PHASE, "term": SessionPhase.HALTED, "flags": 8})
    commands = stamped(iter(rows))
    assert compare(commands, SMALL) == ""
    engine = Engine(SMALL)
    last = apply_all(engine, commands)
    assert (last["kind"] == EventKind.CANCELED).sum() > 20
    assert engine.blocks["state"]["orders"][0] == 0
    assert check(engine) == []
