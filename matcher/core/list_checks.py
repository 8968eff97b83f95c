"""Whether an order list is admitted: market model, "Checks", exception 1.

The legs are the gathered commands. First each leg alone, from account to position, then what concerns
the legs together, then what the legs that enter at once would meet and must hold.
"""

from matcher.core.accounts import counts_of
from matcher.core.checks import NONE, check_leg, check_scope, is_stop
from matcher.core.filters import check_counts, check_position
from matcher.core.holding import check_market, unit_hold
from matcher.core.kernel import has_text, kernel, same_text
from matcher.core.legs import find_list
from matcher.core.money import BUY, held_of, need_of
from matcher.core.state import Core
from matcher.core.terms import term_of
from matcher.core.triggers import is_stop_loss
from protocol.rejects import RejectReason
from protocol.terms import InstrumentTerm, ListKind, OrdType


@kernel
def legs_of(kind: int) -> int:
    """Return how many legs a kind of list has; 0: there is no such kind."""
    if kind == ListKind.OTOCO:
        return 3
    return 2 if kind == ListKind.OCO or kind == ListKind.OTO else 0


@kernel
def first_of_oco(kind: int) -> int:
    """Return the number of the first leg of a list's OCO; of an OTO, which has none, 0."""
    return 1 if kind == ListKind.OTOCO else 0


@kernel
def entering_legs(kind: int) -> int:
    """Return how many legs of a list enter at once."""
    return 2 if kind == ListKind.OCO else 1


@kernel
def check_list(core: Core, legs: int) -> int:
    """Check a gathered list, in the order of the market model."""
    for leg in range(legs):
        reason = check_alone(core, leg, legs)
        if reason != NONE:
            return reason
    reason = check_together(core, legs)
    if reason != NONE:
        return reason
    return check_now(core, legs)


@kernel
def check_alone(core: Core, leg: int, legs: int) -> int:
    """Check one leg from UNKNOWN_ACCOUNT to MAX_POSITION, counting all legs."""
    cmd = core.gathered[leg]
    reason = check_scope(core, cmd)
    if reason != NONE:
        return reason
    market = core.markets[cmd.instrument]
    reason = check_leg(core, cmd, market, cmd.list_kind != ListKind.OCO and leg > 0)
    if reason != NONE or market.counted == 0:
        return reason
    stops = 0
    icebergs = 0
    for number in range(legs):
        other = core.gathered[number]
        stops += 1 if is_stop(other.ord_type) else 0
        icebergs += 1 if other.display_qty != 0 else 0
    counts = counts_of(core, cmd.account, cmd.instrument)
    reason = check_counts(core, cmd, counts, legs, stops, icebergs)
    return reason if reason != NONE else check_position(core, cmd, market, counts)


@kernel
def check_together(core: Core, legs: int) -> int:
    """Check what concerns the legs together: INVALID_FIELDS to LIST_PRICES."""
    cmd = core.gathered[0]
    if not legs_fit(core, legs):
        return RejectReason.INVALID_FIELDS
    if is_name_taken(core, legs):
        return RejectReason.DUPLICATE_CL_ORD_ID
    most = term_of(core, cmd.instrument, InstrumentTerm.MAX_NUM_ORDER_LISTS)
    if most != 0 and counts_of(core, cmd.account, cmd.instrument).lists >= most:
        return RejectReason.MAX_NUM_ORDER_LISTS
    if cmd.list_kind == ListKind.OTO:
        return RejectReason.NONE
    one = core.gathered[first_of_oco(cmd.list_kind)]
    two = core.gathered[first_of_oco(cmd.list_kind) + 1]
    last_px = core.instruments[cmd.instrument].last_px if cmd.list_kind == ListKind.OCO else 0
    first_px = compared_price(one.ord_type, one.price, one.stop_px)
    second_px = compared_price(two.ord_type, two.price, two.stop_px)
    if not prices_fit(one.side, one.ord_type, first_px, second_px, last_px):
        return RejectReason.LIST_PRICES
    return RejectReason.NONE


