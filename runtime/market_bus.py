"""The market between hosts, over Redis (or Valkey): the only place that knows its client library.

One relay writes, mirrors on other hosts read:

* channel `<prefix>:live`: a frame a tick, with the events of the tick and the depth after them; without
  events now and then a frame that only says how late it is;
* stream `<prefix>:frames`: the same frames with events, capped; the id of an entry is the number of its last
  event, so who misses events asks for those from the first missing number on;
* key `<prefix>:state`: the whole public market at some moment, to begin with.

Frames are packed and compressed (they are mostly zeros). Nothing here belongs to an account.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
import redis

from protocol.board import DepthLevel
from protocol.board_reads import DepthView
from protocol.layout import Rows
from protocol.records import FORMAT_VERSION

_TIMEOUT_S = 2.0
_LEVEL = 1
"""Of compression: rows of zeros shrink to a fifth at any level, this one is the fastest."""
_PAGE = 256
Away = redis.RedisError
"""What every call may raise: Redis is away, or refuses."""


class Depth(msgspec.Struct, array_like=True):
    """One book at one update id; the levels are DepthLevel rows."""

    instrument: int
    update_id: int
    seq: int
    at_ns: int
    complete: bool
    bids: bytes
    asks: bytes

    def view(self) -> DepthView:
        """Return it as a reader of the board sees it."""
        sides = (np.frombuffer(side, DepthLevel.dtype) for side in (self.bids, self.asks))
        return DepthView(self.update_id, self.seq, self.at_ns, self.complete, *sides)


def depth_of(instrument: int, view: DepthView) -> Depth:
    """Pack a book that was read off the board."""
    head = instrument, view.update_id, view.seq, view.at_ns, view.complete
    return Depth(*head, view.bids.tobytes(), view.asks.tobytes())


class Listings(msgspec.Struct, array_like=True):
    """The tables that say what is traded: rows of the board's blocks."""

    assets: bytes
    instruments: bytes
    terms: bytes


class Frame(msgspec.Struct, array_like=True):
    """The events of a tick (Event rows, dense numbers) and the market after them; `last` is the newest number."""

    version: int
    status: bytes
    last: int
    events: bytes
    depths: list[Depth]
    instruments: list[tuple[int, bytes]]
    listings: Listings | None


class State(msgspec.Struct, array_like=True):
    """The whole public market: `last` is the newest event in all of it; single books may be newer."""

    version: int
    status: bytes
    last: int
    listings: Listings
    capacity: int
    depth_levels: int
    depths: list[Depth]
    books: list[Depth]


class WrongVersion(RuntimeError):
    """Relay and mirror are of different releases."""


class MarketBus:
    """A connection to the bus; `url` as in `redis://host:6379/0`. Every method may raise Away."""

    kind = "redis"

    def __init__(self, url: str, prefix: str, frames: int) -> None:
        self._redis: Any = redis.Redis.from_url(
            url,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            health_check_interval=0,
        )
        self._live, self._frames, self._state = (
            f"{prefix}:{name}" for name in ("live", "frames", "state")
        )
        self._limit = frames
        self._listener: Any = None

    def send(self, frames: Iterable[Frame]) -> None:
        """Send frames in order, to those who listen now and for those who ask later."""
        pipe = self._redis.pipeline(transaction=False)
        for frame in frames:
            sent = packed(frame)
            if frame.events:
                about = {"maxlen": self._limit, "approximate": True, "id": f"{frame.last}-1"}
                pipe.xadd(self._frames, {b"f": sent}, **about)
            pipe.publish(self._live, sent)
        for answer in pipe.execute(raise_on_error=False):
            # Sent already, before the connection broke: the id says so.
            if isinstance(answer, Exception) and "equal or smaller" not in str(answer):
                raise answer

    def answer(self) -> None:
        """Do nothing: Redis answers who asks for state and frames."""

    def newest(self) -> int:
        """Return the newest event number that the stream has; 0: none."""
        found = self._redis.xrevrange(self._frames, count=1)
        return int(found[0][0].split(b"-")[0]) if found else 0

    def forget(self) -> None:
        """Remove the frames kept: they are of another journal."""
        self._redis.delete(self._frames, self._state)

    def keep(self, state: State) -> None:
        """Keep the whole market for those who begin."""
        self._redis.set(self._state, packed(state))

    def state(self) -> State | None:
        """Return the whole market as it was kept last; None: never.

        Raises: WrongVersion.
        """
        found = self._redis.get(self._state)
        return None if found is None else read(State, found)

    def listen(self) -> None:
        """Begin to listen; what was listened to before is left."""
        if self._listener is not None:
            self._listener.close()
        self._listener = self._redis.pubsub(ignore_subscribe_messages=True)
        self._listener.subscribe(self._live)
        # The confirmation: from here on nothing that is sent is missed.
        self._listener.get_message(timeout=_TIMEOUT_S)

    def heard(self, timeout_s: float) -> Frame | None:
        """Return the next frame; None when none came in time.

        Raises: WrongVersion.
        """
        message = self._listener.get_message(timeout=timeout_s)
        return None if message is None else read(Frame, message["data"])

    def since(self, event_seq: int) -> Iterator[Frame]:
        """Yield the frames kept that hold this event or later ones, oldest first."""
        begin = str(event_seq)
        while True:
            found = self._redis.xrange(self._frames, min=begin, count=_PAGE)
            for _, fields in found:
                yield read(Frame, fields[b"f"])
            if len(found) < _PAGE:
                return
            begin = f"({found[-1][0].decode()}"

    def close(self) -> None:
        """Let go of the connection."""
        self._redis.close()


def frame_of(status: Rows, events: Rows, last: int) -> Frame:
    """Make a frame of events; depth and the rest are added by the relay."""
    return Frame(FORMAT_VERSION, status.tobytes(), last, events.tobytes(), [], [], None)


def packed(what: Frame | State) -> bytes:
    """Write a frame or a state as it is sent."""
    return zlib.compress(msgspec.msgpack.encode(what), _LEVEL)


def read(kind: Any, sent: bytes) -> Any:
    """Read what `packed` wrote.

    Raises: WrongVersion.
    """
    try:
        found = msgspec.msgpack.decode(zlib.decompress(sent), type=kind)
    except (zlib.error, msgspec.DecodeError) as error:
        raise WrongVersion(f"what came from the other host cannot be read: {error}") from error
    if found.version != FORMAT_VERSION:
        raise WrongVersion(
            f"format version {found.version} came from the other host, {FORMAT_VERSION} expected: "
            "run the same release on all hosts"
        )
    return found
