"""Money: what orders hold, and what a trade moves.

An order holds price × leaves × quote scale (BUY) or leaves × base scale (SELL); a mark says that it
holds something else, kept as an amount in its extra row (market's "What an order holds"), another one
that this amount stands in its list's row, once for both legs of an OCO. A trade is
settled at once, fees included: nothing is owed between two events, and per asset nothing is made or
lost (rule R-3). All products are exact and bounded by 2^62 by the instrument's terms.
"""

from matcher.core.accounts import touch
from matcher.core.kernel import inlined, kernel
from matcher.core.rows import LIST_LEGS, OWN_HOLD, SHARED_HOLD, MarketRow
from matcher.core.state import Core
from matcher.core.terms import FULL_SHARE, by_side, natural
from protocol.board import BALANCES_A_LINE, BalanceRow, OrderRow
from protocol.terms import ListKind, Side

BUY = int(Side.BUY)
FEE_ACCOUNT = 0
PPM = 1_000_000


@inlined
def balance_of(core: Core, account: int, asset: int) -> BalanceRow:
    """Return an account's holding of an asset."""
    return core.balances[balance_cell(core, account, asset)]


@inlined
def balance_cell(core: Core, account: int, asset: int) -> int:
    """Return where in its block an account's holding of an asset stands."""
    line = asset // BALANCES_A_LINE * core.limits.accounts + account
    return line * BALANCES_A_LINE + asset % BALANCES_A_LINE


@inlined
def cell_in(first: int, account: int) -> int:
    """Return where an account's holding of an asset stands, given where account 0's does."""
    return first + account * BALANCES_A_LINE


@inlined
def base_of(core: Core, market: MarketRow, account: int) -> BalanceRow:
    """Return an account's holding of an instrument's base asset."""
    return core.balances[cell_in(market.base_cell, account)]


@inlined
def quote_of(core: Core, market: MarketRow, account: int) -> BalanceRow:
    """Return an account's holding of an instrument's quote asset."""
    return core.balances[cell_in(market.quote_cell, account)]


@inlined
def held_of(core: Core, market: MarketRow, account: int, side: int) -> BalanceRow:
    """Return an account's holding of what an order of this side pays with."""
    first = by_side(side, market.quote_cell, market.base_cell)
    return core.balances[cell_in(first, account)]


@inlined
def asset_held(market: MarketRow, side: int) -> int:
    """Return the asset that an order of this side pays with."""
    return by_side(side, market.quote_asset, market.base_asset)


@inlined
def need_of(market: MarketRow, side: int, price: int, qty: int) -> int:
    """Return what a quantity at a price costs (BUY) or takes (SELL), in the asset held."""
    return qty * by_side(side, price * market.quote_scale, market.base_scale)


@inlined
def lock(core: Core, market: MarketRow, account: int, side: int, amount: int) -> None:
    """Move an amount of what an order of this side pays with from free to locked."""
    balance = held_of(core, market, account, side)
    balance.free -= amount
    balance.locked += amount


@inlined
def unlock(core: Core, market: MarketRow, account: int, side: int, amount: int) -> None:
    """Move an amount of what an order of this side pays with from locked to free."""
    balance = held_of(core, market, account, side)
    balance.free += amount
    balance.locked -= amount


@inlined
def free_hold(core: Core, market: MarketRow, order: OrderRow) -> None:
    """Free all that an order holds, as it ends; what an OCO still needs its other leg keeps."""
    if order.flags & OWN_HOLD:
        free_own_hold(core, market, order)
    else:
        need = need_of(market, order.side, order.price, order.leaves_qty)
        unlock(core, market, order.account, order.side, need)


@kernel
def free_own_hold(core: Core, market: MarketRow, order: OrderRow) -> None:
    """Free a hold of its own, or what the other leg of its OCO does not need of a shared one."""
    extra = core.extras[order.extra]
    amount = extra.hold
    extra.hold = 0
    if order.flags & SHARED_HOLD:
        order.flags &= ~SHARED_HOLD
        row = core.lists[extra.list]
        amount = row.hold
        row.hold = 0
        other = core.list_legs[extra.list * LIST_LEGS + other_leg(row.kind, extra.leg)]
        if other != 0:
            leg = core.orders[other]
            leg.flags &= ~SHARED_HOLD
            kept = min(amount, own_need(core, market, leg, leg.leaves_qty))
            core.extras[leg.extra].hold = kept
            amount -= kept
    unlock(core, market, order.account, order.side, amount)


