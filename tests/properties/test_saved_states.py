"""A state that was saved and loaded goes on as if nothing had been: same digest, same events."""

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from matcher.core.engine import Engine
from matcher.core.invariants import check
from matcher.core.kernel import INTERPRETED
from runtime import snapshot
from tests.command_stream import CommandStream
from tests.comparison import first_difference
from tests.desk import apply_all
from tests.engines import core

pytestmark = pytest.mark.property

STREAMS, CHUNKS = (4, 40) if INTERPRETED else (24, 120)


def copied(engine: Engine, seed: int, folder: Path) -> Engine:
    """A second engine, with a hash seed of its own, that was given the state of the first."""
    other = core(replace(engine.capacities, index_seed=seed))
    saved = snapshot.read(snapshot.write(folder, 1, 1, {}, engine.save())).blocks
    assert other.misfit(saved) == ""
    other.load(saved)
    return other


@pytest.mark.parametrize("seed", range(5_000, 5_000 + STREAMS))
def test_a_loaded_state_has_the_same_digest_and_the_same_future(seed, tmp_path):
    stream, rng = CommandStream(seed), Random(seed)
    commands = [stream.next_chunk()[0] for _ in range(CHUNKS)]
    engine = core(stream.world.capacities)
    follower = copied(engine, 1, tmp_path)
    saves = set(rng.sample(range(1, CHUNKS), 5))
    for number, chunk in enumerate(commands):
        if number in saves:
            follower = copied(rng.choice([engine, follower]), rng.getrandbits(31), tmp_path)
            assert check(follower) == []
            assert follower.digest() == engine.digest()
        assert first_difference(apply_all(engine, chunk), apply_all(follower, chunk)) == ""
    assert follower.digest() == engine.digest()
    assert check(follower) == []


@pytest.mark.parametrize("seed", range(6_000, 6_003))
def test_saving_takes_what_is_in_use_and_not_what_is_possible(seed):
    stream = CommandStream(seed)
    engine = core(stream.world.capacities)
    for _ in range(CHUNKS):
        apply_all(engine, stream.next_chunk()[0])
    saved = engine.save()
    state = engine.blocks["state"][0]
    assert len(saved["orders"]) == state["order_top"] + 1
    assert len(saved["levels"]) == state["level_top"] + 1 <= state["order_top"] + 1
    assert len(saved["finished"]) == state["finished_count"]


def test_a_state_of_another_layout_is_not_loaded():
    engine = core()
    saved = engine.save()
    del saved["lists"]
    assert "lists" in core().misfit(saved)
    saved = engine.save()
    saved["orders"] = np.zeros(1, np.dtype([("order_id", "<i8")]))
    assert "orders" in core().misfit(saved)
    with pytest.raises(AssertionError):
        core().load(saved)
