"""The exchange itself: one command after another, each kind to its place."""

from collections.abc import Callable
from dataclasses import dataclass

from protocol.layout import Rows
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, Side
from tests.reference import lists, requests, sessions, stops
from tests.reference.administration import ADMINISTRATION
from tests.reference.memory import Memory
from tests.reference.state import FEE_TIERS, FULL_SHARE, Account, Limits, Venue
from tests.reference.telling import mark_last, tell_command_rejected
from tests.reference.wire import Asked, event_rows, read_commands

_KINDS: dict[int, Callable[[Venue], None]] = {
    CommandKind.ENTER: requests.enter,
    CommandKind.CANCEL: requests.cancel,
    CommandKind.REPLACE: requests.replace,
    CommandKind.AMEND: requests.amend,
    CommandKind.CANCEL_ALL: requests.cancel_all,
    CommandKind.CANCEL_LIST: requests.cancel_list,
    CommandKind.SET_PHASE: sessions.set_phase,
    CommandKind.TICK: sessions.tick,
    **ADMINISTRATION,
}


@dataclass(frozen=True)
class Capacities:
    """How much a reference may hold: the fields of the compiled core's capacities it looks at."""

    orders: int = 10_000
    accounts: int = 64
    assets: int = 16
    instruments: int = 16
    account_orders: int = 1_000
    price_levels: int = 1 << 24
    dedupe_window_ns: int = 600 * 10**9
    dedupe_capacity: int = 10_000
    references: int = 10_000
    lists: int = 1_000
    iceberg_slices: int = 1 << 20


class Reference:
    """The slow exchange, with the interface of the compiled core."""

    def __init__(self, limits: Limits) -> None:
        self.venue = Venue(
            limits=limits,
            assets=[],
            accounts=[Account(0, b"")],
            instruments=[],
            finished_ids=Memory(limits.dedupe_capacity, limits.dedupe_window_ns),
            references=Memory(limits.references, None),
            account_names=set(),
            tier_shares=[(FULL_SHARE, FULL_SHARE)] * FEE_TIERS,
        )

    def apply(self, commands: Rows) -> tuple[Rows, int]:
        """Apply stamped Command rows; return their Event rows and how many were applied: all."""
        asked = read_commands(commands)
        told = [row for command in asked for row in self._apply_one(command)]
        return event_rows(told), len(asked)

    def _apply_one(self, command: Asked) -> list[list[int]]:
        venue = self.venue
        venue.command = command
        venue.told = []
        for instrument in venue.instruments:
            instrument.last_fill = (0, 0)
        if command.kind == CommandKind.ENTER and command.list_kind:
            lists.gather(venue, command)
        else:
            venue.gathered.clear()
            handle = _KINDS.get(command.kind)
            if handle:
                handle(venue)
            else:
                tell_command_rejected(venue, RejectReason.UNKNOWN_COMMAND)
        stops.follow_up(venue)
        if venue.told:
            mark_last(venue.told)
        return venue.told

    def depth(
        self, instrument: int
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Return price, visible quantity and order count of each level: bids, asks, best first."""
        book = self.venue.instruments[instrument].book
        bids, asks = (
            [(price, *book.level(side, price)) for price, _ in book.levels(side)]
            for side in (Side.BUY, Side.SELL)
        )
        return bids, asks

    def balance(self, account: int, asset: int) -> tuple[int, int]:
        """Return free and locked."""
        balance = self.venue.accounts[account].balance(asset)
        return balance.free, balance.locked
