"""`openbourse backup DIR`: a whole copy of the exchange, taken while it runs or while it is down.

The journal is the exchange, so a backup is the journal, checked by a replay of the copy, with the snapshots (they
save time), and what the journal does not hold: API keys, whose secrets stay sealed, and the key file that opens
them. The database is made again from the journal by whoever restores. `openbourse restore` is in `restore.py`.
"""

import argparse
import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from commands import Refused, api_keys
from commands.journal_verify import begin
from conf.settings import Settings, load
from matcher import capacity
from matcher.core.engine import Engine
from matcher.core.state import private_memory
from matcher.recovery import journal_folder, replay_into, snapshot_folder
from runtime.segments import CorruptJournal, WrongVersion, segments_in
from runtime.snapshot import snapshots_in
from runtime.vault import key_file
from writer.keys import exported
from writer.store import Connection

MANIFEST = "manifest.json"
KEYS = "api_keys.json"
KEY_FILE = "secrets.key"
CAPACITIES = "capacities.json"
VERSION = 1
_TRIES = 5
"""A busy exchange may begin a segment while the last one is copied; then that one is copied again."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what follows `backup`."""
    parser.add_argument("directory", type=Path, help="a new or empty directory")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Take the backup; 0 when the copy was read back and is whole.

    Raises: Refused.
    """
    settings = load()
    told = backup(settings, args.directory)
    if args.json:
        print(json.dumps(told))
    else:
        print(
            f"seq {told['seq']} digest {told['digest']}: {len(told['files'])} files, {told['api_keys']} API keys in "
            f"{args.directory}. It holds the key that opens their secrets: keep it as you keep a password"
        )
    return 0


def backup(settings: Settings, target: Path) -> dict[str, Any]:
    """Copy the exchange of these settings to an empty directory and return the manifest.

    Raises: Refused, also when the copy does not read back whole.
    """
    journal = journal_folder(settings.data_dir)
    if not segments_in(journal):
        raise Refused(f"there is no journal in {journal}")
    if int(segments_in(journal)[0].stem) > 1:
        raise Refused(
            "the journal begins behind a snapshot (journal.keep = needed), so the database cannot be made again from "
            "it: copy the data directory while the exchange is down, with PostgreSQL's own pg_dump beside it"
        )
    if target.exists() and any(target.iterdir()):
        raise Refused(f"{target} is not empty; choose a new directory")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    target.chmod(0o700)
    # Snapshots first: one that is taken while the journal is copied may be of a command behind the copy.
    _copy_snapshots(settings.data_dir, target)
    state = _copy_journal(journal, target)
    with api_keys.database(settings) as connection:
        keys = _keep_keys(connection, target)
    secret = key_file(settings.data_dir, settings.database.key_file)
    if secret.exists():
        copy_private(secret, target / KEY_FILE)
    files = {
        str(path.relative_to(target)): digest_of(path)
        for path in sorted(target.rglob("*"))
        if path.is_file()
    }
    now = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {"version": VERSION, "made_at": now, **state, "api_keys": keys, "files": files}
    _write(target / MANIFEST, json.dumps(manifest, indent=1))
    return manifest


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_private(source: Path, target: Path) -> None:
    """Copy a file for its owner's eyes only."""
    shutil.copyfile(source, target)
    target.chmod(0o600)


def replayed(data_dir: Path) -> dict[str, Any]:
    """Replay a journal at rest and return seq, event_seq and digest.

    Raises: CorruptJournal; WrongVersion.
    """
    engine = Engine(capacity.recorded(journal_folder(data_dir)), private_memory)
    replay_into(engine, begin(engine, data_dir).read())
    status = engine.blocks["status"][0]
    return {
        "seq": int(status["seq"]),
        "event_seq": int(status["event_seq"]),
        "digest": engine.digest(),
    }


def _copy_snapshots(data_dir: Path, target: Path) -> None:
    folder = snapshot_folder(target)
    folder.mkdir(mode=0o700)
    for path in snapshots_in(snapshot_folder(data_dir)):
        try:
            copy_private(path, folder / path.name)
        except FileNotFoundError:
            # The snapshotter keeps only the newest ones.
            continue


def _copy_journal(journal: Path, target: Path) -> dict[str, Any]:
    """Copy the journal until the copy is whole, and return the state that it leads to."""
    folder = journal_folder(target)
    folder.mkdir(mode=0o700)
    copy_private(journal / CAPACITIES, folder / CAPACITIES)
    sealed: set[str] = set()
    for _ in range(_TRIES):
        segments = segments_in(journal)
        for path in segments:
            if path.name not in sealed:
                copy_private(path, folder / path.name)
        try:
            return replayed(target)
        except CorruptJournal as error:
            why = str(error)
        except WrongVersion as error:
            raise Refused(str(error)) from error
        # All but the newest two are complete: the next exists before the last one is sealed.
        sealed = {path.name for path in segments[:-2]}
    raise Refused(f"the copy of the journal does not read back: {why}")


def _keep_keys(connection: Connection, target: Path) -> int:
    rows = exported(connection)
    _write(target / KEYS, json.dumps(rows, indent=1))
    return len(rows)


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text + "\n")
