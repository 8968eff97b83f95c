"""Events become rows. Pure: no clock, no database; the same events give the same rows.

A batch is made of whole commands, because some rows need several events of one command (both
sides of a trade, an amend and its label) and because the watermark names a command. How a stream is
cut into batches changes how often an order is written, never what the tables hold in the end.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocol.layout import Rows
from protocol.terms import EventFlag, EventKind, StpMode
from writer import tables
from writer.candles import Candle, candles
from writer.ledger import ORDER_KINDS, Holdings, changes
from writer.tables import Table

_LIST_KINDS = (EventKind.LIST_OPENED, EventKind.LIST_UPDATED, EventKind.LIST_DONE)


@dataclass(frozen=True)
class Batch:
    """What one transaction writes, and the watermark it moves: rows by table name."""

    previous_event_seq: int
    seq: int
    event_seq: int
    at_ns: int
    appended: dict[str, Rows]
    replaced: dict[str, Rows]
    added: dict[str, Rows]
    changed_orders: Rows
    """Orders accepted in an earlier batch, as they stand now."""
    renamed_orders: Rows
    """Those of them whose text id an amend may have changed."""
    changed_balances: Rows
    """Balances of accounts and assets that had one before, as they are now."""
    account_terms: list[tuple[str, int, int]]
    """Column of `accounts`, value, account; in order."""
    candles: dict[str, list[Candle]]
    count: int
    """Events in the batch."""
    days: list[int]
    """Days since 1970 that partitioned rows fall on."""


def whole_commands(events: Rows) -> int:
    """Return how many of these events, from the first on, belong to commands that are complete."""
    last = np.flatnonzero(events["flags"] & EventFlag.LAST)
    return int(last[-1]) + 1 if len(last) else 0


def project(events: Rows, holdings: Holdings) -> Batch:
    """Return the rows that these events make. `holdings` goes forward with them.

    `events` are at least one whole command, dense in event_seq.
    """
    kind = events["kind"]
    _learn_instruments(events[kind == EventKind.INSTRUMENT_ADDED], holdings)
    orders = events[np.isin(kind, ORDER_KINDS)]
    entered, changed, renamed = _orders(orders)
    trades = _trades(events[kind == EventKind.TRADE])
    ledger, balances, changed_balances = changes(events, holdings)
    appended = {
        "orders": entered,
        "trades": trades,
        "ledger": ledger,
        "balances": balances,
        "prevented_matches": _prevented(events[kind == EventKind.PREVENTED]),
        "amendments": _amendments(events),
        "transfers": _transfers(events),
        "phases": _copied(tables.PHASES, events[kind == EventKind.PHASE_CHANGED]),
        "auctions": _copied(tables.AUCTIONS, events[kind == EventKind.UNCROSSED]),
    }
    replaced = {
        "order_lists": _order_lists(events),
        "instrument_terms": _last(
            tables.INSTRUMENT_TERMS, events[kind == EventKind.INSTRUMENT_CHANGED]
        ),
        "fee_tiers": _last(tables.FEE_TIERS, events[kind == EventKind.FEE_TIER_CHANGED]),
    }
    added = {
        "assets": _copied(tables.ASSETS, events[kind == EventKind.ASSET_ADDED]),
        "instruments": _copied(tables.INSTRUMENTS, events[kind == EventKind.INSTRUMENT_ADDED]),
        "accounts": _copied(tables.ACCOUNTS, events[kind == EventKind.ACCOUNT_ADDED]),
    }
    return Batch(
        previous_event_seq=int(events["event_seq"][0]) - 1,
        seq=int(events["seq"][-1]),
        event_seq=int(events["event_seq"][-1]),
        at_ns=int(events["at_ns"][-1]),
        appended=appended,
        replaced=replaced,
        added=added,
        changed_orders=changed,
        renamed_orders=renamed,
        changed_balances=changed_balances,
        account_terms=_account_terms(events[kind == EventKind.ACCOUNT_CHANGED]),
        candles={name: candles(trades, width) for name, width in tables.CANDLE_NS.items()},
        count=len(events),
        days=np.unique(np.r_[ledger["at_ns"], trades["at_ns"]] // tables.DAY_NS).tolist(),
    )


def _copied(table: Table, events: Rows) -> Rows:
    """Make one row per event, with the columns that are copied filled in."""
    rows = np.zeros(len(events), table.dtype)
    for column in table.columns:
        if column.source:
            rows[column.name] = events[column.source]
    return rows


def _learn_instruments(added: Rows, holdings: Holdings) -> None:
    for event in added:
        assets = int(event["asset"]), int(event["order_count"])
        holdings.assets_of[int(event["instrument"])] = assets


def _orders(orders: Rows) -> tuple[Rows, Rows, Rows]:
    """Return new orders, known orders that changed, and those of them that were amended."""
    last = _last_of(orders["order_id"])
    rows = _copied(tables.ORDERS, orders[last])
    rows["working"] = orders["flags"][last] & EventFlag.WORKING != 0
    expired = orders["kind"][last] == EventKind.EXPIRED
    rows["reason"] = np.where(expired, orders["reason"][last], 0)
    accepted = orders[orders["kind"] == EventKind.ACCEPTED]
    accepted = accepted[np.argsort(accepted["order_id"])]
    new = np.isin(rows["order_id"], accepted["order_id"], assume_unique=True)
    entered = rows[new]
    assert len(entered) == len(accepted), "an order was accepted twice"
    entered["entered_qty"] = accepted["order_qty"]
    amended = orders["order_id"][orders["kind"] == EventKind.REPLACED]
    known = rows[~new]
    return entered, known, known[np.isin(known["order_id"], amended)]


def _trades(sides: Rows) -> Rows:
    maker, taker = sides[0::2], sides[1::2]
    assert len(maker) == len(taker), "a trade lacks a side"
    assert bool((maker["flags"] & EventFlag.MAKER != 0).all()), "a maker is not the first side"
    assert bool((maker["trade_id"] == taker["trade_id"]).all()), "two sides of different trades"
    rows = _copied(tables.TRADES, maker)
    for column, source in (
        ("taker_order_id", "order_id"),
        ("taker_list_id", "list_id"),
        ("taker_fee", "fee"),
        ("taker_account", "account"),
        ("taker_fee_asset", "asset"),
        ("side", "side"),
    ):
        rows[column] = taker[source]
    rows["auction"] = taker["flags"] & EventFlag.AUCTION != 0
    return rows


def _prevented(sides: Rows) -> Rows:
    """One row per prevented match: both sides when both lost quantity, else the one that did.

    The mode is the taker's. A lone maker's event does not carry it, but only EXPIRE_MAKER makes one.
    """
    match = sides["instrument"].astype(np.int64) << 48 | sides["trade_id"]
    _, first = np.unique(match, return_index=True)
    first.sort()
    rows = _copied(tables.PREVENTED, sides[first])
    is_maker = sides["flags"][first] & EventFlag.MAKER != 0
    second = np.minimum(first + 1, len(sides) - 1)
    paired = (second > first) & (match[second] == match[first])
    ours, other = sides[first], sides[second]
    for side, mine in (("maker", is_maker), ("taker", ~is_maker)):
        rows[f"{side}_order_id"] = np.where(mine, ours["order_id"], ours["contra_order_id"])
        rows[f"{side}_account"] = np.where(mine, ours["account"], ours["contra_account"])
        rows[f"{side}_qty"] = np.where(
            mine, ours["last_qty"], np.where(paired, other["last_qty"], 0)
        )
    taker_mode = np.where(is_maker, other["stp_mode"], ours["stp_mode"])
    rows["stp_mode"] = np.where(is_maker & ~paired, StpMode.EXPIRE_MAKER, taker_mode)
    return rows


def _amendments(events: Rows) -> Rows:
    amends = events[events["kind"] == EventKind.REPLACED]
    rows = _copied(tables.AMENDMENTS, amends)
    labels = events[events["kind"] == EventKind.LABELED]
    old = {(int(one["seq"]), int(one["order_id"])): one["cl_ord_id"] for one in labels}
    rows["orig_cl_ord_id"] = [
        old.get((int(one["seq"]), int(one["order_id"])), one["cl_ord_id"]) for one in amends
    ]
    return rows


def _transfers(events: Rows) -> Rows:
    moved = events[np.isin(events["kind"], (EventKind.DEPOSITED, EventKind.WITHDRAWN))]
    rows = _copied(tables.TRANSFERS, moved)
    out = moved["kind"] == EventKind.WITHDRAWN
    rows["amount"] = np.where(out, -moved["last_qty"], moved["last_qty"])
    return rows


def _order_lists(events: Rows) -> Rows:
    told = events[np.isin(events["kind"], _LIST_KINDS)]
    last = _last_of(told["list_id"])
    rows = _copied(tables.ORDER_LISTS, told[last])
    rows["done"] = told["kind"][last] == EventKind.LIST_DONE
    _, first = np.unique(told["list_id"], return_index=True)
    rows["created_ns"] = told["at_ns"][first]
    return rows


def _last(table: Table, events: Rows) -> Rows:
    """Make one row per key of the table, from the last event with that key."""
    rows = _copied(table, events)
    key = np.zeros(len(rows), np.int64)
    for name in table.key:
        key = key << 32 | rows[name]
    return rows[_last_of(key)]


def _account_terms(changed: Rows) -> list[tuple[str, int, int]]:
    return [
        (tables.ACCOUNT_TERMS[int(one["order_count"])], int(one["order_qty"]), int(one["account"]))
        for one in changed
    ]


def _last_of(ids: Rows) -> npt.NDArray[np.intp]:
    """Return the index of the last row of each id, by id."""
    _, backwards = np.unique(ids[::-1], return_index=True)
    return len(ids) - 1 - backwards
