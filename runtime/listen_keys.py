"""The keys of user data streams: one file each in the run directory, seen by all processes of a host.

REST workers open, extend and close keys; broadcasters ask whose a key is. A key lives for
an hour after it was last extended: the time of its file says so, its content is the account's number. A second
file per account names its key, so that opening twice gives the same one. Files are made and renamed in
one step, so nobody reads half of one; two workers that open for one account at the very same moment may
make two keys, which both work. Keys do not outlive the run directory: clients open new ones.
"""

import os
import secrets
import string
from collections.abc import Callable
from pathlib import Path

from runtime import clock

LIFE_NS = 3_600_000_000_000
KEY_LENGTH = 64
_LETTERS = string.ascii_letters + string.digits


class ListenKeys:
    """All keys of one run directory."""

    def __init__(self, run: Path, wall_ns: Callable[[], int] = clock.wall_ns) -> None:
        self._folder = run / "listen-keys"
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._wall_ns = wall_ns

    def open(self, account: int) -> str:
        """Return the account's live key, extended, or a new one."""
        key = self.key_of(account)
        if key is None:
            key = "".join(secrets.choice(_LETTERS) for _ in range(KEY_LENGTH))
            self._write(self._folder / key, str(account))
            self._write(self._of_account(account), key)
        self.extend(key)
        return key

    def key_of(self, account: int) -> str | None:
        """Return the account's live key, None when it has none."""
        try:
            key = self._of_account(account).read_text()
        except FileNotFoundError:
            return None
        return key if self.account_of(key) == account else None

    def extend(self, key: str) -> bool:
        """Let a key live for an hour from now; False when there is no such key."""
        if self.account_of(key) is None:
            return False
        now_ns = self._wall_ns()
        try:
            _touch(self._folder / key, now_ns)
        except FileNotFoundError:
            return False
        return True

    def close(self, key: str) -> bool:
        """End a key; False when there is no such key."""
        if self.account_of(key) is None:
            return False
        (self._folder / key).unlink(missing_ok=True)
        return True

    def account_of(self, key: str) -> int | None:
        """Return whose key it is; None when it does not exist, is closed or has expired."""
        if not is_listen_key(key):
            return None
        path = self._folder / key
        try:
            if path.stat().st_mtime_ns + LIFE_NS <= self._wall_ns():
                return None
            return int(path.read_text())
        except FileNotFoundError:
            return None

    def sweep(self) -> int:
        """Remove the files of expired keys; return how many."""
        removed = 0
        for path in self._folder.iterdir():
            if is_listen_key(path.name) and self.account_of(path.name) is None:
                path.unlink(missing_ok=True)
                removed += 1
        return removed

    def _of_account(self, account: int) -> Path:
        return self._folder / f"account-{account}"

    def _write(self, path: Path, text: str) -> None:
        draft = path.with_name(f"draft-{secrets.token_hex(8)}")
        draft.write_text(text)
        draft.chmod(0o600)
        _touch(draft, self._wall_ns())
        draft.replace(path)


def is_listen_key(text: str) -> bool:
    """Tell whether a text has the form of a key."""
    return len(text) == KEY_LENGTH and text.isascii() and text.isalnum()


def _touch(path: Path, at_ns: int) -> None:
    os.utime(path, ns=(at_ns, at_ns))
