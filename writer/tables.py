"""The tables that events fill, declared once: encoders, array types and the documentation derive.

`writer/schema/*.sql` makes these tables; a test holds the two together. The rows that
`writer/project.py` makes are structured arrays of `Table.dtype`, one field per column, in the order
given here, which is also the order of the binary COPY.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

WIDTHS: dict[str, np.dtype[Any]] = {
    "bigint": np.dtype("<i8"),
    "integer": np.dtype("<i4"),
    "smallint": np.dtype("<i2"),
    "boolean": np.dtype("?"),
    "text": np.dtype("S40"),
}
"""The SQL types of hot tables and the fields that carry them; binary COPY makes no casts."""


@dataclass(frozen=True)
class Column:
    """One column. `source` names the event field it is copied from, "" when it is computed."""

    name: str
    kind: str
    source: str = ""


@dataclass(frozen=True)
class Table:
    """One table: its columns in COPY order, and the columns that tell its rows apart."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The structured dtype of this table's rows."""
        return np.dtype([(column.name, WIDTHS[column.kind]) for column in self.columns])

    def names(self) -> list[str]:
        """Return the column names in order."""
        return [column.name for column in self.columns]

    def only(self, names: tuple[str, ...]) -> tuple[Column, ...]:
        """Return the columns named, in that order."""
        by_name = {column.name: column for column in self.columns}
        return tuple(by_name[name] for name in names)


def _columns(declared: str) -> tuple[Column, ...]:
    """Read `name kind [source]`, one column per line; source `=` is the event field of that name."""
    found = []
    for line in declared.strip().splitlines():
        name, kind, *source = line.split()
        found.append(Column(name, kind, name if source == ["="] else "".join(source)))
    return tuple(found)


ORDERS = Table(
    "orders",
    _columns(
        """
        order_id        bigint    =
        account         integer   =
        instrument      smallint  =
        side            smallint  =
        ord_type        smallint  =
        time_in_force   smallint  =
        stp_mode        smallint  =
        ord_status      smallint  =
        reason          smallint
        working         boolean
        strategy_type   bigint    =
        trailing_bips   integer   =
        list_id         bigint    =
        price           bigint    =
        entered_qty     bigint
        order_qty       bigint    =
        leaves_qty      bigint    =
        cum_qty         bigint    =
        cum_quote       bigint    =
        prevented_qty   bigint    =
        quote_qty       bigint    =
        stop_px         bigint    =
        display_qty     bigint    =
        strategy_id     bigint    =
        created_ns      bigint    =
        working_ns      bigint    =
        expire_ns       bigint    =
        updated_ns      bigint    at_ns
        event_seq       bigint    =
        cl_ord_id       text      =
        """
    ),
    ("order_id",),
)

ORDER_CHANGES = (
    "ord_type", "ord_status", "reason", "working", "price", "order_qty", "leaves_qty", "cum_qty",
    "cum_quote", "prevented_qty", "stop_px", "working_ns", "updated_ns", "event_seq",
)  # fmt: skip
"""What may change in an order after its acceptance, beside `cl_ord_id` (by an amend)."""
BALANCE_CHANGES = ("free", "locked", "event_seq")

TRADES = Table(
    "trades",
    _columns(
        """
        at_ns           bigint    =
        trade_id        bigint    =
        agg_trade_id    bigint    =
        event_seq       bigint    =
        price           bigint    last_px
        qty             bigint    last_qty
        maker_order_id  bigint    order_id
        taker_order_id  bigint
        maker_list_id   bigint    list_id
        taker_list_id   bigint
        maker_fee       bigint    fee
        taker_fee       bigint
        maker_account   integer   account
        taker_account   integer
        instrument      smallint  =
        maker_fee_asset smallint  asset
        taker_fee_asset smallint
        side            smallint
        auction         boolean
        """
    ),
    ("instrument", "trade_id"),
)

LEDGER = Table(
    "ledger",
    _columns(
        """
        at_ns           bigint    =
        event_seq       bigint    =
        seq             bigint    =
        order_id        bigint    =
        trade_id        bigint    =
        free            bigint
        locked          bigint
        free_delta      bigint
        locked_delta    bigint
        account         integer
        asset           smallint
        instrument      smallint  =
        kind            smallint  =
        """
    ),
    ("event_seq", "account", "asset"),
)

BALANCES = Table(
    "balances",
    _columns(
        """
        account         integer
        asset           smallint
        free            bigint
        locked          bigint
        event_seq       bigint    =
        """
    ),
    ("account", "asset"),
)

