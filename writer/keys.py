"""The API keys in the database: the one table that is not made of events.

Every change is told (`runtime/key_channels.py`), so that whoever holds keys in memory learns of a revocation at
once, and whoever revokes learns that all have.
"""

import time
from dataclasses import dataclass

from runtime.key_channels import CHANGES, FOLLOWER, KNOWN, acknowledged
from writer.store import Connection

PERMISSIONS = ("USER_STREAM", "USER_DATA", "TRADE")
KEY_TYPES = ("HMAC", "RSA", "ED25519")
_FOLLOWERS = (
    "select pid from pg_stat_activity "
    "where application_name = %s and datname = current_database() and usename = current_user"
)
_LOOK_AGAIN_S = 0.2
_COLUMNS = (
    "api_key", "account", "secret", "key_type", "permissions", "ip_list", "created_at", "revoked_at",
)  # fmt: skip


@dataclass(frozen=True)
class ApiKey:
    """One key. `secret` is what HMAC signs with (in the database sealed: `runtime/vault.py`), else the public key as PEM."""

    api_key: str
    account: int
    secret: str
    key_type: str = "HMAC"
    permissions: tuple[str, ...] = PERMISSIONS
    ip_list: tuple[str, ...] = ()
    """Addresses or networks it may be used from; none: from anywhere."""


def add_key(connection: Connection, key: ApiKey) -> None:
    """Make a key usable."""
    with connection.transaction():
        connection.execute(
            "insert into api_keys (api_key, account, secret, key_type, permissions, ip_list) "
            "values (%s, %s, %s, %s, %s, %s)",
            (
                key.api_key, key.account, key.secret, key.key_type,
                list(key.permissions), list(key.ip_list),
            ),
        )  # fmt: skip
        _tell(connection, key.api_key)


def revoke_key(connection: Connection, api_key: str) -> bool:
    """Make a key unusable for ever; False when there is no such key in use."""
    with connection.transaction():
        done = connection.execute(
            "update api_keys set revoked_at = now() where api_key = %s and revoked_at is null",
            (api_key,),
        )
        _tell(connection, api_key)
    return done.rowcount == 1


def wait_until_known(connection: Connection, api_key: str, patience_s: float) -> tuple[int, int]:
    """Wait until all who hold keys in memory have acknowledged a change; return how many have, and have not.

    `connection` must have listened (`listen_for_known`) since before the change.
    """
    deadline_s = time.monotonic() + patience_s
    said: set[str] = set()
    while True:
        rows = connection.execute(_FOLLOWERS, (FOLLOWER,)).fetchall()
        wanted = {acknowledged(row[0], api_key) for row in rows}
        left_s = deadline_s - time.monotonic()
        if wanted <= said or left_s <= 0:
            return len(wanted & said), len(wanted - said)
        # A follower that goes away in the meantime is not waited for: so look again now and then.
        pause_s = min(left_s, _LOOK_AGAIN_S)
        said |= {told.payload for told in connection.notifies(timeout=pause_s, stop_after=1)}


def listen_for_known(connection: Connection) -> None:
    """Begin to hear acknowledgements."""
    connection.execute(f"listen {KNOWN}")


def keys_of(connection: Connection, account: int) -> list[dict[str, object]]:
    """Return an account's keys without their secrets, oldest first."""
    rows = connection.execute(
        "select api_key, key_type, permissions, ip_list, created_at, revoked_at from api_keys "
        "where account = %s order by created_at, api_key",
        (account,),
    ).fetchall()
    names = ("api_key", "key_type", "permissions", "ip_list", "created_at", "revoked_at")
    return [dict(zip(names, row, strict=True)) for row in rows]


def exported(connection: Connection) -> list[dict[str, object]]:
    """Return every key as a backup holds it: secrets as they lie in the database, sealed; times as text."""
    rows = connection.execute(
        "select api_key, account, secret, key_type, permissions, ip_list, created_at, revoked_at "
        "from api_keys order by api_key"
    ).fetchall()
    return [
        dict(zip(_COLUMNS, row, strict=True))
        | {"created_at": str(row[6]), "revoked_at": row[7] and str(row[7])}
        for row in rows
    ]


def take_in(connection: Connection, keys: list[dict[str, object]]) -> int:
    """Put keys of a backup into a database that does not have them; return how many it had not."""
    added = 0
    with connection.transaction():
        for key in keys:
            done = connection.execute(
                "insert into api_keys (api_key, account, secret, key_type, permissions, ip_list, "
                "created_at, revoked_at) values (%s, %s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
                [key[name] for name in _COLUMNS],
            )
            added += done.rowcount
            _tell(connection, str(key["api_key"]))
    return added


def _tell(connection: Connection, api_key: str) -> None:
    connection.execute("select pg_notify(%s, %s)", (CHANGES, api_key))
