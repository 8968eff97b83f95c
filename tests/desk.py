"""Speak to an exchange one command at a time and remember what it said.

A desk knows nothing of how an exchange works inside: it sends Command rows to `apply` and reads
Event rows. What it shows of orders, books and balances is put together from events alone.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np

from protocol.layout import Rows, rows_of
from protocol.records import Command, Event
from protocol.terms import CommandKind, EventFlag, EventKind, InstrumentTerm, SessionPhase, Side

START_NS = 1_700_000_000 * 10**9
STEP_NS = 1_000
ORDER_EVENTS = (
    EventKind.ACCEPTED,
    EventKind.TRADE,
    EventKind.CANCELED,
    EventKind.EXPIRED,
    EventKind.RESTED,
    EventKind.TRIGGERED,
    EventKind.REPLACED,
    EventKind.PREVENTED,
)


class Engine(Protocol):
    """What the reference and the compiled core have in common."""

    def apply(self, commands: Rows) -> tuple[Rows, int]: ...


class Told(NamedTuple):
    """One Event as Python values, under the field names of the record."""

    seq: int
    event_seq: int
    at_ns: int
    kind: int
    ord_status: int
    side: int
    ord_type: int
    time_in_force: int
    stp_mode: int
    reason: int
    flags: int
    account: int
    contra_account: int
    request_id: int
    reply_to: int
    instrument: int
    order_id: int
    price: int
    order_qty: int
    leaves_qty: int
    cum_qty: int
    cum_quote: int
    last_px: int
    last_qty: int
    fee: int
    trade_id: int
    agg_trade_id: int
    contra_order_id: int
    level_qty: int
    update_id: int
    order_count: int
    asset: int
    base_free: int
    base_locked: int
    quote_free: int
    quote_locked: int
    list_id: int
    created_ns: int
    working_ns: int
    expire_ns: int
    quote_qty: int
    stop_px: int
    display_qty: int
    prevented_qty: int
    strategy_id: int
    strategy_type: int
    trailing_bips: int
    cl_ord_id: bytes


assert Told._fields == tuple(name for name, _ in Event.fields)


def command_rows(commands: Iterable[dict[str, int | bytes]]) -> Rows:
    """Make Command rows; fields not named are 0."""
    asked = list(commands)
    rows = rows_of(Command, len(asked))
    for row, fields in zip(rows, asked, strict=True):
        for name, value in fields.items():
            row[name] = value
    return rows


def apply_all(engine: Engine, commands: Rows) -> Rows:
    """Apply commands to the last one, also when the engine pauses, and return all events."""
    pieces = []
    while len(commands):
        rows, applied = engine.apply(commands)
        pieces.append(rows.copy())
        assert applied > 0, "the engine makes no progress"
        commands = commands[applied:]
    return np.concatenate(pieces) if pieces else rows_of(Event, 0)


class Desk:
    """One client of everything: stamps and sends commands, keeps books by their events."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now_ns = START_NS
        self.seq = 0
        self.orders: dict[int, Told] = {}
        """Latest event of every order that was ever accepted."""
        self.levels: dict[tuple[int, int], dict[int, tuple[int, int]]] = defaultdict(dict)
        """Visible quantity and order count by price, of each instrument and side."""
        self.accounts: dict[str, int] = {}
        self.assets_of: dict[int, tuple[int, int]] = {}
        """Base and quote asset of every instrument."""
        self.purses: dict[tuple[int, int], tuple[int, int]] = {}
        """Free and locked, by account and asset, as the latest event told them."""

    def send(self, *commands: dict[str, int | bytes]) -> list[Told]:
        """Apply commands as one batch and return what they brought about."""
        for fields in commands:
            self.seq += 1
            self.now_ns += STEP_NS
            fields.update(seq=self.seq, at_ns=self.now_ns)
        told = [
            Told._make(values) for values in apply_all(self.engine, command_rows(commands)).tolist()
        ]
        for event in told:
            self.note(event)
        return told

    def ask(self, kind: CommandKind, **fields: int | bytes) -> list[Told]:
        """Send one command."""
        return self.send({"kind": kind, **fields})

    def note(self, event: Told) -> None:
        """Keep what an event tells of its order, its level and its account's balances."""
        if event.kind in ORDER_EVENTS:
            self.orders[event.order_id] = event
            base, quote = self.assets_of[event.instrument]
            self.purses[event.account, base] = (event.base_free, event.base_locked)
            self.purses[event.account, quote] = (event.quote_free, event.quote_locked)
        if event.kind in (EventKind.DEPOSITED, EventKind.WITHDRAWN):
            self.purses[event.account, event.asset] = (event.base_free, event.base_locked)
        if event.kind == EventKind.INSTRUMENT_ADDED:
            self.assets_of[event.instrument] = (event.asset, event.order_count)
        if event.flags & EventFlag.LEVEL:
            side = self.levels[event.instrument, event.side]
            side.pop(event.price, None)
            if event.order_count:
                side[event.price] = (event.level_qty, event.order_count)

    def depth(self, instrument: int = 0) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """Return price and visible quantity of each level: bids, asks, best first."""
        bids, asks = self.levels[instrument, Side.BUY], self.levels[instrument, Side.SELL]
        return (
            [(price, bids[price][0]) for price in sorted(bids, reverse=True)],
            [(price, asks[price][0]) for price in sorted(asks)],
        )

    def add_market(
        self,
        symbol: bytes = b"XYZUSD",
        *,
        price_decimals: int = 2,
        qty_decimals: int = 0,
        top: int = 100_000,
        phase: SessionPhase = SessionPhase.CONTINUOUS,
        terms: dict[InstrumentTerm, int] | None = None,
    ) -> int:
        """Add an instrument with two assets of its own, of the fewest decimals; return its number."""
        base = self._add_asset(symbol + b"-BASE", qty_decimals)
        quote = self._add_asset(symbol + b"-QUOTE", price_decimals + qty_decimals)
        added = self.ask(
            CommandKind.ADD_INSTRUMENT,
            cl_ord_id=symbol,
            asset=base,
            term=quote,
            price=price_decimals,
            order_qty=qty_decimals,
            amount=top,
        )[0]
        assert added.kind == EventKind.INSTRUMENT_ADDED, added
        for term, value in (terms or {}).items():
            self.set_term(term, value, added.instrument)
        if phase != SessionPhase.PRE_OPEN:
            self.ask(CommandKind.SET_PHASE, instrument=added.instrument, term=phase)
        return added.instrument

    def _add_asset(self, code: bytes, decimals: int) -> int:
        told = self.ask(CommandKind.ADD_ASSET, cl_ord_id=code, amount=decimals)
        assert told[0].kind == EventKind.ASSET_ADDED, told
        return told[0].asset

    def set_term(self, term: InstrumentTerm, value: int, instrument: int = 0) -> None:
        """Set one term of an instrument; it must be accepted."""
        told = self.ask(CommandKind.SET_INSTRUMENT, instrument=instrument, term=term, amount=value)
        assert told[0].kind == EventKind.INSTRUMENT_CHANGED, told

    def account(self, name: str, funds: dict[int, int] | None = None) -> int:
        """Return the number of the account called `name`; a new one gets `funds`, by asset."""
        if name not in self.accounts:
            added = self.ask(CommandKind.ADD_ACCOUNT, cl_ord_id=name.encode())[0]
            assert added.kind == EventKind.ACCOUNT_ADDED, added
            self.accounts[name] = added.account
            for asset, amount in (funds or {}).items():
                told = self.ask(
                    CommandKind.DEPOSIT, account=added.account, asset=asset, amount=amount
                )
                assert told[0].kind == EventKind.DEPOSITED, told
        return self.accounts[name]
