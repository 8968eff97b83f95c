"""Balance changes: what every event says an account holds, turned into ledger rows. Pure.

An event that shows balances gives their values *after* it; a ledger row also says by how much they
changed, so the last known balance of every account and asset is kept here. Fees are credited to
account 0, which has no events for that: its rows are computed from the fees that trades tell.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocol.layout import Rows
from protocol.terms import EventKind
from writer.tables import BALANCES, LEDGER

FEE_ACCOUNT = 0
ORDER_KINDS = (
    EventKind.ACCEPTED, EventKind.TRADE, EventKind.CANCELED, EventKind.EXPIRED, EventKind.RESTED,
    EventKind.TRIGGERED, EventKind.REPLACED, EventKind.PREVENTED,
)  # fmt: skip
"""The kinds that say how an order stands, with its account's balances in both assets."""
_TRANSFERS = (EventKind.DEPOSITED, EventKind.WITHDRAWN)
_ASSETS = 1 << 16
_PLACE_BITS = 24
"""Account, asset and place in the batch are sorted as one number: 22 + 16 + 24 bits."""

Ints = npt.NDArray[np.int64]


@dataclass
class Holdings:
    """What is known between batches: the assets of each instrument, the balance of each account."""

    assets_of: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Base and quote asset by instrument."""
    balances: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Free and locked by account × 65,536 + asset; nothing held when missing."""

    def set_balance(self, account: int, asset: int, free: int, locked: int) -> None:
        """Say what an account holds."""
        self.balances[account * _ASSETS + asset] = (free, locked)


def changes(events: Rows, holdings: Holdings) -> tuple[Rows, Rows, Rows]:
    """Return the LEDGER rows of these events and the BALANCES rows they end in; update holdings.

    The balances come in two parts: those of an account and asset that had none before, and those that
    replace one. `events` are whole commands in order. The ledger rows come in the order of events; a
    change of nothing makes no row. Cost: a sort of about three entries per event.
    """
    entries = _entries(events, holdings)
    assert len(events) < 1 << _PLACE_BITS, "too many events in one batch"
    entries = entries[np.argsort(entries["key"] << _PLACE_BITS | entries["at"], kind="stable")]
    key = entries["key"]
    first = np.flatnonzero(np.r_[True, key[1:] != key[:-1]]) if len(key) else np.zeros(0, np.intp)
    before = _before(key[first], holdings)
    free, locked = _running(entries, first, before)
    was_free, was_locked = np.empty_like(free), np.empty_like(locked)
    was_free[1:], was_locked[1:] = free[:-1], locked[:-1]
    was_free[first], was_locked[first] = before[:, 0], before[:, 1]
    changed = np.flatnonzero((free != was_free) | (locked != was_locked))
    added, replaced = _balances(events, entries, free, locked, changed, holdings)
    changed = changed[np.lexsort((key[changed], entries["at"][changed]))]
    source = events[entries["at"][changed]]
    rows = np.zeros(len(changed), LEDGER.dtype)
    for column in LEDGER.columns:
        if column.source:
            rows[column.name] = source[column.source]
    rows["account"], rows["asset"] = np.divmod(key[changed], _ASSETS)
    rows["free"], rows["locked"] = free[changed], locked[changed]
    rows["free_delta"] = free[changed] - was_free[changed]
    rows["locked_delta"] = locked[changed] - was_locked[changed]
    rows["trade_id"][source["kind"] != EventKind.TRADE] = 0
    return rows, added, replaced


_ENTRY = np.dtype(
    [("key", "<i8"), ("at", "<i8"), ("free", "<i8"), ("locked", "<i8"), ("fee", "<i8")]
)
"""One balance told by the event with index `at`; with a `fee`, instead of it, an amount to add."""


