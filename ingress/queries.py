# ruff: noqa: S608 - statements are made of this file's own words; values are always parameters.
"""What is asked of the books of record: statements, and rows read as events.

The columns are those of `writer/schema`. Every statement takes its values as parameters. A list is
always told oldest first; without a lower bound it is the newest rows that are wanted (API section 1), so
those statements go backwards and their rows are turned round.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingress.rows import Shape
from protocol.records import EVENT_FIELDS, Event
from protocol.terms import EventFlag
from protocol.units import MAX_I64
from runtime.key_channels import KNOWN

Row = tuple[Any, ...]
_EVENTS = Shape(Event)

WATERMARK = "select seq, event_seq from watermark"
_KEY = "select api_key, account, secret, key_type, permissions, ip_list from api_keys where revoked_at is null"
ALL_KEYS = _KEY
ONE_KEY = f"{_KEY} and api_key = %s"
SAY_KNOWN = f"select pg_notify('{KNOWN}', %s)"

_NOT_KEPT = {"seq", "at_ns", "kind", "flags", "reply_to", "request_id", "cl_ord_id"}
_NOT_KEPT |= {"base_free", "base_locked", "quote_free", "quote_locked"}
_NOT_KEPT |= {"level_qty", "order_count", "update_id"}
_SAME = tuple(name for name in EVENT_FIELDS["EXPIRED"].split() if name not in _NOT_KEPT)
"""Columns of `orders` that are fields of an Event under the same name."""
_ORDER = f"select {', '.join(_SAME)}, updated_ns, working, cl_ord_id from orders"
ORDER_BY_ID = f"{_ORDER} where order_id = %s and account = %s and instrument = %s"
ORDER_BY_TEXT = (
    f"{_ORDER} where account = %s and instrument = %s and cl_ord_id = %s "
    "order by order_id desc limit 1"
)


def order_of(row: Row) -> Event:
    """Read a row of `orders` as the event that left the order so."""
    updated_ns, working, text = row[-3:]
    fields = dict(zip(_SAME, row, strict=False))
    fields["at_ns"] = updated_ns
    fields["flags"] = EventFlag.WORKING if working else 0
    fields["cl_ord_id"] = text.encode("latin-1")
    return _EVENTS.make(fields.items())


@dataclass(frozen=True)
class Span:
    """Which rows of a list: from an id, between two times, at most so many."""

    limit: int
    from_id: int | None = None
    start_ns: int | None = None
    end_ns: int | None = None

    @property
    def newest(self) -> bool:
        """Tell whether the newest rows are wanted rather than the oldest."""
        return self.from_id is None and self.start_ns is None

    def order(self, column: str) -> str:
        """Return the end of the statement: its order and its limit."""
        return f"order by {column} {'desc' if self.newest else 'asc'} limit {int(self.limit)}"

    def turned(self, rows: Sequence[Row]) -> list[Row]:
        """Put rows as they came into ascending order."""
        return list(reversed(rows)) if self.newest else list(rows)

    def where(self, id_column: str, time_column: str) -> tuple[str, list[int]]:
        """Return the conditions of this span and their values."""
        conditions, values = f"{id_column} >= %s", [self.from_id or 0]
        if self.start_ns is not None:
            conditions += f" and {time_column} >= %s"
            values.append(self.start_ns)
        if self.end_ns is not None:
            # The client's last milli- (or micro-) second holds everything that happened within it.
            unit_ns = 1_000 if self.end_ns % 1_000_000 else 1_000_000
            conditions += f" and {time_column} < %s"
            values.append(min(self.end_ns + unit_ns, MAX_I64))
        return conditions, values


def orders(account: int, instrument: int, span: Span) -> tuple[str, list[Any]]:
    """All orders of an account on an instrument."""
    conditions, values = span.where("order_id", "created_ns")
    statement = f"{_ORDER} where account = %s and instrument = %s and {conditions}"
    return f"{statement} {span.order('order_id')}", [account, instrument, *values]


def own_trades(
    account: int, instrument: int, span: Span, order_id: int | None
) -> tuple[str, list[Any]]:
    """An account's sides of its trades; a trade with itself has two. Read by `OwnTrade`."""
    conditions, values = span.where("trade_id", "at_ns")
    sides, params = [], []
    for role, maker in (("maker", "true"), ("taker", "false")):
        of_order = f" and {role}_order_id = %s" if order_id is not None else ""
        sides.append(
            f"(select trade_id, {role}_order_id, {role}_list_id, price, qty, {role}_fee, "
            f"{role}_fee_asset, at_ns, side, {maker} as is_maker from trades "
            f"where {role}_account = %s and instrument = %s and {conditions}{of_order} "
            f"{span.order('trade_id')})"
        )
        params += [account, instrument, *values, *([order_id] if of_order else [])]
    return f"{' union all '.join(sides)} {span.order('trade_id')}", params


@dataclass(frozen=True, slots=True)
class OwnTrade:
    """One side of one trade."""

    trade_id: int
    order_id: int
    list_id: int
    price: int
    qty: int
    fee: int
    fee_asset: int
    at_ns: int
    aggressor_side: int
    is_maker: bool


def trades(instrument: int, span: Span) -> tuple[str, list[Any]]:
    """Trades of an instrument. Read by `Trade`."""
    conditions, values = span.where("trade_id", "at_ns")
    statement = (
        "select trade_id, price, qty, at_ns, side from trades "
        f"where instrument = %s and {conditions} {span.order('trade_id')}"
    )
    return statement, [instrument, *values]


@dataclass(frozen=True, slots=True)
class Trade:
    """One trade of an instrument."""

    trade_id: int
    price: int
    qty: int
    at_ns: int
    aggressor_side: int


def agg_trades(instrument: int, span: Span) -> tuple[str, list[Any]]:
    """Aggregated trades of an instrument. Read by `AggTrade`.

    All fills of one aggregate lie in one command and so at one time: a bound on the time never cuts one.
    """
    conditions, values = span.where("agg_trade_id", "at_ns")
    statement = (
        "select agg_trade_id, min(price), sum(qty)::bigint, min(trade_id), max(trade_id), min(at_ns), "
        f"min(side) from trades where instrument = %s and {conditions} "
        f"group by agg_trade_id {span.order('agg_trade_id')}"
    )
    return statement, [instrument, *values]


@dataclass(frozen=True, slots=True)
class AggTrade:
    """Consecutive fills of one taker at one price (rule D-2)."""

    agg_trade_id: int
    price: int
    qty: int
    first_id: int
    last_id: int
    at_ns: int
    aggressor_side: int
