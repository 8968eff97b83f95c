"""The lease: which one of the matchers of two hosts is in charge. One row of the database that both share.

    epoch     how many have been in charge; each new one counts on, and writes it into its journal
    holder    the copy of the journal whose matcher is in charge
    replica   the copy that has everything that was acknowledged; 0: only the holder has

A matcher may take the lease when it has everything: it was the holder, or the replica. The row is changed
only under the condition that its epoch is the one that was seen, so of two who try one succeeds. Beside
it the holder's session holds an advisory lock: a holder that died has none any more, at once.
"""

import os
import secrets
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import psycopg

_T = TypeVar("_T")
_KEY = 0x0B0E
"""The advisory lock of a holder."""
_NAME = "openbourse lease"
_TIMEOUT_S = 2
ANSWER_S = 1.5 * _TIMEOUT_S
"""A statement that the server itself has not ended by then will not be answered."""
_LOOK_S = 0.25
"""How often a holder looks whether it still is one."""
FENCED_WITHIN_S = _LOOK_S + 2 * _TIMEOUT_S
"""A holder that reaches the database knows by then that another one has taken over."""
_TABLE = """
create table if not exists matcher_lease (
    only_one boolean primary key default true check (only_one),
    epoch bigint not null,
    holder bigint not null,
    replica bigint not null,
    wish bigint not null default 0,
    backend integer not null
)"""


class Away(Exception):
    """The database cannot be reached: nobody knows who holds the lease."""


class Standing(NamedTuple):
    """What the row says."""

    epoch: int
    holder: int
    replica: int
    backend: int
    """The database's process that serves the holder."""


class _Session(psycopg.Connection[tuple[Any, ...]]):
    """A session that waits for no answer longer than ANSWER_S.

    The server's own limits need a server that runs: one that stands still takes statements, and says nothing.
    """

    def wait(
        self, gen: Generator[Any, Any, _T], interval: float = 0.1, timeout: float | None = None
    ) -> _T:
        """Run a step of the protocol to its end, or raise OperationalError."""
        return super().wait(gen, interval, ANSWER_S if timeout is None else timeout)


class Lease:
    """One session with the database that keeps the lease.

    Raises (every method): Away.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._session: _Session | None = None

    def standing(self) -> Standing | None:
        """Return how it stands; None: nobody has had it yet."""
        with self._reached() as session:
            return _standing(session)

    def take(self, copy_id: int, journal_epoch: int, *, may_begin: bool, force: bool) -> int:
        """Take the lease for a copy and return the new epoch; 0 when it may not have it.

        `may_begin`: also when nobody has had it yet. `force`: the holder is silent; if it has a session,
        that is ended.
        """
        with self._reached() as session:
            found = _standing(session)
            if found is None and not may_begin:
                return 0
            if found and copy_id not in (found.holder, found.replica):
                return 0
            if found and force:
                session.execute(
                    "select pg_terminate_backend(pid, 1000) from pg_stat_activity"
                    " where pid = %s and application_name = %s",
                    (found.backend, _NAME),
                )
            if not _locked(session):
                return 0
            epoch = max(found.epoch if found else 0, journal_epoch) + 1
            if found is None:
                done = session.execute(
                    "insert into matcher_lease (epoch, holder, replica, backend)"
                    " values (%s, %s, 0, pg_backend_pid()) on conflict do nothing",
                    (epoch, copy_id),
                )
            else:
                done = session.execute(
                    "update matcher_lease set epoch = %s, holder = %s, replica = 0,"
                    " wish = 0, backend = pg_backend_pid() where epoch = %s and (holder = %s or replica = %s)",
                    (epoch, copy_id, found.epoch, copy_id, copy_id),
                )
            if not done.rowcount:
                session.execute("select pg_advisory_unlock_all()")
            return epoch if done.rowcount else 0

    def declare(self, epoch: int, replica: int, number: int) -> bool:
        """Say which copy has everything that is acknowledged; False: the lease is another one's now.

        `number` grows with every wish: a statement of a lost session that arrives late changes nothing.
        """
        with self._reached() as session:
            done = session.execute(
                "update matcher_lease set wish = greatest(wish, %(number)s),"
                " replica = case when wish <= %(number)s then %(replica)s else replica end"
                " where epoch = %(epoch)s",
                {"number": number, "replica": replica, "epoch": epoch},
            )
            return bool(done.rowcount)

    def keep(self, epoch: int) -> bool:
        """Hold the advisory lock, in a new session perhaps; False: the lease is another one's now."""
        with self._reached() as session:
            if _locked(session):
                session.execute(
                    "update matcher_lease set backend = pg_backend_pid()"
                    " where epoch = %s and backend <> pg_backend_pid()",
                    (epoch,),
                )
            found = _standing(session)
            return found is not None and found.epoch == epoch

    def give(self, copy_id: int) -> None:
        """Let this copy be the next holder, whatever it has: the word of an operator."""
        with self._reached() as session:
            session.execute(
                "insert into matcher_lease (epoch, holder, replica, backend) values (0, %s, %s, 0)"
                " on conflict (only_one) do update set replica = excluded.replica",
                (copy_id, copy_id),
            )

    def close(self) -> None:
        """End the session; the advisory lock goes with it."""
        if self._session is not None:
            with suppress(psycopg.Error):
                self._session.close()
            self._session = None

    @contextmanager
    def _reached(self) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
        try:
            if self._session is None:
                self._session = _Session.connect(
                    self._dsn,
                    autocommit=True,
                    connect_timeout=_TIMEOUT_S,
                    application_name=_NAME,
                    options=f"-c statement_timeout={_TIMEOUT_S}s -c lock_timeout={_TIMEOUT_S}s",
                    # A host that is gone says no goodbye: both sides notice it within this time.
                    keepalives_idle=1,
                    keepalives_interval=1,
                    keepalives_count=2,
                    tcp_user_timeout=1000 * _TIMEOUT_S,
                )
                self._session.execute("select pg_advisory_lock(%s)", (_KEY + 1,))
                self._session.execute(_TABLE)
                self._session.execute("select pg_advisory_unlock(%s)", (_KEY + 1,))
            yield self._session
        except psycopg.Error as error:
            self.close()
            raise Away(str(error).strip()) from error


