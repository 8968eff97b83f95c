"""Migrations on a real PostgreSQL: run once, in order, by one process at a time."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from writer.migrate import SCHEMA, WrongSchema, migrate, migrations
from writer.store import Connection, connect

pytestmark = pytest.mark.system


@pytest.fixture
def connection(database: str) -> Iterator[Connection]:
    """A connection of the writer to an empty database."""
    with connect(database, 10) as made:
        yield made


def versions(database: str) -> list[int]:
    with psycopg.connect(database) as connection:
        rows = connection.execute("select version from schema_version order by version").fetchall()
    return [version for (version,) in rows]


def folder_of(place: Path, **files: str) -> Path:
    place.mkdir(exist_ok=True)
    for name, sql in files.items():
        (place / f"{name.removeprefix('m')}.sql").write_text(sql)
    return place


def test_the_shipped_schema_runs_once(database: str, connection: Connection) -> None:
    assert migrate(connection) == [one.name for one in migrations()]
    assert migrate(connection) == []
    assert versions(database) == [one.version for one in migrations()]


def test_of_several_starters_one_migrates_and_all_go_on(database: str, tmp_path: Path) -> None:
    slow = folder_of(
        tmp_path / "slow",
        m0001_a="create table a (n int); select pg_sleep(0.3);",
        m0002_b="-- no-transaction\ncreate index concurrently b on a (n)",
    )
    done: list[list[str]] = []

    def start() -> None:
        with connect(database, 10) as connection:
            done.append(migrate(connection, slow))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(done) == [[], [], [], ["0001_a.sql", "0002_b.sql"]]
    assert versions(database) == [1, 2]


def test_a_migration_that_fails_leaves_nothing_of_itself(
    database: str, connection: Connection, tmp_path: Path
) -> None:
    bad = folder_of(
        tmp_path / "bad",
        m0001_a="create table a (n int)",
        m0002_b="create table b (n int); insert into b values ('no number')",
    )
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        migrate(connection, bad)
    assert versions(database) == [1]
    assert connection.execute("select to_regclass('b')").fetchone() == (None,)
    folder_of(bad, m0002_b="create table b (n int)")
    assert migrate(connection, bad) == ["0002_b.sql"]


def test_bodies_with_semicolons_and_percent_signs_run_as_they_stand(
    connection: Connection, tmp_path: Path
) -> None:
    folder = folder_of(
        tmp_path / "odd",
        m0001_odd="create function f() returns text language sql as $$ select '100%;'; $$;",
    )
    migrate(connection, folder)
    assert connection.execute("select f()").fetchone() == ("100%;",)


def test_a_file_that_was_changed_after_it_ran_is_refused(
    connection: Connection, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "m", m0001_a="create table a (n int)")
    migrate(connection, folder)
    folder_of(folder, m0001_a="create table a (n bigint)")
    with pytest.raises(WrongSchema, match=r"0001_a\.sql was changed after it ran"):
        migrate(connection, folder)


def test_a_database_of_a_newer_release_is_refused(connection: Connection, tmp_path: Path) -> None:
    newer = folder_of(tmp_path / "m", m0001_a="select 1", m0002_b="select 2")
    migrate(connection, newer)
    (newer / "0002_b.sql").unlink()
    with pytest.raises(WrongSchema, match="schema version 2, this code only knows 1"):
        migrate(connection, newer)


def test_a_missing_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongSchema, match=r"0003_c\.sql was found where migration 0002"):
        migrations(folder_of(tmp_path / "m", m0001_a="select 1", m0003_c="select 3"))


def test_the_shipped_files_are_numbered() -> None:
    assert [one.version for one in migrations(SCHEMA)] == list(
        range(1, len(migrations(SCHEMA)) + 1)
    )
