"""Assets, instruments, accounts, fee tiers and money in and out: journaled like any order."""

from collections.abc import Callable

from protocol.rejects import RejectReason
from protocol.terms import (
    AccountState,
    AccountTerm,
    AuctionRule,
    CommandKind,
    EventKind,
    InstrumentTerm,
    StpMode,
)
from tests.reference.book import Book
from tests.reference.ranges import ALL_FEATURES, ALL_ORD_TYPES, ALL_STP_MODES, range_of
from tests.reference.state import (
    FEE_TIERS,
    FULL_SHARE,
    LARGEST,
    Account,
    Asset,
    Instrument,
    Venue,
)
from tests.reference.telling import tell, tell_command_rejected, tell_money

_MOST_DECIMALS = 18
_FIRST_TRADE_ID = 100_000_001
_LARGEST_U32 = (1 << 32) - 1


def add_asset(venue: Venue) -> None:
    """ADD_ASSET."""
    asked = venue.command
    reason = RejectReason.NONE
    if not asked.cl_ord_id:
        reason = RejectReason.INVALID_FIELDS
    elif any(asset.code == asked.cl_ord_id for asset in venue.assets):
        reason = RejectReason.ALREADY_EXISTS
    elif len(venue.assets) >= venue.limits.assets:
        reason = RejectReason.CAPACITY
    elif not 0 <= asked.amount <= _MOST_DECIMALS:
        reason = RejectReason.INVALID_TERM
    if reason:
        tell_command_rejected(venue, reason)
        return
    asset = Asset(len(venue.assets), asked.cl_ord_id, asked.amount)
    venue.assets.append(asset)
    tell(
        venue,
        EventKind.ASSET_ADDED,
        asset=asset.number,
        order_qty=asset.decimals,
        cl_ord_id=asset.code,
    )


