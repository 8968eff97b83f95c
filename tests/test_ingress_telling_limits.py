"""What is not plain has no compiled answer: the Python way tells it, or refuses it."""

from collections import Counter

import numpy as np
import pytest

from ingress.compiled.order_told import FILL_ROOM, ORDER_ROOM
from ingress.compiled.tables import ACK, FULL, RESULT
from protocol.terms import (
    EventKind,
    ExpiryReason,
    OrdStatus,
    OrdType,
    Side,
    TimeInForce,
)
from tests.told_orders import (
    ASSETS,
    DECIMALS,
    MAX,
    OUT,
    SIZE,
    Names,
    agrees,
    asset,
    compiled_way,
    instrument,
    order,
    packed,
    python_way,
    trade,
    unpacked,
)

CONDITIONAL = {
    name: value
    for name in ("display_qty", "stop_px", "expire_ns", "prevented_qty", "strategy_id")
    for value in (1, -1)
} | {"strategy_type": 1_000_000, "trailing_bips": 1}
WRONG_TEXTS = (b'a"b', b"a\\b", b"a\nb", b"a\x7fb", b"a\x00b", b"\x1f", "é".encode(), b"\xff")


@pytest.mark.parametrize("field", CONDITIONAL)
def test_an_order_with_a_field_that_only_some_have_is_not_plain(field):
    wrong = {field: CONDITIONAL[field]}
    assert compiled_way(packed([[order(**wrong)]]), [FULL]) is None
    assert compiled_way(packed([[order(), trade(**wrong)]]), [FULL]) is None
    assert compiled_way(packed([[order(**wrong), trade()]]), [FULL]) is not None


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind != EventKind.ACCEPTED])
def test_only_an_accepted_order_is_plain(kind):
    assert compiled_way(packed([[order(kind=kind)]]), [FULL]) is None
    assert compiled_way(packed([[order(kind=kind), trade()]]), [ACK]) is None
    assert compiled_way(packed([[order()], [order(kind=kind)]]), [ACK, ACK]) is None


@pytest.mark.parametrize("order_id", [41, 7])
def test_an_order_is_not_plain_when_something_was_prevented(order_id):
    prevented = trade(kind=EventKind.PREVENTED, order_id=order_id)
    for events in ([order(), prevented], [order(), prevented, trade()]):
        assert compiled_way(packed([events]), [RESULT]) is None


@pytest.mark.parametrize("text", WRONG_TEXTS)
def test_a_text_that_json_would_escape_is_not_plain(text):
    assert compiled_way(packed([[order(cl_ord_id=text)]]), [ACK]) is None
    assert compiled_way(packed([[order(cl_ord_id=b"plain")]]), [ACK]) is not None


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("order_id", -1),
        ("list_id", -1),
        ("at_ns", -1),
        ("working_ns", -1),
        ("price", -1),
        ("order_qty", -1),
        ("cum_qty", -1),
        ("quote_qty", -1),
        ("cum_quote", -MAX - 1),
        ("instrument", len(DECIMALS)),
        ("instrument", 0xFFFF),
        ("ord_status", 0),
        ("ord_status", 255),
        ("side", 2),
        ("ord_type", 0),
        ("time_in_force", 200),
        ("stp_mode", 6),
    ],
)
def test_a_value_that_cannot_be_is_not_plain(field, wrong):
    assert compiled_way(packed([[order(**{field: wrong})]]), [FULL]) is None


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("last_px", -1),
        ("last_qty", -1),
        ("trade_id", -1),
        ("fee", -MAX - 1),
        ("asset", len(ASSETS)),
        ("asset", (1 << 32) - 1),
    ],
)
def test_a_fill_with_a_value_that_cannot_be_is_not_plain(field, wrong):
    frame = packed([[order(), trade(**{field: wrong})]])
    assert compiled_way(frame, [FULL]) is None
    assert compiled_way(frame, [RESULT]) is not None


