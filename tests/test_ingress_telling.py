"""Compiled answers to new orders have the bytes of the Python way, and backs of first fills its counts."""

from collections import Counter
from itertools import groupby
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import limits
from ingress.compiled.tables import ACK, FULL
from ingress.compiled.telling import BACK_TO_MAKER, BACK_TO_TAKER
from ingress.views import Views
from protocol.terms import (
    CommandKind,
    EventFlag,
    EventKind,
    ExpiryReason,
    InstrumentTerm,
    OrdStatus,
    OrdType,
    Side,
    StpMode,
    TimeInForce,
)
from tests.command_stream import CommandStream
from tests.reference_market import Market
from tests.told_orders import (
    ANSWERS,
    ASSETS,
    BACKS,
    DECIMALS,
    FOUND,
    MAX,
    MS,
    SHAPE,
    SIZE,
    US,
    Names,
    agrees,
    asset,
    compiled_way,
    instrument,
    order,
    packed,
)

EDGES = sorted({0, 1, MAX, *(10**power - one for power in range(19) for one in (0, 1))})
NUMBERS = st.sampled_from(EDGES) | st.integers(0, MAX)
SIGNED = NUMBERS.flatmap(lambda one: st.sampled_from((one, -one)))
PLAIN_TEXT = "".join(chr(one) for one in range(32, 127) if chr(one) not in '"\\')
ORDER_IDS = st.sampled_from([1, 7, 8, MAX])
ORDER = {
    "instrument": st.integers(0, len(DECIMALS) - 1),
    "ord_status": st.sampled_from(OrdStatus),
    "side": st.sampled_from(Side),
    "ord_type": st.sampled_from(OrdType),
    "time_in_force": st.sampled_from([0, *TimeInForce]),
    "stp_mode": st.sampled_from(StpMode),
    "reason": st.integers(0, 255) | st.sampled_from(ExpiryReason),
    "cl_ord_id": st.text(PLAIN_TEXT, max_size=40).map(str.encode),
    "list_id": st.just(0) | NUMBERS,
    "account": st.sampled_from([1, 2, (1 << 32) - 1]),
    "asset": st.integers(0, len(ASSETS) - 1),
    "fee": SIGNED,
}
ORDER |= dict.fromkeys(
    ("at_ns", "working_ns", "price", "order_qty", "cum_qty", "quote_qty", "cum_quote"), NUMBERS
)
ORDER |= dict.fromkeys(("last_px", "last_qty", "trade_id", "leaves_qty", "created_ns"), NUMBERS)
OWN_KINDS = (
    EventKind.TRADE,
    EventKind.TRADE,
    EventKind.TRADE,
    EventKind.RESTED,
    EventKind.EXPIRED,
    EventKind.CANCELED,
    EventKind.TRIGGERED,
    EventKind.REPLACED,
)
KINDS = [kind for kind in EventKind if kind != EventKind.PREVENTED]
EVENT = st.fixed_dictionaries(ORDER)


@st.composite
def plain_order(draw):
    """An order with any numbers, and with any events that may be told."""
    order_id = draw(ORDER_IDS)
    first = draw(EVENT) | {"kind": EventKind.ACCEPTED, "order_id": order_id}
    events = [first]
    for own in draw(st.lists(st.booleans(), max_size=4)):
        kind = draw(st.sampled_from(OWN_KINDS if own else KINDS))
        event = draw(EVENT) | {"kind": kind, "order_id": order_id if own else draw(ORDER_IDS)}
        if draw(st.booleans()):
            event["cum_qty"] = event["last_qty"]
        event["flags"] = draw(st.sampled_from([0, EventFlag.MAKER, EventFlag.LEVEL]))
        events.append(event)
    return events


ANSWER = st.sampled_from(list(ANSWERS))


@given(
    st.lists(st.tuples(plain_order(), ANSWER), min_size=1, max_size=4), st.sampled_from([MS, US])
)
def test_plain_orders_are_told_in_the_bytes_of_the_python_way(told, unit):
    orders, answers = zip(*told, strict=True)
    assert agrees(packed(orders), answers, unit=unit)


@given(plain_order(), ANSWER)
def test_one_order_alone_is_told_without_an_array(events, answer):
    assert agrees(packed([events]), [answer], array=False)


def test_what_first_fills_return_is_what_the_limits_say():
    expected = limits.BACK_TO_TAKER, limits.BACK_TO_MAKER
    assert expected == (BACK_TO_TAKER, BACK_TO_MAKER)


def test_first_fills_of_one_account_in_a_row_are_one_entry():
    fill = {"kind": EventKind.TRADE, "cum_qty": 5, "last_qty": 5}
    maker = fill | {"account": 9, "flags": EventFlag.MAKER}
    frame = packed([[order(), maker, maker, fill | {"account": 1}]])
    assert compiled_way(frame, [FULL]) is not None
    assert BACKS[: FOUND[0]].tolist() == [[9, 10], [1, 1]]
    assert compiled_way(frame, [FULL], backs=np.zeros((2, 2), np.int64)) is not None
    assert compiled_way(frame, [FULL], backs=np.zeros((1, 2), np.int64)) is None
    assert compiled_way(frame, [FULL], backs=np.zeros((0, 2), np.int64)) is None


