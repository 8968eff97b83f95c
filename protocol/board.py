"""What readers may see in shared memory: the rows of the core's state that other processes read.

The matcher applies only commands that are already durable, so whatever stands here may be told.
Readers never write and never lock. Three ways to read, each consistent and bounded:

* an account (its balances and open orders): a sequence lock per account, `AccountRow.version`,
  odd while one command is changing the account; copy, compare, retry;
* depth: a ring of `DEPTH_SLOTS` published snapshots per instrument, each with its own version;
* the status row and instrument rows: single words, each meaningful alone.

Deep snapshots (up to DEEP_LEVELS a side) are made on request: a reader sets the instrument's word in
a small shared array that readers may write, the matcher clears it at its next turn and publishes. The
answer is there when a snapshot is as new as the request (`board_reads.DeepRequests`). Snapshots of a
book order by order are asked for in the same way; they share one small ring (`QueueHead`).

All rows vanish with the life of the process that owns them: the next one publishes under new names.
`BLOCKS` names every block; the readers that keep to the three ways are in `protocol/board_reads.py`.
"""

from protocol.layout import Record, Rows, i64, text40, u8, u16, u32

DEPTH_SLOTS = 8
DEEP_SLOTS = 2
DEEP_LEVELS = 5000
QUEUE_SLOTS = 4
READY = 1
"""`StatusRow.ready`: the matcher takes orders."""
MIRRORED = 2
"""The market is that of another host: it may be read, and nothing can be entered here."""
BEHIND = 3
"""What is shown may be older than what was acknowledged: this host has lost the one it takes orders for."""
BALANCES_A_LINE = 4
LISTED_A_LINE = 16
"""Balances, and places in an account's list of orders, that fill a cache line. Both blocks are sets of
such lines: first the first line of every account, then the second of every account. Most accounts need
no other than the first, so what a busy market touches lies side by side instead of a page apart."""


class StatusRow(Record, size=128):
    """One row: the clock of the market and how far it has come."""

    epoch: i64
    """Life of the matcher that takes the orders; differs after every restart of whoever owns these blocks, and at an
    edge also after every one of the matcher there."""
    seq: i64
    """Last command applied (all its effects are visible) and durable."""
    event_seq: i64
    at_ns: i64
    """Time stamp of that command: the clock of the market."""
    heartbeat_ns: i64
    """Wall clock of the matcher's last loop turn, also when idle."""
    next_due_ns: i64
    """Earliest expiry or planned phase end among live orders and instruments; 0: none."""
    orders: i64
    """Live orders of all kinds."""
    instruments: u32
    accounts: u32
    assets: u32
    ready: u32
    """READY once recovery is over and the matcher takes orders, MIRRORED on another host, BEHIND where it is lost; else 0."""
    deep_wanted: i64
    """Reserved for the reader's side of deep depth requests."""
    spare_0: i64
    spare_1: i64
    spare_2: i64
    spare_3: i64
    spare_4: i64
    spare_5: i64


class AccountRow(Record, size=128):
    """One account. Row 0 is the fee account of the exchange."""

    version: i64
    last_seq: i64
    """Last command that changed it."""
    order_count: u32
    """Open orders: length of its row in the `account_orders` block."""
    state: u32
    trade_group: u32
    fee_tier: u32
    created_ns: i64
    exists: u32
    list_count: u32
    name: text40
    spare_0: i64
    spare_1: i64
    spare_2: i64
    spare_3: i64
    spare_4: i64


class BalanceRow(Record, size=16):
    """One account's holding of one asset."""

    free: i64
    locked: i64


class OrderRow(Record, size=128):
    """One live order: two cache lines, the first is all that matching needs.

    `order_qty` = `leaves_qty` + `cum_qty` + prevented quantity (`ExtraRow`; 0 without one).
    The hold is not stored: a BUY holds price × leaves_qty × quote scale, a SELL leaves_qty × base
    scale, exactly; orders that hold something else say so in their ExtraRow.
    """

    order_id: i64
    price: i64
    leaves_qty: i64
    updated_ns: i64
    next: u32
    prev: u32
    account: u32
    account_pos: u32
    """Index in the account's row of `account_orders`."""
    instrument: u16
    side: u8
    ord_type: u8
    time_in_force: u8
    stp_mode: u8
    ord_status: u8
    flags: u8
    """EventFlag.WORKING, and marks of the core."""
    extra: u32
    """Row of its ExtraRow; 0: a plain order."""
    level: u32
    cum_qty: i64
    cum_quote: i64
    created_ns: i64
    cl_ord_id: text40


class ExtraRow(Record, size=192):
    """What only some orders have: stops, icebergs, lists, strategies, expiry times."""

    stop_px: i64
    display_qty: i64
    visible_qty: i64
    """Iceberg: what is left of the slice now shown."""
    quote_qty: i64
    expire_ns: i64
    working_ns: i64
    strategy_id: i64
    prevented_qty: i64
    trailing_extreme: i64
    trailing_since_ns: i64
    hold: i64
    """What the order holds when it is not the plain product (stop-market BUY, list legs)."""
    list_id: i64
    strategy_type: u32
    trailing_bips: u32
    list: u32
    leg: u32
    trigger_next: u32
    trigger_prev: u32
    expiry_pos: u32
    amends: u32
    order: u32
    """Row of the order it belongs to."""
    slices: u32
    """Iceberg: slices it had at entry."""
    entered_seq: i64
    last_prevented_id: i64
    trigger_px: i64
    """Unfired stop: the last price that makes it act (of a trailing one: now)."""
    hold_price: i64
    """BUY with a hold of its own: what each unit holds; 0: it pays from `hold` as it goes."""
    active_since: i64
    """Stops: place in the order of activation over the exchange."""
    place: i64
    """Where it stands outside the book: a mark of the core."""
    below: i64
    """Trailing stops: first of those it stands for, an ExtraRow; only the first knows the extreme."""


