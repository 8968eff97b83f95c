"""Receive the stream of events in order: duplicates dropped, gaps named. Sans-I/O.

Every event carries `event_seq`, dense from 1 over the life of the exchange, and a matcher that was
restarted counts on where its journal ends. So a receiver needs one number, the next `event_seq` it
has not seen. Frames may come twice (a replay overlaps the live wire) or not at all (a full wire
drops); they never come in a wrong order on one wire, but a replay and a wire may be mixed freely.
"""

import numpy as np

from protocol.layout import Rows


class Gap(Exception):
    """Events are missing: `expected` is the first of them, `found` the first that came after."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"event {found} came where {expected} was expected")
        self.expected = expected
        self.found = found


class EventStream:
    """What one receiver has seen; `next_event_seq` is the first event that it has not."""

    def __init__(self, next_event_seq: int) -> None:
        self.next_event_seq = next_event_seq

    def take(self, rows: Rows) -> Rows:
        """Return those Event rows that are new, in order; none when all were seen before.

        The result is a view of `rows` when `rows` is dense, as every frame of the wire is.

        Raises: Gap when an event is missing before or among the rows; nothing is taken then.
        """
        seqs = rows["event_seq"]
        if len(seqs) == 0:
            return rows
        first, last = int(seqs[0]), int(seqs[-1])
        if last - first + 1 == len(seqs) and bool((np.diff(seqs) == 1).all()):
            fresh = rows[max(0, self.next_event_seq - first) :]
        else:
            seen = np.maximum.accumulate(np.concatenate(([self.next_event_seq - 1], seqs[:-1])))
            fresh = rows[seqs > seen]
        self._check(fresh)
        self.next_event_seq += len(fresh)
        return fresh

    def _check(self, fresh: Rows) -> None:
        wanted = np.arange(self.next_event_seq, self.next_event_seq + len(fresh))
        wrong = np.flatnonzero(fresh["event_seq"] != wanted)
        if len(wrong):
            raise Gap(int(wanted[wrong[0]]), int(fresh["event_seq"][wrong[0]]))
