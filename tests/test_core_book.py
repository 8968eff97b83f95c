"""Bitmaps find the next level whatever lies between, and the ladder knows its best levels."""

import dataclasses
from bisect import bisect_left, bisect_right

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.core.engine import Engine
from matcher.core.kernel import compile_entries, entry, memory_at
from matcher.core.ladder_bits import marked, tier_faults
from matcher.core.marks import (
    clear_mark,
    highest_upto,
    lowest_from,
    mark_at,
    marks_around,
    set_mark,
)
from matcher.core.rows import LADDERS
from matcher.core.state import Core
from protocol.terms import Side
from tests.desk import Desk
from tests.engines import SMALL

TOP = 300_000
"""Above 64 ** 3, which is 262,144: a search climbs three tiers."""
core_at = memory_at(Core)


@entry
def toggle(memory, position, asked):
    """Mark (`asked` odd) or clear a position of ladder `asked >> 1` of instrument 1."""
    core = core_at(memory)
    mark = mark_at(core, core.markets[1], asked >> 1, position)
    if asked & 1:
        set_mark(core, mark)
    else:
        clear_mark(core, mark)
    return 0


@entry
def look_up(memory, position, ladder):
    """Return the lowest marked position from here up."""
    core = core_at(memory)
    return lowest_from(core, core.markets[1], ladder, position)


@entry
def look_down(memory, position, ladder):
    """Return the highest marked position from here down."""
    core = core_at(memory)
    return highest_upto(core, core.markets[1], ladder, position)


@entry
def look_around(memory, position, side):
    """Return the marks of a book's side around a position."""
    core = core_at(memory)
    return marks_around(core, core.markets[1], side, position)


@pytest.fixture(scope="module")
def engine():
    """Three instruments, so that the one in the middle has neighbours on both sides."""
    engine = Engine(dataclasses.replace(SMALL, price_levels=1 << 20))
    desk = Desk(engine)
    for symbol, top in ((b"A", 70), (b"B", TOP), (b"C", 70)):
        desk.add_market(symbol, top=top)
    compile_entries()
    assert engine.blocks["tiers"].size == 4
    return engine


positions = st.one_of(
    st.integers(0, TOP),
    st.sampled_from([0, 63, 64, 4_095, 4_096, 262_143, 262_144, TOP - 1, TOP]),
)
ladders = st.lists(st.sets(positions, max_size=8), min_size=LADDERS, max_size=LADDERS)


@settings(max_examples=200)
@given(all_marked=ladders, asked=st.lists(positions, min_size=1, max_size=8))
def test_the_next_level_is_found_upwards_and_downwards_in_each_ladder(engine, all_marked, asked):
    memory = engine._memory
    for ladder, marked_here in enumerate(all_marked):
        for position in marked_here:
            toggle(memory, position, 2 * ladder + 1)
    assert list(tier_faults(engine.blocks)) == []
    for ladder, marked_here in enumerate(all_marked):
        ordered = sorted(marked_here)
        assert marked(engine.blocks, engine.blocks["markets"][1], ladder).tolist() == ordered
        for position in [*asked, *ordered]:
            above, below = bisect_left(ordered, position), bisect_right(ordered, position)
            up = ordered[above] if above < len(ordered) else -1
            assert look_up(memory, position, ladder) == up
            assert look_down(memory, position, ladder) == (ordered[below - 1] if below else -1)
        assert look_up(memory, TOP + 1, ladder) == look_down(memory, -1, ladder) == -1
    for ladder, marked_here in enumerate(all_marked):
        for position in marked_here:
            toggle(memory, position, 2 * ladder)
    assert not engine.blocks["bits"].any()


@pytest.mark.parametrize("side", Side)
def test_marks_around_a_position_are_its_own_ladders(engine, side):
    memory = engine._memory
    for ladder in range(2):
        for position in range(130):
            for place in (position, TOP - position):
                toggle(memory, place, 2 * ladder + 1)
    first = int(engine.blocks["markets"]["levels"][1]) + side * (TOP + 1)
    for position in (*range(130), *range(TOP - 129, TOP + 1)):
        block = (first + position) & ~63
        own = [place for place in range(block - first, block - first + 64) if 0 <= place <= TOP]
        wanted = sum(
            1 << place - (block - first) for place in own if place < 130 or place > TOP - 130
        )
        assert look_around(memory, position, side) & (1 << 64) - 1 == wanted
    engine.blocks["bits"][:] = 0


def test_the_best_levels_follow_entries_and_cancels():
    desk = Desk(Engine(SMALL))
    desk.add_market(top=TOP)
    alice = desk.account("alice", {0: 1 << 40, 1: 1 << 50})
    market = desk.engine.blocks["markets"][0]
    rng = np.random.default_rng(7)
    live: dict[int, tuple[int, int]] = {}
    for _ in range(400):
        if live and rng.random() < 0.5:
            order_id = int(rng.choice(list(live)))
            del live[order_id]
            desk.ask(2, account=alice, order_id=order_id)
        else:
            side = int(rng.integers(2))
            price = int(rng.integers(1, 100_000)) + 150_000 * side
            told = desk.ask(
                1,
                account=alice,
                side=side,
                price=price,
                order_qty=1,
                ord_type=1,
                time_in_force=1,
            )
            live[told[0].order_id] = side, price
        bids = [price for side, price in live.values() if side == 0]
        asks = [price for side, price in live.values() if side == 1]
        assert market["best_bid"] == max(bids, default=-1)
        assert market["best_ask"] == min(asks, default=TOP + 1)
