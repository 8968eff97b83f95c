"""Whether an order is admitted: the checks that look at the command and at what the account has.

From UNKNOWN_ACCOUNT to MAX_POSITION, lowest RejectReason first; the checks that depend on the book
and on money come when the order is placed (`continuous.py`), after a REPLACE has cancelled its
target (rule P-4). A term of 0 switches a check off, at the price of one branch.
"""

from matcher.core.accounts import STOPS, counts_of
from matcher.core.filters import check_counts, check_position, check_prices, check_sizes
from matcher.core.indexes import is_taken
from matcher.core.kernel import inlined, kernel
from matcher.core.rows import MarketRow
from matcher.core.state import Core
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import (
    AccountState,
    CommandKind,
    InstrumentFeature,
    ListKind,
    OrdType,
    SessionPhase,
    Side,
    StpMode,
    TimeInForce,
)

NONE = int(RejectReason.NONE)
GTC = int(TimeInForce.GTC)
CONTINUOUS = int(SessionPhase.CONTINUOUS)
CALLS = (
    1 << SessionPhase.OPENING_AUCTION
    | 1 << SessionPhase.VOLATILITY_AUCTION
    | 1 << SessionPhase.CLOSING_AUCTION
)
"""Bit 1 << SessionPhase of every call."""
PRICED = (
    1 << OrdType.LIMIT
    | 1 << OrdType.LIMIT_MAKER
    | 1 << OrdType.STOP_LOSS_LIMIT
    | 1 << OrdType.TAKE_PROFIT_LIMIT
)
"""Bit 1 << OrdType of every type with a limit price."""

_STAYING = 1 << TimeInForce.GTC | 1 << TimeInForce.DAY | 1 << TimeInForce.GTD
_AT_ONCE = 1 << TimeInForce.IOC | 1 << TimeInForce.FOK
_ALL = _STAYING | _AT_ONCE | 1 << TimeInForce.AT_OPENING | 1 << TimeInForce.AT_CLOSE
_BY_QUOTE = 1 << TimeInForce.GTC | 1 << TimeInForce.IOC
_TIMES = (
    _ALL << 8 * OrdType.LIMIT
    | _ALL << 8 * OrdType.MARKET
    | _STAYING << 8 * OrdType.LIMIT_MAKER
    | _STAYING << 8 * OrdType.STOP_LOSS
    | _STAYING << 8 * OrdType.TAKE_PROFIT
    | (_STAYING | _AT_ONCE) << 8 * OrdType.STOP_LOSS_LIMIT
    | (_STAYING | _AT_ONCE) << 8 * OrdType.TAKE_PROFIT_LIMIT
)
"""Eight bits a type: which times in force it takes."""

FEATURE_ICEBERG = int(InstrumentFeature.ICEBERG)
FEATURE_TRAILING = int(InstrumentFeature.TRAILING)
FEATURE_QUOTE_QTY = int(InstrumentFeature.QUOTE_QTY_MARKET)
FEATURE_OCO = int(InstrumentFeature.OCO)
FEATURE_OTO = int(InstrumentFeature.OTO)
FEATURE_REPLACE = int(InstrumentFeature.CANCEL_REPLACE)


@inlined
def is_stop(ord_type: int) -> bool:
    """Say whether a type waits for a trigger."""
    return STOPS >> ord_type & 1 != 0


@inlined
def is_priced(ord_type: int) -> bool:
    """Say whether a type has a limit price."""
    return PRICED >> ord_type & 1 != 0


@inlined
def is_call(phase: int) -> bool:
    """Say whether a session phase is a call."""
    return CALLS >> phase & 1 != 0


@inlined
def time_in_force_of(cmd: Command) -> int:
    """Return the time in force meant: types that need none may leave it out."""
    if cmd.time_in_force == 0 and cmd.ord_type != OrdType.LIMIT:
        stop_limit = is_stop(cmd.ord_type) and is_priced(cmd.ord_type)
        return 0 if stop_limit else GTC
    return cmd.time_in_force