def test_a_request_that_does_not_fit_its_events_is_not_plain():
    frame = packed([[order()], [order(), trade()]])
    assert compiled_way(frame, [FULL, FULL]) is not None
    assert compiled_way(frame, [FULL]) is None
    assert compiled_way(frame, [FULL, FULL, FULL]) is None
    assert compiled_way(frame, [FULL], n=2) is None
    assert compiled_way(frame, [FULL, FULL], n=0) is None
    assert compiled_way(frame, [FULL, FULL], n=-1) is None
    assert compiled_way(frame, [FULL, FULL], array=False) is None
    assert compiled_way(frame, [FULL, 3]) is None
    assert compiled_way(frame, [FULL, 255]) is None
    assert compiled_way(frame, [FULL, FULL], unit=0) is None
    assert compiled_way(frame[:-SIZE], [FULL, FULL]) is None
    assert compiled_way(frame[:-1], [FULL, FULL]) is None
    assert compiled_way(frame[:-8], [FULL, FULL]) is None
    assert compiled_way(frame + bytes(SIZE), [FULL, FULL]) is None
    assert compiled_way(b"", [FULL]) is None


@pytest.mark.parametrize(
    "tables",
    [
        ([('A"B', 2, 5)], [("USDT", 8)]),
        ([("é", 2, 5)], [("USDT", 8)]),
        ([("AB", 2, 19)], [("USDT", 8)]),
        ([("AB", 19, 2)], [("USDT", 8)]),
        ([("AB", 2, 5)], [("USDT", 19)]),
        ([("AB", 2, 5)], [("US\\", 8)]),
        ([], []),
    ],
)  # fmt: skip
def test_tables_with_names_or_decimals_that_cannot_be_told_are_not_plain(tables):
    rows, codes = tables
    assets = [asset(number, *one) for number, one in enumerate(codes)]
    instruments = [
        instrument(number, symbol, assets[0], assets[0], *decimals)
        for number, (symbol, *decimals) in enumerate(rows)
    ]
    frame = packed([[order(), trade()]])
    assert compiled_way(frame, [FULL], names=Names(instruments, assets)) is None


LONGEST = {
    **dict.fromkeys(("order_id", "list_id", "at_ns", "working_ns", "price", "order_qty"), MAX),
    **dict.fromkeys(("cum_qty", "quote_qty", "cum_quote", "trade_id"), MAX),
    "last_px": MAX,
    "last_qty": MAX,
    "fee": -MAX,
    "cl_ord_id": b"x" * 40,
    "ord_status": OrdStatus.EXPIRED,
    "ord_type": OrdType.TAKE_PROFIT_LIMIT,
    "reason": ExpiryReason.UNFILLED_IOC_QUANTITY_EXPIRED,
    "time_in_force": TimeInForce.AT_OPENING,
    "side": Side.SELL,
}


def test_the_longest_answers_fit_in_the_room_that_is_asked_for():
    asked = [asset(0, "C" * 40, 0)]
    names = Names([instrument(0, "S" * 40, asked[0], asked[0], 0, 0)], asked)
    for fills in range(4):
        events = [order(**LONGEST), *[trade(**LONGEST) for _ in range(fills)]]
        frame = packed([events])
        expected = python_way(unpacked(frame), [FULL], names=names)
        out = np.zeros(ORDER_ROOM + fills * FILL_ROOM, np.uint8)
        assert compiled_way(frame, [FULL], names=names, out=out) == expected


@pytest.mark.parametrize("array", [True, False])
def test_without_enough_room_nothing_is_told(array):
    events = [order(**LONGEST), *[trade(**LONGEST)] * 6]
    orders = [events, events] if array else [events]
    answers = [FULL] * len(orders)
    frame = packed(orders)
    expected = python_way(unpacked(frame), answers, array=array)
    told = [
        compiled_way(frame, answers, array=array, out=OUT[:size])
        for size in range(0, len(expected) + 2 * ORDER_ROOM, 7)
    ]
    assert set(told) == {None, expected}
    assert told == sorted(told, key=lambda one: one is not None)


def test_each_byte_of_an_event_may_be_anything():
    told: Counter[bool] = Counter()
    for events in ([order()], [order(), trade(), trade(fee=-5)]):
        frame = packed([events])
        for place in range(len(frame)):
            for octet in (0, 2, 16, 34, 128, 255):
                damaged = bytearray(frame)
                damaged[place] = octet
                told[agrees(bytes(damaged), [FULL])] += 1
    assert min(told[True], told[False]) > 500
