"""Phases by the calendar, on the compiled core under a virtual clock (rules A-1, C-8)."""

import copy
import itertools
import logging
import tomllib
from typing import Any

import numpy as np
import pytest

from matcher.bootstrap import opening_batches
from matcher.core.engine import Engine
from matcher.loop import Matcher, Wires
from matcher.recovery import apply
from matcher.schedule import LOOK_INTERVAL_NS, path_to
from matcher.sequencer import Sequencer
from matcher.trading_days import Calendars, read_calendars
from protocol.layout import Rows, rows_of
from protocol.records import Command, Event
from protocol.terms import (
    CommandKind,
    EventKind,
    ExpiryReason,
    InstrumentTerm,
    OrdType,
    SessionPhase,
    Side,
    TimeInForce,
)
from runtime import clock
from runtime.endpoints import frame_of
from tests.engines import SMALL
from tests.test_trading_days import SHIPPED, ns

LISTINGS = tomllib.loads(
    """
[assets]
AAPL = 8
USD = 8
[instruments.AAPLUSD]
base = "AAPL"
quote = "USD"
price_decimals = 2
qty_decimals = 0
ladder_top = "1000.00"
calendar = "US_STOCKS"
[instruments.AROUND]
base = "AAPL"
quote = "USD"
price_decimals = 2
qty_decimals = 0
ladder_top = "1000.00"
"""
)
CALENDARS = read_calendars(SHIPPED, demo=False)
MONDAY = "2026-11-30T"
DAY = [
    ("14:00:00", "PRE_OPEN"),
    ("14:20:00", "OPENING_AUCTION"),
    ("14:30:00", "CONTINUOUS"),
    ("20:50:00", "CLOSING_AUCTION"),
    ("21:00:00", "CLOSED"),
]
"""A day in winter, in UTC."""


class House:
    """Sequencer and core under a clock that is told what time it is; its journal is a list."""

    def __init__(self, at: str, calendars: Calendars = CALENDARS) -> None:
        self.engine = Engine(SMALL)
        self.journal: list[Rows] = []
        self.heard: list[Rows] = []
        self.calendars = calendars
        self.wake(at)

    def wake(self, at: str, calendars: Calendars | None = None) -> None:
        """Begin a life of the sequencer where the journal ends, as the matcher does."""
        self.calendars = calendars or self.calendars
        status = self.engine.blocks["status"]
        self.sequencer = Sequencer(
            self.engine.blocks,
            last_seq=sum(map(len, self.journal)),
            last_ns=int(status["at_ns"][0]),
            limit=100,
            calendars=self.calendars.by_number,
        )
        self.turn(at)
        opening = opening_batches(LISTINGS, self.engine.blocks, self.calendars, now_ns=ns(at))
        for batch in opening:
            self.carry_out(self.sequencer.stamp([batch], ns(at)))
        self.turn(at)

    def carry_out(self, rows: Rows) -> None:
        if len(rows):
            self.journal.append(rows.copy())
            apply(self.engine, rows, lambda events: self.heard.append(events.copy()))

    def turn(self, at: str, *, late_ns: int = 0) -> Rows:
        rows = self.sequencer.batch(ns(at) + late_ns)
        self.carry_out(rows)
        return rows

    def ask(self, at: str, **fields: object) -> Rows:
        """Send one command and return the events of its turn."""
        row = rows_of(Command, 1)
        for name, value in fields.items():
            row[name] = value
        self.sequencer.admit(frame_of(Command, row))
        self.heard.clear()
        self.turn(at)
        return np.concatenate(self.heard)

    def phase(self, instrument: int = 0) -> str:
        return SessionPhase(int(self.engine.blocks["instruments"]["phase"][instrument])).name

    def events(self, kind: EventKind) -> Rows:
        told = np.concatenate([rows_of(Event, 0), *self.heard])
        return told[told["kind"] == kind]

    def phases_told(self) -> list[str]:
        changed = self.events(EventKind.PHASE_CHANGED)
        return [
            SessionPhase(int(one["ord_status"])).name for one in changed if not one["instrument"]
        ]

    def open_account(self, at: str) -> None:
        self.ask(at, kind=CommandKind.ADD_ACCOUNT, account=1, cl_ord_id=b"alice")
        for asset in (0, 1):
            self.ask(at, kind=CommandKind.DEPOSIT, account=1, asset=asset, amount=10**15)

    def enter(self, at: str, side: Side, price: int, tif: TimeInForce, instrument: int = 0) -> int:
        told = self.ask(
            at, kind=CommandKind.ENTER, account=1, instrument=instrument, side=side,
            ord_type=OrdType.LIMIT, time_in_force=tif, price=price, order_qty=10,
        )  # fmt: skip
        accepted = told[told["kind"] == EventKind.ACCEPTED]
        assert len(accepted) == 1, told["kind"].tolist()
        return int(accepted["order_id"][0])


