"""Whether a new order is admitted: the checks of docs/market-model.md, lowest RejectReason first.

`first_reason` looks at the command alone and at what the account already has; `last_reason` at
what would happen if the order entered now. A REPLACE cancels between the two (rule P-4).
"""

from protocol.rejects import RejectReason
from protocol.terms import (
    AccountState,
    CommandKind,
    InstrumentFeature,
    InstrumentTerm,
    ListKind,
    OrdType,
    SessionPhase,
    Side,
    StpMode,
    TimeInForce,
)
from tests.reference import filters
from tests.reference.liquidity import cost_of, meets_something
from tests.reference.money import held_balance
from tests.reference.orders import draft, stp_mode_of, time_in_force_of
from tests.reference.state import CALLS, STOPS, Account, Instrument, Order, Venue
from tests.reference.wire import Asked

_LIMIT = (OrdType.LIMIT, OrdType.LIMIT_MAKER, OrdType.STOP_LOSS_LIMIT, OrdType.TAKE_PROFIT_LIMIT)
_STAYING = (TimeInForce.GTC, TimeInForce.DAY, TimeInForce.GTD)
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
_TIMES: dict[int, tuple[TimeInForce, ...]] = {
    OrdType.LIMIT: tuple(TimeInForce),
    OrdType.MARKET: tuple(TimeInForce),
    OrdType.LIMIT_MAKER: _STAYING,
    OrdType.STOP_LOSS: _STAYING,
    OrdType.TAKE_PROFIT: _STAYING,
    OrdType.STOP_LOSS_LIMIT: _STAYING + _AT_ONCE,
    OrdType.TAKE_PROFIT_LIMIT: _STAYING + _AT_ONCE,
}
_LIST_FEATURES: dict[int, int] = {
    ListKind.OCO: InstrumentFeature.OCO,
    ListKind.OTO: InstrumentFeature.OTO,
    ListKind.OTOCO: InstrumentFeature.OCO | InstrumentFeature.OTO,
}


def account_reason(account: Account | None, *, cancels: bool = False) -> RejectReason:
    """Check that the account exists and may enter (or only cancel) orders."""
    if account is None:
        return RejectReason.UNKNOWN_ACCOUNT
    if account.state == AccountState.FROZEN:
        return RejectReason.ACCOUNT_FROZEN
    if account.state == AccountState.CANCEL_ONLY and not cancels:
        return RejectReason.ACCOUNT_CANCEL_ONLY
    return RejectReason.NONE


def first_reason(venue: Venue, asked: Asked, legs: list[Asked] | None = None) -> RejectReason:
    """Check everything from UNKNOWN_ACCOUNT to MAX_POSITION; `legs`: all legs of its list."""
    account, instrument = venue.account(asked.account), venue.instrument(asked.instrument)
    reason = account_reason(account)
    if reason or account is None:
        return reason
    if instrument is None:
        return RejectReason.UNKNOWN_INSTRUMENT
    pending = legs is not None and asked.list_kind != ListKind.OCO and asked.leg > 0
    return (
        _form_reason(asked)
        or _phase_reason(instrument, asked, pending=pending)
        or _support_reason(instrument, asked, in_list=legs is not None)
        or filters.price_and_size_reason(venue, instrument, asked)
        or _duplicate_reason(venue, account, instrument, asked)
        or filters.count_reason(account, instrument, legs or [asked])
        or filters.position_reason(
            account, instrument, asked.side, _qty_of(asked, account, instrument)
        )
    )


def _qty_of(asked: Asked, account: Account, instrument: Instrument) -> int:
    """Return the quantity asked for; by quote quantity what the money would buy (rule C-6)."""
    if asked.quote_qty == 0:
        return asked.order_qty
    return draft(asked, account, instrument).order_qty


def _form_reason(asked: Asked) -> RejectReason:
    """Check that the order is one the exchange could know: side, type, time, fields, signs."""
    if asked.side not in (Side.BUY, Side.SELL):
        return RejectReason.INVALID_SIDE
    if asked.ord_type not in _TIMES:
        return RejectReason.INVALID_ORD_TYPE
    time_in_force = time_in_force_of(asked)
    by_quote = asked.ord_type == OrdType.MARKET and asked.quote_qty != 0
    if time_in_force not in _TIMES[asked.ord_type] or (
        by_quote and time_in_force not in (TimeInForce.GTC, TimeInForce.IOC)
    ):
        return RejectReason.INVALID_TIME_IN_FORCE
    if not _fields_fit(asked, time_in_force):
        return RejectReason.INVALID_FIELDS
    if (asked.quote_qty if by_quote else asked.order_qty) <= 0 or asked.display_qty < 0:
        return RejectReason.INVALID_QTY
    if (asked.ord_type in _LIMIT and asked.price <= 0) or asked.stop_px < 0:
        return RejectReason.INVALID_PRICE
    return RejectReason.NONE


def _fields_fit(asked: Asked, time_in_force: int) -> bool:
    """Say whether every field given is one that the type takes, and none is missing."""
    if asked.price != 0 and asked.ord_type not in _LIMIT:
        return False
    if asked.quote_qty != 0 and (asked.ord_type != OrdType.MARKET or asked.order_qty != 0):
        return False
    if (asked.stop_px != 0 or asked.trailing_bips != 0) != (asked.ord_type in STOPS):
        return False
    if asked.display_qty != 0 and (asked.ord_type not in _LIMIT or time_in_force not in _STAYING):
        return False
    if time_in_force == TimeInForce.GTD:
        return asked.expire_ns > asked.at_ns
    return asked.expire_ns == 0


