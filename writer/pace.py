"""When to write next: at once while little happens, in larger transactions while much does.

A transaction costs a few milliseconds of the writer's and the database's time whatever it holds. Written as
fast as that goes, a stream of orders becomes thousands of transactions of a few rows each, and the writer with
its database takes a core and a half. So when events already wait at the end of a write, it rests
for three times as long as that took (a quarter of the time is spent writing), at most 50 ms: that is how much later
a reader of history may be answered in a busy market. Whoever has fallen behind does not rest.
"""

import time
from collections.abc import Callable

REST_TIMES = 3.0
REST_LIMIT_S = 0.05


class Pace:
    """The rests of one writer; `limit` is the most events that one write takes."""

    def __init__(self, limit: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self._limit = limit
        self._sleep = sleep

    def rest(self, took_s: float, events: int, *, more: bool) -> None:
        """Rest after a write of so many events that took so long; `more`: others wait already."""
        if more and events < self._limit:
            self._sleep(min(REST_TIMES * took_s, REST_LIMIT_S))
