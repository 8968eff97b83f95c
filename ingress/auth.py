"""Who asks, and may they: key, time window, signature, in the dialect's order (API section 2).

Keys are held in memory, so that a request costs no database read and known keys keep working while
the database is away. `KeyRing` is fed by `ingress/history.py`: all keys at the start, one at a time when an
unknown one is used, and whatever the channel `api_keys` says has changed.
"""

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from ingress import errors
from ingress.form import Form
from ingress.params import MICROSECONDS_FROM
from protocol.units import NotDecimal, Overflow, TooPrecise, to_units
from runtime.forwarded import address_of

WINDOW_LIMIT_MS = 60_000
AHEAD_LIMIT_MS = 1_000
_KEY_LIMIT = 256
_HEX_LENGTH = 64
_STRANGERS_LIMIT = 10_000
_STRANGER_NS = 5_000_000_000


@dataclass(frozen=True)
class KeyRow:
    """One API key as the books of record hold it (table api_keys)."""

    api_key: str
    account: int
    secret: str
    key_type: str
    permissions: tuple[str, ...]
    ip_list: tuple[str, ...]


class Seal(Protocol):
    """Checks signatures of one key."""

    def fits(self, signature: str, payload: bytes) -> bool:
        """Tell whether the signature was made with this key over exactly these bytes."""


class HmacSeal:
    """HMAC-SHA256, written in hexadecimal of either case."""

    def __init__(self, secret: str) -> None:
        # Begun once: what a signature costs is mostly the beginning. (Two hashes of our own would take 1 µs less.)
        self._begun = hmac.new(secret.encode(), digestmod="sha256")

    def fits(self, signature: str, payload: bytes) -> bool:
        """Tell whether the signature was made with this key over exactly these bytes."""
        if len(signature) != _HEX_LENGTH:
            return False
        try:
            sent = bytes.fromhex(signature)
        except ValueError:
            return False
        made = self._begun.copy()
        made.update(payload)
        return hmac.compare_digest(made.digest(), sent)


