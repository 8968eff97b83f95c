"""The only writer of events.

Every event is complete: it carries the order as it stands after it, the balances of its account in
the two assets of the instrument, and, when a level changed visibly, that level. Fields a kind does
not use are 0, so a row is cleared before it is filled.
"""

from matcher.core.book import count_change
from matcher.core.kernel import clear_row, copy_text, inlined, kernel
from matcher.core.money import base_of, quote_of
from matcher.core.rows import WORKING, MarketRow
from matcher.core.state import Core
from matcher.core.words import (
    FLAGS_BITS,
    FORM,
    STATUS_BITS,
    balance_words,
    event_words,
    order_words,
)
from protocol.board import OrderRow
from protocol.records import Command, Event
from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventFlag, EventKind, OrdStatus

LEVEL = int(EventFlag.LEVEL)
LAST = int(EventFlag.LAST)
TOLD = FORM | WORKING << FLAGS_BITS
"""What of an order's form and marks every event of it tells."""


@inlined
def new_event(core: Core, cmd: Command, kind: int) -> Event:
    """Append an empty event of a command: its head is filled, all else 0."""
    state = core.state
    event = core.events[state.events]
    state.events += 1
    state.event_seq += 1
    clear_row(event)
    event.seq = cmd.seq
    event.event_seq = state.event_seq
    event.at_ns = cmd.at_ns
    event.kind = kind
    event.request_id = cmd.request_id
    event.reply_to = cmd.reply_to
    return event


@inlined
def tell_balances(core: Core, event: Event, market: MarketRow, account: int) -> None:
    """Write an account's balances in the two assets of an instrument into an event."""
    base = base_of(core, market, account)
    quote = quote_of(core, market, account)
    words = event_words(event)
    copy_text(words.base, balance_words(base).both)
    copy_text(words.quote, balance_words(quote).both)


@inlined
def order_event(core: Core, cmd: Command, kind: int, order: OrderRow) -> Event:
    """Append an event that shows an order as it stands now; return it for what the kind adds."""
    event = new_event(core, cmd, kind)
    form = order_words(order).form
    words = event_words(event)
    words.form = (form & TOLD) | (form >> STATUS_BITS & 0xFF) << 8 | kind
    copy_text(words.named, order_words(order).named)
    copy_text(words.done, order_words(order).done)
    event.account = order.account
    event.instrument = order.instrument
    event.order_qty = order.leaves_qty + order.cum_qty
    event.leaves_qty = order.leaves_qty
    event.created_ns = order.created_ns
    copy_text(event.cl_ord_id, order.cl_ord_id)
    if order.extra != 0:
        _tell_extra(core, event, order.extra)
    else:
        # Whoever waits before it works has an extra row.
        event.working_ns = order.created_ns
    tell_balances(core, event, core.markets[order.instrument], order.account)
    return event


@kernel
def _tell_extra(core: Core, event: Event, slot: int) -> None:
    extra = core.extras[slot]
    event.order_qty += extra.prevented_qty
    event.list_id = extra.list_id
    event.working_ns = extra.working_ns
    event.expire_ns = extra.expire_ns
    event.quote_qty = extra.quote_qty
    event.stop_px = extra.stop_px
    event.display_qty = extra.display_qty
    event.prevented_qty = extra.prevented_qty
    event.strategy_id = extra.strategy_id
    event.strategy_type = extra.strategy_type
    event.trailing_bips = extra.trailing_bips


@inlined
def tell_level(core: Core, event: Event, instrument: int, number: int) -> None:
    """Count a visible change of a level and write the level into the event that reports it."""
    level = core.levels[number]
    event.flags |= LEVEL
    event.level_qty = level.qty
    event.order_count = level.order_count
    event.update_id = count_change(core, instrument)


@inlined
def end_event(core: Core, cmd: Command, kind: int, order: OrderRow, status: int) -> Event:
    """Append the event that ends an order with something left of it."""
    order.ord_status = status
    event = order_event(core, cmd, kind, order)
    event.leaves_qty = 0
    return event


@kernel
def rejected(core: Core, cmd: Command, reason: int) -> None:
    """Refuse an order: everything as it was sent."""
    event = new_event(core, cmd, EventKind.REJECTED)
    event.reason = reason
    event.account = cmd.account
    event.instrument = cmd.instrument
    event.ord_status = OrdStatus.REJECTED
    event.side = cmd.side
    event.ord_type = cmd.ord_type
    event.time_in_force = cmd.time_in_force
    event.stp_mode = cmd.stp_mode
    event.price = cmd.price
    event.order_qty = cmd.order_qty
    event.quote_qty = cmd.quote_qty
    event.stop_px = cmd.stop_px
    event.display_qty = cmd.display_qty
    event.expire_ns = cmd.expire_ns
    event.strategy_id = cmd.strategy_id
    event.strategy_type = cmd.strategy_type
    event.trailing_bips = cmd.trailing_bips
    copy_text(event.cl_ord_id, cmd.cl_ord_id)
    if reason != RejectReason.UNKNOWN_ACCOUNT and cmd.instrument < core.state.instruments:
        tell_balances(core, event, core.markets[cmd.instrument], cmd.account)


@kernel
def cancel_rejected(core: Core, cmd: Command, kind: int, reason: int) -> None:
    """Refuse a cancel (CANCEL_REJECTED) or an amend (AMEND_REJECTED), with the ids asked for."""
    event = new_event(core, cmd, kind)
    event.reason = reason
    event.account = cmd.account
    event.instrument = cmd.instrument
    if cmd.kind == CommandKind.CANCEL_LIST:
        event.order_id = cmd.order_id
        copy_text(event.cl_ord_id, cmd.list_cl_ord_id)
    elif cmd.kind != CommandKind.CANCEL_ALL:
        event.order_id = cmd.order_id
        copy_text(event.cl_ord_id, cmd.target_cl_ord_id)


@kernel
def labeled(core: Core, cmd: Command, order_id: int, text: bytes) -> None:
    """Tell the text id that a cancel or amend itself carried."""
    event = new_event(core, cmd, EventKind.LABELED)
    event.account = cmd.account
    event.instrument = cmd.instrument
    event.order_id = order_id
    copy_text(event.cl_ord_id, text)


@kernel
def command_rejected(core: Core, cmd: Command, reason: int) -> None:
    """Refuse a command that is not an order, a cancel, an amend or a list."""
    event = new_event(core, cmd, EventKind.COMMAND_REJECTED)
    event.reason = reason
    event.account = cmd.account
    event.instrument = cmd.instrument
    event.asset = cmd.asset
    copy_text(event.cl_ord_id, cmd.cl_ord_id)
