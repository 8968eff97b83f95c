"""The clock's side of orders: a heap of the live GTD orders, soonest first (rule C-8).

Heap of order rows in the `expiries` block, by `expire_ns`, then order id; an order's extra row knows
its place (`expiry_pos`, from 1), so an order that ends early leaves in O(log n) like one that is due.
"""

from matcher.core.kernel import kernel
from matcher.core.state import Core
from protocol.board import OrderRow


@kernel
def note_expiry(core: Core, order: OrderRow, slot: int) -> None:
    """Add a live GTD order."""
    count = core.state.expiries
    core.state.expiries = count + 1
    core.expiries[count] = slot
    core.extras[order.extra].expiry_pos = count + 1
    _rise(core, count)


@kernel
def drop_expiry(core: Core, order: OrderRow) -> None:
    """Take an order out; the last one takes its place."""
    extra = core.extras[order.extra]
    place = extra.expiry_pos - 1
    extra.expiry_pos = 0
    last = core.state.expiries - 1
    core.state.expiries = last
    if place == last:
        return
    _put(core, place, core.expiries[last])
    _rise(core, place)
    _sink(core, core.extras[core.orders[core.expiries[place]].extra].expiry_pos - 1)


@kernel
def next_expiry(core: Core, at_ns: int) -> int:
    """Return the row of the order to expire next at `at_ns`; 0: none is due."""
    if core.state.expiries == 0:
        return 0
    slot = core.expiries[0]
    return slot if core.extras[core.orders[slot].extra].expire_ns <= at_ns else 0


@kernel
def first_expiry_ns(core: Core) -> int:
    """Return when the next live order expires; 0: none does."""
    if core.state.expiries == 0:
        return 0
    return core.extras[core.orders[core.expiries[0]].extra].expire_ns


@kernel
def _sooner(core: Core, slot: int, other: int) -> bool:
    one = core.orders[slot]
    two = core.orders[other]
    first = core.extras[one.extra].expire_ns
    second = core.extras[two.extra].expire_ns
    if first != second:
        return first < second
    return one.order_id < two.order_id


@kernel
def _put(core: Core, place: int, slot: int) -> None:
    core.expiries[place] = slot
    core.extras[core.orders[slot].extra].expiry_pos = place + 1


@kernel
def _rise(core: Core, place: int) -> None:
    slot = core.expiries[place]
    while place > 0:
        above = (place - 1) // 2
        other = core.expiries[above]
        if not _sooner(core, slot, other):
            break
        _put(core, place, other)
        place = above
    _put(core, place, slot)


@kernel
def _sink(core: Core, place: int) -> None:
    slot = core.expiries[place]
    count = core.state.expiries
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and _sooner(core, core.expiries[child + 1], core.expiries[child]):
            child += 1
        if not _sooner(core, core.expiries[child], slot):
            break
        _put(core, place, core.expiries[child])
        place = child
    _put(core, place, slot)