def test_a_day_goes_through_all_its_phases() -> None:
    """Rule A-1: each begins with the first turn at or after its time, with its planned end."""
    house = House(MONDAY + "13:00:00")
    assert house.phase() == "CLOSED"
    house.heard.clear()
    for at, phase in DAY:
        house.turn(MONDAY + at, late_ns=-1)
        assert house.phase() != phase
        rows = house.turn(MONDAY + at)
        assert house.phase() == phase
        assert rows["at_ns"][-1] == ns(MONDAY + at)
    assert house.phases_told() == [phase for _, phase in DAY]
    ends = house.events(EventKind.PHASE_CHANGED)["expire_ns"].tolist()
    assert ends == [*(ns(MONDAY + at) for at, _ in DAY[1:]), ns("2026-12-01T14:00:00")]
    assert house.phase(1) == "CONTINUOUS"


def test_day_orders_expire_at_the_end_of_the_day_and_no_others() -> None:
    """Rule C-8."""
    house = House(MONDAY + "15:00:00")
    house.open_account(MONDAY + "15:00:00")
    of_the_day = house.enter(MONDAY + "15:00:01", Side.BUY, 100, TimeInForce.DAY)
    house.enter(MONDAY + "15:00:02", Side.BUY, 90, TimeInForce.GTC)
    house.enter(MONDAY + "15:00:03", Side.BUY, 90, TimeInForce.DAY, instrument=1)
    house.heard.clear()
    for at, _ in DAY[3:]:
        house.turn(MONDAY + at)
    expired = house.events(EventKind.EXPIRED)
    assert expired["order_id"].tolist() == [of_the_day]
    assert expired["reason"].tolist() == [ExpiryReason.END_OF_DAY]


def test_a_replay_needs_no_calendar() -> None:
    """The steps are commands in the journal: the same digest without a calendar or a clock."""
    house = House(MONDAY + "13:00:00")
    house.open_account(MONDAY + "13:00:01")
    for day in ("2026-11-30T", "2026-12-01T", "2026-12-02T"):
        for at, phase in DAY:
            house.turn(day + at)
            if phase == "OPENING_AUCTION":
                house.enter(day + at, Side.BUY, 100, TimeInForce.DAY)
                house.enter(day + at, Side.SELL, 100, TimeInForce.AT_OPENING)
    again = Engine(SMALL)
    for rows in house.journal:
        apply(again, rows, None)
    assert again.digest() == house.engine.digest()
    assert house.engine.blocks["instruments"]["last_px"][0] == 100


