"""What a client hears when it places, cancels, replaces and amends (API section 8)."""

import re

import pytest

from protocol.terms import CommandKind, InstrumentTerm, SessionPhase
from tests.rest_house import House


@pytest.fixture
def house():
    return House()


@pytest.fixture
def client(house):
    with house.open() as client:
        yield client


ACK = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
RESULT = ACK | {
    "price",
    "origQty",
    "executedQty",
    "origQuoteOrderQty",
    "cummulativeQuoteQty",
    "status",
    "timeInForce",
    "type",
    "side",
    "workingTime",
    "selfTradePreventionMode",
}
FULL = RESULT | {"fills"}


def test_a_resting_limit_order_is_answered_in_full(client, house):
    answer = client.order(side="BUY", price="100.00", quantity="1.5", newClientOrderId="mine-1")
    assert answer.status == 200
    at_ms = house.market.now_ns // 1_000_000
    assert answer.json == {
        "symbol": "BTCUSDT",
        "orderId": 1,
        "orderListId": -1,
        "clientOrderId": "mine-1",
        "transactTime": at_ms,
        "price": "100.00000000",
        "origQty": "1.50000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "workingTime": at_ms,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "fills": [],
    }


def test_an_order_without_an_id_gets_one_of_22_characters(client):
    ids = {client.order(side="BUY", price="1", quantity="9").json["clientOrderId"] for _ in "12"}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9A-Za-z]{22}", one) for one in ids)


def test_a_taker_is_told_each_fill_with_its_fee_in_what_it_received(client):
    for price in ("100.00", "101.00"):
        client.order("bob", side="SELL", price=price, quantity="1")
    bought = client.order(side="BUY", type="MARKET", quantity="1.5").json
    assert bought["status"] == "FILLED"
    assert bought["price"] == "0.00000000"
    assert bought["executedQty"] == "1.50000000"
    assert bought["cummulativeQuoteQty"] == "150.50000000"
    fill = {"commission": "0.00100000", "commissionAsset": "BTC", "tradeId": 100_000_001}
    assert bought["fills"] == [
        {"price": "100.00000000", "qty": "1.00000000", **fill},
        {
            "price": "101.00000000",
            "qty": "0.50000000",
            **fill,
            "commission": "0.00050000",
            "tradeId": 100_000_002,
        },
    ]


def test_a_taker_is_not_told_the_other_side_of_its_trades(client):
    client.order("bob", side="SELL", price="100", quantity="1")
    told = client.order(side="BUY", price="100", quantity="2").json
    assert (told["orderId"], told["status"]) == (2, "PARTIALLY_FILLED")
    assert [fill["qty"] for fill in told["fills"]] == ["1.00000000"]
    assert told["side"] == "BUY"


@pytest.mark.parametrize(
    ("fields", "answered"),
    [
        ({"side": "BUY", "price": "1", "quantity": "9"}, FULL),
        ({"side": "BUY", "price": "1", "quantity": "9", "newOrderRespType": "ACK"}, ACK),
        ({"side": "BUY", "price": "1", "quantity": "9", "newOrderRespType": "RESULT"}, RESULT),
        ({"side": "BUY", "type": "LIMIT_MAKER", "price": "1", "quantity": "9"}, ACK),
        (
            {
                "side": "BUY",
                "type": "LIMIT_MAKER",
                "price": "1",
                "quantity": "9",
                "newOrderRespType": "FULL",
            },
            FULL,
        ),
    ],
)
def test_how_much_is_answered_depends_on_the_type_and_the_wish(client, fields, answered):
    assert set(client.order(**fields).json) == answered


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        (
            {"type": "LIMIT", "timeInForce": "GTC", "price": "100", "icebergQty": "0.5"},
            {"icebergQty": "0.50000000"},
        ),
        ({"type": "STOP_LOSS", "stopPrice": "200"}, {"stopPrice": "200.00000000"}),
        (
            {"type": "STOP_LOSS", "trailingDelta": "100", "stopPrice": "200"},
            {"trailingDelta": 100, "trailingTime": -1, "stopPrice": "200.00000000"},
        ),
        (
            {
                "type": "LIMIT",
                "timeInForce": "GTC",
                "price": "100",
                "strategyId": "7",
                "strategyType": "1000001",
            },
            {"strategyId": 7, "strategyType": 1_000_001},
        ),
        (
            {"type": "LIMIT", "timeInForce": "IOC", "price": "100"},
            {"expiryReason": "UNFILLED_IOC_QUANTITY_EXPIRED"},
        ),
        (
            {"type": "LIMIT", "timeInForce": "FOK", "price": "100"},
            {"expiryReason": "UNFILLED_FOK_ORDER_EXPIRED"},
        ),
        ({"type": "MARKET"}, {"expiryReason": "INSUFFICIENT_LIQUIDITY"}),
    ],
)
def test_what_only_some_orders_have_is_told_of_those(client, fields, more):
    answer = client.order(side="BUY", quantity="1", newOrderRespType="FULL", **fields).json
    assert {name: answer[name] for name in set(answer) - FULL} == more


