"""One life of a matcher: what it is made of, how it comes back, and the loop while the market is its own."""

import gc
import json
import secrets
import shutil
import time
import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from conf.settings import Settings
from matcher import capacity
from matcher.core.engine import Engine
from matcher.follower import Follower
from matcher.loop import Matcher, open_wires
from matcher.recovery import catch_up, journal_folder, restore_newest, snapshot_folder
from matcher.replicas import Asking, Replicas
from matcher.trading_days import read_calendars
from protocol.layout import Rows
from runtime import clock
from runtime.journal import Journal, JournalInUse, JournalLock, Policy
from runtime.log import facts
from runtime.replay import JournalReader
from runtime.segments import Sync, segments_in
from runtime.service import BadConfiguration, Service
from runtime.shared import Blocks

LOCK_PATIENCE_NS = 5_000_000_000
_PAUSE_S = 0.02
_ASIDE = "aside-"


class ToldToStop(Exception):
    """The matcher was told to stop before the market was open."""


class Life:
    """Settings, tables and shared memory of one life; `begun_ns`: since when its start is counted."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.folder = journal_folder(settings.data_dir)
        self.begun_ns = clock.steady_ns()
        self._read_tables()
        self._epoch = clock.wall_ns()
        self._blocks: Blocks | None = None

    @property
    def policy(self) -> Policy:
        """How the journal is written."""
        wanted = self.settings.journal
        return Policy(
            sync=Sync[wanted.sync.upper()],
            interval_ns=wanted.interval_ms * 1_000_000,
            segment_bytes=wanted.segment_bytes,
        )

    def take_over(self) -> None:
        """Begin behind another life that has ended: with the tables as they are now, not as they once were."""
        self.begun_ns = clock.steady_ns()
        try:
            self._read_tables()
        except BadConfiguration as error:
            self.service.log.error("%s; as it was when this process started, it still holds", error)  # noqa: TRY400 - its text says it all

    def _read_tables(self) -> None:
        listings = _table(self.settings.instruments_file, "instruments")
        self._calendars = _table(self.settings.calendar_file, "calendars")
        self._listings = listings

    def make_engine(self) -> Engine:
        """Make an empty engine in shared memory that is not announced yet.

        Raises: BadConfiguration; CorruptJournal.
        """
        asked = capacity.wanted(self.settings.core)
        # Clients choose the texts that are indexed; none of them shall know which ones collide.
        asked = replace(asked, index_seed=secrets.randbits(31))
        capacities = capacity.settle(self.folder, asked)
        self._blocks = Blocks(self.service.run, self._epoch)
        engine = Engine(capacities, self._blocks.allocate)
        engine.warm_up()
        # Imports and the loaded core stay: from now on garbage is collected, and they are not looked at.
        gc.freeze()
        gc.enable()
        return engine

    def restore(self, engine: Engine) -> JournalReader:
        """Give an empty engine the newest good snapshot; return a reader of what follows it."""
        data_dir = self.settings.data_dir
        return restore_newest(engine, data_dir, tell=partial(_tell_unusable, self.service))

    def catch_up(self, engine: Engine, reader: JournalReader) -> Journal:
        """Replay the rest of the journal and return it, ready for more."""

        def tell(seq: int, rate: float) -> None:
            self.service.log.info("replaying %s", facts(seq=seq, per_second=rate))
            self.service.progress(seq=seq)

        begun_ns = clock.steady_ns()
        done = catch_up(engine, reader, self.policy, tell=tell)
        self.service.log.info(
            "recovered %s",
            facts(
                seq=done.journal.next_seq - 1,
                snapshot=done.snapshot_seq,
                commands=done.commands,
                seconds=(clock.steady_ns() - begun_ns) / 1e9,
                tail_cut="yes" if done.torn else "no",
            ),
        )
        return done.journal

    def follower(
        self, wire: Asking, mine: int, tell: Callable[[Rows], None] | None = None
    ) -> Follower:
        """Return the copy of this host, number `mine`, brought to its end where there is one.

        Raises: CorruptJournal; WrongVersion.
        """
        log = self.service.log
        found = Follower(log, wire, self.folder, self.policy, mine, self.make_engine, tell)
        if segments_in(self.folder):
            engine = self.make_engine()
            found.journal = self.catch_up(engine, self.restore(engine))
            found.engine = engine
        return found

    def trade(
        self, engine: Engine, journal: Journal, make_replicas: Callable[[], Replicas | None]
    ) -> None:
        """Open the market and run the loop until told to stop; the journal is at its end.

        Raises: Fenced; BadConfiguration; JournalBroken.
        """
        service, settings = self.service, self.settings
        matcher = Matcher(
            service.log,
            engine,
            journal,
            open_wires(service.run, len(engine.blocks["instruments"])),
            settings.core.batch_limit,
            read_calendars(self._calendars, demo=settings.demo),
            make_replicas(),
        )
        matcher.open_market(self._listings, self._be_patient)
        self.announce(engine)
        service.ready(**matcher.facts(), ready_s=(clock.steady_ns() - self.begun_ns) / 1e9)
        while not service.stopping:
            matcher.turn()
            service.beat_with(matcher.facts)
        matcher.finish()
        self._note_stop(engine)

    def announce(self, engine: Engine) -> None:
        """Show the engine's blocks to readers, and that commands are taken."""
        assert self._blocks
        engine.blocks["status"]["epoch"] = self._epoch
        engine.blocks["status"]["ready"] = 1
        self._blocks.publish()

    def put_aside(self) -> None:
        """Keep a copy that is not how the other's journal begins, and let the next start begin a new one."""
        place = self.settings.data_dir / f"{_ASIDE}{clock.wall_ns()}"
        place.mkdir(mode=0o700)
        for folder in (self.folder, snapshot_folder(self.settings.data_dir)):
            if folder.exists():
                folder.rename(place / folder.name)
        self.service.log.error(
            "this copy holds commands that were never confirmed, or is of another journal: put aside, a new "
            "one is begun %s",
            facts(aside=place),
        )

    def clear_aside(self, kept: int) -> None:
        """Remove what was put aside, but for the newest `kept`."""
        # A folder that a person has given another name is that person's.
        names = [path.name for path in self.settings.data_dir.glob(f"{_ASIDE}*")]
        times = sorted(int(text) for name in names if (text := name[len(_ASIDE) :]).isdecimal())
        for when in times[:-kept]:
            place = self.settings.data_dir / f"{_ASIDE}{when}"
            try:
                shutil.rmtree(place)
            except OSError as error:
                self.service.log.warning("an old copy cannot be removed: %s", error)
            else:
                self.service.log.info("an old copy is removed %s", facts(aside=place))

    def end(self) -> None:
        """Take the shared memory away."""
        if self._blocks:
            self._blocks.remove()

    def _be_patient(self) -> None:
        if self.service.stopping:
            raise ToldToStop
        self.service.progress(waits_for="a standby")

    def _note_stop(self, engine: Engine) -> None:
        """Log and keep seq and digest, so that a replay from scratch can be compared with this life."""
        status = engine.blocks["status"][0]
        found = {
            "seq": int(status["seq"]),
            "event_seq": int(status["event_seq"]),
            "digest": engine.digest(),
        }
        (self.folder / "stopped.json").write_text(json.dumps(found) + "\n")
        self.service.log.info("stopped in good order %s", facts(**found))


def lock_of(folder: Path) -> JournalLock:
    """Take the journal; a matcher that was just killed, or a reader, may hold it a moment longer.

    Raises: BadConfiguration.
    """
    deadline_ns = clock.steady_ns() + LOCK_PATIENCE_NS
    while True:
        try:
            return JournalLock(folder)
        except JournalInUse as error:
            if clock.steady_ns() > deadline_ns:
                raise BadConfiguration(f"{error}: stop it first") from error
            time.sleep(_PAUSE_S)


def _tell_unusable(service: Service, why: str) -> None:
    service.log.warning("a snapshot is left aside: %s", why)


def _table(path: Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadConfiguration(f"cannot read the {what} in {path}: {error}") from error
