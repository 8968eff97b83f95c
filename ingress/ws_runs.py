"""Runs of plain orders over the WebSocket API: let in, sent and answered together, each as if it had come alone.

Whatever a run may not do, be it a limit or a matcher that takes no orders, its messages are done one by one as all others are: there the
reason of each is told.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from ingress import errors, orders
from ingress.compiled.message_reading import (
    HOW,
    ID_AT,
    ID_LENGTH,
    KEY_AT,
    KEY_LENGTH,
    SEAL_AT,
    SEAL_LENGTH,
)
from ingress.compiled.message_telling import (
    NOW_1D,
    NOW_10S,
    TAKEN_1D,
    TAKEN_10S,
)
from ingress.compiled.tables import Numbers, Octets
from ingress.door import Asked, Door
from ingress.gateway import RawAnswer
from ingress.limits import WsLimits
from ingress.plain import ANSWERS
from ingress.plain_messages import (
    MESSAGE_LIMIT,
    RUN_LIMIT,
    Burst,
    Counted,
    Found,
    PlainMessages,
    PlainRun,
    ToldRun,
    burst_of,
    no_counts,
)
from ingress.requests import PLACE
from ingress.responder import Reply, log, refused
from ingress.timing import Timing
from ingress.ws_message import answer_of
from ingress.ws_session import Opening, Session
from runtime.websocket import text_frame

_METHOD = b'order.place"'
_NOT_ALLOWED = -1
Asking = asyncio.Future[list[RawAnswer]]


class Apart(Exception):
    """A run that cannot go as one; nothing of it was counted or sent."""


@dataclass(slots=True)
class Sent:
    """A run on its way: when it was let in, what its address had used then, and what accounts were counted."""

    plain: PlainRun
    opening: Opening
    now_ns: int
    used: int
    taken: dict[int, tuple[int, int]]
    timing: Timing
    waiting: Asking

    def counted(self) -> list[tuple[int, int]]:
        """Return what was counted of each order's account when the order was, as if they had come one by one."""
        left = Counter(self.plain.accounts)
        counts = []
        for account in self.plain.accounts:
            left[account] -= 1
            ten_seconds, day = self.taken[account]
            counts.append((ten_seconds - left[account], day - left[account]))
        return counts


