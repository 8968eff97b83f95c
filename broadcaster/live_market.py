"""The market as the broadcasters of the matcher's own host see it: through shared memory."""

from collections.abc import Callable

from protocol.board_reads import Array, Board, QueueRequests, QueueView
from runtime.catalogue import Catalogue
from runtime.shared import NotPublished


class LiveMarket(Catalogue):
    """The catalogue, and books order by order. `words` maps the words by which those are asked for."""

    def __init__(self, board: Board, words: Callable[[], Array]) -> None:
        super().__init__(board)
        self._queues_of = board
        self._words = words
        self._requests: QueueRequests | None = None

    def ask_queues(self, instrument: int) -> int | None:
        """Ask for the book order by order; return what `queues` wants to know, None: not now."""
        try:
            if self._requests is None:
                self._requests = QueueRequests(self._queues_of, self._words())
            return self._requests.ask(instrument)
        except NotPublished:
            return None

    def queues(self, instrument: int, asked: int) -> QueueView | None:
        """Return the snapshot that was asked for; None: not yet."""
        try:
            return None if self._requests is None else self._requests.answer(instrument, asked)
        except NotPublished:
            return None