@kernel
def legs_fit(core: Core, legs: int) -> bool:
    """Say whether types, sides and quantities are those of rules O-1 and O-2."""
    first = core.gathered[0]
    if first.list_kind != ListKind.OCO:
        if first.ord_type != OrdType.LIMIT and first.ord_type != OrdType.LIMIT_MAKER:
            return False
        for leg in range(legs):
            if core.gathered[leg].quote_qty != 0:
                return False
    if first.list_kind == ListKind.OTO:
        return True
    one = core.gathered[first_of_oco(first.list_kind)]
    two = core.gathered[first_of_oco(first.list_kind) + 1]
    if one.side != two.side or one.order_qty != two.order_qty:
        return False
    if is_stop_loss(one.ord_type):
        return is_limit_leg(two.ord_type)
    return is_limit_leg(one.ord_type) and is_stop_loss(two.ord_type)


@kernel
def is_limit_leg(ord_type: int) -> bool:
    """Say whether a type may be the limit leg of an OCO."""
    if ord_type == OrdType.LIMIT_MAKER:
        return True
    return ord_type == OrdType.TAKE_PROFIT or ord_type == OrdType.TAKE_PROFIT_LIMIT


@kernel
def is_name_taken(core: Core, legs: int) -> bool:
    """Say whether two legs share a text id, or a live list has this list's."""
    first = core.gathered[0]
    for leg in range(1, legs):
        text = core.gathered[leg].cl_ord_id
        for other in range(leg):
            if has_text(text) and same_text(core.gathered[other].cl_ord_id, text):
                return True
    text = first.list_cl_ord_id
    return has_text(text) and find_list(core, first.account, first.instrument, 0, text) != 0


@kernel
def compared_price(ord_type: int, price: int, stop_px: int) -> int:
    """Return the price of a leg that rule O-1 compares; 0: a trailing leg without one."""
    return price if ord_type == OrdType.LIMIT_MAKER else stop_px


@kernel
def prices_fit(side: int, ord_type: int, first_px: int, second_px: int, last_px: int) -> bool:
    """Say whether the legs of an OCO lie on their sides of each other and of the last price.

    `ord_type`: of the first leg; prices as compared, 0: left out.
    """
    first_is_above = is_limit_leg(ord_type) == (side != BUY)
    above = first_px if first_is_above else second_px
    below = second_px if first_is_above else first_px
    if above != 0 and below != 0 and above <= below:
        return False
    if last_px != 0 and above != 0 and above <= last_px:
        return False
    return last_px == 0 or below == 0 or below < last_px


@kernel
def check_now(core: Core, legs: int) -> int:
    """Check what the legs that enter at once meet and hold: WOULD_TRIGGER to the capacities."""
    first = core.gathered[0]
    market = core.markets[first.instrument]
    need = 0
    for leg in range(entering_legs(first.list_kind)):
        cmd = core.gathered[leg]
        reason = check_market(
            core, market, cmd.instrument, cmd.ord_type, cmd.side, cmd.price, cmd.stop_px
        )
        if reason != NONE:
            return reason
        need = max(need, leg_need(core, leg))
    if held_of(core, market, first.account, first.side).free < need:
        return RejectReason.INSUFFICIENT_BALANCE
    if core.state.lists + 1 > core.limits.lists - 1:
        return RejectReason.ORDER_CAPACITY
    if core.state.orders + legs > core.limits.orders - 1:
        return RejectReason.ORDER_CAPACITY
    if core.accounts[first.account].order_count + legs > core.limits.account_orders:
        return RejectReason.ACCOUNT_ORDER_CAPACITY
    return RejectReason.NONE


@kernel
def leg_need(core: Core, leg: int) -> int:
    """Return what a gathered leg that enters at once must hold; none of them is a MARKET order."""
    cmd = core.gathered[leg]
    unit = unit_hold(core, cmd.instrument, cmd.ord_type, cmd.time_in_force, cmd.price, cmd.stop_px)
    return need_of(core.markets[cmd.instrument], cmd.side, unit, cmd.order_qty)
