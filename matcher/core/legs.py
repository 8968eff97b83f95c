"""Rows of order lists: taking and releasing them, finding the legs of one and the list of a leg.

A list is chained to its account's others on the instrument (`CountRow.first_list`), which is where a
list is looked for. Its legs are order rows in `list_legs`; a leg that has ended is 0 there.
"""

from matcher.core.accounts import counts_of, touch
from matcher.core.kernel import clear_row, has_text, inlined, kernel, same_text
from matcher.core.money import other_leg
from matcher.core.rows import LIST_LEGS, ListRow
from matcher.core.state import Core
from protocol.board import OrderRow
from protocol.terms import ListKind


@kernel
def take_list(core: Core, account: int, instrument: int) -> int:
    """Return a list row with the next list id, chained to its account's lists, all else 0."""
    state = core.state
    number = state.free_list
    if number != 0:
        state.free_list = core.lists[number].next
    else:
        state.list_top += 1
        number = state.list_top
    state.lists += 1
    row = core.lists[number]
    clear_row(row)
    row.list_id = state.next_list_id
    state.next_list_id += 1
    row.account = account
    row.instrument = instrument
    touch(core, account)
    core.accounts[account].list_count += 1
    counts = counts_of(core, account, instrument)
    counts.lists += 1
    row.next = counts.first_list
    if row.next != 0:
        core.lists[row.next].prev = number
    counts.first_list = number
    return number


@kernel
def note_pending(core: Core, number: int) -> None:
    """Chain a list with pending legs to its instrument's others."""
    row = core.lists[number]
    market = core.markets[row.instrument]
    row.pending = 1
    row.earlier = 0
    row.later = market.pending
    if row.later != 0:
        core.lists[row.later].earlier = number
    market.pending = number


@kernel
def drop_pending(core: Core, number: int) -> None:
    """Note that a list has no pending legs any more."""
    row = core.lists[number]
    row.pending = 0
    if row.earlier != 0:
        core.lists[row.earlier].later = row.later
    else:
        core.markets[row.instrument].pending = row.later
    if row.later != 0:
        core.lists[row.later].earlier = row.earlier


@kernel
def release_list(core: Core, number: int) -> None:
    """Forget a list without live legs."""
    state = core.state
    row = core.lists[number]
    if row.pending != 0:
        drop_pending(core, number)
    touch(core, row.account)
    counts = counts_of(core, row.account, row.instrument)
    counts.lists -= 1
    core.accounts[row.account].list_count -= 1
    if row.prev != 0:
        core.lists[row.prev].next = row.next
    else:
        counts.first_list = row.next
    if row.next != 0:
        core.lists[row.next].prev = row.prev
    row.list_id = 0
    row.next = state.free_list
    state.free_list = number
    state.lists -= 1


@kernel
def find_list(core: Core, account: int, instrument: int, list_id: int, text: bytes) -> int:
    """Find an account's live list by id, else by text; 0: there is none. Cost: its lists there."""
    number = counts_of(core, account, instrument).first_list
    while number != 0:
        row = core.lists[number]
        if list_id != 0:
            if row.list_id == list_id:
                return number
        elif has_text(text) and same_text(row.cl_ord_id, text):
            return number
        number = row.next
    return 0


@inlined
def list_of(core: Core, order: OrderRow) -> int:
    """Return the row of an order's list; 0: it is in none."""
    return core.extras[order.extra].list


@kernel
def leg_at(core: Core, number: int, leg: int) -> int:
    """Return the order row of a leg; 0: it has ended."""
    return core.list_legs[number * LIST_LEGS + leg]


@kernel
def sibling_leg(row: ListRow, leg: int) -> int:
    """Return the number of the other leg of a leg's OCO; -1: it is in no OCO."""
    if row.kind == ListKind.OTO or (row.kind == ListKind.OTOCO and leg == 0):
        return -1
    return other_leg(row.kind, leg)


@kernel
def drop_leg(core: Core, order: OrderRow) -> None:
    """Note in its list that a leg has ended."""
    extra = core.extras[order.extra]
    core.list_legs[extra.list * LIST_LEGS + extra.leg] = 0
    core.lists[extra.list].live -= 1
