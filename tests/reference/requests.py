"""Requests about orders that are there: cancel, replace, amend, cancel all, cancel a list."""

from protocol.records import ALL_INSTRUMENTS
from protocol.rejects import RejectReason
from protocol.terms import (
    CommandFlag,
    EventKind,
    InstrumentFeature,
    InstrumentTerm,
    OrdStatus,
)
from tests.reference import lists, trading
from tests.reference.checks import account_reason, first_reason, is_id_in_use, last_reason
from tests.reference.filters import lot_size_fits
from tests.reference.money import release_excess
from tests.reference.orders import draft, forget_text_id, register
from tests.reference.state import Account, Instrument, Order, OrderList, Venue
from tests.reference.telling import (
    tell,
    tell_label,
    tell_list,
    tell_order,
    tell_rejected,
    tell_request_rejected,
)
from tests.reference.wire import Asked


def enter(venue: Venue) -> None:
    """ENTER without a list."""
    asked = venue.command
    reason = first_reason(venue, asked)
    if reason:
        tell_rejected(venue, asked, reason)
        return
    _enter_checked(venue, asked)


def _enter_checked(venue: Venue, asked: Asked) -> None:
    order = draft(asked, venue.accounts[asked.account], venue.instruments[asked.instrument])
    reason = last_reason(venue, order)
    if reason:
        tell_rejected(venue, asked, reason)
        return
    register(venue, order)
    trading.enter(venue, order, EventKind.ACCEPTED)


def cancel(venue: Venue) -> None:
    """CANCEL."""
    asked = venue.command
    reason = account_reason(venue.account(asked.account), cancels=True)
    target = None if reason else _find_order(venue, asked)
    _cancel_found(venue, reason or target, asked.cl_ord_id)


def _cancel_found(venue: Venue, found: Order | RejectReason | None, label: bytes) -> bool:
    """Cancel what was found, if the restriction allows it; return whether it was cancelled."""
    if isinstance(found, Order) and _is_restricted(found, venue.command.flags):
        found = RejectReason.CANCEL_RESTRICTED
    if not isinstance(found, Order):
        assert found
        tell_request_rejected(venue, EventKind.CANCEL_REJECTED, found)
        return False
    if label:
        tell_label(venue, label, found.order_id)
    lists.cancel(venue, found)
    return True


def _find_order(venue: Venue, asked: Asked) -> Order | RejectReason:
    """Find the live order that is named, by its id or by the client's text id."""
    account, instrument = venue.accounts[asked.account], venue.instrument(asked.instrument)
    if instrument is None:
        return RejectReason.UNKNOWN_INSTRUMENT
    text = asked.target_cl_ord_id
    if asked.order_id == 0:
        return account.named.get((instrument.number, text), RejectReason.UNKNOWN_ORDER)
    order = account.orders.get(asked.order_id)
    if order is None or order.instrument is not instrument:
        return RejectReason.UNKNOWN_ORDER
    if text and text != order.cl_ord_id:
        return RejectReason.ORDER_ID_MISMATCH
    return order


def _is_restricted(order: Order, flags: int) -> bool:
    untouched = order.status in (OrdStatus.NEW, OrdStatus.PENDING_NEW)
    if flags & CommandFlag.ONLY_NEW and not untouched:
        return True
    partly = order.status == OrdStatus.PARTIALLY_FILLED
    return bool(flags & CommandFlag.ONLY_PARTIALLY_FILLED) and not partly


def replace(venue: Venue) -> None:
    """REPLACE: the first checks, then the cancel, then the entry (rule P-4)."""
    asked = venue.command
    reason = first_reason(venue, asked)
    if reason:
        tell_rejected(venue, asked, reason)
        return
    cancelled = _cancel_found(venue, _find_order(venue, asked), asked.list_cl_ord_id)
    if cancelled or asked.flags & CommandFlag.ALLOW_FAILURE:
        _enter_checked(venue, asked)


def amend(venue: Venue) -> None:
    """AMEND: reduce the quantity in place (rule P-3)."""
    asked = venue.command
    reason = account_reason(venue.account(asked.account))
    found = reason or _find_order(venue, asked)
    if isinstance(found, Order):
        reason = _amend_reason(venue, asked, found)
        found = reason or found
    if not isinstance(found, Order):
        tell_request_rejected(venue, EventKind.AMEND_REJECTED, found)
        return
    renames = asked.cl_ord_id not in (b"", found.cl_ord_id)
    if renames:
        tell_label(venue, found.cl_ord_id, found.order_id)
        forget_text_id(venue, found)
        found.cl_ord_id = asked.cl_ord_id
        found.account.named[found.instrument.number, found.cl_ord_id] = found
    for leg in _amended_together(found):
        _reduce(venue, leg, asked.order_qty)
    if renames and found.order_list:
        tell_list(venue, EventKind.LIST_UPDATED, found.order_list)


