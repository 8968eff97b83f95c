"""Bitmaps find the next level whatever lies between, and the ladder knows its best levels."""

import dataclasses
from bisect import bisect_left, bisect_right

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.core.book import clear_bit, highest_upto, lowest_from, set_bit
from matcher.core.engine import Engine
from matcher.core.kernel import compile_entries, entry, memory_at
from matcher.core.state import Core
from tests.desk import Desk
from tests.engines import SMALL

TOP = 300_000
"""Four tiers: 64 ** 3 is 262,144."""
core_at = memory_at(Core)


@entry
def toggle(memory, position, is_set):
    """Set or clear a position of instrument 0's selling side."""
    core = core_at(memory)
    if is_set != 0:
        set_bit(core, core.markets[0], 1, position)
    else:
        clear_bit(core, core.markets[0], 1, position)
    return 0


@entry
def look_up(memory, position, _other):
    """Return the lowest set position from here up."""
    core = core_at(memory)
    return lowest_from(core, core.markets[0], 1, position)


@entry
def look_down(memory, position, _other):
    """Return the highest set position from here down."""
    core = core_at(memory)
    return highest_upto(core, core.markets[0], 1, position)


@pytest.fixture(scope="module")
def memory():
    engine = Engine(dataclasses.replace(SMALL, price_levels=1 << 20))
    Desk(engine).add_market(top=TOP)
    compile_entries()
    yield engine._memory
    assert int(engine.blocks["markets"]["tier_count"][0]) == 4


positions = st.one_of(
    st.integers(0, TOP),
    st.sampled_from([0, 63, 64, 4_095, 4_096, 262_143, 262_144, TOP - 1, TOP]),
)


@settings(max_examples=200)
@given(marked=st.sets(positions, max_size=12), asked=st.lists(positions, min_size=1, max_size=12))
def test_the_next_level_is_found_upwards_and_downwards(memory, marked, asked):
    ordered = sorted(marked)
    for position in ordered:
        toggle(memory, position, 1)
    for position in [*asked, *ordered]:
        above, below = bisect_left(ordered, position), bisect_right(ordered, position)
        assert look_up(memory, position, 0) == (ordered[above] if above < len(ordered) else -1)
        assert look_down(memory, position, 0) == (ordered[below - 1] if below else -1)
    assert look_up(memory, TOP + 1, 0) == look_down(memory, -1, 0) == -1
    for position in ordered:
        toggle(memory, position, 0)
    assert look_up(memory, 0, 0) == -1


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
