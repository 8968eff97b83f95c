"""Enter an order list: gather its legs, check them, let them in; and let pending legs in later.

The legs are consecutive commands and nothing happens before the last (market model, "Lists"). An
OCO's funds are held once, in its list's row; pending legs hold nothing (rules O-1, O-2).
"""

from matcher.core.accounts import touch
from matcher.core.checks import NONE
from matcher.core.emit import new_event, order_event
from matcher.core.holding import entry_need, give_hold, unit_hold
from matcher.core.kernel import copy_row, copy_text, kernel
from matcher.core.legs import leg_at, note_pending, sibling_leg, take_list
from matcher.core.list_checks import check_list, entering_legs, leg_need, legs_of
from matcher.core.lists import tell_list
from matcher.core.lookahead import limit_of
from matcher.core.making import make_order
from matcher.core.matching import act
from matcher.core.money import held_of, lock
from matcher.core.orders import give_extra, list_live
from matcher.core.rows import LIST_LEGS, OWN_HOLD, SHARED_HOLD
from matcher.core.state import Core
from matcher.core.working import admit
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import EventKind, ListKind, OrdStatus


@kernel
def gather(core: Core, cmd: Command) -> None:
    """Take one leg; with the last one, enter the list or refuse it."""
    state = core.state
    count = 0 if cmd.leg == 0 else state.gathered
    state.gathered = 0
    if not continues(core, cmd, count):
        reject_list(core, cmd, cmd, RejectReason.INVALID_FIELDS)
        return
    copy_row(core.gathered[count], cmd)
    if cmd.leg < cmd.legs - 1:
        state.gathered = count + 1
        return
    reason = check_list(core, cmd.legs)
    if reason != NONE:
        reject_list(core, cmd, core.gathered[0], reason)
    else:
        open_list(core, cmd)


@kernel
def continues(core: Core, cmd: Command, count: int) -> bool:
    """Say whether a leg is the next of the `count` gathered so far."""
    if cmd.legs == 0 or cmd.legs != legs_of(cmd.list_kind) or cmd.leg != count:
        return False
    first = core.gathered[0]
    return count == 0 or (
        cmd.account == first.account
        and cmd.instrument == first.instrument
        and cmd.list_kind == first.list_kind
        and cmd.reply_to == first.reply_to
        and cmd.request_id == first.request_id
    )


@kernel
def reject_list(core: Core, cmd: Command, leg: Command, reason: int) -> None:
    """Refuse a list, with the names that one of its legs gave."""
    event = new_event(core, cmd, EventKind.LIST_REJECTED)
    event.account = leg.account
    event.instrument = leg.instrument
    event.ord_type = leg.list_kind
    event.reason = reason
    copy_text(event.cl_ord_id, leg.list_cl_ord_id)


@kernel
def open_list(core: Core, cmd: Command) -> None:
    """Let a checked list in: what enters at once with its hold, the pending legs without one."""
    first = core.gathered[0]
    kind = first.list_kind
    number = take_list(core, first.account, first.instrument)
    row = core.lists[number]
    row.kind = kind
    row.legs = first.legs
    row.live = first.legs
    if kind != ListKind.OCO:
        note_pending(core, number)
    copy_text(row.cl_ord_id, first.list_cl_ord_id)
    entering = entering_legs(kind)
    need = 0
    for leg in range(entering):
        need = max(need, leg_need(core, leg))
    for leg in range(row.legs):
        make_leg(core, cmd, number, leg, leg >= entering)
    market = core.markets[row.instrument]
    lock(core, market, row.account, first.side, need)
    if kind == ListKind.OCO:
        share_hold(core, number, 0, need)
    tell_list(core, cmd, EventKind.LIST_OPENED, number)
    working = leg_at(core, number, 0)
    order = core.orders[working]
    acts = admit(core, cmd, market, order, working, EventKind.ACCEPTED)
    for leg in range(1, row.legs):
        slot = leg_at(core, number, leg)
        if leg < entering:
            admit(core, cmd, market, core.orders[slot], slot, EventKind.ACCEPTED)
        else:
            order_event(core, cmd, EventKind.ACCEPTED, core.orders[slot])
    if acts:
        act(core, cmd, market, order, working, limit_of(market, order.side, order.price))


@kernel
def make_leg(core: Core, cmd: Command, number: int, leg: int, pending: bool) -> None:
    """Give a gathered leg its order row and its place in the list."""
    asked = core.gathered[leg]
    market = core.markets[asked.instrument]
    slot = make_order(core, asked, market, asked.order_qty)
    order = core.orders[slot]
    order.created_ns = cmd.at_ns
    order.updated_ns = cmd.at_ns
    if order.extra == 0:
        give_extra(core, slot)
    extra = core.extras[order.extra]
    extra.list = number
    extra.list_id = core.lists[number].list_id
    extra.leg = leg
    core.list_legs[number * LIST_LEGS + leg] = slot
    if pending:
        order.ord_status = OrdStatus.PENDING_NEW
        order.flags |= OWN_HOLD
    list_live(core, market, order, slot)


@kernel
def share_hold(core: Core, number: int, first: int, need: int) -> None:
    """Let the two legs of an OCO that enters share what was locked for them."""
    core.lists[number].hold = need
    for leg in range(first, first + 2):
        order = core.orders[leg_at(core, number, leg)]
        order.flags |= OWN_HOLD | SHARED_HOLD
        extra = core.extras[order.extra]
        extra.hold_price = unit_hold(
            core,
            order.instrument,
            order.ord_type,
            order.time_in_force,
            order.price,
            extra.stop_px,
        )


@kernel
def fund_pending(core: Core, number: int) -> bool:
    """Take the hold of a list's pending legs, or return False when the free balance is short."""
    row = core.lists[number]
    market = core.markets[row.instrument]
    need = 0
    unit = 0
    slot = 0
    for leg in range(1, row.legs):
        slot = leg_at(core, number, leg)
        order = core.orders[slot]
        stop_px = core.extras[order.extra].stop_px
        unit = unit_hold(
            core, order.instrument, order.ord_type, order.time_in_force, order.price, stop_px
        )
        need = max(need, entry_need(core, market, order, order.ord_type, unit))
    order = core.orders[slot]
    touch(core, row.account)
    if held_of(core, market, row.account, order.side).free < need:
        return False
    if sibling_leg(row, row.legs - 1) < 0:
        give_hold(core, market, order, unit, need)
    else:
        lock(core, market, row.account, order.side, need)
        share_hold(core, number, 1, need)
    return True


@kernel
def let_pending_in(core: Core, cmd: Command, number: int) -> None:
    """Let a list's pending legs, checked and funded, start in leg order."""
    row = core.lists[number]
    legs = row.legs
    market = core.markets[row.instrument]
    for leg in range(1, legs):
        slot = leg_at(core, number, leg)
        order = core.orders[slot]
        if admit(core, cmd, market, order, slot, EventKind.TRIGGERED):
            act(core, cmd, market, order, slot, limit_of(market, order.side, order.price))
