"""The audit trail: who did what to the exchange and when, beside the journal that holds the commands themselves.

One line of JSON per deed in `DATA_DIR/audit.jsonl`, synced before the deed is called done. Each line carries the digest of
the one before it, so that a line that is changed, taken out or put in shows; only the end can be cut unseen, and
what was cut there is still in the journal. Several processes may write: the file is locked meanwhile.
"""

import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

FILE = "audit.jsonl"
_FIRST = "0" * 64


def user() -> str:
    """Return who runs this process, in the trail's words."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (KeyError, OSError):
        return f"user {os.getuid()} at the command line"


WHO: ContextVar[str] = ContextVar("who", default="")
"""On whose behalf the present task acts; empty: the user of this process."""


class DamagedTrail(Exception):
    """A line of the trail is not what was written; the message says which."""


def note(data_dir: Path, what: str, asked: Mapping[str, Any], outcome: str, seq: int = 0) -> None:
    """Add one deed; `seq`: the command in the journal, 0 when the deed is none.

    Raises: OSError.
    """
    entry = {
        "at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "who": WHO.get() or user(),
        "what": what,
        "asked": {name: _plain(value) for name, value in asked.items()},
        "outcome": outcome,
        "seq": seq,
    }
    path = data_dir / FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        line = json.dumps(entry | {"after": _last_digest(descriptor)}) + "\n"
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def entries(data_dir: Path) -> Iterator[dict[str, Any]]:
    """Yield all deeds, oldest first, checking the chain.

    Raises: DamagedTrail.
    """
    path = data_dir / FILE
    if not path.exists():
        return
    before = _FIRST
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                entry: dict[str, Any] = json.loads(line)
                after = entry["after"]
            except (ValueError, KeyError, TypeError) as error:
                raise DamagedTrail(f"{path}: line {number} cannot be read ({error})") from error
            if after != before:
                raise DamagedTrail(f"{path}: line {number} does not follow the line before it")
            before = _digest(line)
            yield entry


def _last_digest(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    length = 4096
    while size:
        tail = os.pread(descriptor, min(length, size), max(0, size - length))
        start = tail.rfind(b"\n", 0, -1)
        if start >= 0 or length >= size:
            return _digest(tail[start + 1 :])
        length *= 2
    return _FIRST


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if isinstance(value, Enum) and value.name:
        return value.name
    return int(value) if isinstance(value, int) else str(value)
