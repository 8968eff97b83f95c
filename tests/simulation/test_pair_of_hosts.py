"""Some seeds of two hosts, and bugs that these must find."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation import two_hosts_planted as planted
from tests.simulation.two_hosts import play
from tests.simulation.two_hosts_planted import Planted

pytestmark = [pytest.mark.simulation, pytest.mark.slow]
SEEDS = 30


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder that no disk slows down."""
    place = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="openbourse-sim-", dir=place if place.is_dir() else None))
    yield folder
    shutil.rmtree(folder)


def test_what_was_acknowledged_is_in_the_journal_that_both_have_in_the_end(memory: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(SEEDS):
        counts.update(play(seed, memory / str(seed)))
    # The runs had in them what they are for.
    assert counts["told"] > 20 * SEEDS
    assert counts["kill"] > SEEDS
    assert counts["pause"] > SEEDS


@pytest.mark.parametrize(
    "bug",
    [
        pytest.param(planted.GOES_ALONE, id="goes alone without asking the lease"),
        pytest.param(planted.TELLS_AT_ONCE, id="tells without a receipt"),
        pytest.param(planted.ANYBODY_MAY, id="takes over with less than everything"),
    ],
)
def test_a_planted_bug_is_found_within_thirty_seeds(bug: Planted, memory: Path) -> None:
    for seed in range(SEEDS):
        try:
            play(seed, memory / str(seed), bug)
        except AssertionError:
            return
    raise AssertionError("the bug was not found")
