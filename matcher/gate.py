"""The gate: `python -m matcher.gate`. Where edges come, the hosts that take orders for this exchange.

    edge                                   gate                              matcher
    ASK, RECEIPT  ───────────────────────▶ reads the journal, as far as it is shown ◀── journal
                  ◀──────────── BATCHES, BEAT
    COMMANDS      ───────────────────────▶ names who waits for the answers ──▶ orders

An edge keeps a copy of the journal (`matcher/edge.py`) and makes of it everything that the matcher makes:
shared memory, events, and the answers to its own commands. So no answer goes back over this wire, and no
edge can show less than it has told. Sent is only what is durable, confirmed and applied here.

The matcher knows nothing of it: the gate reads files and shared memory, and hands in commands as an
ingress worker does. An edge that takes nothing is forgotten, and asks again from where it stands.
"""

import logging
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conf.settings import Settings, load
from matcher.capacity import FILE
from matcher.outbox import Sender
from matcher.recovery import journal_folder
from matcher.replicas import BEAT_NS, Wire
from matcher.shipping import Shipment, Source
from protocol.board import READY
from protocol.records import Command
from protocol.terms import CommandKind
from runtime import clock, endpoints, segments
from runtime.curve import EDGES, CannotListen, Counter, Guard, Keys, NoKeys
from runtime.endpoints import WrongFrame, frame_of, from_edge, rows_in
from runtime.log import facts
from runtime.market_wire import place_of
from runtime.replica_frames import Frame, Word, WrongReplicaFrame, unpack
from runtime.service import BadConfiguration, Service, run
from runtime.shared import NotPublished, Reader
from runtime.sockets import Push, Subscribe, wait_for_any

ENTERED = [
    int(kind)
    for kind in (
        CommandKind.ENTER,
        CommandKind.CANCEL,
        CommandKind.REPLACE,
        CommandKind.AMEND,
        CommandKind.CANCEL_ALL,
        CommandKind.CANCEL_LIST,
    )
]
"""What clients may ask for. Money, accounts, instruments and phases are the exchange's own business."""
STANDS_STILL_NS = 1_000_000_000
"""A matcher whose loop has not turned for so long takes no orders."""
AHEAD_NS = 1_000_000_000
"""An edge may be a part of a batch ahead of what is shown here; one that stays so has another journal."""
_FORGOTTEN_NS = 4 * AHEAD_NS
"""Whoever has not asked again for so long is not waiting to be answered."""
_FRAMES = 1000
_WAIT_MS = BEAT_NS // 1_000_000


@dataclass
class _Edge:
    """One edge that is connected."""

    number: int
    copy_id: int
    shipment: Shipment
    has_seq: int


