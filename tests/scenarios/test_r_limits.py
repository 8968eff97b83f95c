"""Rule R-4 and the section "Checks": what is refused, and which reason is told."""

import pytest

from protocol.rejects import RejectReason
from protocol.terms import (
    CommandKind,
    EventKind,
    InstrumentFeature,
    OrdType,
)
from tests.floor import play

LAST_PRICE_10 = """
    maker sells 1 @ 10.00
    taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
"""


def enter(exchange, **fields):
    """Enter alice's order and name what came first of it."""
    order = {
        "account": exchange.trader("alice"),
        "side": 0,
        "ord_type": OrdType.LIMIT,
        "time_in_force": 1,
        "price": 1_000,
        "order_qty": 10,
        **fields,
    }
    told = exchange.ask(CommandKind.ENTER, **order)[0]
    if told.kind == EventKind.REJECTED:
        return RejectReason(told.reason).name
    return EventKind(told.kind).name


LIMIT, MARKET, MAKER, STOP, STOP_LIMIT = (
    {"ord_type": OrdType.LIMIT},
    {"ord_type": OrdType.MARKET, "price": 0},
    {"ord_type": OrdType.LIMIT_MAKER},
    {"ord_type": OrdType.STOP_LOSS, "price": 0, "stop_px": 1_500},
    {"ord_type": OrdType.STOP_LOSS_LIMIT, "stop_px": 1_500},
)


