"""The end of an order that is not filled: out of where it stands, its hold freed, told, forgotten."""

from matcher.core.accounts import touch
from matcher.core.aside import leave_aside
from matcher.core.book import leave_level
from matcher.core.emit import end_event, tell_level
from matcher.core.kernel import kernel
from matcher.core.money import free_hold
from matcher.core.orders import release_order
from matcher.core.rows import RESTING, MarketRow
from matcher.core.state import Core
from protocol.board import OrderRow
from protocol.records import Command


@kernel
def end_order(
    core: Core,
    cmd: Command,
    market: MarketRow,
    order: OrderRow,
    slot: int,
    kind: int,
    status: int,
    reason: int,
) -> None:
    """End an order with an event of `kind`; what that does to its list is the caller's affair."""
    touch(core, order.account)
    free_hold(core, market, order)
    order.updated_ns = cmd.at_ns
    rested = order.flags & RESTING
    if rested:
        leave_level(core, market, order)
    else:
        leave_aside(core, market, order)
    event = end_event(core, cmd, kind, order, status)
    event.reason = reason
    if rested:
        tell_level(core, event, order.instrument, order.level)
    release_order(core, market, order, slot, cmd.at_ns)