class Gate:
    """What the loop works with. Sans-I/O but for the wires that are passed in."""

    def __init__(self, wire: Wire, orders: Sender, log: logging.Logger) -> None:
        self._wire = wire
        self._orders = orders
        self._log = log
        self._source: Source | None = None
        self._life = 0
        self._next_seq = 1
        self._is_open = False
        self._edges: dict[bytes, _Edge] = {}
        self._numbers: dict[int, int] = {}
        """Of every copy that has come; the one that came last is last."""
        # As the ids of requests: who has a number after another one shall not hear what that one asked.
        self._first_number = 1 + secrets.randbelow(endpoints.EDGES)
        self._ahead_ns: dict[int, tuple[int, int]] = {}
        """Of copies that were ahead: since when they have been, and when they were last."""
        self._turned_away: set[int] = set()
        """Copies for which there was no number when they last asked."""
        self._beaten_ns = 0
        self.refused_commands = 0
        """Frames with something that no edge may hand in, since the start."""
        self.dropped_commands = 0
        """Frames that the matcher's wire did not take."""

    def begin(self, source: Source, life: int) -> None:
        """Send this journal from now on, which another matcher writes; `life`: the number of that one.

        Who follows goes on, from where this journal has what was sent of the last one.
        """
        self._source, self._life = source, life
        for edge in self._edges.values():
            edge.shipment = edge.shipment.again(source)

    def turn(self, next_seq: int, *, is_open: bool) -> bool:
        """Hear what has come, send what there is up to `next_seq`; True when there is more to send."""
        self._next_seq, self._is_open = next_seq, is_open
        for peer, content in self._wire.drain(_FRAMES):
            try:
                self._hear(peer, unpack(content))
            except WrongReplicaFrame:
                continue
        sent = [self._ship(peer, edge) for peer, edge in list(self._edges.items())]
        if clock.steady_ns() - self._beaten_ns >= BEAT_NS:
            self._beat()
        return any(sent)

    def facts(self) -> dict[str, object]:
        """Return what the supervisor should know."""
        behind = [self._next_seq - edge.has_seq for edge in self._edges.values()]
        return {
            "edges": len(self._edges),
            "behind": max(0, *behind, 0),
            "refused_commands": self.refused_commands,
            "dropped_commands": self.dropped_commands,
        }

    def _hear(self, peer: bytes, frame: Frame) -> None:
        edge = self._edges.get(peer)
        if frame.word is Word.ASK:
            self._welcome(peer, frame)
        elif edge is None:
            return
        elif frame.word is Word.RECEIPT:
            edge.has_seq = min(frame.next_seq, edge.shipment.sent_seq)
        elif frame.word is Word.COMMANDS:
            self._enter(edge, frame.body)
        elif frame.word is Word.LEAVE:
            del self._edges[peer]

    def _welcome(self, peer: bytes, asked: Frame) -> None:
        if self._source is None or not asked.copy_id or self._is_ahead(asked):
            return
        number = self._number_of(asked.copy_id, asked.epoch)
        if not number:
            self._turn_away(asked.copy_id)
            return
        self._turned_away.clear()
        if peer not in self._edges:
            self._log.info("an edge has come %s", facts(number=number, next_seq=asked.next_seq))
        shipment = Shipment(self._source, asked, number)
        self._edges[peer] = _Edge(number, asked.copy_id, shipment, asked.next_seq)

    def _is_ahead(self, asked: Frame) -> bool:
        """Say whether it has to ask again, for it may be ahead by the rest of one batch."""
        if asked.next_seq <= self._next_seq:
            self._ahead_ns.pop(asked.copy_id, None)
            return False
        now_ns = clock.steady_ns()
        # An old note says nothing of today: one batch ahead, it would be taken for another journal at once.
        self._ahead_ns = {
            copy_id: (since_ns, last_ns)
            for copy_id, (since_ns, last_ns) in self._ahead_ns.items()
            if now_ns - last_ns < _FORGOTTEN_NS
        }
        since_ns, _ = self._ahead_ns.get(asked.copy_id, (now_ns, now_ns))
        if asked.copy_id in self._ahead_ns or len(self._ahead_ns) < endpoints.EDGES:
            self._ahead_ns[asked.copy_id] = since_ns, now_ns
        return now_ns - since_ns < AHEAD_NS

    def _turn_away(self, copy_id: int) -> None:
        """Say once of an edge that there is no place for it: it asks ten times a second."""
        if copy_id not in self._turned_away and len(self._turned_away) < endpoints.EDGES:
            self._turned_away.add(copy_id)
            self._log.error("one edge too many: %d are connected", len(self._edges))

    def _number_of(self, copy_id: int, had: int) -> int:
        """Return the number of an edge, which it keeps while it can; 0: there are too many."""
        number = self._numbers.pop(copy_id, 0) or self._free_number(had)
        if not number:
            here = {edge.copy_id for edge in self._edges.values()}
            gone = next((one for one in self._numbers if one not in here), 0)
            number = self._numbers.pop(gone, 0)
        if number:
            self._numbers[copy_id] = number
        return number

    def _free_number(self, had: int) -> int:
        """Return a number that no edge has, before all others the one that it had at another gate."""
        taken = set(self._numbers.values())
        start = had or self._first_number
        order = (1 + (start - 1 + one) % endpoints.EDGES for one in range(endpoints.EDGES))
        return next((one for one in order if one not in taken), 0)

    def _enter(self, edge: _Edge, body: bytes) -> None:
        """Hand commands to the matcher, in the name of the edge's waiters."""
        try:
            rows = from_edge(rows_in(Command, body), edge.number)
        except WrongFrame:
            self.refused_commands += 1
            return
        if not np.isin(rows["kind"], ENTERED).all():
            self.refused_commands += 1
            return
        self.dropped_commands += self._orders.send(frame_of(Command, rows)) is False

    def _ship(self, peer: bytes, edge: _Edge) -> bool:
        """Send an edge the next piece; True when there was one."""
        before = edge.shipment.sent_seq
        for frame in edge.shipment.pieces(self._next_seq, edge.has_seq):
            if not self._wire.send(peer, frame.pack()):
                del self._edges[peer]
                return False
        return edge.shipment.is_looking or edge.shipment.sent_seq > before

    def _beat(self) -> None:
        self._beaten_ns = clock.steady_ns()
        source = self._source
        if source is None:
            return
        word = Word.BEAT if self._is_open else Word.SHUT
        for peer, edge in list(self._edges.items()):
            whose = edge.copy_id if edge.shipment.is_looking else 0
            frame = Frame(
                word,
                self._next_seq,
                journal_id=source.journal_id,
                epoch=source.epoch,
                copy_id=whose,
                life=self._life,
            )
            if not self._wire.send(peer, frame.pack()):
                del self._edges[peer]


