"""`openbourse instrument add|set|list`: list new instruments, change terms of those there are.

What can be written in the file, or as KEY=VALUE, is what `conf/instruments.toml` shows; both are checked by
the same reader. A term that the exchange's own file of instruments names goes back to that file's value at the
next start: what is meant to last belongs there.
"""

import argparse
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commands import Refused
from commands.desk import Desk
from commands.phase import instrument_of, tell
from conf.settings import Settings, load
from matcher.bootstrap import opening_batches
from matcher.trading_days import read_calendars
from protocol.layout import Rows
from protocol.records import Command
from protocol.terms import InstrumentTerm, SessionPhase
from protocol.units import to_text
from runtime import clock, endpoints
from runtime.shared import Reader


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words after `instrument`."""
    words = parser.add_subparsers(dest="deed", metavar="WORD", required=True)
    one = words.add_parser("add", help="assets and instruments of a TOML file")
    one.add_argument("file", type=Path, help="in the form of conf/instruments.toml")
    one.set_defaults(instrument_deed=_add)
    one = words.add_parser("set", help="change terms of an instrument")
    one.add_argument("symbol")
    one.add_argument("terms", nargs="+", metavar="KEY=VALUE", help='as tick_size="0.05"')
    one.set_defaults(instrument_deed=_set)
    one = words.add_parser("list", help="all instruments with their phase and prices")
    one.set_defaults(instrument_deed=_list)
    for one in words.choices.values():
        one.add_argument("--json", action="store_true", help="print one JSON object")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 0 when it happened."""
    return int(args.instrument_deed(load(), args))


def _add(settings: Settings, args: argparse.Namespace) -> int:
    table = _read(_text_of(args.file), str(args.file))
    with Desk(settings.data_dir) as desk:
        before = set(desk.board.symbols())
        changed = _apply(settings, desk, table)
        added = [symbol for symbol in desk.board.symbols() if symbol not in before]
    return tell({"added": added, "commands": changed}, as_json=args.json)


def _set(settings: Settings, args: argparse.Namespace) -> int:
    wanted = _read("\n".join(args.terms), "KEY=VALUE")
    with Desk(settings.data_dir) as desk:
        number = instrument_of(desk.board, args.symbol)
        assets = dict(desk.board.assets())
        codes, terms = list(assets), desk.board.terms(number)
        decimals = int(terms[InstrumentTerm.PRICE_DECIMALS])
        fixed = {
            "base": codes[terms[InstrumentTerm.BASE_ASSET]],
            "quote": codes[terms[InstrumentTerm.QUOTE_ASSET]],
            "price_decimals": decimals,
            "qty_decimals": int(terms[InstrumentTerm.QTY_DECIMALS]),
            "ladder_top": to_text(int(terms[InstrumentTerm.MAX_PRICE]), decimals),
        }
        if same := sorted(fixed.keys() & wanted.keys()):
            raise Refused(f"{', '.join(same)} cannot change: list a new symbol instead")
        table = {"assets": assets, "instruments": {args.symbol: {**fixed, **wanted}}}
        changed = _apply(settings, desk, table)
    return tell({"symbol": args.symbol, "commands": changed}, as_json=args.json)


def _list(settings: Settings, args: argparse.Namespace) -> int:
    with Desk(settings.data_dir) as desk:
        found = [_entry(desk, number) for number in range(len(desk.board.symbols()))]
    if args.json:
        print(json.dumps({"instruments": found}))
    else:
        for one in found:
            tell(one, as_json=False)
    return 0


def _entry(desk: Desk, number: int) -> dict[str, Any]:
    row = desk.board.instrument(number)
    decimals = int(desk.board.terms(number)[InstrumentTerm.PRICE_DECIMALS])
    prices = {
        name: to_text(int(row[name]), decimals) for name in ("last_px", "best_bid", "best_ask")
    }
    phase = SessionPhase(int(row["phase"])).name
    return {"symbol": desk.board.symbols()[number], "phase": phase, **prices}


def _apply(settings: Settings, desk: Desk, table: Mapping[str, Any]) -> int:
    """Bring the running exchange to the table; how many commands that took.

    Raises: BadConfiguration for a wrong table; Refused. A new instrument's phase comes last: one
    whose terms are refused half-way stays in PRE_OPEN, where nobody can trade it.
    """
    blocks = Reader(endpoints.run_dir(settings.data_dir)).current()
    count = 0
    days = _read(settings.calendar_file.read_text(), str(settings.calendar_file))
    calendars = read_calendars(days, demo=settings.demo)
    for batch in opening_batches(table, blocks, calendars, now_ns=clock.wall_ns()):
        for fields in _fields(batch):
            desk.ask(fields)
            count += 1
    return count


def _fields(rows: Rows) -> Iterator[dict[str, Any]]:
    for row in rows:
        yield {name: row[name] for name, _ in Command.fields if row[name]}


def _text_of(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError as error:
        raise Refused(f"there is no file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"cannot read {path}: {error}") from error


def _read(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Refused(f"cannot read {name}: {error}") from error
