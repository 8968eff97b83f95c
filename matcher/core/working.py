"""Put an admitted order where it belongs: into the book, aside, or on to the match.

`start` is the way of a plain order in continuous trading, `admit` that of all others.
"""

from matcher.core.aside import join_call, join_waiting
from matcher.core.book import join_level
from matcher.core.checks import is_call, is_priced, is_stop
from matcher.core.emit import order_event, tell_level
from matcher.core.holding import waits_for_close
from matcher.core.kernel import inlined, kernel
from matcher.core.lookahead import limit_of, meets
from matcher.core.orders import give_extra, list_live
from matcher.core.rows import ICEBERG, LISTED, WORKING, MarketRow
from matcher.core.state import Core
from matcher.core.stops import watch
from protocol.board import OrderRow
from protocol.records import Command
from protocol.terms import OrdStatus, TimeInForce


@inlined
def may_rest(order: OrderRow) -> bool:
    """Say whether a remainder of the order joins the book."""
    if order.time_in_force == TimeInForce.IOC or order.time_in_force == TimeInForce.FOK:
        return False
    return is_priced(order.ord_type)


@inlined
def rest(core: Core, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Put what is left of an order into the book, behind those at its price."""
    if order.flags & ICEBERG:
        extra = core.extras[order.extra]
        extra.visible_qty = min(extra.display_qty, order.leaves_qty)
    join_level(core, market, order, slot)
    if order.flags & LISTED == 0:
        list_live(core, market, order, slot)


@inlined
def stay(core: Core, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Make an order that will outlive its command findable, if it is not yet."""
    if order.flags & LISTED == 0:
        list_live(core, market, order, slot)


@inlined
def admit(
    core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int, kind: int
) -> bool:
    """Tell that an order is in, its hold taken; return whether it must now act."""
    order.ord_status = OrdStatus.NEW
    if is_stop(order.ord_type):
        stay(core, market, order, slot)
        watch(core, market, order, slot, cmd.at_ns)
    elif waits_for_close(core, order.instrument, order.time_in_force):
        if order.extra == 0:
            give_extra(core, slot)
        stay(core, market, order, slot)
        join_waiting(core, market, order, slot)
    else:
        return start_working(core, cmd, market, order, slot, kind)
    order_event(core, cmd, kind, order)
    return False


@kernel
def start_working(
    core: Core, cmd: Command, market: MarketRow, order: OrderRow, slot: int, kind: int
) -> bool:
    """Put an order to work: into the call, into the book, or (True) on to the match."""
    order.flags |= WORKING
    if order.extra != 0:
        core.extras[order.extra].working_ns = cmd.at_ns
    in_call = is_call(core.instruments[order.instrument].phase)
    if in_call and not is_priced(order.ord_type):
        stay(core, market, order, slot)
        join_call(core, market, order, slot)
        order_event(core, cmd, kind, order)
        return False
    limit = limit_of(market, order.side, order.price)
    if in_call or (may_rest(order) and not meets(market, order.side, limit)):
        rest(core, market, order, slot)
        event = order_event(core, cmd, kind, order)
        tell_level(core, event, order.instrument, order.level)
        return False
    order_event(core, cmd, kind, order)
    return True
