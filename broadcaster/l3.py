"""The order-by-order feed: what happens to each resting order, as `<symbol>@orders` (docs/l3.md). Sans-I/O.

Every visible change of a book is the change of one order and has the instrument's next update id (rule
D-1), so that id is the feed's sequence number: dense, the same in every broadcaster and after every restart,
and the same that depth and snapshots carry.

All that is told stands in the event, but one thing: how much an iceberg shows. That is remembered, so
the feed of an instrument begins with a snapshot of its queues (`needs`, `load`); until it is there events
wait. After lost events it begins anew. What nobody listens to is not followed.
"""

from collections.abc import Callable, Container, Sequence

from broadcaster.messages import Body, Message, OrderChange, OrdersBegin
from protocol.board_reads import QueueView
from protocol.layout import Rows
from protocol.names import Instrument
from protocol.terms import EventFlag, EventKind

ENDING = "@orders"
WAITING_LIMIT = 50_000
"""Events that may wait for a snapshot; beyond them another one is asked for."""
_LEVEL = int(EventFlag.LEVEL)
_TRADE = int(EventKind.TRADE)
_ADDS = {int(kind) for kind in (EventKind.ACCEPTED, EventKind.RESTED, EventKind.TRIGGERED)}
_COLUMNS = (
    "kind", "at_ns", "side", "order_id", "price", "leaves_qty", "display_qty", "update_id",
    "last_px", "last_qty", "trade_id",
)  # fmt: skip
Facts = tuple[int, int, int, int, int, int, int, int, int, int, int]


class _Queue:
    """What the feed knows of one instrument."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.stream = f"{instrument.symbol.lower()}{ENDING}"
        self.last_id: int | None = None
        """The newest change told; None: the feed has not begun."""
        self.shown: dict[int, int] = {}
        """What each iceberg shows."""
        self.waiting: list[Rows] | None = None
        """Events that came since a snapshot was asked for; None: none was."""


class Orders:
    """The feeds of all instruments. `wanted` tells which streams anybody listens to."""

    def __init__(
        self, catalogue: Callable[[], Sequence[Instrument]], wanted: Container[str]
    ) -> None:
        self._catalogue = catalogue
        self._wanted = wanted
        self._queues: dict[int, _Queue] = {}
        self._by_stream: dict[str, _Queue] = {}

    def learn(self) -> None:
        """Look at the catalogue: instruments may have been added."""
        for number, instrument in enumerate(self._catalogue()):
            if number not in self._queues:
                queue = self._queues[number] = _Queue(instrument)
                self._by_stream[queue.stream] = queue

    def take(self, rows: Rows, now_ns: int) -> list[Message]:
        """Take in Event rows in order; return what is to be told."""
        out: list[Message] = []
        for number, queue in self._queues.items():
            if queue.last_id is None and queue.waiting is None:
                continue
            if queue.stream not in self._wanted:
                _forget(queue)
                continue
            changes = rows[((rows["flags"] & _LEVEL) != 0) & (rows["instrument"] == number)]
            if queue.waiting is None:
                _tell(queue, changes, now_ns, out)
            elif len(changes):
                queue.waiting.append(changes.copy())
                if sum(map(len, queue.waiting)) > WAITING_LIMIT:
                    queue.waiting = None
        return out

    def lost(self) -> None:
        """Note that events were lost: every feed begins anew."""
        for queue in self._queues.values():
            _forget(queue)

    def needs(self) -> list[int]:
        """Return the instruments of which a snapshot is to be asked for now; events wait from here on."""
        self.learn()
        found = []
        for number, queue in self._queues.items():
            if queue.last_id is None and queue.stream in self._wanted:
                if queue.waiting is None:
                    queue.waiting = []
                found.append(number)
        return found

    def load(self, number: int, view: QueueView, now_ns: int) -> list[Message]:
        """Begin a feed with a snapshot that was asked for, and tell what came since."""
        queue = self._queues[number]
        if queue.waiting is None:
            return []
        waiting, queue.waiting = queue.waiting, None
        queue.last_id = view.update_id
        for side in (view.bids, view.asks):
            bergs = side[side["iceberg"] != 0]
            queue.shown.update(zip(bergs["order_id"].tolist(), bergs["qty"].tolist(), strict=True))
        out = [Message(queue.stream, OrdersBegin(queue.instrument, view.update_id, now_ns))]
        for rows in waiting:
            _tell(queue, rows, now_ns, out)
        return out

    def current(self, stream: str, now_ns: int) -> Body | None:
        """Return where a feed stands; None for other streams, and before it has begun."""
        queue = self._by_stream.get(stream)
        if queue is None or queue.last_id is None:
            return None
        return OrdersBegin(queue.instrument, queue.last_id, now_ns)


def _forget(queue: _Queue) -> None:
    queue.last_id = None
    queue.shown.clear()
    queue.waiting = None


def _tell(queue: _Queue, rows: Rows, now_ns: int, out: list[Message]) -> None:
    for facts in zip(*(rows[name].tolist() for name in _COLUMNS), strict=True):
        assert queue.last_id is not None
        if facts[7] > queue.last_id:
            queue.last_id = facts[7]
            out.append(Message(queue.stream, _change(queue, facts, now_ns)))


def _change(queue: _Queue, facts: Facts, now_ns: int) -> OrderChange:
    kind, at_ns, side, order_id, price, leaves, display, update_id, last_px, last_qty, trade_id = (
        facts
    )
    before = queue.shown.get(order_id, leaves)
    traded, refreshed = 0, False
    if kind in _ADDS:
        what, shown = "ADD", min(display, leaves) if display else leaves
    elif kind == _TRADE:
        what, traded = "TRADE", last_qty
        refreshed = bool(display) and leaves > 0 and traded >= before
        shown = before - traded if display and not refreshed else leaves
        if refreshed:
            shown = min(display, leaves)
    else:
        # Amended or prevented in part it keeps its place; an iceberg loses what is hidden first.
        what, shown = ("REDUCE" if leaves else "REMOVE"), min(before, leaves)
    if display and leaves:
        queue.shown[order_id] = shown
    else:
        queue.shown.pop(order_id, None)
        shown = leaves
    order = order_id, side, price, shown
    trade = (last_px, traded, trade_id, refreshed) if traded else (0, 0, 0, False)
    told_ns = max(now_ns, at_ns)
    return OrderChange(queue.instrument, update_id, what, *order, *trade, at_ns, told_ns)
