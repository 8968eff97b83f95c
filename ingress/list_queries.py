# ruff: noqa: S608 - statements are made of this file's own words; values are always parameters.
"""What is asked of the books of record about order lists, amendments and prevented matches."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ingress.queries import Span

Asked = tuple[str, list[Any]]
_LIST = "select list_id, instrument, list_kind, done, updated_ns, cl_ord_id from order_lists"


@dataclass(frozen=True, slots=True)
class StoredList:
    """One order list as it stands."""

    list_id: int
    instrument: int
    list_kind: int
    done: bool
    updated_ns: int
    text_id: str


def list_by_id(account: int, list_id: int) -> Asked:
    """One list of an account."""
    return f"{_LIST} where list_id = %s and account = %s", [list_id, account]


def list_by_text(account: int, text_id: str) -> Asked:
    """The newest list of an account with a text id."""
    statement = f"{_LIST} where account = %s and cl_ord_id = %s order by account, cl_ord_id, list_id desc limit 1"
    return statement, [account, text_id]


def lists(account: int, span: Span) -> Asked:
    """Lists of an account."""
    conditions, values = span.where("list_id", "created_ns")
    return f"{_LIST} where account = %s and {conditions} {span.order('list_id')}", [
        account,
        *values,
    ]


def live_lists(list_ids: Sequence[int]) -> Asked:
    """Those of some lists that are not done."""
    statement = f"{_LIST} where list_id = any(%s::bigint[]) and not done order by list_id"
    return statement, [list(list_ids)]


def legs(list_ids: Sequence[int]) -> Asked:
    """The legs of lists, in order: list, order id, text id."""
    # Without the second condition the partial index would not be used.
    statement = (
        "select list_id, order_id, cl_ord_id from orders "
        "where list_id = any(%s::bigint[]) and list_id > 0 order by order_id"
    )
    return statement, [list(list_ids)]


def amendments(
    account: int, instrument: int, order_id: int, from_execution: int, limit: int
) -> Asked:
    """Amends of an order: execution id, quantity before and after, time, text id before and after."""
    statement = (
        "select * from (select a.event_seq, lag(a.order_qty, 1, o.entered_qty) "
        "over (order by a.event_seq), a.order_qty, a.at_ns, a.orig_cl_ord_id, a.cl_ord_id "
        "from amendments a join orders o using (order_id) "
        "where a.order_id = %s and a.account = %s and a.instrument = %s) as amends "
        "where event_seq >= %s order by event_seq limit %s"
    )
    return statement, [order_id, account, instrument, from_execution, limit]


@dataclass(frozen=True, slots=True)
class PreventedMatch:
    """One self-trade that did not happen."""

    prevented_id: int
    at_ns: int
    price: int
    maker_order_id: int
    taker_order_id: int
    maker_qty: int
    taker_qty: int
    stp_mode: int


def prevented(
    account: int, instrument: int, column: str, value: int, first: int, limit: int
) -> Asked:
    """Prevented matches of an account by `column`: prevented_id or an order id of either side."""
    wanted = (
        "prevented_id = %s"
        if column == "prevented_id"
        else "%s in (maker_order_id, taker_order_id)"
    )
    statement = (
        "select prevented_id, at_ns, price, maker_order_id, taker_order_id, maker_qty, taker_qty, stp_mode "
        f"from prevented_matches where instrument = %s and {wanted} "
        "and %s in (maker_account, taker_account) and prevented_id >= %s order by prevented_id limit %s"
    )
    return statement, [instrument, value, account, first, limit]


FEE_TIER = "select maker_share, taker_share from fee_tiers where tier = %s"