@pytest.mark.parametrize(
    ("asleep", "awake", "told"),
    [
        # In the middle of the same phase, nothing.
        ("T15:00:00", "T16:00:00", []),
        # Through the opening call, which nobody could take part in.
        ("T14:10:00", "T15:00:00", ["OPENING_AUCTION", "CONTINUOUS"]),
        ("T14:25:00", "T15:00:00", ["CONTINUOUS"]),
        ("T15:00:00", "T20:55:00", ["CLOSING_AUCTION"]),
        ("T15:00:00", "T23:00:00", ["CLOSED"]),
        ("T20:55:00", "T23:00:00", ["CLOSED"]),
    ],
)
def test_a_start_in_mid_day_catches_up(asleep: str, awake: str, told: list[str]) -> None:
    house = House("2026-11-30" + asleep)
    house.heard.clear()
    house.wake("2026-11-30" + awake)
    assert house.phases_told() == told


def test_a_day_that_ended_meanwhile_is_ended_before_the_next_begins() -> None:
    house = House(MONDAY + "15:00:00")
    house.open_account(MONDAY + "15:00:00")
    of_the_day = house.enter(MONDAY + "15:00:01", Side.BUY, 100, TimeInForce.DAY)
    house.heard.clear()
    house.wake("2026-12-02T15:00:00")
    assert house.phases_told() == ["CLOSED", "OPENING_AUCTION", "CONTINUOUS"]
    assert house.events(EventKind.EXPIRED)["order_id"].tolist() == [of_the_day]
    house.heard.clear()
    house.wake("2026-12-03T14:05:00")
    assert house.phases_told() == ["CLOSED", "PRE_OPEN"]


class Kept:
    """A journal and an outbox in one: keeps what the matcher appends, tells nobody."""

    def __init__(self, house: House) -> None:
        self._house = house

    @property
    def next_seq(self) -> int:
        return sum(map(len, self._house.journal)) + 1

    def append(self, rows: Rows) -> None:
        self._house.journal.append(rows.copy())

    def tell(self, events: Rows) -> None:
        """Leave it."""


