"""Read a recorded order flow into steps.

Two kinds of files are known, plain or gzipped:

* order flows, `NAME.flow.jsonl`: one JSON object a line, `op` new, cancel, amend or check. A `new`
  of time in force IOC names in `hit` the resting order it must trade with;
* LOBSTER message files, `TICKER_DATE_START_END_message_LEVELS.csv` (`commands/lobster.py`).
"""

import gzip
import json
import pathlib
import zlib
from collections.abc import Iterator
from typing import Any

from commands import lobster
from commands.steps import Amend, Cancel, Check, Enter, Levels, Step
from protocol.terms import Side
from protocol.units import to_units

PRICE_DECIMALS = 2


class NotAFlow(ValueError):
    """The file is not a flow that can be read; the text says what was found where."""


def read(path: pathlib.Path) -> list[Step]:
    """Read a flow file of either kind.

    Raises: NotAFlow when the file cannot be understood, OSError when it cannot be read.
    """
    name = path.name.removesuffix(".gz")
    try:
        text = _text_of(path)
        if name.endswith(".jsonl"):
            return list(_steps_of(text.splitlines()))
        if "_message_" in name and name.endswith(".csv"):
            return lobster.steps(text, _orderbook_beside(path))
    except (ValueError, KeyError, TypeError, EOFError, zlib.error) as wrong:
        raise NotAFlow(f"{path}: {wrong}") from wrong
    raise NotAFlow(
        f"{path}: expected the name of a *.flow.jsonl or *_message_N.csv file, plain or .gz"
    )


def _text_of(path: pathlib.Path) -> str:
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes()).decode()
    return path.read_text()


def _orderbook_beside(path: pathlib.Path) -> str | None:
    beside = path.with_name(path.name.replace("_message_", "_orderbook_"))
    return _text_of(beside) if beside.exists() else None


def _steps_of(lines: list[str]) -> Iterator[Step]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield _step(json.loads(line))
        except (ValueError, KeyError, TypeError) as wrong:
            raise ValueError(f"line {number} is not a step of an order flow: {wrong!r}") from wrong


def _step(row: dict[str, Any]) -> Step:
    at_ns = lobster.nanoseconds(row["t"])
    note = row.get("note", "")
    match row["op"]:
        case "new":
            return Enter(
                at_ns,
                row["id"],
                Side[row["side"]],
                to_units(row["price"], PRICE_DECIMALS),
                int(row["qty"]),
                ioc=_is_ioc(row),
                hit=row.get("hit", ""),
                note=note,
            )
        case "cancel":
            return Cancel(at_ns, row["id"], note)
        case "amend":
            return Amend(at_ns, row["id"], int(row["qty"]), note)
        case "check":
            bids, asks = row["levels"]
            return Check(
                at_ns, _levels(row["bids"]), _levels(row["asks"]), (bids, asks), row["open_orders"]
            )
        case other:
            raise ValueError(f"unknown op {other!r}, expected new, cancel, amend or check")


def _is_ioc(row: dict[str, Any]) -> bool:
    if row["type"] != "LIMIT" or row["tif"] not in ("GTC", "IOC"):
        raise ValueError(f"{row['type']} {row['tif']} order, expected LIMIT GTC or LIMIT IOC")
    return bool(row["tif"] == "IOC")


def _levels(rows: list[list[Any]]) -> Levels:
    return tuple((to_units(price, PRICE_DECIMALS), int(qty)) for price, qty in rows)
