"""What an account is told about its orders and balances, in the dialect's letters (API section 12).

Each report is made from events alone and writes itself as a dictionary ready for JSON, with times in
the unit that the reader asked for; `told_ns` is the event time E. Events come as dictionaries of the
record's fields.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from protocol.names import Asset, Instrument
from protocol.rejects import RejectReason
from protocol.terms import (
    EventFlag,
    EventKind,
    ExpiryReason,
    ListKind,
    OrdStatus,
    OrdType,
    Side,
    StpMode,
    TimeInForce,
)

Told = dict[str, Any]
EventFields = Mapping[str, Any]

_EXECUTIONS = {
    EventKind.ACCEPTED: "NEW",
    EventKind.TRIGGERED: "NEW",
    EventKind.REJECTED: "REJECTED",
    EventKind.TRADE: "TRADE",
    EventKind.CANCELED: "CANCELED",
    EventKind.EXPIRED: "EXPIRED",
    EventKind.REPLACED: "REPLACED",
    EventKind.PREVENTED: "TRADE_PREVENTION",
}
EXECUTIONS = frozenset(_EXECUTIONS)
"""Kinds of events that an execution report tells."""
_LISTS = {
    EventKind.LIST_OPENED: ("EXEC_STARTED", "EXECUTING"),
    EventKind.LIST_UPDATED: ("UPDATED", "EXECUTING"),
    EventKind.LIST_DONE: ("ALL_DONE", "ALL_DONE"),
}
LISTS = frozenset(_LISTS)
"""Kinds of events that a list status tells."""
_CONTINGENCIES = {ListKind.OCO: "OCO", ListKind.OTO: "OTO", ListKind.OTOCO: "OTO"}
_REJECTS = {
    RejectReason.INSUFFICIENT_BALANCE: "INSUFFICIENT_BALANCES",
    RejectReason.WOULD_TRIGGER: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    RejectReason.WOULD_MATCH: "WOULD_MATCH_IMMEDIATELY",
    RejectReason.LIST_PRICES: "OCO_BAD_PRICES",
}
_ZERO = "0.00000000"


class ExecutionReport(NamedTuple):
    """`executionReport`. `label` is the text id that a cancel carried, or that an amended order had before."""

    event: EventFields
    instrument: Instrument
    fee_asset: Asset | None
    label: str
    trade_group: int

    def told(self, told_ns: int, unit_ns: int) -> Told:
        """Write the report; the conditional letters come last."""
        event, instrument = self.event, self.instrument
        kind, traded = event["kind"], event["kind"] == EventKind.TRADE
        text_id, original = _text_ids(event, self.label)
        open_now = event["ord_status"] in (OrdStatus.NEW, OrdStatus.PARTIALLY_FILLED)
        report = {
            "e": "executionReport",
            "E": told_ns // unit_ns,
            "s": instrument.symbol,
            "c": text_id,
            "S": Side(event["side"]).name,
            "o": OrdType(event["ord_type"]).name,
            "f": TimeInForce(event["time_in_force"] or TimeInForce.GTC).name,
            "q": instrument.qty(event["order_qty"]),
            "p": instrument.price(event["price"]),
            "P": instrument.price(event["stop_px"]),
            "F": instrument.qty(event["display_qty"]),
            "g": event["list_id"] or -1,
            "C": original,
            "x": _EXECUTIONS[kind],
            "X": OrdStatus(event["ord_status"]).name,
            "r": _reject_word(event),
            "i": event["order_id"],
            "l": instrument.qty(event["last_qty"]) if traded else _ZERO,
            "z": instrument.qty(event["cum_qty"]),
            "L": instrument.price(event["last_px"]) if traded else _ZERO,
            "n": self.fee_asset.text(event["fee"]) if self.fee_asset else "0",
            "N": self.fee_asset.code if self.fee_asset else None,
            "T": event["at_ns"] // unit_ns,
            "t": event["trade_id"] if traded else -1,
            "I": event["event_seq"],
            "w": open_now and bool(event["flags"] & EventFlag.WORKING),
            "m": traded and bool(event["flags"] & EventFlag.MAKER),
            "M": traded,
            "O": event["created_ns"] // unit_ns,
            "Z": instrument.quote.text(event["cum_quote"]),
            "Y": _turnover(instrument, event) if traded else _ZERO,
            "Q": instrument.quote.text(event["quote_qty"]),
            "V": StpMode(event["stp_mode"]).name,
        }
        self._add_conditional(report, unit_ns)
        return report

    def _add_conditional(self, report: Told, unit_ns: int) -> None:
        event = self.event
        if event["working_ns"]:
            report["W"] = event["working_ns"] // unit_ns
        if event["trailing_bips"]:
            report["d"] = event["trailing_bips"]
            # Without a stop price the trail starts at entry; with one, when the market reaches it.
            if not event["stop_px"]:
                report["D"] = event["created_ns"] // unit_ns
        if event["strategy_id"]:
            report["j"] = event["strategy_id"]
        if event["strategy_type"]:
            report["J"] = event["strategy_type"]
        if event["kind"] == EventKind.PREVENTED:
            report.update(self._prevented())
        if event["kind"] == EventKind.EXPIRED and event["reason"]:
            report["eR"] = ExpiryReason(event["reason"]).name

    def _prevented(self) -> Told:
        event, instrument = self.event, self.instrument
        return {
            "v": event["trade_id"],
            "A": instrument.qty(event["prevented_qty"]),
            "B": instrument.qty(event["last_qty"]),
            "u": self.trade_group or -1,
            "U": event["contra_order_id"],
            "Cs": instrument.symbol,
            "pl": instrument.qty(event["last_qty"]),
            "pL": instrument.price(event["last_px"]),
            "pY": _turnover(instrument, event),
        }


class Balance(NamedTuple):
    """One asset of an account."""

    asset: Asset
    free: int
    locked: int


class AccountPosition(NamedTuple):
    """`outboundAccountPosition`: the balances that a command may have changed."""

    at_ns: int
    balances: Sequence[Balance]

    def told(self, told_ns: int, unit_ns: int) -> Told:
        """Write the report."""
        return {
            "e": "outboundAccountPosition",
            "E": told_ns // unit_ns,
            "u": self.at_ns // unit_ns,
            "B": [
                {
                    "a": one.asset.code,
                    "f": one.asset.text(one.free),
                    "l": one.asset.text(one.locked),
                }
                for one in self.balances
            ],
        }


class BalanceUpdate(NamedTuple):
    """`balanceUpdate`: a deposit, or a withdrawal with a negative amount."""

    at_ns: int
    asset: Asset
    amount: int

    def told(self, told_ns: int, unit_ns: int) -> Told:
        """Write the report."""
        return {
            "e": "balanceUpdate",
            "E": told_ns // unit_ns,
            "a": self.asset.code,
            "d": self.asset.text(self.amount),
            "T": self.at_ns // unit_ns,
        }


class ListStatus(NamedTuple):
    """`listStatus`. `members` are the order ids and text ids of the list's orders."""

    event: EventFields
    instrument: Instrument
    members: Sequence[tuple[int, str]]

    def told(self, told_ns: int, unit_ns: int) -> Told:
        """Write the report."""
        event, symbol = self.event, self.instrument.symbol
        status_type, status = _LISTS[event["kind"]]
        return {
            "e": "listStatus",
            "E": told_ns // unit_ns,
            "s": symbol,
            "g": event["list_id"],
            "c": _CONTINGENCIES[event["ord_type"]],
            "l": status_type,
            "L": status,
            "r": "NONE",
            "C": text_of(event["cl_ord_id"]),
            "T": event["at_ns"] // unit_ns,
            "O": [{"s": symbol, "i": order, "c": text} for order, text in self.members],
        }


