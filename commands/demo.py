"""Two funded accounts to try the exchange with: `python -m commands.demo`, run once at every start.

Their keys stay in the data directory (`runtime/demo_keys.py`). Whatever of them is there already is left
alone: doing it again, also after it was cut short, changes nothing. So it is done again for as long as the
exchange, or its database, is too busy or away; the exchange does not wait for it for long (`supervision/programs.py`).
"""

import sys
import time

from commands import Refused, api_keys
from commands.account import create_account
from commands.desk import Desk, Rejected
from conf.settings import Settings, load
from protocol.board_reads import Board
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, InstrumentTerm
from runtime import demo_keys, log
from writer.keys import keys_of

NAMES = ("alice", "bob")
OF_A_QUOTE = 1_000_000
OF_ANOTHER = 1_000
"""Whole units given to each account: of assets that others are priced in, and of all others."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0


def main() -> int:
    """Make what is missing, however often it must be tried; the exit status."""
    settings = load()
    logger = log.open_log("demo", settings.supervision.log_level)
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            make(settings)
        except Refused as why:
            logger.error(  # noqa: TRY400 - its text says it all
                "no demo accounts yet, tried again in %g s: %s", pause_s, why
            )
        else:
            return 0
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def make(settings: Settings) -> None:
    """Make the accounts, their money and their keys.

    Raises: Refused when the exchange or its database is away.
    """
    keys = demo_keys.read(settings.data_dir)
    for name in NAMES:
        keys[name] = keys_for(settings, name, keys.get(name, {}))
        fund(settings, int(keys[name]["account"]), OF_A_QUOTE, OF_ANOTHER)
    demo_keys.write(settings.data_dir, keys)


def keys_for(settings: Settings, name: str, kept: dict[str, str]) -> dict[str, str]:
    """Return keys of an account that work: the ones kept, or new ones; the account is made when missing.

    Raises: Refused when the exchange or its database is away.
    """
    with Desk(settings.data_dir) as desk:
        known = name in [desk.board.account_name(number) for number in _accounts(desk.board)]
        account = api_keys.number_of(desk.board, name) if known else 0
    if not account:
        made = create_account(settings, name, {})
        return {field: str(made[field]) for field in ("account", "api_key", "secret")}
    with api_keys.database(settings) as connection:
        usable = [one["api_key"] for one in keys_of(connection, account) if not one["revoked_at"]]
        if kept.get("api_key") in usable:
            return kept
        key = api_keys.new_key(account)
        api_keys.keep(settings, connection, key)
    return {"account": str(account), "api_key": key.api_key, "secret": key.secret}


def fund(settings: Settings, account: int, of_a_quote: int, of_another: int) -> None:
    """Give an account so many whole units of each asset, once.

    Raises: Refused when the exchange is away.
    """
    with Desk(settings.data_dir) as desk:
        quotes = {
            int(desk.board.terms(number)[InstrumentTerm.QUOTE_ASSET])
            for number in range(len(desk.board.symbols()))
        }
        for asset, (_, decimals) in enumerate(desk.board.assets()):
            units = (of_a_quote if asset in quotes else of_another) * 10**decimals
            deposit = {
                "kind": CommandKind.DEPOSIT,
                "account": account,
                "asset": asset,
                "amount": units,
                # The same reference again is refused: nobody is funded twice.
                "cl_ord_id": b"demo",
            }
            try:
                desk.ask(deposit)
            except Rejected as refusal:
                if refusal.reason != RejectReason.DUPLICATE_REFERENCE:
                    raise


def _accounts(board: Board) -> range:
    return range(1, int(board.status()["accounts"]))


if __name__ == "__main__":
    sys.exit(main())
