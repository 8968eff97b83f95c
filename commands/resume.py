"""`openbourse resume SYMBOL`: take a halted instrument back to trading, through a call (A-6).

The call lasts `--seconds`; what can trade at one price then does, and continuous trading goes on.
"""

import argparse

from commands import Refused, phase
from commands.desk import Desk
from conf.settings import load
from protocol.terms import SessionPhase


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `resume`."""
    parser.add_argument("symbol")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long the call lasts (5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Begin the call; 0 when it has begun."""
    if not 0 < args.seconds <= 86400:
        raise Refused(f"--seconds is {args.seconds:g}; more than 0 and at most 86400 are needed")
    with Desk(load().data_dir) as desk:
        number = phase.instrument_of(desk.board, args.symbol)
        now = SessionPhase(int(desk.board.instrument(number)["phase"]))
        if now != SessionPhase.HALTED:
            raise Refused(f"{args.symbol} is not halted but in {now.name}")
        call = SessionPhase.VOLATILITY_AUCTION
        told = phase.start(desk, args.symbol, call, seconds=args.seconds)
    return phase.tell({**told, "seconds": args.seconds}, as_json=args.json)
