"""Run a coroutine without a task: begun at once, and gone on with as soon as what it waits for is done.

A task is begun by the loop, woken by it, and each who wants to know of its end is called by it: for a request that waits
once, that is four entries in the loop's list, where one is enough. What runs as an errand may wait for futures of the event
loop and nothing else, and may ask for no current task, since there is none: no timeouts, no clients of a database.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any


class Errand:
    """One coroutine under way; `done` is called when it ends, be it at once."""

    __slots__ = ("_done", "_waited", "_work", "error")

    def __init__(self, work: Coroutine[Any, Any, None], done: Callable[["Errand"], None]) -> None:
        self.error: BaseException | None = None
        """What the coroutine ended with, when that was an exception."""
        self._work = work
        self._done = done
        self._waited: asyncio.Future[Any] | None = None

    def begin(self, context: Context) -> None:
        """Run it up to where it waits, with the variables of this context."""
        context.run(self._go_on)

    def cancel(self, msg: Any = None) -> bool:
        """Cancel what it waits for, as a task would (the server does it to what does not end when it stops)."""
        return self._waited is not None and self._waited.cancel(msg)

    def _go_on(self, _waited: "asyncio.Future[Any] | None" = None) -> None:
        try:
            waited = self._work.send(None)
        except StopIteration:
            self._done(self)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - kept for whoever began it, as a task keeps it
            self.error = error
            self._done(self)
        else:
            assert isinstance(waited, asyncio.Future), "an errand waits for futures only"
            self._waited = waited
            waited.add_done_callback(self._go_on)