@inlined
def stp_mode_of(market: MarketRow, cmd: Command) -> int:
    """Return the self-trade prevention mode meant (rule T-2)."""
    return cmd.stp_mode if cmd.stp_mode != 0 else market.default_stp


@inlined
def check_account(core: Core, account: int) -> int:
    """Check that an account may enter orders."""
    if account >= core.state.accounts:
        return RejectReason.UNKNOWN_ACCOUNT
    state = core.accounts[account].state
    if state == AccountState.ACTIVE:
        return RejectReason.NONE
    if state == AccountState.FROZEN:
        return RejectReason.ACCOUNT_FROZEN
    return RejectReason.ACCOUNT_CANCEL_ONLY


@inlined
def check_canceler(core: Core, account: int) -> int:
    """Check that an account may cancel orders."""
    if account >= core.state.accounts:
        return RejectReason.UNKNOWN_ACCOUNT
    if core.accounts[account].state == AccountState.FROZEN:
        return RejectReason.ACCOUNT_FROZEN
    return RejectReason.NONE


@inlined
def check_scope(core: Core, cmd: Command) -> int:
    """Check account and instrument of an order."""
    reason = check_account(core, cmd.account)
    if reason == NONE and cmd.instrument >= core.state.instruments:
        return RejectReason.UNKNOWN_INSTRUMENT
    return reason


@inlined
def check_order(core: Core, cmd: Command) -> int:
    """Check a single order from UNKNOWN_ACCOUNT to MAX_POSITION."""
    reason = check_scope(core, cmd)
    if reason != NONE:
        return reason
    market = core.markets[cmd.instrument]
    reason = check_leg(core, cmd, market, False)
    if reason == NONE and market.counted != 0:
        stops = 1 if is_stop(cmd.ord_type) else 0
        icebergs = 1 if cmd.display_qty != 0 else 0
        counts = counts_of(core, cmd.account, cmd.instrument)
        reason = check_counts(core, cmd, counts, 1, stops, icebergs)
        if reason == NONE:
            reason = check_position(core, cmd, market, counts)
    return reason


@inlined
def check_leg(core: Core, cmd: Command, market: MarketRow, pending: bool) -> int:
    """Check one order from INVALID_SIDE to DUPLICATE_CL_ORD_ID; `pending`: for a later phase."""
    time_in_force = time_in_force_of(cmd)
    reason = check_form(cmd, time_in_force)
    if reason != NONE:
        return reason
    reason = check_phase(core.instruments[cmd.instrument].phase, cmd, time_in_force, pending)
    if reason != NONE:
        return reason
    reason = check_support(market, cmd)
    if reason != NONE:
        return reason
    reason = check_sizes(core, cmd, market)
    if reason != NONE:
        return reason
    reason = check_prices(core, cmd, market)
    if reason != NONE:
        return reason
    if is_taken(core, cmd.account, cmd.instrument, cmd.cl_ord_id, cmd.at_ns):
        return RejectReason.DUPLICATE_CL_ORD_ID
    return RejectReason.NONE


@inlined
def check_form(cmd: Command, time_in_force: int) -> int:
    """Check side, type, time in force, and that exactly the fields it takes are given."""
    ord_type = cmd.ord_type
    if cmd.side > Side.SELL:
        return RejectReason.INVALID_SIDE
    if ord_type < OrdType.LIMIT or ord_type > OrdType.TAKE_PROFIT_LIMIT:
        return RejectReason.INVALID_ORD_TYPE
    by_quote = ord_type == OrdType.MARKET and cmd.quote_qty != 0
    times = _BY_QUOTE if by_quote else _TIMES >> 8 * ord_type
    if time_in_force > TimeInForce.AT_CLOSE or times >> time_in_force & 1 == 0:
        return RejectReason.INVALID_TIME_IN_FORCE
    given = cmd.quote_qty | cmd.stop_px | cmd.trailing_bips | cmd.display_qty | cmd.expire_ns
    plain = given == 0 and ord_type == OrdType.LIMIT and time_in_force != TimeInForce.GTD
    if not plain and not _fields_fit(cmd, time_in_force):
        return RejectReason.INVALID_FIELDS
    qty = cmd.quote_qty if by_quote else cmd.order_qty
    if qty <= 0 or cmd.display_qty < 0:
        return RejectReason.INVALID_QTY
    if (is_priced(ord_type) and cmd.price <= 0) or cmd.stop_px < 0:
        return RejectReason.INVALID_PRICE
    return RejectReason.NONE


