"""Some seeds of the simulation, the same again, and bugs that it must find.

`make sim` plays more; a seed that has failed once belongs into `OLD_FAILURES`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation import planted
from tests.simulation.__main__ import first_failure, play
from tests.simulation.planted import Planted

pytestmark = [pytest.mark.simulation, pytest.mark.slow]

ROOT = Path(__file__).parent.parent.parent
SEEDS = range(1_000, 1_100)
OLD_FAILURES = [3, 5, 44, 178]
"""A batch that only the page cache knew; a gap before a silence; a damaged oldest snapshot; a database
that is behind the oldest good snapshot, while the segments before that are gone."""


@pytest.mark.parametrize("share", range(4))
def test_whatever_goes_wrong_nothing_is_lost(share: int) -> None:
    failed = first_failure(SEEDS[share::4])
    assert failed is None, f"make sim SEED={failed.seed} N=1\n{failed.failure}"


@pytest.mark.parametrize("seed", OLD_FAILURES)
def test_what_once_went_wrong_goes_well(seed: int) -> None:
    assert not play(seed).failure


@pytest.mark.parametrize("seed", [1, 10, 28])
def test_a_seed_is_a_whole_run_in_any_process(seed: int) -> None:
    here = play(seed)
    assert not here.failure
    assert play(seed) == here
    for hash_seed in ("1", "77"):
        line = f"from tests.simulation.__main__ import play; print(play({seed}).digest)"
        there = subprocess.run(
            [sys.executable, "-c", line],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.strip() == here.digest


@pytest.mark.parametrize(
    ("bug", "seeds"),
    [
        pytest.param(planted.TELLS_FIRST, 20, id="tells before journaling"),
        pytest.param(planted.SKIPS_THE_WATERMARK, 20, id="skips the watermark"),
        pytest.param(planted.DROPS_A_REPLAYED_EVENT, 20, id="drops a replayed event"),
        pytest.param(planted.IGNORES_A_FAILED_SYNC, 20, id="ignores a failed sync"),
    ],
)
def test_a_planted_bug_is_found_within_so_many_seeds(bug: Planted, seeds: int) -> None:
    failed = first_failure(range(1, 1 + seeds), bug)
    assert failed is not None, "the bug was not found"
