"""The two commands that nine tenths of a market consist of, the short way.

A limit order that meets nothing and rests, and the cancel of such an order: nothing in them is rare,
so they are written as one straight line each, over words instead of fields (`words.py`). Both look
at everything first and change nothing until they are sure that the general way would accept the command
too; at the first doubt they return False and the command goes the general way, which also finds the
reason of a refusal. What they do is what the general way does, event for event: tests play the same
streams with the short way switched off (`LimitsRow.long_way`).
"""

from matcher.core.accounts import count_order, counts_of, list_cell
from matcher.core.book import (
    after_free,
    link_free,
    lower_level,
    position_of,
    raise_level,
)
from matcher.core.checks import CONTINUOUS, NONE
from matcher.core.filters import check_counts, check_position, check_prices, check_sizes
from matcher.core.indexes import (
    find_order,
    finish_text,
    is_text_taken,
    put,
    put_id,
    take_out_id,
    text_entry,
    text_tag,
)
from matcher.core.kernel import (
    clear_row,
    copy_text,
    fence,
    has_text,
    inlined,
    kernel,
    same_text,
)
from matcher.core.lookahead import meets
from matcher.core.making import write_order
from matcher.core.marks import cell_at
from matcher.core.money import base_of, held_of, quote_of
from matcher.core.rows import LISTED, RESTING, WORKING, MarketRow
from matcher.core.state import Core
from matcher.core.terms import by_side, zero_mask
from matcher.core.words import (
    FLAGS_BITS,
    FORM,
    PLAIN_ENTER,
    PLAIN_ENTER_MASK,
    balance_words,
    command_words,
    event_words,
    order_words,
)
from protocol.board import AccountRow, OrderRow
from protocol.records import Command
from protocol.terms import AccountState, CommandFlag, EventFlag, EventKind, OrdStatus

ACTIVE = int(AccountState.ACTIVE)
FROZEN = int(AccountState.FROZEN)
RESTRICTIONS = int(CommandFlag.ONLY_NEW | CommandFlag.ONLY_PARTIALLY_FILLED)
MARKS = WORKING | RESTING | LISTED
"""The marks of a plain order in the book, and no others."""
TOLD = WORKING | int(EventFlag.LEVEL) | int(EventFlag.LAST)
ACCEPTED = int(EventKind.ACCEPTED) | int(OrdStatus.NEW) << 8 | TOLD << FLAGS_BITS
CANCELED = int(EventKind.CANCELED) | int(OrdStatus.CANCELED) << 8 | TOLD << FLAGS_BITS


@inlined
def enter_plain(core: Core, cmd: Command) -> bool:
    """Enter a plain limit order that rests at once; False: it goes the general way."""
    if not _is_plain(core, cmd):
        return False
    market = core.markets[cmd.instrument]
    position = position_of(market, cmd.price)
    if not _fits(market, cmd) or meets(market, cmd.side, position):
        return False
    account = cmd.account
    owner = core.accounts[account]
    need = cmd.order_qty * by_side(cmd.side, cmd.price * market.quote_scale, market.base_scale)
    held = held_of(core, market, account, cmd.side)
    if held.free < need or not _has_room(core, owner):
        return False
    if market.guards | market.counted != 0 and not _passes_guards(core, cmd, market):
        return False
    tag = 0
    if has_text(cmd.cl_ord_id):
        tag = text_tag(core, account, cmd.instrument, cmd.cl_ord_id)
        if is_text_taken(core, tag, account, cmd.instrument, cmd.cl_ord_id, cmd.at_ns):
            return False
    version = owner.version
    owner.version = version + 1
    fence()
    held.free -= need
    held.locked += need
    form = (command_words(cmd).form << 8) & FORM
    if cmd.stp_mode == 0:
        form |= market.default_stp << 40
    cell = cell_at(market, cmd.side, position)
    found = core.ladder[cell]
    fresh = zero_mask(found)
    number = found | (core.state.free_level & fresh)
    slot = write_order(
        core, cmd, form | MARKS << FLAGS_BITS, cmd.order_qty, owner.order_count, number
    )
    _open(core, cell, number, position, fresh)
    _join(core, cmd, slot, number, fresh)
    raise_level(core, market, cmd.side, position, cell)
    _list(core, cmd, owner, slot, tag)
    if market.counted != 0:
        count_order(core, core.orders[slot], 1)
    _tell(core, cmd, form | ACCEPTED, market, slot, cmd.order_qty)
    owner.last_seq = cmd.seq
    fence()
    owner.version = version + 2
    return True


