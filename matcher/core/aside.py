"""Orders that live outside the book: unfired stops, waiting AT_CLOSE orders, market orders in a call.

`ExtraRow.place` says where one stands, and so how it leaves. The waiting ones and those of a call are
plain chains, linked by `next` and `prev`; whoever needs them in an order sorts them.
"""

from matcher.core.book import BUY
from matcher.core.kernel import kernel
from matcher.core.rows import ELECTED, FOLLOWING, IN_CALL, WAITING, WATCHING, MarketRow
from matcher.core.state import Core
from matcher.core.stops import leave_elected, stop_watching
from protocol.board import OrderRow


@kernel
def join_waiting(core: Core, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Let an AT_CLOSE order wait for the closing call."""
    core.extras[order.extra].place = WAITING
    push(core, order, slot, market.waiting)
    market.waiting = slot


@kernel
def join_call(core: Core, market: MarketRow, order: OrderRow, slot: int) -> None:
    """Let an order without a limit wait for the uncross."""
    core.extras[order.extra].place = IN_CALL
    if order.side == BUY:
        push(core, order, slot, market.market_buys)
        market.market_buys = slot
    else:
        push(core, order, slot, market.market_sells)
        market.market_sells = slot


@kernel
def push(core: Core, order: OrderRow, slot: int, first: int) -> None:
    """Link an order before the first of a chain; the caller makes it the first."""
    order.prev = 0
    order.next = first
    if first != 0:
        core.orders[first].prev = slot


@kernel
def pull(core: Core, order: OrderRow, first: int) -> int:
    """Unlink an order from a chain; return the first of what is left."""
    before = order.prev
    after = order.next
    if after != 0:
        core.orders[after].prev = before
    if before == 0:
        return after
    core.orders[before].next = after
    return first


@kernel
def leave_aside(core: Core, market: MarketRow, order: OrderRow) -> None:
    """Take an order that is not in the book out of where it stands, if anywhere."""
    if order.extra == 0:
        return
    extra = core.extras[order.extra]
    place = extra.place
    extra.place = 0
    if place in (WATCHING, FOLLOWING):
        stop_watching(core, market, order, place)
    elif place == ELECTED:
        leave_elected(core, order.extra)
    elif place == WAITING:
        market.waiting = pull(core, order, market.waiting)
    elif place == IN_CALL and order.side == BUY:
        market.market_buys = pull(core, order, market.market_buys)
    elif place == IN_CALL:
        market.market_sells = pull(core, order, market.market_sells)