def test_a_trailing_stop_without_a_stop_price_tracks_from_its_entry(client):
    stop = client.order(
        side="BUY", type="STOP_LOSS", trailingDelta="100", quantity="1", newOrderRespType="FULL"
    ).json
    told = {name: stop[name] for name in set(stop) - FULL}
    assert told == {"trailingDelta": 100, "trailingTime": stop["transactTime"]}


def test_an_unfired_stop_does_not_work_yet(client):
    stop = client.order(
        side="BUY", type="STOP_LOSS", stopPrice="200", quantity="1", newOrderRespType="RESULT"
    ).json
    assert (stop["status"], stop["workingTime"]) == ("NEW", -1)


def test_an_order_that_expires_at_once_is_accepted(client):
    answer = client.order(side="BUY", price="100", quantity="1", timeInForce="IOC", type="LIMIT")
    assert (answer.status, answer.json["status"]) == (200, "EXPIRED")


def test_a_market_order_by_quote_quantity_tells_what_it_bought(client):
    client.order("bob", side="SELL", price="100", quantity="1")
    told = client.order(side="BUY", type="MARKET", quoteOrderQty="50").json
    assert told["origQuoteOrderQty"] == "50.00000000"
    assert told["origQty"] == told["executedQty"] == "0.50000000"


def test_a_prevented_match_is_told_with_both_orders(client):
    client.order(side="SELL", price="100", quantity="1")
    told = client.order(
        side="BUY", price="100", quantity="1", selfTradePreventionMode="EXPIRE_TAKER"
    ).json
    assert told["status"] == "EXPIRED_IN_MATCH"
    assert told["preventedMatchId"] == 0
    assert told["preventedQuantity"] == "1.00000000"
    assert told["preventedMatches"] == [
        {
            "preventedMatchId": 0,
            "makerOrderId": 1,
            "price": "100.00000000",
            "takerPreventedQuantity": "1.00000000",
        }
    ]
    assert told["fills"] == []


def test_a_prevented_match_is_told_when_only_the_maker_lost_something(client):
    client.order(side="SELL", price="100", quantity="1")
    told = client.order(
        side="BUY", price="100", quantity="3", selfTradePreventionMode="EXPIRE_MAKER"
    ).json
    assert told["status"] == "NEW"
    assert "preventedMatchId" not in told
    assert told["preventedMatches"] == [
        {
            "preventedMatchId": 0,
            "makerOrderId": 1,
            "price": "100.00000000",
            "makerPreventedQuantity": "1.00000000",
        }
    ]


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        (
            {"side": "BUY", "price": "100", "quantity": "9000", "symbol": "ETHUSDT"},
            200,
            None,
        ),
        (
            {"side": "SELL", "price": "100", "quantity": "101"},
            400,
            (-2010, "Account has insufficient balance for requested action."),
        ),
        (
            {"side": "BUY", "price": "100", "quantity": "9001"},
            400,
            (-1013, "Filter failure: LOT_SIZE"),
        ),
        (
            {"side": "BUY", "price": "0.01", "quantity": "1"},
            400,
            (-1013, "Filter failure: NOTIONAL"),
        ),
        (
            {"side": "BUY", "price": "1000000.01", "quantity": "1"},
            400,
            (-1013, "Filter failure: PRICE_FILTER"),
        ),
        (
            {"side": "BUY", "price": "100", "quantity": "1", "icebergQty": "1"},
            400,
            (-2010, "IcebergQty exceeds QTY."),
        ),
        (
            {"side": "BUY", "price": "100", "quantity": "101", "icebergQty": "1"},
            400,
            (-1013, "Filter failure: ICEBERG_PARTS"),
        ),
        (
            {"side": "BUY", "type": "STOP_LOSS", "trailingDelta": "9", "quantity": "1"},
            400,
            (-1013, "Filter failure: TRAILING_DELTA"),
        ),
        (
            {"side": "BUY", "type": "MARKET", "quoteOrderQty": "50"},
            400,
            (
                -2010,
                "Order book liquidity is less than `LOT_SIZE` filter minimum quantity.",
            ),
        ),
    ],
)
def test_the_matchers_rejection_is_told_in_the_exact_words(client, fields, status, error):
    answer = client.order(**fields)
    assert answer.status == status
    if error:
        assert answer.error == error


