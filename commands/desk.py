"""The operator's desk: commands to the running exchange and their events, one after another.

The desk holds a reply slot like a worker of the ingress does, and waits for each answer: an operator
wants to know that a thing was done before the next is begun.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from commands import Refused
from conf.settings import load
from ingress.gateway import NoSlot, ReplySlot
from protocol.board_reads import Board
from protocol.layout import Rows, rows_of
from protocol.records import Command, Event
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventFlag, EventKind
from runtime import audit, clock, endpoints
from runtime.shared import NotPublished, Reader
from runtime.sockets import Pull, Push

ANSWER_TIMEOUT_S = 10.0
_FRESH_NS = 5_000_000_000
"""A matcher that has shown no sign of life for so long is not running."""
_SEND_POLL_S = 0.01
_ID_MASK = (1 << 32) - 1
_REJECTS = (
    EventKind.REJECTED, EventKind.CANCEL_REJECTED, EventKind.AMEND_REJECTED,
    EventKind.LIST_REJECTED, EventKind.COMMAND_REJECTED,
)  # fmt: skip


class Rejected(Refused):
    """The matcher rejected the command, for this reason."""

    def __init__(self, reason: RejectReason) -> None:
        super().__init__(f"rejected: {reason.name.lower().replace('_', ' ')}")
        self.reason = reason


class Desk:
    """A place at the exchange of `data_dir`; use it in a `with` statement.

    Raises (every method): Refused when the exchange is not running, or stops answering.
    """

    def __init__(self, data_dir: Path, timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        run = endpoints.run_dir(data_dir)
        self._data_dir = data_dir
        self._timeout_s = timeout_s
        self.board = Board(Reader(run).current)
        self._check_running()
        try:
            self._slot = ReplySlot(run)
        except NoSlot as error:
            raise Refused(f"{error}: too many programs talk to this exchange") from error
        self._replies = Pull(endpoints.REPLIES.limit)
        self._replies.bind(endpoints.address(endpoints.REPLIES, run, self._slot.number))
        self._orders = Push(endpoints.ORDERS.limit)
        self._orders.connect(endpoints.address(endpoints.ORDERS, run))
        # The last holder of this slot may have left answers on the wire: its ids must not meet ours.
        self._next_id = secrets.randbits(32)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._orders.close()
        self._replies.close()
        self._slot.release()

    def ask(self, *commands: Mapping[str, Any]) -> Rows:
        """Send one command (or all legs of a list) and return the events it caused.

        Each command is the fields of a Command record. Raises: Rejected.
        """
        request_id = self._next_id
        self._next_id = (request_id + 1) & _ID_MASK
        rows = rows_of(Command, len(commands))
        for row, fields in zip(rows, commands, strict=True):
            for name, value in fields.items():
                row[name] = value
        rows["reply_to"], rows["request_id"] = self._slot.number, request_id
        rows["received_ns"] = clock.wall_ns()
        deadline = time.monotonic() + self._timeout_s
        self._send(endpoints.frame_of(Command, rows), deadline)
        try:
            events = self._answer(request_id, deadline)
        except Refused as unknown:
            self._note(commands, str(unknown))
            raise
        seq = int(events["seq"][-1])
        rejected = events[np.isin(events["kind"], _REJECTS)]
        if len(rejected):
            refusal = Rejected(RejectReason(int(rejected["reason"][0])))
            self._note(commands, str(refusal), seq)
            raise refusal
        self._note(commands, "done", seq)
        return events

    def _note(self, commands: Sequence[Mapping[str, Any]], outcome: str, seq: int = 0) -> None:
        """Write into the audit trail what was asked of the matcher and what came of it."""
        for command in commands:
            about = {name: value for name, value in command.items() if name != "kind"}
            what = CommandKind(command["kind"]).name.lower().replace("_", " ")
            audit.note(self._data_dir, what, about, outcome, seq)

    def _send(self, frame: bytes, deadline: float) -> None:
        while not self._orders.send(frame):
            if time.monotonic() > deadline:
                raise Refused("the matcher takes no commands: look at `openbourse status`")
            time.sleep(_SEND_POLL_S)

    def _answer(self, request_id: int, deadline: float) -> Rows:
        found: list[Rows] = []
        while (left := deadline - time.monotonic()) > 0:
            self._replies.wait(int(left * 1000) + 1)
            for frame in self._replies.drain(endpoints.REPLIES.limit):
                rows = endpoints.rows_in(Event, frame)
                mine = rows[rows["request_id"] == request_id]
                found.append(mine)
                if bool((mine["flags"] & EventFlag.LAST).any()):
                    return np.concatenate(found)
        raise Refused(
            f"no answer within {self._timeout_s:g} seconds: whether the command was done is unknown"
        )

    def _check_running(self) -> None:
        if load().is_edge:
            raise Refused("this host takes orders for the exchange of another one: say it there")
        try:
            status = self.board.status()
        except NotPublished as error:
            raise self._not_running() from error
        if clock.wall_ns() - int(status["heartbeat_ns"]) > _FRESH_NS:
            raise self._not_running()
        if not status["ready"]:
            raise Refused("the matcher takes no commands now: look at `openbourse status`")

    def _not_running(self) -> Refused:
        return Refused(
            f"the exchange on {self._data_dir} is not running: start it with `openbourse up`"
        )
