"""Ladders of a million prices, held against the slow exchange: bitmaps of four tiers, stops far apart.

The generated streams elsewhere crowd together on sixty-four prices; here orders, triggers and trailing
extremes lie in different words and tiers, and the price leaps between them.
"""

from collections.abc import Iterator
from random import Random

import numpy as np
import pytest

from protocol.terms import (
    AuctionRule,
    CommandKind,
    InstrumentTerm,
    ListKind,
    OrdType,
    SessionPhase,
    Side,
    TimeInForce,
)
from tests.comparison import compare
from tests.desk import START_NS, command_rows
from tests.engines import SMALL

pytestmark = pytest.mark.property

TOP = 1_500_000
ACCOUNTS = 4
STOPS = (
    OrdType.STOP_LOSS,
    OrdType.STOP_LOSS_LIMIT,
    OrdType.TAKE_PROFIT,
    OrdType.TAKE_PROFIT_LIMIT,
)
Fields = dict[str, int | bytes]


class WideMarket:
    """Makes commands around a few prices that lie words and tiers apart."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.tick = self.rng.choice((1, 1, 5, 64))
        self.places = [self.rng.randrange(1, TOP) for _ in range(6)]
        self.places += [self.places[0] + self.rng.randrange(200) for _ in range(3)]

    def opening(self) -> Iterator[Fields]:
        yield {"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"B"}
        yield {"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"Q"}
        yield {"kind": CommandKind.ADD_INSTRUMENT, "cl_ord_id": b"BQ", "term": 1, "amount": TOP}
        for term, value in (
            (InstrumentTerm.TICK_SIZE, self.tick),
            (InstrumentTerm.AUCTION_RULE, self.rng.choice(list(AuctionRule))),
        ):
            yield {"kind": CommandKind.SET_INSTRUMENT, "term": term, "amount": value}
        for number in range(1, ACCOUNTS + 1):
            yield {"kind": CommandKind.ADD_ACCOUNT, "cl_ord_id": b"a%d" % number}
            for asset in (0, 1):
                yield {
                    "kind": CommandKind.DEPOSIT,
                    "account": number,
                    "asset": asset,
                    "amount": 1 << 50,
                }
        yield {"kind": CommandKind.SET_PHASE, "term": SessionPhase.CONTINUOUS}

    def price(self) -> int:
        near = self.rng.choice(self.places) + self.rng.choice((0, 0, 1, -1, 63, -64, 4097))
        return max(1, min(near, TOP) // self.tick) * self.tick

    def order(self) -> Fields:
        rng = self.rng
        order: Fields = {
            "kind": CommandKind.ENTER,
            "account": rng.randint(1, ACCOUNTS),
            "side": rng.randrange(2),
            "order_qty": rng.randint(1, 30),
            "time_in_force": TimeInForce.GTC,
        }
        draw = rng.random()
        if draw < 0.45:
            order |= {"ord_type": OrdType.LIMIT, "price": self.price()}
        elif draw < 0.55:
            order |= {"ord_type": OrdType.MARKET}
        else:
            order |= self.stop()
        if rng.random() < 0.1:
            order |= {"time_in_force": TimeInForce.GTD, "expire_ns": rng.randrange(1 << 20)}
        return order

    def stop(self) -> Fields:
        ord_type = self.rng.choice(STOPS)
        stop: Fields = {"ord_type": ord_type}
        if self.rng.random() < 0.5:
            stop["trailing_bips"] = self.rng.choice((1, 10, 137, 2_000, 9_999))
        if "trailing_bips" not in stop or self.rng.random() < 0.5:
            stop["stop_px"] = self.price()
        if ord_type in (OrdType.STOP_LOSS_LIMIT, OrdType.TAKE_PROFIT_LIMIT):
            stop["price"] = self.price()
        return stop

    def bracket(self) -> list[Fields]:
        """A working order with a profit leg above and a stop leg below it."""
        account, at = self.rng.randint(1, ACCOUNTS), self.price()
        asked = {"kind": CommandKind.ENTER, "account": account, "list_kind": ListKind.OTOCO}
        asked |= {"legs": 3, "order_qty": 10, "request_id": self.rng.randrange(1 << 30)}
        away = self.tick * self.rng.randint(1, 5_000)
        up, down = min(at + away, TOP // self.tick * self.tick), max(at - away, self.tick)
        return [
            {**asked, "ord_type": OrdType.LIMIT, "time_in_force": 1, "price": at},
            {**asked, "leg": 1, "side": Side.SELL, "ord_type": OrdType.LIMIT_MAKER, "price": up},
            {**asked, "leg": 2, "side": Side.SELL, "ord_type": OrdType.STOP_LOSS, "stop_px": down},
        ]

    def commands(self, count: int) -> Iterator[Fields]:
        yield from self.opening()
        for number in range(count):
            draw = self.rng.random()
            if draw < 0.80:
                yield self.order()
            elif draw < 0.85:
                yield from self.bracket()
            elif draw < 0.93:
                account, order_id = self.rng.randint(1, ACCOUNTS), self.rng.randint(1, number + 1)
                yield {"kind": CommandKind.CANCEL, "account": account, "order_id": order_id}
            elif draw < 0.96:
                yield {"kind": CommandKind.TICK}
            else:
                yield from self.call()

    def call(self) -> Iterator[Fields]:
        yield {"kind": CommandKind.SET_PHASE, "term": SessionPhase.VOLATILITY_AUCTION}
        for _ in range(self.rng.randrange(12)):
            yield self.order()
        yield {"kind": CommandKind.TICK}
        yield {"kind": CommandKind.SET_PHASE, "term": SessionPhase.CONTINUOUS}


@pytest.mark.parametrize("seed", range(40))
def test_far_prices_are_answered_alike(seed: int) -> None:
    rows = command_rows(WideMarket(seed).commands(400))
    rows["seq"] = np.arange(1, len(rows) + 1)
    rows["at_ns"] = START_NS + 1_000 * rows["seq"]
    timed = rows["expire_ns"] > 0
    rows["expire_ns"][timed] += rows["at_ns"][timed]
    assert compare(rows, SMALL) == ""
