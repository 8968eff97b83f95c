"""What acts after a command: pending legs whose turn has come, and stops that fired.

First every queued list whose working order was filled, in order of filling, then the first elected
stop, and again, until nothing is queued (market model, "Follow-ups"). Each may queue more.
"""

from matcher.core.accounts import counts_of, touch
from matcher.core.checks import NONE, is_priced, is_stop, phase_admits
from matcher.core.holding import check_market, entry_need, give_hold, unit_hold
from matcher.core.kernel import inlined, kernel
from matcher.core.legs import drop_pending, leg_at, list_of
from matcher.core.list_checks import compared_price, prices_fit
from matcher.core.list_entry import fund_pending, let_pending_in
from matcher.core.lists import close_when_done, end_sibling, expire_leg
from matcher.core.lookahead import limit_of
from matcher.core.matching import act, expire
from matcher.core.money import BUY, free_hold, quote_of
from matcher.core.rows import MarketRow
from matcher.core.state import Core
from matcher.core.stops import leave_elected
from matcher.core.working import start_working
from protocol.board import OrderRow
from protocol.records import Command
from protocol.terms import (
    EventKind,
    ExpiryReason,
    ListKind,
    OrdStatus,
    OrdType,
    TimeInForce,
)


@kernel
def follow_up(core: Core, cmd: Command) -> None:
    """Let everything act that the command has queued, until nothing is left."""
    state = core.state
    while state.filled_first != 0 or state.elected_first != 0:
        if state.filled_first != 0:
            number = state.filled_first
            state.filled_first = core.lists[number].queued
            if state.filled_first == 0:
                state.filled_last = 0
            activate_pending(core, cmd, number)
        else:
            fire(core, cmd, core.extras[state.elected_first].order)
    state.follow_ups = 0


@inlined
def fire(core: Core, cmd: Command, slot: int) -> None:
    """Let an elected stop become the order it stands for, or expire (rule S-4)."""
    order = core.orders[slot]
    market = core.markets[order.instrument]
    extra = core.extras[order.extra]
    leave_elected(core, order.extra)
    extra.place = 0
    touch(core, order.account)
    number = list_of(core, order)
    if number != 0:
        end_sibling(core, cmd, number, extra.leg)
    if not turn_to_market(core, market, order):
        expire(core, cmd, market, order, slot, ExpiryReason.REJECTED)
        return
    order.ord_status = OrdStatus.NEW
    if market.counted != 0:
        counts_of(core, order.account, order.instrument).algos -= 1
    if start_working(core, cmd, market, order, slot, EventKind.TRIGGERED):
        act(core, cmd, market, order, slot, limit_of(market, order.side, order.price))


@inlined
def turn_to_market(core: Core, market: MarketRow, order: OrderRow) -> bool:
    """Take the hold that a fired stop needs now; return False when it cannot be placed."""
    instrument = order.instrument
    buys_at_market = order.side == BUY and not is_priced(order.ord_type)
    if buys_at_market:
        free_hold(core, market, order)
    phase = core.instruments[instrument].phase
    if not phase_admits(phase, order.ord_type, order.time_in_force, False):
        return False
    if not buys_at_market:
        return True
    unit = unit_hold(core, instrument, OrdType.MARKET, order.time_in_force, 0, 0)
    need = entry_need(core, market, order, OrdType.MARKET, unit)
    if quote_of(core, market, order.account).free < need:
        return False
    give_hold(core, market, order, unit, need)
    return True


@kernel
def activate_pending(core: Core, cmd: Command, number: int) -> None:
    """Let the pending leg or OCO of a list in, its working order being filled (rule O-2)."""
    row = core.lists[number]
    if row.live == 0:
        return
    drop_pending(core, number)
    if may_enter(core, number) and fund_pending(core, number):
        let_pending_in(core, cmd, number)
        return
    for leg in range(1, row.legs):
        expire_leg(core, cmd, number, leg, ExpiryReason.REJECTED)
    close_when_done(core, cmd, number)


@kernel
def may_enter(core: Core, number: int) -> bool:
    """Say whether phase, prices and book let every pending leg of a list in."""
    row = core.lists[number]
    market = core.markets[row.instrument]
    for leg in range(1, row.legs):
        order = core.orders[leg_at(core, number, leg)]
        if not phase_lets_in(core, order):
            return False
        stop_px = core.extras[order.extra].stop_px
        reason = check_market(
            core, market, row.instrument, order.ord_type, order.side, order.price, stop_px
        )
        if reason != NONE:
            return False
    if row.kind != ListKind.OTOCO:
        return True
    one = core.orders[leg_at(core, number, 1)]
    two = core.orders[leg_at(core, number, 2)]
    return prices_fit(
        one.side,
        one.ord_type,
        compared_price(one.ord_type, one.price, core.extras[one.extra].stop_px),
        compared_price(two.ord_type, two.price, core.extras[two.extra].stop_px),
        core.instruments[row.instrument].last_px,
    )


@kernel
def phase_lets_in(core: Core, order: OrderRow) -> bool:
    """Say whether the phase admits a pending leg; an unfired stop as a LIMIT that stays."""
    phase = core.instruments[order.instrument].phase
    if is_stop(order.ord_type):
        return phase_admits(phase, OrdType.LIMIT, TimeInForce.GTC, False)
    return phase_admits(phase, order.ord_type, order.time_in_force, False)
