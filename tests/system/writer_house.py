"""A matcher, a writer and a PostgreSQL as real processes, fed with a story, and hurt.

No ingress and no supervisor: the test itself starts everything, starts again what it has killed, and
compares the database with a replay of the journal in the end.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from protocol.board_reads import Board
from protocol.layout import Rows
from protocol.records import Command, Event
from runtime import endpoints
from runtime.endpoints import frame_of, rows_in
from runtime.pipe import Child
from runtime.postgres import EmbeddedPostgres
from runtime.shared import NotPublished, Reader
from runtime.sockets import Push
from tests.market_story import Story
from tests.postgres_fixture import start, stop
from writer.reconcile import Report, reconcile
from writer.store import connect

ROOT = Path(__file__).parent.parent.parent
START_S = 240.0
"""A first start compiles the core."""
_QUIET_S = 0.3
_AHEAD = 4000
"""Commands that may be on their way; more would only fill the wire."""


class House:
    """The three processes on a data directory of their own."""

    def __init__(self, folder: Path, seed: int, *settings: str) -> None:
        self.data_dir = folder / "data"
        self.data_dir.mkdir()
        self.run = endpoints.run_dir(self.data_dir)
        self.log = folder / "log"
        nothing_listed = folder / "instruments.toml"
        nothing_listed.write_text("[assets]\n[instruments]\n")
        self.postgres = EmbeddedPostgres(self.data_dir, self.run)
        self.environ = {
            **os.environ,
            "OPENBOURSE_DATA_DIR": str(self.data_dir),
            "OPENBOURSE_INSTRUMENTS_FILE": str(nothing_listed),
            "OPENBOURSE_DATABASE_DSN": self.postgres.dsn(),
        }
        self._settings = settings
        self._board = Board(Reader(self.run).current)
        self._story = Story(seed)
        self._orders = Push(endpoints.ORDERS.limit)
        self._orders.connect(endpoints.address(endpoints.ORDERS, self.run))
        self.sent = 0
        self._ended = 0
        """The life of the last matcher, as its status tells it."""
        self.postgres.prepare()
        self.database = self._start_database()
        self.matcher = self._start("matcher")
        self.writer = self._start("writer")
        try:
            self.until(lambda: self._told_seq() >= 0, "the matcher takes orders", START_S)
            self._send(self._story.opening())
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End everything."""
        for child in (self.writer, self.matcher):
            child.kill()
            child.wait()
        stop(self.database)
        self._orders.close()

    def feed(self, count: int = 200) -> None:
        """Send about `count` commands of the story, when not too many are on their way."""
        if self.sent - self._told_seq() < _AHEAD:
            self._send(self._story.portion(count))

    def kill_writer(self) -> None:
        """Kill the writer and start another."""
        self.writer.kill()
        self.writer.wait()
        self.writer = self._start("writer")

    def kill_matcher(self) -> None:
        """Kill the matcher and start another; commands on the wire may be lost."""
        self._replace_matcher(signal.SIGKILL)

    def cut_orders(self) -> None:
        """Send no more, and wait until nothing of what was sent is on its way.

        What was on the wire when a matcher died was never promised, but its successor may take it: only an
        orderly stop tells that nothing more comes.
        """
        self._orders.close()
        self.until(self._is_at_work, "the matcher is at work", START_S)
        assert self._replace_matcher(signal.SIGTERM) == 0
        self.until(self._is_at_work, "the matcher is at work again", START_S)
        self.sent = 0

    def kill_database(self, *children: int) -> None:
        """Kill the postmaster (and these of its children) and start it again."""
        for pid in (self.database.pid, *children):
            os.kill(pid, signal.SIGKILL)
        self.database.wait()
        self.database = self._start_database()

    def halt_wal_writer(self) -> int:
        """Keep the database's log from the disk, as far as nobody waits for it; the pid halted."""
        with psycopg.connect(self.postgres.dsn()) as connection:
            query = "select pid from pg_stat_activity where backend_type = 'walwriter'"
            row = connection.execute(query).fetchone()
        assert row
        os.kill(row[0], signal.SIGSTOP)
        return int(row[0])

    def keep_writer(self) -> None:
        """Start the writer again when it has ended, as the supervisor would."""
        if self.writer.poll() is not None:
            self.writer = self._start("writer")

    def stop_writer(self) -> int:
        """Stop the writer as the supervisor does; its exit status."""
        self.writer.terminate()
        return self.writer.wait(60)

    def start_writer(self) -> None:
        """Start the writer."""
        self.writer = self._start("writer")

    def start_database(self) -> None:
        """Start the database."""
        self.database = self._start_database()

    def watermark(self) -> int:
        """The last event in the database; -1 while it cannot be asked."""
        try:
            with psycopg.connect(self.postgres.dsn(), connect_timeout=2) as connection:
                row = connection.execute("select event_seq from watermark").fetchone()
        except psycopg.Error:
            return -1
        return int(row[0]) if row else -1

    def wait_until_written(self, seconds: float = 120.0) -> None:
        """Wait until the database holds all that happened."""

        def written() -> bool:
            self.keep_writer()
            return self.watermark() == self.told_event_seq()

        self.until(
            lambda: self._told_seq() >= self.sent or self.matcher.poll() is not None, "all done"
        )
        self.until(lambda: self._is_quiet() and written(), "everything is written", seconds)

    def _is_quiet(self) -> bool:
        """Whether nothing more happens: what was on the wire when a matcher died, its successor takes."""
        before = self.told_event_seq()
        time.sleep(_QUIET_S)
        return self._is_at_work() and before == self.told_event_seq()

    def _is_at_work(self) -> bool:
        """Whether the matcher takes orders, and what is seen is not what the last one left behind."""
        return self._told_seq() >= 0 and int(self._board.status()["epoch"]) != self._ended

    def told_event_seq(self) -> int:
        """The last event that the matcher has told; -1 while there is none."""
        try:
            return int(self._board.status()["event_seq"])
        except NotPublished:
            return -1

    def reconcile(self) -> Report:
        """Compare the database with a replay of the whole journal."""
        with connect(self.postgres.dsn(), 60) as connection:
            return reconcile(connection, self._replay())

    def until(self, condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Wait for a condition; fails with the end of the log when it does not come."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline or self.matcher.poll() is not None:
                end = "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])
                raise AssertionError(f"not within {seconds:g} s, or no matcher: {what}\n{end}")
            time.sleep(0.02)

    def _replay(self) -> Iterator[Rows]:
        argv = [sys.executable, "-m", "matcher.replay_events", "--from-event-seq", "1"]
        child = Child(["env", *[f"{name}={self.environ[name]}" for name in _ABOUT], *argv])
        try:
            while (frames := child.read(60)) is not None:
                yield from (rows_in(Event, frame) for frame in frames)
        finally:
            child.close()

    def _replace_matcher(self, by: signal.Signals) -> int:
        self._ended = int(self._board.status()["epoch"])
        self.matcher.send_signal(by)
        status = self.matcher.wait(60)
        self.matcher = self._start("matcher")
        return status

    def _send(self, rows: Rows) -> None:
        self.until(lambda: self._orders.send(frame_of(Command, rows)), "the wire takes orders")
        self.sent += len(rows)

    def _told_seq(self) -> int:
        try:
            status = self._board.status()
        except NotPublished:
            return -1
        return int(status["seq"]) if status["ready"] else -1

    def _start(self, module: str) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            argv = [sys.executable, "-m", module]
            return subprocess.Popen(argv, cwd=ROOT, env=self.environ, stderr=log)

    def _start_database(self) -> "subprocess.Popen[bytes]":
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            child = start(self.postgres, *self._settings)
            while child.poll() is None:
                if self.postgres.is_ready():
                    return child
                time.sleep(0.02)
        raise AssertionError("the database did not start")


_ABOUT = ("OPENBOURSE_DATA_DIR", "OPENBOURSE_INSTRUMENTS_FILE", "OPENBOURSE_DATABASE_DSN")
