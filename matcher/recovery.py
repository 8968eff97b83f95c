"""Bring the state back: the newest good snapshot, then the journal from there on.

Commands are applied as they were applied the first time. The events of a replay are told to nobody:
whoever waited for them has long been told "status unknown", and the books of record and the streams
find their own gaps.

A snapshot only saves time. One that is damaged, or of another release, is left aside for an older one,
and without any the whole journal is replayed. But a good snapshot is also a witness: it was written of
durable commands, so a journal that does not reach its place has lost some, and is refused.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from matcher import capacity
from matcher.core.engine import Engine
from protocol.layout import Rows
from runtime import clock, snapshot
from runtime.journal import Disk, Journal, Policy
from runtime.replay import AnotherJournal, JournalReader, note_place, resume

TELL_NS = 1_000_000_000
"""How often a long replay says how far it is."""
STATE_VERSION = 2
"""What saved rows mean; raised with every change of that, so that older snapshots are not used."""


def snapshot_folder(data_dir: Path) -> Path:
    """Return where the snapshots of an exchange lie; its journal lies beside them."""
    return data_dir / "snapshots"


def journal_folder(data_dir: Path) -> Path:
    """Return where the journal of an exchange lies."""
    return data_dir / "journal"


def note_of(engine: Engine, reader: JournalReader) -> dict[str, Any]:
    """Return what a snapshot says of itself; `reader` stands where the engine's state is."""
    return {
        "state_version": STATE_VERSION,
        "digest": engine.digest(),
        "capacities": asdict(engine.capacities),
        "place": note_place(reader),
    }


def restore_newest(
    engine: Engine,
    data_dir: Path,
    *,
    below_event_seq: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> JournalReader:
    """Give an empty engine the newest good snapshot; return a reader of what follows it.

    Without a usable one the engine stays empty and the reader stands at the journal's begin. Only
    snapshots from before event `below_event_seq` are looked at. `tell` hears why one is not used.

    Raises: CorruptJournal when the journal does not reach a good snapshot any more; WrongVersion.
    """
    newest_first = snapshot.snapshots_in(snapshot_folder(data_dir))[::-1]
    return restore(engine, data_dir, newest_first, below_event_seq=below_event_seq, tell=tell)


def restore(
    engine: Engine,
    data_dir: Path,
    paths: Iterable[Path],
    *,
    below_event_seq: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> JournalReader:
    """Give an empty engine the first usable one of these snapshots, as `restore_newest` does."""
    for path in paths:
        try:
            found = snapshot.read(path)
            if below_event_seq is not None and found.event_seq >= below_event_seq:
                continue
            check_usable(found, engine)
            reader = resume(journal_folder(data_dir), found.note["place"])
        except (snapshot.DamagedSnapshot, AnotherJournal, FileNotFoundError) as error:
            if tell:
                tell(str(error))
            continue
        engine.load(found.blocks)
        return reader
    return JournalReader(journal_folder(data_dir))


@dataclass(frozen=True)
class Recovery:
    """What a recovery did: from which snapshot (0: none), how many commands it replayed."""

    journal: Journal
    snapshot_seq: int
    commands: int
    torn: bool


def recover(
    engine: Engine,
    data_dir: Path,
    policy: Policy,
    disk: Disk | None = None,
    *,
    tell: Callable[[int, float], None] | None = None,
    tell_unusable: Callable[[str], None] | None = None,
) -> Recovery:
    """Bring an empty engine to the journal's end; the journal is then ready for more.

    The caller holds the `JournalLock`. Readers see the books at once when the blocks are announced.

    Raises: CorruptJournal; WrongVersion; JournalBroken; JournalFull.
    """
    reader = restore_newest(engine, data_dir, tell=tell_unusable)
    return catch_up(engine, reader, policy, disk, tell=tell)


def catch_up(
    engine: Engine,
    reader: JournalReader,
    policy: Policy,
    disk: Disk | None = None,
    *,
    tell: Callable[[int, float], None] | None = None,
) -> Recovery:
    """Bring an engine whose state is that at `reader` to the journal's end, as `recover` does."""
    snapshot_seq = reader.next_seq - 1
    count = replay_into(engine, reader.read(), tell=tell)
    journal = Journal(reader.folder, reader.place, policy, disk)
    engine.publish()
    return Recovery(journal, snapshot_seq, count, reader.torn)


def check_usable(found: snapshot.Snapshot, engine: Engine) -> None:
    """Make sure that a snapshot, whole in itself, is one of this release and of these capacities.

    Raises: DamagedSnapshot.
    """
    what = _mismatch(found.note, engine) or engine.misfit(found.blocks)
    if what:
        raise snapshot.DamagedSnapshot(found.path, snapshot.HEAD_SIZE, what)


def _mismatch(note: Mapping[str, Any], engine: Engine) -> str:
    if note.get("state_version") != STATE_VERSION:
        return f"state version {note.get('state_version')}, this program has {STATE_VERSION}"
    wanted = capacity.deciding(asdict(engine.capacities))
    if capacity.deciding(note["capacities"]) != wanted:
        return "it was taken under other capacities"
    return ""


def replay_into(
    engine: Engine,
    batches: Iterable[Rows],
    *,
    take: Callable[[Rows], None] | None = None,
    tell: Callable[[int, float], None] | None = None,
) -> int:
    """Apply batches of stamped commands; return how many commands that were.

    `take` gets the events; `tell` now and then the last seq and the commands per second.
    """
    begun_ns = told_ns = clock.steady_ns()
    count = 0
    for rows in batches:
        apply(engine, rows, take)
        count += len(rows)
        now_ns = clock.steady_ns()
        if tell and now_ns - told_ns >= TELL_NS:
            told_ns = now_ns
            tell(int(rows["seq"][-1]), count / ((now_ns - begun_ns) / 1e9))
    return count


def apply(engine: Engine, rows: Rows, take: Callable[[Rows], None] | None) -> None:
    """Apply all of `rows`; `take` gets the events, of whole commands, valid until it returns."""
    while len(rows):
        events, consumed = engine.apply(rows)
        if take:
            take(events)
        rows = rows[consumed:]
