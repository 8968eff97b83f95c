"""`openbourse phase SYMBOL PHASE`: start a session phase of an instrument (market model A-1, A-6)."""

import argparse
import json
from typing import Any

from commands import Refused
from commands.desk import Desk
from conf.settings import load
from protocol.board_reads import Board
from protocol.terms import CommandFlag, CommandKind, EventKind, InstrumentTerm, SessionPhase
from protocol.units import to_units
from runtime import clock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what may follow `phase`."""
    parser.add_argument("symbol")
    parser.add_argument("phase", type=str.upper, choices=list(SessionPhase.__members__))
    parser.add_argument("--reference-price", metavar="PRICE", help="of the auctions and the collar")
    parser.add_argument("--cancel-orders", action="store_true", help="HALTED, CLOSED: cancel all")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Start the phase; 0 when the market is in it."""
    with Desk(load().data_dir) as desk:
        price = 0
        if args.reference_price is not None:
            number = instrument_of(desk.board, args.symbol)
            decimals = int(desk.board.terms(number)[InstrumentTerm.PRICE_DECIMALS])
            price = _units(args.reference_price, decimals)
        told = start(
            desk,
            args.symbol,
            SessionPhase[args.phase],
            reference_price=price,
            cancel_orders=args.cancel_orders,
        )
    return tell(told, as_json=args.json)


def start(
    desk: Desk,
    symbol: str,
    phase: SessionPhase,
    *,
    reference_price: int = 0,
    seconds: float = 0,
    cancel_orders: bool = False,
) -> dict[str, Any]:
    """Start a phase, planned to end after `seconds` (0: nothing planned), and say what came of it.

    Raises: Refused.
    """
    events = desk.ask(
        {
            "kind": CommandKind.SET_PHASE,
            "instrument": instrument_of(desk.board, symbol),
            "term": phase,
            "price": reference_price,
            "expire_ns": clock.wall_ns() + int(seconds * 1e9) if seconds else 0,
            "flags": CommandFlag.CANCEL_ORDERS if cancel_orders else 0,
        }
    )
    kinds = events["kind"]
    return {
        "symbol": symbol,
        "phase": phase.name,
        "trades": int((kinds == EventKind.TRADE).sum()) // 2,
        "canceled": int((kinds == EventKind.CANCELED).sum()),
        "expired": int((kinds == EventKind.EXPIRED).sum()),
    }


def tell(told: dict[str, Any], *, as_json: bool) -> int:
    """Print what was done; the exit status."""
    print(json.dumps(told) if as_json else " ".join(f"{name}={told[name]}" for name in told))
    return 0


def instrument_of(board: Board, symbol: str) -> int:
    """Return the number of an instrument.

    Raises: Refused when there is none of this symbol.
    """
    symbols = board.symbols()
    if symbol not in symbols:
        raise Refused(f"there is no instrument {symbol!r}; there are {', '.join(symbols)}")
    return symbols.index(symbol)


def _units(text: str, decimals: int) -> int:
    try:
        return to_units(text, decimals)
    except ValueError as error:
        raise Refused(
            f"--reference-price is {text!r}; a number with at most {decimals} decimals is needed"
        ) from error
