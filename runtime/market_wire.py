"""The market between hosts over ZeroMQ, encrypted, without a server between them.

What the relay says over Redis (`runtime/market_bus.py`) it can say to the mirrors itself: frames on one port; on the next one it
answers who asks for the market as it stands, or for frames that were missed. Both sides have the methods of a
`MarketBus`, and raise what it raises.
"""

from collections import deque
from collections.abc import Iterable, Iterator

from runtime.curve import Announcer, CannotListen, Desk, Guard, Keys, Listener, ask
from runtime.market_bus import Away, Frame, State, packed, read

_STATE, _SINCE = b"state", b"since "
_PAGE = 256
LAST_PORT = 65535
_TIMEOUT_S = 2.0
_LIMIT = 2_000
"""Frames that wait for a slow mirror; what is lost beyond them it asks for."""


class Unreachable(Away):
    """Nobody answers."""


class MarketDoor:
    """The relay's side: it listens, at `place` (host:port) and the port behind it."""

    kind = "the wire"

    def __init__(self, keys: Keys, place: str, frames: int) -> None:
        keys.own()
        # Before anything listens: ZeroMQ lets everybody in while there is nobody to ask.
        self._guard = Guard(keys)
        try:
            self._announcer = Announcer(keys, place, _LIMIT)
            self._desk = Desk(keys, next_port(place), _LIMIT)
        except CannotListen:
            self._guard.close()
            raise
        self._kept: deque[tuple[int, bytes]] = deque(maxlen=frames)
        self._market = b""

    def send(self, frames: Iterable[Frame]) -> None:
        """Send frames in order, to those who listen now and for those who ask later."""
        for frame in frames:
            sent = packed(frame)
            if frame.events:
                self._kept.append((frame.last, sent))
            self._announcer.send(sent)

    def answer(self) -> None:
        """Answer everybody who asks now; call it often."""
        while (found := self._desk.asked()) is not None:
            who, what = found
            if what == _STATE:
                self._desk.answer(who, [self._market])
            elif what.startswith(_SINCE) and what[len(_SINCE) :].isdigit():
                first = int(what[len(_SINCE) :])
                wanted = (sent for last, sent in self._kept if last >= first)
                self._desk.answer(who, [b"", *(sent for sent, _ in zip(wanted, range(_PAGE), strict=False))])  # fmt: skip

    def newest(self) -> int:
        """Return the newest event number that is kept; 0: none."""
        return self._kept[-1][0] if self._kept else 0

    def forget(self) -> None:
        """Remove the frames kept: they are of another journal."""
        self._kept.clear()
        self._market = b""

    def keep(self, state: State) -> None:
        """Keep the whole market for those who begin."""
        self._market = packed(state)

    def close(self) -> None:
        """Stop listening."""
        self._announcer.close()
        self._desk.close()
        self._guard.close()


class MarketLink:
    """The mirror's side: it connects to the relay at `place`, whose public key it must know."""

    kind = "the wire"

    def __init__(self, keys: Keys, server_key: str, place: str) -> None:
        self._keys = keys
        self._server_key = server_key
        self._place = place
        self._listener: Listener | None = None
        self._waiting: deque[bytes] = deque()

    def state(self) -> State | None:
        """Return the whole market as it was kept last; None: not yet.

        Raises: WrongVersion, Unreachable.
        """
        [found] = self._ask(_STATE)
        market: State | None = read(State, found) if found else None
        return market

    def listen(self) -> None:
        """Begin to listen; from the first frame on nothing that is sent is missed.

        Raises: Unreachable.
        """
        if self._listener is not None:
            self._listener.close()
        self._listener = Listener(self._keys, self._server_key, self._place, _LIMIT)
        self._waiting.clear()
        first = self._listener.heard(_TIMEOUT_S)
        if first is None:
            raise self._silent()
        self._waiting.append(first)

    def heard(self, timeout_s: float) -> Frame | None:
        """Return the next frame; None when none came in time.

        Raises: WrongVersion.
        """
        assert self._listener is not None, "listen first"
        sent = self._waiting.popleft() if self._waiting else self._listener.heard(timeout_s)
        frame: Frame | None = None if sent is None else read(Frame, sent)
        return frame

    def since(self, event_seq: int) -> Iterator[Frame]:
        """Yield the frames kept that hold this event or later ones, oldest first.

        Raises: WrongVersion, Unreachable.
        """
        while True:
            _, *found = self._ask(_SINCE + str(event_seq).encode())
            for sent in found:
                frame: Frame = read(Frame, sent)
                event_seq = frame.last + 1
                yield frame
            if len(found) < _PAGE:
                return

    def close(self) -> None:
        """Let go of the connection."""
        if self._listener is not None:
            self._listener.close()

    def _ask(self, what: bytes) -> list[bytes]:
        place = next_port(self._place)
        found = ask(self._keys, self._server_key, place, what, _TIMEOUT_S)
        if found is None:
            raise self._silent()
        return found

    def _silent(self) -> Unreachable:
        return Unreachable(
            f"nobody answers at {self._place}: it is away, it does not know this host's key "
            "(`openbourse keys trust` there), or wire.source_key is not its key"
        )


def place_of(setting: str, text: str) -> str:
    """Return a setting that must be host:port.

    Raises: CannotListen.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < LAST_PORT:
        raise CannotListen(
            f"{setting} is {text!r}; host:port is needed, and the port behind it is used, too"
        )
    return text


def next_port(place: str) -> str:
    """Return host:port with the port behind this one."""
    host, _, port = place.rpartition(":")
    return f"{host}:{int(port) + 1}"
