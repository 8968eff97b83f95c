"""Play generated command streams on both engines until time is up: `python -m tests.fuzz`.

A difference, a broken invariant or an engine that stops ends the run with exit status 1, the seed,
and the shortest stream of commands found that shows it.
"""

import argparse
import sys
import time
from random import Random

import numpy as np

from matcher.core.invariants import check
from protocol.layout import Rows
from tests.audit import faults
from tests.command_stream import CommandStream
from tests.comparison import batches, command_text, compare, first_difference, shortest
from tests.desk import apply_all
from tests.engines import core

COMMANDS_A_STREAM = 4_000
_CHUNKS_A_CHECK = 25
"""How often the core's own rows are walked: it takes as long as some hundred commands."""


def play_stream(seed: int, count: int = COMMANDS_A_STREAM) -> int:
    """Play one generated stream on both engines; return how many commands that were.

    Raises: AssertionError that names the seed, the difference and the shortest stream that has it.
    """
    stream = CommandStream(seed)
    fast = core(stream.world.capacities)
    rng = Random(seed)
    played: list[Rows] = []
    total = 0
    while total < count:
        commands, expected = stream.next_chunk()
        played.append(commands)
        total += len(commands)
        found = np.concatenate([apply_all(fast, batch) for batch in batches(commands, rng)])
        if first_difference(expected, found):
            _explain(seed, stream, np.concatenate(played))
        broken = faults(stream.reference.venue)
        if len(played) % _CHUNKS_A_CHECK == 0:
            broken += check(fast)
        assert not broken, f"seed {seed}, command {total}: {broken}"
    return total


def _explain(seed: int, stream: CommandStream, commands: Rows) -> None:
    capacities = stream.world.capacities
    if not compare(commands, capacities):
        raise AssertionError(f"seed {seed}: differs only in larger batches than single commands")
    kept = shortest(commands, capacities)
    lines = [command_text(command) for command in kept]
    difference = compare(kept, capacities)
    raise AssertionError("\n".join([f"seed {seed}, {capacities}", *lines, difference]))


def main() -> int:
    """Parse the command line and play until time is up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to play")
    parser.add_argument("--seed", type=int, default=None, help="of the first stream; else the time")
    args = parser.parse_args()
    first = int(time.time()) if args.seed is None else args.seed
    end = time.monotonic() + args.seconds
    seed, commands = first, 0
    while time.monotonic() < end:
        try:
            commands += play_stream(seed)
        except AssertionError as failure:
            print(failure)
            return 1
        seed += 1
    print(f"{commands} commands of {seed - first} streams from seed {first}: no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
