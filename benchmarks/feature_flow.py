"""Flows that lean on one feature each: stops, icebergs, self-trade prevention, deep and wide books.

A flow is recorded first, on an engine of its own: the generator sees the events of what it sent so
far, so it knows the last price and which orders live, and every cancel names one that does. The
recorded commands are what is measured.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from benchmarks.core_flow import START_NS, batches, opening
from matcher.core.engine import Engine
from matcher.core.state import Capacities
from protocol.layout import Rows
from protocol.records import Command
from protocol.terms import (
    CommandKind,
    EventKind,
    OrdStatus,
    OrdType,
    SessionPhase,
    Side,
    StpMode,
    TimeInForce,
)

BATCH = 1024
MIDDLE = 50_000
ACCOUNTS = 1000
_OVER = (
    OrdStatus.FILLED,
    OrdStatus.CANCELED,
    OrdStatus.EXPIRED,
    OrdStatus.EXPIRED_IN_MATCH,
    OrdStatus.REJECTED,
)
_STOPS = (
    OrdType.STOP_LOSS,
    OrdType.STOP_LOSS_LIMIT,
    OrdType.TAKE_PROFIT,
    OrdType.TAKE_PROFIT_LIMIT,
)


def roomy(orders: int) -> Capacities:
    """Give capacities for a benchmark of so many live orders."""
    return Capacities(
        orders=orders,
        accounts=ACCOUNTS + 1,
        assets=2,
        instruments=1,
        account_orders=1 << 14,
        price_levels=2 * MIDDLE + 2,
    )


def open_engine(capacities: Capacities) -> Engine:
    """Make an engine with one open instrument and a thousand funded accounts."""
    engine = Engine(capacities)
    for batch in batches(opening(1), BATCH):
        engine.apply(batch)
    return engine


@dataclass
class Recorder:
    """Sends what a generator makes to an engine, and remembers what the generator must know."""

    engine: Engine
    seed: int
    seq: int = 1 << 20
    last_px: int = MIDDLE
    live: list[int] = field(default_factory=list)
    owner: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)

    def record(self, make: "Maker", count: int, chunk: int = 128) -> Rows:
        """Record about `count` commands."""
        made = []
        total = 0
        while total < count:
            rows = np.concatenate([make(self) for _ in range(chunk)])
            rows["seq"] = np.arange(self.seq, self.seq + len(rows))
            rows["at_ns"] = START_NS + rows["seq"]
            self.seq += len(rows)
            self.learn(self.engine.apply(rows)[0])
            made.append(rows)
            total += len(rows)
        return np.concatenate(made)

    def learn(self, events: Rows) -> None:
        """Note what events say about live orders and the last price."""
        for event in events[events["kind"] == EventKind.ACCEPTED]:
            self.owner[int(event["order_id"])] = int(event["account"])
        trades = events[events["kind"] == EventKind.TRADE]
        if len(trades):
            self.last_px = int(trades[-1]["last_px"])
        for order_id in events[np.isin(events["ord_status"], _OVER)]["order_id"]:
            self.owner.pop(int(order_id), None)
        self.live = list(self.owner)

    def enter(self, **fields: int) -> Rows:
        """Make an order of a random account."""
        row = np.zeros(1, Command.dtype)
        row["kind"] = CommandKind.ENTER
        row["account"] = self.rng.integers(1, ACCOUNTS + 1)
        row["ord_type"] = OrdType.LIMIT
        row["time_in_force"] = TimeInForce.GTC
        row["stp_mode"] = StpMode.NONE
        row["order_qty"] = self.rng.integers(1, 500)
        for name, value in fields.items():
            row[name] = value
        return row

    def cancel(self) -> Rows:
        """Make a cancel of a live order."""
        if not self.live:
            return passive(self)
        at = int(self.rng.integers(len(self.live)))
        self.live[at], self.live[-1] = self.live[-1], self.live[at]
        order_id = self.live.pop()
        row = np.zeros(1, Command.dtype)
        row["kind"] = CommandKind.CANCEL
        row["order_id"] = order_id
        row["account"] = self.owner[order_id]
        return row


Maker = Callable[[Recorder], Rows]


def passive(recorder: Recorder, **fields: int) -> Rows:
    """Rest an order up to some hundred ticks from the last price."""
    side = int(recorder.rng.integers(2))
    away = int(recorder.rng.geometric(0.02))
    price = recorder.last_px - away if side == Side.BUY else recorder.last_px + away
    return recorder.enter(side=side, price=_inside(price), **fields)


def marketable(recorder: Recorder, **fields: int) -> Rows:
    """Take what stands within a few ticks; the drift goes back to the middle of the ladder."""
    low = recorder.last_px < MIDDLE
    side = Side.BUY if (recorder.rng.random() < 0.55) == low else Side.SELL
    price = recorder.last_px + 60 if side == Side.BUY else recorder.last_px - 60
    return recorder.enter(side=side, price=_inside(price), time_in_force=TimeInForce.IOC, **fields)


def stops(recorder: Recorder) -> Rows:
    """Every second command a stop, one in five of them trailing."""
    draw = recorder.rng.random()
    if draw < 0.25:
        return recorder.cancel()
    if draw < 0.35:
        return marketable(recorder)
    if draw < 0.50:
        return passive(recorder)
    ord_type = _STOPS[recorder.rng.integers(4)]
    side = int(recorder.rng.integers(2))
    rising = (ord_type in _STOPS[:2]) == (side == Side.BUY)
    away = 60 + int(recorder.rng.geometric(0.01))
    stop_px = _inside(recorder.last_px + away if rising else recorder.last_px - away)
    with_limit = ord_type in (OrdType.STOP_LOSS_LIMIT, OrdType.TAKE_PROFIT_LIMIT)
    trails = recorder.rng.random() < 0.2
    return recorder.enter(
        side=side,
        ord_type=ord_type,
        stop_px=0 if trails else stop_px,
        trailing_bips=int(recorder.rng.integers(10, 200)) if trails else 0,
        price=stop_px if with_limit else 0,
    )


def icebergs(recorder: Recorder) -> Rows:
    """Every second command an iceberg of up to ten slices."""
    draw = recorder.rng.random()
    if draw < 0.25:
        return recorder.cancel()
    if draw < 0.50:
        return marketable(recorder)
    slices = int(recorder.rng.integers(2, 11))
    return passive(recorder, order_qty=50 * slices, display_qty=50)


def prevention(recorder: Recorder) -> Rows:
    """Four accounts that keep meeting themselves, in every mode."""
    draw = recorder.rng.random()
    account = int(recorder.rng.integers(1, 5))
    if draw < 0.20:
        return recorder.cancel()
    if draw < 0.60:
        return passive(recorder, account=account)
    mode = int(recorder.rng.integers(StpMode.EXPIRE_TAKER, StpMode.DECREMENT + 1))
    return marketable(recorder, account=account, stp_mode=mode)


def everywhere(recorder: Recorder) -> Rows:
    """Rest, cancel and now and then take, at prices all over the ladder."""
    draw = recorder.rng.random()
    if draw < 0.48:
        return recorder.cancel()
    side = int(recorder.rng.integers(2))
    if draw < 0.96:
        away = int(recorder.rng.integers(1, MIDDLE))
        price = MIDDLE - away if side == Side.BUY else MIDDLE + away
        return recorder.enter(side=side, price=_inside(price))
    price = 2 * MIDDLE if side == Side.BUY else 1
    return recorder.enter(side=side, price=price, time_in_force=TimeInForce.IOC)


def resting(count: int, spread: int, seed: int) -> Rows:
    """Make `count` orders that rest within `spread` ticks of the middle, none crossing."""
    rng = np.random.default_rng(seed)
    rows = _entries(count, rng)
    away = rng.integers(1, spread, count)
    rows["price"] = np.where(rows["side"] == Side.BUY, MIDDLE - away, MIDDLE + away)
    return rows


def crossing(count: int, spread: int, seed: int) -> Rows:
    """Make `count` orders of a call, buys before sells, that overlap by `spread` ticks."""
    rng = np.random.default_rng(seed)
    rows = _entries(count, rng)
    rows["side"] = np.arange(count) >= count // 2
    rows["price"] = MIDDLE + rng.integers(-spread, spread + 1, count)
    return rows


def phase(name: SessionPhase) -> Rows:
    """Make the command that starts a phase."""
    row = np.zeros(1, Command.dtype)
    row["kind"] = CommandKind.SET_PHASE
    row["term"] = name
    row["at_ns"] = START_NS
    return row


def tick() -> Rows:
    """Make the command that tells the core the time."""
    row = np.zeros(1, Command.dtype)
    row["kind"] = CommandKind.TICK
    row["at_ns"] = START_NS
    return row


def _entries(count: int, rng: np.random.Generator) -> Rows:
    rows = np.zeros(count, Command.dtype)
    rows["seq"] = np.arange(1 << 20, (1 << 20) + count)
    rows["at_ns"] = START_NS + rows["seq"]
    rows["kind"] = CommandKind.ENTER
    rows["account"] = 1 + np.arange(count) % ACCOUNTS
    rows["side"] = rng.integers(0, 2, count)
    rows["ord_type"] = OrdType.LIMIT
    rows["time_in_force"] = TimeInForce.GTC
    rows["stp_mode"] = StpMode.NONE
    rows["order_qty"] = rng.integers(1, 500, count)
    return rows


def _inside(price: int) -> int:
    return min(max(price, 1), 2 * MIDDLE)
