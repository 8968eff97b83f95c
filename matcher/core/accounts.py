"""Accounts: the sequence lock that readers rely on, and the list of each account's live orders.

`AccountRow.version` is odd from the first change that a command makes to an account, or to one of
its orders or balances, until the end of that command. The list of live orders is dense, in no
order: an order knows its place in it, and the last one fills the place of one that leaves.
"""

from matcher.core.kernel import fence, inlined, kernel
from matcher.core.rows import ICEBERG, WORKING, CountRow
from matcher.core.state import Core
from protocol.board import LISTED_A_LINE, OrderRow
from protocol.terms import OrdType, Side

STOPS = (
    1 << OrdType.STOP_LOSS
    | 1 << OrdType.STOP_LOSS_LIMIT
    | 1 << OrdType.TAKE_PROFIT
    | 1 << OrdType.TAKE_PROFIT_LIMIT
)
"""Bit 1 << OrdType of every type that waits for a trigger."""


@inlined
def touch(core: Core, account: int) -> None:
    """Mark an account as changing, before its first change in a command."""
    row = core.accounts[account]
    if row.version & 1 == 0:
        row.version += 1
        core.touched[core.state.touched] = account
        core.state.touched += 1


@inlined
def settle_accounts(core: Core, seq: int) -> None:
    """Mark every account that the command changed as consistent again."""
    state = core.state
    for place in range(state.touched):
        row = core.accounts[core.touched[place]]
        row.last_seq = seq
        fence()
        row.version += 1
    state.touched = 0


@inlined
def list_cell(core: Core, account: int, place: int) -> int:
    """Return where in its block a place in an account's list stands."""
    line = place // LISTED_A_LINE * core.limits.accounts + account
    return line * LISTED_A_LINE + place % LISTED_A_LINE


@inlined
def list_order(core: Core, order: OrderRow, slot: int) -> None:
    """Append a live order to its account's list."""
    account = core.accounts[order.account]
    place = account.order_count
    order.account_pos = place
    core.account_orders[list_cell(core, order.account, place)] = slot
    account.order_count = place + 1


@inlined
def unlist_order(core: Core, order: OrderRow) -> None:
    """Take an order out of its account's list; the last one takes its place."""
    account = core.accounts[order.account]
    last = account.order_count - 1
    account.order_count = last
    moved = core.account_orders[list_cell(core, order.account, last)]
    place = order.account_pos
    core.account_orders[list_cell(core, order.account, place)] = moved
    core.orders[moved].account_pos = place


@inlined
def counts_of(core: Core, account: int, instrument: int) -> CountRow:
    """Return what an account has open on an instrument."""
    return core.counts[account * core.limits.instruments + instrument]


@kernel
def count_order(core: Core, order: OrderRow, step: int) -> None:
    """Count an order in (`step` 1) or out (-1) of what its account has open (rule R-4)."""
    counts = counts_of(core, order.account, order.instrument)
    counts.orders += step
    if order.flags & ICEBERG:
        counts.icebergs += step
    if STOPS >> order.ord_type & 1 and order.flags & WORKING == 0:
        counts.algos += step
    if order.side == Side.BUY:
        counts.buy_qty += step * order.leaves_qty
