"""The snapshotter: follow the journal with an engine of its own, and write down its state.

`python -m matcher.snapshotter`, started by the supervisor; once it is ready it has the lowest priority. The
matcher never stops for a snapshot and never notices one; the price is a second copy of the state and every
command applied once more, in bursts. A snapshot gets its name only after it was read back into a third
engine that came to the same digest.

It also clears away what the settings allow: old snapshots, and segments that nobody needs any more.
Killed at any moment it leaves at most a draft behind.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from conf.settings import Settings, load
from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.state import private_memory
from matcher.recovery import (
    apply,
    check_usable,
    journal_folder,
    note_of,
    restore_newest,
    snapshot_folder,
)
from protocol.layout import Rows
from runtime import clock, snapshot
from runtime.durable import DurableReader
from runtime.log import facts
from runtime.replay import JournalReader
from runtime.segments import CorruptJournal, WrongVersion, segments_in
from runtime.service import BadConfiguration, Service, run
from runtime.shared import NotPublished, Reader

_NICE = 19
_NAP_S = 0.2


class Unfaithful(RuntimeError):
    """A snapshot does not lead back to the state that was saved: a bug; it was not kept."""


class Snapshotter:
    """An engine that follows the journal of a data directory, and the snapshots it leaves.

    `durable` makes a reader of what is durable out of one of the journal.
    """

    def __init__(
        self, data_dir: Path, durable: Callable[[JournalReader], DurableReader], kept: int
    ) -> None:
        self._data_dir = data_dir
        self._kept = kept
        self.engine = Engine(capacity.recorded(journal_folder(data_dir)), private_memory)
        self._reader = durable(restore_newest(self.engine, data_dir))
        self.last_seq = self.seq
        """Command after which the last snapshot was taken; 0: none was."""

    @property
    def seq(self) -> int:
        """The last command that was followed."""
        return int(self.engine.blocks["status"]["seq"][0])

    def follow(self) -> Iterator[Rows]:
        """Apply what is durable and was not applied yet; yield after every batch.

        Raises: NotPublished while a matcher is starting; CorruptJournal; WrongVersion.
        """
        for rows in self._reader.read():
            apply(self.engine, rows, None)
            yield rows

    def take(self, watermark: int | None = None) -> Path | None:
        """Write a snapshot of the state reached; None when it is the last one's.

        Older ones than the last few go. Where segments are cleared away, the last event that is in the
        database is given as `watermark`: then one from which it can be caught up stays as well.

        Raises: OSError, also when the journal could soon need the room itself; Unfaithful.
        """
        if self.seq == self.last_seq:
            return None
        # The journal first: a snapshot is a witness that its commands were durable.
        self._reader.sync()
        folder = snapshot_folder(self._data_dir)
        event_seq = int(self.engine.blocks["status"]["event_seq"][0])
        note = note_of(self.engine, self._reader.journal)
        draft = snapshot.write(folder, self.seq, event_seq, note, self.engine.save())
        try:
            prove(draft, self.engine)
        except Exception:
            draft.unlink()
            raise
        path = snapshot.keep(draft)
        self.last_seq = self.seq
        found = snapshot.snapshots_in(folder)
        needed = None if watermark is None else _newest_below(found, watermark)
        for old in found[: -self._kept]:
            if old != needed:
                old.unlink(missing_ok=True)
        return path

    def clear_segments(self, watermark: int | None = None) -> list[Path]:
        """Remove the segments that neither a kept snapshot nor the books of record need.

        `watermark`: the last event that is in the database; None where no books are made of this journal.
        Returns what was removed.
        """
        found = snapshot.snapshots_in(snapshot_folder(self._data_dir))[:1]
        if not found:
            return []
        try:
            oldest = snapshot.read(found[0])
        except snapshot.DamagedSnapshot:
            # What it needs is not known any more; it goes when newer ones have come.
            return []
        if watermark is not None and oldest.event_seq > watermark:
            return []
        first = int(oldest.note["place"]["segment"])
        folder = journal_folder(self._data_dir)
        removed = [path for path in segments_in(folder) if int(path.stem) < first]
        for path in removed:
            path.unlink()
        return removed


def _newest_below(paths: list[Path], watermark: int) -> Path:
    """Return the newest good snapshot from before the event after `watermark`, or the oldest file.

    The oldest was such a one before, so it stays while nobody knows how far the database has come.
    """
    for path in paths[::-1]:
        try:
            if snapshot.read(path).event_seq <= watermark:
                return path
        except snapshot.DamagedSnapshot:
            continue
    return paths[0]


def prove(draft: Path, engine: Engine) -> None:
    """Make sure that a snapshot leads to the very state of the engine that it was taken of.

    Raises: Unfaithful; DamagedSnapshot when the disk gave back something else.
    """
    # Another hash seed, as the matcher that will load it has another.
    seed = engine.capacities.index_seed ^ 1
    other = Engine(replace(engine.capacities, index_seed=seed), private_memory)
    found = snapshot.read(draft)
    check_usable(found, other)
    other.load(found.blocks)
    digest = engine.digest()
    if not digest == other.digest() == found.note["digest"]:
        raise Unfaithful(f"{draft}: the loaded state has digest {other.digest()}, not {digest}")


def serve(service: Service, settings: Settings) -> None:
    """Follow and write snapshots until told to stop."""
    policy = settings.journal
    board = Reader(service.run)
    folder = journal_folder(settings.data_dir)
    if not wait_for_journal(service, folder):
        return
    try:
        home = folder.stat().st_ino
        keeper = Snapshotter(
            settings.data_dir,
            lambda journal: DurableReader(journal, service.run, for_books=True),
            policy.snapshots_kept,
        )
    except (CorruptJournal, WrongVersion) as error:
        raise BadConfiguration(str(error)) from error
    service.ready(snapshot=keeper.last_seq)
    # Not before: on a machine that is always busy a start at this priority never ended.
    os.nice(_NICE)
    taken_ns = clock.steady_ns()
    while not service.stopping:
        if not folder.exists() or folder.stat().st_ino != home:
            service.log.info(
                "the journal was put aside for another one, which is followed from its begin"
            )
            return
        service.beat(snapshot=keeper.last_seq)
        elapsed_s = (clock.steady_ns() - taken_ns) / 1e9
        behind = _seq(board) - keeper.last_seq
        if behind >= policy.snapshot_every_commands or elapsed_s >= policy.snapshot_every_s:
            _take(service, settings, keeper)
            taken_ns = clock.steady_ns()
        time.sleep(_NAP_S)


def wait_for_journal(service: Service, folder: Path) -> bool:
    """Wait until there is one to follow; False: told to stop.

    A copy that was put aside is begun anew when the other host has answered, and that may take a while.
    """
    while not (folder / capacity.FILE).exists() and not segments_in(folder):
        if service.stopping:
            return False
        service.progress(waits_for="a journal")
        time.sleep(_NAP_S)
    return True


def _take(service: Service, settings: Settings, keeper: Snapshotter) -> None:
    begun_ns = clock.steady_ns()
    # The books are written where the exchange is: nobody at an edge goes on from a watermark.
    clears, has_books = settings.journal.keep == "needed", not settings.is_edge
    try:
        for _ in keeper.follow():
            service.beat(snapshot=keeper.last_seq)
            if service.stopping:
                return
        _check_room(settings)
        path = keeper.take(_watermark(service.run) if clears and has_books else None)
    except NotPublished:
        return
    except OSError as error:
        service.log.warning("no snapshot was taken: %s", error)
        return
    if path is None:
        return
    seconds = (clock.steady_ns() - begun_ns) / 1e9
    size = path.stat().st_size
    service.log.info(
        "snapshot %s", facts(file=path.name, bytes=size, seconds=seconds, seq=keeper.seq)
    )
    if clears:
        removed = keeper.clear_segments(_watermark(service.run) if has_books else None)
        if removed:
            service.log.info("removed segments %s", facts(names=[path.name for path in removed]))


def _check_room(settings: Settings) -> None:
    """Leave the journal room for one more segment: it needs the disk more than a snapshot does."""
    last = snapshot.snapshots_in(snapshot_folder(settings.data_dir))[-1:]
    needed = settings.journal.segment_bytes + 2 * sum(path.stat().st_size for path in last)
    free = shutil.disk_usage(settings.data_dir).free
    if free < needed:
        raise OSError(f"{free} bytes are free on the disk, {needed} are needed")


def _seq(board: Reader) -> int:
    try:
        return int(board.current()["status"]["seq"][0])
    except NotPublished:
        return 0


def _watermark(run_dir: Path) -> int:
    """Return the last event in the database, as the writer last told the supervisor; 0: unknown."""
    try:
        told = json.loads((run_dir / "status.json").read_text())
        (writer,) = (one for one in told["processes"] if one["name"] == "writer")
        return int(writer["facts"]["watermark"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def main() -> int:
    """Start the snapshotter with the settings of the environment."""
    settings = load()
    return run(
        "snapshotter",
        settings.data_dir,
        settings.supervision.log_level,
        lambda service: serve(service, settings),
    )


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # On a busy machine the lowest priority has so little of a core that taking down the interpreter
    # and the compiled core lasts longer than the supervisor waits for an end.
    os._exit(code)
