"""`openbourse account …`: create, list, fund, freeze accounts; make and revoke their API keys.

Accounts and money are the matcher's: every change is a journaled command. Keys are rows of the database,
usable as soon as they are committed there.
"""

import argparse
import json
import secrets
from typing import Any

from commands import Refused, api_keys
from commands.desk import Desk, Rejected
from commands.fee_tier import check_tier
from conf.settings import Settings, load
from protocol.board_reads import Board
from protocol.layout import TEXT_LIMIT
from protocol.rejects import RejectReason
from protocol.terms import AccountState, AccountTerm, CommandKind
from protocol.units import NotDecimal, Overflow, TooPrecise, to_text, to_units


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after `account`."""
    words = parser.add_subparsers(dest="deed", metavar="WORD", required=True)
    one = api_keys.word(
        words, "create", "open an account with an API key; the secret is shown once", _create
    )
    one.add_argument("name")
    one.add_argument("--deposit", action="append", default=[], metavar="ASSET=AMOUNT")
    api_keys.word(words, "list", "accounts with their balances", _list)
    for deed, summary in (("deposit", "credit an account"), ("withdraw", "debit an account")):
        one = api_keys.word(words, deed, summary, _transfer)
        one.add_argument("name")
        one.add_argument("asset")
        one.add_argument("amount")
        one.add_argument("--reference", default="", help="done at most once with the same text")
    for deed, summary in (
        ("freeze", "no orders, no cancels"),
        ("cancel-only", "cancels but no orders"),
        ("unfreeze", "back to normal"),
    ):
        one = api_keys.word(words, deed, summary, _set_state)
        one.add_argument("name")
    one = api_keys.word(words, "fee-tier", "put an account into a fee tier", _set_tier)
    one.add_argument("name")
    one.add_argument("tier", type=int, help="as set by `openbourse fee-tier`; 0: the full rate")
    api_keys.add_arguments(words)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 when it happened.

    Raises: Refused.
    """
    told: dict[str, Any] = args.account_deed(load(), args)
    print(json.dumps(told, default=str) if args.json else _as_text(told))
    return 0


def create_account(settings: Settings, name: str, deposits: dict[str, str]) -> dict[str, Any]:
    """Open an account, fund it with decimal amounts by asset, and make a key for it.

    Returns "account", "name", "api_key" and "secret". The key can be used at once.
    Raises: Refused when the exchange or its database is away, the name is taken, an asset or amount
    is wrong.
    """
    _check_name(name)
    # Everything is looked at before anything is done: a half-made account helps nobody.
    with Desk(settings.data_dir) as desk, api_keys.database(settings) as connection:
        amounts = [_amount(desk.board, asset, text) for asset, text in deposits.items()]
        account = _add_account(desk, name)
        for number, units in amounts:
            desk.ask(_money(CommandKind.DEPOSIT, account, number, units, _reference()))
        key = api_keys.new_key(account)
        api_keys.keep(settings, connection, key)
    return {"account": account, "name": name, "api_key": key.api_key, "secret": key.secret}


