"""Answers kept as long as what they show has not changed: depth by update id, instruments by terms."""

import msgspec

from ingress.instrument_info import symbol_info
from ingress.views import Instrument, Views
from protocol.board_reads import DepthView
from protocol.layout import Rows

ENTRIES_LIMIT = 4096
"""Depths kept; a client may ask for 5,000 different limits of every instrument."""


class Kept:
    """The kept answers of one worker."""

    def __init__(self) -> None:
        self._depths: dict[tuple[int, int], tuple[tuple[int, int], bytes]] = {}
        self._infos: dict[tuple[int, bool], tuple[bytes, msgspec.Raw]] = {}

    def depth(self, instrument: Instrument, limit: int, view: DepthView) -> bytes:
        """Return the encoded depth of at most `limit` levels a side."""
        key, mark = (instrument.number, limit), (view.update_id, view.at_ns)
        kept = self._depths.get(key)
        if kept is not None and kept[0] == mark:
            return kept[1]
        told = {
            "lastUpdateId": view.update_id,
            "bids": _levels(view.bids[:limit], instrument),
            "asks": _levels(view.asks[:limit], instrument),
        }
        encoded = msgspec.json.encode(told)
        if len(self._depths) >= ENTRIES_LIMIT:
            self._depths.clear()
        self._depths[key] = (mark, encoded)
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
