"""Every wire of the exchange: pattern, who binds, what travels, how much may wait, what happens then.

Addresses lie in one private directory per data directory (`run_dir`), because the path of a Unix
socket may not exceed 107 bytes however deep the data directory is.
"""

import hashlib
import os
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from protocol.layout import Record, Rows
from protocol.records import FORMAT_VERSION, Command, Event

REPLY_SLOTS = 1000
"""Waiters that may be attached to one matcher at a time; slot 0 means nobody."""
EDGES = np.iinfo(np.uint16).max // REPLY_SLOTS - 1
"""Hosts that may take orders for one exchange at a time; each has a thousand numbers behind these of its own."""


@dataclass(frozen=True)
class Wire:
    """One wire; `limit` counts frames waiting on the sender's side."""

    name: str
    pattern: str
    binds: str
    connects: str
    record: str
    limit: int
    when_full: str


ORDERS = Wire(
    "orders", "PUSH→PULL", "matcher", "ingress workers, commands", "Command", 10_000,
    "the sender refuses the request: -1008, HTTP 503; nothing was journaled",
)  # fmt: skip
REPLIES = Wire(
    "replies", "PUSH→PULL", "each waiter, one slot each", "matcher", "Event", 10_000,
    "frames for that waiter are dropped: its requests end as status unknown (-1007)",
)  # fmt: skip
EVENTS = Wire(
    "events", "PUSH→PULL", "writer", "matcher", "Event", 2_000,
    "frames are dropped: the writer sees the gap in event_seq and replays the journal",
)  # fmt: skip
MARKET = Wire(
    "market", "PUB→SUB", "matcher", "broadcasters; ingress workers with user data subscriptions", "Event", 2_000,
    "frames for that subscriber are dropped: it sees the gap; books begin anew from a fresh snapshot, "
    "user data is made again by a replay of the journal",
)  # fmt: skip
REPORTS = Wire(
    "reports", "PUSH→PULL", "supervisor", "all processes", "JSON text", 100,
    "reports are dropped: the next one says the same",
)  # fmt: skip
REPLICAS = Wire(
    "replicas", "ROUTER↔DEALER", "matcher in charge", "matcher that stands by", "places in the journal", 1_000,
    "frames are dropped: the one who stands by asks again from where it stands",
)  # fmt: skip
GATE = Wire(
    "gate", "ROUTER↔DEALER", "gate, over tcp with keys", "edge, on its host",
    "places in the journal; Command from there", 1_000,
    "journal: frames are dropped, the edge asks again from where it stands; orders: dropped, their requests "
    "end as status unknown (-1007)",
)  # fmt: skip
WIRES = (ORDERS, REPLIES, EVENTS, MARKET, REPORTS, REPLICAS, GATE)

_HEAD = struct.Struct("<4sHHQ")
_MAGIC = b"OBRS"
HEAD_SIZE = _HEAD.size
_CODES: dict[type[Record], int] = {Command: 1, Event: 2}


class WrongFrame(ValueError):
    """A frame that is not of this exchange, this version or this record."""


def run_dir(data_dir: Path) -> Path:
    """Return the private directory for sockets and other run-time files, made when missing.

    Raises: PermissionError when it exists but belongs to somebody else.
    """
    name = hashlib.sha256(str(data_dir.resolve()).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()) / f"openbourse-{name}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise PermissionError(
            f"{folder} belongs to another user; remove it or use another data directory"
        )
    folder.chmod(0o700)
    return folder


def address(wire: Wire, run: Path, slot: int = 0) -> str:
    """Return the ZeroMQ address of a wire; `slot` names the waiter on the replies wire."""
    return f"ipc://{run / wire.name}" + (f"-{slot}" if wire is REPLIES else "")


def from_edge(rows: Rows, number: int) -> Rows:
    """Return commands of an edge as the exchange takes them: who waits for their answers, waits there.

    Raises: WrongFrame when somebody waits in a slot that no edge has.
    """
    slots = rows["reply_to"]
    if (slots >= REPLY_SLOTS).any():
        raise WrongFrame("an edge that names another one's waiters")
    found = rows.copy()
    found["reply_to"] = np.where(slots == 0, 0, slots + number * REPLY_SLOTS)
    return found


def to_edge(rows: Rows, number: int) -> Rows:
    """Return events as an edge tells them: to its own waiters, and to nobody where others wait."""
    slots = rows["reply_to"].astype(np.int32) - number * REPLY_SLOTS
    found = rows.copy()
    found["reply_to"] = np.where((slots > 0) & (slots < REPLY_SLOTS), slots, 0)
    return found


def frame_of(record: type[Record], rows: Rows) -> bytes:
    """Make one wire frame: a 16-byte head (magic, format version, record, count) and the rows."""
    head = _HEAD.pack(_MAGIC, FORMAT_VERSION, _CODES[record], len(rows))
    # One copy, not two: a busy matcher's frames are most of what it moves. An array is a buffer as it is.
    return b"".join((head, rows if rows.flags.c_contiguous else rows.tobytes()))  # type: ignore[arg-type]


def frame_around(record: type[Record], records: bytes | bytearray) -> bytes:
    """Make the same frame of records that are bytes already."""
    count = len(records) // record.dtype.itemsize
    return _HEAD.pack(_MAGIC, FORMAT_VERSION, _CODES[record], count) + records


def rows_in(record: type[Record], frame: bytes | memoryview) -> Rows:
    """Read a wire frame as rows, without copying.

    Raises: WrongFrame for anything that `frame_of` of the same version did not make.
    """
    check_frame(record, frame)
    return np.frombuffer(frame, record.dtype, offset=HEAD_SIZE)


def check_frame(record: type[Record], frame: bytes | memoryview) -> None:
    """See that the whole records behind a frame's head are what it says, for who reads them without rows.

    Raises: WrongFrame for anything that `frame_of` of the same version did not make.
    """
    if len(frame) < HEAD_SIZE:
        raise WrongFrame(f"a frame of {len(frame)} bytes has no head")
    magic, version, code, count = _HEAD.unpack_from(frame)
    if magic != _MAGIC or code != _CODES[record]:
        raise WrongFrame(f"not a frame of {record.__name__} records")
    if version != FORMAT_VERSION:
        raise WrongFrame(
            f"format version {version} found, {FORMAT_VERSION} expected: restart all processes"
        )
    if len(frame) != HEAD_SIZE + count * record.dtype.itemsize or count == 0:
        raise WrongFrame(f"{count} {record.__name__} records do not fill {len(frame)} bytes")
