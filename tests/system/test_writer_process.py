"""The writer as a process: how it starts, waits, refuses and stops."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from runtime.service import BAD_CONFIGURATION, STOPPED
from tests.postgres_fixture import stop
from tests.system.writer_house import House

pytestmark = [pytest.mark.system, pytest.mark.slow]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, 3)
    made.wait_until_written()
    yield made
    made.close()


def said(house: House) -> str:
    return house.log.read_text()


def ends_with(house: House, status: int) -> Callable[[], bool]:
    return lambda: house.writer.poll() == status


def change(house: House, statement: str) -> None:
    assert house.stop_writer() == STOPPED
    with psycopg.connect(house.postgres.dsn()) as connection:
        connection.execute(statement.encode())
    house.start_writer()


def test_it_stops_in_good_order_and_goes_on_where_it_was(house: House) -> None:
    house.feed()
    assert house.stop_writer() == STOPPED
    house.feed()
    house.start_writer()
    house.wait_until_written()
    assert house.reconcile().agrees


def test_it_says_how_far_the_database_is_when_it_is_ready(house: House) -> None:
    house.stop_writer()
    house.start_writer()
    line = f"writer INFO ready watermark={house.told_event_seq()}"
    house.until(lambda: line in said(house), "it is ready")


def test_a_database_of_a_newer_release_is_refused_for_good(house: House) -> None:
    change(house, "insert into schema_version values (9999, '9999_future.sql', 'x')")
    house.until(ends_with(house, BAD_CONFIGURATION), "it ends")
    assert "the database has schema version 9999" in said(house)


def test_a_database_that_knows_more_than_the_journal_is_refused_for_good(house: House) -> None:
    change(house, "update watermark set event_seq = event_seq + 1000")
    house.until(ends_with(house, BAD_CONFIGURATION), "it ends")
    assert "this database belongs to another journal or to a longer one" in said(house)


def test_it_waits_for_a_database_that_is_away(house: House) -> None:
    house.stop_writer()
    stop(house.database)
    house.feed()
    house.start_writer()
    house.until(lambda: "waiting for the database" in said(house), "it waits")
    house.start_database()
    house.wait_until_written()
    assert house.reconcile().agrees


def test_it_can_be_stopped_while_it_waits(house: House) -> None:
    house.stop_writer()
    stop(house.database)
    house.start_writer()
    house.until(lambda: "waiting for the database" in said(house), "it waits")
    assert house.stop_writer() == STOPPED


def test_it_keeps_the_batch_in_hand_while_the_database_is_away(house: House) -> None:
    stop(house.database)
    house.feed()
    house.until(lambda: "the database was lost" in said(house), "it notices")
    pid = house.writer.pid
    house.start_database()
    house.wait_until_written()
    assert house.writer.pid == pid
    assert house.writer.poll() is None
    assert house.reconcile().agrees


def test_a_second_writer_is_fenced(house: House) -> None:
    with psycopg.connect(house.postgres.dsn()) as connection:
        connection.execute("update watermark set event_seq = event_seq - 1")
    house.feed()
    house.until(lambda: house.writer.poll() is not None, "it ends")
    assert "another writer, or another exchange, uses this database" in said(house)
