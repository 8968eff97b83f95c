"""How the exchange answers on the trading floor: Events become words.

accepted                       the order of this turn; others by name: "x triggered"
bought 30 @ 10.05 from alice   one trade, told by its taker (of an order with a name: "x bought …")
rests 20 | expired 20          what became of the rest; "expired 20 for lack of orders" and so on
rejected would match           any refusal, with its reason
x cancelled | x amended to 20 | x loses 20, 5 left      (loses: self-trade prevention)
called c1                      the text id of a cancel, or an amended order's old one
list l1 opened | updated | done
phase halted | uncrossed 300 @ 10.00, 50 to sell | indicates 300 @ 10.00
"""

from collections.abc import Callable, Iterator

from protocol.rejects import RejectReason
from protocol.terms import EventFlag, EventKind, ExpiryReason, OrdStatus, SessionPhase, Side
from tests.desk import Told

_WHY = {
    ExpiryReason.REJECTED: " as it can't be placed",
    ExpiryReason.OCO_TRIGGER: " by its other leg",
    ExpiryReason.OTO_PHASE_ONE_EXPIRED: " with its working order",
    ExpiryReason.UNFILLED_IOC_QUANTITY_EXPIRED: "",
    ExpiryReason.UNFILLED_FOK_ORDER_EXPIRED: " unfilled",
    ExpiryReason.INSUFFICIENT_LIQUIDITY: " for lack of orders",
    ExpiryReason.GTD_TIME_REACHED: " in time",
    ExpiryReason.END_OF_DAY: " at the end of the day",
    ExpiryReason.END_OF_AUCTION: " after the auction",
    ExpiryReason.PRICE_COLLAR: " at the collar",
}
_REFUSALS = (
    EventKind.REJECTED,
    EventKind.CANCEL_REJECTED,
    EventKind.AMEND_REJECTED,
    EventKind.LIST_REJECTED,
    EventKind.COMMAND_REJECTED,
)
_LISTS = {
    EventKind.LIST_OPENED: "opened",
    EventKind.LIST_UPDATED: "updated",
    EventKind.LIST_DONE: "done",
}


def price_text(units: int) -> str:
    """Write a price with two decimals."""
    return f"{units // 100}.{units % 100:02d}"


def open_qty(event: Told) -> int:
    """Return what was still open when the order ended."""
    return event.order_qty - event.cum_qty - event.prevented_qty


class Words:
    """Words for the events of one turn. `trader_of`: account number to name."""

    def __init__(self, trader_of: Callable[[int], str]) -> None:
        self._trader_of = trader_of

    def of_turn(self, told: list[Told], *, enters_one: bool) -> Iterator[str]:
        """Yield an answer for each event; both sides of a trade are one.

        `enters_one`: the turn enters a single order, which then needs no name in the answers.
        """
        accepted = [event.order_id for event in told if event.kind == EventKind.ACCEPTED]
        own = accepted[0] if accepted and enters_one else 0
        for event in told:
            if event.kind == EventKind.TRADE and event.flags & EventFlag.MAKER:
                continue
            whose = "" if event.order_id == own else f"{self._name(event)} "
            yield self._word(event, whose)

    def _name(self, event: Told) -> str:
        return event.cl_ord_id.decode() or f"{self._trader_of(event.account)}'s"

    def _word(self, event: Told, whose: str) -> str:
        kind = event.kind
        if kind in _REFUSALS:
            return f"rejected {RejectReason(event.reason).name.lower().replace('_', ' ')}"
        if kind == EventKind.TRADE:
            done = "bought" if event.side == Side.BUY else "sold"
            other = "from" if event.side == Side.BUY else "to"
            trade = f"{event.last_qty} @ {price_text(event.last_px)}"
            return f"{whose}{done} {trade} {other} {self._trader_of(event.contra_account)}"
        if kind in _LISTS:
            return f"list {event.cl_ord_id.decode()} {_LISTS[EventKind(kind)]}"
        if kind == EventKind.LABELED:
            return f"called {event.cl_ord_id.decode()}"
        if kind in (EventKind.PHASE_CHANGED, EventKind.UNCROSSED, EventKind.INDICATED):
            return _market_word(event)
        return whose + _order_word(event)


def _order_word(event: Told) -> str:
    kind = event.kind
    if kind == EventKind.ACCEPTED:
        return "pending" if event.ord_status == OrdStatus.PENDING_NEW else "accepted"
    if kind == EventKind.EXPIRED:
        return f"expired {open_qty(event)}{_WHY[ExpiryReason(event.reason)]}"
    if kind == EventKind.RESTED:
        return f"rests {event.leaves_qty}"
    if kind == EventKind.CANCELED:
        return "cancelled"
    if kind == EventKind.TRIGGERED:
        return "triggered"
    if kind == EventKind.REPLACED:
        return f"amended to {event.order_qty}"
    assert kind == EventKind.PREVENTED, EventKind(kind)
    return f"loses {event.last_qty}, {event.leaves_qty} left"


def _market_word(event: Told) -> str:
    if event.kind == EventKind.PHASE_CHANGED:
        return f"phase {SessionPhase(event.ord_status).name.lower().replace('_', ' ')}"
    word = "uncrossed" if event.kind == EventKind.UNCROSSED else "indicates"
    if event.price == 0:
        return f"{word} nothing"
    left = f", {event.leaves_qty} to {Side(event.side).name.lower()}" if event.leaves_qty else ""
    return f"{word} {event.order_qty} @ {price_text(event.price)}{left}"
