"""The engine as its users see it: batches, limits, memory, digests, and the same twice over."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from matcher.core import warm_up
from matcher.core.engine import Engine
from matcher.core.kernel import INTERPRETED
from matcher.core.kernel.cache import cache_directory
from matcher.core.kernel.values import CHECKED
from matcher.core.state import EVENTS_PER_ORDER, Capacities, private_memory, shapes_of
from protocol.board import BLOCKS
from protocol.layout import rows_of
from protocol.records import Command
from protocol.terms import CommandKind
from tests.command_stream import CommandStream
from tests.desk import Desk, apply_all, command_rows
from tests.engines import SMALL

DEPOSIT = {"kind": CommandKind.DEPOSIT, "account": 0, "asset": 0, "amount": 1}


def with_asset(engine):
    """Add one asset, so that account 0 can be given some of it."""
    engine.apply(command_rows([{"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"A", "seq": 1}]))
    return engine


def test_a_batch_ends_between_two_commands_when_the_event_buffer_is_full():
    engine = with_asset(Engine(dataclasses.replace(SMALL, events=10)))
    commands = command_rows([{**DEPOSIT, "seq": 2 + n} for n in range(25)])
    taken = []
    while len(commands):
        events, applied = engine.apply(commands)
        assert len(events) == applied
        taken.append(applied)
        commands = commands[applied:]
    assert taken == [10, 10, 5]
    assert engine.blocks["status"]["seq"][0] == 26
    assert engine.blocks["status"]["event_seq"][0] == 26


def test_an_empty_batch_changes_nothing():
    engine = with_asset(Engine(SMALL))
    before = engine.digest()
    events, applied = engine.apply(rows_of(Command, 0))
    assert (len(events), applied) == (0, 0)
    assert engine.digest() == before
    assert engine.blocks["status"]["seq"][0] == 1


def test_commands_are_taken_from_any_dense_rows_also_read_only_ones():
    engine = with_asset(Engine(SMALL))
    commands = command_rows([{**DEPOSIT, "seq": 2 + n} for n in range(4)])
    read_only = np.frombuffer(commands.tobytes(), Command.dtype)
    assert engine.apply(read_only[2:])[1] == 2
    assert engine.apply(commands[1:2])[0]["seq"].tolist() == [3]


def test_rows_that_are_not_dense_commands_are_refused():
    engine = Engine(SMALL)
    commands = command_rows([DEPOSIT] * 4)
    with pytest.raises(AssertionError):
        engine.apply(commands[::2])
    with pytest.raises(AssertionError):
        engine.apply(np.zeros(4))


def test_the_buffer_has_room_for_the_most_events_that_one_command_can_make():
    engine = Engine(dataclasses.replace(SMALL, orders=64, events=1, iceberg_slices=64))
    desk = Desk(engine)
    desk.add_market(top=100)
    makers = desk.account("makers", {0: 1 << 30, 1: 1 << 30})
    taker = desk.account("taker", {0: 1 << 30, 1: 1 << 40})
    order = {"ord_type": 1, "time_in_force": 1, "price": 50}
    for _ in range(30):
        desk.ask(1, account=makers, side=1, order_qty=1, **order)
    for _ in range(16):
        desk.ask(1, account=makers, side=1, order_qty=4, display_qty=1, **order)
    told = desk.ask(1, account=taker, side=0, order_qty=30 + 64, **order)
    assert len(told) == 1 + 2 * (30 + 64)
    assert len(engine.blocks["events"]) >= 1 + EVENTS_PER_ORDER * 64 + 2 * 64


def test_slices_are_limited_over_the_whole_exchange():
    desk = Desk(Engine(dataclasses.replace(SMALL, iceberg_slices=10)))
    desk.add_market(top=100)
    alice = desk.account("alice", {0: 1 << 30, 1: 1 << 30})
    iceberg = {"account": alice, "ord_type": 1, "time_in_force": 1, "price": 50, "display_qty": 1}
    assert desk.ask(1, order_qty=8, **iceberg)[0].reason == 0
    assert desk.ask(1, order_qty=3, **iceberg)[0].reason == 29
    assert desk.ask(1, order_qty=2, **iceberg)[0].reason == 0
    desk.ask(2, account=alice, order_id=1)
    assert desk.ask(1, order_qty=8, **iceberg)[0].reason == 0


def test_only_what_readers_see_comes_from_the_allocator():
    asked = []

    def allocate(name, dtype, shape):
        asked.append((name, dtype, shape))
        return private_memory(name, dtype, shape)

    engine = Engine(SMALL, allocate)
    assert {name for name, _, _ in asked} == set(BLOCKS)
    for name, dtype, shape in asked:
        record = BLOCKS[name][0]
        assert dtype == (record if isinstance(record, str) else record.dtype)
        assert engine.blocks[name].shape == shape == shapes_of(SMALL)[name]


def test_two_engines_share_nothing():
    one, other = with_asset(Engine(SMALL)), with_asset(Engine(SMALL))
    one.apply(command_rows([{**DEPOSIT, "seq": 2}]))
    assert one.digest() != other.digest()
    other.apply(command_rows([{**DEPOSIT, "seq": 2}]))
    assert one.digest() == other.digest()


def test_shipped_capacities_are_mapped_not_used():
    engine = with_asset(Engine(Capacities()))
    assert sum(block.nbytes for block in engine.blocks.values()) > 1 << 33
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    assert pages * os.sysconf("SC_PAGE_SIZE") < 1 << 30


def test_the_digest_does_not_depend_on_rows_or_seeds():
    stream = CommandStream(77)
    commands = np.concatenate([stream.next_chunk()[0] for _ in range(40)])
    capacities = stream.world.capacities
    plain = Engine(capacities)
    other = Engine(dataclasses.replace(capacities, index_seed=12345))
    apply_all(plain, commands)
    apply_all(other, commands)
    assert plain.digest() == other.digest()


def test_warming_up_says_where_the_compiled_core_lies(capsys):
    assert warm_up.main() == 0
    assert capsys.readouterr().out == f"{cache_directory(checked=CHECKED)}\n"


SCRIPT = """
import hashlib, sys
import numpy as np
from matcher.core.engine import Engine
from tests.command_stream import CommandStream
from tests.desk import apply_all
for seed in map(int, sys.argv[1:]):
    stream = CommandStream(seed)
    commands = np.concatenate([stream.next_chunk()[0] for _ in range(30)])
    engine = Engine(stream.world.capacities)
    events = apply_all(engine, commands)
    print(seed, engine.digest(), hashlib.sha256(events.tobytes()).hexdigest())
"""


def outcome(*seeds, jit):
    """Play streams in a process of its own; return digest and sum of the events of each."""
    environment = {
        **os.environ,
        "NUMBA_DISABLE_JIT": "0" if jit else "1",
        "PYTHONPATH": str(Path.cwd()),
    }
    words = [sys.executable, "-c", SCRIPT, *map(str, seeds)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.skipif(INTERPRETED, reason="compares the two")
def test_compiled_and_interpreted_core_say_the_same_and_end_alike():
    seeds = range(3_000, 3_008)
    compiled, interpreted = outcome(*seeds, jit=True), outcome(*seeds, jit=False)
    assert len(compiled) == len(seeds)
    assert compiled == interpreted
