"""The writer: take events, make rows, write them with the watermark, again and again.

It stops for nothing but a bug: when the database is away it waits and tries again with the batch
in hand, while its wire fills up and then drops; what was dropped comes from the journal later.
"""

import sys
import time

import numpy as np

from conf.settings import Settings, load
from protocol.layout import Rows, rows_of
from protocol.records import Event
from runtime import endpoints
from runtime.log import facts
from runtime.pipe import ChildFailed, replay_events
from runtime.postgres import EmbeddedPostgres
from runtime.service import BAD_CONFIGURATION, BadConfiguration, Service, run
from runtime.shared import NotPublished, Reader
from runtime.sockets import Pull
from writer.delays import Delays
from writer.feed import Feed
from writer.migrate import WrongSchema, migrate
from writer.pace import Pace
from writer.project import Batch, project, whole_commands
from writer.store import Fenced, Lost, Store, Watermark, connect, lost_when_broken

_BACKOFF_FIRST_S = 0.1
_BACKOFF_LIMIT_S = 5.0
_NAP_S = 0.1
_READY_ANYWAY_S = 30.0
"""A start that has this much to catch up is no failed start: reads wait for the watermark."""


class Writer:
    """What the loop works with: the database, and the events that are not written yet."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self._service = service
        self._settings = settings
        self._pending = rows_of(Event, 0)
        self._delays = Delays(service.run)
        self.store = self._reach()
        self.watermark = self.store.watermark()
        self._holdings = self.store.holdings()

    def add(self, events: list[Rows]) -> int:
        """Take in events that follow those taken before; how many they are."""
        if events:
            self._pending = np.concatenate([self._pending, *events])
        return sum(map(len, events))

    def write(self) -> None:
        """Write what is pending of whole commands."""
        count = whole_commands(self._pending)
        if count:
            self._delays.pending.set(len(self._pending))
            self._write(project(self._pending[:count], self._holdings))
            self._delays.written(self._pending[:count])
            self._pending = self._pending[count:]

    def beat(self) -> None:
        """Say that the loop turns, and how far the database has come."""
        self._service.beat(seq=self.watermark.seq, watermark=self.watermark.event_seq)

    def _write(self, batch: Batch) -> None:
        """Write one batch for sure, however often the database goes away meanwhile."""
        while self.watermark.event_seq != batch.event_seq:
            try:
                self.store.write(batch)
            except Lost as lost:
                self._service.log.warning("the database was lost %s", facts(why=lost))
                self.store.close()
                self.store = self._reach()
                # Whether the COMMIT was done before the loss, only the database knows.
                self.watermark = self.store.watermark()
                if self.watermark.event_seq not in (batch.previous_event_seq, batch.event_seq):
                    raise Fenced("another writer moved the watermark meanwhile") from lost
            else:
                self.watermark = Watermark(batch.seq, batch.event_seq)

    def _reach(self) -> Store:
        """Connect, and bring the schema up to date; waits as long as it takes.

        Raises: BadConfiguration when the database has another schema; Stopped.
        """
        database, backoff_s = self._settings.database, _BACKOFF_FIRST_S
        embedded = EmbeddedPostgres(self._settings.data_dir, self._service.run, database.bin_dir)
        while True:
            try:
                dsn = database.dsn or embedded.dsn()
                connection = connect(dsn, database.statement_timeout_s)
                with lost_when_broken():
                    for name in migrate(connection):
                        self._service.log.info("migrated %s", facts(file=name))
                return Store(connection)
            except WrongSchema as error:
                raise BadConfiguration(str(error)) from error
            except Lost as lost:
                self._service.log.warning("waiting for the database %s", facts(why=lost))
            self._pause(backoff_s)
            backoff_s = min(2 * backoff_s, _BACKOFF_LIMIT_S)

    def _pause(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._service.stopping:
                raise Stopped
            self._service.beat()
            time.sleep(_NAP_S)


class Stopped(Exception):
    """The writer was told to stop while it waited; what is in hand is in the journal too."""


def serve(service: Service, settings: Settings) -> None:
    """Run the writer until it is told to stop."""
    wire = Pull(endpoints.EVENTS.limit)
    wire.bind(endpoints.address(endpoints.EVENTS, service.run))
    while not service.stopping:
        try:
            _serve(service, settings, wire)
        except Stopped:
            return
        except Fenced as why:
            if not settings.matcher.peer:
                raise
            # The writer of the host that was in charge has written more since this one looked.
            service.log.info("beginning again at the database's watermark: %s", why)


def _serve(service: Service, settings: Settings, wire: Pull) -> None:
    """Write from the database's watermark on until told to stop.

    Raises: Stopped; Fenced when another writer moves the watermark.
    """
    writer = Writer(service, settings)
    board = Reader(service.run)
    feed = Feed(
        wire,
        replay_events,
        writer.watermark.event_seq + 1,
        settings.database.batch_limit,
        lambda: _published(board),
    )
    # On a host that stands by there is nothing to catch up with yet, and its doors shall be open in time.
    patience_s = 0.0 if settings.matcher.peer else _READY_ANYWAY_S
    try:
        _follow(service, feed, writer, Pace(settings.database.batch_limit), patience_s)
    except ChildFailed as error:
        if error.status == BAD_CONFIGURATION:
            raise BadConfiguration("the journal does not fit the database, see above") from error
        raise
    finally:
        feed.close()
        writer.store.close()


def _follow(service: Service, feed: Feed, writer: Writer, pace: Pace, patience_s: float) -> None:
    told_ready, patience_end = False, time.monotonic() + patience_s
    while True:
        events = feed.take()
        began_s = time.monotonic()
        count = writer.add(events)
        writer.write()
        writer.beat()
        if not told_ready and (feed.is_live or time.monotonic() > patience_end):
            told_ready = True
            service.ready(watermark=writer.watermark.event_seq)
        # Told to stop, it first writes what the wire still holds; a replay can go on next time.
        if service.stopping and not (feed.is_live and events):
            return
        pace.rest(time.monotonic() - began_s, count, more=feed.has_more)


def _published(board: Reader) -> int:
    """Return the last event that readers may see; 0 while no matcher has published any."""
    try:
        return int(board.current()["status"]["event_seq"][0])
    except NotPublished:
        return 0


def main() -> int:
    """Start the writer with the settings of the environment."""
    settings = load()
    return run(
        "writer",
        settings.data_dir,
        settings.supervision.log_level,
        lambda service: serve(service, settings),
    )


if __name__ == "__main__":
    sys.exit(main())
