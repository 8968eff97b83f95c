"""Reads of the books of record (PostgreSQL), never behind what was acknowledged.

The writer moves a watermark in the transaction that writes the rows. A read that must see what a
client was already told waits until the watermark has passed it, a bounded time, then says 503. One
poller serves all that wait. The database may be away: reads then say 503, everything else goes on.
What is asked, and how rows become events, is in `ingress/queries.py`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from ingress import errors, queries
from ingress.auth import Key, KeyRing, KeyRow, UnusableKey, key_of
from runtime.key_channels import CHANGES, FOLLOWER, acknowledged
from runtime.vault import NotSealed, Vault

CONNECTIONS = 4
"""Database connections of one worker; more reads than that wait for one."""
CONNECT_TIMEOUT_S = 3
STATEMENT_TIMEOUT_MS = 5_000
_POLL_FIRST_S = 0.002
_POLL_LIMIT_S = 0.01
_AGAIN_FIRST_S = 0.1
_AGAIN_LIMIT_S = 5.0

Connection = psycopg.AsyncConnection[TupleRow]
Connect = Callable[[], Awaitable[Connection]]
log = logging.getLogger("ingress")


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the books of record have come: the last command and the last event in them."""

    seq: int = 0
    event_seq: int = 0

    def covers(self, other: "Mark") -> bool:
        """Tell whether everything up to `other` is in the books."""
        return self.seq >= other.seq and self.event_seq >= other.event_seq


def connector(dsn: str) -> Connect:
    """Return what opens connections to the books of record, for reading."""

    async def connect() -> Connection:
        return await psycopg.AsyncConnection.connect(
            dsn,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            application_name="openbourse ingress",
            options=f"-c statement_timeout={STATEMENT_TIMEOUT_MS}",
        )

    return connect


class Pool:
    """A few connections, opened when they are first needed and again when they break."""

    def __init__(self, connect: Connect, size: int = CONNECTIONS) -> None:
        self._connect = connect
        self._idle: list[Connection] = []
        self._free = asyncio.Semaphore(size)

    async def fetch(self, statement: str, params: Sequence[Any] = ()) -> list[TupleRow]:
        """Run one statement and return its rows.

        Raises: Refused (-1001) when the database is away.
        """
        async with self._free:
            try:
                return await self._run(statement, params)
            except psycopg.OperationalError as error:
                log.warning("the books of record cannot be read: %s", _line(error))
                raise errors.disconnected() from error

    async def _run(self, statement: str, params: Sequence[Any]) -> list[TupleRow]:
        while self._idle:
            # An idle connection may have died with an earlier life of the database.
            connection = self._idle.pop()
            try:
                return await self._ask(connection, statement, params)
            except psycopg.OperationalError:
                if not connection.closed:
                    raise
        return await self._ask(await self._connect(), statement, params)

    async def _ask(
        self, connection: Connection, statement: str, params: Sequence[Any]
    ) -> list[TupleRow]:
        try:
            # Statements are made of our own fragments (queries.py); values are parameters.
            cursor = await connection.execute(statement.encode(), params)
            return await cursor.fetchall()
        finally:
            if not connection.closed:
                self._idle.append(connection)

    async def close(self) -> None:
        """Close the connections that nobody uses."""
        while self._idle:
            await self._idle.pop().close()


class Watermark:
    """Waits until the books of record have come far enough."""

    def __init__(self, pool: Pool, wait_s: float) -> None:
        self._pool = pool
        self._wait_s = wait_s
        self._reached = Mark()
        self._waiting: dict[asyncio.Future[None], Mark] = {}
        self._poller: asyncio.Task[None] | None = None

    async def reach(self, wanted: Mark) -> None:
        """Return once the books hold everything up to `wanted`.

        Raises: Refused (503 with Retry-After) when they do not in time, or the database is away.
        """
        if self._reached.covers(wanted):
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = wanted
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            await asyncio.wait_for(future, self._wait_s)
        except TimeoutError:
            raise errors.lagging() from None
        finally:
            self._waiting.pop(future, None)

    async def _poll(self) -> None:
        pause_s = _POLL_FIRST_S
        while self._waiting:
            try:
                ((seq, event_seq),) = await self._pool.fetch(queries.WATERMARK)
            except errors.Refused as away:
                for future in self._open():
                    future.set_exception(errors.Refused(away.code, away.msg, away.status))
                return
            self._reached = Mark(seq, event_seq)
            for future in self._open():
                if self._reached.covers(self._waiting[future]):
                    future.set_result(None)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, _POLL_LIMIT_S)

    def _open(self) -> list[asyncio.Future[None]]:
        return [future for future in self._waiting if not future.done()]


class KeyFeed:
    """Keeps a KeyRing as the books of record have it, revocations at once."""

    def __init__(self, connect: Connect, pool: Pool, vault: Vault) -> None:
        self._connect = connect
        self._pool = pool
        self._vault = vault

    async def look_up(self, api_key: str) -> Key | None:
        """Read one live key.

        Raises: Refused (-1001) when the database is away.
        """
        return self._first(await self._pool.fetch(queries.ONE_KEY, [api_key]))

    async def follow(self, ring: KeyRing, loaded: asyncio.Event) -> None:
        """Load all keys, then follow the changes of keys and acknowledge each, until cancelled.

        `loaded` is set once all keys have been read. While the database is away the keys held stay
        good; when it is back all are read again, so that no revocation is missed.
        """
        again_s = _AGAIN_FIRST_S
        while True:
            try:
                async with await self._connect() as connection:
                    # Listening first: a change made while the keys are read is told afterwards.
                    await connection.execute(f"set application_name = '{FOLLOWER}'")
                    await connection.execute(f"listen {CHANGES}")
                    rows = await (await connection.execute(queries.ALL_KEYS)).fetchall()
                    ring.replace(self._live(rows))
                    loaded.set()
                    again_s = _AGAIN_FIRST_S
                    async for told in connection.notifies():
                        rows = await self._pool.fetch(queries.ONE_KEY, [told.payload])
                        ring.put(told.payload, self._first(rows))
                        said = acknowledged(connection.info.backend_pid, told.payload)
                        await self._pool.fetch(queries.SAY_KNOWN, [said])
            except (psycopg.Error, errors.Refused) as error:
                log.warning("API keys cannot be followed: %s", _line(error))
            await asyncio.sleep(again_s)
            again_s = min(again_s * 2, _AGAIN_LIMIT_S)

    def _first(self, rows: list[TupleRow]) -> Key | None:
        return next(iter(self._live(rows).values()), None)

    def _live(self, rows: list[TupleRow]) -> dict[str, Key]:
        keys: dict[str, Key] = {}
        for api_key, account, secret, key_type, permissions, ip_list in rows:
            try:
                if key_type == "HMAC":
                    secret = self._vault.unseal(api_key, secret)
                row = KeyRow(api_key, account, secret, key_type, tuple(permissions), tuple(ip_list))
                keys[api_key] = key_of(row)
            except (UnusableKey, NotSealed) as error:
                log.warning("an API key is left out: %s", error)
        return keys


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
