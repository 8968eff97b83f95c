"""A stream of events as a busy market makes them, for measuring the writer: seeded, whole commands.

Every round is two commands: a maker's order is accepted, then a taker's order is accepted and they trade.
Every second maker was accepted a round of `AGE` rounds ago, so that the writer must also change orders it
has written long before.
"""

import numpy as np
import numpy.typing as npt

from protocol.layout import Rows, rows_of
from protocol.records import Event
from protocol.terms import EventFlag, EventKind, OrdStatus, OrdType, Side, StpMode, TimeInForce
from writer.ledger import Holdings

ACCOUNTS = 20_000
INSTRUMENTS = 100
EVENTS_A_ROUND = 4
START_NS = 1_767_225_600_000_000_000
STEP_NS = 50_000
_AGE = 20_000

Ints = npt.NDArray[np.int64]


def holdings() -> Holdings:
    """Return what the projection must know before the first event: the instruments' assets."""
    return Holdings({number: (2 * number, 2 * number + 1) for number in range(INSTRUMENTS)})


def events(rounds: int, seed: int = 1) -> Rows:
    """Make `rounds` rounds of four events each: two acceptances and the two sides of a trade."""
    random = np.random.default_rng(seed)
    number = np.arange(rounds)
    instrument = np.minimum(random.zipf(1.2, rounds), INSTRUMENTS) - 1
    maker, taker = random.integers(1, ACCOUNTS, (2, rounds))
    price = 10_000 + instrument * 100 + random.integers(-50, 50, rounds)
    qty = random.integers(1, 1000, rounds)
    buys = random.random(rounds) < 0.5
    # Orders are accepted in this order; half of the makers rest long before they trade.
    maker_order, taker_order = 2 * number + 1, 2 * number + 2
    aged = (number % 2 == 0) & (number >= _AGE)
    traded = np.where(aged, number - _AGE, number)
    rows = rows_of(Event, rounds * EVENTS_A_ROUND)
    entered, accepted, made, took = (rows[place::EVENTS_A_ROUND] for place in range(EVENTS_A_ROUND))
    for side, order_id, account, is_buy in (
        (entered, maker_order, maker, ~buys),
        (accepted, taker_order, taker, buys),
        (made, maker_order[traded], maker[traded], ~buys[traded]),
        (took, taker_order, taker, buys),
    ):
        _fill(side, order_id, account, is_buy)
    for side in (entered, accepted, took):
        side["instrument"], side["price"], side["order_qty"] = instrument, price, qty
    made["instrument"], made["price"] = instrument[traded], price[traded]
    made["order_qty"] = qty[traded]
    _trade(made, took, number, traded, qty)
    _balances(rows, random)
    rows["kind"] = np.tile(
        [EventKind.ACCEPTED, EventKind.ACCEPTED, EventKind.TRADE, EventKind.TRADE], rounds
    )
    rows["flags"] |= np.uint8(EventFlag.WORKING)
    for side in (entered, took):
        side["flags"] |= np.uint8(EventFlag.LAST)
    rows["seq"] = np.arange(len(rows)) // EVENTS_A_ROUND * 2 + np.tile([1, 2, 2, 2], rounds)
    rows["event_seq"] = np.arange(1, len(rows) + 1)
    rows["at_ns"] = START_NS + rows["seq"] * STEP_NS
    return rows


def _fill(side: Rows, order_id: Ints, account: Ints, is_buy: npt.NDArray[np.bool_]) -> None:
    side["order_id"], side["account"] = order_id, account
    side["side"] = np.where(is_buy, Side.BUY, Side.SELL)
    side["ord_type"], side["time_in_force"] = OrdType.LIMIT, TimeInForce.GTC
    side["stp_mode"], side["ord_status"] = StpMode.EXPIRE_MAKER, OrdStatus.NEW
    side["leaves_qty"] = side["order_qty"]
    side["created_ns"] = side["working_ns"] = START_NS + order_id * STEP_NS
    # As long as the ids that the ingress makes for clients that send none.
    side["cl_ord_id"] = np.char.mod("x%021x", order_id * 2654435761 % (1 << 62))


def _trade(made: Rows, took: Rows, number: Ints, traded: Ints, qty: Ints) -> None:
    for mine, other in ((made, took), (took, made)):
        mine["contra_order_id"], mine["contra_account"] = other["order_id"], other["account"]
        mine["ord_status"] = OrdStatus.FILLED
        mine["leaves_qty"], mine["cum_qty"] = 0, qty
        mine["last_px"], mine["last_qty"] = took["price"], qty
        mine["trade_id"] = mine["agg_trade_id"] = 100_000_001 + number
        mine["fee"] = 1 + qty // 100
        bought = mine["side"] == Side.BUY
        mine["asset"] = 2 * mine["instrument"].astype(np.int64) + np.where(bought, 0, 1)
    took["instrument"], took["price"] = made["instrument"], made["price"]
    took["last_px"] = made["last_px"] = made["price"]
    made["flags"] |= np.uint8(EventFlag.MAKER)


def _balances(rows: Rows, random: np.random.Generator) -> None:
    for name in ("base_free", "base_locked", "quote_free", "quote_locked"):
        rows[name] = random.integers(0, 1 << 40, len(rows))
