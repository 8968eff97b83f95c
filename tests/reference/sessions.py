"""Session phases, halts and the clock (rules A-1, A-5, A-6, C-8)."""

from protocol.rejects import RejectReason
from protocol.terms import (
    CommandFlag,
    EventKind,
    ExpiryReason,
    InstrumentTerm,
    SessionPhase,
    TimeInForce,
)
from tests.reference import lists, stops, trading
from tests.reference.auctions import indication, uncross
from tests.reference.state import CALLS, Instrument, Venue
from tests.reference.telling import tell, tell_auction, tell_command_rejected

_FOR_ONE_DAY = (TimeInForce.DAY, TimeInForce.AT_OPENING, TimeInForce.AT_CLOSE)


def set_phase(venue: Venue) -> None:
    """SET_PHASE."""
    asked = venue.command
    instrument = venue.instrument(asked.instrument)
    if instrument is None:
        tell_command_rejected(venue, RejectReason.UNKNOWN_INSTRUMENT)
    elif asked.expire_ns < 0:
        tell_command_rejected(venue, RejectReason.INVALID_FIELDS)
    elif not 0 <= asked.price <= instrument.top:
        tell_command_rejected(venue, RejectReason.INVALID_PRICE)
    elif not _may_follow(instrument, asked.term):
        tell_command_rejected(venue, RejectReason.INVALID_PHASE)
    else:
        if asked.price:
            instrument.terms[InstrumentTerm.REFERENCE_PRICE] = asked.price
        cancels = bool(asked.flags & CommandFlag.CANCEL_ORDERS)
        _start_phase(
            venue, instrument, SessionPhase(asked.term), until_ns=asked.expire_ns, cancels=cancels
        )


def _may_follow(instrument: Instrument, phase: int) -> bool:
    """Say whether `phase` may come after the instrument's present one."""
    present = instrument.phase
    if phase == present or phase not in list(SessionPhase):
        return False
    if phase == SessionPhase.PRE_OPEN:
        return present == SessionPhase.CLOSED
    if phase != SessionPhase.CONTINUOUS:
        return True
    if present == SessionPhase.HALTED:
        return False
    return present in CALLS or not instrument.book.crossed


def _start_phase(
    venue: Venue, instrument: Instrument, phase: SessionPhase, *, until_ns: int, cancels: bool
) -> None:
    if instrument.in_call and phase in (SessionPhase.CONTINUOUS, SessionPhase.CLOSED):
        uncross(venue, instrument)
    _enter_phase(venue, instrument, phase, until_ns)
    if phase == SessionPhase.CLOSING_AUCTION:
        for order_id in sorted(instrument.waiting):
            order = instrument.waiting.pop(order_id)
            trading.start_working(venue, order, EventKind.RESTED)
    if phase == SessionPhase.CLOSED:
        for order in venue.live_orders(instrument):
            at_market = order.order_id in instrument.market_orders
            if at_market or order.time_in_force in _FOR_ONE_DAY:
                trading.expire(venue, order, ExpiryReason.END_OF_DAY)
    halt_cancels = instrument.terms[InstrumentTerm.HALT_CANCELS] != 0
    if (phase == SessionPhase.HALTED and (cancels or halt_cancels)) or (
        phase == SessionPhase.CLOSED and cancels
    ):
        for order in venue.live_orders(instrument):
            lists.cancel(venue, order)


def _enter_phase(venue: Venue, instrument: Instrument, phase: SessionPhase, until_ns: int) -> None:
    instrument.phase = phase
    instrument.phase_until_ns = until_ns
    instrument.indicated = (0, 0, 0, 0)
    tell(
        venue,
        EventKind.PHASE_CHANGED,
        instrument=instrument.number,
        ord_status=phase,
        price=instrument.reference_price,
        expire_ns=until_ns,
    )


def start_volatility_auction(venue: Venue, instrument: Instrument) -> None:
    """Interrupt continuous trading: a trade would have printed outside the collar (rule A-5)."""
    length_ns = instrument.terms[InstrumentTerm.VOLATILITY_AUCTION_NS]
    until_ns = venue.now + length_ns if length_ns else 0
    _enter_phase(venue, instrument, SessionPhase.VOLATILITY_AUCTION, until_ns)


def tick(venue: Venue) -> None:
    """TICK: expire what is due, end what was planned to end, tell what calls indicate."""
    due = [order for order in venue.timed.values() if order.expire_ns <= venue.now]
    for order in sorted(due, key=lambda order: (order.expire_ns, order.order_id)):
        if order.live:
            trading.expire(venue, order, ExpiryReason.GTD_TIME_REACHED)
    for instrument in venue.instruments:
        in_volatility_auction = instrument.phase == SessionPhase.VOLATILITY_AUCTION
        if in_volatility_auction and 0 < instrument.phase_until_ns <= venue.now:
            _start_phase(venue, instrument, SessionPhase.CONTINUOUS, until_ns=0, cancels=False)
            stops.follow_up(venue)
    for instrument in venue.instruments:
        if instrument.in_call:
            indicated = indication(instrument)
            if indicated != instrument.indicated:
                instrument.indicated = indicated
                tell_auction(venue, EventKind.INDICATED, instrument, indicated)