@inlined
def _fields_fit(cmd: Command, time_in_force: int) -> bool:
    priced = is_priced(cmd.ord_type)
    if cmd.price != 0 and not priced:
        return False
    if cmd.quote_qty != 0 and (cmd.ord_type != OrdType.MARKET or cmd.order_qty != 0):
        return False
    if (cmd.stop_px != 0 or cmd.trailing_bips != 0) != is_stop(cmd.ord_type):
        return False
    if cmd.display_qty != 0 and (not priced or _STAYING >> time_in_force & 1 == 0):
        return False
    if time_in_force == TimeInForce.GTD:
        return cmd.expire_ns > cmd.at_ns
    return cmd.expire_ns == 0


@inlined
def check_phase(phase: int, cmd: Command, time_in_force: int, pending: bool) -> int:
    """Check that the session phase admits the order (rule A-1)."""
    if phase == CONTINUOUS and time_in_force != TimeInForce.AT_OPENING:
        return RejectReason.NONE
    if phase != CONTINUOUS and not is_call(phase):
        return RejectReason.MARKET_CLOSED
    if pending or is_stop(cmd.ord_type):
        return RejectReason.NONE
    if phase_admits(phase, cmd.ord_type, time_in_force, cmd.quote_qty != 0):
        return RejectReason.NONE
    return RejectReason.PHASE_FORBIDS_ORD_TYPE


@kernel
def phase_admits(phase: int, ord_type: int, time_in_force: int, by_quote: bool) -> bool:
    """Say whether an order may start to work in a phase."""
    if time_in_force == TimeInForce.AT_OPENING:
        return phase == SessionPhase.OPENING_AUCTION
    if phase == CONTINUOUS:
        return True
    if not is_call(phase) or by_quote:
        return False
    return ord_type != OrdType.LIMIT_MAKER and _AT_ONCE >> time_in_force & 1 == 0


@inlined
def features_of_list(list_kind: int) -> int:
    """Return the features that a kind of list needs; 0 for no list."""
    if list_kind == 0:
        return 0
    if list_kind == ListKind.OCO:
        return FEATURE_OCO
    return FEATURE_OTO if list_kind == ListKind.OTO else FEATURE_OCO | FEATURE_OTO


@inlined
def check_support(market: MarketRow, cmd: Command) -> int:
    """Check what the instrument's terms switch off."""
    if market.allowed_ord_types >> cmd.ord_type & 1 == 0:
        return RejectReason.ORD_TYPE_NOT_SUPPORTED
    features = market.features
    if cmd.display_qty != 0 and features & FEATURE_ICEBERG == 0:
        return RejectReason.ICEBERG_NOT_SUPPORTED
    if cmd.trailing_bips != 0 and features & FEATURE_TRAILING == 0:
        return RejectReason.TRAILING_NOT_SUPPORTED
    if cmd.quote_qty != 0 and features & FEATURE_QUOTE_QTY == 0:
        return RejectReason.QUOTE_QTY_NOT_SUPPORTED
    wanted = features_of_list(cmd.list_kind)
    if features & wanted != wanted:
        return RejectReason.LIST_NOT_SUPPORTED
    if cmd.kind == CommandKind.REPLACE and features & FEATURE_REPLACE == 0:
        return RejectReason.REPLACE_NOT_SUPPORTED
    mode = stp_mode_of(market, cmd)
    if mode > StpMode.DECREMENT or market.allowed_stp >> mode & 1 == 0:
        return RejectReason.STP_MODE_NOT_ALLOWED
    return RejectReason.NONE
