"""Read the board: consistent copies out of shared memory that another process is writing.

Every read copies, compares the version before and after, and tries again a bounded number of times.
The writer changes a row for well under a microsecond at a time and pauses for a disk sync between
batches, so a second try is rare and `Unreadable` means that the writer died in mid-change.
Correct on machines that keep the order of stores (x86-64); see docs/architecture.md.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from protocol.board import (
    DEEP_SLOTS,
    DEPTH_SLOTS,
    LISTED_A_LINE,
    QUEUE_SLOTS,
    lines_for,
    of_account,
)
from protocol.layout import Rows

Array = npt.NDArray[Any]
_TRIES = 2000
_PAUSE_AFTER = 50


class Unreadable(RuntimeError):
    """No consistent copy within the bounded number of tries."""


@dataclass(frozen=True)
class AccountView:
    """One account at one instant: `balances` has a row per asset, `extras` a row per order."""

    last_seq: int
    state: int
    trade_group: int
    fee_tier: int
    balances: Rows
    orders: Rows
    extras: Rows


@dataclass(frozen=True)
class DepthView:
    """One side-by-side snapshot of a book; `bids` and `asks` are DepthLevel rows, best first."""

    update_id: int
    seq: int
    at_ns: int
    complete: bool
    bids: Rows
    asks: Rows


@dataclass(frozen=True)
class QueueView:
    """One book order by order; QueuedOrder rows, best level first, in it the oldest order first."""

    update_id: int
    seq: int
    bids: Rows
    asks: Rows


class Board:
    """Reads of the shared memory. `current` gives the arrays of the matcher's present life.

    Raises (every method): whatever `current` raises while there is no matcher; Unreadable.
    """

    def __init__(self, current: Callable[[], Mapping[str, Array]]) -> None:
        self._current = current

    def status(self) -> Rows:
        """Return the status row (a copy; single words are each meaningful alone)."""
        return self._current()["status"].copy()[0]  # type: ignore[no-any-return]

    def assets(self) -> list[tuple[str, int]]:
        """Return code and decimals of every asset, by number."""
        rows = self._current()["assets"]
        return [(row["code"].decode(), int(row["decimals"])) for row in rows[rows["exists"] != 0]]

    def symbols(self) -> list[str]:
        """Return the symbol of every instrument, by number."""
        rows = self._current()["instruments"]
        return [row["symbol"].decode() for row in rows[rows["exists"] != 0]]

    def instrument(self, instrument: int) -> Rows:
        """Return a copy of one instrument's market state."""
        return self._current()["instruments"][instrument : instrument + 1].copy()[0]  # type: ignore[no-any-return]

    def terms(self, instrument: int) -> npt.NDArray[np.int64]:
        """Return a copy of one instrument's terms, by InstrumentTerm."""
        return np.array(self._current()["terms"][instrument], np.int64)

    def account_name(self, account: int) -> str:
        """Return the account's name, "" when there is none."""
        rows = self._current()["accounts"]
        return rows[account]["name"].decode() if account < len(rows) else ""

    def account(self, account: int) -> AccountView:
        """Copy an account with its balances and open orders. Cost: one gather over its orders."""
        blocks = self._current()
        row = blocks["accounts"][account : account + 1]
        for attempt in range(_TRIES):
            version = int(row["version"][0])
            if version % 2 == 0:
                view = _copy_account(blocks, row, account)
                if int(row["version"][0]) == version:
                    return view
            _pause(attempt)
        raise Unreadable(f"account {account} kept changing")

    def depth(self, instrument: int) -> DepthView:
        """Copy the newest published depth of an instrument."""
        return self._snapshot("depth", DEPTH_SLOTS, instrument)

    def deep(self, instrument: int) -> DepthView:
        """Copy the newest deep snapshot, as made on request."""
        return self._snapshot("deep", DEEP_SLOTS, instrument)

    def has_deep(self, instrument: int) -> bool:
        """Say whether a deep snapshot of the instrument was ever made in this life."""
        return bool(self._current()["deep_count"][instrument])

    def queues(self, instrument: int) -> QueueView | None:
        """Copy the newest snapshot of a book order by order; None when none was made lately."""
        blocks = self._current()
        heads, orders = blocks["queue_heads"], blocks["queue_orders"]
        newest = int(blocks["queue_count"][0])
        for back in range(min(newest, QUEUE_SLOTS)):
            slot = (newest - back) % QUEUE_SLOTS
            head = heads[slot : slot + 1].copy()[0]
            if head["version"] % 2 or head["instrument"] != instrument:
                continue
            bids, count = int(head["bids"]), int(head["bids"]) + int(head["asks"])
            rows = orders[slot, :count].copy()
            if int(heads[slot]["version"]) == int(head["version"]):
                return QueueView(int(head["update_id"]), int(head["seq"]), rows[:bids], rows[bids:])
        return None

    def _snapshot(self, ring: str, slots: int, instrument: int) -> DepthView:
        blocks = self._current()
        count, heads = blocks[f"{ring}_count"], blocks[f"{ring}_heads"][instrument]
        levels = blocks[f"{ring}_levels"][instrument]
        for attempt in range(_TRIES):
            slot = int(count[instrument]) % slots
            head = heads[slot : slot + 1].copy()[0]
            if head["version"] % 2 == 0:
                view = DepthView(
                    update_id=int(head["update_id"]),
                    seq=int(head["seq"]),
                    at_ns=int(head["at_ns"]),
                    complete=bool(head["complete"]),
                    bids=levels[slot, 0, : int(head["bids"])].copy(),
                    asks=levels[slot, 1, : int(head["asks"])].copy(),
                )
                if int(heads[slot]["version"]) == int(head["version"]):
                    return view
            _pause(attempt)
        raise Unreadable(f"the {ring} of instrument {instrument} kept changing")


