"""Deposits and withdrawals: the only commands that change how much of an asset there is."""

from matcher.core.accounts import touch
from matcher.core.checks import NONE
from matcher.core.emit import command_rejected, new_event
from matcher.core.indexes import LOW, put, take_out
from matcher.core.kernel import copy_text, fold, fold_text, has_text, kernel, same_text
from matcher.core.money import balance_of
from matcher.core.state import Core
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import EventKind

LARGEST = 1 << 62
"""No asset's total may be above this (Overflow)."""


@kernel
def deposit(core: Core, cmd: Command) -> None:
    """Add to an account's free balance."""
    reason = check_funding(core, cmd)
    if reason == NONE and cmd.amount > LARGEST - core.totals[cmd.asset]:
        reason = RejectReason.INVALID_AMOUNT
    if reason == NONE and is_reference_known(core, cmd):
        reason = RejectReason.DUPLICATE_REFERENCE
    if reason != NONE:
        command_rejected(core, cmd, reason)
        return
    move(core, cmd, cmd.amount, EventKind.DEPOSITED)


@kernel
def withdraw(core: Core, cmd: Command) -> None:
    """Take from an account's free balance; a repeated withdrawal is told so before anything else."""
    reason = check_funding(core, cmd)
    if reason == NONE and is_reference_known(core, cmd):
        reason = RejectReason.DUPLICATE_REFERENCE
    if reason == NONE and cmd.amount > balance_of(core, cmd.account, cmd.asset).free:
        reason = RejectReason.INSUFFICIENT_BALANCE
    if reason != NONE:
        command_rejected(core, cmd, reason)
        return
    move(core, cmd, -cmd.amount, EventKind.WITHDRAWN)


@kernel
def check_funding(core: Core, cmd: Command) -> int:
    """Check UNKNOWN_ACCOUNT, UNKNOWN_ASSET and INVALID_AMOUNT."""
    if cmd.account >= core.state.accounts:
        return RejectReason.UNKNOWN_ACCOUNT
    if cmd.asset >= core.state.assets:
        return RejectReason.UNKNOWN_ASSET
    if cmd.amount <= 0:
        return RejectReason.INVALID_AMOUNT
    return RejectReason.NONE


@kernel
def move(core: Core, cmd: Command, amount: int, kind: int) -> None:
    """Change a free balance and the asset's total, remember the reference, tell so."""
    touch(core, cmd.account)
    balance = balance_of(core, cmd.account, cmd.asset)
    balance.free += amount
    core.totals[cmd.asset] += amount
    remember_reference(core, cmd)
    event = new_event(core, cmd, kind)
    event.account = cmd.account
    event.asset = cmd.asset
    event.last_qty = cmd.amount
    event.base_free = balance.free
    event.base_locked = balance.locked
    copy_text(event.cl_ord_id, cmd.cl_ord_id)


@kernel
def reference_tag(cmd: Command) -> int:
    """Hash a reference: account, asset, kind and text."""
    scope = fold((cmd.account << 32) | cmd.asset, cmd.kind | 1 << 40)
    return fold_text(scope, cmd.cl_ord_id) & LOW


@kernel
def is_reference_known(core: Core, cmd: Command) -> bool:
    """Say whether this deposit or withdrawal was already done."""
    if not has_text(cmd.cl_ord_id):
        return False
    tag = reference_tag(cmd)
    mask = core.limits.reference_mask
    at = tag & mask
    distance = 0
    while True:
        entry = core.reference_index[at]
        if entry == 0 or ((at - (entry >> 32)) & mask) < distance:
            return False
        if (entry >> 32) & LOW == tag:
            row = core.references[(entry & LOW) - 1]
            if (
                row.account == cmd.account
                and row.asset == cmd.asset
                and row.kind == cmd.kind
                and same_text(row.cl_ord_id, cmd.cl_ord_id)
            ):
                return True
        at = (at + 1) & mask
        distance += 1


@kernel
def remember_reference(core: Core, cmd: Command) -> None:
    """Remember a reference; the oldest is forgotten when there is no room."""
    limits = core.limits
    state = core.state
    if not has_text(cmd.cl_ord_id) or limits.references == 0:
        return
    if state.reference_count == limits.references:
        oldest = (core.references[state.reference_first].tag << 32) | state.reference_first + 1
        take_out(core.reference_index, limits.reference_mask, oldest)
        state.reference_first = (state.reference_first + 1) % limits.references
        state.reference_count -= 1
    place = (state.reference_first + state.reference_count) % limits.references
    state.reference_count += 1
    row = core.references[place]
    row.account = cmd.account
    row.asset = cmd.asset
    row.kind = cmd.kind
    row.tag = reference_tag(cmd)
    copy_text(row.cl_ord_id, cmd.cl_ord_id)
    put(core.reference_index, limits.reference_mask, (row.tag << 32) | place + 1)
