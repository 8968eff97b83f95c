"""Keep the capacities with which a journal was begun.

Capacities decide what is rejected (rules R-4, P-5), so a replay under others could come to another state. They
are written beside the journal before its first command, and every replay uses those. Sizes that only
readers see may change from start to start.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path

from conf.capacities import Core
from matcher.core.state import Capacities
from runtime.segments import CorruptJournal, segments_in
from runtime.service import BadConfiguration

FILE = "capacities.json"
"""Its name, beside the journal."""
_FREE = ("depth_levels", "events", "index_seed")
"""Capacities that change no event."""


def wanted(core: Core) -> Capacities:
    """Return the capacities that the settings ask for."""
    return Capacities(
        orders=core.orders,
        accounts=core.accounts,
        assets=core.assets,
        instruments=core.instruments,
        account_orders=core.account_orders,
        price_levels=core.price_levels,
        depth_levels=core.depth_levels,
        dedupe_window_ns=int(core.dedupe_window_s * 1e9),
        dedupe_capacity=core.dedupe_capacity,
        references=core.references,
        lists=core.lists,
        iceberg_slices=core.iceberg_slices,
    )


def settle(folder: Path, asked: Capacities) -> Capacities:
    """Return the capacities of the journal in `folder`; a new journal takes those asked for.

    Raises: BadConfiguration when the settings ask for others than the journal was begun with;
    CorruptJournal when they are not known any more.
    """
    if not segments_in(folder):
        keep(folder, json.dumps(asdict(asked), indent=1).encode())
        return asked
    found = recorded(folder)
    settable = [one.name for one in fields(Core)] + ["dedupe_window_ns"]
    for one in fields(Capacities):
        value, kept = getattr(asked, one.name), getattr(found, one.name)
        if one.name in settable and one.name not in _FREE and value != kept:
            raise BadConfiguration(
                f"core.{one.name} is {value}, but the journal in {folder} was begun with {kept}, and "
                f"what it rejected depends on that: set it back, or begin with a new data directory"
            )
    return replace(found, **{name: getattr(asked, name) for name in _FREE})


def deciding(capacities: Mapping[str, int]) -> dict[str, int]:
    """Return those of the capacities, by name, on which events depend."""
    return {name: value for name, value in capacities.items() if name not in _FREE}


def recorded(folder: Path) -> Capacities:
    """Return the capacities with which the journal in `folder` was begun.

    Raises: CorruptJournal.
    """
    path = _file(folder)
    try:
        return Capacities(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise CorruptJournal(path, 0, f"the capacities cannot be read ({error})") from error


def _file(folder: Path) -> Path:
    return folder / FILE


def keep(folder: Path, content: bytes) -> None:
    """Have the file of capacities hold this, all of it, before any command is journaled under them."""
    path = _file(folder)
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