@given(st.integers(0, 4 * SIZE).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_any_bytes_are_told_rightly_or_not_at_all(frame):
    agrees(frame, [FULL])
    agrees(frame, [ACK, FULL])


@given(
    st.lists(plain_order(), min_size=1, max_size=2),
    st.lists(st.tuples(st.integers(0, 1 << 14), st.integers(0, 255)), max_size=6),
)
def test_damaged_events_are_told_rightly_or_not_at_all(orders, damages):
    frame = bytearray(packed(orders))
    for place, octet in damages:
        frame[place % len(frame)] = octet
    agrees(bytes(frame), [FULL] * len(orders))


def commands_of(events):
    """Cut events into those of each command."""
    return [list(own) for _, own in groupby(SHAPE.from_rows(events), key=lambda one: one.seq)]


def test_answers_of_a_market_are_told_in_the_bytes_of_the_python_way():
    market, rng = Market(), Random(5)
    accounts = [
        market.account(f"account {one}", BTC=100, USDT=10_000_000, AAPL=1000, USD=100_000)
        for one in range(8)
    ]
    views = Views(lambda: market.board)
    names = Names(views.instruments(), views.assets())
    plain = [
        one.number
        for one in names.instruments
        if one.symbol in ("BTCUSDT", "AAPL") or one.symbol.startswith("BTC")
    ]
    told: Counter[bool] = Counter()
    told_fills = 0
    for _ in range(60):
        orders = []
        for _ in range(7):
            number = rng.choice(plain)
            events = SHAPE.from_rows(market.command(**entered(rng, views, number, accounts)))
            if events[0].kind != EventKind.REJECTED:
                orders.append(events)
        frame = b"".join(SHAPE.pack(event._asdict()) for events in orders for event in events)
        told[agrees(frame, [rng.choice(list(ANSWERS)) for _ in orders], names=names)] += 1
        for events in orders:
            one = b"".join(SHAPE.pack(event._asdict()) for event in events)
            told[agrees(one, [FULL], names=names)] += 1
            told_fills += len(events) > 1
    assert told[True] > 200
    assert told_fills > 50


def entered(rng, views, number, accounts):
    """Make up an order close to the market of an instrument."""
    terms = views.board.terms(number)
    tick, lot = int(terms[InstrumentTerm.TICK_SIZE]), int(terms[InstrumentTerm.LOT_SIZE])
    one = views.instrument_at(number)
    time = rng.choice([TimeInForce.GTC] * 4 + [TimeInForce.IOC, TimeInForce.FOK])
    ord_type = rng.choice([OrdType.LIMIT] * 5 + [OrdType.MARKET])
    price = 100 * 10**one.price_decimals // tick * tick + rng.randint(-4, 4) * tick
    return {
        "kind": CommandKind.ENTER,
        "account": rng.choice(accounts),
        "instrument": number,
        "side": rng.choice(list(Side)),
        "ord_type": ord_type,
        "time_in_force": time if ord_type == OrdType.LIMIT else 0,
        "price": price if ord_type == OrdType.LIMIT else 0,
        "order_qty": rng.randint(1, 5) * max(lot, 10**one.qty_decimals // 5 // lot * lot),
        "cl_ord_id": b"order-%d" % rng.getrandbits(40),
    }


@pytest.mark.parametrize("seed", range(6))
def test_answers_of_a_wild_stream_are_told_rightly_or_not_at_all(seed):
    stream = CommandStream(seed)
    told: Counter[bool] = Counter()
    for chunk in range(30):
        commands, events = stream.next_chunk()
        if chunk == 0:
            venue = stream.reference.venue
            assets = [asset(one.number, one.code.decode(), one.decimals) for one in venue.assets]
            names = Names([listed(one, assets) for one in venue.instruments], assets)
        entered_by = {int(one["seq"]) for one in commands if one["kind"] == CommandKind.ENTER}
        for own in commands_of(events):
            if own[0].seq in entered_by and own[-1].flags & EventFlag.LAST:
                frame = b"".join(SHAPE.pack(event._asdict()) for event in own)
                told[agrees(frame, [FULL], names=names)] += 1
    assert told[True] > 10
    assert told[False] > 10


def listed(one, assets):
    terms = one.terms
    return instrument(
        one.number,
        one.symbol.decode(),
        assets[terms[InstrumentTerm.BASE_ASSET]],
        assets[terms[InstrumentTerm.QUOTE_ASSET]],
        int(terms[InstrumentTerm.PRICE_DECIMALS]),
        int(terms[InstrumentTerm.QTY_DECIMALS]),
    )
