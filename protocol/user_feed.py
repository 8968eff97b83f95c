"""The user data streams: Event rows in, reports of single accounts out, in engine order. Sans-I/O.

Per command an account is told, in this order: its list and order events as they happened, deposits
and withdrawals, and last its balances in the assets concerned, once (API section 12).

Two things are not told by one event alone and are remembered: the text id that goes before the
cancels and amends of a command (LABELED), and which orders a list has, from when it is opened until it is
done. A list that was opened before this feed began tells the members that its last command touched.
"""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from protocol.layout import Rows
from protocol.names import Asset, Instrument
from protocol.records import Event
from protocol.terms import EventKind
from protocol.user_reports import (
    EXECUTIONS,
    LISTS,
    AccountPosition,
    Balance,
    BalanceUpdate,
    ExecutionReport,
    ListStatus,
    Report,
    text_of,
)

LISTS_LIMIT = 1 << 16
"""Open lists remembered; beyond them the oldest is forgotten."""
_FIELDS = tuple(name for name, _ in Event.fields)
_SIGNS = {EventKind.DEPOSITED: 1, EventKind.WITHDRAWN: -1}
_RELABELED = (EventKind.CANCELED, EventKind.REPLACED)

EventFields = dict[str, Any]


class UserMessage(NamedTuple):
    """One report and the account it is for."""

    account: int
    report: Report


class Names(NamedTuple):
    """How the feed learns names and groups: each reads by number, when it is needed."""

    instrument: Callable[[int], Instrument]
    asset: Callable[[int], Asset]
    trade_group: Callable[[int], int]


class UserFeed:
    """Turns events into the reports of accounts."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._members: dict[int, dict[int, str]] = {}

    def take(self, rows: Rows, accounts: AbstractSet[int]) -> Iterator[UserMessage]:
        """Take in Event rows of whole commands, without gaps; yield what these accounts are told."""
        heard = np.isin(rows["account"], list(accounts)) | (rows["list_id"] != 0)
        events = (dict(zip(_FIELDS, row, strict=True)) for row in rows[heard].tolist())
        for _, group in groupby(events, key=itemgetter("seq")):
            command = list(group)
            for event in command:
                self._remember(event)
            for account in dict.fromkeys(event["account"] for event in command):
                if account in accounts:
                    own = [event for event in command if event["account"] == account]
                    for report in self._reports(own):
                        yield UserMessage(account, report)
            for event in command:
                if event["kind"] == EventKind.LIST_DONE:
                    self._members.pop(event["list_id"], None)

    def _reports(self, command: list[EventFields]) -> Iterator[Report]:
        label = ""
        canceled = False
        balances: dict[int, Balance] = {}
        for event in command:
            kind = event["kind"]
            if kind == EventKind.LABELED:
                label = text_of(event["cl_ord_id"])
            elif kind in LISTS:
                yield self._list_status(event)
            elif kind in _SIGNS:
                asset = self._names.asset(event["asset"])
                balances[asset.number] = Balance(asset, event["base_free"], event["base_locked"])
                amount = _SIGNS[kind] * event["last_qty"]
                yield BalanceUpdate(event["at_ns"], asset, amount)
            elif kind == EventKind.REJECTED:
                # A refused order is answered where it was asked; only half of a replace is told here.
                if canceled:
                    yield self._execution(event, "")
            elif kind in EXECUTIONS:
                canceled = canceled or kind == EventKind.CANCELED
                self._note_balances(event, balances)
                yield self._execution(event, label if kind in _RELABELED else "")
            elif kind == EventKind.RESTED:
                self._note_balances(event, balances)
        if balances:
            yield AccountPosition(command[-1]["at_ns"], list(balances.values()))

    def _execution(self, event: EventFields, label: str) -> ExecutionReport:
        traded = event["kind"] == EventKind.TRADE
        prevented = event["kind"] == EventKind.PREVENTED
        return ExecutionReport(
            event=event,
            instrument=self._names.instrument(event["instrument"]),
            fee_asset=self._names.asset(event["asset"]) if traded else None,
            label=label,
            trade_group=self._names.trade_group(event["account"]) if prevented else 0,
        )

    def _note_balances(self, event: EventFields, balances: dict[int, Balance]) -> None:
        instrument = self._names.instrument(event["instrument"])
        for asset, of in ((instrument.base, "base"), (instrument.quote, "quote")):
            balances[asset.number] = Balance(asset, event[f"{of}_free"], event[f"{of}_locked"])

    def _list_status(self, event: EventFields) -> ListStatus:
        members = self._members.get(event["list_id"], {})
        instrument = self._names.instrument(event["instrument"])
        return ListStatus(event, instrument, list(members.items()))

    def _remember(self, event: EventFields) -> None:
        list_id = event["list_id"]
        if not list_id or event["kind"] not in EXECUTIONS:
            return
        if list_id not in self._members and len(self._members) >= LISTS_LIMIT:
            del self._members[next(iter(self._members))]
        self._members.setdefault(list_id, {})[event["order_id"]] = text_of(event["cl_ord_id"])