def test_a_day_that_ends_while_the_market_opens_is_ended_by_the_next_life(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The time of the opening's commands says that all steps before it are done."""
    house = House(MONDAY + "20:55:00")
    kept: Any = Kept(house)
    words = np.zeros(2, np.int64)
    matcher = Matcher(
        logging.getLogger(), house.engine, kept, Wires(kept, kept, words, words), 100, CALENDARS
    )
    reads = itertools.count(ns(MONDAY + "21:00:00") - 1)
    monkeypatch.setattr(clock, "wall_ns", lambda: next(reads))
    listings = {**LISTINGS, "instruments": copy.deepcopy(LISTINGS["instruments"])}
    listings["instruments"]["AAPLUSD"]["tick_size"] = "0.05"
    matcher.open_market(listings)
    assert house.journal[-1]["kind"].tolist() == [CommandKind.SET_INSTRUMENT]
    # It was killed before its first turn.
    house.wake(MONDAY + "21:05:00")
    assert house.phase() == "CLOSED"


def test_what_an_operator_does_stays_until_the_next_step() -> None:
    house = House(MONDAY + "15:00:00")
    house.ask(MONDAY + "15:10:00", kind=CommandKind.SET_PHASE, term=SessionPhase.CLOSED)
    house.turn(MONDAY + "16:00:00")
    house.wake(MONDAY + "17:00:00")
    assert house.phase() == "CLOSED"
    house.turn(MONDAY + "20:50:00")
    assert house.phase() == "CLOSING_AUCTION"


def test_a_halt_outlasts_the_calendar_but_not_the_orders_of_the_day() -> None:
    """Rules A-6, C-8."""
    house = House(MONDAY + "15:00:00")
    house.open_account(MONDAY + "15:00:00")
    of_the_day = house.enter(MONDAY + "15:00:01", Side.BUY, 100, TimeInForce.DAY)
    house.ask(MONDAY + "15:10:00", kind=CommandKind.SET_PHASE, term=SessionPhase.HALTED)
    house.heard.clear()
    house.turn(MONDAY + "20:50:00")
    assert house.phases_told() == []
    house.turn(MONDAY + "21:00:00")
    assert house.phases_told() == ["CLOSED", "HALTED"]
    assert house.events(EventKind.EXPIRED)["order_id"].tolist() == [of_the_day]
    house.turn("2026-12-01T15:00:00")
    assert house.phase() == "HALTED"


def test_steps_that_could_not_be_journaled_are_still_to_be_done() -> None:
    house = House(MONDAY + "14:25:00")
    refused = house.sequencer.batch(ns(MONDAY + "14:30:00"))
    house.sequencer.take_back(refused)
    rows = house.sequencer.due_batch(ns(MONDAY + "14:30:01"))
    kinds = [CommandKind(int(kind)) for kind in rows["kind"]]
    assert kinds == [CommandKind.TICK, CommandKind.SET_PHASE]
    house.carry_out(rows)
    assert house.phase() == "CONTINUOUS"
    # A later batch that is taken back has no part in it.
    late = house.sequencer.due_batch(ns(MONDAY + "14:40:00"))
    house.sequencer.take_back(late)
    assert house.sequencer.due_batch(ns(MONDAY + "14:40:01"))["kind"].tolist() == [CommandKind.TICK]


def test_an_instrument_that_gets_a_calendar_is_brought_to_its_phase() -> None:
    house = House(MONDAY + "21:30:00")
    term = {"kind": CommandKind.SET_INSTRUMENT, "instrument": 1, "term": InstrumentTerm.CALENDAR}
    house.ask(MONDAY + "21:30:01", **term, amount=1)
    assert house.phase(1) == "CONTINUOUS"
    house.turn(MONDAY + "21:30:01", late_ns=LOOK_INTERVAL_NS)
    assert house.phase(1) == "CLOSED"
    house.ask(MONDAY + "22:00:00", **term, amount=99)
    house.turn("2026-12-01T15:00:00")
    assert (house.phase(), house.phase(1)) == ("CONTINUOUS", "CLOSED")


def test_an_exchange_without_calendars_commands_no_phase() -> None:
    house = House(MONDAY + "14:25:00")
    house.wake(MONDAY + "14:26:00", Calendars({"US_STOCKS": 1}, {}))
    house.turn("2026-12-02T20:55:00")
    assert house.phase() == "OPENING_AUCTION"


PHASES = [phase for phase in SessionPhase if phase != SessionPhase.HALTED]
PLANNED = [SessionPhase[name] for _, name in DAY]


@pytest.mark.parametrize("day_ended", [False, True])
@pytest.mark.parametrize("target", PLANNED)
@pytest.mark.parametrize("phase", PHASES)
def test_every_path_is_one_that_the_core_takes(
    phase: SessionPhase, target: SessionPhase, day_ended: bool
) -> None:
    """Also over a book that is crossed, where trading cannot begin without a call."""
    house = House(MONDAY + "14:25:00", Calendars({"US_STOCKS": 1}, {}))
    house.open_account(MONDAY + "14:25:00")
    house.ask(MONDAY + "14:25:00", kind=CommandKind.SET_PHASE, term=SessionPhase.OPENING_AUCTION)
    house.enter(MONDAY + "14:25:00", Side.BUY, 110, TimeInForce.GTC)
    house.enter(MONDAY + "14:25:00", Side.SELL, 100, TimeInForce.GTC)
    before = {SessionPhase.PRE_OPEN: [SessionPhase.CLOSED, SessionPhase.PRE_OPEN]}
    for step in before.get(phase, [phase]):
        house.ask(MONDAY + "14:25:00", kind=CommandKind.SET_PHASE, term=step)
    path = path_to(phase, target, day_ended=day_ended)
    for step in path:
        told = house.ask(MONDAY + "14:26:00", kind=CommandKind.SET_PHASE, term=step)
        assert EventKind.COMMAND_REJECTED not in told["kind"]
    assert house.phase() == target.name
    assert (SessionPhase.CLOSED in path) or not day_ended or phase == SessionPhase.CLOSED
