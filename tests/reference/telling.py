"""Write events: the only place where an Event comes into being."""

from protocol.terms import EventFlag, EventKind, OrdStatus
from tests.reference.state import Account, Instrument, Order, OrderList, Venue
from tests.reference.wire import EVENT_FIELD, Asked, EventRow, event_row

_FLAGS = EVENT_FIELD["flags"]
_FINAL = (
    OrdStatus.FILLED,
    OrdStatus.CANCELED,
    OrdStatus.REJECTED,
    OrdStatus.EXPIRED,
    OrdStatus.EXPIRED_IN_MATCH,
)


def tell(venue: Venue, kind: int, **fields: int | bytes) -> None:
    """Write one event with its head; `fields` are the others that are not 0."""
    venue.told.append(_headed(venue, kind, fields))


def _headed(venue: Venue, kind: int, fields: dict[str, int | bytes]) -> EventRow:
    command = venue.command
    venue.event_seq += 1
    return event_row(
        seq=command.seq,
        event_seq=venue.event_seq,
        at_ns=command.at_ns,
        kind=kind,
        reply_to=command.reply_to,
        request_id=command.request_id,
        **fields,
    )


def tell_order(
    venue: Venue,
    kind: int,
    order: Order,
    *,
    level: bool = False,
    flags: int = 0,
    **more: int | bytes,
) -> None:
    """Write an event about an order as it stands now.

    `level`: its price level changed visibly, so the book's update id goes up by one (rule D-1).
    """
    instrument = order.instrument
    base = order.account.balance(instrument.base)
    quote = order.account.balance(instrument.quote)
    if level:
        book = instrument.book
        book.update_id += 1
        flags |= EventFlag.LEVEL
        qty, count = book.level(order.side, order.price)
        more = {**more, "level_qty": qty, "order_count": count, "update_id": book.update_id}
    if order.working:
        flags |= EventFlag.WORKING
    tell(
        venue,
        kind,
        ord_status=order.status,
        side=order.side,
        ord_type=order.ord_type,
        time_in_force=order.time_in_force,
        stp_mode=order.stp_mode,
        flags=flags,
        account=order.account.number,
        instrument=instrument.number,
        order_id=order.order_id,
        price=order.price,
        order_qty=order.order_qty,
        leaves_qty=0 if order.status in _FINAL else order.leaves_qty,
        cum_qty=order.cum_qty,
        cum_quote=order.cum_quote,
        base_free=base.free,
        base_locked=base.locked,
        quote_free=quote.free,
        quote_locked=quote.locked,
        list_id=order.order_list.list_id if order.order_list else 0,
        created_ns=order.created_ns,
        working_ns=order.working_ns,
        expire_ns=order.expire_ns,
        quote_qty=order.quote_qty,
        stop_px=order.stop_px,
        display_qty=order.display_qty,
        prevented_qty=order.prevented_qty,
        strategy_id=order.strategy_id,
        strategy_type=order.strategy_type,
        trailing_bips=order.trailing_bips,
        cl_ord_id=order.cl_ord_id,
        **more,
    )


def tell_rejected(venue: Venue, asked: Asked, reason: int) -> None:
    """Refuse a new order; the event shows it as it was sent."""
    balances: dict[str, int | bytes] = {}
    account, instrument = venue.account(asked.account), venue.instrument(asked.instrument)
    if account and instrument:
        base, quote = account.balance(instrument.base), account.balance(instrument.quote)
        balances = {
            "base_free": base.free,
            "base_locked": base.locked,
            "quote_free": quote.free,
            "quote_locked": quote.locked,
        }
    tell(
        venue,
        EventKind.REJECTED,
        reason=reason,
        ord_status=OrdStatus.REJECTED,
        side=asked.side,
        ord_type=asked.ord_type,
        time_in_force=asked.time_in_force,
        stp_mode=asked.stp_mode,
        account=asked.account,
        instrument=asked.instrument,
        price=asked.price,
        order_qty=asked.order_qty,
        expire_ns=asked.expire_ns,
        quote_qty=asked.quote_qty,
        stop_px=asked.stop_px,
        display_qty=asked.display_qty,
        strategy_id=asked.strategy_id,
        strategy_type=asked.strategy_type,
        trailing_bips=asked.trailing_bips,
        cl_ord_id=asked.cl_ord_id,
        **balances,
    )


def tell_request_rejected(venue: Venue, kind: int, reason: int) -> None:
    """Refuse a cancel or an amend; the event shows the ids it asked for."""
    asked = venue.command
    tell(
        venue,
        kind,
        account=asked.account,
        instrument=asked.instrument,
        order_id=asked.order_id,
        cl_ord_id=asked.target_cl_ord_id,
        reason=reason,
    )


def tell_label(venue: Venue, text: bytes, order_id: int = 0) -> None:
    """Write down the text id of a cancel itself, or an amended order's old one."""
    asked = venue.command
    tell(
        venue,
        EventKind.LABELED,
        account=asked.account,
        instrument=asked.instrument,
        order_id=order_id,
        cl_ord_id=text,
    )


def tell_list(venue: Venue, kind: int, order_list: OrderList) -> None:
    """Write an event about a list."""
    tell(
        venue,
        kind,
        account=order_list.account.number,
        instrument=order_list.instrument.number,
        list_id=order_list.list_id,
        ord_type=order_list.kind,
        cl_ord_id=order_list.cl_ord_id,
        order_count=len(order_list.legs),
    )


def tell_command_rejected(venue: Venue, reason: int) -> None:
    """Refuse a command that is neither an order, a cancel, an amend nor a list."""
    asked = venue.command
    tell(
        venue,
        EventKind.COMMAND_REJECTED,
        account=asked.account,
        instrument=asked.instrument,
        asset=asked.asset,
        cl_ord_id=asked.cl_ord_id,
        reason=reason,
    )


def tell_auction(
    venue: Venue, kind: int, instrument: Instrument, state: tuple[int, int, int, int]
) -> None:
    """Tell price, paired and imbalance quantity and imbalance side of a call."""
    price, paired, imbalance, side = state
    tell(
        venue,
        kind,
        instrument=instrument.number,
        price=price,
        order_qty=paired,
        leaves_qty=imbalance,
        side=side,
        update_id=instrument.book.update_id,
    )


def tell_money(venue: Venue, kind: int, account: Account, asset: int, amount: int) -> None:
    """Write a deposit or withdrawal with the balance after it."""
    balance = account.balance(asset)
    tell(
        venue,
        kind,
        account=account.number,
        asset=asset,
        last_qty=amount,
        base_free=balance.free,
        base_locked=balance.locked,
        cl_ord_id=venue.command.cl_ord_id,
    )


def mark_last(rows: list[EventRow]) -> None:
    """Flag the last event of a command."""
    rows[-1][_FLAGS] |= EventFlag.LAST
