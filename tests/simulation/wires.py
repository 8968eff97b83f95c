"""Wires with a limit that drop, duplicate and delay frames, in order as a real one keeps them."""

from collections import deque
from collections.abc import Callable, Iterator

from tests.simulation.faults import Fate


class SimWire:
    """One wire between two processes; both ends in one object."""

    def __init__(self, fate: Fate, now_ns: Callable[[], int], limit: int) -> None:
        self._fate = fate
        self._now_ns = now_ns
        self._limit = limit
        self.frames: deque[tuple[int, bytes]] = deque()
        self._last_ns = 0

    def send(self, frame: bytes) -> bool:
        """Hand over a frame; False when the wire is full."""
        self._fate.step()
        self._fate.trace(frame)
        if len(self.frames) >= self._limit:
            self._fate.note("full wire")
            return False
        if not self._fate.strikes("drop"):
            self.frames.append((self._arrival_ns(), frame))
            if self._fate.strikes("duplicate"):
                self.frames.append((self._arrival_ns(), frame))
        return True

    def drain(self, limit: int) -> Iterator[bytes]:
        """Yield frames that have arrived."""
        for _ in range(limit):
            if not self.wait(0):
                return
            yield self.frames.popleft()[1]

    def wait(self, timeout_ms: int) -> bool:
        """Say whether a frame has arrived; virtual time does not pass meanwhile."""
        return bool(self.frames) and self.frames[0][0] <= self._now_ns()

    def close(self, linger_ms: int = 0) -> None:
        """Close an end: what was taken still leaves."""

    def lose_some(self) -> None:
        """One end died: frames in its buffers are lost, from either end of the wire."""
        for _ in range(self._fate.rng.randrange(len(self.frames) + 1)):
            if self._fate.rng.random() < 0.5:
                self.frames.popleft()
            else:
                self.frames.pop()

    def _arrival_ns(self) -> int:
        delay_ns = int(self._fate.rng.random() * self._fate.rates.delay_ms * 1e6)
        self._last_ns = max(self._last_ns, self._now_ns() + delay_ns)
        return self._last_ns


class SimPublish:
    """The sending end of PUB: every subscriber has a wire of its own."""

    def __init__(self, subscribers: list[SimWire]) -> None:
        self._subscribers = subscribers

    def send(self, frame: bytes) -> None:
        """Send to all who have room."""
        for wire in self._subscribers:
            wire.send(frame)

    def close(self, linger_ms: int = 0) -> None:
        """Close: what was taken still leaves."""