@inlined
def _is_plain(core: Core, cmd: Command) -> bool:
    """Say whether an ENTER is a limit order with nothing rare, of a known account, while trading."""
    words = command_words(cmd)
    if (words.form & PLAIN_ENTER_MASK) != PLAIN_ENTER:
        return False
    rare = cmd.quote_qty | cmd.stop_px | cmd.display_qty | cmd.expire_ns | cmd.strategy_id
    if (rare | words.rare) != 0:
        return False
    if cmd.account >= core.state.accounts or cmd.instrument >= core.state.instruments:
        return False
    if core.accounts[cmd.account].state != ACTIVE:
        return False
    return core.instruments[cmd.instrument].phase == CONTINUOUS


@inlined
def _fits(market: MarketRow, cmd: Command) -> bool:
    """Say whether price, quantity and prevention mode are admitted.

    One number is negative when any limit is passed; a difference that wraps has a partner that is.
    """
    price = cmd.price
    qty = cmd.order_qty
    outside = (price - market.min_price) | (market.max_price - price) | (price - 1)
    outside |= (qty - market.min_qty) | (market.max_qty - qty) | (qty - 1)
    if outside < 0 or market.plain_modes >> cmd.stp_mode & 1 == 0:
        return False
    return market.tick_size | market.lot_size == 1 or _is_on_grid(market, price, qty)


@inlined
def _has_room(core: Core, owner: AccountRow) -> bool:
    limits = core.limits
    return owner.order_count < limits.account_orders and core.state.orders + 1 < limits.orders


@inlined
def _open(core: Core, cell: int, number: int, position: int, fresh: int) -> None:
    """Take the free row `number` for a level, if `fresh` is -1: nobody can predict whether it is."""
    state = core.state
    following = after_free(core, number)
    state.free_level ^= (state.free_level ^ following) & fresh
    state.level_top = max(state.level_top, number)
    core.ladder[cell] = number
    core.levels[number].position = position


@inlined
def _join(core: Core, cmd: Command, slot: int, number: int, fresh: int) -> None:
    """Put the order at the end of a queue, of which it is the first if `fresh` is -1."""
    level = core.levels[number]
    last = level.tail
    level.tail = slot
    level.qty += cmd.order_qty
    level.order_count += 1
    core.orders[last | (slot & fresh)].next = slot & ~fresh
    level.head ^= (level.head ^ slot) & fresh


@inlined
def _list(core: Core, cmd: Command, owner: AccountRow, slot: int, tag: int) -> None:
    """Make the order findable by its ids, `tag` that of its text, and by its account."""
    limits = core.limits
    order = core.orders[slot]
    put_id(core, order.order_id, slot)
    count = owner.order_count
    core.account_orders[list_cell(core, cmd.account, count)] = slot
    owner.order_count = count + 1
    if has_text(order.cl_ord_id):
        put(core.text_index, limits.text_mask, tag << 32 | slot)


@kernel
def _is_on_grid(market: MarketRow, price: int, qty: int) -> bool:
    return price % market.tick_size == 0 and qty % market.lot_size == 0


@kernel
def _passes_guards(core: Core, cmd: Command, market: MarketRow) -> bool:
    """Say whether an order passes the rarer filters that are switched on."""
    if check_sizes(core, cmd, market) != NONE or check_prices(core, cmd, market) != NONE:
        return False
    if market.counted == 0:
        return True
    counts = counts_of(core, cmd.account, cmd.instrument)
    if check_counts(core, cmd, counts, 1, 0, 0) != NONE:
        return False
    return check_position(core, cmd, market, counts) == NONE


@inlined
def cancel_plain(core: Core, cmd: Command) -> bool:
    """Cancel a plain order in the book by its id; False: it goes the general way."""
    slot = _find_plain(core, cmd)
    if slot == 0:
        return False
    order = core.orders[slot]
    account = cmd.account
    owner = core.accounts[account]
    market = core.markets[cmd.instrument]
    version = owner.version
    owner.version = version + 1
    fence()
    side = order.side
    need = order.leaves_qty * by_side(side, order.price * market.quote_scale, market.base_scale)
    held = held_of(core, market, account, side)
    held.free += need
    held.locked -= need
    _leave(core, market, order, slot, side)
    _tell(core, cmd, order_words(order).form & FORM | CANCELED, market, slot, 0)
    if market.counted != 0:
        count_order(core, order, -1)
    if has_text(order.cl_ord_id):
        finish_text(core, order, text_entry(core, order, slot), cmd.at_ns)
    take_out_id(core, cmd.order_id, slot)
    _forget(core, order, slot, account, owner)
    owner.last_seq = cmd.seq
    fence()
    owner.version = version + 2
    return True


