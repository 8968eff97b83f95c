"""Rows seen eight bytes at a time: neighbouring narrow fields as one word, read and written at once.

The same memory as `Command`, `OrderRow` and `Event`, for the places where copying six one-byte
fields one by one was a tenth of the work. A word's fields stand from its low bits up.
Accesses are not named to the compiler: they overlap those of the full rows.
"""

from typing import Annotated, ClassVar

import numpy as np

from matcher.core.kernel import words_of
from protocol.layout import Record, i64, text40
from protocol.terms import CommandKind, OrdType, TimeInForce

Pair = Annotated[bytes, np.dtype("S16")]
"""Two neighbouring words, copied together by `copy_text`."""
FORM = 0x0000FFFFFFFF0000
"""Side, ord_type, time_in_force and stp_mode: the same four bytes in `OrderWords.form` and
`EventWords.form`; in `CommandWords.form` they stand one byte lower."""
STATUS_BITS = 48
FLAGS_BITS = 56


class CommandWords(Record, size=256):
    """A Command in words."""

    untagged: ClassVar[bool] = True

    seq: i64
    at_ns: i64
    form: i64
    """kind, side, ord_type, time_in_force, stp_mode, list_kind, leg, legs."""
    owner: i64
    """account (32 bits), instrument (16), reply_to (16)."""
    asked: i64
    """request_id, flags."""
    order_id: i64
    price: i64
    order_qty: i64
    quote_qty: i64
    stop_px: i64
    display_qty: i64
    expire_ns: i64
    strategy_id: i64
    rare: i64
    """strategy_type, trailing_bips."""
    amount: i64
    received_ns: i64
    cl_ord_id: text40
    target_cl_ord_id: text40
    list_cl_ord_id: text40
    asset_and_term: i64


class OrderWords(Record, size=128):
    """An OrderRow in words."""

    untagged: ClassVar[bool] = True

    named: Pair
    """order_id, price."""
    leaves_qty: i64
    updated_ns: i64
    links: i64
    """next, prev."""
    owner: i64
    """account, account_pos."""
    form: i64
    """instrument (16 bits), side, ord_type, time_in_force, stp_mode, ord_status, flags."""
    where: i64
    """extra, level."""
    done: Pair
    """cum_qty, cum_quote."""
    created_ns: i64
    cl_ord_id: text40


class BalanceWords(Record, size=16):
    """A BalanceRow in words."""

    untagged: ClassVar[bool] = True

    both: Pair
    """free, locked."""


class EventWords(Record, size=320):
    """An Event in words."""

    untagged: ClassVar[bool] = True

    seq: i64
    event_seq: i64
    at_ns: i64
    form: i64
    """kind, ord_status, side, ord_type, time_in_force, stp_mode, reason, flags."""
    parties: i64
    """account, contra_account."""
    waiter: i64
    """request_id (32 bits), reply_to (16), instrument (16)."""
    named: Pair
    """order_id, price."""
    order_qty: i64
    leaves_qty: i64
    done: Pair
    """cum_qty, cum_quote."""
    last_px: i64
    last_qty: i64
    fee: i64
    trade_id: i64
    agg_trade_id: i64
    contra_order_id: i64
    level_qty: i64
    update_id: i64
    count: i64
    """order_count, asset."""
    base: Pair
    """base_free, base_locked."""
    quote: Pair
    list_id: i64
    created_ns: i64
    working_ns: i64
    expire_ns: i64
    quote_qty: i64
    stop_px: i64
    display_qty: i64
    prevented_qty: i64
    strategy_id: i64
    rare: i64
    """strategy_type, trailing_bips."""
    cl_ord_id: text40


PLAIN_ENTER = int(CommandKind.ENTER) | int(OrdType.LIMIT) << 16 | int(TimeInForce.GTC) << 24
"""`CommandWords.form` of a plain limit order, its side and prevention mode aside,"""
PLAIN_ENTER_MASK = ~(0x100 | 0xFF << 32)
"""and the mask that leaves them out."""

command_words = words_of(CommandWords)
order_words = words_of(OrderWords)
event_words = words_of(EventWords)
balance_words = words_of(BalanceWords)
