"""The only readers of the machine's clocks."""

import time


def wall_ns() -> int:
    """Nanoseconds since 1970, UTC; may jump when the machine's clock is set."""
    return time.time_ns()


def steady_ns() -> int:
    """Nanoseconds that never go back; only differences mean anything."""
    return time.monotonic_ns()
