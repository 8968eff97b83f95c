"""A short `make chaos`: what hurts a whole exchange at once, under clients, and everything holds afterwards."""

from collections.abc import Iterator
from random import Random

import pytest

from tests.chaos import faults
from tests.chaos.__main__ import finish, season
from tests.chaos.house import House, NoSmallDisk
from tests.chaos.record import Record

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house that has been started for the first time, with four clients before its doors."""
    one = House(tmp_path_factory.mktemp("chaos"), clients=4, seed=1)
    try:
        yield one
    finally:
        one.wipe()


def played(house: House, *plan: faults.Fault) -> Record:
    """Start, go through the plan once, and stop."""
    record = Record(Random(1))
    house.start()
    season(house, plan, 0.0, record)
    finish(house, record)
    return record


def test_nothing_is_lost_when_everything_dies_and_the_doors_are_fed_nonsense(house: House) -> None:
    everything = faults.SEVERAL[-1]
    plan = (*faults.OTHERS, faults.killing("matcher"), faults.SINGLE[-1], everything)
    record = played(house, *plan)
    assert record.found == []
    assert record.kills == 2 + everything.kills
    assert len(record.rows) == 1 + len(plan)


def test_nothing_is_lost_when_the_disk_of_the_journal_is_full(house: House) -> None:
    try:
        house.put_journal_on_a_small_disk()
    except NoSmallDisk as why:
        pytest.skip(f"no file system can be mounted here: {why}")
    record = played(house, *faults.FULL_DISK)
    assert record.found == []
    assert "-1008" in record.notes[0]
