"""`openbourse account key …`: make, list and revoke API keys."""

import argparse
import secrets
import string
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from commands import Refused
from commands.desk import Desk
from conf.settings import Settings
from ingress.auth import KeyRow, UnusableKey, key_of
from protocol.board_reads import Board
from runtime import audit, endpoints
from runtime.postgres import EmbeddedPostgres, NoPostgres
from runtime.vault import NoKey, Vault, key_file
from writer.keys import (
    KEY_TYPES,
    PERMISSIONS,
    ApiKey,
    add_key,
    keys_of,
    listen_for_known,
    revoke_key,
    wait_until_known,
)
from writer.store import Connection, Lost, connect, lost_when_broken

KEY_LENGTH = 64
_ALPHABET = string.ascii_letters + string.digits
_KNOWN_S = 5.0
"""A worker whose database answers acknowledges a revocation within milliseconds."""
Deed = Callable[[Settings, argparse.Namespace], dict[str, Any]]


def add_arguments(words: Any) -> None:
    """Declare `key` and the words after it; `words` are those after `account`."""
    key = words.add_parser("key", help="API keys of an account").add_subparsers(
        dest="key_deed", metavar="WORD", required=True
    )
    one = word(key, "create", "make another key; a secret is shown once", _create)
    one.add_argument("name")
    one.add_argument("--type", choices=KEY_TYPES, default="HMAC", dest="key_type")
    one.add_argument("--public-key", type=Path, help="PEM file, for RSA and ED25519")
    one.add_argument("--permission", action="append", choices=PERMISSIONS, help="default: all")
    one.add_argument(
        "--ip", action="append", default=[], help="address or network it may come from"
    )
    one = word(key, "list", "keys of an account, without secrets", _list)
    one.add_argument("name")
    one = word(key, "revoke", "make a key unusable, at once and for ever", _revoke)
    one.add_argument("api_key")


def word(words: Any, name: str, summary: str, deed: Deed) -> argparse.ArgumentParser:
    """Declare one word that does `deed`."""
    one: argparse.ArgumentParser = words.add_parser(name, help=summary, description=summary)
    one.add_argument("--json", action="store_true", help="print one JSON object")
    one.set_defaults(account_deed=deed)
    return one


@contextmanager
def database(settings: Settings) -> Iterator[Connection]:
    """Connect to the database of these settings; to the embedded one when none is named.

    Raises: Refused when it cannot be reached, or is lost on the way.
    """
    about = settings.database
    run = endpoints.run_dir(settings.data_dir)
    try:
        dsn = about.dsn or EmbeddedPostgres(settings.data_dir, run, about.bin_dir).dsn()
        with connect(dsn, about.statement_timeout_s) as connection, lost_when_broken():
            yield connection
    except (Lost, NoPostgres) as error:
        raise Refused(f"the database cannot be reached: {error}") from error


def new_key(account: int) -> ApiKey:
    """Make a random HMAC key with every permission; it is not kept anywhere yet."""
    return ApiKey(_random_text(), account, _random_text())


def keep(settings: Settings, connection: Connection, key: ApiKey) -> None:
    """Make a key usable; what HMAC signs with is sealed first, public keys are no secrets.

    Raises: Refused, saying how to make a key later.
    """
    kept = key
    if key.key_type == "HMAC":
        kept = replace(key, secret=vault(settings).seal(key.api_key, key.secret))
    try:
        with lost_when_broken():
            add_key(connection, kept)
            about = {"account": key.account, "api_key": key.api_key, "key_type": key.key_type}
            audit.note(settings.data_dir, "key create", about, "done")
    except Lost as lost:
        raise Refused(
            f"the account {key.account} is there, but the database was lost before its key was kept "
            f"({lost}): make one with `openbourse account key create '#{key.account}'`"
        ) from lost


def vault(settings: Settings) -> Vault:
    """Open the vault of these settings.

    Raises: Refused.
    """
    try:
        return Vault(key_file(settings.data_dir, settings.database.key_file))
    except NoKey as error:
        raise Refused(str(error)) from error


def number_of(board: Board, name: str) -> int:
    """Return the number of the account with this name; `#7` is account 7 whatever its name.

    Raises: Refused.
    """
    accounts = int(board.status()["accounts"])
    if name.startswith("#") and name[1:].isdecimal() and int(name[1:]) < accounts:
        return int(name[1:])
    for number in range(1, accounts):
        if board.account_name(number) == name:
            return number
    raise Refused(f"there is no account {name!r}; `openbourse account list` shows all")


def _create(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    if (args.key_type == "HMAC") != (args.public_key is None):
        raise Refused("--public-key goes with --type RSA and --type ED25519, which need it")
    secret = _read_pem(args.public_key) if args.public_key else _random_text()
    with Desk(settings.data_dir) as desk:
        account = number_of(desk.board, args.name)
    permissions = tuple(args.permission or PERMISSIONS)
    key = ApiKey(_random_text(), account, secret, args.key_type, permissions, tuple(args.ip))
    try:
        key_of(KeyRow(**vars(key)))
    except UnusableKey as error:
        raise Refused(str(error)) from error
    with database(settings) as connection:
        keep(settings, connection, key)
    told = {"account": account, "api_key": key.api_key, "key_type": key.key_type}
    return told if args.public_key else {**told, "secret": key.secret}


def _list(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    with Desk(settings.data_dir) as desk:
        account = number_of(desk.board, args.name)
    with database(settings) as connection:
        return {"account": account, "keys": keys_of(connection, account)}


def _revoke(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    with database(settings) as connection:
        listen_for_known(connection)
        if not revoke_key(connection, args.api_key):
            raise Refused(f"there is no key {args.api_key} in use")
        audit.note(settings.data_dir, "key revoke", {"api_key": args.api_key}, "done")
        known, unknown = wait_until_known(connection, args.api_key, _KNOWN_S)
    told = {"api_key": args.api_key, "revoked": True, "workers": known}
    return {**told, "unconfirmed": unknown} if unknown else told


def _random_text() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH))


def _read_pem(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise Refused(f"cannot read the public key {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refused(
            f"cannot read the public key {path}: it is no text; `openssl pkey -pubin -inform DER` makes PEM of DER"
        ) from error
