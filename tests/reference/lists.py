"""Order lists: legs gathered and checked, and what the end of one leg does to the others (O)."""

from protocol.rejects import RejectReason
from protocol.terms import (
    EventKind,
    ExpiryReason,
    InstrumentTerm,
    ListKind,
    OrdStatus,
    OrdType,
    Side,
)
from tests.reference import trading
from tests.reference.checks import (
    capacity_reason,
    entry_hold,
    first_reason,
    funds_reason,
    market_reason,
    phase_admits,
)
from tests.reference.money import held_balance, hold
from tests.reference.orders import draft, hold_price_now, register, retire
from tests.reference.state import Order, OrderList, Venue
from tests.reference.telling import tell, tell_list, tell_order
from tests.reference.wire import Asked

_LEGS: dict[int, int] = {ListKind.OCO: 2, ListKind.OTO: 2, ListKind.OTOCO: 3}
_LIMIT_LEGS = (OrdType.LIMIT_MAKER, OrdType.TAKE_PROFIT, OrdType.TAKE_PROFIT_LIMIT)
_STOP_LEGS = (OrdType.STOP_LOSS, OrdType.STOP_LOSS_LIMIT)


def gather(venue: Venue, asked: Asked) -> None:
    """Take one leg; with the last one, enter or refuse the list."""
    if asked.leg == 0:
        venue.gathered.clear()
    legs = [*venue.gathered, asked]
    venue.gathered.clear()
    if not _continues(legs):
        _reject(venue, asked, RejectReason.INVALID_FIELDS)
    elif asked.leg < asked.legs - 1:
        venue.gathered.extend(legs)
    else:
        _enter(venue, legs)


def _continues(legs: list[Asked]) -> bool:
    first, newest = legs[0], legs[-1]
    if newest.legs != _LEGS.get(newest.list_kind) or newest.leg != len(legs) - 1:
        return False
    names = ("account", "instrument", "list_kind", "legs", "reply_to", "request_id")
    return all(getattr(first, name) == getattr(newest, name) for name in names)


def _reject(venue: Venue, asked: Asked, reason: RejectReason) -> None:
    tell(
        venue,
        EventKind.LIST_REJECTED,
        account=asked.account,
        instrument=asked.instrument,
        ord_type=asked.list_kind,
        cl_ord_id=asked.list_cl_ord_id,
        reason=reason,
    )


def _enter(venue: Venue, asked_legs: list[Asked]) -> None:
    for asked in asked_legs:
        reason = first_reason(venue, asked, asked_legs)
        if reason:
            _reject(venue, asked_legs[0], reason)
            return
    asked = asked_legs[0]
    account, instrument = venue.accounts[asked.account], venue.instruments[asked.instrument]
    kind = ListKind(asked.list_kind)
    order_list = OrderList(
        list_id=venue.next_list_id,
        kind=kind,
        cl_ord_id=asked.list_cl_ord_id,
        account=account,
        instrument=instrument,
        legs=[draft(leg, account, instrument) for leg in asked_legs],
        pending=kind != ListKind.OCO,
    )
    reason = _list_reason(venue, order_list)
    if reason:
        _reject(venue, asked, reason)
        return
    _open(venue, order_list)


def _list_reason(venue: Venue, order_list: OrderList) -> RejectReason:
    """Check what concerns the legs together, then what entering now would do."""
    account, legs = order_list.account, order_list.legs
    entering = legs if order_list.kind == ListKind.OCO else legs[:1]
    last_px = order_list.instrument.last_px if order_list.kind == ListKind.OCO else 0
    reason = (
        _shape_reason(order_list)
        or _names_reason(order_list)
        or _count_reason(order_list)
        or _prices_reason(order_list.oco_legs, last_px)
    )
    for leg in entering:
        reason = reason or market_reason(leg)
    if reason:
        return reason
    if held_balance(legs[0]).free < max(entry_hold(leg) for leg in entering):
        return RejectReason.INSUFFICIENT_BALANCE
    if len(venue.lists) + 1 > venue.limits.lists - 1:
        return RejectReason.ORDER_CAPACITY
    return capacity_reason(venue, account, len(legs))


def _shape_reason(order_list: OrderList) -> RejectReason:
    """Check that types, sides and quantities are those of rules O-1 and O-2."""
    fits = True
    if order_list.oco_legs:
        one, other = order_list.oco_legs
        fits = one.side == other.side and one.order_qty == other.order_qty
        pair = {one.ord_type in _LIMIT_LEGS, other.ord_type in _LIMIT_LEGS}
        fits = fits and pair == {True, False}
        fits = fits and (one.ord_type in _STOP_LEGS or other.ord_type in _STOP_LEGS)
    if order_list.kind != ListKind.OCO:
        fits = fits and order_list.legs[0].ord_type in (OrdType.LIMIT, OrdType.LIMIT_MAKER)
        fits = fits and not any(leg.quote_qty for leg in order_list.legs)
    return RejectReason.NONE if fits else RejectReason.INVALID_FIELDS


def _names_reason(order_list: OrderList) -> RejectReason:
    names = [leg.cl_ord_id for leg in order_list.legs if leg.cl_ord_id]
    taken = [
        other.cl_ord_id
        for other in order_list.account.lists.values()
        if other.instrument is order_list.instrument
    ]
    if len(set(names)) < len(names) or (order_list.cl_ord_id and order_list.cl_ord_id in taken):
        return RejectReason.DUPLICATE_CL_ORD_ID
    return RejectReason.NONE


def _count_reason(order_list: OrderList) -> RejectReason:
    instrument = order_list.instrument
    limit = instrument.terms[InstrumentTerm.MAX_NUM_ORDER_LISTS]
    lists = order_list.account.lists.values()
    present = sum(1 for other in lists if other.instrument is instrument)
    return RejectReason.MAX_NUM_ORDER_LISTS if limit and present >= limit else RejectReason.NONE


