"""Find orders by number and by text: open addressing over packed words, each half full at most.

An entry is `tag << 32 | reference`: 32 bits of hash and what they lead to (an order row, or with
FINISHED set a place in the ring of finished text ids). Home is `tag & mask`. Entries lie in Robin
Hood order: nobody is further from home than who comes after, so a search ends early and a removal
shifts back only until somebody is at home. An entry is verified against the row it leads to.

Order ids are dense, so before all this there is a plain table, `id_slots`, whose cell is the low bits of
the id and holds the order's row: nothing to hash, nothing to shift, and sixteen consecutive ids in a
cache line. Only an order that finds an older live one in its cell goes into the index `id_index`.
"""

from matcher.core.blocks import Numbers
from matcher.core.kernel import (
    copy_text,
    fold,
    fold_either,
    fold_text,
    has_text,
    inlined,
    kernel,
    prefetch,
    same_text,
)
from matcher.core.rows import FINISHED
from matcher.core.state import Core
from protocol.board import OrderRow

LOW = 0xFFFFFFFF
IDS_A_LINE = 16
"""Cells of `id_slots` in a cache line."""
SOON = 8
"""So many text ids ahead what is to be forgotten is fetched."""
SPREAD = 0x1D8E4E27C47D124F


@inlined
def put(index: Numbers, mask: int, entry: int) -> None:
    """Insert an entry."""
    at = (entry >> 32) & mask
    distance = 0
    while True:
        other = index[at]
        if other == 0:
            index[at] = entry
            return
        others = (at - (other >> 32)) & mask
        if others < distance:
            index[at] = entry
            entry = other
            distance = others
        at = (at + 1) & mask
        distance += 1


@inlined
def place_of(index: Numbers, mask: int, entry: int) -> int:
    """Find where an entry that is there stands."""
    at = (entry >> 32) & mask
    while index[at] != entry:
        at = (at + 1) & mask
    return at


@inlined
def take_out(index: Numbers, mask: int, entry: int) -> None:
    """Remove an entry that is there, and close the gap."""
    take_out_at(index, mask, place_of(index, mask, entry))


@inlined
def take_out_at(index: Numbers, mask: int, at: int) -> None:
    """Empty a cell, and close the gap."""
    while True:
        after = (at + 1) & mask
        following = index[after]
        if following == 0 or ((following >> 32) & mask) == after:
            index[at] = 0
            return
        index[at] = following
        at = after


@inlined
def id_tag(order_id: int) -> int:
    """Hash an order id, keeping neighbours in one cache line."""
    return ((fold(order_id >> 3, SPREAD) << 3) | (order_id & 7)) & LOW


@inlined
def id_cell(core: Core, order_id: int) -> int:
    """Return the cell of `id_slots` that an order id belongs to."""
    return order_id & core.limits.cell_mask


@inlined
def put_id(core: Core, order_id: int, slot: int) -> None:
    """Make an order findable by its id."""
    cell = id_cell(core, order_id)
    if core.id_slots[cell] == 0:
        core.id_slots[cell] = slot
    else:
        _put_aside(core, order_id, slot)


@inlined
def take_out_id(core: Core, order_id: int, slot: int) -> None:
    """Make an order that is findable by its id so no more."""
    cell = id_cell(core, order_id)
    if core.id_slots[cell] == slot:
        core.id_slots[cell] = 0
    else:
        _take_aside(core, order_id, slot)


@kernel
def _put_aside(core: Core, order_id: int, slot: int) -> None:
    put(core.id_index, core.limits.id_mask, (id_tag(order_id) << 32) | slot)


@kernel
def _take_aside(core: Core, order_id: int, slot: int) -> None:
    take_out(core.id_index, core.limits.id_mask, (id_tag(order_id) << 32) | slot)


@inlined
def find_order(core: Core, order_id: int) -> int:
    """Find the row of a live order by its id; 0: there is none."""
    if order_id <= 0:
        return 0
    slot = core.id_slots[id_cell(core, order_id)]
    if core.orders[slot].order_id == order_id:
        return slot
    return _find_aside(core, order_id)


@kernel
def _find_aside(core: Core, order_id: int) -> int:
    """Find an order whose cell was an older one's when it came."""
    tag = id_tag(order_id)
    mask = core.limits.id_mask
    at = tag & mask
    distance = 0
    while True:
        entry = core.id_index[at]
        if entry == 0:
            return 0
        if (entry >> 32) & LOW == tag:
            slot = entry & LOW
            if core.orders[slot].order_id == order_id:
                return slot
        if ((at - (entry >> 32)) & mask) < distance:
            return 0
        at = (at + 1) & mask
        distance += 1


@inlined
def text_tag(core: Core, account: int, instrument: int, text: bytes) -> int:
    """Hash a text id in its scope."""
    return fold_text(_scope(core, account, instrument), text) & LOW


@inlined
def _scope(core: Core, account: int, instrument: int) -> int:
    return fold((account << 16) | instrument, SPREAD ^ core.limits.index_seed)


@inlined
def text_entry(core: Core, order: OrderRow, slot: int) -> int:
    """Return the entry of a live order's text id."""
    return (text_tag(core, order.account, order.instrument, order.cl_ord_id) << 32) | slot


