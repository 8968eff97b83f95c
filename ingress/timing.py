"""The times of one request at its worker, which `ingress/stopwatch.py` counts.

Apart from the counting, because whoever asks the matcher notes these times, a command without a door too, and should not have
to load compiled code for it.
"""

from contextvars import ContextVar

from runtime import clock


class Timing:
    """The times of one request."""

    __slots__ = ("asked_ns", "asks", "begun_ns", "heard_ns", "seq")

    def __init__(self, begun_ns: int) -> None:
        self.begun_ns = begun_ns
        self.asks = self.asked_ns = self.heard_ns = self.seq = 0

    def asked(self, now_ns: int) -> None:
        """Note that its command is on its way."""
        self.asks += 1
        self.asked_ns = now_ns

    def heard(self, seq: int, now_ns: int) -> None:
        """Note that its answer, to command `seq`, is here."""
        self.seq = seq
        self.heard_ns = now_ns


PRESENT: ContextVar[Timing | None] = ContextVar("timing", default=None)
"""The request that the present task serves."""


def begin() -> Timing:
    """Start the clock of a request."""
    timing = Timing(clock.wall_ns())
    PRESENT.set(timing)
    return timing
