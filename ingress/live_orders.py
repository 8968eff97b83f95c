"""Open orders out of shared memory, in the shape of the event that left them so."""

from ingress.rows import Shape
from protocol.board import ExtraRow, OrderRow
from protocol.board_reads import AccountView
from protocol.records import Event
from protocol.terms import EventFlag

_ORDERS = Shape(OrderRow)
_EXTRAS = Shape(ExtraRow)
_EVENTS = Shape(Event)


def open_orders(view: AccountView, instrument: int | None = None) -> list[Event]:
    """Return the account's open orders by ascending id, of one instrument or of all."""
    orders, extras = view.orders, view.extras
    if instrument is not None:
        of_it = orders["instrument"] == instrument
        orders, extras = orders[of_it], extras[of_it]
    found = [
        _as_event(order, extra)
        for order, extra in zip(_ORDERS.from_rows(orders), _EXTRAS.from_rows(extras), strict=True)
    ]
    return sorted(found, key=lambda event: event.order_id)


def open_order(
    view: AccountView, instrument: int, order_id: int | None, text: str | None
) -> Event | None:
    """Find one open order by its id, else by its text id."""
    orders = view.orders
    if order_id is not None:
        hit = (orders["order_id"] == order_id) & (orders["instrument"] == instrument)
    else:
        texts = orders.view(OrderRow.dtype)["cl_ord_id"]
        hit = (texts == (text or "").encode()) & (orders["instrument"] == instrument)
    places = hit.nonzero()[0]
    if len(places) == 0:
        return None
    order = _ORDERS.from_rows(orders[places[:1]])[0]
    extra = _EXTRAS.from_rows(view.extras[places[:1]])[0]
    return _as_event(order, extra)


def _as_event(order: OrderRow, extra: ExtraRow) -> Event:
    if not order.extra:
        extra = _PLAIN
    working = order.flags & EventFlag.WORKING
    return _EVENTS.make(
        {
            "account": order.account,
            "instrument": order.instrument,
            "order_id": order.order_id,
            "side": order.side,
            "ord_type": order.ord_type,
            "time_in_force": order.time_in_force,
            "stp_mode": order.stp_mode,
            "ord_status": order.ord_status,
            "flags": working,
            "price": order.price,
            "order_qty": order.leaves_qty + order.cum_qty + extra.prevented_qty,
            "leaves_qty": order.leaves_qty,
            "cum_qty": order.cum_qty,
            "cum_quote": order.cum_quote,
            "created_ns": order.created_ns,
            "at_ns": order.updated_ns,
            # A plain order works from its entry on.
            "working_ns": extra.working_ns or (order.created_ns if working else 0),
            "cl_ord_id": order.cl_ord_id,
            **{name: getattr(extra, name) for name in _OF_EXTRA},
        }.items()
    )


_OF_EXTRA = (
    "stop_px",
    "display_qty",
    "quote_qty",
    "expire_ns",
    "strategy_id",
    "strategy_type",
    "trailing_bips",
    "prevented_qty",
    "list_id",
)
_PLAIN = _EXTRAS.make(())