class RsaSeal:
    """RSASSA-PKCS1-v1_5 with SHA-256, written in base64."""

    def __init__(self, key: rsa.RSAPublicKey) -> None:
        self._key = key

    def fits(self, signature: str, payload: bytes) -> bool:
        """Tell whether the signature was made with this key over exactly these bytes."""
        try:
            self._key.verify(_bytes_of(signature), payload, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


class Ed25519Seal:
    """Ed25519, written in base64."""

    def __init__(self, key: ed25519.Ed25519PublicKey) -> None:
        self._key = key

    def fits(self, signature: str, payload: bytes) -> bool:
        """Tell whether the signature was made with this key over exactly these bytes."""
        try:
            self._key.verify(_bytes_of(signature), payload)
        except InvalidSignature:
            return False
        return True


class UnusableKey(ValueError):
    """A row of api_keys whose secret does not fit its key type."""


def seal_of(row: KeyRow) -> Seal:
    """Make what checks the signatures of a key.

    Raises: UnusableKey.
    """
    if row.key_type == "HMAC":
        return HmacSeal(row.secret)
    try:
        key = serialization.load_pem_public_key(row.secret.encode())
    except ValueError as error:
        raise UnusableKey(f"the public key of {row.api_key[:8]}… is not PEM: {error}") from error
    if row.key_type == "RSA" and isinstance(key, rsa.RSAPublicKey):
        return RsaSeal(key)
    if row.key_type == "ED25519" and isinstance(key, ed25519.Ed25519PublicKey):
        return Ed25519Seal(key)
    raise UnusableKey(f"the public key of {row.api_key[:8]}… is not of type {row.key_type}")


@dataclass(frozen=True)
class Key:
    """One live key: whose it is, what it may do and from where."""

    account: int
    seal: Seal
    permissions: frozenset[str]
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    def allows(self, permission: str, address: str) -> bool:
        """Tell whether the key holds a permission at this address."""
        if permission not in self.permissions:
            return False
        if not self.networks:
            return True
        found = address_of(address)
        return found is not None and any(found in network for network in self.networks)


def key_of(row: KeyRow) -> Key:
    """Make a live key of its row.

    Raises: UnusableKey.
    """
    try:
        networks = tuple(ipaddress.ip_network(entry, strict=False) for entry in row.ip_list)
    except ValueError as error:
        raise UnusableKey(f"the address list of {row.api_key[:8]}…: {error}") from error
    return Key(row.account, seal_of(row), frozenset(row.permissions), networks)


class KeyRing:
    """All live keys by their text. `look_up` reads one key from the books of record.

    A key that is in neither place is remembered as a stranger for a short time, at most
    10,000 of them, so that wrong keys do not become a load on the database.
    """

    def __init__(
        self, look_up: Callable[[str], Awaitable[Key | None]], steady_ns: Callable[[], int]
    ) -> None:
        self._look_up = look_up
        self._steady_ns = steady_ns
        self._keys: dict[str, Key] = {}
        self._strangers: dict[str, int] = {}
        self._changes = 0

    def replace(self, keys: Mapping[str, Key]) -> None:
        """Take these as all the keys there are."""
        self._changes += 1
        self._keys = dict(keys)
        self._strangers.clear()

    def put(self, api_key: str, key: Key | None) -> None:
        """Take note that a key was made or changed, or (None) revoked."""
        self._changes += 1
        self._strangers.pop(api_key, None)
        if key is None:
            self._keys.pop(api_key, None)
        else:
            self._keys[api_key] = key

    def known(self, api_key: str) -> Key | None:
        """Return a key that is held in memory."""
        return self._keys.get(api_key)

    async def find(self, api_key: str) -> Key | None:
        """Return a key, looked up once when it is not held in memory.

        Raises: Refused (-1001) when it must be looked up and the database is away.
        """
        key = self._keys.get(api_key)
        if key is not None:
            return key
        seen_ns = self._strangers.get(api_key)
        if seen_ns is not None and self._steady_ns() - seen_ns < _STRANGER_NS:
            return None
        before = -1
        while before != self._changes:
            # A revocation that came while we were looking may be newer than what we read.
            before = self._changes
            key = await self._look_up(api_key)
        if key is None:
            if len(self._strangers) >= _STRANGERS_LIMIT:
                self._strangers.clear()
            self._strangers[api_key] = self._steady_ns()
        else:
            self._keys[api_key] = key
        return key


@lru_cache(maxsize=1024)
def key_text(header: bytes | None) -> str:
    """Read the header X-MBX-APIKEY; a client sends the same one all the time.

    Raises: Refused (-2014).
    """
    text = (header or b"").decode("latin-1")
    if not text or len(text) > _KEY_LIMIT or not text.isascii() or not text.isprintable():
        raise errors.Refused(-2014, "API-key format invalid.", 401)
    return text


def check_key(key: Key | None, permission: str, address: str) -> Key:
    """Check that the key exists and may do this from here.

    Raises: Refused (-2015).
    """
    if key is None or not key.allows(permission, address):
        raise errors.Refused(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    return key


def check_time(fields: Mapping[str, str], now_ns: int, default_window_ms: int) -> None:
    """Check `timestamp` and `recvWindow` against the server's clock.

    Raises: Refused (-1102, -1100, -1131, -1021).
    """
    text = fields.get("timestamp")
    if not text:
        raise errors.mandatory("timestamp")
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise errors.illegal("timestamp", "^[0-9]{1,20}$")
    sent = int(text)
    sent_ns = sent * (1_000 if sent >= MICROSECONDS_FROM else 1_000_000)
    text = fields.get("recvWindow")
    window_us = default_window_ms * 1_000 if text is None else _window_us(text)
    if sent_ns - now_ns >= AHEAD_LIMIT_MS * 1_000_000:
        told = "Timestamp for this request was 1000ms ahead of the server's time."
        raise errors.Refused(-1021, told)
    if now_ns - sent_ns > window_us * 1_000:
        raise errors.Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


@lru_cache(maxsize=1024)
def _window_us(text: str) -> int:
    """Read recvWindow; a client sends the same one all the time."""
    if not text:
        raise errors.empty("recvWindow")
    try:
        window_us = to_units(text, 3)
    except (NotDecimal, Overflow):
        raise errors.illegal("recvWindow", r"^([0-9]{1,20})(\.[0-9]{1,3})?$") from None
    except TooPrecise:
        raise errors.too_precise("recvWindow") from None
    if window_us > WINDOW_LIMIT_MS * 1_000:
        raise errors.Refused(-1131, "recvWindow must be less than 60000")
    return window_us


def check_signature(key: Key, form: Form) -> None:
    """Check that the holder of the key sent exactly these bytes.

    Raises: Refused (-1102, -1022).
    """
    if form.proved:
        return
    if not form.signature:
        raise errors.mandatory("signature")
    if not key.seal.fits(form.signature, form.payload):
        raise errors.Refused(-1022, "Signature for this request is not valid.")


def _bytes_of(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
