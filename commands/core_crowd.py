"""A market for the crowd in this process: the compiled core, without journal, sockets or clock.

It runs a day in minutes, which is how the crowd was fitted to recorded markets and how its figures are made.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from crowd.character import character_of
from crowd.crowd import Crowd, names
from crowd.intents import Cancel, Intent, Listing, Outcome, Place, Style, View
from crowd.measures import LEVELS, Record, Sample
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
    TimeInForce,
)

_ASSET_DECIMALS = 8
_FUNDS = 10**17
_REFUSALS = (EventKind.REJECTED, EventKind.CANCEL_REJECTED)
_GONE = (EventKind.CANCELED, EventKind.EXPIRED)
_TAKING = (Style.MARKET, Style.TAKE)


class CoreCrowd:
    """Listings of a fresh engine, funded traders, and a record of what happens in each market."""

    def __init__(self, listings: Sequence[Listing]) -> None:
        self.listings = {one.symbol: number for number, one in enumerate(listings)}
        self.records: dict[str, Record] = {one.symbol: Record() for one in listings}
        self._seq = 0
        self._now_ns = 0
        self._order_ids: dict[int, int] = {}
        self._levels: list[tuple[dict[int, int], dict[int, int]]] = [({}, {}) for _ in listings]
        traders = len(names())
        self._engine = Engine(
            Capacities(
                orders=1 << 15,
                accounts=traders + 1,
                assets=2 * len(listings),
                instruments=len(listings),
                account_orders=4096,
                price_levels=sum(2 * _ladder(one) for one in listings),
            )
        )
        self._open(listings, traders)

    def views(self) -> dict[str, View]:
        """Show all markets."""
        return {symbol: self._view(number) for symbol, number in self.listings.items()}

    def ask(self, intents: Sequence[Intent], now_s: float) -> list[Outcome]:
        """Do what the crowd wants, in order, at this time."""
        self._now_ns = int(now_s * 1e9)
        return [self._do(intent) for intent in intents]

    def sample(self) -> None:
        """Note how the books look now."""
        for symbol, number in self.listings.items():
            bids, asks = self._levels[number]
            best = sorted(bids, reverse=True)[:LEVELS], sorted(asks)[:LEVELS]
            if best[0] and best[1]:
                qtys = (
                    tuple(bids[price] for price in best[0]),
                    tuple(asks[price] for price in best[1]),
                )
                self.records[symbol].samples.append(Sample(best[0][0], best[1][0], *qtys))

    def _view(self, number: int) -> View:
        bids, asks = self._levels[number]
        return View(max(bids, default=0), min(asks, default=0))

    def _do(self, intent: Intent) -> Outcome:
        record = self.records[intent.symbol]
        if isinstance(intent, Cancel):
            events = self._apply(
                kind=CommandKind.CANCEL,
                instrument=self.listings[intent.symbol],
                account=intent.trader + 1,
                order_id=self._order_ids.pop(intent.number, 0),
            )
            outcome = _outcome(events)
            record.cancels += not outcome.refusal
            return outcome
        events = self._apply(**self._enter(intent))
        outcome = _outcome(events)
        if intent.style in _TAKING or outcome.filled:
            record.takers += 1
        else:
            record.limit_orders += 1
        if outcome.filled:
            record.trade_qtys.append(outcome.filled)
        if outcome.leaves:
            self._order_ids[intent.number] = int(events[0]["order_id"])
        return outcome

    def _enter(self, intent: Place) -> dict[str, Any]:
        market = intent.style == Style.MARKET
        take = intent.style in _TAKING
        return {
            "kind": CommandKind.ENTER,
            "instrument": self.listings[intent.symbol],
            "account": intent.trader + 1,
            "side": intent.side,
            "ord_type": OrdType.MARKET if market else OrdType.LIMIT,
            "time_in_force": TimeInForce.IOC if take else TimeInForce.GTC,
            "price": intent.price,
            "order_qty": intent.qty,
        }

    def _apply(self, **fields: int | bytes) -> Rows:
        command = rows_of(Command, 1)
        self._seq += 1
        for name, value in {"seq": self._seq, "at_ns": self._now_ns, **fields}.items():
            command[name] = value
        events, _ = self._engine.apply(command)
        for event in events[events["flags"] & EventFlag.LEVEL != 0]:
            levels = self._levels[int(event["instrument"])][event["side"]]
            if event["order_count"]:
                levels[int(event["price"])] = int(event["level_qty"])
            else:
                levels.pop(int(event["price"]), None)
        return events

    def _open(self, listings: Sequence[Listing], traders: int) -> None:
        for number, listing in enumerate(listings):
            for half, code in enumerate((listing.base, listing.quote)):
                self._apply(
                    kind=CommandKind.ADD_ASSET,
                    asset=2 * number + half,
                    amount=_ASSET_DECIMALS,
                    cl_ord_id=f"{code}{number}".encode(),
                )
            self._apply(
                kind=CommandKind.ADD_INSTRUMENT,
                asset=2 * number,
                term=2 * number + 1,
                price=listing.price_decimals,
                amount=_ladder(listing),
                order_qty=listing.qty_decimals,
                cl_ord_id=listing.symbol.encode(),
            )
        for account in range(1, traders + 1):
            self._apply(kind=CommandKind.ADD_ACCOUNT, account=account, cl_ord_id=b"T%d" % account)
            for asset in range(2 * len(listings)):
                self._apply(kind=CommandKind.DEPOSIT, account=account, asset=asset, amount=_FUNDS)
        for number in range(len(listings)):
            self._apply(kind=CommandKind.SET_PHASE, instrument=number, term=SessionPhase.CONTINUOUS)


def run(listings: Sequence[Listing], *, seed: int, rate: float, seconds: float) -> CoreCrowd:
    """Let a crowd trade for so long, in its own time; the markets with their records."""
    market = CoreCrowd(listings)
    people = Crowd(listings, seed=seed, rate=rate)
    sampled_s = 0.0
    while people.now_s < seconds:
        intents = people.act(market.views())
        people.hear(intents, market.ask(intents, people.now_s))
        if people.now_s - sampled_s >= 1:
            sampled_s = people.now_s
            market.sample()
    return market


def _ladder(listing: Listing) -> int:
    """Return the highest price of a listing in its unit: far above any fair value."""
    character = character_of(listing.symbol, 100.0)
    highest: int = int(character.price * 2) * 10**listing.price_decimals
    return highest


def _outcome(events: Rows) -> Outcome:
    kinds = events["kind"]
    refused = events[np.isin(kinds, _REFUSALS)]
    if len(refused):
        return Outcome(refusal=RejectReason(int(refused[0]["reason"])).name)
    order = events[events["order_id"] == events[0]["order_id"]]
    filled = int(order[-1]["cum_qty"])
    gone = bool(np.isin(order["kind"], _GONE).any())
    return Outcome(filled=filled, leaves=0 if gone else int(order[-1]["leaves_qty"]))
