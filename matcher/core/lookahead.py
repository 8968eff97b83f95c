"""Look ahead: what an order would find in the book, without touching it.

The walk goes exactly as the match would, self-trade prevention included, so the money that is
checked here is enough (R-1), a FOK that looks fillable is filled (C-3), and a MARKET order by quote
quantity never spends more (C-6). Within a level the shown quantities come first, in queue order, and
what icebergs hide after them: at one price the order of slices changes neither sum.

Cost: one step per order that would be met.
"""

from matcher.core.book import BUY, best_of, level_at, next_worse, position_of, price_at, visible_of
from matcher.core.kernel import inlined, kernel
from matcher.core.rows import MarketRow
from matcher.core.state import Core
from matcher.core.terms import FULL_SHARE, by_side, last_or_reference, term_of
from protocol.board import OrderRow
from protocol.records import Command
from protocol.terms import InstrumentTerm, StpMode

UNLIMITED = 1 << 62
NO_COLLAR = 0


@inlined
def is_own(core: Core, account: int, other: int) -> bool:
    """Say whether two accounts must not trade with each other (rule T-1)."""
    if account == other:
        return True
    group = core.accounts[account].trade_group
    return group != 0 and group == core.accounts[other].trade_group


@inlined
def limit_of(market: MarketRow, side: int, price: int) -> int:
    """Return the ladder position of the worst price an order may trade at; price 0: any."""
    if price != 0:
        return position_of(market, price)
    return market.level_count - 1 if side == BUY else 0


@inlined
def is_within(side: int, position: int, limit: int) -> bool:
    """Say whether a level of the other side lies within an order's limit."""
    return by_side(side, limit - position, position - limit) >= 0


@inlined
def meets(market: MarketRow, side: int, limit: int) -> bool:
    """Say whether any resting order stands where an order with this limit may trade."""
    return by_side(side, limit - market.best_ask, market.best_bid - limit) >= 0


@kernel
def outside_collar(core: Core, market: MarketRow, price: int, last_px: int) -> bool:
    """Say whether a trade at `price` would print too far from `last_px` (rule A-5)."""
    if market.dynamic_collar == 0 or last_px == 0:
        return False
    return abs(price - last_px) * FULL_SHARE > last_px * market.dynamic_collar


@kernel
def walk(
    core: Core,
    market: MarketRow,
    taker: OrderRow,
    wanted: int,
    money: int,
    decrement_ends: bool,
    collar_px: int,
) -> tuple[int, int, bool]:
    """Walk the book for `wanted` at most and `money` at most.

    Of the taker only account, side, price and mode are read. Returns the quantity met, what the
    trades among it cost, and whether the walk ran out of orders.
    """
    side = 1 - taker.side
    limit = limit_of(market, taker.side, taker.price)
    position = best_of(market, side)
    met = 0
    cost = 0
    while 0 <= position < market.level_count and is_within(taker.side, position, limit):
        price = price_at(market, position)
        if outside_collar(core, market, price, collar_px):
            return met, cost, True
        level = core.levels[level_at(core, market, side, position)]
        unit = price * market.quote_scale
        hidden = 0
        slot = level.head
        while slot != 0 or hidden != 0:
            trades = True
            if slot == 0:
                portion = hidden
                hidden = 0
            else:
                maker = core.orders[slot]
                slot = maker.next
                portion = visible_of(core, maker)
                if taker.stp_mode != StpMode.NONE and is_own(core, taker.account, maker.account):
                    if taker.stp_mode == StpMode.EXPIRE_MAKER:
                        continue
                    if taker.stp_mode != StpMode.DECREMENT or decrement_ends:
                        return met, cost, True
                    portion = maker.leaves_qty
                    trades = False
                else:
                    hidden += maker.leaves_qty - portion
            qty = min(portion, wanted - met)
            if trades:
                qty = min(qty, (money - cost) // unit)
                cost += qty * unit
            met += qty
            if qty < portion or met == wanted:
                return met, cost, False
        position = next_worse(core, market, side, position)
    return met, cost, True


@kernel
def is_fillable(core: Core, market: MarketRow, taker: OrderRow) -> bool:
    """Say whether a FOK would trade in full (rule C-3)."""
    last_px = last_or_reference(core, taker.instrument)
    met, _, _ = walk(core, market, taker, taker.leaves_qty, UNLIMITED, True, last_px)
    return met == taker.leaves_qty


@kernel
def cost_of(core: Core, market: MarketRow, taker: OrderRow) -> int:
    """Return what a MARKET BUY would pay now (rule R-1)."""
    return walk(core, market, taker, taker.leaves_qty, UNLIMITED, False, NO_COLLAR)[1]


@kernel
def quantity_for_money(
    core: Core, market: MarketRow, instrument: int, taker: OrderRow, money: int
) -> tuple[int, bool]:
    """Return what quantity `money` buys or sells now, and whether the book ends first (C-6)."""
    most = market.max_qty
    for_market = term_of(core, instrument, InstrumentTerm.MARKET_MAX_QTY)
    if for_market != 0 and for_market < most:
        most = for_market
    lot = term_of(core, instrument, InstrumentTerm.MARKET_LOT_SIZE)
    if lot == 0:
        lot = market.lot_size
    met, cost, ran_out = walk(core, market, taker, most, money, True, NO_COLLAR)
    return met // lot * lot, ran_out and cost < money and met < most


@inlined
def draft_taker(core: Core, market: MarketRow, cmd: Command) -> OrderRow:
    """Write the fields that a walk reads into a row that is no order's."""
    draft = core.draft
    draft.account = cmd.account
    draft.side = cmd.side
    draft.price = cmd.price
    draft.instrument = cmd.instrument
    draft.stp_mode = cmd.stp_mode if cmd.stp_mode != 0 else market.default_stp
    draft.leaves_qty = cmd.order_qty
    return draft
