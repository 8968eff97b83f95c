"""Depth beyond what is published with every batch: ask the matcher for it, and wait a moment."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from ingress import errors
from ingress.views import Instrument, Views
from protocol.board_reads import DeepRequests, DepthView, QueueRequests, QueueView

WAIT_S = 1.0
_PAUSE_S = 0.001


class Queues:
    """The book order by order, for one worker. `words` as for `DeepDepth`."""

    def __init__(self, views: Views, words: Callable[[int], npt.NDArray[Any]]) -> None:
        self._views = views
        self._words = words
        self._requests: QueueRequests | None = None

    async def get(self, instrument: Instrument) -> QueueView:
        """Return every order of a book, not behind what was acknowledged.

        Raises: Refused (-1001) when the matcher makes no snapshot in time.
        """
        if self._requests is None:
            words = self._words(self._views.capacity())
            self._requests = QueueRequests(self._views.board, words)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_S
        seq = self._requests.ask(instrument.number)
        while (view := self._requests.answer(instrument.number, seq)) is None:
            if loop.time() > deadline:
                raise errors.disconnected()
            await asyncio.sleep(_PAUSE_S)
        return view


class DeepDepth:
    """Deep snapshots for one worker. `words` maps the words of all instruments, given their number."""

    def __init__(self, views: Views, words: Callable[[int], npt.NDArray[Any]]) -> None:
        self._views = views
        self._words = words
        self._requests: DeepRequests | None = None

    async def get(self, instrument: Instrument) -> DepthView:
        """Return the whole book, up to DEEP_LEVELS a side, not behind what was acknowledged.

        Raises: Refused (-1001) when the matcher makes none in time.
        """
        if self._requests is None:
            words = self._words(self._views.capacity())
            self._requests = DeepRequests(self._views.board, words)
        seq = self._requests.ask(instrument.number)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + WAIT_S
        while (view := self._requests.answer(instrument.number, seq)) is None:
            if loop.time() > deadline:
                raise errors.disconnected()
            await asyncio.sleep(_PAUSE_S)
        return view