def _phase_reason(instrument: Instrument, asked: Asked, *, pending: bool) -> RejectReason:
    if instrument.phase not in (SessionPhase.CONTINUOUS, *CALLS):
        return RejectReason.MARKET_CLOSED
    if pending or asked.ord_type in STOPS:
        return RejectReason.NONE
    by_quote = asked.quote_qty != 0
    if not phase_admits(instrument, asked.ord_type, time_in_force_of(asked), by_quote=by_quote):
        return RejectReason.PHASE_FORBIDS_ORD_TYPE
    return RejectReason.NONE


def phase_admits(
    instrument: Instrument, ord_type: int, time_in_force: int, *, by_quote: bool
) -> bool:
    """Say whether an order may start to work in the present phase (rule A-1)."""
    if time_in_force == TimeInForce.AT_OPENING:
        return instrument.phase == SessionPhase.OPENING_AUCTION
    if instrument.phase == SessionPhase.CONTINUOUS:
        return True
    if not instrument.in_call:
        return False
    return time_in_force not in _AT_ONCE and ord_type != OrdType.LIMIT_MAKER and not by_quote


def _support_reason(instrument: Instrument, asked: Asked, *, in_list: bool) -> RejectReason:
    """Check what the instrument's terms switch off."""
    terms = instrument.terms
    features = terms[InstrumentTerm.FEATURES]
    if not terms[InstrumentTerm.ALLOWED_ORD_TYPES] >> asked.ord_type & 1:
        return RejectReason.ORD_TYPE_NOT_SUPPORTED
    if asked.display_qty and not features & InstrumentFeature.ICEBERG:
        return RejectReason.ICEBERG_NOT_SUPPORTED
    if asked.trailing_bips and not features & InstrumentFeature.TRAILING:
        return RejectReason.TRAILING_NOT_SUPPORTED
    if asked.quote_qty and not features & InstrumentFeature.QUOTE_QTY_MARKET:
        return RejectReason.QUOTE_QTY_NOT_SUPPORTED
    if in_list and features & _LIST_FEATURES[asked.list_kind] != _LIST_FEATURES[asked.list_kind]:
        return RejectReason.LIST_NOT_SUPPORTED
    if asked.kind == CommandKind.REPLACE and not features & InstrumentFeature.CANCEL_REPLACE:
        return RejectReason.REPLACE_NOT_SUPPORTED
    mode = stp_mode_of(asked, instrument)
    if mode > max(StpMode) or not terms[InstrumentTerm.ALLOWED_STP] >> mode & 1:
        return RejectReason.STP_MODE_NOT_ALLOWED
    return RejectReason.NONE


def _duplicate_reason(
    venue: Venue, account: Account, instrument: Instrument, asked: Asked
) -> RejectReason:
    if is_id_in_use(venue, account, instrument, asked):
        return RejectReason.DUPLICATE_CL_ORD_ID
    return RejectReason.NONE


def is_id_in_use(venue: Venue, account: Account, instrument: Instrument, asked: Asked) -> bool:
    """Say whether a live order has the text id, or a finished one had it lately (rule P-5)."""
    text = asked.cl_ord_id
    if not text:
        return False
    if (instrument.number, text) in account.named:
        return True
    return venue.finished_ids.holds((account.number, instrument.number, text), asked.at_ns)


def last_reason(venue: Venue, order: Order) -> RejectReason:
    """Check everything from WOULD_TRIGGER on, for an order that is about to enter alone."""
    return (
        market_reason(order)
        or (RejectReason.NO_LIQUIDITY if _too_little_for_money(order) else RejectReason.NONE)
        or funds_reason(order)
        or capacity_reason(venue, order.account, 1)
    )


def market_reason(order: Order) -> RejectReason:
    """Check that a stop does not fire at once (S-1) and a post-only order does not trade (C-2)."""
    instrument = order.instrument
    if order.unfired and order.stop_px and has_reached(order, instrument.last_px):
        return RejectReason.WOULD_TRIGGER
    in_trading = instrument.phase == SessionPhase.CONTINUOUS
    if order.ord_type == OrdType.LIMIT_MAKER and in_trading and meets_something(order):
        return RejectReason.WOULD_MATCH
    return RejectReason.NONE


def has_reached(order: Order, price: int) -> bool:
    """Say whether `price` (0: none yet) is at or past the order's `stop_px`."""
    if price == 0:
        return False
    return price >= order.stop_px if order.rising else price <= order.stop_px


def _too_little_for_money(order: Order) -> bool:
    terms = order.instrument.terms
    if not order.quote_qty:
        return False
    least = max(1, terms[InstrumentTerm.MIN_QTY], terms[InstrumentTerm.MARKET_MIN_QTY])
    return order.order_qty < least


def funds_reason(order: Order) -> RejectReason:
    """Check that the free balance covers what the order would hold (rule R-1)."""
    if held_balance(order).free < entry_hold(order):
        return RejectReason.INSUFFICIENT_BALANCE
    return RejectReason.NONE


def entry_hold(order: Order) -> int:
    """Return what the order holds when it enters (or fires) now."""
    instrument = order.instrument
    if order.side == Side.SELL:
        return order.leaves_qty * instrument.base_scale
    if order.hold_price is None:
        return cost_of(order)
    return order.hold_price * order.leaves_qty * instrument.quote_scale


def capacity_reason(venue: Venue, account: Account, more: int) -> RejectReason:
    """Check that `more` orders fit into the exchange's and the account's tables."""
    if len(venue.orders) + more > venue.limits.orders - 1:
        return RejectReason.ORDER_CAPACITY
    if len(account.orders) + more > venue.limits.account_orders:
        return RejectReason.ACCOUNT_ORDER_CAPACITY
    return RejectReason.NONE
