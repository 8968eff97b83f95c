"""The keys of the admin API: made once, kept as digests, looked up anew at every request.

A key is 256 random bits, so its plain SHA-256 gives nothing away; a slow hash would only slow the door.
"""

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

FILE = "admin_keys.json"


class Damaged(ValueError):
    """The file of the keys cannot be read; who has one is not known."""


class WrongName(ValueError):
    """A name that is taken, or that has no key."""


def create(data_dir: Path, name: str) -> str:
    """Make a key for `name` and return it; it is shown this once.

    Raises: WrongName, Damaged.
    """
    known = _read(data_dir)
    if name in known:
        raise WrongName(f"{name} has a key; revoke it first")
    key = secrets.token_urlsafe(32)
    _write(data_dir, known | {name: _digest(key)})
    return key


def revoke(data_dir: Path, name: str) -> None:
    """Make the key of `name` unusable, at once.

    Raises: WrongName, Damaged.
    """
    known = _read(data_dir)
    if name not in known:
        raise WrongName(f"{name} has no key; `openbourse admin-key list` shows who has")
    _write(data_dir, {one: digest for one, digest in known.items() if one != name})


def names(data_dir: Path) -> list[str]:
    """Return who has a key.

    Raises: Damaged.
    """
    return sorted(_read(data_dir))


def owner(data_dir: Path, key: str) -> str:
    """Return whose key this is; "" for nobody's.

    Raises: Damaged.
    """
    asked = _digest(key)
    found = ""
    for name, digest in _read(data_dir).items():
        if hmac.compare_digest(digest, asked):
            found = name
    return found


def _read(data_dir: Path) -> dict[str, str]:
    """Return the digests by name.

    Raises: Damaged.
    """
    try:
        found: dict[str, str] = json.loads((data_dir / FILE).read_text())
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Damaged(_damaged(data_dir, str(error))) from error
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise Damaged(_damaged(data_dir, "no digests by name"))
    return found


def _damaged(data_dir: Path, why: str) -> str:
    return f"{data_dir / FILE} is damaged ({why}): take it from a backup, or remove it and make new keys"


def _write(data_dir: Path, known: dict[str, str]) -> None:
    draft = data_dir / f".{FILE}"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(known, file, indent=1)
    draft.replace(data_dir / FILE)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
