"""What must hold after every command, checked on the slow exchange's own books (rules R-3, D-1)."""

from collections import Counter

from protocol.terms import SessionPhase, Side
from tests.reference.money import need
from tests.reference.state import Instrument, Order, Venue


def faults(venue: Venue) -> list[str]:
    """Return what is wrong with the books of an exchange; nothing, if all is well."""
    found = [*_money_faults(venue), *_hold_faults(venue)]
    for instrument in venue.instruments:
        found += _book_faults(instrument)
    return found


def _money_faults(venue: Venue) -> list[str]:
    """No balance is negative, and every asset's balances add up to deposits − withdrawals."""
    found = []
    for asset in venue.assets:
        balances = [account.balance(asset.number) for account in venue.accounts]
        if any(balance.free < 0 or balance.locked < 0 for balance in balances):
            found.append(f"a balance of asset {asset.number} is negative")
        total = sum(balance.free + balance.locked for balance in balances)
        if total != asset.total:
            found.append(f"asset {asset.number} adds up to {total}, not {asset.total}")
    return found


def _hold_faults(venue: Venue) -> list[str]:
    """What is locked is what live orders need, an OCO's larger need once."""
    needs: Counter[tuple[int, int]] = Counter()
    for order in venue.orders.values():
        if order.oco is None:
            needs[_held_by(order)] += need(order)
    for order_list in venue.lists.values():
        legs = order_list.oco_legs
        if legs:
            needs[_held_by(legs[0])] += max(need(leg) for leg in legs)
    return [
        f"account {account.number} has {balance.locked} of asset {asset} locked, "
        f"its orders need {needs[account.number, asset]}"
        for account in venue.accounts
        for asset, balance in account.balances.items()
        if balance.locked != needs[account.number, asset]
    ]


def _held_by(order: Order) -> tuple[int, int]:
    instrument = order.instrument
    asset = instrument.quote if order.side == Side.BUY else instrument.base
    return order.account.number, asset


def _book_faults(instrument: Instrument) -> list[str]:
    """Continuous trading is never crossed; live orders that work stand in the book or the call."""
    found = []
    if instrument.phase == SessionPhase.CONTINUOUS and instrument.book.crossed:
        found.append(f"instrument {instrument.number} is crossed in continuous trading")
    for order in instrument.orders.values():
        in_call = order.order_id in instrument.market_orders
        if order.working != (order.resting or in_call) or order.leaves_qty <= 0:
            found.append(f"order {order.order_id} is live but neither rests nor waits")
        if order.resting and not 0 < order.visible_qty <= order.leaves_qty:
            found.append(f"order {order.order_id} shows {order.visible_qty} of {order.leaves_qty}")
    return found
