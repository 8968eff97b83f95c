"""`openbourse cancel-all ACCOUNT [--symbol SYMBOL]`: cancel an account's open orders (P-6)."""

import argparse

from commands import phase
from commands.api_keys import number_of
from commands.desk import Desk, Rejected
from conf.settings import load
from protocol.records import ALL_INSTRUMENTS
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventKind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `cancel-all`."""
    parser.add_argument("account", help="its name")
    parser.add_argument("--symbol", help="only on this instrument")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Cancel; 0 when the account has no open orders any more."""
    with Desk(load().data_dir) as desk:
        number = phase.instrument_of(desk.board, args.symbol) if args.symbol else ALL_INSTRUMENTS
        command = {
            "kind": CommandKind.CANCEL_ALL,
            "account": number_of(desk.board, args.account),
            "instrument": number,
        }
        try:
            canceled = int((desk.ask(command)["kind"] == EventKind.CANCELED).sum())
        except Rejected as refusal:
            # What was asked for holds already: there is nothing open.
            if refusal.reason != RejectReason.UNKNOWN_ORDER:
                raise
            canceled = 0
    return phase.tell({"account": args.account, "canceled": canceled}, as_json=args.json)
