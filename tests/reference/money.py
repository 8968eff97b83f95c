"""Who holds what: holds, settlement, fees (rules R-1 to R-3)."""

from protocol.terms import InstrumentTerm, OrdStatus, Side
from tests.reference.state import FEE_ACCOUNT, FULL_SHARE, Balance, Order, OrderList, Venue

_WHOLE = 1_000_000
"""Fee rates are in millionths."""


def held_balance(order: Order) -> Balance:
    """Return the balance that the order locks: BUY quote, SELL base."""
    instrument = order.instrument
    asset = instrument.quote if order.side == Side.BUY else instrument.base
    return order.account.balance(asset)


def need(order: Order) -> int:
    """Return what the order must hold as it stands."""
    if not order.live or order.status == OrdStatus.PENDING_NEW:
        return 0
    if order.side == Side.SELL:
        return order.leaves_qty * order.instrument.base_scale
    if order.hold_price is None:
        return _holder(order).held
    return order.hold_price * order.leaves_qty * order.instrument.quote_scale


def hold(order: Order, amount: int) -> None:
    """Move `amount` from free to locked for the order (or for the OCO that it is a leg of)."""
    balance = held_balance(order)
    balance.free -= amount
    balance.locked += amount
    _holder(order).held += amount


def release(order: Order, amount: int) -> None:
    """Give `amount` of what the order holds back."""
    hold(order, -amount)


def release_all(order: Order) -> None:
    """Give back all that the order holds."""
    release(order, _holder(order).held)


def release_excess(order: Order) -> None:
    """Give back what is held above the need, after the order shrank or ended without a fill."""
    oco = order.oco
    wanted = max(need(leg) for leg in oco.oco_legs) if oco else need(order)
    if _holder(order).held > wanted:
        release(order, _holder(order).held - wanted)


def settle(venue: Venue, order: Order, px: int, qty: int, *, is_maker: bool) -> tuple[int, int]:
    """Settle one side of a fill; return the fee and the asset it was paid in."""
    instrument = order.instrument
    base = order.account.balance(instrument.base)
    quote = order.account.balance(instrument.quote)
    cost = px * qty * instrument.quote_scale
    goods = qty * instrument.base_scale
    if order.side == Side.BUY:
        hold_price = px if order.hold_price is None else order.hold_price
        part = hold_price * qty * instrument.quote_scale
        _holder(order).held -= part
        quote.locked -= part
        quote.free += part - cost
        return _receive(venue, order, instrument.base, goods, is_maker=is_maker)
    _holder(order).held -= goods
    base.locked -= goods
    return _receive(venue, order, instrument.quote, cost, is_maker=is_maker)


def _receive(
    venue: Venue, order: Order, asset: int, received: int, *, is_maker: bool
) -> tuple[int, int]:
    """Credit what a fill brings, less the fee (rule R-2)."""
    maker_share, taker_share = venue.tier_shares[order.account.fee_tier]
    share = maker_share if is_maker else taker_share
    term = InstrumentTerm.MAKER_FEE_PPM if is_maker else InstrumentTerm.TAKER_FEE_PPM
    ppm = order.instrument.terms[term] * share // FULL_SHARE
    fee = received * ppm // _WHOLE
    order.account.balance(asset).free += received - fee
    venue.accounts[FEE_ACCOUNT].balance(asset).free += fee
    return fee, asset


def _holder(order: Order) -> Order | OrderList:
    oco = order.oco
    return oco if oco and not oco.pending else order
