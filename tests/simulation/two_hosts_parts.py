"""What is between two simulated hosts: the database with the row of the lease, and the wire."""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from runtime.lease import Away, Standing

if TYPE_CHECKING:
    from tests.simulation.two_hosts import World


class Books:
    """The database's one row, and who has a session with the lock."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.row: Standing | None = None
        self.wish = 0
        self.locked_by = 0
        self.late: list[Callable[[], object]] = []
        """Statements of lost sessions that the server has not done yet."""

    def do(self, statement: Callable[[], Any]) -> Any:
        """Do a statement, or lose it before or after it is done, or do it later.

        Raises: Away.
        """
        world = self.world
        if world.database_away:
            raise Away("away")
        if world.strikes("lost"):
            if world.strikes("late"):
                self.late.append(statement)
            elif world.rng.random() < 0.5:
                statement()
            raise Away("lost")
        return statement()


class SimLease:
    """One session; the same statements as `runtime.lease.Lease`, each as a whole."""

    def __init__(self, books: Books, session: int) -> None:
        self._books = books
        self._session = session

    def standing(self) -> Standing | None:
        """Read the row."""
        return cast("Standing | None", self._books.do(lambda: self._books.row))

    def take(self, copy: int, journal_epoch: int, *, may_begin: bool, force: bool) -> int:
        """Take it under the same conditions."""

        def statement() -> int:
            books, row = self._books, self._books.row
            if (row is None and not may_begin) or (row and not self.may_have(row, copy)):
                return 0
            if force:
                books.locked_by = 0
            if books.locked_by not in (0, self._session):
                return 0
            epoch = max(row.epoch if row else 0, journal_epoch) + 1
            books.locked_by = self._session
            books.row, books.wish = Standing(epoch, copy, 0, 0), 0
            return epoch

        return int(self._books.do(statement))

    def may_have(self, row: Standing, copy: int) -> bool:
        """Say whether the row lets this copy be in charge."""
        return copy in (row.holder, row.replica)

    def declare(self, epoch: int, replica: int, number: int) -> bool:
        """Say which copy has everything."""

        def statement() -> bool:
            books, row = self._books, self._books.row
            if row is None or row.epoch != epoch:
                return False
            if books.wish <= number:
                books.row, books.wish = row._replace(replica=replica), number
            return True

        return bool(self._books.do(statement))

    def keep(self, epoch: int) -> bool:
        """Have the lock, and say whether the epoch is still this one."""

        def statement() -> bool:
            books = self._books
            if books.locked_by == 0:
                books.locked_by = self._session
            return books.row is not None and books.row.epoch == epoch

        return bool(self._books.do(statement))

    def close(self) -> None:
        """The lock goes with the session."""
        if self._books.locked_by == self._session:
            self._books.locked_by = 0


@dataclass
class Line:
    """The wire between one who serves and one who asks; a new life of either is a new line."""

    world: "World"
    to_server: deque[tuple[bytes, bytes]] = field(default_factory=deque)
    to_asker: deque[bytes] = field(default_factory=deque)
    asker: bytes = b""
    cut: bool = False

    def is_lost(self) -> bool:
        """Whether a frame is lost."""
        return self.cut or self.world.strikes("drop")


class ServeEnd:
    """The end of the one in charge."""

    def __init__(self, line: Line) -> None:
        self._line = line
        line.to_server.clear()

    def send(self, peer: bytes, frame: bytes) -> bool:
        """Send to a life of the other one that is there."""
        if peer != self._line.asker:
            return False
        if not self._line.is_lost():
            self._line.to_asker.append(frame)
        return True

    def drain(self, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield what has come."""
        for _ in range(min(limit, len(self._line.to_server))):
            yield self._line.to_server.popleft()

    def wait(self, timeout_ms: int) -> bool:
        """Nobody waits here."""
        return False

    def close(self, linger_ms: int = 0) -> None:
        """Nothing to close."""


class AskEnd:
    """The end of the one who stands by."""

    def __init__(self, line: Line, name: bytes) -> None:
        self._line, self._name = line, name
        line.asker = name
        line.to_asker.clear()

    def send(self, frame: bytes) -> bool:
        """Send."""
        if not self._line.is_lost():
            self._line.to_server.append((self._name, frame))
        return True

    def drain(self, limit: int) -> Iterator[bytes]:
        """Yield what has come."""
        for _ in range(min(limit, len(self._line.to_asker))):
            yield self._line.to_asker.popleft()

    def wait(self, timeout_ms: int) -> bool:
        """Nobody waits here."""
        return False

    def close(self, linger_ms: int = 0) -> None:
        """From here on nobody of this name is there."""
        if self._line.asker == self._name:
            self._line.asker = b""