def test_a_text_id_in_use_is_a_duplicate(client):
    fields = {"side": "BUY", "price": "100", "quantity": "1", "newClientOrderId": "twice"}
    assert client.order(**fields).status == 200
    assert client.order(**fields).error == (-2010, "Duplicate order sent.")
    assert client.order("bob", **fields).status == 200


def test_a_post_only_order_that_would_trade_is_rejected(client):
    client.order("bob", side="SELL", price="100", quantity="1")
    answer = client.order(side="BUY", type="LIMIT_MAKER", price="100", quantity="1")
    assert answer.error == (-2010, "Order would immediately match and take.")


def test_a_stop_that_would_fire_at_once_is_rejected(client):
    client.order("bob", side="SELL", price="100", quantity="1")
    client.order(side="BUY", price="100", quantity="1")
    answer = client.order(side="BUY", type="STOP_LOSS", stopPrice="99", quantity="1")
    assert answer.error == (-2010, "Order would trigger immediately.")


@pytest.mark.parametrize(
    ("ord_type", "name"),
    [
        ("MARKET", "Market"),
        ("STOP_LOSS", "Stop loss"),
        ("STOP_LOSS_LIMIT", "Stop loss limit"),
        ("TAKE_PROFIT", "Take profit"),
        ("TAKE_PROFIT_LIMIT", "Take profit limit"),
    ],
)
def test_an_order_type_that_the_instrument_lacks_is_named(client, house, ord_type, name):
    house.market.command(
        kind=CommandKind.SET_INSTRUMENT, term=InstrumentTerm.ALLOWED_ORD_TYPES, amount=1 << 1
    )
    fields = {"type": ord_type, "side": "BUY", "quantity": "1"}
    if ord_type != "MARKET":
        fields["stopPrice"] = "90"
    if ord_type.endswith("LIMIT"):
        fields |= {"price": "90", "timeInForce": "GTC"}
    for path in ("order", "order/test"):
        answer = client.signed("POST", path, symbol="BTCUSDT", **fields)
        assert answer.error == (-2010, f"{name} orders are not supported for this symbol.")


def test_a_closed_market_takes_no_orders(client, house):
    house.market.command(kind=CommandKind.SET_PHASE, term=SessionPhase.HALTED)
    answer = client.order(side="BUY", price="100", quantity="1")
    assert answer.error == (-2010, "Market is closed.")


LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "price": "101",
    "quantity": "1",
}


def test_orders_of_one_turn_leave_in_one_frame(client, house):
    fields = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    answers = client.together(
        *(
            client.signed_request("POST", "order", **fields, price=price, quantity="1")
            for price in ("100", "101", "102")
        )
    )
    assert [answer.json["price"] for answer in answers] == [
        "100.00000000",
        "101.00000000",
        "102.00000000",
    ]
    assert len(house.wire.frames) == 1


def test_times_are_told_in_microseconds_when_asked(client, house):
    verb, path, query, body, headers = client.signed_request("POST", "order", **LIMIT)
    for unit in ("MICROSECOND", "microsecond"):
        told = client.ask(verb, path, query, body, {**headers, "X-MBX-TIME-UNIT": unit}).json
        if unit == "MICROSECOND":
            assert told["transactTime"] == house.market.now_ns // 1000
    wrong = client.ask(verb, path, query, body, {**headers, "X-MBX-TIME-UNIT": "SECOND"})
    assert wrong.error == (
        -1194,
        "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.",
    )


def test_the_test_order_tells_what_an_order_would_pay(client):
    answer = client.signed("POST", "order/test", **LIMIT, computeCommissionRates="true").json
    assert answer["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}


def test_a_form_body_works_under_any_content_type(client):
    verb, path, query, _, headers = client.signed_request("POST", "order", **LIMIT)
    for content_type in ("application/x-www-form-urlencoded", "application/json"):
        answer = client.ask(
            verb, path, "", query.encode(), {**headers, "Content-Type": content_type}
        )
        assert answer.status == 200
    empty = client.ask(verb, path, query, b"", {**headers, "Content-Type": "application/json"})
    assert empty.status == 200
