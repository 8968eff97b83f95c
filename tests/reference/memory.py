"""Remember the last so many keys for so long: finished text ids, done deposits."""

from collections.abc import Hashable


class Memory:
    """The `capacity` keys noted last, each for `window_ns` (None: as long as there is room)."""

    def __init__(self, capacity: int, window_ns: int | None) -> None:
        self._capacity = capacity
        self._window_ns = window_ns
        self._noted = 0
        self._latest: dict[Hashable, tuple[int, int]] = {}

    def note(self, key: Hashable, at_ns: int) -> None:
        """Note `key` as the newest; the oldest is forgotten when there are too many."""
        self._noted += 1
        self._latest[key] = (self._noted, at_ns)

    def holds(self, key: Hashable, now_ns: int) -> bool:
        """Say whether `key` was noted recently enough. Its latest note is all that matters."""
        if key not in self._latest:
            return False
        number, at_ns = self._latest[key]
        if number <= self._noted - self._capacity:
            return False
        return self._window_ns is None or now_ns < at_ns + self._window_ns
