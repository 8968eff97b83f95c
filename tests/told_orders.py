"""Tell orders from raw events both ways: compiled (`ingress/compiled/telling.py`), and as Python does."""

from collections import Counter

import msgspec
import numpy as np

from conf.sections import Rest
from ingress import limits, present, requests
from ingress.compiled.tables import ACK, FULL, RESULT, tables_of
from ingress.compiled.telling import tell
from ingress.rows import Shape
from ingress.views import Asset, Instrument, text_of
from protocol.records import Event
from protocol.terms import EventFlag, EventKind, OrdStatus, OrdType, StpMode, TimeInForce

SIZE = Event.dtype.itemsize
MAX = (1 << 63) - 1
MS, US = 1_000_000, 1_000
ANSWERS = {ACK: requests.ACK, RESULT: requests.RESULT, FULL: requests.FULL}
SHAPE = Shape(Event)


class Names:
    """What the Python way asks of `Views`."""

    def __init__(self, instruments, assets):
        self.instruments, self.assets = instruments, assets
        self.tables = tables_of(instruments, assets)

    def instrument_at(self, number):
        return self.instruments[number]

    def asset(self, number):
        return self.assets[number]


def asset(number, code, decimals):
    return Asset(number, code, decimals, text_of(decimals))


def instrument(number, symbol, base, quote, price_decimals, qty_decimals):
    texts = text_of(price_decimals), text_of(qty_decimals)
    return Instrument(number, symbol, base, quote, price_decimals, qty_decimals, *texts)


ASSETS = [
    asset(number, f"A{decimals}" * (1 + decimals % 3), decimals)
    for number, decimals in enumerate((8, 0, 1, 2, 7, 9, 12, 18))
]
DECIMALS = ((2, 5), (0, 0), (8, 8), (1, 7), (9, 3), (18, 0), (0, 18), (10, 11))
NAMES = Names(
    [
        instrument(number, "SYMBOL"[: number + 1], ASSETS[0], ASSETS[number], *decimals)
        for number, decimals in enumerate(DECIMALS)
    ],
    ASSETS,
)
OUT = np.zeros(1 << 17, np.uint8)
BACKS = np.zeros((64, 2), np.int64)
FOUND = np.zeros(1, np.int64)


def compiled_way(frame, answers, *, n=None, array=True, unit=MS, names=NAMES, out=OUT, backs=BACKS):
    """Return the bytes, or None when something is not plain."""
    n = len(answers) if n is None else n
    answers = np.array(answers, np.uint8)
    length = tell(frame, answers, n, int(array), unit, *names.tables, out, backs, FOUND)
    assert -1 <= length <= len(out)
    return None if length < 0 else out[:length].tobytes()


def python_way(orders, answers, *, array=True, unit=MS, names=NAMES):
    teller = present.Teller(names, unit)
    told = [
        present.placed(events, events[0].order_id, ANSWERS[answer], teller)
        for events, answer in zip(orders, answers, strict=True)
    ]
    return msgspec.json.encode(told if array else told[0])


def packed(orders):
    """Write orders, each a list of events given by fields; the last of each gets flag LAST."""
    frame = bytearray()
    for events in orders:
        *others, last = events
        last = {**last, "flags": last.get("flags", 0) | EventFlag.LAST}
        frame += b"".join(map(SHAPE.pack, [*others, last]))
    return bytes(frame)


def unpacked(frame):
    """Cut a frame into the orders of its flags LAST; None when it does not end with one."""
    orders = [[]]
    for event in SHAPE.unpack(frame):
        orders[-1].append(event)
        if event.flags & EventFlag.LAST:
            orders.append([])
    return orders[:-1] if orders[-1] == [] else None


def order(**fields):
    """An ACCEPTED as most are."""
    return {
        "kind": EventKind.ACCEPTED,
        "ord_status": OrdStatus.NEW,
        "ord_type": OrdType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "stp_mode": StpMode.EXPIRE_MAKER,
        "order_id": 41,
        "price": 10_000,
        "order_qty": 150_000,
        "at_ns": 1_700_000_000_123_456_789,
        "working_ns": 1_700_000_000_123_456_789,
        "cl_ord_id": b"mine-1",
    } | fields


def trade(**fields):
    filled = {"cum_qty": 150_000, "last_qty": 150_000, "last_px": 10_000, "trade_id": 7}
    return order(kind=EventKind.TRADE, ord_status=OrdStatus.FILLED, **filled) | fields


class Given:
    """Counts that note what accounts got back."""

    def __init__(self):
        self.back = Counter()

    def add(self, window, account, count, now_ns):
        if window is limits.ORDERS_1D:
            self.back[account] -= count
        return 0


def given_back(events):
    counts = Given()
    limits.Limits(Rest(), counts).give_back(events, 0)
    return counts.back


def found_back():
    back = Counter()
    for account, orders in BACKS[: FOUND[0]].tolist():
        back[account] += orders
    return back


def agrees(frame, answers, *, array=True, unit=MS, names=NAMES):
    """Tell a frame both ways, and say whether the compiled way told it; then it told the same."""
    told = compiled_way(frame, answers, array=array, unit=unit, names=names)
    if told is None:
        return False
    assert told == python_way(unpacked(frame), answers, array=array, unit=unit, names=names)
    assert found_back() == given_back(SHAPE.unpack(frame))
    return True