def _entries(events: Rows, holdings: Holdings) -> Rows:
    kind = events["kind"]
    shown = np.flatnonzero(np.isin(kind, ORDER_KINDS))
    moved = np.flatnonzero(np.isin(kind, _TRANSFERS))
    # Where account 0 is a party itself, the balance that its event tells has the fees in it.
    paid = np.flatnonzero(
        (events["fee"] > 0)
        & (kind == EventKind.TRADE)
        & (events["account"] != FEE_ACCOUNT)
        & (events["contra_account"] != FEE_ACCOUNT)
    )
    base, quote = _assets(events["instrument"][shown], holdings)
    return np.concatenate(
        [
            _told(events, shown, base, "base"),
            _told(events, shown, quote, "quote"),
            _told(events, moved, events["asset"][moved].astype(np.int64), "base"),
            _fees(events, paid),
        ]
    )


def _told(events: Rows, at: npt.NDArray[np.intp], asset: Ints, prefix: str) -> Rows:
    entries = np.zeros(len(at), _ENTRY)
    entries["key"] = events["account"][at].astype(np.int64) * _ASSETS + asset
    entries["at"] = at
    entries["free"] = events[f"{prefix}_free"][at]
    entries["locked"] = events[f"{prefix}_locked"][at]
    return entries


def _fees(events: Rows, at: npt.NDArray[np.intp]) -> Rows:
    entries = np.zeros(len(at), _ENTRY)
    entries["key"] = FEE_ACCOUNT * _ASSETS + events["asset"][at].astype(np.int64)
    entries["at"] = at
    entries["fee"] = events["fee"][at]
    return entries


def _assets(instrument: Rows, holdings: Holdings) -> tuple[Ints, Ints]:
    known = np.zeros((int(instrument.max(initial=0)) + 1, 2), np.int64)
    for number in np.unique(instrument):
        known[number] = holdings.assets_of[int(number)]
    return known[instrument, 0], known[instrument, 1]


def _before(keys: Ints, holdings: Holdings) -> Ints:
    found = [holdings.balances.get(key, (0, 0)) for key in keys.tolist()]
    return np.array(found, np.int64).reshape(len(found), 2)


def _running(entries: Rows, first: npt.NDArray[np.intp], before: Ints) -> tuple[Ints, Ints]:
    """Return free and locked after each entry.

    A told balance is an anchor; a fee adds to what came before it. Free is therefore the sum of all
    fees so far plus an offset that every anchor (and the start of a group) sets anew.
    """
    fees = np.cumsum(entries["fee"])
    told = entries["fee"] == 0
    offset = np.where(told, entries["free"] - fees, 0)
    locked = np.where(told, entries["locked"], 0)
    opens = first[~told[first]]
    mine = np.flatnonzero(~told[first])
    offset[opens] = before[mine, 0] - (fees[opens] - entries["fee"][opens])
    locked[opens] = before[mine, 1]
    anchor = told.copy()
    anchor[opens] = True
    last = np.maximum.accumulate(np.where(anchor, np.arange(len(entries)), 0))
    return offset[last] + fees, locked[last]


def _balances(
    events: Rows,
    entries: Rows,
    free: Ints,
    locked: Ints,
    changed: npt.NDArray[np.intp],
    holdings: Holdings,
) -> tuple[Rows, Rows]:
    """Return the last balance of each account and asset that changed, and remember it: new, known."""
    keys = entries["key"][changed]
    last = changed[np.flatnonzero(np.r_[keys[1:] != keys[:-1], True])] if len(keys) else changed
    rows = np.zeros(len(last), BALANCES.dtype)
    rows["account"], rows["asset"] = np.divmod(entries["key"][last], _ASSETS)
    rows["free"], rows["locked"] = free[last], locked[last]
    rows["event_seq"] = events["event_seq"][entries["at"][last]]
    told = entries["key"][last].tolist()
    known = np.fromiter((key in holdings.balances for key in told), np.bool_, len(told))
    values = zip(free[last].tolist(), locked[last].tolist(), strict=True)
    holdings.balances.update(zip(told, values, strict=True))
    return rows[~known], rows[known]
