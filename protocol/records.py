"""The two records of the exchange: a `Command` is asked for, an `Event` has happened.

Both are little-endian, fixed-size and padding-free. The journal is a sequence of Commands; whatever
anyone is told (answers, streams, rows, market data) is computed from Events alone, and every Event
is complete: no consumer needs to remember an order to report on it.

Units: prices and quantities are int64 in the instrument's own decimals; money (`amount`, `fee`,
`*_free`, `*_locked`, `cum_quote`, `quote_qty`) is int64 in the asset's units; times are nanoseconds since 1970.
`FORMAT_VERSION` is written into every journal, snapshot and wire header and raised with any change here.
"""

from protocol.layout import Record, i64, text40, u8, u16, u32

FORMAT_VERSION = 1
ALL_INSTRUMENTS = 0xFFFF
"""`Command.instrument` of a CANCEL_ALL over every instrument."""
MAX_CLIENT_ID = (1 << 53) - 1
"""No id that a client sees may be larger: JavaScript reads numbers as doubles."""


class Command(Record, size=256):
    """One thing the exchange is asked to do.

    The sequencer stamps `seq` (from 1, dense) and `at_ns` (never falling); everyone else leaves
    them 0. `reply_to` is the slot of the PULL socket that waits for the answer (0: nobody),
    `request_id` whatever that waiter chose. Which kind uses which field: `COMMAND_FIELDS`.
    """

    seq: i64
    at_ns: i64
    kind: u8
    side: u8
    ord_type: u8
    time_in_force: u8
    stp_mode: u8
    list_kind: u8
    leg: u8
    legs: u8
    account: u32
    instrument: u16
    reply_to: u16
    request_id: u32
    flags: u32
    order_id: i64
    price: i64
    order_qty: i64
    quote_qty: i64
    stop_px: i64
    display_qty: i64
    expire_ns: i64
    strategy_id: i64
    strategy_type: u32
    trailing_bips: u32
    amount: i64
    received_ns: i64
    cl_ord_id: text40
    target_cl_ord_id: text40
    list_cl_ord_id: text40
    asset: u32
    term: u32


class Event(Record, size=320):
    """One thing that happened.

    `seq` is the command that caused it, `event_seq` is dense from 1 over all events of the exchange
    (it is also the execution id, FIX 17). The order fields say how the order stands *after* the
    event; `base_*` and `quote_*` are the balances of `account` after it in the two assets of the
    instrument (for DEPOSITED and WITHDRAWN: `base_*` in `asset`). `level_qty`, `order_count` and
    `update_id` describe the price level after it when flag LEVEL is set: the level of `side` at
    `price`. Which kind uses which field: `EVENT_FIELDS`.
    """

    seq: i64
    event_seq: i64
    at_ns: i64
    kind: u8
    ord_status: u8
    side: u8
    ord_type: u8
    time_in_force: u8
    stp_mode: u8
    reason: u8
    flags: u8
    account: u32
    contra_account: u32
    request_id: u32
    reply_to: u16
    instrument: u16
    order_id: i64
    price: i64
    order_qty: i64
    leaves_qty: i64
    cum_qty: i64
    cum_quote: i64
    last_px: i64
    last_qty: i64
    fee: i64
    trade_id: i64
    agg_trade_id: i64
    contra_order_id: i64
    level_qty: i64
    update_id: i64
    order_count: u32
    asset: u32
    base_free: i64
    base_locked: i64
    quote_free: i64
    quote_locked: i64
    list_id: i64
    created_ns: i64
    working_ns: i64
    expire_ns: i64
    quote_qty: i64
    stop_px: i64
    display_qty: i64
    prevented_qty: i64
    strategy_id: i64
    strategy_type: u32
    trailing_bips: u32
    cl_ord_id: text40


_WAITER = "account reply_to request_id flags received_ns"
_ORDER = (
    "instrument side ord_type time_in_force stp_mode price order_qty quote_qty stop_px display_qty "
    "expire_ns strategy_id strategy_type trailing_bips cl_ord_id"
)
_TARGET = "order_id target_cl_ord_id"

