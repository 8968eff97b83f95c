"""`openbourse kill-switch`: halt every instrument and cancel every order, at once.

The way back is `openbourse resume SYMBOL`, instrument by instrument, when a person has found out what was wrong.
"""

import argparse
import json

from commands import Refused, phase
from commands.desk import Desk, Rejected
from conf.settings import load
from protocol.terms import SessionPhase

_QUIET = (SessionPhase.HALTED, SessionPhase.CLOSED)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `kill-switch`."""
    parser.add_argument("--keep-orders", action="store_true", help="halt only, cancel nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Halt all; 0 when no instrument trades any more. One that refuses does not save the others.

    Raises: Refused, naming what still trades.
    """
    halted, canceled, failed = [], 0, []
    with Desk(load().data_dir) as desk:
        for number, symbol in enumerate(desk.board.symbols()):
            was = SessionPhase(int(desk.board.instrument(number)["phase"]))
            if was is SessionPhase.HALTED and args.keep_orders:
                continue
            try:
                told = phase.start(
                    desk, symbol, SessionPhase.HALTED, cancel_orders=not args.keep_orders
                )
            except Rejected as refusal:
                # A closed instrument cannot be halted, and need not be.
                if was not in _QUIET:
                    failed.append(f"{symbol} ({refusal})")
                continue
            halted.append(symbol)
            canceled += told["canceled"] + told["expired"]
    if failed:
        raise Refused(
            f"still trading: {', '.join(failed)}; halted were {', '.join(halted) or 'none'}"
        )
    told = {"halted": halted, "canceled": canceled}
    print(
        json.dumps(told)
        if args.json
        else f"halted {' '.join(halted) or 'none'} canceled={canceled}"
    )
    return 0
