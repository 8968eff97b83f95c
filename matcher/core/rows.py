"""The core's private rows: what matching needs beside the rows that readers may see (`board.py`).

Nothing here is shared, saved or sent: all of it follows from the orders, terms and balances, so its
layout may change freely.
"""

from protocol.layout import Record, i64, text40, u8, u16, u32
from protocol.terms import EventFlag

WORKING = int(EventFlag.WORKING)
"""Marks in `OrderRow.flags`: on the book or matching; told to readers."""
RESTING = 4
"""Linked into the queue of a level."""
ICEBERG = 8
"""Shows `ExtraRow.visible_qty` only."""
OWN_HOLD = 16
"""What it holds stands in `ExtraRow.hold`, not in price × leaves."""
LISTED = 32
"""Live beyond its command: found by id, counted, in its account's list."""
RAN_OUT = 64
"""MARKET by quote quantity: the book ended before the money did (rule C-6)."""
SHARED_HOLD = 128
"""With OWN_HOLD: leg of an OCO; what both hold stands in `ListRow.hold`."""

WATCHING = 1
"""`ExtraRow.place` of an order outside the book: a stop in the trigger ladders,"""
ELECTED = 2
"""a stop that fired and queues to act,"""
FOLLOWING = 5
"""a trailing stop for which another one of its group stands there,"""
WAITING = 3
"""an AT_CLOSE order before the closing call,"""
IN_CALL = 4
"""an order without a limit that waits for the uncross."""

FINISHED = 1 << 31
"""Set in a text index entry that points to a remembered finished id, not to an order."""

GUARD_PRICES = 1
"""Bits of `MarketRow.guards`: NOTIONAL, PERCENT_PRICE_BY_SIDE or STATIC_COLLAR is on,"""
GUARD_MARKET_LOT = 2
"""MARKET_LOT_SIZE is on."""

LADDERS = 4
"""Ladders with marks in the bitmap for each instrument: the book's two sides, and the prices that
stops wait for, rising and falling."""
LIST_LEGS = 3

TERM_COLUMNS = 64
FEE_TIERS = 16


class LevelRow(Record, size=32):
    """One price level of one side that has orders: its queue, oldest order first.

    A free row is empty but for `head`, which leads to the next free one (`book.after_free`).
    """

    qty: i64
    """Visible quantity."""
    hidden_qty: i64
    """What icebergs at this level do not show."""
    head: u32
    tail: u32
    order_count: u32
    position: u32
    """Where in its side's ladder it stands, or stood last."""


class MarketRow(Record, size=320):
    """One instrument as matching sees it: its ladder, and its terms made ready.

    A ladder position is price / tick size. `best_bid` is -1 and `best_ask` `level_count` when the
    side is empty, so that a comparison with a limit needs no special case. Eight fields are a cache line: what
    looking ahead reads, what a plain order needs besides, what a trade does, and the rest.
    """

    best_bid: i64
    best_ask: i64
    levels: i64
    """First cell of the BUY side in the `ladder` block; the SELL side follows `level_count` on. Likewise
    RISING and FALLING in the `triggers` block."""
    level_count: i64
    tick_size: i64
    top: i64
    """Highest price its ladder holds."""
    base_cell: i64
    """Cell of account 0's holding of the base asset in `balances`; account n's is n × BALANCES_A_LINE on."""
    quote_cell: i64
    """The same of the quote asset."""

    min_price: i64
    max_price: i64
    min_qty: i64
    max_qty: i64
    lot_size: i64
    base_scale: i64
    quote_scale: i64
    plain_modes: i64
    """Bit 1 << stp_mode as asked for (0: the default) of those with which a LIMIT is admitted."""

    guards: i64
    """`GUARD_*` bits: which of the rarer checks of R-4 are switched on."""
    counted: i64
    """Not 0: some limit of R-4 needs `CountRow` kept for this instrument."""
    default_stp: i64
    stops: i64
    """Live orders that look at trades; 0 makes `note_trade` one branch."""
    dynamic_collar: i64
    base_asset: u32
    quote_asset: u32
    maker_fee_ppm: i64
    taker_fee_ppm: i64

    allowed_ord_types: i64
    allowed_stp: i64
    features: i64
    most: i64
    """Highest MAX_QTY with which nothing can overflow."""
    published_id: i64
    """`update_id` of the last published depth snapshot."""
    market_buys: i64
    """First of the orders without a limit that wait in a call, linked by `next` and `prev`."""
    market_sells: i64
    waiting: i64
    """First of the AT_CLOSE orders that wait for the closing call, linked likewise."""

    rising_tail: i64
    """Last of the trailing stops that track the lowest price, linked likewise."""
    falling_tail: i64
    """Last of the trailing stops that track the highest price."""
    pending: i64
    """First of its lists whose pending legs have not entered, linked by `ListRow.later`."""
    spare_0: i64
    spare_1: i64
    spare_2: i64
    spare_3: i64
    spare_4: i64


class CountRow(Record, size=32):
    """What one account has open on one instrument (rule R-4)."""

    orders: u32
    algos: u32
    icebergs: u32
    lists: u32
    buy_qty: i64
    first_list: u32
    """First of the account's live lists on the instrument, linked by `ListRow.next`."""
    spare: u32


