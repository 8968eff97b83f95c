"""Order lists: what happens to one leg when something happens to another (rules O-1, O-2).

OCO: the legs exclude each other. OTO, OTOCO: leg 0 works, the others are pending until it is filled.
Whoever fills or ends an order that is in a list says so here, after the events about it; the order's
row may be gone by then, so a leg goes by the number of its list and its own number in it.

Nothing here makes an order act: pending legs that may enter are queued for `follow_ups.py`.
"""

from matcher.core.emit import new_event
from matcher.core.ends import end_order
from matcher.core.kernel import copy_text, kernel
from matcher.core.legs import leg_at, release_list, sibling_leg
from matcher.core.state import Core
from protocol.records import Command
from protocol.terms import EventKind, ExpiryReason, OrdStatus


@kernel
def tell_list(core: Core, cmd: Command, kind: int, number: int) -> None:
    """Tell something about a list."""
    row = core.lists[number]
    event = new_event(core, cmd, kind)
    event.account = row.account
    event.instrument = row.instrument
    event.list_id = row.list_id
    event.ord_type = row.kind
    event.order_count = row.legs
    copy_text(event.cl_ord_id, row.cl_ord_id)


@kernel
def end_leg(
    core: Core, cmd: Command, number: int, leg: int, kind: int, status: int, reason: int
) -> None:
    """End a leg, if it is live."""
    slot = leg_at(core, number, leg)
    if slot != 0:
        order = core.orders[slot]
        market = core.markets[order.instrument]
        end_order(core, cmd, market, order, slot, kind, status, reason)


@kernel
def expire_leg(core: Core, cmd: Command, number: int, leg: int, reason: int) -> None:
    """Expire a leg, if it is live."""
    end_leg(core, cmd, number, leg, EventKind.EXPIRED, OrdStatus.EXPIRED, reason)


@kernel
def end_sibling(core: Core, cmd: Command, number: int, leg: int) -> None:
    """End the other leg of a leg's OCO, if there is one and it is live."""
    other = sibling_leg(core.lists[number], leg)
    if other >= 0:
        expire_leg(core, cmd, number, other, ExpiryReason.OCO_TRIGGER)


@kernel
def after_fill(core: Core, cmd: Command, number: int, leg: int) -> None:
    """Follow up on a fill of a leg, which may have ended it."""
    end_sibling(core, cmd, number, leg)
    if leg_at(core, number, leg) == 0:
        after_end(core, cmd, number, leg, True)


@kernel
def after_end(core: Core, cmd: Command, number: int, leg: int, filled: bool) -> None:
    """Follow up on the end of a leg that was not cancelled."""
    row = core.lists[number]
    if row.pending != 0 and leg == 0:
        if not filled:
            for other in range(1, row.legs):
                expire_leg(core, cmd, number, other, ExpiryReason.OTO_PHASE_ONE_EXPIRED)
        elif row.live != 0:
            queue_pending(core, number)
    else:
        end_sibling(core, cmd, number, leg)
    close_when_done(core, cmd, number)


@kernel
def queue_pending(core: Core, number: int) -> None:
    """Queue a list whose working order is filled: its pending legs enter after the command."""
    state = core.state
    core.lists[number].queued = 0
    if state.filled_last == 0:
        state.filled_first = number
    else:
        core.lists[state.filled_last].queued = number
    state.filled_last = number
    state.follow_ups = 1


@kernel
def cancel_legs(core: Core, cmd: Command, number: int) -> None:
    """Cancel a whole list, its live legs in leg order."""
    for leg in range(core.lists[number].legs):
        end_leg(core, cmd, number, leg, EventKind.CANCELED, OrdStatus.CANCELED, 0)
    close_when_done(core, cmd, number)


@kernel
def close_when_done(core: Core, cmd: Command, number: int) -> None:
    """Tell that a list is done, and forget it, when no leg is live any more."""
    if core.lists[number].live == 0:
        tell_list(core, cmd, EventKind.LIST_DONE, number)
        release_list(core, number)
