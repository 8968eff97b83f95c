"""Show the books that readers have asked for: deep ones, and the queues order by order."""

import numpy as np
import numpy.typing as npt

from matcher.core.engine import Engine
from runtime import clock

DEEP_A_TURN = 4
"""Deep snapshots made in one turn at most: each takes up to a millisecond."""
QUEUES_SHARE = 20
"""Snapshots of queues may take one part in so many of the loop's time: a full book takes milliseconds."""


class AskedBooks:
    """Looks at the words by which readers ask, one per instrument, and publishes what they ask for."""

    def __init__(
        self,
        engine: Engine,
        deep_words: npt.NDArray[np.int64],
        queue_words: npt.NDArray[np.int64],
    ) -> None:
        self._engine = engine
        self._status = engine.blocks["status"]
        self._deep_words = deep_words
        self._queue_words = queue_words
        self._queues_from_ns = 0
        self._listed = 0
        self._look_at(0)

    def turn(self) -> None:
        """Publish what is due now."""
        listed = int(self._status["instruments"][0])
        if listed != self._listed:
            self._look_at(listed)
        # Nearly always nobody asks; counting is the cheapest look at an array.
        if np.count_nonzero(self._deep_asked):
            self._make_deep_snapshots()
        if np.count_nonzero(self._queues_asked):
            self._make_queue_snapshot()

    def _look_at(self, listed: int) -> None:
        """Heed the words of the instruments that there are."""
        self._listed = listed
        self._deep_asked = self._deep_words[:listed]
        self._queues_asked = self._queue_words[:listed]

    def _make_deep_snapshots(self) -> None:
        for instrument in np.flatnonzero(self._deep_asked)[:DEEP_A_TURN]:
            # Cleared first: what is asked for from here on is asked of the next turn.
            self._deep_asked[instrument] = 0
            self._engine.publish_deep(int(instrument))

    def _make_queue_snapshot(self) -> None:
        began_ns = clock.steady_ns()
        if began_ns < self._queues_from_ns:
            return
        instrument = int(np.flatnonzero(self._queues_asked)[0])
        self._queues_asked[instrument] = 0
        self._engine.publish_queues(instrument)
        now_ns = clock.steady_ns()
        self._queues_from_ns = now_ns + QUEUES_SHARE * (now_ns - began_ns)