@pytest.mark.parametrize(
    ("fields", "answer"),
    [
        ({"side": 2}, "INVALID_SIDE"),
        ({"ord_type": 0}, "INVALID_ORD_TYPE"),
        ({"ord_type": 8}, "INVALID_ORD_TYPE"),
        ({"time_in_force": 0}, "INVALID_TIME_IN_FORCE"),
        ({"time_in_force": 8}, "INVALID_TIME_IN_FORCE"),
        ({**MAKER, "time_in_force": 2}, "INVALID_TIME_IN_FORCE"),
        ({**MAKER, "time_in_force": 0}, "ACCEPTED"),
        ({**MARKET, "time_in_force": 0}, "ACCEPTED"),
        ({**STOP, "time_in_force": 0}, "ACCEPTED"),
        ({**STOP, "time_in_force": 2}, "INVALID_TIME_IN_FORCE"),
        ({**STOP_LIMIT, "time_in_force": 0}, "INVALID_TIME_IN_FORCE"),
        ({**STOP_LIMIT, "time_in_force": 6}, "INVALID_TIME_IN_FORCE"),
        ({**MARKET, "order_qty": 0, "quote_qty": 9, "time_in_force": 3}, "INVALID_TIME_IN_FORCE"),
        ({**MARKET, "price": 5}, "INVALID_FIELDS"),
        ({**STOP, "price": 5}, "INVALID_FIELDS"),
        ({**MARKET, "quote_qty": 5}, "INVALID_FIELDS"),
        ({"quote_qty": 5}, "INVALID_FIELDS"),
        ({"stop_px": 5}, "INVALID_FIELDS"),
        ({"trailing_bips": 5}, "INVALID_FIELDS"),
        ({**STOP, "stop_px": 0}, "INVALID_FIELDS"),
        ({**MARKET, "display_qty": 2}, "INVALID_FIELDS"),
        ({"display_qty": 2, "time_in_force": 2}, "INVALID_FIELDS"),
        ({"expire_ns": 1 << 62}, "INVALID_FIELDS"),
        ({"time_in_force": 5}, "INVALID_FIELDS"),
        ({"time_in_force": 5, "expire_ns": 1}, "INVALID_FIELDS"),
        ({"time_in_force": 5, "expire_ns": 1 << 62}, "ACCEPTED"),
        ({"order_qty": 0}, "INVALID_QTY"),
        ({"order_qty": -1}, "INVALID_QTY"),
        ({**MARKET, "order_qty": 0}, "INVALID_QTY"),
        ({**MARKET, "order_qty": 0, "quote_qty": -1}, "INVALID_QTY"),
        ({"display_qty": -1}, "INVALID_QTY"),
        ({"price": 0}, "INVALID_PRICE"),
        ({"price": -1}, "INVALID_PRICE"),
        ({**STOP, "stop_px": -1}, "INVALID_PRICE"),
        ({"price": 100_000, "side": 1}, "ACCEPTED"),
        ({"price": 100_001}, "PRICE_FILTER"),
        ({"price": (1 << 63) - 1}, "PRICE_FILTER"),
        ({**STOP, "stop_px": 100_001}, "PRICE_FILTER"),
        ({"order_qty": (1 << 63) - 1}, "LOT_SIZE"),
        ({**MARKET, "order_qty": (1 << 63) - 1}, "LOT_SIZE"),
        ({"order_qty": ((1 << 62) // 100_000) + 1}, "LOT_SIZE"),
        ({"order_qty": (1 << 62) // 100_000}, "INSUFFICIENT_BALANCE"),
        ({"display_qty": 10}, "ICEBERG_QTY_TOO_LARGE"),
        ({"display_qty": 9}, "ACCEPTED"),
        ({**STOP, "trailing_bips": 10_000}, "TRAILING_DELTA"),
        ({**STOP, "trailing_bips": (1 << 32) - 1}, "TRAILING_DELTA"),
        ({**STOP, "trailing_bips": 9_999}, "ACCEPTED"),
        ({"stp_mode": 6}, "STP_MODE_NOT_ALLOWED"),
        ({"stp_mode": 255}, "STP_MODE_NOT_ALLOWED"),
        ({"account": 0}, "INSUFFICIENT_BALANCE"),
        ({"account": 63}, "UNKNOWN_ACCOUNT"),
        ({"account": (1 << 32) - 1}, "UNKNOWN_ACCOUNT"),
        ({"instrument": 1}, "UNKNOWN_INSTRUMENT"),
        ({"instrument": 0xFFFF}, "UNKNOWN_INSTRUMENT"),
    ],
)
def test_an_order_is_refused_for_its_form(exchange, fields, answer):  # rule R-4
    assert enter(exchange, **fields) == answer


@pytest.mark.parametrize(
    ("terms", "fields", "answer"),
    [
        ({"allowed_ord_types": 1 << OrdType.MARKET}, LIMIT, "ORD_TYPE_NOT_SUPPORTED"),
        ({"features": 0}, {"display_qty": 2}, "ICEBERG_NOT_SUPPORTED"),
        ({"features": 0}, {**STOP, "trailing_bips": 5}, "TRAILING_NOT_SUPPORTED"),
        (
            {"features": 0},
            {**MARKET, "order_qty": 0, "quote_qty": 9},
            "QUOTE_QTY_NOT_SUPPORTED",
        ),
        ({"features": InstrumentFeature.ICEBERG}, {"display_qty": 2}, "ACCEPTED"),
        ({"tick_size": 5}, {"price": 1_003}, "PRICE_FILTER"),
        ({"tick_size": 5}, {**STOP, "stop_px": 1_503}, "PRICE_FILTER"),
        ({"min_price": 1_001}, {}, "PRICE_FILTER"),
        ({"max_price": 999}, {}, "PRICE_FILTER"),
        ({"lot_size": 3}, {}, "LOT_SIZE"),
        ({"lot_size": 5}, {"display_qty": 3}, "LOT_SIZE"),
        ({"min_qty": 11}, {}, "LOT_SIZE"),
        ({"min_qty": 3}, {"display_qty": 2}, "LOT_SIZE"),
        ({"max_qty": 9}, {}, "LOT_SIZE"),
        ({"market_lot_size": 3}, {}, "ACCEPTED"),
        ({"market_lot_size": 3}, MARKET, "MARKET_LOT_SIZE"),
        ({"market_min_qty": 11}, STOP, "MARKET_LOT_SIZE"),
        ({"market_max_qty": 9}, MARKET, "MARKET_LOT_SIZE"),
        ({"market_max_qty": 9}, STOP_LIMIT, "ACCEPTED"),
        ({"iceberg_parts": 4}, {"display_qty": 2}, "ICEBERG_PARTS"),
        ({"iceberg_parts": 4}, {"display_qty": 3}, "ACCEPTED"),
        ({"min_trailing_above": 100}, {**STOP, "trailing_bips": 99}, "TRAILING_DELTA"),
        ({"max_trailing_above": 100}, {**STOP, "trailing_bips": 101}, "TRAILING_DELTA"),
        ({"max_trailing_below": 100}, {**STOP, "trailing_bips": 101}, "ACCEPTED"),
        ({"min_notional": 10_001}, {}, "NOTIONAL"),
        ({"min_notional": 10_000}, {}, "ACCEPTED"),
        ({"max_notional": 9_999}, {}, "NOTIONAL"),
        ({"min_notional": 10_001}, MARKET, "ACCEPTED"),
        ({"min_notional": 10_001, "apply_min_to_market": 1}, MARKET, "NOTIONAL"),
        ({"min_notional": 1, "apply_min_to_market": 1}, MARKET, "NOTIONAL"),
        ({"max_notional": 1, "apply_max_to_market": 1}, MARKET, "ACCEPTED"),
        (
            {"max_notional": 1, "apply_max_to_market": 1, "reference_price": 1_000},
            MARKET,
            "NOTIONAL",
        ),
        (
            {"min_notional": 9_000, "apply_min_to_market": 1, "reference_price": 1_000},
            MARKET,
            "ACCEPTED",
        ),
        (
            {"min_notional": 101, "apply_min_to_market": 1},
            {**MARKET, "order_qty": 0, "quote_qty": 100},
            "NOTIONAL",
        ),
        ({"bid_multiplier_up": 9_000, "reference_price": 1_000}, {}, "PERCENT_PRICE_BY_SIDE"),
        ({"bid_multiplier_down": 11_000, "reference_price": 1_000}, {}, "PERCENT_PRICE_BY_SIDE"),
        ({"bid_multiplier_up": 10_000, "reference_price": 1_000}, {}, "ACCEPTED"),
        ({"ask_multiplier_up": 9_000, "reference_price": 1_000}, {}, "ACCEPTED"),
        (
            {"ask_multiplier_down": 11_000, "reference_price": 1_000},
            {"side": 1, "order_qty": 5},
            "PERCENT_PRICE_BY_SIDE",
        ),
        ({"bid_multiplier_up": 9_000}, {}, "ACCEPTED"),
        ({"static_collar": 99, "reference_price": 1_010}, {"price": 1_000}, "STATIC_COLLAR"),
        ({"static_collar": 99, "reference_price": 1_010}, {"price": 1_001}, "ACCEPTED"),
        ({"static_collar": 100, "reference_price": 1_000}, {"price": 1_010}, "ACCEPTED"),
        ({"static_collar": 100, "reference_price": 1_000}, {"price": 1_011}, "STATIC_COLLAR"),
        ({"static_collar": 100}, {"price": 9_999}, "ACCEPTED"),
        ({"max_position": 14}, {}, "MAX_POSITION"),
        ({"max_position": 15}, {}, "ACCEPTED"),
        ({"max_position": 1}, {"side": 1, "order_qty": 5}, "ACCEPTED"),
    ],
)
def test_an_order_is_refused_by_the_instruments_terms(exchange, terms, fields, answer):  # rule R-4
    exchange.trader_with("alice", shares=5, money="100000")
    exchange.terms(**terms)
    assert enter(exchange, **fields) == answer


def test_the_last_price_stands_in_for_the_average_and_the_reference_comes_before_it(
    exchange,
):  # rule R-4
    exchange.terms(bid_multiplier_up=10_500)
    play(exchange, LAST_PRICE_10)
    assert enter(exchange, price=1_051) == "PERCENT_PRICE_BY_SIDE"
    assert enter(exchange, price=1_050) == "ACCEPTED"
    exchange.terms(reference_price=1_100)
    assert enter(exchange, price=1_155) == "ACCEPTED"


def test_the_lowest_of_several_reasons_is_told(exchange):  # section Checks
    exchange.terms(max_num_orders=1, tick_size=2, min_notional=1 << 60)
    faults = {
        "account": 63,
        "instrument": 9,
        "side": 2,
        "ord_type": 9,
        "time_in_force": 9,
        "quote_qty": 1,
        "order_qty": -1,
        "price": -1,
    }
    mends = {
        "account": exchange.trader("alice"),
        "instrument": 0,
        "side": 0,
        "ord_type": 1,
        "time_in_force": 1,
        "quote_qty": 0,
        "order_qty": 1,
        "price": 1_001,
    }
    answers = []
    for name, mended in mends.items():
        answers.append(enter(exchange, **faults))
        faults[name] = mended
    answers.append(enter(exchange, **faults))
    answers.append(enter(exchange, **{**faults, "price": 1_000}))
    assert answers == [
        "UNKNOWN_ACCOUNT",
        "UNKNOWN_INSTRUMENT",
        "INVALID_SIDE",
        "INVALID_ORD_TYPE",
        "INVALID_TIME_IN_FORCE",
        "INVALID_FIELDS",
        "INVALID_QTY",
        "INVALID_PRICE",
        "PRICE_FILTER",
        "NOTIONAL",
    ]


def test_a_rejected_order_shows_what_was_sent_and_uses_up_no_id(exchange):  # section Events
    play(exchange, "alice buys 5 @ 10.00")
    told = exchange.ask(
        CommandKind.ENTER,
        account=exchange.trader("alice"),
        side=1,
        ord_type=2,
        price=77,
        order_qty=3,
        stop_px=4,
        strategy_id=8,
        strategy_type=9,
        cl_ord_id=b"x",
        reply_to=2,
        request_id=6,
    )
    assert len(told) == 1
    shown = told[0]
    assert (shown.ord_type, shown.price, shown.order_qty, shown.stop_px) == (2, 77, 3, 4)
    assert (shown.time_in_force, shown.stp_mode, shown.strategy_id, shown.strategy_type) == (
        0,
        0,
        8,
        9,
    )
    assert (shown.order_id, shown.leaves_qty, shown.created_ns) == (0, 0, 0)
    assert (shown.reply_to, shown.request_id, shown.cl_ord_id) == (2, 6, b"x")
    assert (shown.quote_free, shown.quote_locked) == (10**9 - 5_000, 5_000)
    play(exchange, "alice buys 5 @ 10.00")
    assert exchange.told_of(EventKind.ACCEPTED)[0].order_id == 2