def _prices_reason(oco_legs: list[Order], last_px: int) -> RejectReason:
    """Check that the upper leg lies above and the lower below the last price (0: none)."""
    if not oco_legs:
        return RejectReason.NONE
    one, other = oco_legs
    limit_leg, stop_leg = (one, other) if one.ord_type in _LIMIT_LEGS else (other, one)
    upper, lower = (limit_leg, stop_leg) if one.side == Side.SELL else (stop_leg, limit_leg)
    above, below = _compared_price(upper), _compared_price(lower)
    wrong = (
        (above and below and above <= below)
        or (last_px and above and above <= last_px)
        or (last_px and below and below >= last_px)
    )
    return RejectReason.LIST_PRICES if wrong else RejectReason.NONE


def _compared_price(leg: Order) -> int:
    return leg.price if leg.ord_type == OrdType.LIMIT_MAKER else leg.stop_px


def _open(venue: Venue, order_list: OrderList) -> None:
    """Let the list in: an OCO with both legs, else the working order; pending legs wait."""
    venue.next_list_id += 1
    venue.lists[order_list.list_id] = order_list
    order_list.account.lists[order_list.list_id] = order_list
    for number, leg in enumerate(order_list.legs):
        leg.order_list = order_list
        leg.leg = number
        leg.created_ns = venue.now
        register(venue, leg)
    entering = order_list.legs if order_list.kind == ListKind.OCO else order_list.legs[:1]
    for leg in order_list.legs[len(entering) :]:
        leg.status = OrdStatus.PENDING_NEW
    hold(entering[0], max(entry_hold(leg) for leg in entering))
    tell_list(venue, EventKind.LIST_OPENED, order_list)
    matching = [leg for leg in entering if trading.admit(venue, leg, EventKind.ACCEPTED)]
    for leg in order_list.pending_legs:
        tell_order(venue, EventKind.ACCEPTED, leg)
    for leg in matching:
        trading.match(venue, leg)


def activate_pending(venue: Venue, order_list: OrderList) -> None:
    """Let the pending leg or OCO in, its working order being filled (rule O-2)."""
    legs = order_list.pending_legs
    order_list.pending = False
    if not legs:
        return
    for leg in legs:
        leg.hold_price = hold_price_now(leg)
    if not _can_enter(legs):
        for leg in legs:
            _end_leg(venue, leg, OrdStatus.EXPIRED, ExpiryReason.REJECTED)
        _close_when_done(venue, order_list)
        return
    hold(legs[0], max(entry_hold(leg) for leg in legs))
    for leg in legs:
        if trading.admit(venue, leg, EventKind.TRIGGERED):
            trading.match(venue, leg)


def _can_enter(legs: list[Order]) -> bool:
    instrument = legs[0].instrument
    if len(legs) > 1 and _prices_reason(legs, instrument.last_px):
        return False
    return not any(
        not _phase_lets_in(leg) or market_reason(leg) or funds_reason(leg) for leg in legs
    )


def _phase_lets_in(leg: Order) -> bool:
    if leg.unfired:
        return phase_admits(leg.instrument, OrdType.LIMIT, 1, by_quote=False)
    return phase_admits(leg.instrument, leg.ord_type, leg.time_in_force, by_quote=False)


def after_fill(venue: Venue, order: Order) -> None:
    """Follow up on a fill: any fill of one leg of an OCO ends the other (rule O-1)."""
    end_sibling(venue, order)
    if not order.live:
        after_end(venue, order)


def after_end(venue: Venue, order: Order) -> None:
    """Follow up on the end of an order that was not cancelled."""
    order_list = order.order_list
    if order_list is None:
        return
    if order_list.pending and order.leg == 0:
        if order.status != OrdStatus.FILLED:
            for leg in order_list.pending_legs:
                _end_leg(venue, leg, OrdStatus.EXPIRED, ExpiryReason.OTO_PHASE_ONE_EXPIRED)
        elif order_list.pending_legs:
            venue.filled_working.append(order_list)
    else:
        end_sibling(venue, order)
    _close_when_done(venue, order_list)


def end_sibling(venue: Venue, order: Order) -> None:
    """End the other leg of the order's OCO, if there is one and it is live."""
    oco = order.oco
    for leg in oco.oco_legs if oco else []:
        if leg is not order and leg.live:
            _end_leg(venue, leg, OrdStatus.EXPIRED, ExpiryReason.OCO_TRIGGER)


def cancel(venue: Venue, order: Order) -> None:
    """Cancel an order; a member of a list takes its whole list along."""
    if order.order_list:
        cancel_list(venue, order.order_list)
    else:
        _end_leg(venue, order, OrdStatus.CANCELED)


def cancel_list(venue: Venue, order_list: OrderList) -> None:
    """Cancel every live leg, in leg order."""
    for leg in order_list.live_legs:
        _end_leg(venue, leg, OrdStatus.CANCELED)
    _close_when_done(venue, order_list)


def _end_leg(venue: Venue, leg: Order, status: OrdStatus, reason: int = 0) -> None:
    kind = EventKind.CANCELED if status == OrdStatus.CANCELED else EventKind.EXPIRED
    was_resting = retire(venue, leg, status)
    tell_order(venue, kind, leg, level=was_resting, reason=reason)


def _close_when_done(venue: Venue, order_list: OrderList) -> None:
    if not order_list.live_legs and order_list.list_id in venue.lists:
        del venue.lists[order_list.list_id]
        del order_list.account.lists[order_list.list_id]
        tell_list(venue, EventKind.LIST_DONE, order_list)
