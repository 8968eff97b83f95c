"""`openbourse restore DIR`: make an exchange of a backup, in an empty data directory.

Every file is compared with the manifest before anything is written, and the journal is replayed to the
digest that it had. API keys go into the database at once (the embedded one is started for that moment); the rest
of the database is made from the journal by the writer, when the exchange is next started.
"""

import argparse
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from commands import Refused
from commands.backup import KEY_FILE, KEYS, MANIFEST, VERSION, copy_private, digest_of, replayed
from conf.settings import Settings, load
from matcher.recovery import journal_folder
from runtime import endpoints
from runtime.postgres import STOP_SIGNAL, EmbeddedPostgres, NoPostgres
from runtime.segments import CorruptJournal, WrongVersion, segments_in
from runtime.vault import key_file
from writer.keys import take_in
from writer.migrate import WrongSchema, migrate
from writer.store import Connection, Lost, Store, connect, lost_when_broken

_TOLD = ("seq", "event_seq", "digest", "made_at")
"""What a manifest says of the exchange, beside its files."""
_START_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what follows `restore`."""
    parser.add_argument("directory", type=Path, help="what `openbourse backup` has made")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Restore; 0 when everything is in place.

    Raises: Refused.
    """
    settings = load()
    told = restore(settings, args.directory)
    if args.json:
        print(json.dumps(told))
    else:
        print(
            f"seq {told['seq']} digest {told['digest']}: restored to {settings.data_dir} with {told['api_keys']} API keys; "
            "start it with `openbourse up`"
        )
    return 0


def restore(settings: Settings, source: Path) -> dict[str, Any]:
    """Put a backup into the empty data directory of these settings.

    Raises: Refused; what was written before is removed again, but for the embedded database's directory.
    """
    manifest = _checked_manifest(source)
    folder = settings.data_dir
    if journal_folder(folder).exists() and segments_in(journal_folder(folder)):
        raise Refused(f"there is an exchange in {folder} already: choose an empty --data-dir")
    secret = key_file(folder, settings.database.key_file)
    if secret.exists() and KEY_FILE in manifest["files"]:
        raise Refused(f"{secret} exists: it may open the keys of another exchange, move it away")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / "restoring"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _copy_files(source, draft, manifest)
        _compare(draft, manifest)
        with _database(settings) as connection:
            keys = _take_keys(connection, source)
        if (draft / KEY_FILE).exists():
            secret.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(draft / KEY_FILE, secret)
        for name in ("snapshots", "journal"):
            shutil.rmtree(folder / name, ignore_errors=True)
            # The journal last: without it there is no exchange here, whatever else there is.
            (draft / name).rename(folder / name)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    state = {name: manifest[name] for name in _TOLD}
    return {**state, "api_keys": keys}


def _checked_manifest(source: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((source / MANIFEST).read_text())
        version, files = manifest["version"], dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{source} holds no backup: {MANIFEST} cannot be read ({error})") from error
    if version != VERSION:
        raise Refused(f"the backup has version {version}, this program reads {VERSION}")
    if lacking := [name for name in _TOLD if name not in manifest]:
        raise Refused(f"the manifest does not say {' and '.join(lacking)}: it is no backup's own")
    for name, digest in files.items():
        path = source / name
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise Refused(f"the manifest names {name}, which is outside of the backup")
        if not path.is_file():
            raise Refused(f"the backup is not whole: {name} is missing")
        if digest_of(path) != digest:
            raise Refused(f"the backup is damaged: {name} is not what the manifest says")
    return manifest


def _copy_files(source: Path, draft: Path, manifest: dict[str, Any]) -> None:
    for name in ("journal", "snapshots"):
        (draft / name).mkdir(mode=0o700, parents=True)
    for name in manifest["files"]:
        copy_private(source / name, draft / name)


def _compare(draft: Path, manifest: dict[str, Any]) -> None:
    try:
        found = replayed(draft)
    except (CorruptJournal, WrongVersion) as error:
        raise Refused(str(error)) from error
    for name, value in found.items():
        if manifest[name] != value:
            raise Refused(f"the journal leads to {name} {value}, the backup had {manifest[name]}")


def _take_keys(connection: Connection, source: Path) -> int:
    migrate(connection)
    watermark = Store(connection).watermark()
    if watermark.event_seq:
        raise Refused(
            f"the database holds an exchange already (event {watermark.event_seq}): name an empty one"
        )
    return take_in(connection, json.loads((source / KEYS).read_text()))


@contextmanager
def _database(settings: Settings) -> Iterator[Connection]:
    """Connect to the database of these settings; the embedded one is started for it, and stopped."""
    about = settings.database
    try:
        if about.dsn:
            with connect(about.dsn, about.statement_timeout_s) as connection, lost_when_broken():
                yield connection
            return
        run_dir = endpoints.run_dir(settings.data_dir)
        server = EmbeddedPostgres(settings.data_dir, run_dir, about.bin_dir)
        server.prepare()
        argv, environ = server.command()
        child = subprocess.Popen(argv, env=environ, stderr=subprocess.DEVNULL)
        try:
            server.wait_ready(_START_S)
            with connect(server.dsn(), about.statement_timeout_s) as connection, lost_when_broken():
                yield connection
        finally:
            child.send_signal(STOP_SIGNAL)
            child.wait()
    except (Lost, NoPostgres, WrongSchema) as error:
        raise Refused(f"the database cannot be used: {error}") from error
