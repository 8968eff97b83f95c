"""Code, exact text and status of everything the matcher may reject (API section 4)."""

import pytest

from ingress.errors import AMEND, CANCEL, PLACE, rejection
from protocol.rejects import RejectReason
from protocol.terms import OrdType

# Reason, request, code, text, status: the table a client library is written against.
TOLD = [
    ("ACCOUNT_FROZEN", PLACE, -2010, "This account may not place or cancel orders."),
    ("ACCOUNT_FROZEN", CANCEL, -2011, "This account may not place or cancel orders."),
    ("ACCOUNT_CANCEL_ONLY", PLACE, -2010, "This action is disabled on this account."),
    ("UNKNOWN_ACCOUNT", PLACE, -2010, "This action is disabled on this account."),
    ("UNKNOWN_INSTRUMENT", PLACE, -1121, "Invalid symbol."),
    ("UNKNOWN_ORDER", CANCEL, -2011, "Unknown order sent."),
    ("UNKNOWN_ORDER", AMEND, -2038, "Unknown order sent."),
    ("UNKNOWN_LIST", CANCEL, -2011, "Unknown order sent."),
    (
        "ORDER_ID_MISMATCH",
        CANCEL,
        -2011,
        "Cancel order is invalid. Check origClOrdId and orderId.",
    ),
    (
        "CANCEL_RESTRICTED",
        CANCEL,
        -2011,
        "Order was not canceled due to cancel restrictions.",
    ),
    ("INVALID_SIDE", PLACE, -1117, "Invalid side."),
    ("INVALID_ORD_TYPE", PLACE, -1116, "Invalid orderType."),
    ("INVALID_TIME_IN_FORCE", PLACE, -1115, "Invalid timeInForce."),
    ("INVALID_FIELDS", PLACE, -1014, "Unsupported order combination."),
    ("INVALID_QTY", PLACE, -1013, "Invalid quantity."),
    ("INVALID_PRICE", PLACE, -1013, "Invalid price."),
    ("MARKET_CLOSED", PLACE, -2010, "Market is closed."),
    (
        "PHASE_FORBIDS_ORD_TYPE",
        PLACE,
        -2010,
        "This order type is not possible in this trading phase.",
    ),
    ("ICEBERG_NOT_SUPPORTED", PLACE, -2010, "Iceberg orders are not supported for this symbol."),
    (
        "TRAILING_NOT_SUPPORTED",
        PLACE,
        -2010,
        "Trailing stop orders are not supported for this symbol.",
    ),
    (
        "QUOTE_QTY_NOT_SUPPORTED",
        PLACE,
        -2010,
        "Quote order qty market orders are not support for this symbol.",
    ),
    ("LIST_NOT_SUPPORTED", PLACE, -2010, "OCO orders are not supported for this symbol"),
    ("AMEND_NOT_SUPPORTED", AMEND, -2038, "Order amend is not supported for this symbol."),
    (
        "REPLACE_NOT_SUPPORTED",
        PLACE,
        -2010,
        "Order cancel-replace is not supported for this symbol.",
    ),
    (
        "STP_MODE_NOT_ALLOWED",
        PLACE,
        -1013,
        "This symbol does not allow the specified self-trade prevention mode.",
    ),
    ("PRICE_FILTER", PLACE, -1013, "Filter failure: PRICE_FILTER"),
    ("LOT_SIZE", PLACE, -1013, "Filter failure: LOT_SIZE"),
    ("LOT_SIZE", AMEND, -1013, "Filter failure: LOT_SIZE"),
    ("MARKET_LOT_SIZE", PLACE, -1013, "Filter failure: MARKET_LOT_SIZE"),
    ("ICEBERG_QTY_TOO_LARGE", PLACE, -2010, "IcebergQty exceeds QTY."),
    ("ICEBERG_PARTS", PLACE, -1013, "Filter failure: ICEBERG_PARTS"),
    ("TRAILING_DELTA", PLACE, -1013, "Filter failure: TRAILING_DELTA"),
    ("NOTIONAL", PLACE, -1013, "Filter failure: NOTIONAL"),
    ("PERCENT_PRICE_BY_SIDE", PLACE, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    ("STATIC_COLLAR", PLACE, -1013, "Filter failure: PERCENT_PRICE"),
    ("DUPLICATE_CL_ORD_ID", PLACE, -2010, "Duplicate order sent."),
    ("MAX_NUM_ORDERS", PLACE, -1013, "Filter failure: MAX_NUM_ORDERS"),
    ("MAX_NUM_ALGO_ORDERS", PLACE, -1013, "Filter failure: MAX_NUM_ALGO_ORDERS"),
    ("MAX_NUM_ICEBERG_ORDERS", PLACE, -1013, "Filter failure: MAX_NUM_ICEBERG_ORDERS"),
    ("MAX_NUM_ORDER_LISTS", PLACE, -1013, "Filter failure: MAX_NUM_ORDER_LISTS"),
    ("MAX_POSITION", PLACE, -2010, "Filter failure: MAX_POSITION"),
    (
        "LIST_PRICES",
        PLACE,
        -2010,
        "The relationship of the prices for the orders is not correct.",
    ),
    ("WOULD_TRIGGER", PLACE, -2010, "Order would trigger immediately."),
    ("WOULD_MATCH", PLACE, -2010, "Order would immediately match and take."),
    (
        "NO_LIQUIDITY",
        PLACE,
        -2010,
        "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.",
    ),
    (
        "INSUFFICIENT_BALANCE",
        PLACE,
        -2010,
        "Account has insufficient balance for requested action.",
    ),
    ("ACCOUNT_ORDER_CAPACITY", PLACE, -1013, "Filter failure: EXCHANGE_MAX_NUM_ORDERS"),
    (
        "AMEND_NOT_DECREASE",
        AMEND,
        -2038,
        "Order amend (quantity increase) is not supported.",
    ),
    ("AMEND_BELOW_FILLED", AMEND, -2038, "Invalid quantity."),
    (
        "AMEND_NO_CHANGE",
        AMEND,
        -2038,
        "The requested action would change no state; rejecting.",
    ),
    ("MAX_NUM_ORDER_AMENDS", AMEND, -2038, "Filter failure: MAX_NUM_ORDER_AMENDS"),
]


@pytest.mark.parametrize(("reason", "request_", "code", "text"), TOLD)
def test_a_rejection_is_told_in_the_dialects_own_words(reason, request_, code, text):
    told = rejection(RejectReason[reason], request_)
    assert told.body() == {"code": code, "msg": text}
    assert told.status == 400


def test_an_exchange_that_is_full_says_that_it_is_busy():
    for reason in (RejectReason.ORDER_CAPACITY, RejectReason.CAPACITY):
        told = rejection(reason, PLACE)
        assert (told.code, told.status) == (-1008, 503)


@pytest.mark.parametrize("reason", RejectReason)
@pytest.mark.parametrize("request_", [PLACE, CANCEL, AMEND])
def test_every_reason_has_an_answer(reason, request_):
    told = rejection(reason, request_, OrdType.MARKET)
    assert told.code < 0 and told.msg and told.status in (400, 500, 503)