PREVENTED = Table(
    "prevented_matches",
    _columns(
        """
        instrument      smallint  =
        prevented_id    bigint    trade_id
        event_seq       bigint    =
        at_ns           bigint    =
        price           bigint    last_px
        maker_order_id  bigint
        taker_order_id  bigint
        maker_qty       bigint
        taker_qty       bigint
        maker_account   integer
        taker_account   integer
        stp_mode        smallint
        """
    ),
    ("instrument", "prevented_id"),
)

AMENDMENTS = Table(
    "amendments",
    _columns(
        """
        order_id        bigint    =
        event_seq       bigint    =
        account         integer   =
        instrument      smallint  =
        order_qty       bigint    =
        at_ns           bigint    =
        orig_cl_ord_id  text
        cl_ord_id       text      =
        """
    ),
    ("order_id", "event_seq"),
)

TRANSFERS = Table(
    "transfers",
    _columns(
        """
        event_seq       bigint    =
        account         integer   =
        asset           smallint  =
        amount          bigint
        at_ns           bigint    =
        reference       text      cl_ord_id
        """
    ),
    ("event_seq",),
)

PHASES = Table(
    "phases",
    _columns(
        """
        event_seq       bigint    =
        instrument      smallint  =
        phase           smallint  ord_status
        reference_price bigint    price
        at_ns           bigint    =
        until_ns        bigint    expire_ns
        """
    ),
    ("event_seq",),
)

AUCTIONS = Table(
    "auctions",
    _columns(
        """
        event_seq       bigint    =
        instrument      smallint  =
        price           bigint    =
        paired_qty      bigint    order_qty
        imbalance_qty   bigint    leaves_qty
        imbalance_side  smallint  side
        at_ns           bigint    =
        """
    ),
    ("event_seq",),
)

ORDER_LISTS = Table(
    "order_lists",
    _columns(
        """
        list_id         bigint    =
        account         integer   =
        instrument      smallint  =
        list_kind       smallint  ord_type
        done            boolean
        order_count     integer   =
        created_ns      bigint
        updated_ns      bigint    at_ns
        cl_ord_id       text      =
        """
    ),
    ("list_id",),
)

ASSETS = Table(
    "assets",
    _columns(
        """
        asset           smallint  =
        code            text      cl_ord_id
        decimals        smallint  order_qty
        """
    ),
    ("asset",),
)

INSTRUMENTS = Table(
    "instruments",
    _columns(
        """
        instrument      smallint  =
        symbol          text      cl_ord_id
        base_asset      smallint  asset
        quote_asset     smallint  order_count
        price_decimals  smallint  price
        qty_decimals    smallint  order_qty
        added_ns        bigint    at_ns
        """
    ),
    ("instrument",),
)

INSTRUMENT_TERMS = Table(
    "instrument_terms",
    _columns(
        """
        instrument      smallint  =
        term            smallint  order_count
        value           bigint    order_qty
        event_seq       bigint    =
        """
    ),
    ("instrument", "term"),
)

ACCOUNTS = Table(
    "accounts",
    _columns(
        """
        account         integer   =
        name            text      cl_ord_id
        created_ns      bigint    at_ns
        """
    ),
    ("account",),
)

FEE_TIERS = Table(
    "fee_tiers",
    _columns(
        """
        tier            integer   order_count
        maker_share     bigint    price
        taker_share     bigint    order_qty
        """
    ),
    ("tier",),
)

ACCOUNT_TERMS = ("state", "trade_group", "fee_tier")
"""The columns of `accounts` that a term sets, by AccountTerm."""

CANDLE_NS = {
    "klines_1s": 1_000_000_000,
    "klines_1m": 60_000_000_000,
    "klines_1h": 3_600_000_000_000,
}
CANDLES = tuple(CANDLE_NS)

APPENDED = (
    ORDERS, TRADES, LEDGER, BALANCES, PREVENTED, AMENDMENTS, TRANSFERS, PHASES, AUCTIONS,
)  # fmt: skip
"""Filled by COPY: a row that is already there is an error, never ignored."""
REPLACED = (ORDER_LISTS, INSTRUMENT_TERMS, FEE_TIERS)
"""Filled by insert, or update of the row with the same key: the last one stands."""
ADDED = (ASSETS, INSTRUMENTS, ACCOUNTS)
"""Filled by plain insert; few rows."""
PARTITIONED = (TRADES, LEDGER)
"""Partitioned by day of `at_ns`."""
TABLES = (*APPENDED, *REPLACED, *ADDED)
DAY_NS = 86_400_000_000_000