def _amended_together(order: Order) -> list[Order]:
    """Return the live legs of the order's OCO, else the order alone."""
    oco = order.oco
    return [leg for leg in oco.oco_legs if leg.live] if oco else [order]


def _amend_reason(venue: Venue, asked: Asked, order: Order) -> RejectReason:
    terms = order.instrument.terms
    qty, legs = asked.order_qty, _amended_together(order)
    most_amends = terms[InstrumentTerm.MAX_NUM_ORDER_AMENDS]
    renames = asked.cl_ord_id != order.cl_ord_id
    if qty <= 0:
        return RejectReason.INVALID_QTY
    if not terms[InstrumentTerm.FEATURES] & InstrumentFeature.AMEND:
        return RejectReason.AMEND_NOT_SUPPORTED
    if not lot_size_fits(order.instrument, qty):
        return RejectReason.LOT_SIZE
    if renames and is_id_in_use(venue, order.account, order.instrument, asked):
        return RejectReason.DUPLICATE_CL_ORD_ID
    if any(qty > leg.order_qty for leg in legs):
        return RejectReason.AMEND_NOT_DECREASE
    if any(qty <= leg.cum_qty + leg.prevented_qty for leg in legs):
        return RejectReason.AMEND_BELOW_FILLED
    if any(qty == leg.order_qty for leg in legs):
        return RejectReason.AMEND_NO_CHANGE
    if most_amends and any(leg.amends >= most_amends for leg in legs):
        return RejectReason.MAX_NUM_ORDER_AMENDS
    return RejectReason.NONE


def _reduce(venue: Venue, order: Order, qty: int) -> None:
    shown = order.visible_qty
    order.leaves_qty -= order.order_qty - qty
    order.order_qty = qty
    order.visible_qty = min(shown, order.leaves_qty)
    order.amends += 1
    release_excess(order)
    is_visible = order.resting and order.visible_qty != shown
    tell_order(venue, EventKind.REPLACED, order, level=is_visible)


def cancel_all(venue: Venue) -> None:
    """CANCEL_ALL (rule P-6)."""
    asked = venue.command
    account = venue.account(asked.account)
    reason = account_reason(account, cancels=True)
    everywhere = asked.instrument == ALL_INSTRUMENTS
    if not reason and not everywhere and venue.instrument(asked.instrument) is None:
        reason = RejectReason.UNKNOWN_INSTRUMENT
    if reason or account is None:
        _reject_mass_cancel(venue, reason)
        return
    numbers = [
        order.order_id
        for order in account.orders.values()
        if everywhere or order.instrument.number == asked.instrument
    ]
    if not numbers:
        _reject_mass_cancel(venue, RejectReason.UNKNOWN_ORDER)
        return
    if asked.cl_ord_id:
        tell_label(venue, asked.cl_ord_id)
    for number in sorted(numbers):
        if number in account.orders:
            lists.cancel(venue, account.orders[number])


def _reject_mass_cancel(
    venue: Venue, reason: RejectReason, order_id: int = 0, text: bytes = b""
) -> None:
    tell(
        venue,
        EventKind.CANCEL_REJECTED,
        account=venue.command.account,
        instrument=venue.command.instrument,
        order_id=order_id,
        cl_ord_id=text,
        reason=reason,
    )


def cancel_list(venue: Venue) -> None:
    """CANCEL_LIST."""
    asked = venue.command
    account, instrument = venue.account(asked.account), venue.instrument(asked.instrument)
    found: OrderList | RejectReason = account_reason(account, cancels=True)
    if account and not found:
        found = _find_list(account, instrument, asked)
    if not isinstance(found, OrderList):
        _reject_mass_cancel(venue, found, asked.order_id, asked.list_cl_ord_id)
        return
    if asked.cl_ord_id:
        tell_label(venue, asked.cl_ord_id)
    lists.cancel_list(venue, found)


def _find_list(
    account: Account, instrument: Instrument | None, asked: Asked
) -> OrderList | RejectReason:
    if instrument is None:
        return RejectReason.UNKNOWN_INSTRUMENT
    text = asked.list_cl_ord_id
    present = [found for found in account.lists.values() if found.instrument is instrument]
    if asked.order_id:
        named = [found for found in present if found.list_id == asked.order_id]
        if named and text and named[0].cl_ord_id != text:
            return RejectReason.ORDER_ID_MISMATCH
    else:
        named = [found for found in present if text and found.cl_ord_id == text]
    return named[0] if named else RejectReason.UNKNOWN_LIST