def serve(service: Service, settings: Settings) -> None:
    """Let edges come until told to stop."""
    folder = journal_folder(settings.data_dir)
    keys = Keys(settings.curve_folder, EDGES)
    guard = Guard(keys)
    try:
        wire = Counter(keys, place_of("edge.listen", settings.edge.listen), endpoints.GATE.limit)
    except (NoKeys, CannotListen) as error:
        guard.close()
        raise BadConfiguration(str(error)) from error
    orders = Push(endpoints.ORDERS.limit)
    orders.connect(endpoints.address(endpoints.ORDERS, service.run))
    # Listened to only to be woken up: what it tells can be seen in shared memory by then.
    market = Subscribe(endpoints.MARKET.limit)
    market.connect(endpoints.address(endpoints.MARKET, service.run))
    gate = Gate(wire, orders, service.log)
    board = Reader(service.run)
    epoch = 0
    has_more = False
    service.ready(listen=settings.edge.listen)
    while not service.stopping:
        wait_for_any(0 if has_more else _WAIT_MS, wire, market)
        for _ in market.drain(_FRAMES):
            pass
        try:
            status = board.current()["status"]
        except NotPublished:
            # It stands by, or is only starting: whoever has come hears nothing, and goes elsewhere.
            for _ in wire.drain(_FRAMES):
                pass
            service.beat_with(gate.facts)
            has_more = False
            continue
        if board.epoch != epoch:
            epoch = board.epoch
            gate.begin(_source(folder), epoch)
        turned_ns = clock.wall_ns() - int(status["heartbeat_ns"][0])
        is_open = int(status["ready"][0]) == READY and turned_ns < STANDS_STILL_NS
        has_more = gate.turn(int(status["seq"][0]) + 1, is_open=is_open)
        service.beat_with(gate.facts)
    for one in (wire, orders, market):
        one.close()
    guard.close()


def _source(folder: Path) -> Source:
    """Return what is sent: the journal that the matcher writes now."""
    last = segments.segments_in(folder)[-1]
    with last.open("rb") as file:
        head = segments.read_head(last, memoryview(file.read(segments.SEGMENT_HEAD)))
    return Source(folder, head.journal_id, head.epoch, (folder / FILE).read_bytes())


def main() -> int:
    """Start the gate with the settings of the environment."""
    settings = load()
    return run(
        "gate",
        settings.data_dir,
        settings.supervision.log_level,
        lambda service: serve(service, settings),
    )


if __name__ == "__main__":
    sys.exit(main())
