"""The birth and the end of an order: everything that knows it is told here."""

from protocol.terms import (
    InstrumentTerm,
    OrdStatus,
    OrdType,
    SessionPhase,
    Side,
    TimeInForce,
)
from tests.reference.liquidity import quantity_for_money
from tests.reference.money import release_excess
from tests.reference.state import FULL_SHARE, WITHOUT_LIMIT, Account, Instrument, Order, Venue
from tests.reference.wire import Asked

_GTC_WHEN_ABSENT = (OrdType.LIMIT_MAKER, *WITHOUT_LIMIT)


def time_in_force_of(asked: Asked) -> int:
    """Return the time in force meant: types without a choice of it may leave it out."""
    if asked.time_in_force == 0 and asked.ord_type in _GTC_WHEN_ABSENT:
        return TimeInForce.GTC
    return asked.time_in_force


def stp_mode_of(asked: Asked, instrument: Instrument) -> int:
    """Return the self-trade prevention mode meant (rule T-2)."""
    return asked.stp_mode or instrument.terms[InstrumentTerm.DEFAULT_STP]


def draft(asked: Asked, account: Account, instrument: Instrument) -> Order:
    """Make the order that was asked for, without an id and unknown to anyone."""
    order = Order(
        account=account,
        instrument=instrument,
        side=asked.side,
        ord_type=asked.ord_type,
        time_in_force=time_in_force_of(asked),
        stp_mode=stp_mode_of(asked, instrument),
        price=asked.price,
        order_qty=asked.order_qty,
        quote_qty=asked.quote_qty,
        stop_px=asked.stop_px,
        display_qty=asked.display_qty,
        expire_ns=asked.expire_ns,
        strategy_id=asked.strategy_id,
        strategy_type=asked.strategy_type,
        trailing_bips=asked.trailing_bips,
        cl_ord_id=asked.cl_ord_id,
        created_ns=asked.at_ns,
    )
    if order.quote_qty:
        order.order_qty, order.book_ended = quantity_for_money(order)
    order.leaves_qty = order.order_qty
    order.hold_price = hold_price_now(order)
    return order


def waits_for_the_close(order: Order) -> bool:
    """Say whether the order is an AT_CLOSE order whose call has not begun (rule A-1)."""
    phase = order.instrument.phase
    return order.time_in_force == TimeInForce.AT_CLOSE and phase != SessionPhase.CLOSING_AUCTION


def hold_price_now(order: Order) -> int | None:
    """Return what a unit of a BUY holds if it enters or fires now; None: what its walk costs."""
    instrument = order.instrument
    if order.side == Side.SELL:
        return 0
    if not order.without_limit:
        return order.price
    if order.unfired:
        return order.stop_px or instrument.last_or_reference
    if instrument.phase == SessionPhase.CONTINUOUS and not waits_for_the_close(order):
        return None
    return _highest_price(instrument)


def _highest_price(instrument: Instrument) -> int:
    """Return the highest price that a market BUY may have to pay in an uncross."""
    highest = instrument.terms[InstrumentTerm.MAX_PRICE]
    bips, reference = instrument.terms[InstrumentTerm.STATIC_COLLAR], instrument.reference_price
    if bips and reference:
        highest = min(highest, reference * (FULL_SHARE + bips) // FULL_SHARE)
    return highest


def register(venue: Venue, order: Order) -> None:
    """Give the order its id and make it live."""
    order.order_id = venue.next_order_id
    venue.next_order_id += 1
    order.live = True
    order.slices = slices_of(order.order_qty, order.display_qty)
    venue.live_slices += order.slices
    venue.orders[order.order_id] = order
    order.account.orders[order.order_id] = order
    order.instrument.orders[order.order_id] = order
    if order.cl_ord_id:
        order.account.named[order.instrument.number, order.cl_ord_id] = order
    if order.time_in_force == TimeInForce.GTD:
        venue.timed[order.order_id] = order


def retire(venue: Venue, order: Order, status: OrdStatus) -> bool:
    """End the order: out of the book and every index, its hold freed, its text id remembered.

    Returns whether it was visible in the book, so that the event must tell the level.
    A fill has settled the hold already; what an OCO holds beyond it goes with the other leg.
    """
    was_resting = order.resting
    order.status = status
    order.live = False
    venue.live_slices -= order.slices
    for index in (
        venue.orders,
        venue.timed,
        order.account.orders,
        order.instrument.orders,
        order.instrument.stops,
        order.instrument.waiting,
        order.instrument.market_orders,
    ):
        index.pop(order.order_id, None)
    if was_resting:
        order.instrument.book.remove(order)
        order.resting = False
    forget_text_id(venue, order)
    if status != OrdStatus.FILLED:
        release_excess(order)
    return was_resting


def forget_text_id(venue: Venue, order: Order) -> None:
    """Take the text id out of use; it stays refused for the dedupe window (rule P-5)."""
    if order.cl_ord_id:
        number = order.instrument.number
        del order.account.named[number, order.cl_ord_id]
        venue.finished_ids.note((order.account.number, number, order.cl_ord_id), venue.now)


def rest(order: Order) -> None:
    """Put what is left of the order into the book, behind those at its price."""
    order.resting = True
    order.visible_qty = slice_of(order)
    order.instrument.book.add(order)


def slice_of(order: Order) -> int:
    """Return what a fresh slice shows (rule C-7)."""
    return min(order.display_qty, order.leaves_qty) if order.display_qty else order.leaves_qty


def slices_of(order_qty: int, display_qty: int) -> int:
    """Return how many slices an iceberg shows one after another; 0: it is none."""
    return -(-order_qty // display_qty) if display_qty else 0
