"""One command after another: to its kind's function, then what follows, then the accounts settle.

`apply_commands` is the way in from Python, crossed once per batch. It stops before a command when
the event buffer has no room for the most events that any command could make.
"""

from matcher.core.accounts import settle_accounts
from matcher.core.admin import administer
from matcher.core.ahead import look_ahead, look_first
from matcher.core.amends import amend, replace
from matcher.core.blocks import Array
from matcher.core.cancels import cancel, cancel_all, cancel_list
from matcher.core.continuous import enter
from matcher.core.emit import LAST, command_rejected
from matcher.core.expiries import first_expiry_ns
from matcher.core.follow_ups import follow_up
from matcher.core.funding import deposit, withdraw
from matcher.core.kernel import (
    array_address,
    array_length,
    batch_entry,
    inlined,
    kernel,
    memory_at,
    rows_at,
)
from matcher.core.list_entry import gather
from matcher.core.plain import cancel_plain, enter_plain
from matcher.core.sessions import set_phase, tick
from matcher.core.state import Core
from protocol.records import Command
from protocol.rejects import RejectReason
from protocol.terms import CommandKind

core_at = memory_at(Core)
commands_at = rows_at(Command)


@batch_entry
def apply_commands(table: Array, commands: Array) -> int:
    """Apply commands, rows of a contiguous array, to the core whose table of blocks is given.

    Returns how many events there are when all were applied, which is nearly always: a number that
    the caller need not take apart. Else the complement (`~`) of that number, with how many were
    applied in the bits from 32 up.
    """
    core = core_at(array_address(table))
    count = array_length(commands)
    batch = commands_at(array_address(commands), count)
    state = core.state
    state.events = 0
    done = 0
    look_first(core, batch, count)
    while done < count and state.events < core.limits.events:
        look_ahead(core, batch, done, count)
        cmd = batch[done]
        if not apply_plain(core, cmd):
            apply_command(core, cmd)
        done += 1
    if done > 0:
        state.seq = batch[done - 1].seq
        state.at_ns = batch[done - 1].at_ns
        update_status(core)
    if done == count:
        return state.events
    return ~(done << 32 | state.events)


@inlined
def apply_plain(core: Core, cmd: Command) -> bool:
    """Apply a command the short way, if it has one."""
    if core.state.gathered | core.limits.long_way != 0:
        return False
    kind = cmd.kind
    if kind == CommandKind.ENTER:
        return enter_plain(core, cmd)
    return kind == CommandKind.CANCEL and cancel_plain(core, cmd)


@kernel
def apply_command(core: Core, cmd: Command) -> None:
    """Apply one command whole, the general way."""
    state = core.state
    first = state.events
    kind = cmd.kind
    if state.gathered != 0 and (kind != CommandKind.ENTER or cmd.list_kind == 0):
        state.gathered = 0
    if kind == CommandKind.ENTER and cmd.list_kind != 0:
        gather(core, cmd)
    elif kind == CommandKind.ENTER:
        enter(core, cmd)
    elif kind == CommandKind.CANCEL:
        cancel(core, cmd)
    else:
        apply_rare(core, cmd)
    if state.follow_ups != 0:
        follow_up(core, cmd)
    settle_accounts(core, cmd.seq)
    if state.events > first:
        core.events[state.events - 1].flags |= LAST


@kernel
def apply_rare(core: Core, cmd: Command) -> None:
    """Apply a command of one of the rarer kinds."""
    kind = cmd.kind
    if kind == CommandKind.REPLACE:
        replace(core, cmd)
    elif kind == CommandKind.AMEND:
        amend(core, cmd)
    elif kind == CommandKind.CANCEL_ALL:
        cancel_all(core, cmd)
    elif kind == CommandKind.CANCEL_LIST:
        cancel_list(core, cmd)
    elif kind == CommandKind.SET_PHASE:
        set_phase(core, cmd)
    elif kind == CommandKind.TICK:
        tick(core, cmd)
    elif kind == CommandKind.DEPOSIT:
        deposit(core, cmd)
    elif kind == CommandKind.WITHDRAW:
        withdraw(core, cmd)
    elif CommandKind.ADD_ASSET <= kind <= CommandKind.SET_FEE_TIER:
        administer(core, cmd)
    else:
        command_rejected(core, cmd, RejectReason.UNKNOWN_COMMAND)


@inlined
def next_due_ns(core: Core) -> int:
    """Return when a TICK finds something to do next; 0: nothing is planned."""
    phases = core.state.phase_due_ns
    orders = first_expiry_ns(core)
    if phases == 0 or orders == 0:
        return phases + orders
    return min(phases, orders)


@inlined
def update_status(core: Core) -> None:
    """Tell readers how far the market has come."""
    state = core.state
    status = core.status
    status.at_ns = state.at_ns
    status.event_seq = state.event_seq
    status.orders = state.orders
    status.instruments = state.instruments
    status.accounts = state.accounts
    status.assets = state.assets
    status.next_due_ns = next_due_ns(core)
    status.seq = state.seq
