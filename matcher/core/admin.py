"""Administration: assets, accounts, instruments, tiers and their terms."""

from matcher.core.accounts import touch
from matcher.core.emit import command_rejected, new_event
from matcher.core.instruments import add_instrument, change_instrument
from matcher.core.kernel import copy_text, has_text, kernel, same_text
from matcher.core.rows import FEE_TIERS
from matcher.core.state import Core
from matcher.core.terms import FULL_SHARE
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import AccountState, AccountTerm, CommandKind, EventKind

MOST_DECIMALS = 18
FROZEN = int(AccountState.FROZEN)
NONE = int(RejectReason.NONE)


@kernel
def administer(core: Core, cmd: Command) -> None:
    """Do one command of administration, or say why not."""
    if cmd.kind == CommandKind.ADD_ASSET:
        reason = add_asset(core, cmd)
    elif cmd.kind == CommandKind.ADD_INSTRUMENT:
        reason = add_instrument(core, cmd)
    elif cmd.kind == CommandKind.SET_INSTRUMENT:
        reason = change_instrument(core, cmd)
    elif cmd.kind == CommandKind.ADD_ACCOUNT:
        reason = add_account(core, cmd)
    elif cmd.kind == CommandKind.SET_ACCOUNT:
        reason = set_account(core, cmd)
    else:
        reason = set_fee_tier(core, cmd)
    if reason != NONE:
        command_rejected(core, cmd, reason)


@kernel
def add_asset(core: Core, cmd: Command) -> int:
    """Add an asset; its number is the next."""
    number = core.state.assets
    if not has_text(cmd.cl_ord_id):
        return RejectReason.INVALID_FIELDS
    for other in range(number):
        if same_text(core.assets[other].code, cmd.cl_ord_id):
            return RejectReason.ALREADY_EXISTS
    if number == core.limits.assets:
        return RejectReason.CAPACITY
    if cmd.amount < 0 or cmd.amount > MOST_DECIMALS:
        return RejectReason.INVALID_TERM
    row = core.assets[number]
    copy_text(row.code, cmd.cl_ord_id)
    row.decimals = cmd.amount
    row.exists = 1
    core.state.assets = number + 1
    event = new_event(core, cmd, EventKind.ASSET_ADDED)
    event.asset = number
    event.order_qty = cmd.amount
    copy_text(event.cl_ord_id, cmd.cl_ord_id)
    return RejectReason.NONE


@kernel
def add_account(core: Core, cmd: Command) -> int:
    """Add an account; its number is the next. Cost: one look at every account's name."""
    number = core.state.accounts
    if not has_text(cmd.cl_ord_id):
        return RejectReason.INVALID_FIELDS
    for other in range(number):
        if same_text(core.accounts[other].name, cmd.cl_ord_id):
            return RejectReason.ALREADY_EXISTS
    if number == core.limits.accounts:
        return RejectReason.CAPACITY
    core.state.accounts = number + 1
    touch(core, number)
    row = core.accounts[number]
    copy_text(row.name, cmd.cl_ord_id)
    row.created_ns = cmd.at_ns
    row.exists = 1
    event = new_event(core, cmd, EventKind.ACCOUNT_ADDED)
    event.account = number
    copy_text(event.cl_ord_id, cmd.cl_ord_id)
    return RejectReason.NONE


@kernel
def set_account(core: Core, cmd: Command) -> int:
    """Set one term of an account."""
    if cmd.account >= core.state.accounts:
        return RejectReason.UNKNOWN_ACCOUNT
    value = cmd.amount
    most = -1
    if cmd.term == AccountTerm.STATE:
        most = FROZEN
    elif cmd.term == AccountTerm.TRADE_GROUP:
        most = (1 << 32) - 1
    elif cmd.term == AccountTerm.FEE_TIER:
        most = FEE_TIERS - 1
    if value < 0 or value > most:
        return RejectReason.INVALID_TERM
    touch(core, cmd.account)
    row = core.accounts[cmd.account]
    if cmd.term == AccountTerm.STATE:
        row.state = value
    elif cmd.term == AccountTerm.TRADE_GROUP:
        row.trade_group = value
    else:
        row.fee_tier = value
    event = new_event(core, cmd, EventKind.ACCOUNT_CHANGED)
    event.account = cmd.account
    event.order_count = cmd.term
    event.order_qty = value
    return RejectReason.NONE


@kernel
def set_fee_tier(core: Core, cmd: Command) -> int:
    """Set the shares of the fee rates that a tier pays."""
    if cmd.term >= FEE_TIERS:
        return RejectReason.INVALID_TERM
    if min(cmd.price, cmd.order_qty) < 0 or max(cmd.price, cmd.order_qty) > FULL_SHARE:
        return RejectReason.INVALID_TERM
    row = core.fee_tiers[cmd.term]
    row.maker_share = cmd.price
    row.taker_share = cmd.order_qty
    event = new_event(core, cmd, EventKind.FEE_TIER_CHANGED)
    event.order_count = cmd.term
    event.price = cmd.price
    event.order_qty = cmd.order_qty
    return RejectReason.NONE
