"""The book order by order: an extension of the dialect (docs/l3.md)."""

import asyncio

import msgspec

from ingress.door import Asked, Door
from ingress.views import Instrument
from protocol.board_reads import QueueView
from protocol.layout import Rows


async def l3(door: Door, asked: Asked) -> bytes:
    """GET /api/v3/l3: every order of a book in its queue, as of `lastUpdateId`."""
    instrument = door.views.instrument(asked.values["symbol"])
    view = await door.queues(instrument)
    # A full book takes a tenth of a second: the loop must turn meanwhile.
    return await asyncio.to_thread(_encoded, instrument, view)


def _encoded(instrument: Instrument, view: QueueView) -> bytes:
    told = {
        "symbol": instrument.symbol,
        "lastUpdateId": view.update_id,
        "bids": _side(instrument, view.bids),
        "asks": _side(instrument, view.asks),
    }
    return msgspec.json.encode(told)


def _side(instrument: Instrument, rows: Rows) -> list[tuple[int, str, str]]:
    prices = {price: instrument.price(price) for price in set(rows["price"].tolist())}
    orders = zip(
        rows["order_id"].tolist(), rows["price"].tolist(), rows["qty"].tolist(), strict=True
    )
    return [(order_id, prices[price], instrument.qty(qty)) for order_id, price, qty in orders]