class Runs:
    """Does the runs of one worker."""

    def __init__(self, door: Door, limits: WsLimits) -> None:
        self.messages = PlainMessages(door.plain, door.rest.recv_window_ms)
        self._door = door
        self._limits = limits
        pieces = limits.orders_told.split(b"%d")
        self._pieces: Octets = np.frombuffer(b"".join(pieces), np.uint8).copy()
        self._ends: Numbers = np.cumsum([len(piece) for piece in pieces], dtype=np.int64)
        self._untold: Numbers = np.zeros(0, np.int64)

    def part(
        self, session: Session, fresh: list[bytes | Burst]
    ) -> Iterator[PlainRun | list[bytes]]:
        """Part what came in one turn into runs and messages to be done one by one, in their order."""
        group: list[bytes] = []
        for one in fresh:
            likely = type(one) is bytes and _METHOD in one and len(one) <= MESSAGE_LIMIT
            if group and (not likely or len(group) == RUN_LIMIT):
                yield from self._read(session, burst_of(group))
                group = []
            if likely:
                group.append(one)  # type: ignore[arg-type]
            elif isinstance(one, bytes):
                yield [one]
            elif _METHOD in one.text:
                yield from self._read(session, one)
            else:
                yield one.messages(0, one.count)
        if group:
            yield from self._read(session, burst_of(group))

    async def answer(self, opening: Opening, run: PlainRun) -> bytes:
        """Send a run at once, wait for what becomes of it, and write the frames that tell it.

        Raises: Apart.
        """
        sent = self._send(opening, run)
        answers = await sent.waiting
        frames = self._frames(sent, answers)
        self._door.stopwatch.note(sent.timing, run.count)
        return frames

    def failed(self, run: PlainRun, error: BaseException) -> bytes:
        """Answer a run that ended in a bug: the client hears -1000, the log has the rest."""
        log.error("a run of orders over WebSocket failed", exc_info=error)
        body = msgspec.json.encode(errors.Refused(*errors.UNKNOWN).body())
        reply = Reply(500, body, 0)
        ids = [_id(run, row) for row in run.found.tolist()]
        return b"".join([text_frame(answer_of(id_, reply, None, 0)) for id_ in ids])

    def _send(self, opening: Opening, run: PlainRun) -> Sent:
        door, limits, now_ns = self._door, self._limits, self._door.wall_ns()
        timing, count = Timing(now_ns), run.count
        used = limits.admit_many(opening.address, count, now_ns)
        if used is None:
            raise Apart
        taken: dict[int, tuple[int, int]] = {}
        wanted = Counter(run.accounts)
        try:
            for account, wants in wanted.items():
                taken[account] = limits.take_orders(account, wants, now_ns)
            waiting = door.ask_records(run.records, count, timing)
        except errors.Refused:
            for account in taken:
                limits.count_orders(account, -wanted[account], now_ns)
            limits.forget(opening.address, count, now_ns)
            raise Apart from None
        return Sent(run, opening, now_ns, used, taken, timing, waiting)

    def _read(self, session: Session, burst: Burst) -> Iterator[PlainRun | list[bytes]]:
        """Part a burst."""
        try:
            found = self.messages.read(burst, self._door.wall_ns())
        except IndexError:
            # A place that compiled code does not go to: a bug of ours, which must not keep anyone from an answer.
            log.exception("messages that compiled code could not read")
            found = []
        accounts = [self._account(session, burst.text, row) for row in found]
        # All runs are taken out before the first of them goes: what was read is there until more is read.
        pieces: list[PlainRun | list[bytes]] = []
        first = 0
        while first < len(accounts):
            stop = first
            while stop < len(accounts) and accounts[stop] != _NOT_ALLOWED:
                stop += 1
            if stop > first:
                pieces.append(self.messages.run(first, accounts[first:stop]))
            if stop < len(accounts):
                pieces.append(burst.messages(stop, stop + 1))
            first = stop + 1
        yield from pieces or [burst.messages(0, burst.count)]

    def _account(self, session: Session, text: bytes, row: Found) -> int:
        """Return whose order a message brings; _NOT_ALLOWED: it is not plain, or may not be, and Python says why."""
        if row[HOW] < 0:
            return _NOT_ALLOWED
        proved = False
        if row[KEY_LENGTH]:
            api_key = text[row[KEY_AT] : row[KEY_AT] + row[KEY_LENGTH]].decode()
        elif session.logged_on is not None:
            api_key, proved = session.logged_on.api_key, True
        else:
            return _NOT_ALLOWED
        key = self._door.keys.known(api_key)
        if key is None or not key.allows(PLACE.permission, session.opening.address):
            return _NOT_ALLOWED
        if not proved:
            signature = text[row[SEAL_AT] : row[SEAL_AT] + row[SEAL_LENGTH]].decode()
            if not key.seal.fits(signature, self.messages.payload(row)):
                return _NOT_ALLOWED
        return key.account

    def _frames(self, sent: Sent, answers: list[RawAnswer]) -> bytes:
        plain, opening = sent.plain, sent.opening
        events = [one for one in answers if type(one) is bytes]
        told = None
        if len(events) == plain.count:
            told = self.messages.tell(b"".join(events), plain, opening.unit_ns, self._counted(sent))
        if told is None:
            told = ToldRun(b"", [-1] * plain.count, [])
        for account, back in told.backs:
            self._limits.count_orders(account, -back, sent.now_ns)
        if min(told.ends) >= 0:
            self._door.stopwatch.count(200, plain.count)
            return told.frames
        frames, at, counts = [], 0, sent.counted()
        for place, (one, end) in enumerate(zip(answers, told.ends, strict=True)):
            if end < 0:
                frames.append(self._in_python(sent, place, one, counts[place]))
            else:
                self._door.stopwatch.count(200)
                frames.append(told.frames[at:end])
                at = end
        return b"".join(frames)

    def _counted(self, sent: Sent) -> Counted:
        plain = sent.plain
        counts = no_counts(plain.count)
        if not sent.opening.returns_limits:
            return Counted(self._pieces, self._untold, counts, sent.used)
        now = {
            account: self._limits.count_orders(account, 0, sent.now_ns) for account in sent.taken
        }
        counts[:, (TAKEN_10S, TAKEN_1D)] = sent.counted()
        counts[:, (NOW_10S, NOW_1D)] = [now[account] for account in plain.accounts]
        return Counted(self._pieces, self._ends, counts, sent.used)

    def _in_python(self, sent: Sent, place: int, one: RawAnswer, counts: tuple[int, int]) -> bytes:
        """Tell what became of one order: a refusal, or something rare."""
        door, plain, opening = self._door, sent.plain, sent.opening
        account, row = plain.accounts[place], plain.found[place].tolist()
        asked = Asked({}, account, sent.now_ns, door.teller(opening.unit), counts)
        try:
            told = orders.ended(door, asked, ANSWERS[row[HOW]], one)
        except errors.Refused as refusal:
            reply = refused(door, PLACE, asked, opening.address, refusal)
        else:
            reply = Reply(200, msgspec.json.encode(told), sent.used, asked.order_counts)
        door.stopwatch.count(reply.status)
        limits = (
            self._limits.told(reply.order_counts, reply.used_weight)
            if opening.returns_limits
            else None
        )
        return text_frame(answer_of(_id(plain, row), reply, limits, door.wall_ns()))


def _id(run: PlainRun, row: Found) -> bytes:
    """Return the id of a request, as JSON."""
    return run.burst.text[row[ID_AT] : row[ID_AT] + row[ID_LENGTH]]