class InstrumentRow(Record, size=192):
    """Market state of one instrument, beside its terms."""

    update_id: i64
    """Raised by one with every visible change of a level (rule D-1)."""
    last_px: i64
    last_qty: i64
    last_trade_ns: i64
    next_trade_id: i64
    next_agg_trade_id: i64
    next_prevented_id: i64
    phase: u8
    imbalance_side: u8
    halted_from: u8
    exists: u8
    calls: u32

    best_bid: i64
    """Price, 0: the side is empty."""
    best_ask: i64
    reference_price: i64
    indicative_price: i64
    paired_qty: i64
    imbalance_qty: i64
    phase_until_ns: i64
    symbol: text40
    spare_0: i64
    spare_1: i64
    spare_2: i64
    spare_3: i64


class DepthHead(Record, size=64):
    """Head of one published depth snapshot; its levels follow in the `depth_levels` block."""

    version: i64
    update_id: i64
    seq: i64
    at_ns: i64
    bids: u32
    """Levels given, best first."""
    asks: u32
    complete: u32
    """1 when the book has no further levels."""
    spare: u32
    spare_0: i64
    spare_1: i64


class DepthLevel(Record, size=24):
    """One price level of a published snapshot."""

    price: i64
    qty: i64
    """Visible quantity."""
    order_count: i64


class QueueHead(Record, size=64):
    """Head of one snapshot of a book order by order; its orders follow in `queue_orders`."""

    version: i64
    update_id: i64
    seq: i64
    at_ns: i64
    instrument: u32
    bids: u32
    """Orders given: those of the bids, best level first and oldest order first, then the asks'."""
    asks: u32
    spare: u32
    spare_0: i64
    spare_1: i64


class QueuedOrder(Record, size=32):
    """One resting order of such a snapshot."""

    order_id: i64
    price: i64
    qty: i64
    """Visible quantity."""
    iceberg: u32
    spare: u32


class AssetRow(Record, size=64):
    """One asset: its code and how many decimals its unit has."""

    decimals: i64
    exists: i64
    code: text40
    spare: i64


BLOCKS: dict[str, tuple[type[Record] | str, tuple[str, ...]]] = {
    "status": (StatusRow, ("1",)),
    "assets": (AssetRow, ("assets",)),
    "instruments": (InstrumentRow, ("instruments",)),
    "terms": ("<i8", ("instruments", "64 InstrumentTerm columns")),
    "accounts": (AccountRow, ("accounts",)),
    "balances": (BalanceRow, ("assets / BALANCES_A_LINE", "accounts", "BALANCES_A_LINE assets")),
    "account_orders": (
        "<u4",
        (
            "open orders / LISTED_A_LINE",
            "accounts",
            "LISTED_A_LINE open orders: rows of `orders`, in no order",
        ),
    ),
    "orders": (OrderRow, ("orders; row 0 is never used",)),
    "extras": (ExtraRow, ("extras; row 0 is never used",)),
    "depth_count": (
        "<i8",
        ("instruments: snapshots published so far; the newest is in slot count % DEPTH_SLOTS",),
    ),
    "depth_heads": (DepthHead, ("instruments", "DEPTH_SLOTS")),
    "depth_levels": (
        DepthLevel,
        ("instruments", "DEPTH_SLOTS", "2: bids, asks", "depth levels, best first"),
    ),
    "deep_count": ("<i8", ("instruments: the same for deep snapshots, made on request",)),
    "deep_heads": (DepthHead, ("instruments", "DEEP_SLOTS")),
    "deep_levels": (DepthLevel, ("instruments", "DEEP_SLOTS", "2: bids, asks", "DEEP_LEVELS")),
    "queue_count": (
        "<i8",
        ("1: snapshots of queues so far; the newest is in slot count % QUEUE_SLOTS",),
    ),
    "queue_heads": (QueueHead, ("QUEUE_SLOTS",)),
    "queue_orders": (QueuedOrder, ("QUEUE_SLOTS", "orders: bids, then asks")),
}
"""Every block readers may map: its record (or plain dtype) and its axes."""


def lines_for(cells: int, a_line: int) -> int:
    """Return how many lines so many cells of an account fill."""
    return -(-cells // a_line)


def of_account(lines: Rows, account: int) -> Rows:
    """Return a copy of what the lines of one account hold, one after another: shape (lines × per line,)."""
    return lines[:, account].copy().reshape(-1)


def by_account(lines: Rows) -> Rows:
    """Return a block of lines, or a copy of it, an account a row: shape (accounts, lines × per line)."""
    return lines.swapaxes(0, 1).reshape(lines.shape[1], -1)
