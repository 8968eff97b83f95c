"""The packed indexes hold exactly what was put in, however keys collide and ids come and go."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.core import interpreted
from matcher.core.blocks import Integers, MemoryView, Numbers, TextView, blocks_of
from matcher.core.indexes import LOW, SPREAD, id_tag, put, take_out
from matcher.core.invariants import check as faults_of
from matcher.core.kernel import compile_entries, entry, memory_at
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventKind
from tests.desk import Desk
from tests.engines import SMALL, core

CELLS = 64
PUT = 1
TAKE_OUT = 2


class Probe:
    """One small index and what to do to it."""

    index: Numbers
    work: Integers


probe_at = memory_at(Probe)


@entry
def play(memory, count, mask):
    """Put in and take out as the pairs in `work` say."""
    probe = probe_at(memory)
    for number in range(count):
        if probe.work[2 * number] == PUT:
            put(probe.index, mask, probe.work[2 * number + 1])
        else:
            take_out(probe.index, mask, probe.work[2 * number + 1])
    return count


@entry
def tag(memory, order_id, _other):
    """Return the tag of an order id."""
    return id_tag(order_id)


@pytest.fixture(scope="module")
def probe():
    arrays = {"index": np.zeros(CELLS, np.uint64), "work": np.zeros(400, np.int64)}
    layout = blocks_of(Probe)
    table = np.array([(arrays[b.name].ctypes.data, len(arrays[b.name])) for b in layout], np.int64)
    view = MemoryView(layout, arrays)
    interpreted.register(table.ctypes.data, view)
    compile_entries()
    return SimpleNamespace(arrays=arrays, table=table, view=view, memory=table.ctypes.data)


@st.composite
def histories(draw):
    """What is put in and taken out: homes are few, so everything collides, also around the end."""
    live: list[int] = []
    history = []
    for number in range(draw(st.integers(1, 80))):
        if live and (len(live) >= CELLS // 2 or draw(st.booleans())):
            entry_out = live.pop(draw(st.integers(0, len(live) - 1)))
            history.append((TAKE_OUT, entry_out))
        else:
            home = draw(st.sampled_from([0, 1, 2, 30, 61, 62, 63]))
            live.append(home << 32 | number + 1)
            history.append((PUT, live[-1]))
    return history, live


@given(histories())
def test_an_index_holds_what_was_put_in_and_not_taken_out(probe, story):
    history, live = story
    index, work = probe.arrays["index"], probe.arrays["work"]
    index[:] = 0
    work[: 2 * len(history)] = np.array(history).reshape(-1)
    play(probe.memory, len(history), CELLS - 1)
    assert sorted(index[index != 0].tolist()) == sorted(live)
    for place in np.flatnonzero(index):
        distance = (int(place) - (int(index[place]) >> 32)) % CELLS
        before = int(index[place - 1])
        if distance > 0:
            assert before != 0, "a search would stop before it"
            assert (int(place) - 1 - (before >> 32)) % CELLS >= distance - 1, "out of order"


def test_eight_ids_in_a_row_share_a_cache_line_and_runs_spread(probe):
    tags = [tag(probe.memory, order_id, 0) for order_id in range(1 << 12)]
    assert len(set(tags)) == len(tags)
    assert all(tags[n] >> 3 == tags[n + 1] >> 3 for n in range(0, len(tags), 2))
    homes = np.bincount([one & 0x3FF for one in tags], minlength=1 << 10)
    assert homes.max() <= 20


def test_a_remembered_id_is_forgotten_after_its_window_and_when_there_are_too_many():
    desk = Desk(core())
    desk.add_market()
    alice = desk.account("alice", {0: 1_000, 1: 1 << 40})
    order = {"account": alice, "ord_type": 1, "time_in_force": 3, "price": 5, "order_qty": 1}
    for number in range(5_000):
        desk.ask(1, **order, cl_ord_id=b"id%d" % number)
    state = desk.engine.blocks["state"]
    assert state["finished_count"][0] == 4_096
    desk.now_ns += 600 * 10**9
    desk.ask(1, **order, cl_ord_id=b"id4999")
    desk.ask(1, **order, cl_ord_id=b"id4998")
    assert state["finished_count"][0] < 4_096


# What only hashes alike. The pairs were looked for; the tests say when a hash has changed.

ALIKE_ID = 1317710251474026497
ALIKE_TEXTS = b"id27175", b"id71996"
ALIKE_REFERENCES = b"ref16603", b"ref82877"


def text_hash(scope, text):
    row = np.zeros(1, "S40")
    row[0] = text
    return interpreted.fold_text(scope, TextView(row.view("<i8"))) & LOW


@pytest.fixture
def desk():
    desk = Desk(core())
    desk.add_market()
    assert desk.account("alice", {0: 1_000, 1: 1 << 40}) == 1
    return desk


LIMIT = {"account": 1, "ord_type": 1, "time_in_force": 1, "price": 5, "order_qty": 1}


def test_an_order_is_not_found_by_an_id_that_hashes_alike(desk, probe):
    # Order 1 comes late, when its cell of the table is another's, so the index has it.
    state = desk.engine.blocks["state"]
    state["next_order_id"] = 1 + len(desk.engine.blocks["id_slots"])
    desk.ask(CommandKind.ENTER, **LIMIT)
    state["next_order_id"] = 1
    desk.ask(CommandKind.ENTER, **LIMIT)
    assert np.count_nonzero(desk.engine.blocks["id_index"]) == 1
    assert tag(probe.memory, ALIKE_ID, 0) == tag(probe.memory, 1, 0)
    told = desk.ask(CommandKind.CANCEL, account=1, order_id=ALIKE_ID)[0]
    assert (told.kind, told.reason) == (EventKind.CANCEL_REJECTED, RejectReason.UNKNOWN_ORDER)
    assert desk.ask(CommandKind.CANCEL, account=1, order_id=1)[0].kind == EventKind.CANCELED


def test_an_order_is_not_found_by_a_text_that_hashes_alike(desk):
    one, other = ALIKE_TEXTS
    scope = interpreted.fold(1 << 16, SPREAD ^ SMALL.index_seed)
    assert text_hash(scope, one) == text_hash(scope, other)
    desk.ask(CommandKind.ENTER, **LIMIT, cl_ord_id=one)
    told = desk.ask(CommandKind.CANCEL, account=1, target_cl_ord_id=other)[0]
    assert (told.kind, told.reason) == (EventKind.CANCEL_REJECTED, RejectReason.UNKNOWN_ORDER)
    assert desk.ask(CommandKind.ENTER, **LIMIT, cl_ord_id=other)[0].kind == EventKind.ACCEPTED
    for text, order_id in ((other, 2), (one, 1)):
        told = desk.ask(CommandKind.CANCEL, account=1, target_cl_ord_id=text)[0]
        assert (told.kind, told.order_id) == (EventKind.CANCELED, order_id)


def test_a_deposit_is_not_taken_for_one_whose_reference_hashes_alike(desk):
    one, other = ALIKE_REFERENCES
    scope = interpreted.fold(1 << 32, CommandKind.DEPOSIT | 1 << 40)
    assert text_hash(scope, one) == text_hash(scope, other)
    deposit = {"account": 1, "asset": 0, "amount": 1}
    for text, kind in (
        (one, EventKind.DEPOSITED),
        (other, EventKind.DEPOSITED),
        (one, EventKind.COMMAND_REJECTED),
        (other, EventKind.COMMAND_REJECTED),
    ):
        assert desk.ask(CommandKind.DEPOSIT, **deposit, cl_ord_id=text)[0].kind == kind


def test_an_order_whose_cell_is_an_older_ones_is_found_all_the_same(desk):
    """Cells are taken by the low bits of an id; the second to come goes into the index."""
    engine, state = desk.engine, desk.engine.blocks["state"]
    cells = len(engine.blocks["id_slots"])
    desk.ask(CommandKind.ENTER, **LIMIT)
    # So many orders later the ids come to the same cells: no need to enter them all.
    state["next_order_id"] = 1 + cells
    desk.ask(CommandKind.ENTER, **LIMIT)
    state["next_order_id"] = 1 + 2 * cells
    desk.ask(CommandKind.ENTER, **LIMIT)
    assert np.count_nonzero(engine.blocks["id_index"]) == 2
    assert not faults_of(engine)
    order = [1 + cells, 1, 1 + 2 * cells]
    for number, order_id in enumerate(order):
        told = desk.ask(CommandKind.CANCEL, account=1, order_id=order_id)[0]
        assert (told.kind, told.order_id) == (EventKind.CANCELED, order_id)
        assert not faults_of(engine)
        for gone in order[: number + 1]:
            told = desk.ask(CommandKind.CANCEL, account=1, order_id=gone)[0]
            assert told.reason == RejectReason.UNKNOWN_ORDER
    assert not engine.blocks["id_slots"].any() and not engine.blocks["id_index"].any()


def test_a_restored_state_finds_the_orders_whose_cells_were_taken(desk):
    cells = len(desk.engine.blocks["id_slots"])
    desk.ask(CommandKind.ENTER, **LIMIT)
    desk.engine.blocks["state"]["next_order_id"] = 1 + cells
    desk.ask(CommandKind.ENTER, **LIMIT)
    other = core()
    other.load(desk.engine.save())
    assert not faults_of(other)
    assert other.digest() == desk.engine.digest()


def test_an_order_is_found_behind_others_that_have_its_place_in_the_index():
    """A small index, always as full as it gets: whoever is named is the one who goes."""
    desk = Desk(core(replace(SMALL, orders=16, account_orders=16)))
    desk.add_market()
    assert desk.account("alice", {0: 1_000, 1: 1 << 40}) == 1
    cells = len(desk.engine.blocks["id_slots"])
    live: list[int] = []
    for number in range(400):
        # All ids belong to three cells, so all orders but three are in the index, at homes side by side.
        desk.engine.blocks["state"]["next_order_id"] = 1 + number * cells + number % 3
        if len(live) == 15:
            gone = live.pop(number * 7 % 15)
            told = desk.ask(CommandKind.CANCEL, account=1, order_id=gone)[0]
            assert (told.kind, told.order_id) == (EventKind.CANCELED, gone)
            again = desk.ask(CommandKind.CANCEL, account=1, order_id=gone)[0]
            assert again.reason == RejectReason.UNKNOWN_ORDER
        live.append(desk.ask(CommandKind.ENTER, **LIMIT)[0].order_id)


@pytest.mark.parametrize("capacity", [1, 8, 9, 12])
def test_the_last_text_ids_are_remembered_however_often_their_ring_goes_round(capacity):
    desk = Desk(core(replace(SMALL, dedupe_capacity=capacity)))
    desk.add_market()
    alice = desk.account("alice", {0: 1 << 40, 1: 1 << 40})
    order = {"account": alice, "ord_type": 1, "time_in_force": 1, "price": 10, "order_qty": 10}
    ended = 40
    for number in range(ended):
        told = desk.ask(CommandKind.ENTER, **order, cl_ord_id=b"id-%d" % number)
        desk.ask(CommandKind.CANCEL, account=alice, order_id=told[0].order_id)
    for number in range(ended - 1, -1, -1):
        told = desk.ask(CommandKind.ENTER, **order, cl_ord_id=b"id-%d" % number)
        taken = number >= ended - capacity
        assert (told[0].reason == RejectReason.DUPLICATE_CL_ORD_ID) == taken
    assert faults_of(desk.engine) == []