def _create(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    deposits = {}
    for text in args.deposit:
        asset, equals, amount = text.partition("=")
        if not equals or asset in deposits:
            raise Refused(f"--deposit {text}: write ASSET=AMOUNT, each asset once")
        deposits[asset] = amount
    return create_account(settings, args.name, deposits)


def _list(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    with Desk(settings.data_dir) as desk:
        board = desk.board
        assets = board.assets()
        accounts = []
        for number in range(int(board.status()["accounts"])):
            view = board.account(number)
            balances = {
                code: {"free": to_text(int(row["free"]), decimals), "locked": to_text(int(row["locked"]), decimals)}
                for (code, decimals), row in zip(assets, view.balances, strict=False)
                if row["free"] or row["locked"]
            }  # fmt: skip
            about = {"account": number, "name": board.account_name(number)}
            about["state"] = AccountState(view.state).name
            accounts.append({**about, "open_orders": len(view.orders), "balances": balances})
    return {"accounts": accounts}


def _transfer(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    kind = CommandKind.DEPOSIT if args.deed == "deposit" else CommandKind.WITHDRAW
    reference = args.reference or _reference()
    if len(reference.encode()) > TEXT_LIMIT:
        raise Refused(f"the reference is longer than {TEXT_LIMIT} bytes")
    with Desk(settings.data_dir) as desk:
        account = api_keys.number_of(desk.board, args.name)
        asset, units = _amount(desk.board, args.asset, args.amount)
        decimals = desk.board.assets()[asset][1]
        (event,) = desk.ask(_money(kind, account, asset, units, reference))
    free = to_text(int(event["base_free"]), decimals)
    return {"account": account, "asset": args.asset, "free": free, "reference": reference}


def _set_state(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    state = {
        "freeze": AccountState.FROZEN,
        "cancel-only": AccountState.CANCEL_ONLY,
        "unfreeze": AccountState.ACTIVE,
    }[args.deed]
    with Desk(settings.data_dir) as desk:
        account = api_keys.number_of(desk.board, args.name)
        desk.ask(
            {
                "kind": CommandKind.SET_ACCOUNT,
                "account": account,
                "term": AccountTerm.STATE,
                "amount": state,
            }
        )
    return {"account": account, "state": state.name}


def _set_tier(settings: Settings, args: argparse.Namespace) -> dict[str, Any]:
    check_tier(args.tier)
    with Desk(settings.data_dir) as desk:
        account = api_keys.number_of(desk.board, args.name)
        desk.ask(
            {
                "kind": CommandKind.SET_ACCOUNT,
                "account": account,
                "term": AccountTerm.FEE_TIER,
                "amount": args.tier,
            }
        )
    return {"account": account, "fee_tier": args.tier}


def _add_account(desk: Desk, name: str) -> int:
    try:
        events = desk.ask({"kind": CommandKind.ADD_ACCOUNT, "cl_ord_id": name.encode()})
    except Rejected as rejected:
        if rejected.reason == RejectReason.ALREADY_EXISTS:
            raise Refused(
                f"there is an account {name!r} already; choose another name"
            ) from rejected
        raise
    return int(events["account"][0])


def _money(
    kind: CommandKind, account: int, asset: int, units: int, reference: str
) -> dict[str, Any]:
    about = {"kind": kind, "account": account, "asset": asset, "amount": units}
    return {**about, "cl_ord_id": reference.encode()}


def _amount(board: Board, asset: str, text: str) -> tuple[int, int]:
    """Return the number of an asset and the amount in its units."""
    assets = board.assets()
    codes = [code for code, _ in assets]
    if asset not in codes:
        raise Refused(f"there is no asset {asset!r}; there are {', '.join(codes)}")
    number = codes.index(asset)
    try:
        units = to_units(text, assets[number][1])
    except (NotDecimal, TooPrecise, Overflow) as error:
        raise Refused(
            f"{text!r} is no amount of {asset}: write a number like 12.5 with at most "
            f"{assets[number][1]} decimals"
        ) from error
    if units == 0:
        raise Refused(f"an amount of {asset} must be above 0")
    return number, units


def _check_name(name: str) -> None:
    if not name or len(name.encode()) > TEXT_LIMIT or not name.isprintable() or name[0] == "#":
        raise Refused(
            f"an account name has 1 to {TEXT_LIMIT} bytes, is printable and does not begin with #"
        )


def _reference() -> str:
    return f"desk-{secrets.token_hex(8)}"


def _as_text(told: dict[str, Any]) -> str:
    lines = []
    for name, value in told.items():
        if isinstance(value, list):
            lines += [
                " ".join(f"{key}={_short(part)}" for key, part in one.items()) for one in value
            ]
        else:
            lines.append(f"{name}: {value}")
    return "\n".join(lines)


def _short(value: object) -> str:
    if isinstance(value, dict):
        return (
            ",".join(f"{key}:{part['free']}+{part['locked']}" for key, part in value.items()) or "-"
        )
    if isinstance(value, list):
        return ",".join(map(str, value)) or "-"
    return str(value)
