"""Fetch into the cache what the next commands of a batch will touch.

A command touches some ten cache lines at random places: the account, its balances, its list of
orders, the table of ids, the order and its neighbours, the level. Waiting for them one after another took
more than half of the time. Each is a step behind another, so a command is looked at three times, ever
nearer: what it says itself; the order row; what hangs on the order.

Nothing here changes anything, and a wrong guess costs nothing but the fetch: a prefetch of a wild
address is dropped. Only loads must stay inside their blocks.
"""

from matcher.core.accounts import list_cell
from matcher.core.blocks import Table
from matcher.core.indexes import fetch_text, id_cell
from matcher.core.kernel import inlined, kernel, prefetch
from matcher.core.marks import cell_at
from matcher.core.money import cell_in
from matcher.core.state import Core
from matcher.core.terms import natural
from protocol.board import OrderRow
from protocol.records import Command

FAR = 12
NEAR = 8
NEXT = 4
RING = 15
"""What was found for the commands ahead, first cells of ids, then row numbers, by the low bits of
their place in the batch;"""
PLACES = RING + 1
"""and behind it the cells of their prices."""


@kernel
def look_first(core: Core, batch: Table[Command], count: int) -> None:
    """Fetch for the first commands of a batch, before any is applied."""
    for place in range(min(count, FAR)):
        _look_far(core, batch[place], place & RING)
    for place in range(min(count, NEAR)):
        _look_near(core, batch[place], place & RING)
    for place in range(min(count, NEXT)):
        _look_next(core, batch[place], place & RING)


@inlined
def look_ahead(core: Core, batch: Table[Command], place: int, count: int) -> None:
    """Fetch for the commands behind `place`."""
    if place + FAR < count:
        _look_far(core, batch[place + FAR], (place + FAR) & RING)
        _look_near(core, batch[place + NEAR], (place + NEAR) & RING)
        _look_next(core, batch[place + NEXT], (place + NEXT) & RING)
    elif place + NEXT < count:
        _look_end(core, batch, place, count)


@kernel
def _look_end(core: Core, batch: Table[Command], place: int, count: int) -> None:
    if place + NEAR < count:
        _look_near(core, batch[place + NEAR], (place + NEAR) & RING)
    _look_next(core, batch[place + NEXT], (place + NEXT) & RING)


@inlined
def _look_far(core: Core, cmd: Command, mark: int) -> None:
    """What the command itself says. An ENTER names order 0, a cancel price 0: both always warm."""
    market = core.markets[min(cmd.instrument, core.limits.instruments - 1)]
    prefetch(core.accounts, cmd.account, 0)
    prefetch(core.balances, cell_in(market.base_cell, cmd.account), 0)
    prefetch(core.balances, cell_in(market.quote_cell, cmd.account), 0)
    position = cmd.price if market.tick_size <= 1 else cmd.price // market.tick_size
    place = cell_at(market, cmd.side & 1, min(natural(position), market.top))
    prefetch(core.ladder, place, 0)
    prefetch(core.bits, place >> 6, 0)
    core.ahead[mark + PLACES] = place
    cell = id_cell(core, cmd.order_id)
    prefetch(core.id_slots, cell, 0)
    core.ahead[mark] = cell


@inlined
def _look_near(core: Core, cmd: Command, mark: int) -> None:
    """The order row, guessed from the cell of its id; and the end of the account's list."""
    account = min(cmd.account, core.limits.accounts - 1)
    count = core.accounts[account].order_count
    prefetch(core.account_orders, list_cell(core, account, count), 0)
    prefetch(core.levels, core.ladder[core.ahead[mark + PLACES]], 0)
    slot = core.id_slots[core.ahead[mark]]
    prefetch(core.orders, slot, 0)
    prefetch(core.orders, slot, 1)
    core.ahead[mark] = slot


@inlined
def _look_next(core: Core, cmd: Command, mark: int) -> None:
    """What hangs on the order row."""
    order = core.orders[core.ahead[mark]]
    prefetch(core.levels, order.level, 0)
    prefetch(core.orders, order.next, 0)
    prefetch(core.orders, order.prev, 0)
    # Where nobody uses text ids none has ended.
    if core.state.finished_count != 0:
        _look_text(core, cmd, order)


@kernel
def _look_text(core: Core, cmd: Command, order: OrderRow) -> None:
    """The index of text ids: for that of an ENTER, or that of the order which it names."""
    fetch_text(core, cmd.account, cmd.instrument, cmd.cl_ord_id, order.cl_ord_id)
