"""The only home of ZeroMQ: six socket kinds that never block the caller.

A context is made in the process that uses it, never before a fork: a context that crossed a fork
sends into the void without an error. Sending tells whether the frame was taken. Receiving drains.
"""

import asyncio
import os
from collections.abc import Callable, Iterator

import zmq
from zmq.utils import z85

_RECONNECT_MS = 10
"""Pause between two tries to reach a side that is not there: a part of every switch-over."""
_LOOKS = 2
"""Frames that are looked for before they are taken."""
_contexts: dict[int, zmq.Context[zmq.Socket[bytes]]] = {}


def context() -> zmq.Context[zmq.Socket[bytes]]:
    """Return the context of this process."""
    pid = os.getpid()
    if pid not in _contexts:
        _contexts[pid] = zmq.Context()
    return _contexts[pid]


class _Socket:
    def __init__(self, kind: int, limit: int) -> None:
        self._socket = context().socket(kind)
        self._socket.set_hwm(limit)
        self._socket.linger = 0
        self._socket.reconnect_ivl = _RECONNECT_MS
        self._inwards = [(self._socket, zmq.POLLIN)]
        self._outwards = [(self._socket, zmq.POLLOUT)]
        self._was_full = False

    def bind(self, address: str) -> None:
        """Bind, taking over the address of a dead process."""
        self._socket.bind(address)

    def connect(self, address: str) -> None:
        """Connect; the other side need not be there yet."""
        self._socket.connect(address)

    def fileno(self) -> int:
        """Return the descriptor to `select` on; edge-triggered: drain to the end before every wait."""
        return int(self._socket.fileno())

    def close(self, linger_ms: int = 0) -> None:
        """Close, giving frames already taken `linger_ms` to leave."""
        self._socket.close(linger_ms)

    def _send(self, frame: bytes) -> bool:
        # An `Again` takes several times as long as a look, and as a frame that is taken.
        if self._was_full and not zmq.zmq_poll(self._outwards, 0):
            return False
        try:
            self._socket.send(frame, zmq.NOBLOCK)
        except zmq.Again:
            self._was_full = True
            return False
        self._was_full = False
        return True

    def _drain(self, limit: int) -> Iterator[bytes]:
        for number in range(limit):
            # Looked at first, for the same reason; but where two have come there are often many, and
            # four looks take as long as one `Again`.
            if number < _LOOKS and not zmq.zmq_poll(self._inwards, 0):
                return
            try:
                yield self._socket.recv(zmq.NOBLOCK)
            except zmq.Again:
                return

    def _wait(self, timeout_ms: int) -> bool:
        # `Socket.poll` makes a poller each time, which takes as long as looking.
        return bool(zmq.zmq_poll(self._inwards, timeout_ms))


def wait_for_any(timeout_ms: int, *wires: _Socket) -> None:
    """Wait until a frame has come on one of the wires."""
    zmq.zmq_poll([(wire._socket, zmq.POLLIN) for wire in wires], timeout_ms)  # noqa: SLF001 - their home


class _Receiving(_Socket):
    def drain(self, limit: int) -> Iterator[bytes]:
        """Yield up to `limit` frames that wait now, without waiting for more."""
        return self._drain(limit)

    def wait(self, timeout_ms: int) -> bool:
        """Wait for a frame; False when none came in time."""
        return self._wait(timeout_ms)

    def attach(
        self,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[list[bytes]], None],
        limit: int = 1000,
    ) -> None:
        """Call `take` with up to `limit` frames at a time, on `loop`, whenever some have come."""

        # The descriptor is edge-triggered: it must be drained to EAGAIN at every signal, and looked
        # at once now for what came before the reader was added. Between two portions the loop takes
        # a turn: a sender that is faster than `take` must not keep it from everything else.
        def drain() -> None:
            if frames := list(self._drain(limit)):
                take(frames)
                if len(frames) == limit:
                    loop.call_soon(drain)

        loop.add_reader(self._socket.fileno(), drain)
        loop.call_soon(drain)


class Push(_Socket):
    """Sending end of a PUSH→PULL wire; `retry_ms` is the longest pause between two tries to reach the other."""

    def __init__(self, limit: int, retry_ms: int = _RECONNECT_MS) -> None:
        super().__init__(zmq.PUSH, limit)
        self._socket.reconnect_ivl_max = retry_ms

    def send(self, frame: bytes) -> bool:
        """Hand over one frame; False when `limit` frames wait already and this one was not taken."""
        return self._send(frame)


class Pull(_Receiving):
    """Receiving end of a PUSH→PULL wire."""

    def __init__(self, limit: int) -> None:
        super().__init__(zmq.PULL, limit)


class Publish(_Socket):
    """Sending end of a PUB→SUB wire: never full, a slow subscriber's frames are dropped."""

    def __init__(self, limit: int) -> None:
        super().__init__(zmq.PUB, limit)

    def send(self, frame: bytes) -> None:
        """Send one frame to every subscriber that has room for it."""
        self._send(frame)


class Subscribe(_Receiving):
    """Receiving end of a PUB→SUB wire."""

    def __init__(self, limit: int) -> None:
        super().__init__(zmq.SUB, limit)
        self._socket.setsockopt(zmq.SUBSCRIBE, b"")


class Serve(_Socket):
    """The bound end of a ROUTER↔DEALER wire: frames come with the name of who sent them.

    With a `key` (32 secret bytes that both ends have) the wire is encrypted by CURVE: who does not have it
    can neither connect nor read. The server's public key, without which nobody can connect, is never
    told to anyone, but made of the key at both ends.
    """

    def __init__(self, limit: int, key: bytes = b"") -> None:
        super().__init__(zmq.ROUTER, limit)
        if key:
            self._socket.curve_secretkey = z85.encode(key)
            self._socket.curve_server = True
        # A peer that has gone, or takes nothing, is an error to see and not a silent loss.
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)

    def send(self, peer: bytes, frame: bytes) -> bool:
        """Hand over one frame for `peer`; False when it has gone or takes no more."""
        try:
            self._socket.send_multipart((peer, frame), zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
                return False
            raise
        return True

    def drain(self, limit: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield up to `limit` frames that wait now, each with the name of its sender."""
        for _ in range(limit):
            if not self._wait(0):
                return
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            # Whatever a stranger sends, only name and frame are looked at.
            yield parts[0], parts[-1]

    def wait(self, timeout_ms: int) -> bool:
        """Wait for a frame; False when none came in time."""
        return self._wait(timeout_ms)


class Ask(_Socket):
    """The connecting end of a ROUTER↔DEALER wire; `key` as in `Serve`."""

    def __init__(self, limit: int, key: bytes = b"") -> None:
        super().__init__(zmq.DEALER, limit)
        if key:
            secret = z85.encode(key)
            public = zmq.curve_public(secret)
            self._socket.curve_secretkey = secret
            self._socket.curve_publickey = self._socket.curve_serverkey = public
        # Nothing is kept for one who is not there: what is asked is asked anew when it comes.
        self._socket.setsockopt(zmq.IMMEDIATE, 1)

    def send(self, frame: bytes) -> bool:
        """Hand over one frame; False when nobody is there to take it."""
        return self._send(frame)

    def drain(self, limit: int) -> Iterator[bytes]:
        """Yield up to `limit` frames that wait now, without waiting for more."""
        return self._drain(limit)

    def wait(self, timeout_ms: int) -> bool:
        """Wait for a frame; False when none came in time."""
        return self._wait(timeout_ms)
