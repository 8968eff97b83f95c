"""What must hold after a run, whatever went wrong in it.

The judge is a clean replay: an engine that reads the whole journal from its first command. All that
anyone was ever told is held against what happens there.
"""

from collections import Counter
from typing import NamedTuple

import numpy as np

from ingress.rows import Shape
from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.invariants import check as faults_of
from matcher.recovery import replay_into, restore_newest
from protocol.board import by_account
from protocol.layout import Rows
from protocol.records import Event
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventKind
from runtime.replay import JournalReader
from tests.simulation.people import Trader
from tests.simulation.world import World
from writer import tables
from writer.books import COMPARED, Books
from writer.reconcile import books_of, compare

_EVENTS = Shape(Event)


class Truth(NamedTuple):
    """What a clean replay of the whole journal gives."""

    engine: Engine
    commands: Rows
    events: Rows


def check(world: World) -> None:
    """Hold everything against a clean replay.

    Raises: AssertionError that says what does not hold.
    """
    lived = world.matcher.finish()
    world.archive_segments()
    truth = _replay(world)
    assert lived.digest() == truth.engine.digest(), "the life and the replay differ"
    _check_snapshots(world, truth)
    broken = faults_of(truth.engine)
    assert not broken, broken
    times = truth.commands["at_ns"]
    assert bool((np.diff(times) >= 0).all()), "time went back"
    for trader in (world.operator, *world.traders):
        _check_heard(trader, truth.events)
    _check_once(truth.events)
    _check_money(world, truth)
    _check_told(world, truth.events)
    _check_database(world.database.books(), truth.events)


def _replay(world: World) -> Truth:
    commands: list[Rows] = []
    events: list[Rows] = []
    engine = Engine(capacity.recorded(world.journal))
    for rows in JournalReader(world.archive).read():
        commands.append(rows)
        replay_into(engine, [rows], take=lambda told: events.append(told.copy()))
    return Truth(engine, np.concatenate(commands), np.concatenate(events))


def _check_snapshots(world: World, truth: Truth) -> None:
    """From the newest snapshot on the replay leads to the same state."""
    engine = Engine(capacity.recorded(world.journal))
    replay_into(engine, restore_newest(engine, world.data_dir).read())
    assert engine.digest() == truth.engine.digest(), "the newest snapshot leads elsewhere"


def _check_heard(trader: Trader, events: Rows) -> None:
    """No acknowledged command is lost: every event that was heard is there, to the last field."""
    for heard in trader.heard:
        assert heard.event_seq <= len(events), f"lost: {heard}"
        (there,) = _EVENTS.unpack(events[heard.event_seq - 1 : heard.event_seq].tobytes())
        assert heard == there, f"heard {heard}, but it is {there}"


def _check_once(events: Rows) -> None:
    """No order was accepted twice, no transfer done twice; who was told "duplicate" was right."""
    done: Counter[tuple[int, bytes]] = Counter()
    for event in events:
        key = int(event["account"]), bytes(event["cl_ord_id"])
        if event["kind"] in (EventKind.ACCEPTED, EventKind.DEPOSITED, EventKind.WITHDRAWN):
            done[key] += 1
        if event["reason"] in (RejectReason.DUPLICATE_CL_ORD_ID, RejectReason.DUPLICATE_REFERENCE):
            assert done[key] == 1, f"{key} is no duplicate"
    twice = [key for key, count in done.items() if count > 1]
    assert not twice, f"done twice: {twice}"


def _check_money(world: World, truth: Truth) -> None:
    """What all accounts have is what was paid in and not out again, as those were told who did it."""
    balances = by_account(truth.engine.blocks["balances"])
    asked = {
        (int(one["account"]), bytes(one["cl_ord_id"])): one
        for one in truth.commands[
            np.isin(truth.commands["kind"], (CommandKind.DEPOSIT, CommandKind.WITHDRAW))
        ]
    }
    paid = [0, 0]
    for event in truth.events[truth.events["kind"] == EventKind.DEPOSITED]:
        command = asked[int(event["account"]), bytes(event["cl_ord_id"])]
        paid[int(command["asset"])] += int(command["amount"])
    for event in truth.events[truth.events["kind"] == EventKind.WITHDRAWN]:
        command = asked[int(event["account"]), bytes(event["cl_ord_id"])]
        paid[int(command["asset"])] -= int(command["amount"])
    for asset, amount in enumerate(paid):
        held = balances["free"][:, asset].sum() + balances["locked"][:, asset].sum()
        assert held == amount, f"asset {asset}: {held} is held, {amount} was paid in"


def _check_told(world: World, events: Rows) -> None:
    """What a broadcaster passed on did happen so."""
    for rows in world.broadcaster.told:
        first = int(rows["event_seq"][0]) - 1
        there = events[first : first + len(rows)]
        assert rows.tobytes() == there.tobytes(), f"told otherwise from event {first + 1} on"


def _check_database(found: Books, events: Rows) -> None:
    """Every row of the database is what the journal says."""
    expected = books_of([events], len(events))
    assert (found.seq, found.event_seq) == (expected.seq, expected.event_seq)
    for table in COMPARED:
        different = compare(table, expected.rows(table), found.rows(table))
        assert not different, str(different[0])
    for name in tables.CANDLES:
        assert expected.candles(name) == found.candles(name), name
    assert expected.account_terms == found.account_terms


def commands_in(world: World) -> int:
    """Return how many commands the journal holds."""
    return sum(len(rows) for rows in JournalReader(world.archive).read())