@kernel
def take_own_hold(core: Core, order: OrderRow, amount: int) -> None:
    """Take what a fill uses up out of a hold of its own."""
    extra = core.extras[order.extra]
    if order.flags & SHARED_HOLD:
        core.lists[extra.list].hold -= amount
    else:
        extra.hold -= amount


@inlined
def other_leg(kind: int, leg: int) -> int:
    """Return the number of the other leg of the OCO that a leg belongs to."""
    return 1 - leg if kind == ListKind.OCO else 3 - leg


@kernel
def own_need(core: Core, market: MarketRow, order: OrderRow, leaves: int) -> int:
    """Return what an order with a hold of its own needs to hold with `leaves` left of it."""
    if order.side != BUY:
        return leaves * market.base_scale
    extra = core.extras[order.extra]
    if extra.hold_price == 0:
        return extra.hold
    return extra.hold_price * leaves * market.quote_scale


@kernel
def shrink_hold(core: Core, market: MarketRow, order: OrderRow, cut: int) -> None:
    """Free what an order need not hold any more when `cut` is about to be taken off its leaves."""
    if order.flags & OWN_HOLD == 0:
        need = need_of(market, order.side, order.price, cut)
        unlock(core, market, order.account, order.side, need)
        return
    extra = core.extras[order.extra]
    wanted = own_need(core, market, order, order.leaves_qty - cut)
    if order.flags & SHARED_HOLD == 0:
        surplus = max(0, extra.hold - wanted)
        extra.hold -= surplus
    else:
        row = core.lists[extra.list]
        other = core.list_legs[extra.list * LIST_LEGS + other_leg(row.kind, extra.leg)]
        leg = core.orders[other]
        wanted = max(wanted, own_need(core, market, leg, leg.leaves_qty))
        surplus = max(0, row.hold - wanted)
        row.hold -= surplus
    unlock(core, market, order.account, order.side, surplus)


@inlined
def fee_of(received: int, ppm: int) -> int:
    """Return received × ppm / 1,000,000, rounded down, without an overflow (rule R-2)."""
    received = natural(received)
    rest = natural(received % PPM * ppm)
    return received // PPM * ppm + rest // PPM


@inlined
def settle_buyer(
    core: Core, market: MarketRow, order: OrderRow, qty: int, cost: int, taken: int, rate: int
) -> int:
    """Pay `cost` out of the `taken` part of a buyer's hold, hand over the base; return the fee."""
    base = qty * market.base_scale
    fee = fee_of(base, rate)
    quote = quote_of(core, market, order.account)
    quote.locked -= taken
    quote.free += taken - cost
    base_of(core, market, order.account).free += base - fee
    if order.flags & OWN_HOLD:
        take_own_hold(core, order, taken)
    if fee != 0:
        touch(core, FEE_ACCOUNT)
        base_of(core, market, FEE_ACCOUNT).free += fee
    return fee


@inlined
def settle_seller(
    core: Core, market: MarketRow, order: OrderRow, qty: int, cost: int, rate: int
) -> int:
    """Take the base out of a seller's hold, pay the cost; return the fee."""
    base = qty * market.base_scale
    fee = fee_of(cost, rate)
    base_of(core, market, order.account).locked -= base
    quote_of(core, market, order.account).free += cost - fee
    if order.flags & OWN_HOLD:
        take_own_hold(core, order, base)
    if fee != 0:
        touch(core, FEE_ACCOUNT)
        quote_of(core, market, FEE_ACCOUNT).free += fee
    return fee


@inlined
def part_of_hold(core: Core, market: MarketRow, order: OrderRow, qty: int, cost: int) -> int:
    """Return what a fill of a buyer takes from its hold: hold price × quantity, or the cost."""
    price = order.price
    if order.flags & OWN_HOLD:
        price = core.extras[order.extra].hold_price
        if price == 0:
            return cost
    return price * qty * market.quote_scale


@inlined
def maker_rate(core: Core, market: MarketRow, account: int) -> int:
    """Return the maker fee of an account, in ppm."""
    if market.maker_fee_ppm == 0:
        return 0
    tier = core.fee_tiers[core.accounts[account].fee_tier]
    return natural(market.maker_fee_ppm * tier.maker_share) // FULL_SHARE


@inlined
def taker_rate(core: Core, market: MarketRow, account: int) -> int:
    """Return the taker fee of an account, in ppm."""
    if market.taker_fee_ppm == 0:
        return 0
    tier = core.fee_tiers[core.accounts[account].fee_tier]
    return natural(market.taker_fee_ppm * tier.taker_share) // FULL_SHARE
