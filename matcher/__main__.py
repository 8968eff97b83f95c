"""The matcher: bring the state back (or follow the matcher in charge until it dies), then the loop.

    drain → stamp → journal (durable) → apply → publish → answers → events and market

Only durable commands are applied, so whatever stands in shared memory may be told; and it is published
before anyone is answered, so a read never lags an answer.
"""

import json
import secrets
import sys
import time
import tomllib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from conf.settings import Settings, load
from matcher import capacity
from matcher.core.engine import Engine
from matcher.loop import Matcher, open_replicas, open_wires
from matcher.recovery import catch_up, journal_folder, restore_newest
from matcher.replicas import Receipts
from matcher.standby import stand_by
from matcher.trading_days import read_calendars
from runtime import clock, endpoints
from runtime.journal import Journal, JournalInUse, JournalLock, Policy
from runtime.log import facts
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, Sync, WrongVersion, segments_in
from runtime.service import BadConfiguration, Service, run
from runtime.shared import Blocks
from runtime.sockets import Ask

_LOCK_PATIENCE_NS = 5_000_000_000
_PAUSE_S = 0.02


def serve(service: Service, settings: Settings) -> None:
    """Run the matcher until it is told to stop; with a standby set, perhaps behind another one first."""
    begun_ns = clock.steady_ns()
    if settings.journal.replicas and not settings.matcher.standby:
        raise BadConfiguration("journal.replicas = 1 needs a standby: set matcher.standby = true")
    folder = journal_folder(settings.data_dir)
    listings = _table(settings.instruments_file, "instruments")
    calendars = _table(settings.calendar_file, "calendars")
    lock = _lock_or_follow(service, folder) if settings.matcher.standby else _lock(folder)
    asked = capacity.wanted(settings.core)
    # Clients choose the texts that are indexed; none of them shall know which ones collide.
    asked = replace(asked, index_seed=secrets.randbits(31))
    capacities = capacity.settle(folder, asked)
    epoch = clock.wall_ns()
    blocks = Blocks(service.run, epoch)
    engine = Engine(capacities, blocks.allocate)
    engine.warm_up()
    try:
        reader = restore_newest(engine, settings.data_dir, tell=partial(_tell_unusable, service))
        if lock is None:
            lock = _stand_by(service, engine, reader, settings)
            begun_ns = clock.steady_ns()
        if lock is None:
            blocks.remove()
            return
        journal = _catch_up(service, engine, reader, settings)
    except (CorruptJournal, WrongVersion) as error:
        # Only a person can help; starting again would find the same bytes.
        raise BadConfiguration(str(error)) from error
    wires = open_wires(service.run, len(engine.blocks["instruments"]))
    replicas = None
    if settings.journal.replicas:
        patience_s = settings.journal.alone_after_s
        replicas = open_replicas(service.run, service.log, journal.next_seq, patience_s)
    matcher = Matcher(
        service.log,
        engine,
        journal,
        wires,
        settings.core.batch_limit,
        read_calendars(calendars, demo=settings.demo),
        replicas,
    )
    try:
        matcher.open_market(listings, lambda: _be_patient(service))
    except ToldToStop:
        blocks.remove()
        return
    engine.blocks["status"]["epoch"] = epoch
    engine.blocks["status"]["ready"] = 1
    blocks.publish()
    service.ready(**matcher.facts(), ready_s=(clock.steady_ns() - begun_ns) / 1e9)
    while not service.stopping:
        matcher.turn()
        service.beat(**matcher.facts())
    matcher.finish()
    _note_stop(service, engine, folder)
    blocks.remove()
    lock.release()


class ToldToStop(Exception):
    """The matcher was told to stop before the market was open."""


def _be_patient(service: Service) -> None:
    if service.stopping:
        raise ToldToStop
    service.progress(waits_for="a standby")


def _stand_by(
    service: Service, engine: Engine, reader: JournalReader, settings: Settings
) -> JournalLock | None:
    """Stand by until the journal is ours, with receipts where the one in charge waits for them."""
    if not settings.journal.replicas:
        return stand_by(service, engine, reader, settings.matcher.silence_s)
    wire = Ask(endpoints.REPLICAS.limit)
    wire.connect(endpoints.address(endpoints.REPLICAS, service.run))
    receipts = Receipts(wire, reader.next_seq)
    try:
        return stand_by(service, engine, reader, settings.matcher.silence_s, receipts)
    finally:
        receipts.leave()


def _catch_up(
    service: Service, engine: Engine, reader: JournalReader, settings: Settings
) -> Journal:
    """Replay the rest of the journal and return it, ready for more."""

    def tell(seq: int, rate: float) -> None:
        service.log.info("replaying %s", facts(seq=seq, per_second=rate))
        service.progress(seq=seq)

    begun_ns = clock.steady_ns()
    policy = Policy(
        sync=Sync[settings.journal.sync.upper()],
        interval_ns=settings.journal.interval_ms * 1_000_000,
        segment_bytes=settings.journal.segment_bytes,
    )
    done = catch_up(engine, reader, policy, tell=tell)
    service.log.info(
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


def _tell_unusable(service: Service, why: str) -> None:
    service.log.warning("a snapshot is left aside: %s", why)


def _table(path: Path, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadConfiguration(f"cannot read the {what} in {path}: {error}") from error


def _lock(folder: Path) -> JournalLock:
    """Take the journal; a matcher that was just killed, or a reader, may hold it a moment longer."""
    deadline_ns = clock.steady_ns() + _LOCK_PATIENCE_NS
    while True:
        try:
            return JournalLock(folder)
        except JournalInUse as error:
            if clock.steady_ns() > deadline_ns:
                raise BadConfiguration(f"{error}: stop it first") from error
            time.sleep(_PAUSE_S)


def _lock_or_follow(service: Service, folder: Path) -> JournalLock | None:
    """Take the journal when nobody writes it; None as soon as there is one to follow."""
    while not service.stopping:
        try:
            return JournalLock(folder)
        except JournalInUse:
            if segments_in(folder):
                return None
        service.progress()
        time.sleep(_PAUSE_S)
    return None


def _note_stop(service: Service, engine: Engine, folder: Path) -> None:
    """Log and keep seq and digest, so that a replay from scratch can be compared with this life."""
    status = engine.blocks["status"][0]
    found = {
        "seq": int(status["seq"]),
        "event_seq": int(status["event_seq"]),
        "digest": engine.digest(),
    }
    (folder / "stopped.json").write_text(json.dumps(found) + "\n")
    service.log.info("stopped in good order %s", facts(**found))


def main() -> int:
    """Start a matcher, under the name given, with the settings of the environment."""
    settings = load()
    return run(
        sys.argv[1] if len(sys.argv) > 1 else "matcher",
        settings.data_dir,
        settings.supervision.log_level,
        lambda service: serve(service, settings),
    )


if __name__ == "__main__":
    sys.exit(main())
