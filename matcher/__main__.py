"""The matcher: bring the state back (or follow the matcher in charge until it dies), then the loop.

    drain → stamp → journal (durable) → apply → publish → answers → events and market

Only durable commands are applied, so whatever stands in shared memory may be told; and it is published
before anyone is answered, so a read never lags an answer.
"""
# ruff: noqa: E402 - imports come behind the line that makes them quick

import gc

# What imports make lives as long as the process: looking for garbage in it took a seventh of a start.
# `life.py` collects again.
gc.disable()

import os
import sys
import time
from pathlib import Path

from conf.settings import Settings, load
from matcher.core.engine import Engine
from matcher.life import Life, ToldToStop, lock_of
from matcher.loop import open_replicas
from matcher.recovery import journal_folder
from matcher.replicas import Receipts, Replicas
from matcher.spare import wait_behind
from matcher.standby import stand_by
from matcher.two_hosts import serve_beside_a_peer
from runtime import endpoints, shared
from runtime.journal import JournalInUse, JournalLock
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, WrongVersion, segments_in
from runtime.service import BadConfiguration, Service, run
from runtime.sockets import Ask

_PAUSE_S = 0.02


def serve(service: Service, settings: Settings, *, is_spare: bool = False) -> None:
    """Run the matcher until it is told to stop; a spare, or one that stands by, behind another one first."""
    try:
        _check(settings)
        _live(Life(service, settings), is_spare=is_spare)
    except (BadConfiguration, CorruptJournal, WrongVersion) as error:
        # Only a person can help; starting again would find the same bytes.
        _take_back(service, journal_folder(settings.data_dir))
        raise BadConfiguration(str(error)) from error


def _live(life: Life, *, is_spare: bool) -> None:
    try:
        if life.settings.matcher.peer:
            serve_beside_a_peer(life)
        elif is_spare:
            _serve_as_spare(life)
        else:
            _serve_one_host(life)
    except ToldToStop:
        pass
    life.end()


def _take_back(service: Service, folder: Path) -> None:
    """Show nothing any more of a matcher that died and is not started again, unless another one has its place.

    Its last word was that it takes orders: they would lie in the wire until a person has helped, and be done then.
    """
    if not folder.exists():
        return
    try:
        lock = JournalLock(folder)
    except JournalInUse as in_use:
        if in_use.holder == os.getpid():
            shared.withdraw(service.run)
        return
    shared.withdraw(service.run)
    lock.release()


def _serve_one_host(life: Life) -> None:
    service, settings = life.service, life.settings
    stands_by = settings.matcher.standby
    lock = _lock_or_follow(service, life.folder) if stands_by else lock_of(life.folder)
    engine = life.make_engine()
    reader = life.restore(engine)
    if lock is None:
        lock = _stand_by(service, engine, reader, settings)
        life.take_over()
    if lock is not None:
        _trade(life, engine, reader, lock)


def _serve_as_spare(life: Life) -> None:
    """Have everything loaded that does not depend on the journal, and wait until that is ours."""
    engine = life.make_engine()
    lock = wait_behind(life.service, life.folder)
    if lock is not None:
        life.take_over()
        _trade(life, engine, life.restore(engine), lock)


def _trade(life: Life, engine: Engine, reader: JournalReader, lock: JournalLock) -> None:
    service, settings = life.service, life.settings
    journal = life.catch_up(engine, reader)

    def make_replicas() -> Replicas | None:
        if not settings.journal.replicas:
            return None
        patience_s = settings.journal.alone_after_s
        return open_replicas(service.run, service.log, journal.next_seq, patience_s)

    life.trade(engine, journal, make_replicas)
    life.end()
    lock.release()


def _check(settings: Settings) -> None:
    """Refuse what does not go together.

    Raises: BadConfiguration.
    """
    matcher = settings.matcher
    if settings.journal.replicas and not (matcher.standby or matcher.peer):
        raise BadConfiguration(
            "journal.replicas = 1 needs a standby: set matcher.standby = true, or matcher.peer"
        )
    if not matcher.peer:
        return
    if matcher.standby:
        raise BadConfiguration(
            "matcher.standby and matcher.peer: the one who stands by is on this host or on the other"
        )
    for name, value in (("peer", matcher.peer), ("offer", matcher.offer)):
        if not value.startswith("tcp://"):
            raise BadConfiguration(f"matcher.{name} is {value!r}; tcp://HOST:PORT is needed")


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


def main() -> int:
    """Start a matcher, under the name given, with the settings of the environment; perhaps as a spare."""
    settings = load()
    is_spare = sys.argv[2:] == ["spare"]
    return run(
        sys.argv[1] if len(sys.argv) > 1 else "matcher",
        settings.data_dir,
        settings.supervision.log_level,
        lambda service: serve(service, settings, is_spare=is_spare),
    )


if __name__ == "__main__":
    sys.exit(main())
