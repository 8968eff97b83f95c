"""What a replay needs from the place where a flow is played."""

from dataclasses import dataclass
from typing import Protocol

from commands.steps import Enter, Levels


class Rejected(Exception):
    """The venue rejected an order, a cancel or an amend; the text says why."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a venue's book looks like; levels best first, at most as many as were asked for."""

    bids: Levels
    asks: Levels
    level_counts: tuple[int, int]
    open_orders: int


class Venue(Protocol):
    """Where a flow is played. Orders go by the file's names."""

    def enter(self, step: Enter) -> list[tuple[str, int]]:
        """Enter an order; give the resting orders it traded with and how much.

        Raises: Rejected.
        """

    def cancel(self, name: str) -> None:
        """Cancel a resting order.

        Raises: Rejected.
        """

    def amend(self, name: str, qty: int) -> None:
        """Reduce a resting order to a total quantity, keeping its place.

        Raises: Rejected.
        """

    def book(self, levels: int | None) -> Seen:
        """Give the best `levels` of both sides; None: all there are."""

    def close(self) -> None:
        """Take back what the flow left in the book."""