class DeepRequests:
    """Ask for deep snapshots: `ask`, then look for the `answer` until it is there.

    `words` has one word per instrument and is shared by all readers and the matcher. Setting a word that
    another reader has set too is harmless: the next snapshot serves both. The matcher makes it
    within one turn of its loop; how long to wait for it is the caller's affair.
    """

    def __init__(self, board: Board, words: Array) -> None:
        self._board = board
        self._words = words

    def ask(self, instrument: int) -> int:
        """Ask for a snapshot; return the seq that it must have reached, for `answer`."""
        seq = int(self._board.status()["seq"])
        if self.answer(instrument, seq) is None:
            self._words[instrument] = 1
        return seq

    def answer(self, instrument: int, seq: int) -> DepthView | None:
        """Return a deep snapshot that lags nothing acknowledged before `ask`; None: not yet.

        Raises: Unreadable.
        """
        if not self._board.has_deep(instrument):
            return None
        view = self._board.deep(instrument)
        # An older snapshot does as well while nothing visible has changed since (rule D-1).
        unchanged = view.update_id == int(self._board.instrument(instrument)["update_id"])
        return view if view.seq >= seq or unchanged else None


class QueueRequests:
    """The same for the book order by order; a busy matcher takes a moment longer to make one."""

    def __init__(self, board: Board, words: Array) -> None:
        self._board = board
        self._words = words

    def ask(self, instrument: int) -> int:
        """Ask for a snapshot; return the seq that it must have reached, for `answer`."""
        seq = int(self._board.status()["seq"])
        if self.answer(instrument, seq) is None:
            self._words[instrument] = 1
        return seq

    def answer(self, instrument: int, seq: int) -> QueueView | None:
        """Return a snapshot that lags nothing acknowledged before `ask`; None: not yet.

        A ring is shared by all instruments: who waits long must ask again.
        """
        view = self._board.queues(instrument)
        if view is None:
            return None
        unchanged = view.update_id == int(self._board.instrument(instrument)["update_id"])
        return view if view.seq >= seq or unchanged else None


def _copy_account(blocks: Mapping[str, Array], row: Rows, account: int) -> AccountView:
    count = int(row["order_count"][0])
    lines = blocks["account_orders"][: lines_for(count, LISTED_A_LINE)]
    slots = of_account(lines, account)[:count]
    # A torn slot number may point anywhere; the version check discards the copy, the clip keeps it legal.
    orders = blocks["orders"].take(slots, mode="clip")
    return AccountView(
        last_seq=int(row["last_seq"][0]),
        state=int(row["state"][0]),
        trade_group=int(row["trade_group"][0]),
        fee_tier=int(row["fee_tier"][0]),
        balances=of_account(blocks["balances"], account),
        orders=orders,
        extras=blocks["extras"].take(orders["extra"], mode="clip"),
    )


def _pause(attempt: int) -> None:
    if attempt >= _PAUSE_AFTER:
        time.sleep(0)