class Keeper(threading.Thread):
    """Keeps the lease of one epoch beside the loop of the matcher, which must never wait for a database.

    `lost`: another one has it; what is told from here on would be a lie.
    """

    def __init__(self, lease: Lease, epoch: int) -> None:
        super().__init__(name="lease", daemon=True)
        self.epoch = epoch
        self.lost = False
        self._lease = lease
        self._lock = threading.Lock()
        self._wish = (0, 0)
        """The number of the last wish, and the replica that is to be declared by it."""
        self._done = 0
        """The number of the last wish that the database has."""
        self.possible = frozenset((0,))
        """What the database may say by now: more than one while a wish is on its way to it."""
        self.rounds = 0
        """How often it was looked, in vain or not."""
        self._wake = threading.Event()
        self._ended = False

    def wish(self, replica: int) -> None:
        """Have it declared which copy has everything; returns at once."""
        if replica == self._wish[1]:
            return
        with self._lock:
            self._wish = (self._wish[0] + 1, replica)
            self.possible |= {replica}
        self._wake.set()

    def run(self) -> None:
        """Look, and declare what is wished, until `end`."""
        try:
            while not self._ended and not self.lost:
                self.turn()
                self._wake.wait(_LOOK_S)
                self._wake.clear()
        finally:
            # Who cannot look any more may not believe that it still has the lease.
            self.lost = self.lost or not self._ended
            self._lease.close()

    def turn(self) -> None:
        """Do one round; a database that is away is tried again in the next."""
        number, replica = self._wish
        try:
            if number != self._done:
                if not self._lease.declare(self.epoch, replica, number):
                    self.lost = True
                    return
                with self._lock:
                    self._done = number
                    if self._wish[0] == number:
                        self.possible = frozenset((replica,))
            self.lost = not self._lease.keep(self.epoch)
        except Away:
            return
        finally:
            self.rounds += 1

    def end(self) -> None:
        """Let go of it."""
        self._ended = True
        self._wake.set()
        self.join(2 * _TIMEOUT_S)


def copy_id(folder: Path) -> int:
    """Return the id of the copy of the journal in a folder; a new one has a new id, a backup has none."""
    path = folder / "copy.id"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        with draft.open("w") as file:
            file.write(f"{secrets.randbits(62) | 1}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    return int(path.read_text())


def _standing(session: "psycopg.Connection[tuple[Any, ...]]") -> Standing | None:
    row = session.execute("select epoch, holder, replica, backend from matcher_lease").fetchone()
    return None if row is None else Standing(*row)


def _locked(session: "psycopg.Connection[tuple[Any, ...]]") -> bool:
    """Have the advisory lock in this session, once."""
    held = session.execute(
        "select 1 from pg_locks where locktype = 'advisory' and objid = %s and pid = pg_backend_pid()"
        " and database = (select oid from pg_database where datname = current_database())",
        (_KEY,),
    ).fetchone()
    if held:
        return True
    row = session.execute("select pg_try_advisory_lock(%s)", (_KEY,)).fetchone()
    return row is not None and bool(row[0])