def add_instrument(venue: Venue) -> None:
    """ADD_INSTRUMENT."""
    asked = venue.command
    reason = _instrument_reason(venue)
    if reason:
        tell_command_rejected(venue, reason)
        return
    base, quote = venue.assets[asked.asset], venue.assets[asked.term]
    base_scale = 10 ** (base.decimals - asked.order_qty)
    quote_scale = 10 ** (quote.decimals - asked.price - asked.order_qty)
    most = min(LARGEST // (asked.amount * quote_scale), LARGEST // base_scale)
    instrument = Instrument(
        number=len(venue.instruments),
        symbol=asked.cl_ord_id,
        top=asked.amount,
        most=most,
        terms=[0] * len(InstrumentTerm),
        book=Book(),
        next_trade_id=_FIRST_TRADE_ID,
        next_agg_trade_id=_FIRST_TRADE_ID,
    )
    start = {
        InstrumentTerm.PRICE_DECIMALS: asked.price,
        InstrumentTerm.QTY_DECIMALS: asked.order_qty,
        InstrumentTerm.BASE_ASSET: base.number,
        InstrumentTerm.QUOTE_ASSET: quote.number,
        InstrumentTerm.BASE_SCALE: base_scale,
        InstrumentTerm.QUOTE_SCALE: quote_scale,
        InstrumentTerm.TICK_SIZE: 1,
        InstrumentTerm.MAX_PRICE: asked.amount,
        InstrumentTerm.LOT_SIZE: 1,
        InstrumentTerm.MAX_QTY: most,
        InstrumentTerm.DEFAULT_STP: StpMode.EXPIRE_MAKER,
        InstrumentTerm.ALLOWED_STP: ALL_STP_MODES,
        InstrumentTerm.ALLOWED_ORD_TYPES: ALL_ORD_TYPES,
        InstrumentTerm.FEATURES: ALL_FEATURES,
        InstrumentTerm.AUCTION_RULE: AuctionRule.FOUR_STEP,
        InstrumentTerm.FIRST_TRADE_ID: _FIRST_TRADE_ID,
    }
    for term, value in start.items():
        instrument.terms[term] = int(value)
    venue.instruments.append(instrument)
    tell(
        venue,
        EventKind.INSTRUMENT_ADDED,
        instrument=instrument.number,
        asset=base.number,
        order_count=quote.number,
        price=asked.price,
        order_qty=asked.order_qty,
        cl_ord_id=instrument.symbol,
    )


def _instrument_reason(venue: Venue) -> RejectReason:
    asked = venue.command
    if not asked.cl_ord_id:
        return RejectReason.INVALID_FIELDS
    if max(asked.asset, asked.term) >= len(venue.assets):
        return RejectReason.UNKNOWN_ASSET
    if asked.amount < 1:
        return RejectReason.INVALID_AMOUNT
    if any(instrument.symbol == asked.cl_ord_id for instrument in venue.instruments):
        return RejectReason.ALREADY_EXISTS
    levels = sum(instrument.top + 1 for instrument in venue.instruments) + asked.amount + 1
    if len(venue.instruments) >= venue.limits.instruments or levels > venue.limits.price_levels:
        return RejectReason.CAPACITY
    base, quote = venue.assets[asked.asset], venue.assets[asked.term]
    price_decimals, qty_decimals = asked.price, asked.order_qty
    if (
        base is quote
        or min(price_decimals, qty_decimals) < 0
        or qty_decimals > base.decimals
        or price_decimals + qty_decimals > quote.decimals
        or asked.amount * 10 ** (quote.decimals - price_decimals - qty_decimals) > LARGEST
    ):
        return RejectReason.INVALID_TERM
    return RejectReason.NONE


def set_instrument(venue: Venue) -> None:
    """SET_INSTRUMENT."""
    asked = venue.command
    instrument = venue.instrument(asked.instrument)
    if instrument is None:
        tell_command_rejected(venue, RejectReason.UNKNOWN_INSTRUMENT)
        return
    allowed = range_of(instrument, asked.term)
    if allowed is None or not allowed[0] <= asked.amount <= allowed[1]:
        tell_command_rejected(venue, RejectReason.INVALID_TERM)
        return
    instrument.terms[asked.term] = asked.amount
    if asked.term == InstrumentTerm.FIRST_TRADE_ID:
        instrument.next_trade_id = instrument.next_agg_trade_id = asked.amount
    tell(
        venue,
        EventKind.INSTRUMENT_CHANGED,
        instrument=instrument.number,
        order_count=asked.term,
        order_qty=asked.amount,
    )


def add_account(venue: Venue) -> None:
    """ADD_ACCOUNT."""
    asked = venue.command
    if not asked.cl_ord_id:
        tell_command_rejected(venue, RejectReason.INVALID_FIELDS)
    elif asked.cl_ord_id in venue.account_names:
        tell_command_rejected(venue, RejectReason.ALREADY_EXISTS)
    elif len(venue.accounts) >= venue.limits.accounts:
        tell_command_rejected(venue, RejectReason.CAPACITY)
    else:
        account = Account(len(venue.accounts), asked.cl_ord_id)
        venue.accounts.append(account)
        venue.account_names.add(account.name)
        tell(venue, EventKind.ACCOUNT_ADDED, account=account.number, cl_ord_id=account.name)


def set_account(venue: Venue) -> None:
    """SET_ACCOUNT."""
    asked = venue.command
    account = venue.account(asked.account)
    if account is None:
        tell_command_rejected(venue, RejectReason.UNKNOWN_ACCOUNT)
        return
    most: dict[int, int] = {
        AccountTerm.STATE: max(AccountState),
        AccountTerm.TRADE_GROUP: _LARGEST_U32,
        AccountTerm.FEE_TIER: FEE_TIERS - 1,
    }
    if asked.term not in most or not 0 <= asked.amount <= most[asked.term]:
        tell_command_rejected(venue, RejectReason.INVALID_TERM)
        return
    if asked.term == AccountTerm.STATE:
        account.state = asked.amount
    elif asked.term == AccountTerm.TRADE_GROUP:
        account.trade_group = asked.amount
    else:
        account.fee_tier = asked.amount
    tell(
        venue,
        EventKind.ACCOUNT_CHANGED,
        account=account.number,
        order_count=asked.term,
        order_qty=asked.amount,
    )


def set_fee_tier(venue: Venue) -> None:
    """SET_FEE_TIER."""
    asked = venue.command
    shares = (asked.price, asked.order_qty)
    if asked.term >= FEE_TIERS or not all(0 <= share <= FULL_SHARE for share in shares):
        tell_command_rejected(venue, RejectReason.INVALID_TERM)
        return
    venue.tier_shares[asked.term] = shares
    tell(
        venue,
        EventKind.FEE_TIER_CHANGED,
        order_count=asked.term,
        price=asked.price,
        order_qty=asked.order_qty,
    )


def deposit(venue: Venue) -> None:
    """DEPOSIT."""
    _move_money(venue, EventKind.DEPOSITED, venue.command.amount)


def withdraw(venue: Venue) -> None:
    """WITHDRAW."""
    _move_money(venue, EventKind.WITHDRAWN, -venue.command.amount)


def _move_money(venue: Venue, kind: EventKind, change: int) -> None:
    asked = venue.command
    account = venue.account(asked.account)
    reference = (asked.account, asked.asset, asked.kind, asked.cl_ord_id)
    reason = RejectReason.NONE
    if account is None:
        reason = RejectReason.UNKNOWN_ACCOUNT
    elif asked.asset >= len(venue.assets):
        reason = RejectReason.UNKNOWN_ASSET
    elif asked.amount <= 0 or venue.assets[asked.asset].total + change > LARGEST:
        reason = RejectReason.INVALID_AMOUNT
    elif asked.cl_ord_id and venue.references.holds(reference, venue.now):
        reason = RejectReason.DUPLICATE_REFERENCE
    elif account.balance(asked.asset).free + change < 0:
        reason = RejectReason.INSUFFICIENT_BALANCE
    if reason or account is None:
        tell_command_rejected(venue, reason)
        return
    venue.assets[asked.asset].total += change
    account.balance(asked.asset).free += change
    if asked.cl_ord_id:
        venue.references.note(reference, venue.now)
    tell_money(venue, kind, account, asked.asset, asked.amount)


ADMINISTRATION: dict[int, Callable[[Venue], None]] = {
    CommandKind.ADD_ASSET: add_asset,
    CommandKind.ADD_INSTRUMENT: add_instrument,
    CommandKind.SET_INSTRUMENT: set_instrument,
    CommandKind.ADD_ACCOUNT: add_account,
    CommandKind.SET_ACCOUNT: set_account,
    CommandKind.SET_FEE_TIER: set_fee_tier,
    CommandKind.DEPOSIT: deposit,
    CommandKind.WITHDRAW: withdraw,
}
