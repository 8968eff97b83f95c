"""A trading floor whose traders hear their user streams."""

from typing import Any

import numpy as np

from protocol.layout import Rows, rows_of
from protocol.names import Asset, Instrument
from protocol.records import Event
from protocol.user_feed import Names, UserFeed
from tests.engines import SMALL, reference
from tests.floor import Floor

SHARES, MONEY = Asset(0, "XYZ", 0), Asset(1, "USD", 2)
XYZUSD = Instrument(0, "XYZUSD", SHARES, MONEY, price_decimals=2, qty_decimals=0)
NOW_NS = 1_800_000_000_000_000_000
MS = 1_000_000
ALICE_GROUP = 7


class Recorder:
    """An engine that keeps the events it made."""

    def __init__(self) -> None:
        self._engine = reference(SMALL)
        self._pieces: list[Rows] = []

    def apply(self, commands: Rows) -> tuple[Rows, int]:
        rows, applied = self._engine.apply(commands)
        self._pieces.append(rows.copy())
        return rows, applied

    def taken(self) -> Rows:
        pieces, self._pieces = self._pieces, []
        return np.concatenate([rows_of(Event, 0), *pieces])


class UserFloor:
    """A trading floor whose traders hear their user streams."""

    def __init__(self) -> None:
        self.engine = Recorder()
        self.floor = Floor(self.engine)
        for name in ("alice", "bob"):
            self.floor.trader(name)
        names = Names(
            instrument=[XYZUSD].__getitem__,
            asset=[SHARES, MONEY].__getitem__,
            trade_group=lambda account: ALICE_GROUP if account == self.of("alice") else 0,
        )
        self.feed = UserFeed(names)
        self.engine.taken()

    def of(self, name: str) -> int:
        return self.floor.accounts[name]

    def say(self, *turns: str) -> None:
        """Speak turns whose reports are not looked at, but which the feed takes in."""
        for turn in turns:
            self.hear("nobody", turn)

    def hear(self, name: str, turn: str) -> list[dict[str, Any]]:
        """Speak a turn; return what `name` is told."""
        self.floor.hear(turn)
        account = self.floor.accounts.get(name, -1)
        messages = list(self.feed.take(self.engine.taken(), {account}))
        assert all(message.account == account for message in messages)
        return [message.report.told(NOW_NS, MS) for message in messages]