@kernel
def find_by_text(core: Core, account: int, instrument: int, text: bytes) -> int:
    """Find the row of an account's live order by its text id; 0: there is none."""
    tag = text_tag(core, account, instrument, text)
    mask = core.limits.text_mask
    at = tag & mask
    distance = 0
    while True:
        entry = core.text_index[at]
        if entry == 0 or ((at - (entry >> 32)) & mask) < distance:
            return 0
        if (entry >> 32) & LOW == tag and not entry & FINISHED:
            order = core.orders[entry & LOW]
            if (
                order.account == account
                and order.instrument == instrument
                and same_text(order.cl_ord_id, text)
            ):
                return entry & LOW
        at = (at + 1) & mask
        distance += 1


@kernel
def is_text_taken(
    core: Core, tag: int, account: int, instrument: int, text: bytes, at_ns: int
) -> bool:
    """Say whether a text id, with its tag, is a live order's or was one's within the window (rule P-5)."""
    mask = core.limits.text_mask
    at = tag & mask
    distance = 0
    while True:
        entry = core.text_index[at]
        if entry == 0 or ((at - (entry >> 32)) & mask) < distance:
            return False
        if (entry >> 32) & LOW == tag and _is_same_text(
            core, entry & LOW, account, instrument, text, at_ns
        ):
            return True
        at = (at + 1) & mask
        distance += 1


@kernel
def _is_same_text(
    core: Core, reference: int, account: int, instrument: int, text: bytes, at_ns: int
) -> bool:
    if not reference & FINISHED:
        order = core.orders[reference]
        return (
            order.account == account
            and order.instrument == instrument
            and same_text(order.cl_ord_id, text)
        )
    row = core.finished[reference & (FINISHED - 1)]
    return (
        row.account == account
        and row.instrument == instrument
        and at_ns - row.at_ns < core.limits.dedupe_window_ns
        and same_text(row.cl_ord_id, text)
    )


@kernel
def finish_text(core: Core, order: OrderRow, entry: int, at_ns: int) -> None:
    """Remember the text id of a finished order; `entry`: its index entry, 0: it never had one.

    A live order's entry is turned over in place: same text, same home.
    """
    state = core.state
    limits = core.limits
    if limits.dedupe_window_ns == 0 or limits.dedupe_capacity == 0:
        if entry != 0:
            take_out(core.text_index, limits.text_mask, entry)
        return
    forget_finished(core, at_ns)
    _fetch_oldest(core)
    place = state.finished_first + state.finished_count
    if place >= limits.dedupe_capacity:
        place -= limits.dedupe_capacity
    state.finished_count += 1
    row = core.finished[place]
    row.at_ns = at_ns
    row.account = order.account
    row.instrument = order.instrument
    copy_text(row.cl_ord_id, order.cl_ord_id)
    if entry == 0:
        row.tag = text_tag(core, order.account, order.instrument, order.cl_ord_id)
        put(core.text_index, limits.text_mask, (row.tag << 32) | FINISHED | place)
    else:
        row.tag = (entry >> 32) & LOW
        where = place_of(core.text_index, limits.text_mask, entry)
        core.text_index[where] = (row.tag << 32) | FINISHED | place


@inlined
def forget_finished(core: Core, at_ns: int) -> None:
    """Drop remembered text ids: those out of the window, two at a time, and one when full."""
    state = core.state
    limits = core.limits
    for _ in range(2):
        if state.finished_count == 0:
            return
        oldest = core.finished[state.finished_first]
        full = state.finished_count == limits.dedupe_capacity
        if not full and at_ns - oldest.at_ns < limits.dedupe_window_ns:
            return
        entry = (oldest.tag << 32) | FINISHED | state.finished_first
        take_out(core.text_index, limits.text_mask, entry)
        state.finished_first += 1
        if state.finished_first == limits.dedupe_capacity:
            state.finished_first = 0
        state.finished_count -= 1


@inlined
def _fetch_oldest(core: Core) -> None:
    """Fetch what forgetting needs some text ids later: an index as large as memory is slow knows no neighbours."""
    state = core.state
    if state.finished_count > SOON:
        place = state.finished_first + SOON
        if place >= core.limits.dedupe_capacity:
            place -= core.limits.dedupe_capacity
        prefetch(core.text_index, core.finished[place].tag & core.limits.text_mask, 0)
        prefetch(core.finished, place + SOON, 0)


@inlined
def is_taken(core: Core, account: int, instrument: int, text: bytes, at_ns: int) -> bool:
    """Say whether a text id, if there is one, is taken."""
    if not has_text(text):
        return False
    tag = text_tag(core, account, instrument, text)
    return is_text_taken(core, tag, account, instrument, text, at_ns)


@inlined
def fetch_text(core: Core, account: int, instrument: int, text: bytes, other: bytes) -> None:
    """Fetch where a text id stands in the index, or would: the one of two that there is."""
    tag = fold_either(_scope(core, account, instrument), text, other)
    prefetch(core.text_index, tag & core.limits.text_mask, 0)
