"""Tell events again: replay the journal and write them, from one event on, to standard output.

The child process of a consumer that has missed events (`runtime/pipe.py` has the frames). It ends
when it has come so near to what is durable that the live wire can take over.
"""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from conf.settings import Settings, load
from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.state import private_memory
from matcher.outbox import whole_commands
from matcher.recovery import journal_folder, replay_into, restore_newest
from protocol.layout import Rows
from protocol.records import Event
from runtime import endpoints, log
from runtime.durable import DurableReader
from runtime.pipe import write_frame
from runtime.segments import CorruptJournal, WrongVersion, segments_in
from runtime.service import BAD_CONFIGURATION
from runtime.shared import NotPublished

NEAR = 10_000
"""A round that finds at most so many commands is the last one."""
_PAUSE_S = 0.05


class NoSuchEvent(Exception):
    """The journal has not come as far as the consumer."""


class Teller:
    """Writes events from `event_seq` on as frames to `out`; `last_event_seq`: the last it heard."""

    def __init__(self, out: BinaryIO, event_seq: int, last_event_seq: int = 0) -> None:
        self._out = out
        self._event_seq = event_seq
        self.last_event_seq = last_event_seq

    def tell(self, events: Rows) -> None:
        """Write those of the events that are wanted."""
        if len(events):
            self.last_event_seq = int(events["event_seq"][-1])
            skipped = max(0, self._event_seq - int(events["event_seq"][0]))
            for part in whole_commands(events[skipped:]):
                write_frame(self._out, endpoints.frame_of(Event, part))


def replay_events(settings: Settings, event_seq: int, out: BinaryIO) -> None:
    """Write all durable events from `event_seq` on.

    Raises: CorruptJournal; WrongVersion; NoSuchEvent; BrokenPipeError when nobody reads any more.
    """
    folder = journal_folder(settings.data_dir)
    teller = Teller(out, event_seq)
    if settings.matcher.peer:
        _wait_for_a_copy(folder)
    if segments_in(folder):
        engine = Engine(capacity.recorded(folder), private_memory)
        journal = restore_newest(engine, settings.data_dir, below_event_seq=event_seq)
        teller = Teller(out, event_seq, int(engine.blocks["status"]["event_seq"][0]))
        reader = DurableReader(journal, endpoints.run_dir(settings.data_dir), for_books=True)
        count = NEAR + 1
        while count > NEAR:
            count = replay_into(engine, _read(reader), take=teller.tell)
    if event_seq > teller.last_event_seq + 1:
        raise NoSuchEvent(
            f"event {event_seq} is wanted, but the journal in {folder} ends with event "
            f"{teller.last_event_seq}: this database belongs to another journal or to a longer one"
        )


def _wait_for_a_copy(folder: Path) -> None:
    """Wait, as long as who asked lives, until a host that stands by has something of the journal."""
    parent = os.getppid()
    while not segments_in(folder) and os.getppid() == parent:
        time.sleep(_PAUSE_S)


def _read(reader: DurableReader) -> Iterator[Rows]:
    """Read what is durable, waiting for a matcher that is just starting."""
    parent = os.getppid()
    while True:
        try:
            yield from reader.read()
        except NotPublished:
            if os.getppid() != parent:
                raise
            time.sleep(_PAUSE_S)
        else:
            return


def main() -> int:
    """Replay to standard output, with the settings of the environment."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from-event-seq", type=int, required=True)
    args = parser.parse_args()
    settings = load()
    logger = log.open_log("replay", settings.supervision.log_level)
    try:
        replay_events(settings, args.from_event_seq, sys.stdout.buffer)
    except (CorruptJournal, WrongVersion, NoSuchEvent) as error:
        logger.critical("%s", error)
        return BAD_CONFIGURATION
    except BrokenPipeError:
        # The parent has gone; the interpreter must not complain about it on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
