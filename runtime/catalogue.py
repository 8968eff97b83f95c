"""Names of instruments, assets and groups out of shared memory, read when they are first needed."""

from protocol.board_reads import Board, DepthView, Unreadable
from protocol.layout import Rows
from protocol.names import Asset, Instrument, assets_on, instruments_on
from protocol.user_feed import Names
from runtime.shared import NotPublished


class Catalogue:
    """What the feeds ask of the board. While the matcher is being replaced it says what it knew."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._instruments: list[Instrument] = []
        self._assets: list[Asset] = []

    def instruments(self) -> list[Instrument]:
        """Return all instruments, by number, read anew."""
        try:
            self._assets = assets_on(self._board)
            self._instruments = instruments_on(self._board)
        except NotPublished:
            pass
        return self._instruments

    def depth(self, instrument: int) -> DepthView | None:
        """Return the newest published depth; None while there is none to read."""
        try:
            return self._board.depth(instrument)
        except (NotPublished, Unreadable):
            return None

    def state(self, instrument: int) -> Rows | None:
        """Return a copy of an instrument's market state; None while there is none to read."""
        try:
            return self._board.instrument(instrument)
        except NotPublished:
            return None

    def clock_ns(self) -> int:
        """Return the matcher's clock of its last turn: all that was stamped before it has been told."""
        try:
            return int(self._board.status()["heartbeat_ns"])
        except NotPublished:
            return 0

    def event_seq(self) -> int:
        """Return the last event that the matcher has told; 0 while that is not known."""
        try:
            return int(self._board.status()["event_seq"])
        except NotPublished:
            return 0

    def names(self) -> Names:
        """Return what the user feed asks."""
        return Names(self._instrument, self._asset, self._trade_group)

    def _instrument(self, number: int) -> Instrument:
        if number >= len(self._instruments):
            self.instruments()
        return self._instruments[number]

    def _asset(self, number: int) -> Asset:
        if number >= len(self._assets):
            self.instruments()
        return self._assets[number]

    def _trade_group(self, account: int) -> int:
        try:
            return self._board.account(account).trade_group
        except (NotPublished, Unreadable):
            return 0