@inlined
def _find_plain(core: Core, cmd: Command) -> int:
    """Find the row of the plain order that a plain cancel names; 0: either is not."""
    account = cmd.account
    order_id = cmd.order_id
    if account >= core.state.accounts or order_id <= 0:
        return 0
    if cmd.flags & RESTRICTIONS != 0 or has_text(cmd.cl_ord_id):
        return 0
    if core.accounts[account].state == FROZEN:
        return 0
    slot = find_order(core, order_id)
    if slot == 0:
        return 0
    order = core.orders[slot]
    form = order_words(order).form
    if form >> FLAGS_BITS != MARKS or form & 0xFFFF != cmd.instrument or order.extra != 0:
        return 0
    if order.account != account:
        return 0
    if has_text(cmd.target_cl_ord_id) and not same_text(order.cl_ord_id, cmd.target_cl_ord_id):
        return 0
    return slot


@inlined
def _leave(core: Core, market: MarketRow, order: OrderRow, slot: int, side: int) -> None:
    """Take the order out of its queue."""
    number = order.level
    level = core.levels[number]
    before = order.prev
    after = order.next
    level.qty -= order.leaves_qty
    level.order_count -= 1
    first = zero_mask(before)
    last = zero_mask(after)
    core.orders[before | (slot & first)].next = after
    core.orders[after | (slot & last)].prev = before
    level.head ^= (level.head ^ after) & first
    level.tail ^= (level.tail ^ before) & last
    position = level.position
    cell = cell_at(market, side, position)
    _close(core, number, cell, first & last)
    lower_level(core, market, side, position, cell, first & last)


@inlined
def _close(core: Core, number: int, cell: int, empty: int) -> None:
    """Free the row of a level, if `empty` is -1."""
    state = core.state
    level = core.levels[number]
    level.head |= link_free(number, state.free_level) & empty
    core.ladder[cell] = number & ~empty
    state.free_level ^= (state.free_level ^ number) & empty


@inlined
def _forget(core: Core, order: OrderRow, slot: int, account: int, owner: AccountRow) -> None:
    """Take the order out of its account's list and free its row."""
    state = core.state
    count = owner.order_count - 1
    owner.order_count = count
    moved = core.account_orders[list_cell(core, account, count)]
    place = order.account_pos
    core.account_orders[list_cell(core, account, place)] = moved
    core.orders[moved].account_pos = place
    order.order_id = 0
    order.next = state.free_order
    state.free_order = slot
    state.orders -= 1


@inlined
def _tell(core: Core, cmd: Command, form: int, market: MarketRow, slot: int, leaves: int) -> None:
    """Append the event of a plain order whose level has just changed."""
    state = core.state
    number = state.events
    event = core.events[number]
    words = event_words(event)
    order = core.orders[slot]
    account = cmd.account
    instrument = cmd.instrument
    clear_row(event)
    state.events = number + 1
    event_seq = state.event_seq + 1
    state.event_seq = event_seq
    row = core.instruments[instrument]
    update_id = row.update_id + 1
    row.update_id = update_id
    created_ns = order.created_ns
    level = core.levels[order.level]
    event.seq = cmd.seq
    event.event_seq = event_seq
    event.at_ns = cmd.at_ns
    words.form = form
    words.parties = account
    words.waiter = cmd.request_id | cmd.reply_to << 32 | instrument << 48
    copy_text(words.named, order_words(order).named)
    event.order_qty = order.leaves_qty + order.cum_qty
    event.leaves_qty = leaves
    copy_text(words.done, order_words(order).done)
    event.level_qty = level.qty
    event.update_id = update_id
    event.order_count = level.order_count
    base = base_of(core, market, account)
    quote = quote_of(core, market, account)
    copy_text(words.base, balance_words(base).both)
    copy_text(words.quote, balance_words(quote).both)
    event.created_ns = created_ns
    event.working_ns = created_ns
    copy_text(event.cl_ord_id, order.cl_ord_id)
