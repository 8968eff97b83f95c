"""Exactly once, whatever is killed: writer, database and matcher under a running story."""

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.writer_house import House

pytestmark = [pytest.mark.system, pytest.mark.slow]
SEED = 20_260_101
KILLS = int(os.environ.get("WRITER_KILLS", "8"))
"""Kills in a row; more of them find rarer moments."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, SEED)
    yield made
    made.close()


def hurt(house: House, kills: list[Callable[[], None]], seed: int) -> None:
    """Feed the story and do each kill at a random moment; the writer is started again if it ends."""
    moments = random.Random(seed)
    for kill in kills:
        deadline = time.monotonic() + moments.uniform(0.2, 1.5)
        while time.monotonic() < deadline:
            house.feed()
            house.keep_writer()
            time.sleep(0.002)
        kill()
    house.feed()


def check(house: House) -> None:
    """Everything that happened is in the database once, and as it happened."""
    house.wait_until_written()
    report = house.reconcile()
    assert report.differences == [], f"seed {SEED}"
    assert report.watermark.event_seq == house.told_event_seq()
    assert min(report.checked[name] for name in ("orders", "trades", "ledger", "balances")) > 10


def test_a_killed_writer_loses_and_doubles_nothing(house: House) -> None:
    hurt(house, [house.kill_writer] * KILLS, SEED)
    check(house)


def test_a_killed_database_loses_and_doubles_nothing(house: House) -> None:
    hurt(house, [house.kill_database] * (KILLS // 2), SEED)
    check(house)


def test_whatever_is_killed_nothing_is_lost_or_doubled(house: House) -> None:
    kills = [house.kill_writer, house.kill_database, house.kill_matcher] * (KILLS // 4)
    random.Random(SEED).shuffle(kills)
    hurt(house, kills, SEED)
    house.cut_orders()
    check(house)


def test_a_tail_that_the_database_lost_is_written_again(tmp_path: Path) -> None:
    house = House(tmp_path, SEED, "synchronous_commit=off")
    try:
        house.wait_until_written()
        went_back = 0
        for _ in range(3):
            halted = house.halt_wal_writer()
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline:
                house.feed()
                time.sleep(0.002)
            before = house.watermark()
            house.kill_database(halted)
            went_back += 0 <= house.watermark() < before
            house.wait_until_written()
        assert went_back, "no kill lost a tail: the test says nothing"
        check(house)
    finally:
        house.close()


def test_a_writer_that_was_stopped_has_written_all_it_was_told(house: House) -> None:
    for _ in range(30):
        house.feed()
        time.sleep(0.005)
    house.wait_until_written()

    def is_behind() -> bool:
        house.feed(400)
        return house.told_event_seq() > house.watermark()

    house.until(is_behind, "the writer has something to do")
    assert house.stop_writer() == 0
    house.start_writer()
    check(house)


def test_while_the_writer_is_away_trading_goes_on_and_is_caught_up(house: House) -> None:
    house.wait_until_written()
    house.writer.kill()
    house.writer.wait()
    before = house.told_event_seq()
    for _ in range(200):
        house.feed()
        time.sleep(0.002)
    house.until(lambda: house.told_event_seq() > before + 5000, "trading goes on")
    house.start_writer()
    check(house)
