"""Bring the exchange to its configured assets and instruments, by commands like any other.

At the first start everything is missing; later only what the file changed is commanded. What the
file does not name stays: assets and instruments are never removed, and a term whose key is not given
keeps its value. The phase in the file is the one a *new* instrument opens in, unless it has a calendar; afterwards
phases belong to the calendar and the operators. A term that was changed by command goes back to the file's
value at the next start, if the file gives one.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from matcher.listings import Listing, read_listings
from matcher.trading_days import NO_CALENDARS, Calendars, last_step, next_step
from protocol.layout import Rows, rows_of
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventKind, InstrumentTerm, SessionPhase
from runtime.service import BadConfiguration

Blocks = Mapping[str, npt.NDArray[Any]]


def opening_batches(
    table: Mapping[str, Any],
    blocks: Blocks,
    calendars: Calendars = NO_CALENDARS,
    *,
    now_ns: int = 0,
) -> list[Rows]:
    """Return the commands that lead from the state in `blocks` to the file's `table`, unstamped.

    Each element is one batch, which is journaled as a whole or not at all: so a new instrument never
    exists without its terms and its phase.

    Raises: BadConfiguration: the table is wrong, or changes what cannot change.
    """
    assets, listings = read_listings(table, calendars.numbers)
    numbers = _known(blocks["assets"], "code")
    listed = _known(blocks["instruments"], "symbol")
    batches = [_new_assets(assets, numbers, blocks)]
    for listing in listings:
        number = listed.get(listing.symbol)
        if number is None:
            number = len(listed)
            listed[listing.symbol] = number
            first_phase = _first_phase(listing, number, calendars, now_ns)
            batches.append(_rows([*_new_instrument(listing, number, numbers), *first_phase]))
        else:
            _check_fixed(listing, blocks["terms"][number], numbers)
            batches.append(_changed_terms(listing, number, blocks["terms"][number]))
    return [rows for rows in batches if len(rows)]


def check_accepted(events: Rows) -> None:
    """Make sure that no command of an opening batch was rejected.

    Raises: BadConfiguration.
    """
    rejected: Rows = events[events["kind"] == EventKind.COMMAND_REJECTED]
    if len(rejected):
        one = rejected[0]
        raise BadConfiguration(
            f"the file of instruments asks for what the market model refuses: "
            f"{RejectReason(int(one['reason'])).name} at command {one['seq']} for instrument "
            f"{one['instrument']} asset {one['asset']} {one['cl_ord_id'].decode()!r}; "
            f"see `openbourse journal dump --from-seq {one['seq']} --limit 1`"
        )


def _known(rows: Rows, name: str) -> dict[str, int]:
    names = rows[name][rows["exists"] != 0]
    return {text.decode(): number for number, text in enumerate(names)}


def _new_assets(assets: Mapping[str, int], numbers: dict[str, int], blocks: Blocks) -> Rows:
    """Return commands for the assets that are missing, and note their numbers in `numbers`."""
    fields = []
    for code, decimals in assets.items():
        if code not in numbers:
            numbers[code] = len(numbers)
            fields.append(
                {"kind": CommandKind.ADD_ASSET, "asset": numbers[code], "amount": decimals,
                 "cl_ord_id": code.encode()}
            )  # fmt: skip
            continue
        found = int(blocks["assets"]["decimals"][numbers[code]])
        if found != decimals:
            raise BadConfiguration(f"assets.{code} has {found} decimals for ever, not {decimals}")
    return _rows(fields)


def _new_instrument(
    listing: Listing, number: int, assets: Mapping[str, int]
) -> list[dict[str, Any]]:
    return [
        {
            "kind": CommandKind.ADD_INSTRUMENT,
            "instrument": number,
            "asset": assets[listing.base],
            "term": assets[listing.quote],
            "price": listing.price_decimals,
            "order_qty": listing.qty_decimals,
            "amount": listing.ladder_top,
            "cl_ord_id": listing.symbol.encode(),
        },
        *(_set_term(number, term, value) for term, value in listing.terms.items()),
    ]


def _first_phase(
    listing: Listing, number: int, calendars: Calendars, now_ns: int
) -> list[dict[str, Any]]:
    """Return the command that brings a new instrument, which is in PRE_OPEN, to its phase."""
    phase, end_ns = listing.phase, 0
    calendar = calendars.by_number.get(listing.terms.get(InstrumentTerm.CALENDAR, 0))
    step = last_step(calendar, now_ns) if calendar else None
    if calendar and step:
        phase = step.phase
        after = next_step(calendar, now_ns)
        end_ns = after.at_ns if after else 0
    if phase == SessionPhase.PRE_OPEN:
        return []
    fields = {"instrument": number, "term": phase, "expire_ns": end_ns}
    return [{"kind": CommandKind.SET_PHASE, **fields}]


def _changed_terms(listing: Listing, number: int, terms: npt.NDArray[np.int64]) -> Rows:
    return _rows(
        _set_term(number, term, value)
        for term, value in listing.terms.items()
        if int(terms[term]) != value
    )


def _check_fixed(listing: Listing, terms: npt.NDArray[np.int64], assets: Mapping[str, int]) -> None:
    wanted = {
        InstrumentTerm.PRICE_DECIMALS: listing.price_decimals,
        InstrumentTerm.QTY_DECIMALS: listing.qty_decimals,
        InstrumentTerm.BASE_ASSET: assets[listing.base],
        InstrumentTerm.QUOTE_ASSET: assets[listing.quote],
    }
    for term, value in wanted.items():
        if int(terms[term]) != value:
            raise BadConfiguration(
                f"instruments.{listing.symbol}: {term.name.lower()} is {int(terms[term])} for ever, "
                f"not {value}; list a new symbol instead"
            )


def _set_term(number: int, term: InstrumentTerm, value: int) -> dict[str, Any]:
    return {
        "kind": CommandKind.SET_INSTRUMENT,
        "instrument": number,
        "term": term,
        "amount": value,
    }


def _rows(fields: Iterable[Mapping[str, Any]]) -> Rows:
    found = list(fields)
    rows = rows_of(Command, len(found))
    for index, row in enumerate(found):
        for name, value in row.items():
            rows[name][index] = value
    return rows