class ListenKeyExpired(NamedTuple):
    """`listenKeyExpired`: nothing more is told on this key."""

    listen_key: str

    def told(self, told_ns: int, unit_ns: int) -> Told:
        """Write the report."""
        return {"e": "listenKeyExpired", "E": told_ns // unit_ns, "listenKey": self.listen_key}


Report = ExecutionReport | AccountPosition | BalanceUpdate | ListStatus | ListenKeyExpired


def text_of(field: bytes) -> str:
    """Read a text field."""
    return field.rstrip(b"\0").decode("latin-1")


def _text_ids(event: EventFields, label: str) -> tuple[str, str]:
    """Return letters c and C: on a cancel c is the cancel's own id, on an amend C is the one before.

    Where neither was given (the operator cancels, an amend keeps the id) both are the order's.
    """
    own = text_of(event["cl_ord_id"])
    if event["kind"] == EventKind.CANCELED:
        return label or own, own
    return own, (label or own) if event["kind"] == EventKind.REPLACED else ""


def _reject_word(event: EventFields) -> str:
    if event["kind"] != EventKind.REJECTED:
        return "NONE"
    return _REJECTS.get(event["reason"], RejectReason(event["reason"]).name)


def _turnover(instrument: Instrument, event: EventFields) -> str:
    return instrument.turnover(event["last_px"] * event["last_qty"])
