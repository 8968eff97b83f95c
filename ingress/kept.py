"""Answers kept as long as what they show has not changed: depth, and what is told of instruments."""

import msgspec

from ingress.instrument_info import symbol_info
from ingress.views import Instrument, Views
from protocol.board_reads import DepthView
from protocol.layout import Rows

Mark = tuple[int, int]
ENTRIES_LIMIT = 4096
"""Depths kept; a client may ask for 5,000 different limits of every instrument."""


class Kept:
    """The kept answers of one worker."""

    def __init__(self) -> None:
        self._depths: dict[tuple[int, int], tuple[Mark, bytes]] = {}
        self._infos: dict[tuple[int, bool], tuple[bytes, msgspec.Raw]] = {}

    def depth(self, instrument: Instrument, limit: int, mark: Mark) -> bytes | None:
        """Return the encoded depth that was kept for this mark, if there is one."""
        kept = self._depths.get((instrument.number, limit))
        return kept[1] if kept is not None and kept[0] == mark else None

    def keep_depth(self, instrument: Instrument, limit: int, mark: Mark, view: DepthView) -> bytes:
        """Encode at most `limit` levels a side and keep that for a mark read before the view."""
        told = {
            "lastUpdateId": view.update_id,
            "bids": _levels(view.bids[:limit], instrument),
            "asks": _levels(view.asks[:limit], instrument),
        }
        encoded = msgspec.json.encode(told)
        if len(self._depths) >= ENTRIES_LIMIT:
            self._depths.clear()
        self._depths[instrument.number, limit] = (mark, encoded)
        return encoded

    def symbol_info(
        self, views: Views, instrument: Instrument, *, permissions: bool
    ) -> msgspec.Raw:
        """Return the encoded symbol object of exchangeInfo."""
        terms, phase = views.terms(instrument), views.state(instrument).phase
        key, mark = (instrument.number, permissions), terms.tobytes() + bytes([phase])
        kept = self._infos.get(key)
        if kept is not None and kept[0] == mark:
            return kept[1]
        told = symbol_info(instrument, terms, phase, permissions=permissions)
        encoded = msgspec.Raw(msgspec.json.encode(told))
        self._infos[key] = (mark, encoded)
        return encoded


def _levels(levels: Rows, instrument: Instrument) -> list[tuple[str, str]]:
    return [
        (instrument.price(price), instrument.qty(qty))
        for price, qty in zip(levels["price"].tolist(), levels["qty"].tolist(), strict=True)
    ]
