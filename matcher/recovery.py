"""Bring the state back: read the journal and apply it, as it was applied the first time.

The events of a replay are told to nobody: whoever waited for them has long been told "status
unknown", and the books of record and the streams find their own gaps.
"""

from collections.abc import Callable, Iterable

from matcher.core.engine import Engine
from protocol.layout import Rows
from runtime import clock

TELL_NS = 2_000_000_000
"""How often a long replay says how far it is."""


def replay_into(
    engine: Engine,
    batches: Iterable[Rows],
    *,
    take: Callable[[Rows], None] | None = None,
    tell: Callable[[int, float], None] | None = None,
) -> int:
    """Apply batches of stamped commands; return how many commands that were.

    `take` gets the events; `tell` now and then the last seq and the commands per second.
    """
    begun_ns = told_ns = clock.steady_ns()
    count = 0
    for rows in batches:
        apply(engine, rows, take)
        count += len(rows)
        now_ns = clock.steady_ns()
        if tell and now_ns - told_ns >= TELL_NS:
            told_ns = now_ns
            tell(int(rows["seq"][-1]), count / ((now_ns - begun_ns) / 1e9))
    return count


def apply(engine: Engine, rows: Rows, take: Callable[[Rows], None] | None) -> None:
    """Apply all of `rows`; `take` gets the events, of whole commands, valid until it returns."""
    while len(rows):
        events, consumed = engine.apply(rows)
        if take:
            take(events)
        rows = rows[consumed:]