class TriggerRow(Record, size=8):
    """The stops that one price fires, nearest trigger price first, then earliest activation."""

    head: u32
    tail: u32


class ListRow(Record, size=96):
    """One live order list. Its legs' order rows stand in the `list_legs` block, 0: ended."""

    list_id: i64
    hold: i64
    """What the legs of an active OCO hold, once for both."""
    account: u32
    instrument: u16
    kind: u8
    legs: u8
    pending: u32
    """1: the pending legs of an OTO or OTOCO have not entered yet."""
    live: u32
    """Legs that have not ended."""
    next: u32
    prev: u32
    queued: u32
    """Next list whose filled working order lets its pending legs in."""
    later: u32
    cl_ord_id: text40
    earlier: u32
    spare: u32


class CallRow(Record, size=128):
    """What the price search of a call works on and finds (`auction.py`)."""

    price: i64
    """Auction price; 0: nothing can trade."""
    paired_qty: i64
    surplus: i64
    """Bid minus ask quantity at the price."""
    demand: i64
    """Quantity that buys at the price looked at,"""
    supply: i64
    """and that sells."""
    volume: i64
    """Largest executable volume so far,"""
    distance: i64
    """its least absolute surplus,"""
    lowest: i64
    """and the first and last candidate price that have both."""
    highest: i64
    last_buying: i64
    """Last of these with a buy surplus; 0: none."""
    ends_selling: i64
    """1: the last of these has a sell surplus."""
    low: i64
    """Candidates: every tick from `low` to `high`, or, with `ticks` 0, the limits alone."""
    high: i64
    ticks: i64
    reference: i64
    rule: i64


class FinishedRow(Record, size=64):
    """One remembered text id of a finished order (rule P-5)."""

    at_ns: i64
    account: u32
    instrument: u16
    spare: u16
    cl_ord_id: text40
    tag: i64


class ReferenceRow(Record, size=64):
    """One remembered external id of a deposit or withdrawal."""

    account: u32
    asset: u32
    kind: u32
    spare: u32
    cl_ord_id: text40
    tag: i64


class FeeTierRow(Record, size=16):
    """Shares of the instrument's fee rates that a tier pays, in bips."""

    maker_share: i64
    taker_share: i64


class LimitsRow(Record, size=256):
    """The capacities, and what follows from them."""

    orders: i64
    accounts: i64
    assets: i64
    instruments: i64
    account_orders: i64
    price_levels: i64
    ladder_cells: i64
    """Cells of the `ladder` block; the marks of triggers follow those of its cells."""
    depth_levels: i64
    deep_levels: i64
    dedupe_window_ns: i64
    dedupe_capacity: i64
    references: i64
    lists: i64
    iceberg_slices: i64
    events: i64
    """Events in the buffer after which a batch stops at the next command."""
    id_mask: i64
    text_mask: i64
    reference_mask: i64
    index_seed: i64
    long_way: i64
    """1: no command goes the short way (`plain.py`); for tests."""
    cell_mask: i64
    tier_count: i64
    """Tiers of the bitmap."""
    spare_2: i64
    spare_3: i64
    spare_4: i64
    spare_5: i64
    spare_6: i64
    spare_7: i64
    spare_8: i64
    spare_9: i64
    spare_10: i64
    spare_11: i64


class StateRow(Record, size=320):
    """The single numbers of the core."""

    seq: i64
    at_ns: i64
    event_seq: i64
    events: i64
    """Events in the buffer, since the batch began."""
    orders: i64
    """Live orders of all kinds."""
    next_order_id: i64
    next_list_id: i64
    free_order: i64
    """Head of the list of free order rows, linked by `next`; 0: take a fresh one."""

    order_top: i64
    """Highest order row ever used."""
    free_extra: i64
    extra_top: i64
    slices: i64
    """Iceberg slices that could still trade: bounds the events of one command."""
    touched: i64
    """Accounts changed by the current command."""
    accounts: i64
    assets: i64
    instruments: i64

    levels_used: i64
    """Cells of the `ladder` block that instruments have, and so of the `triggers` block."""
    finished_first: i64
    finished_count: i64
    reference_first: i64
    reference_count: i64
    follow_ups: i64
    """Not 0: something is queued to act after the current command."""
    phase_due_ns: i64
    """Earliest planned end of a volatility auction; 0: none."""

    elected_first: i64
    """Elected stops in the order in which they act, linked by `trigger_next`."""
    elected_last: i64
    filled_first: i64
    """Lists whose working order was filled, in order of filling, linked by `queued`."""
    filled_last: i64
    activations: i64
    """How many stops have become active so far."""
    expiries: i64
    """Live GTD orders: length of the `expiries` heap."""
    gathered: i64
    """Legs of a list that came so far; the last leg enters it."""
    lists: i64
    """Live lists."""

    free_list: i64
    list_top: i64
    """Highest list row ever used."""
    free_level: i64
    """First free row of `levels`; there always is one."""
    level_top: i64
    """Highest level row ever used."""
    spare_0: i64
    spare_1: i64
    spare_2: i64
    spare_3: i64
    spare_4: i64
