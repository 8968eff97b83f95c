"""The secrets of API keys as they lie in the database: sealed with a key that is not in it.

HMAC needs the secret itself to check a signature, so it cannot be kept as a hash. It is encrypted with
AES-256-GCM under a key of its own file (mode 0600, made when it is first needed); the API key is
authenticated along with it, so a sealed secret that is moved to another row does not open. Whoever has
the database or a copy of it, but not the file, has no secret; whoever loses the file must make new API keys.
"""

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_FILE = "secrets.key"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_SEALED = "sealed:1:"
"""What sealed text begins with: the number is that of the form."""


class NotSealed(ValueError):
    """A secret that does not open: damaged, moved from another row, or sealed with another key."""


class NoKey(RuntimeError):
    """The key file cannot be used."""


class Vault:
    """Seals and opens secrets with the key of one file."""

    def __init__(self, path: Path) -> None:
        self._cipher = AESGCM(_read_or_make(path))

    def seal(self, api_key: str, secret: str) -> str:
        """Return the secret of an API key as the database keeps it."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, secret.encode(), api_key.encode())
        return _SEALED + base64.b64encode(nonce + sealed).decode()

    def unseal(self, api_key: str, sealed: str) -> str:
        """Return the secret that was sealed for this API key.

        Raises: NotSealed.
        """
        if not sealed.startswith(_SEALED):
            raise NotSealed(f"the secret of {api_key[:8]}… is not sealed; make a new key")
        try:
            data = base64.b64decode(sealed.removeprefix(_SEALED), validate=True)
            nonce, text = data[:_NONCE_BYTES], data[_NONCE_BYTES:]
            return self._cipher.decrypt(nonce, text, api_key.encode()).decode()
        except (ValueError, InvalidTag) as error:
            raise NotSealed(
                f"the secret of {api_key[:8]}… does not open: it is damaged, or was sealed with another key"
            ) from error


def key_file(data_dir: Path, named: str) -> Path:
    """Return where the key is: the file named in the settings, else the one in the data directory."""
    return Path(named) if named else data_dir / KEY_FILE


def _read_or_make(path: Path) -> bytes:
    try:
        if not path.exists():
            _make(path)
        about, key = path.stat(), path.read_bytes()
    except OSError as error:
        raise NoKey(f"cannot read or make the key file {path}: {error.strerror}") from error
    if about.st_mode & 0o077:
        raise NoKey(f"others may read the key file {path}: say `chmod 600 {path}`")
    if len(key) != _KEY_BYTES:
        raise NoKey(f"the key file {path} has {len(key)} bytes; {_KEY_BYTES} are needed")
    return key


def _make(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(_KEY_BYTES))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    # Of several processes that make it at once the first wins, and all then read the same.
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
