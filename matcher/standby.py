"""Stand by: follow the journal with a warm engine, and take it over when its writer has died.

The second matcher of an exchange (setting `matcher.standby`) reads the same files as the one in charge,
a few milliseconds behind it, into an engine whose blocks nobody reads yet. The lock on the journal
decides who is in charge: the kernel gives it to one process at a time and frees it when that process
has ended, not sooner. So whoever holds it is the only one who can write, and nothing is acknowledged that
was not written; two can never acknowledge at once.

A matcher that is stopped (SIGSTOP) or hangs still holds the lock. When its loop has stood still for
`matcher.silence_s` it is killed, which is the only way to be sure that it never wakes up.
"""

import os
import signal
import time
from pathlib import Path

from matcher.core.engine import Engine
from matcher.recovery import apply
from matcher.replicas import Receipts
from runtime import clock
from runtime.durable import DurableReader
from runtime.journal import JournalInUse, JournalLock
from runtime.log import facts
from runtime.replay import JournalReader
from runtime.service import Service
from runtime.shared import NotPublished, Reader

_NAP_S = 0.005
"""How far the standby may be behind, and how late it notices a death."""


def stand_by(
    service: Service,
    engine: Engine,
    journal: JournalReader,
    silence_s: float,
    receipts: Receipts | None = None,
) -> JournalLock | None:
    """Apply what becomes durable behind `journal` until the journal is ours; None: told to stop.

    Some commands behind the reader may then still be missing in the engine. With `receipts`, what the
    one in charge has journaled is read and confirmed before anyone is told of it.

    Raises: CorruptJournal; WrongVersion.
    """
    durable, watch = DurableReader(journal, service.run), Watch(service.run, silence_s)
    told_ready = False

    def read(until_seq: int) -> int:
        for rows in journal.read(until_seq):
            apply(engine, rows, None)
        return journal.next_seq

    while not service.stopping:
        lock = _take(service, journal.folder, watch)
        if lock:
            return lock
        try:
            for rows in durable.read():
                apply(engine, rows, None)
                service.progress(seq=_seq(engine))
        except NotPublished:
            # The one in charge is only starting; it has told nobody anything yet.
            service.progress()
        else:
            if not told_ready:
                told_ready = True
                service.ready(role="standby", seq=_seq(engine))
        service.beat(role="standby", seq=_seq(engine))
        if receipts:
            receipts.wait(_NAP_S)
            receipts.turn(read)
        else:
            time.sleep(_NAP_S)
    return None


def _take(service: Service, folder: Path, watch: "Watch") -> JournalLock | None:
    """Take the lock if it is free; if its holder stands still, see to it that it will be."""
    try:
        return JournalLock(folder)
    except JournalInUse as in_use:
        holder = in_use.holder
    if holder and watch.stuck() == holder:
        service.log.error("the matcher in charge stands still, ended %s", facts(pid=holder))
        _kill(holder)
    return None


class Watch:
    """Notices that the loop of the matcher in charge stands still, by its heartbeat in shared memory."""

    def __init__(self, run: Path, silence_s: float) -> None:
        self._board = Reader(run)
        self._limit_ns = int(silence_s * 1e9)
        self._seen = (0, 0)
        self._since_ns = 0
        self._looked_ns = 0

    def stuck(self) -> int:
        """Return the pid of a matcher that has stood still for too long, 0 when it has not.

        One that starts, stops or waits for room on its disk is left alone. Time in which this process
        itself did not run proves nothing.
        """
        now_ns = clock.steady_ns()
        pause_ns, self._looked_ns = now_ns - self._looked_ns, now_ns
        try:
            status = self._board.current()["status"]
        except NotPublished:
            return 0
        seen = (self._board.epoch, int(status["heartbeat_ns"][0]))
        if seen != self._seen or pause_ns > self._limit_ns // 2 or not status["ready"][0]:
            self._seen, self._since_ns = seen, now_ns
            return 0
        if now_ns - self._since_ns <= self._limit_ns:
            return 0
        # Said once: its end takes a moment, and should it still stand there, that is worth a second word.
        self._since_ns = now_ns
        return self._board.owner


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _seq(engine: Engine) -> int:
    return int(engine.blocks["status"]["seq"][0])
