"""Session phases, halts and the clock (rules A-1, A-2, A-5, A-6, C-8).

Which phase may follow which is `may_follow`; what a phase admits is a matter of the checks. A TICK
does what is due at its time: it expires GTD orders, ends planned volatility auctions and tells what
calls indicate.
"""

from matcher.core.accounts import touch
from matcher.core.aside import leave_aside
from matcher.core.auction import find_price
from matcher.core.cancels import cancel_gathered
from matcher.core.checks import NONE, is_call
from matcher.core.emit import command_rejected
from matcher.core.expiries import next_expiry
from matcher.core.follow_ups import follow_up
from matcher.core.gathering import ALL, ONE_DAY, gather_live
from matcher.core.kernel import kernel
from matcher.core.matching import expire
from matcher.core.orders import sort_by_order_id
from matcher.core.phases import ends_ns, enter_phase
from matcher.core.rows import TERM_COLUMNS, MarketRow
from matcher.core.state import Core
from matcher.core.terms import term_of
from matcher.core.uncross import tell_call, uncross
from matcher.core.working import start_working
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import (
    CommandFlag,
    EventKind,
    ExpiryReason,
    InstrumentTerm,
    SessionPhase,
)

CANCEL_ORDERS = int(CommandFlag.CANCEL_ORDERS)


@kernel
def set_phase(core: Core, cmd: Command) -> None:
    """Start a phase of an instrument, or say why not."""
    reason = check_phase_change(core, cmd)
    if reason != NONE:
        command_rejected(core, cmd, reason)
        return
    instrument = cmd.instrument
    if cmd.price != 0:
        core.terms[instrument * TERM_COLUMNS + InstrumentTerm.REFERENCE_PRICE] = cmd.price
        core.instruments[instrument].reference_price = cmd.price
    start_phase(core, cmd, instrument, cmd.term, cmd.expire_ns, cmd.flags & CANCEL_ORDERS != 0)


@kernel
def check_phase_change(core: Core, cmd: Command) -> int:
    """Check a SET_PHASE."""
    if cmd.instrument >= core.state.instruments:
        return RejectReason.UNKNOWN_INSTRUMENT
    market = core.markets[cmd.instrument]
    if cmd.expire_ns < 0:
        return RejectReason.INVALID_FIELDS
    if cmd.price < 0 or cmd.price > market.top:
        return RejectReason.INVALID_PRICE
    if not may_follow(market, core.instruments[cmd.instrument].phase, cmd.term):
        return RejectReason.INVALID_PHASE
    return RejectReason.NONE


@kernel
def may_follow(market: MarketRow, present: int, phase: int) -> bool:
    """Say whether `phase` may come after the present one."""
    if phase == present or phase < SessionPhase.PRE_OPEN or phase > SessionPhase.HALTED:
        return False
    if phase == SessionPhase.PRE_OPEN:
        return present == SessionPhase.CLOSED
    if phase != SessionPhase.CONTINUOUS:
        return True
    if present == SessionPhase.HALTED:
        return False
    return is_call(present) or market.best_bid < market.best_ask


@kernel
def start_phase(
    core: Core, cmd: Command, instrument: int, phase: int, until_ns: int, cancels: bool
) -> None:
    """Leave the present phase for another, with everything that brings."""
    market = core.markets[instrument]
    ends_call = phase == SessionPhase.CONTINUOUS or phase == SessionPhase.CLOSED
    if is_call(core.instruments[instrument].phase) and ends_call:
        uncross(core, cmd, instrument)
    enter_phase(core, cmd, instrument, phase, until_ns)
    if phase == SessionPhase.CLOSING_AUCTION:
        join_closing_call(core, cmd, market)
    if phase == SessionPhase.CLOSED:
        end_the_day(core, cmd, market, instrument)
    if phase == SessionPhase.HALTED:
        cancels = cancels or term_of(core, instrument, InstrumentTerm.HALT_CANCELS) != 0
    if cancels and (phase == SessionPhase.HALTED or phase == SessionPhase.CLOSED):
        count = gather_live(core, market, ALL)
        sort_by_order_id(core, count)
        cancel_gathered(core, cmd, count)


@kernel
def join_closing_call(core: Core, cmd: Command, market: MarketRow) -> None:
    """Let the waiting AT_CLOSE orders join their call, lowest order id first."""
    count = 0
    slot = market.waiting
    while slot != 0:
        core.scratch[count] = slot
        count += 1
        slot = core.orders[slot].next
    sort_by_order_id(core, count)
    for place in range(count):
        slot = core.scratch[place]
        order = core.orders[slot]
        touch(core, order.account)
        leave_aside(core, market, order)
        start_working(core, cmd, market, order, slot, EventKind.RESTED)


@kernel
def end_the_day(core: Core, cmd: Command, market: MarketRow, instrument: int) -> None:
    """Expire what is good for one day, lowest order id first (rule C-8)."""
    count = gather_live(core, market, ONE_DAY)
    sort_by_order_id(core, count)
    for place in range(count):
        slot = core.scratch[place]
        order = core.orders[slot]
        if order.order_id != 0:
            expire(core, cmd, market, order, slot, ExpiryReason.END_OF_DAY)


@kernel
def tick(core: Core, cmd: Command) -> None:
    """Do what is due at the command's time."""
    expire_due(core, cmd)
    if 0 < core.state.phase_due_ns <= cmd.at_ns:
        for instrument in range(core.state.instruments):
            if 0 < ends_ns(core, instrument) <= cmd.at_ns:
                start_phase(core, cmd, instrument, SessionPhase.CONTINUOUS, 0, False)
                follow_up(core, cmd)
    for instrument in range(core.state.instruments):
        if is_call(core.instruments[instrument].phase):
            indicate(core, cmd, instrument)


@kernel
def expire_due(core: Core, cmd: Command) -> None:
    """Expire the GTD orders that are due, by time, then order id."""
    slot = next_expiry(core, cmd.at_ns)
    while slot != 0:
        order = core.orders[slot]
        market = core.markets[order.instrument]
        expire(core, cmd, market, order, slot, ExpiryReason.GTD_TIME_REACHED)
        slot = next_expiry(core, cmd.at_ns)


@kernel
def indicate(core: Core, cmd: Command, instrument: int) -> None:
    """Tell what a call would do now, if that changed since it was last told (rule A-2)."""
    find_price(core, core.markets[instrument], instrument)
    row = core.instruments[instrument]
    call = core.call
    side = 1 if call.surplus < 0 else 0
    if (
        row.indicative_price == call.price
        and row.paired_qty == call.paired_qty
        and row.imbalance_qty == abs(call.surplus)
        and row.imbalance_side == side
    ):
        return
    row.indicative_price = call.price
    row.paired_qty = call.paired_qty
    row.imbalance_qty = abs(call.surplus)
    row.imbalance_side = side
    tell_call(core, cmd, EventKind.INDICATED, instrument)
