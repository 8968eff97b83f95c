"""Depth windows: the level changes of a stretch of time as one difference (API section 11.2).

A window holds the changes `first_id` … `last_id`, and the last quantity of each level wins. The
update ids of an instrument are dense (rule D-1), so windows that follow each other without a loss
have first_id == last_id of the previous + 1, which is all a client checks. A change that does not
follow the window's last one means that changes were lost: the window must be closed before it, for
a window over the hole would claim to contain what it does not.

`KnownLevels` remembers the levels that were told, for one purpose: when the newest change of a book
that has become quiet was lost, its id alone cannot show the hole (it would continue the last one's),
so it has to be found and told.
"""

from broadcaster.messages import DepthUpdate, Level
from protocol.board_reads import DepthView
from protocol.names import Instrument


class DepthWindow:
    """Collects the level changes of one instrument until they are told."""

    def __init__(self, instrument: Instrument) -> None:
        self.last_id = 0
        """The newest change collected or told."""
        self._instrument = instrument
        self._first_id = 0
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}

    def breaks_at(self, update_id: int) -> bool:
        """Tell whether what is collected must be told before this change may be added."""
        return bool(self._first_id) and update_id > self.last_id + 1

    def add(self, update_id: int, side: int, price: int, qty: int) -> None:
        """Take in one change of a side (Side.BUY is 0); one that was told already is ignored."""
        if update_id <= self.last_id:
            return
        if not self._first_id:
            self._first_id = update_id
        self.last_id = update_id
        levels = self._asks if side else self._bids
        levels[price] = qty

    def close(self, now_ns: int) -> DepthUpdate | None:
        """Return the collected difference, best levels first, and start anew; None when empty."""
        if not self._first_id:
            return None
        bids = sorted(self._bids.items(), reverse=True)
        update = self._update(self._first_id, bids, sorted(self._asks.items()), now_ns)
        self._first_id = 0
        self._bids.clear()
        self._asks.clear()
        return update

    def skip_to(
        self, update_id: int, bids: list[Level], asks: list[Level], now_ns: int
    ) -> DepthUpdate:
        """Return a difference of the one change `update_id`, which shows every client the hole before it.

        The levels given must be as they stood after that change.
        """
        self.last_id = update_id
        return self._update(update_id, bids, asks, now_ns)

    def _update(
        self, first_id: int, bids: list[Level], asks: list[Level], now_ns: int
    ) -> DepthUpdate:
        return DepthUpdate(self._instrument, first_id, self.last_id, bids, asks, now_ns)


class KnownLevels:
    """The levels of one instrument as its difference streams have told them."""

    def __init__(self) -> None:
        self._whole = False
        self._levels: tuple[dict[int, int], dict[int, int]] = ({}, {})

    def learn(self, view: DepthView) -> None:
        """Start anew from a published depth; of no use when that does not show the whole book."""
        self._whole = view.complete
        self._levels = _by_price(view)

    def apply(self, update: DepthUpdate) -> None:
        """Take in what was told."""
        for known, changes in zip(self._levels, (update.bids, update.asks), strict=True):
            for price, qty in changes:
                if qty:
                    known[price] = qty
                else:
                    known.pop(price, None)

    def one_change_to(self, view: DepthView) -> tuple[list[Level], list[Level]] | None:
        """Return the one change, of bids or of asks, that leads to `view`; None when it cannot be known."""
        if not (self._whole and view.complete):
            return None
        bids, asks = (
            [(price, new.get(price, 0)) for price, _ in known.items() ^ new.items()]
            for known, new in zip(self._levels, _by_price(view), strict=True)
        )
        changed = set(bids), set(asks)
        if len(changed[0]) + len(changed[1]) != 1:
            return None
        return list(changed[0]), list(changed[1])


def _by_price(view: DepthView) -> tuple[dict[int, int], dict[int, int]]:
    bids, asks = (
        dict(zip(side["price"].tolist(), side["qty"].tolist(), strict=True))
        for side in (view.bids, view.asks)
    )
    return bids, asks
