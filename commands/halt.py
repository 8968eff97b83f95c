"""`openbourse halt SYMBOL`: stop trading in an instrument; its orders stay unless told otherwise (A-6)."""

import argparse

from commands import phase
from commands.desk import Desk
from conf.settings import load
from protocol.terms import SessionPhase


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `halt`."""
    parser.add_argument("symbol")
    parser.add_argument("--cancel-orders", action="store_true", help="cancel every order, too")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Halt; 0 when the instrument is halted."""
    with Desk(load().data_dir) as desk:
        told = phase.start(desk, args.symbol, SessionPhase.HALTED, cancel_orders=args.cancel_orders)
    return phase.tell(told, as_json=args.json)
