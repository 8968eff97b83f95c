"""Plain orders of the WebSocket API: a run of messages read, and answered, in one call of compiled code.

A client that has many requests under way sends them in bursts: so what comes in one turn of the event loop is read at once.
What a plain order is, and that all others go the way of Python, is told in `ingress/plain.py`.
"""

import struct
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ingress import auth
from ingress.compiled.frame_reading import take_frames
from ingress.compiled.message_reading import (
    FOUND,
    MESSAGE_MARKS,
    PAYLOAD_AT,
    PAYLOAD_LENGTH,
    read_messages,
)
from ingress.compiled.message_telling import NOW_1D, tell_messages
from ingress.compiled.reading import RECORD
from ingress.compiled.tables import Numbers, Octets, Table, Tables
from ingress.params import MICROSECONDS_FROM
from ingress.plain import BACKS_LIMIT, OUT_LIMIT, PlainOrders, with_ids
from ingress.rows import offset_of
from protocol.records import Command

RUN_LIMIT = 64
"""So many orders are read, sent and answered together."""
MESSAGE_LIMIT = 1 << 11
"""A longer message is not plain: those of plain orders are a quarter of it."""
Found = list[int]
"""What was found of a message, by HOW …."""
_ACCOUNT_AT = offset_of(Command, "account")
_put_account = struct.Struct("<I").pack_into


@dataclass(slots=True)
class Burst:
    """Messages that came together, one behind the other, and where each ends: at most RUN_LIMIT of at most MESSAGE_LIMIT bytes."""

    text: bytes
    ends: Numbers

    @property
    def count(self) -> int:
        """How many messages there are."""
        return len(self.ends)

    def messages(self, first: int, stop: int) -> list[bytes]:
        """Return some of them, each by itself."""
        ends = [0, *self.ends.tolist()]
        return [self.text[ends[place] : ends[place + 1]] for place in range(first, stop)]


NOTHING = Burst(b"", np.zeros(0, np.int64))


def burst_of(messages: list[bytes]) -> Burst:
    """Put messages together."""
    ends = np.fromiter(accumulate(map(len, messages)), np.int64, len(messages))
    return Burst(b"".join(messages), ends)


@dataclass(slots=True)
class PlainRun:
    """Plain orders that came one behind the other, `first` the first of them in their burst, and whose they are.

    `found` has places in the burst's text. `records`: the commands, without waiter. `tables`: those that the orders were read by.
    """

    burst: Burst
    first: int
    found: Table
    records: bytearray
    accounts: list[int]
    tables: Tables

    @property
    def count(self) -> int:
        """How many orders there are."""
        return len(self.accounts)

    @property
    def messages(self) -> list[bytes]:
        """Return the messages, each by itself."""
        return self.burst.messages(self.first, self.first + self.count)


@dataclass(slots=True)
class Counted:
    """What answers tell of limits: pieces of JSON around three counts, where they end, the counts and the weight.

    No ends: nothing is told.
    """

    pieces: Octets
    ends: Numbers
    counts: Table
    weight: int


@dataclass(slots=True)
class ToldRun:
    """Frames of the plain answers, where that of each order ends (-1: it has none), and what accounts get back."""

    frames: bytes
    ends: list[int]
    backs: list[list[int]]


class PlainMessages:
    """Reads and answers the plain messages of one worker."""

    def __init__(self, plain: PlainOrders, window_ms: int) -> None:
        self._plain = plain
        self._rows = np.zeros(RUN_LIMIT * RECORD, np.uint8)
        self._words = self._rows.view(np.int64)
        self._records = memoryview(self._rows)  # type: ignore[arg-type]
        self._marks = np.zeros(MESSAGE_MARKS, np.int64)
        self._payloads = np.zeros(RUN_LIMIT * MESSAGE_LIMIT, np.uint8)
        self._signed = memoryview(self._payloads)  # type: ignore[arg-type]
        self._found = np.zeros((RUN_LIMIT, FOUND), np.int64)
        limits = (window_ms, auth.WINDOW_LIMIT_MS, auth.AHEAD_LIMIT_MS * 1_000_000)
        self._clock = np.array([0, *limits, MICROSECONDS_FROM], np.int64)
        self._out = np.zeros(OUT_LIMIT, np.uint8)
        self._frames = memoryview(self._out)  # type: ignore[arg-type]
        self._backs = np.zeros((BACKS_LIMIT, 2), np.int64)
        self._ends = np.zeros(RUN_LIMIT, np.int64)
        self._counts = np.zeros(1, np.int64)
        self._frame_ends = np.zeros(RUN_LIMIT, np.int64)
        self._frame_count = np.zeros(1, np.int64)
        self._burst = NOTHING
        self._tables: Tables | None = None

    def take(self, data: bytes, at: int, longest: int) -> tuple[Burst, int]:
        """Take the text frames that begin at a place of what a client sent, none longer than that; return where what follows begins."""
        longest = min(longest, MESSAGE_LIMIT)
        stop = take_frames(data, at, longest, self._payloads, self._frame_ends, self._frame_count)
        count = int(self._frame_count[0])
        ends = self._frame_ends[:count].copy()
        return Burst(bytes(self._signed[: ends[-1] if count else 0]), ends), stop

    def read(self, burst: Burst, now_ns: int) -> list[Found]:
        """Read the messages of a burst: return what was found of each; nothing at all: none is plain.

        What was read is there until the next ones are.
        """
        self._burst = burst
        tables = self._tables = self._plain.tables()
        if tables is None or not burst.text:
            return []
        self._clock[0] = now_ns
        read = read_messages(
            burst.text,
            burst.ends,
            burst.count,
            tables.symbols,
            tables.instruments,
            self._rows,
            self._words,
            self._marks,
            self._payloads,
            self._clock,
            self._found,
        )
        return self._found[: burst.count].tolist() if read else []

    def payload(self, found: Found) -> bytes:
        """Return what the signature of a message covers."""
        at = found[PAYLOAD_AT]
        return bytes(self._signed[at : at + found[PAYLOAD_LENGTH]])

    def run(self, first: int, accounts: list[int]) -> PlainRun:
        """Return as many of the orders that were read, from `first` on, as there are accounts; all must be plain."""
        assert self._tables is not None
        stop = first + len(accounts)
        records = with_ids(bytearray(self._records[first * RECORD : stop * RECORD]))
        for place, account in enumerate(accounts):
            _put_account(records, place * RECORD + _ACCOUNT_AT, account)
        found = self._found[first:stop].copy()
        return PlainRun(self._burst, first, found, records, accounts, self._tables)

    def tell(self, events: bytes, run: PlainRun, unit_ns: int, told: Counted) -> ToldRun | None:
        """Answer a run from all its events, one order's behind the other's; None: they are not its events."""
        count = run.count
        length = tell_messages(
            events,
            run.burst.text,
            run.found,
            count,
            unit_ns,
            *run.tables,
            told.pieces,
            told.ends,
            told.counts,
            told.weight,
            self._out,
            self._backs,
            self._ends,
            self._counts,
        )
        if length < 0:
            return None
        ends = self._ends[:count].tolist()
        backs = self._backs[: int(self._counts[0])].tolist()
        return ToldRun(bytes(self._frames[:length]), ends, backs)


def no_counts(count: int) -> Table:
    """Return room for the counts of so many orders."""
    return np.zeros((count, NOW_1D + 1), np.int64)
