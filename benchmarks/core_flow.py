"""Turn an order flow into commands for the core, and its events back into the flow's own summary."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.order_flow import CANCEL, NEW, NEW_IOC, REDUCE, REPLACE
from protocol.layout import Rows
from protocol.records import Command
from protocol.terms import (
    CommandKind,
    EventFlag,
    EventKind,
    InstrumentTerm,
    OrdType,
    SessionPhase,
    StpMode,
    TimeInForce,
)

ACCOUNTS = 1000
LADDER_TOP = 100_000
MAKER_FEE_PPM = 100
TAKER_FEE_PPM = 300
FUNDS = 1 << 50
"""Of every asset, for every account: no order of a flow is ever refused."""
START_NS = 1_700_000_000_000_000_000


def opening(instruments: int) -> Rows:
    """Make the commands that open the market of a flow: assets, instruments, accounts, funds."""
    made = [_command(CommandKind.ADD_ASSET, amount=2, cl_ord_id=b"USD")]
    for number in range(instruments):
        made.append(_command(CommandKind.ADD_ASSET, amount=0, cl_ord_id=b"S%d" % number))
        made.append(
            _command(
                CommandKind.ADD_INSTRUMENT,
                asset=number + 1,
                term=0,
                price=2,
                amount=LADDER_TOP,
                cl_ord_id=b"S%dUSD" % number,
            )
        )
        for term, value in (
            (InstrumentTerm.MAKER_FEE_PPM, MAKER_FEE_PPM),
            (InstrumentTerm.TAKER_FEE_PPM, TAKER_FEE_PPM),
        ):
            made.append(
                _command(CommandKind.SET_INSTRUMENT, instrument=number, term=term, amount=value)
            )
        made.append(
            _command(CommandKind.SET_PHASE, instrument=number, term=SessionPhase.CONTINUOUS)
        )
    for account in range(1, ACCOUNTS + 1):
        made.append(_command(CommandKind.ADD_ACCOUNT, cl_ord_id=b"A%d" % account))
        made.extend(
            _command(CommandKind.DEPOSIT, account=account, asset=asset, amount=FUNDS)
            for asset in range(instruments + 1)
        )
    rows = np.concatenate(made)
    rows["seq"] = np.arange(1, len(rows) + 1)
    rows["at_ns"] = START_NS
    return rows


def _command(kind: CommandKind, **fields: int | bytes) -> Rows:
    row = np.zeros(1, Command.dtype)
    row["kind"] = kind
    for name, value in fields.items():
        row[name] = value
    return row


class Translator:
    """Turns a flow's records into commands, in order, piece by piece.

    It remembers each order's owner and total quantity: the account of a cancel is not in the file,
    and AMEND takes the new total.
    """

    def __init__(self, orders: int, first_seq: int, *, text_ids: bool = False) -> None:
        self._owner = np.zeros(orders + 1, np.uint32)
        self._total = np.zeros(orders + 1, np.int64)
        self._seq = first_seq
        self._text_ids = text_ids

    def translate(self, flow: Rows) -> Rows:
        """Make the commands of the next records."""
        self._note(flow)
        kind = flow["type"]
        rows = np.zeros(len(flow), Command.dtype)
        rows["seq"] = np.arange(self._seq, self._seq + len(flow))
        self._seq += len(flow)
        rows["at_ns"] = START_NS + flow["ts"].astype(np.int64)
        rows["instrument"] = flow["symbol"]
        rows["kind"] = np.select(
            [kind <= NEW_IOC, kind == CANCEL, kind == REDUCE],
            [CommandKind.ENTER, CommandKind.CANCEL, CommandKind.AMEND],
            CommandKind.REPLACE,
        )
        enters = (kind <= NEW_IOC) | (kind == REPLACE)
        new_id = np.where(kind == REPLACE, flow["newid"], flow["oid"])
        rows["account"] = self._owner[flow["oid"]]
        rows["order_id"] = np.where(kind <= NEW_IOC, 0, flow["oid"])
        rows["order_qty"] = np.where(enters, flow["qty"], 0)
        rows["price"] = np.where(enters, flow["price"], 0)
        rows["side"] = np.where(enters, flow["side"], 0)
        rows["ord_type"] = np.where(enters, OrdType.LIMIT, 0)
        rows["stp_mode"] = np.where(enters, StpMode.NONE, 0)
        rows["time_in_force"] = np.select(
            [kind == NEW_IOC, enters], [TimeInForce.IOC, TimeInForce.GTC], 0
        )
        reduced = kind == REDUCE
        rows["order_qty"][reduced] = self._reduced_totals(flow[reduced])
        if self._text_ids:
            texts = np.char.add(b"o", new_id.astype("S12"))
            rows["cl_ord_id"] = np.where(enters, texts, b"")
        return rows

    def _note(self, flow: Rows) -> None:
        for record in flow[flow["type"] != CANCEL]:
            if record["type"] <= NEW_IOC:
                self._owner[record["oid"]] = record["acct"]
                self._total[record["oid"]] = record["qty"]
            elif record["type"] == REPLACE:
                self._owner[record["newid"]] = self._owner[record["oid"]]
                self._total[record["newid"]] = record["qty"]

    def _reduced_totals(self, reductions: Rows) -> list[int]:
        totals = []
        for record in reductions:
            self._total[record["oid"]] -= record["qty"]
            totals.append(int(self._total[record["oid"]]))
        return totals


@dataclass
class Tally:
    """What a flow's summary counts, added up from events."""

    trades: int = 0
    traded_qty: int = 0
    notional: int = 0
    checksum: int = 0
    resting: int = 0
    rejects: int = 0

    def add(self, events: Rows) -> None:
        """Add a batch of events."""
        makers = events[
            (events["kind"] == EventKind.TRADE) & (events["flags"] & EventFlag.MAKER > 0)
        ]
        qty = makers["last_qty"].astype(np.uint64)
        mixed = makers["order_id"].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= makers["contra_order_id"].astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        self.trades += len(makers)
        self.traded_qty += int(qty.sum())
        self.notional += int((makers["last_px"] * makers["last_qty"]).sum())
        self.checksum = (self.checksum + int((mixed * qty).sum())) % (1 << 64)
        refused = (EventKind.REJECTED, EventKind.CANCEL_REJECTED, EventKind.AMEND_REJECTED)
        self.rejects += int(np.isin(events["kind"], refused).sum())


def batches(commands: Rows, size: int) -> Iterator[Rows]:
    """Cut commands into batches."""
    for first in range(0, len(commands), size):
        yield commands[first : first + size]


__all__ = ["NEW", "Tally", "Translator", "batches", "opening"]
