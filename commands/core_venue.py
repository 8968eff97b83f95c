"""Play a flow straight through the matching core, in this process, without journal or sockets.

The depth it shows is put together from the events' level fields, as a market data reader would do it.
"""

from typing import Any

import numpy as np

from commands.steps import Enter, Levels
from commands.venue import Rejected, Seen
from matcher.core.engine import Engine
from matcher.core.state import Capacities
from protocol.layout import Rows, rows_of
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import (
    CommandKind,
    EventFlag,
    EventKind,
    OrdType,
    SessionPhase,
    Side,
    TimeInForce,
)

_PRICE_DECIMALS = 2
_ASSET_DECIMALS = 8
_HIGHEST_PRICE = 1_000_000
_MAKER, _TAKER = 1, 2
_FUNDS = 10**18
_REJECTS = (
    EventKind.REJECTED,
    EventKind.CANCEL_REJECTED,
    EventKind.AMEND_REJECTED,
    EventKind.COMMAND_REJECTED,
)


class CoreVenue:
    """One instrument of a fresh engine, seen as a `venue.Venue`.

    As on the exchange, what rests belongs to one account and what takes to another.
    """

    def __init__(self) -> None:
        self.engine = Engine(
            Capacities(
                orders=1 << 16,
                accounts=8,
                assets=4,
                instruments=1,
                account_orders=1 << 16,
                price_levels=2 * _HIGHEST_PRICE,
            )
        )
        self.commands = rows_of(Command, 1)
        self.command = self.commands[0]
        self.names: dict[int, str] = {}
        self.order_ids: dict[str, int] = {}
        self.levels: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._open()

    def _open(self) -> None:
        for number, code in enumerate((b"SHARE", b"CASH")):
            self._ask(
                kind=CommandKind.ADD_ASSET, asset=number, amount=_ASSET_DECIMALS, cl_ord_id=code
            )
        self._ask(
            kind=CommandKind.ADD_INSTRUMENT,
            asset=0,
            term=1,
            price=_PRICE_DECIMALS,
            amount=_HIGHEST_PRICE,
            cl_ord_id=b"RECORDED",
        )
        for account in (_MAKER, _TAKER):
            self._ask(kind=CommandKind.ADD_ACCOUNT, account=account, cl_ord_id=b"A%d" % account)
            for asset in (0, 1):
                self._ask(kind=CommandKind.DEPOSIT, account=account, asset=asset, amount=_FUNDS)
        self._ask(kind=CommandKind.SET_PHASE, term=SessionPhase.CONTINUOUS)

    def _ask(self, **fields: int | bytes) -> Rows:
        """Apply one command and return its events.

        Raises: Rejected.
        """
        command = self.command
        seq = int(command["seq"]) + 1
        self.commands[:] = np.zeros(1, Command.dtype)
        for name, value in {"seq": seq, "at_ns": seq, **fields}.items():
            command[name] = value
        events, _ = self.engine.apply(self.commands)
        for event in events:
            if event["kind"] in _REJECTS:
                raise Rejected(RejectReason(event["reason"]).name)
            if event["flags"] & EventFlag.LEVEL:
                self._see_level(event)
        return events

    def _see_level(self, event: Any) -> None:
        levels, price = self.levels[event["side"]], int(event["price"])
        if event["order_count"]:
            levels[price] = int(event["level_qty"])
        else:
            levels.pop(price, None)

    def enter(self, step: Enter) -> list[tuple[str, int]]:
        """Enter the order and read from its trades whom it hit."""
        events = self._ask(
            kind=CommandKind.ENTER,
            account=_TAKER if step.ioc else _MAKER,
            side=step.side,
            ord_type=OrdType.LIMIT,
            time_in_force=TimeInForce.IOC if step.ioc else TimeInForce.GTC,
            price=step.price,
            order_qty=step.qty,
        )
        order_id = int(events[0]["order_id"])
        self.names[order_id] = step.order
        self.order_ids[step.order] = order_id
        made = events[events["kind"] == EventKind.TRADE]
        hit = made[made["flags"] & EventFlag.MAKER != 0]
        return [(self.names[int(one["order_id"])], int(one["last_qty"])) for one in hit]

    def cancel(self, name: str) -> None:
        """Cancel the order."""
        self._ask(kind=CommandKind.CANCEL, account=_MAKER, order_id=self.order_ids.get(name, 0))

    def amend(self, name: str, qty: int) -> None:
        """Amend the order in place."""
        self._ask(
            kind=CommandKind.AMEND,
            account=_MAKER,
            order_id=self.order_ids.get(name, 0),
            order_qty=qty,
        )

    def book(self, levels: int | None) -> Seen:
        """Show the book as the events told it."""
        bids = _best(self.levels[Side.BUY], levels, from_above=True)
        asks = _best(self.levels[Side.SELL], levels, from_above=False)
        counts = (len(self.levels[Side.BUY]), len(self.levels[Side.SELL]))
        return Seen(bids, asks, counts, int(self.engine.blocks["status"]["orders"][0]))

    def close(self) -> None:
        """Do nothing: the engine goes with the process."""


def _best(levels: dict[int, int], count: int | None, *, from_above: bool) -> Levels:
    return tuple(sorted(levels.items(), reverse=from_above)[:count])
