"""Play seeds: `python -m tests.simulation --seed 1 --count 1000`, in two processes.

Every seed is a run of its own. The first that fails ends it with exit status 1, its seed and the way to
play it again, which then shows everything just as it was.
"""

import argparse
import importlib
import multiprocessing
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.simulation.checks import check, commands_in
from tests.simulation.planted import NOTHING, Planted
from tests.simulation.world import World

_MEMORY = Path("/dev/shm")
_TOLD_S = 30.0


class Outcome(NamedTuple):
    """What became of one seed: the sum of its run, what was counted, and why it failed, if so."""

    seed: int
    digest: str
    counts: dict[str, int]
    failure: str


def play(seed: int, planted: Planted = NOTHING) -> Outcome:
    """Play one seed and check it."""
    place = _MEMORY if _MEMORY.is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="openbourse-sim-", dir=place))
    world = World(seed, folder, planted)
    try:
        world.run()
        check(world)
        failure = ""
        world.fate.counts["commands"] = commands_in(world)
    except Exception:  # noqa: BLE001 - whatever a process dies of unexpectedly is what is looked for
        failure = traceback.format_exc()
    finally:
        world.close()
        shutil.rmtree(folder)
    answers = sum(trader.answered for trader in world.traders)
    retries = sum(trader.retries for trader in world.traders)
    counts = {**world.fate.counts, "answers": answers, "retries": retries}
    return Outcome(seed, world.fate.digest, counts, failure)


def first_failure(seeds: Iterable[int], planted: Planted = NOTHING) -> Outcome | None:
    """Return the first of these seeds that fails."""
    return next((found for seed in seeds if (found := play(seed, planted)).failure), None)


def main() -> int:
    """Play many seeds and say what was in them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--count", type=int, default=1000, help="how many seeds (1000)")
    parser.add_argument("--processes", type=int, default=2, help="how many at a time (2)")
    args = parser.parse_args()
    begun = told = time.monotonic()
    counts: Counter[str] = Counter()
    seeds = range(args.seed, args.seed + args.count)
    with multiprocessing.get_context("spawn").Pool(min(args.processes, args.count)) as pool:
        # A child finds the function under this module's name only, not as that of its parent's program.
        played = importlib.import_module("tests.simulation.__main__").play
        for number, found in enumerate(pool.imap(played, seeds, chunksize=1), 1):
            counts.update(found.counts)
            if found.failure:
                pool.terminate()
                print(found.failure)
                print(f"seed {found.seed} failed; again: make sim SEED={found.seed} N=1")
                return 1
            if args.count == 1:
                print(f"seed {found.seed}: the sum of all that happened is {found.digest}")
            if time.monotonic() - told > _TOLD_S:
                told = time.monotonic()
                print(f"{number} seeds are good", flush=True)
    minutes = (time.monotonic() - begun) / 60
    for name, count in sorted(counts.items()):
        print(f"{count:>10}  {name}")
    crashes = sum(count for name, count in counts.items() if name.endswith("killed"))
    crashes += counts["power_cut"]
    print(f"{args.count} seeds, {crashes} crashes, no fault: {args.count / minutes:.0f} a minute")
    return 0


if __name__ == "__main__":
    sys.exit(main())
