"""Two hundred thousand generated commands: the compiled core says what the slow exchange says."""

from random import Random

import numpy as np
import pytest

from matcher.core.kernel import INTERPRETED
from protocol.layout import rows_of
from protocol.records import Command
from protocol.terms import CommandKind, OrdType
from tests.command_stream import CommandStream
from tests.comparison import batches, compare, first_difference, shortest
from tests.desk import START_NS, Desk, Told, apply_all, command_rows
from tests.engines import SMALL, core
from tests.fuzz import play_stream
from tests.reference.state import FEE_ACCOUNT

pytestmark = pytest.mark.property

EDGES = (0, 1, 2, 9_999, 10_000, 1 << 31, 1 << 52, 1 << 62, (1 << 63) - 1, -1, -(1 << 63))


STREAMS, LENGTH = (16, 1_000) if INTERPRETED else (50, 4_000)
"""Read by Python line by line, the core takes milliseconds for a command."""


@pytest.mark.parametrize("seed", range(STREAMS))
def test_generated_stream(seed):
    assert play_stream(seed, LENGTH) >= LENGTH


@pytest.mark.parametrize("seed", range(1_000, 1_000 + STREAMS // 8))
def test_batches_of_one_and_of_many_end_in_the_same_digest(seed):
    stream = CommandStream(seed)
    commands = np.concatenate([stream.next_chunk()[0] for _ in range(LENGTH // 40)])
    single, many = core(stream.world.capacities), core(stream.world.capacities)
    one_by_one = [apply_all(single, commands[n : n + 1]) for n in range(len(commands))]
    at_once = apply_all(many, commands)
    assert first_difference(np.concatenate(one_by_one), at_once) == ""
    assert single.digest() == many.digest()
    apply_all(many, command_rows([{"kind": CommandKind.DEPOSIT, "account": 1, "amount": 1}]))
    assert single.digest() != many.digest()


@pytest.mark.parametrize("seed", range(2_000, 2_006))
def test_books_and_balances_follow_from_events_alone(seed):  # rule D-1
    stream = CommandStream(seed)
    desk = Desk(stream.reference)
    for _ in range(60):
        for values in stream.next_chunk()[1].tolist():
            desk.note(Told._make(values))
        for instrument in range(len(stream.reference.venue.instruments)):
            for told, side in zip(
                desk.depth(instrument), stream.reference.depth(instrument), strict=True
            ):
                assert told == [(price, qty) for price, qty, _ in side]
        for (account, asset), purse in desk.purses.items():
            free, locked = stream.reference.balance(account, asset)
            # Fees reach account 0 without an event about it.
            assert purse == (free, locked) or account == FEE_ACCOUNT


def base_commands():
    """An open market with something in its book, and one sound command of every kind."""
    order = {"account": 1, "ord_type": OrdType.LIMIT, "time_in_force": 1, "price": 10}
    opening = [
        {"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"B", "amount": 2},
        {"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"Q", "amount": 8},
        {
            "kind": CommandKind.ADD_INSTRUMENT,
            "cl_ord_id": b"BQ",
            "term": 1,
            "price": 2,
            "order_qty": 2,
            "amount": 1_000,
        },
        {"kind": CommandKind.SET_PHASE, "term": 3},
        {"kind": CommandKind.ADD_ACCOUNT, "cl_ord_id": b"a"},
        {"kind": CommandKind.DEPOSIT, "account": 1, "asset": 0, "amount": 1 << 61},
        {"kind": CommandKind.DEPOSIT, "account": 1, "asset": 1, "amount": 1 << 61},
        {"kind": CommandKind.ENTER, **order, "order_qty": 50, "cl_ord_id": b"o"},
        {"kind": CommandKind.ENTER, **order, "side": 1, "price": 20, "order_qty": 50},
        {"kind": CommandKind.ENTER, **order, "side": 1, "price": 15, "order_qty": 5},
        {"kind": CommandKind.ENTER, **order, "price": 15, "order_qty": 3, "stp_mode": 1},
    ]
    stop = {**order, "ord_type": OrdType.STOP_LOSS_LIMIT, "stop_px": 18, "order_qty": 2}
    asked = [
        {"kind": CommandKind.ENTER, **order, "order_qty": 5},
        {"kind": CommandKind.ENTER, **order, "order_qty": 9, "display_qty": 4},
        {"kind": CommandKind.ENTER, **stop},
        {"kind": CommandKind.ENTER, **stop, "trailing_bips": 100},
        {"kind": CommandKind.ENTER, "account": 1, "ord_type": 2, "order_qty": 4, "stp_mode": 1},
        {"kind": CommandKind.ENTER, "account": 1, "ord_type": 2, "quote_qty": 90_000},
        {"kind": CommandKind.CANCEL, "account": 1, "order_id": 1},
        {"kind": CommandKind.REPLACE, **order, "order_qty": 5, "order_id": 1},
        {"kind": CommandKind.AMEND, "account": 1, "order_id": 1, "order_qty": 5},
        {"kind": CommandKind.CANCEL_ALL, "account": 1},
        {"kind": CommandKind.CANCEL_LIST, "account": 1, "order_id": 1},
        {"kind": CommandKind.SET_PHASE, "term": 2, "price": 11},
        {"kind": CommandKind.TICK},
        {"kind": CommandKind.DEPOSIT, "account": 1, "amount": 5},
        {"kind": CommandKind.WITHDRAW, "account": 1, "amount": 5},
        {"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"X"},
        {"kind": CommandKind.ADD_INSTRUMENT, "cl_ord_id": b"QB", "asset": 1, "amount": 50},
        {"kind": CommandKind.SET_INSTRUMENT, "term": 8, "amount": 500},
        {"kind": CommandKind.ADD_ACCOUNT, "cl_ord_id": b"b"},
        {"kind": CommandKind.SET_ACCOUNT, "account": 1, "term": 2, "amount": 1},
        {"kind": CommandKind.SET_FEE_TIER, "term": 1, "price": 5},
    ]
    return opening, asked


def stamped(asked):
    rows = command_rows(asked)
    rows["seq"] = np.arange(1, len(rows) + 1)
    rows["at_ns"] = START_NS + 1_000 * rows["seq"]
    return rows


def edges_of(name, width):
    """The extreme values that fit into a field."""
    if width.kind == "S":
        return [b"", b"x" * 36, b"y" * 40]
    if width.kind == "i":
        return list(EDGES)
    return sorted({edge % (1 << 8 * width.itemsize) for edge in EDGES})


FIELDS = [(name, width) for name, width in Command.fields if name not in ("seq", "at_ns")]


@pytest.mark.parametrize(("name", "width"), FIELDS, ids=[name for name, _ in FIELDS])
def test_extreme_values_of_a_field_are_answered_alike(name, width):
    opening, asked = base_commands()
    for sound in asked:
        extreme = [{**sound, name: edge} for edge in edges_of(name, width)]
        difference = compare(stamped([*opening, *extreme, *asked]), SMALL)
        assert not difference, f"{sound} with extreme {name}:\n{difference}"


def test_a_command_of_all_ones_is_answered_alike():
    opening, _ = base_commands()
    rows = stamped([*opening, {}])
    rows[-1:].view(np.uint8)[16:] = 0xFF
    for kind in range(256):
        rows[-1]["kind"] = kind
        assert compare(rows, SMALL) == ""


def test_shrinking_keeps_only_what_the_difference_needs(monkeypatch):
    """The tool itself: told that two commands together are a difference, it finds those two."""

    def pretend(commands, capacities):
        prices = commands["price"].tolist()
        return "differs" if 7 in prices and 9 in prices else ""

    monkeypatch.setattr("tests.comparison.compare", pretend)
    commands = rows_of(Command, 300)
    commands["price"][[40, 233]] = 7, 9
    assert shortest(commands, SMALL)["price"].tolist() == [7, 9]


def test_batches_are_the_commands_in_order():
    commands = stamped(base_commands()[0])
    assert np.concatenate(list(batches(commands, Random(1)))).tobytes() == commands.tobytes()
