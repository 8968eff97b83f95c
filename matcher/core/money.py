"""Money: what orders hold, and what a trade moves.

An order holds price × leaves × quote scale (BUY) or leaves × base scale (SELL); a mark says that it
holds something else, kept as an amount in its extra row (market's "What an order holds"). A trade is
settled at once, fees included: nothing is owed between two events, and per asset nothing is made or
lost (rule R-3). All products are exact and bounded by 2^62 by the instrument's terms.
"""

from matcher.core.accounts import touch
from matcher.core.kernel import inlined, kernel
from matcher.core.rows import OWN_HOLD, MarketRow
from matcher.core.state import Core
from matcher.core.terms import FULL_SHARE
from protocol.board import BalanceRow, OrderRow
from protocol.terms import Side

BUY = int(Side.BUY)
FEE_ACCOUNT = 0
PPM = 1_000_000


@inlined
def balance_of(core: Core, account: int, asset: int) -> BalanceRow:
    """Return an account's holding of an asset."""
    return core.balances[account * core.limits.assets + asset]


@inlined
def asset_held(market: MarketRow, side: int) -> int:
    """Return the asset that an order of this side pays with."""
    return market.quote_asset if side == BUY else market.base_asset


@inlined
def need_of(market: MarketRow, side: int, price: int, qty: int) -> int:
    """Return what a quantity at a price costs (BUY) or takes (SELL), in the asset held."""
    return price * qty * market.quote_scale if side == BUY else qty * market.base_scale


@inlined
def hold_of(core: Core, market: MarketRow, order: OrderRow) -> int:
    """Return what an order holds."""
    if order.flags & OWN_HOLD:
        return core.extras[order.extra].hold
    return need_of(market, order.side, order.price, order.leaves_qty)


@inlined
def lock(core: Core, account: int, asset: int, amount: int) -> None:
    """Move an amount from free to locked."""
    balance = balance_of(core, account, asset)
    balance.free -= amount
    balance.locked += amount


@inlined
def unlock(core: Core, account: int, asset: int, amount: int) -> None:
    """Move an amount from locked to free."""
    balance = balance_of(core, account, asset)
    balance.free += amount
    balance.locked -= amount


@inlined
def free_hold(core: Core, market: MarketRow, order: OrderRow) -> None:
    """Free all that an order holds."""
    unlock(core, order.account, asset_held(market, order.side), hold_of(core, market, order))
    if order.flags & OWN_HOLD:
        core.extras[order.extra].hold = 0


@kernel
def own_hold(core: Core, market: MarketRow, order: OrderRow, amount: int) -> None:
    """Let an order with an extra row hold `amount` instead of what it held, freeing the rest.

    The amount may be larger: the caller has checked that the free balance covers it.
    """
    held = hold_of(core, market, order)
    unlock(core, order.account, asset_held(market, order.side), held - amount)
    order.flags |= OWN_HOLD
    core.extras[order.extra].hold = amount


@inlined
def fee_of(received: int, ppm: int) -> int:
    """Return received × ppm / 1,000,000, rounded down, without an overflow (rule R-2)."""
    return received // PPM * ppm + received % PPM * ppm // PPM


@inlined
def settle_buyer(
    core: Core, market: MarketRow, order: OrderRow, qty: int, cost: int, taken: int, rate: int
) -> int:
    """Pay `cost` out of the `taken` part of a buyer's hold, hand over the base; return the fee."""
    base = qty * market.base_scale
    fee = fee_of(base, rate)
    quote = balance_of(core, order.account, market.quote_asset)
    quote.locked -= taken
    quote.free += taken - cost
    balance_of(core, order.account, market.base_asset).free += base - fee
    if order.flags & OWN_HOLD:
        core.extras[order.extra].hold -= taken
    if fee != 0:
        touch(core, FEE_ACCOUNT)
        balance_of(core, FEE_ACCOUNT, market.base_asset).free += fee
    return fee


@inlined
def settle_seller(
    core: Core, market: MarketRow, order: OrderRow, qty: int, cost: int, rate: int
) -> int:
    """Take the base out of a seller's hold, pay the cost; return the fee."""
    base = qty * market.base_scale
    fee = fee_of(cost, rate)
    balance_of(core, order.account, market.base_asset).locked -= base
    balance_of(core, order.account, market.quote_asset).free += cost - fee
    if order.flags & OWN_HOLD:
        core.extras[order.extra].hold -= base
    if fee != 0:
        touch(core, FEE_ACCOUNT)
        balance_of(core, FEE_ACCOUNT, market.quote_asset).free += fee
    return fee


@inlined
def part_of_hold(core: Core, market: MarketRow, order: OrderRow, qty: int, cost: int) -> int:
    """Return what a fill of a buyer takes from its hold: its price × quantity, or the cost."""
    if order.flags & OWN_HOLD:
        return cost
    return order.price * qty * market.quote_scale


@inlined
def maker_rate(core: Core, market: MarketRow, account: int) -> int:
    """Return the maker fee of an account, in ppm."""
    if market.maker_fee_ppm == 0:
        return 0
    tier = core.fee_tiers[core.accounts[account].fee_tier]
    return market.maker_fee_ppm * tier.maker_share // FULL_SHARE


@inlined
def taker_rate(core: Core, market: MarketRow, account: int) -> int:
    """Return the taker fee of an account, in ppm."""
    if market.taker_fee_ppm == 0:
        return 0
    tier = core.fee_tiers[core.accounts[account].fee_tier]
    return market.taker_fee_ppm * tier.taker_share // FULL_SHARE
