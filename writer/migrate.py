"""Bring the database to the schema of this code: numbered plain-SQL files, forward only.

Each file of `writer/schema` (NNNN_name.sql) runs once, in a transaction of its own, and is remembered
with its checksum. A file that starts with `-- no-transaction` holds one statement that cannot run in a
transaction (CREATE INDEX CONCURRENTLY). A database that is newer than this code, or a file that
was edited after it ran, is refused. Only one process migrates at a time; others find nothing to do.
"""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from writer.store import Connection

SCHEMA = Path(__file__).parent / "schema"
_LOCK = 0x0BE5_0001
_POLL_S = 0.1


class WrongSchema(Exception):
    """The database cannot be brought to the schema of this code; the message says why."""


@dataclass(frozen=True)
class Migration:
    """One file of the schema."""

    version: int
    name: str
    sql: str
    sha256: str

    @property
    def in_transaction(self) -> bool:
        """Whether it runs in a transaction."""
        return not self.sql.lstrip().startswith("-- no-transaction")


def migrations(folder: Path = SCHEMA) -> list[Migration]:
    """Read all migrations, in order.

    Raises: WrongSchema when the numbers are not 1, 2, 3 and so on.
    """
    found: list[Migration] = []
    for path in sorted(folder.glob("*.sql")):
        raw = path.read_bytes()
        number = path.name.partition("_")[0]
        if not number.isdecimal() or int(number) != len(found) + 1:
            raise WrongSchema(
                f"{path.name} was found where migration {len(found) + 1:04d} was expected"
            )
        found.append(
            Migration(int(number), path.name, raw.decode(), hashlib.sha256(raw).hexdigest())
        )
    return found


def pending(known: list[Migration], applied: dict[int, str]) -> list[Migration]:
    """Return what is still to be run; `applied` gives the checksum of each version that was.

    Raises: WrongSchema.
    """
    newest = len(known)
    if applied and max(applied) > newest:
        raise WrongSchema(
            f"the database has schema version {max(applied)}, this code only knows {newest}: "
            "start the newer release, or restore a backup made with this one"
        )
    for migration in known:
        checksum = applied.get(migration.version)
        if checksum is not None and checksum != migration.sha256:
            raise WrongSchema(f"{migration.name} was changed after it ran: put the old file back")
    return [migration for migration in known if migration.version not in applied]


def migrate(connection: Connection, folder: Path = SCHEMA) -> list[str]:
    """Run what is pending and return the names. `connection` is in autocommit mode.

    Raises: WrongSchema, before anything was changed; the database's own errors.
    """
    known = migrations(folder)
    # Waiting inside pg_advisory_lock would deadlock with another's CREATE INDEX CONCURRENTLY, which
    # waits for the snapshot of every statement that is running.
    while not _value(connection, f"select pg_try_advisory_lock({_LOCK})"):
        time.sleep(_POLL_S)
    try:
        connection.execute(
            "create table if not exists schema_version (version integer primary key, name text not "
            "null, sha256 text not null, applied_at timestamptz not null default now())"
        )
        rows = connection.execute("select version, sha256 from schema_version").fetchall()
        done = pending(known, dict(rows))
        for migration in done:
            _apply(connection, migration)
    finally:
        connection.execute(f"select pg_advisory_unlock({_LOCK})")
    return [migration.name for migration in done]


def _apply(connection: Connection, migration: Migration) -> None:
    if not migration.in_transaction:
        connection.execute(migration.sql.encode())
        _remember(connection, migration)
        return
    with connection.transaction():
        # Without parameters the whole file goes as one simple query: `%`, `;` and $$ mean nothing here.
        connection.execute(migration.sql.encode())
        _remember(connection, migration)


def _remember(connection: Connection, migration: Migration) -> None:
    connection.execute(
        "insert into schema_version (version, name, sha256) values (%s, %s, %s)",
        (migration.version, migration.name, migration.sha256),
    )


def _value(connection: Connection, query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]