COMMAND_FIELDS: dict[str, str] = {
    "ENTER": f"{_WAITER} {_ORDER} list_kind leg legs list_cl_ord_id",
    "CANCEL": f"{_WAITER} instrument {_TARGET} cl_ord_id",
    "REPLACE": f"{_WAITER} {_ORDER} {_TARGET} list_cl_ord_id",
    "AMEND": f"{_WAITER} instrument {_TARGET} order_qty cl_ord_id",
    "CANCEL_ALL": f"{_WAITER} instrument cl_ord_id",
    "CANCEL_LIST": f"{_WAITER} instrument order_id list_cl_ord_id cl_ord_id",
    "SET_PHASE": f"{_WAITER} instrument term price expire_ns",
    "TICK": "",
    "DEPOSIT": f"{_WAITER} asset amount cl_ord_id",
    "WITHDRAW": f"{_WAITER} asset amount cl_ord_id",
    "ADD_ASSET": f"{_WAITER} asset amount cl_ord_id",
    "ADD_INSTRUMENT": f"{_WAITER} instrument asset term price order_qty amount cl_ord_id",
    "SET_INSTRUMENT": f"{_WAITER} instrument term amount",
    "ADD_ACCOUNT": f"{_WAITER} cl_ord_id",
    "SET_ACCOUNT": f"{_WAITER} term amount",
    "SET_FEE_TIER": f"{_WAITER} term price order_qty",
}
"""Which command kind uses which fields, beside `seq`, `at_ns` and `kind`; the others must be 0.

REPLACE: `list_cl_ord_id` is the cancel's own text id, `cl_ord_id` the new order's.
CANCEL_LIST: `order_id` is the list id. SET_PHASE: `term` is the SessionPhase, `price` a reference
price (0: keep), `expire_ns` when the sequencer will end the phase (0: nothing planned).
ADD_ASSET: `asset` its number, `amount` its decimals, `cl_ord_id` its code. ADD_INSTRUMENT: `asset` and `term` the base and quote
asset, `price` and `order_qty` price and quantity decimals, `amount` the highest price its ladder
must hold, `cl_ord_id` the symbol. ADD_ACCOUNT: `account` its number, `cl_ord_id` its name.
SET_FEE_TIER: `term` the tier, `price` and `order_qty` the maker and taker share of the
instrument's fee rate, in bips (10,000: the full rate).
"""

_HEAD = "seq event_seq at_ns kind flags account reply_to request_id"
_STATE = (
    "instrument ord_status side ord_type time_in_force stp_mode order_id price order_qty leaves_qty cum_qty "
    "cum_quote base_free base_locked quote_free quote_locked list_id created_ns working_ns expire_ns "
    "quote_qty stop_px display_qty prevented_qty strategy_id strategy_type trailing_bips cl_ord_id "
    "level_qty order_count update_id"
)
_AUCTION = "instrument price order_qty leaves_qty side level_qty update_id"

EVENT_FIELDS: dict[str, str] = {
    "ACCEPTED": f"{_HEAD} {_STATE}",
    "REJECTED": f"{_HEAD} {_STATE} reason",
    "TRADE": f"{_HEAD} {_STATE} contra_account contra_order_id last_px last_qty fee asset trade_id agg_trade_id",
    "CANCELED": f"{_HEAD} {_STATE}",
    "EXPIRED": f"{_HEAD} {_STATE} reason",
    "RESTED": f"{_HEAD} {_STATE}",
    "TRIGGERED": f"{_HEAD} {_STATE}",
    "REPLACED": f"{_HEAD} {_STATE}",
    "PREVENTED": f"{_HEAD} {_STATE} contra_account contra_order_id last_px last_qty trade_id",
    "CANCEL_REJECTED": f"{_HEAD} instrument order_id cl_ord_id reason",
    "AMEND_REJECTED": f"{_HEAD} instrument order_id cl_ord_id reason",
    "LABELED": f"{_HEAD} instrument order_id cl_ord_id",
    "LIST_OPENED": f"{_HEAD} instrument list_id ord_type cl_ord_id order_count",
    "LIST_UPDATED": f"{_HEAD} instrument list_id ord_type cl_ord_id order_count",
    "LIST_DONE": f"{_HEAD} instrument list_id ord_type cl_ord_id order_count",
    "LIST_REJECTED": f"{_HEAD} instrument ord_type cl_ord_id reason",
    "PHASE_CHANGED": f"{_HEAD} instrument ord_status price expire_ns",
    "INDICATED": f"{_HEAD} {_AUCTION}",
    "UNCROSSED": f"{_HEAD} {_AUCTION}",
    "DEPOSITED": f"{_HEAD} asset last_qty base_free base_locked cl_ord_id",
    "WITHDRAWN": f"{_HEAD} asset last_qty base_free base_locked cl_ord_id",
    "ASSET_ADDED": f"{_HEAD} asset order_qty cl_ord_id",
    "INSTRUMENT_ADDED": f"{_HEAD} instrument asset order_count price order_qty cl_ord_id",
    "INSTRUMENT_CHANGED": f"{_HEAD} instrument order_count order_qty",
    "ACCOUNT_ADDED": f"{_HEAD} cl_ord_id",
    "ACCOUNT_CHANGED": f"{_HEAD} order_count order_qty",
    "FEE_TIER_CHANGED": f"{_HEAD} order_count price order_qty",
    "COMMAND_REJECTED": f"{_HEAD} instrument asset reason cl_ord_id",
}
"""Which event kind uses which fields; the others are 0.

TRADE: `fee` is what `account` paid, in `asset`; `contra_*` the other side. PREVENTED: `last_qty` is
the quantity taken away from this order, `trade_id` the prevented match id. List events: `ord_type` is
the ListKind, `order_count` the number of orders. PHASE_CHANGED: `ord_status` is the SessionPhase,
`price` the reference price. INDICATED, UNCROSSED: `price` the auction price (0: none), `order_qty` the paired
quantity, `leaves_qty` the imbalance quantity and `side` its side. INSTRUMENT_CHANGED, ACCOUNT_CHANGED and FEE_TIER_CHANGED: `order_count`
is the term or tier, `order_qty` the value. INSTRUMENT_ADDED: `asset` is the base, `order_count` the quote asset,
`price` and `order_qty` the price and quantity decimals, as in the command.
"""
