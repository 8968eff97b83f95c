"""Every rule about parameters, by the code and text that a client is told (API sections 4 and 8)."""

import pytest

from ingress import account_requests, batches, list_requests, market_requests, requests
from ingress.app import OPERATIONS
from ingress.errors import Refused
from tests.rest_house import House

LIMIT = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "100"}
MARKET = {"side": "BUY", "type": "MARKET"}
STOP = {"side": "SELL", "type": "STOP_LOSS", "quantity": "1"}
STOP_LIMIT = {**LIMIT, "type": "STOP_LOSS_LIMIT", "side": "SELL"}
MAKER = {"side": "BUY", "type": "LIMIT_MAKER", "quantity": "1", "price": "100"}


@pytest.fixture(scope="module")
def client():
    with House().open() as client:
        yield client


def missing(name: str) -> tuple[int, str]:
    return -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def unneeded(name: str) -> tuple[int, str]:
    return -1106, f"Parameter '{name}' sent when not required."


def neither(first: str, second: str) -> tuple[int, str]:
    return -1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!"


def illegal(name: str, legal: str) -> tuple[int, str]:
    return -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."


NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
WHOLE = "^[0-9]{1,20}$"
TEXT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
TIME_EXTRA = (-1114, "TimeInForce parameter sent when not required.")
NO_TRANSFER = (-1013, "This symbol does not allow the specified self-trade prevention mode.")

PLACE = [
    ({**LIMIT, "side": None}, missing("side")),
    ({**LIMIT, "type": None}, missing("type")),
    ({**LIMIT, "symbol": None}, missing("symbol")),
    ({**LIMIT, "symbol": ""}, missing("symbol")),
    ({**LIMIT, "symbol": "btcusdt"}, illegal("symbol", "^[A-Z0-9-_.]{1,20}$")),
    ({**LIMIT, "symbol": "A" * 21}, illegal("symbol", "^[A-Z0-9-_.]{1,20}$")),
    ({**LIMIT, "symbol": "BTCUSDT\n"}, illegal("symbol", "^[A-Z0-9-_.]{1,20}$")),
    ({**LIMIT, "symbol": "NOSUCH"}, (-1121, "Invalid symbol.")),
    ({**LIMIT, "side": "buy"}, (-1117, "Invalid side.")),
    ({**LIMIT, "type": "LIMITED"}, (-1116, "Invalid orderType.")),
    ({**LIMIT, "timeInForce": "GTX"}, (-1115, "Invalid timeInForce.")),
    ({**LIMIT, "timeInForce": None}, missing("timeInForce")),
    ({**LIMIT, "quantity": None}, missing("quantity")),
    ({**LIMIT, "price": None}, missing("price")),
    ({**LIMIT, "price": ""}, (-1105, "Parameter 'price' was empty.")),
    ({**LIMIT, "stopPrice": "90"}, unneeded("stopPrice")),
    ({**LIMIT, "trailingDelta": "100"}, unneeded("trailingDelta")),
    ({**LIMIT, "quoteOrderQty": "100"}, unneeded("quoteOrderQty")),
    ({**LIMIT, "pegPriceType": "PRIMARY_PEG"}, unneeded("pegPriceType")),
    ({**LIMIT, "goodTillDate": "1800000000000"}, unneeded("goodTillDate")),
    ({**LIMIT, "timeInForce": "GTD"}, missing("goodTillDate")),
    (
        {**LIMIT, "timeInForce": "IOC", "icebergQty": "0.1"},
        (-1014, "Unsupported order combination."),
    ),
    (MARKET, neither("quantity", "quoteOrderQty")),
    (
        {**MARKET, "quantity": "1", "quoteOrderQty": "100"},
        (-1128, "Combination of optional parameters invalid."),
    ),
    ({**MARKET, "quantity": "1", "price": "100"}, unneeded("price")),
    ({**MARKET, "quantity": "1", "timeInForce": "GTC"}, TIME_EXTRA),
    ({**MARKET, "quantity": "1", "timeInForce": "IOC"}, TIME_EXTRA),
    ({**MARKET, "quantity": "1", "icebergQty": "0.1"}, unneeded("icebergQty")),
    ({**MAKER, "timeInForce": "GTC"}, TIME_EXTRA),
    ({**MAKER, "price": None}, missing("price")),
    ({**MAKER, "stopPrice": "1"}, unneeded("stopPrice")),
    (STOP, neither("stopPrice", "trailingDelta")),
    ({**STOP, "stopPrice": "90", "price": "100"}, unneeded("price")),
    ({**STOP, "stopPrice": "90", "timeInForce": "GTC"}, TIME_EXTRA),
    ({**STOP, "quantity": None, "stopPrice": "90"}, missing("quantity")),
    ({**STOP, "trailingDelta": "0"}, (-1013, "Filter failure: TRAILING_DELTA")),
    (STOP_LIMIT, neither("stopPrice", "trailingDelta")),
    ({**STOP_LIMIT, "stopPrice": "90", "timeInForce": None}, missing("timeInForce")),
    ({**STOP_LIMIT, "stopPrice": "90", "price": None}, missing("price")),
    ({**STOP_LIMIT, "type": "TAKE_PROFIT_LIMIT"}, neither("stopPrice", "trailingDelta")),
    ({**STOP, "type": "TAKE_PROFIT"}, neither("stopPrice", "trailingDelta")),
    ({**LIMIT, "quantity": "abc"}, illegal("quantity", NUMBER)),
    ({**LIMIT, "quantity": "-1"}, illegal("quantity", NUMBER)),
    ({**LIMIT, "quantity": "1e5"}, illegal("quantity", NUMBER)),
    ({**LIMIT, "quantity": "1."}, illegal("quantity", NUMBER)),
    ({**LIMIT, "quantity": "1" * 21}, illegal("quantity", NUMBER)),
    ({**LIMIT, "quantity": "1\n"}, illegal("quantity", NUMBER)),
    ({**LIMIT, "quantity": "\u0661"}, illegal("quantity", NUMBER)),
    ({**LIMIT, "quantity": "9" * 20}, (-1108, "Parameter 'quantity' overflowed.")),
    ({**LIMIT, "quantity": "0"}, (-1013, "Invalid quantity.")),
    ({**LIMIT, "price": "0.00"}, (-1013, "Invalid price.")),
    ({**LIMIT, "icebergQty": "0"}, (-1013, "Invalid quantity.")),
    ({**STOP, "stopPrice": "0"}, (-1013, "Invalid price.")),
    ({**MARKET, "quoteOrderQty": "0"}, (-1013, "Invalid quantity.")),
    ({**LIMIT, "price": "100.123456789"}, (-1111, "Parameter 'price' has too much precision.")),
    ({**LIMIT, "quantity": "1.123456789"}, (-1111, "Parameter 'quantity' has too much precision.")),
    ({**LIMIT, "price": "100.001"}, (-1013, "Filter failure: PRICE_FILTER")),
    ({**STOP, "stopPrice": "90.001"}, (-1013, "Filter failure: PRICE_FILTER")),
    ({**LIMIT, "quantity": "1.000001"}, (-1013, "Filter failure: LOT_SIZE")),
    (
        {**MARKET, "quoteOrderQty": "1.123456789"},
        (-1111, "Parameter 'quoteOrderQty' has too much precision."),
    ),
    ({**LIMIT, "newClientOrderId": "a b"}, illegal("newClientOrderId", TEXT_ID)),
    ({**LIMIT, "newClientOrderId": "a" * 37}, illegal("newClientOrderId", TEXT_ID)),
    ({**LIMIT, "strategyId": "x"}, illegal("strategyId", WHOLE)),
    ({**LIMIT, "strategyType": "999999"}, (-1134, "strategyType was less than 1000000.")),
    ({**LIMIT, "strategyId": "9" * 20}, (-1108, "Parameter 'strategyId' overflowed.")),
    (
        {**LIMIT, "newOrderRespType": "SHORT"},
        (-1130, "Data sent for parameter 'newOrderRespType' is not valid."),
    ),
    ({**LIMIT, "selfTradePreventionMode": "TRANSFER"}, NO_TRANSFER),
    (
        {**LIMIT, "selfTradePreventionMode": "SOMETIMES"},
        (-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
    ),
]


@pytest.mark.parametrize(("fields", "error"), PLACE)
def test_a_new_order_with_wrong_parameters_is_refused_in_the_exact_words(client, fields, error):
    sent = {"symbol": "BTCUSDT", **fields}
    sent = {name: value for name, value in sent.items() if value is not None}
    frames = len(client.house.wire.frames)
    for path in ("order", "order/test"):
        answer = client.signed("POST", path, **sent)
        assert (answer.status, answer.error) == (400, error)
    assert len(client.house.wire.frames) == frames, "what the edge refuses is never journaled"


def test_of_several_wrong_parameters_the_first_declared_is_told(client):
    answer = client.signed("POST", "order", price="x", side="NONE", symbol="BTCUSDT")
    assert answer.error == (-1117, "Invalid side.")
    answer = client.signed("POST", "order", newOrderRespType="", type="ODD", symbol="BTCUSDT")
    assert answer.error == missing("side")


@pytest.mark.parametrize(
    "fields",
    [
        LIMIT,
        {**LIMIT, "timeInForce": "IOC"},
        {**LIMIT, "timeInForce": "DAY"},
        {**LIMIT, "timeInForce": "GTD", "goodTillDate": "1800000000000"},
        {**LIMIT, "icebergQty": "0.5"},
        {**LIMIT, "strategyId": "1", "strategyType": "1000000", "newClientOrderId": "x-A:1/b.c_d"},
        {**LIMIT, "quantity": "1.00000000", "price": "100.00000000"},
        {**MARKET, "quantity": "1"},
        {**MARKET, "quoteOrderQty": "100"},
        MAKER,
        {**MAKER, "icebergQty": "0.5"},
        {**STOP, "stopPrice": "90"},
        {**STOP, "trailingDelta": "100"},
        {**STOP, "stopPrice": "90", "trailingDelta": "100"},
        {**STOP_LIMIT, "stopPrice": "90", "icebergQty": "0.5"},
        {**STOP_LIMIT, "type": "TAKE_PROFIT_LIMIT", "trailingDelta": "100"},
        {**STOP, "type": "TAKE_PROFIT", "stopPrice": "110"},
    ],
)
def test_what_the_order_types_take_is_taken(client, fields):
    answer = client.signed("POST", "order/test", symbol="BTCUSDT", **fields)
    assert (answer.status, answer.json) == (200, {})


def test_a_parameter_that_the_request_does_not_have_is_refused(client):
    answer = client.signed(
        "POST", "order/test", symbol="BTCUSDT", **LIMIT, stopLimitPrice="1", pages="2"
    )
    # The symbol, the five of a limit order, timestamp: seven of nine.
    told = "Not all sent parameters were read; read '7' parameter(s) but was sent '9'."
    assert (answer.status, answer.json) == (400, {"code": -1104, "msg": told})


def test_what_is_missing_or_wrong_is_told_before_what_is_too_much(client):
    answer = client.signed("POST", "order/test", side="BUY", pages="2")
    assert (answer.json["code"], answer.json["msg"]) == missing("symbol")
    answer = client.ask("GET", "/api/v3/depth", "symbol=b&pages=2")
    assert answer.json["code"] == -1100


@pytest.mark.parametrize("query", ["recvWindow=5000&timestamp=1", "signature=abc&apiKey=x"])
def test_what_goes_along_with_signed_requests_may_go_along_with_others(client, query):
    assert client.ask("GET", "/api/v3/ping", query).status == 200


OTHERS = [
    ("DELETE", "order", {"symbol": "BTCUSDT"}, neither("orderId", "origClientOrderId")),
    ("DELETE", "order", {"orderId": 1}, missing("symbol")),
    ("DELETE", "order", {"symbol": "BTCUSDT", "orderId": "x"}, illegal("orderId", WHOLE)),
    (
        "DELETE",
        "order",
        {"symbol": "BTCUSDT", "orderId": 1, "cancelRestrictions": "ONLY_OLD"},
        (-1145, "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`."),
    ),
    ("DELETE", "openOrders", {}, missing("symbol")),
    ("GET", "order", {"symbol": "BTCUSDT"}, neither("orderId", "origClientOrderId")),
    ("GET", "order", {"symbol": "NOSUCH", "orderId": 1}, (-1121, "Invalid symbol.")),
    ("PUT", "order/amend/keepPriority", {"symbol": "BTCUSDT", "orderId": 1}, missing("newQty")),
    (
        "PUT",
        "order/amend/keepPriority",
        {"symbol": "BTCUSDT", "newQty": 1},
        neither("orderId", "origClientOrderId"),
    ),
    (
        "PUT",
        "order/amend/keepPriority",
        {"symbol": "BTCUSDT", "orderId": 1, "newQty": "0"},
        (-1013, "Invalid quantity."),
    ),
    (
        "POST",
        "order/cancelReplace",
        {"symbol": "BTCUSDT", **LIMIT},
        missing("cancelReplaceMode"),
    ),
    (
        "POST",
        "order/cancelReplace",
        {"symbol": "BTCUSDT", **LIMIT, "cancelReplaceMode": "STOP_ON_FAILURE"},
        neither("cancelOrderId", "cancelOrigClientOrderId"),
    ),
    (
        "GET",
        "myTrades",
        {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1},
        (-1128, "Combination of optional parameters invalid."),
    ),
    (
        "GET",
        "allOrders",
        {"symbol": "BTCUSDT", "startTime": 1, "endTime": 86_400_002},
        (-1127, "More than 24 hours between startTime and endTime."),
    ),
    (
        "GET",
        "allOrders",
        {"symbol": "BTCUSDT", "limit": "0"},
        (-1130, "Data sent for parameter 'limit' is not valid."),
    ),
    (
        "GET",
        "account",
        {"omitZeroBalances": "maybe"},
        (-1130, "Data sent for parameter 'omitZeroBalances' is not valid."),
    ),
]


@pytest.mark.parametrize(("verb", "path", "fields", "error"), OTHERS)
def test_other_requests_with_wrong_parameters_are_refused(client, verb, path, fields, error):
    assert client.signed(verb, path, **fields).error == error


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("symbols=[", (-1135, "JSON sent for parameter 'symbols' is not valid")),
        ("symbols=[1]", (-1135, "JSON sent for parameter 'symbols' is not valid")),
        ("symbols=[]", missing("symbols")),
        (
            'symbols=["BTCUSDT","BTCUSDT"]',
            (-1151, "Symbol is present multiple times in the list."),
        ),
        ('symbols=["NOSUCH"]', (-1121, "Invalid symbol.")),
        (
            "symbols=[" + ",".join(f'"A{n}"' for n in range(101)) + "]",
            (-1101, "Too many values sent for parameter 'symbols', maximum allowed up to 100."),
        ),
        (
            "symbol=BTCUSDT&permissions=SPOT",
            (-1128, "Combination of optional parameters invalid."),
        ),
        ("symbolStatus=OPEN", (-1122, "Invalid symbolStatus.")),
    ],
)
def test_lists_of_symbols_are_json_arrays(client, query, error):
    assert client.ask("GET", "/api/v3/exchangeInfo", query).error == error


def test_a_limit_above_the_largest_is_taken_as_the_largest():
    assert requests.DEPTH.parse({"symbol": "A", "limit": "100000"})["limit"] == 5000
    assert requests.TRADES.parse({"symbol": "A", "limit": "100000"})["limit"] == 1000


@pytest.mark.parametrize(
    ("request_", "fields", "weight"),
    [
        (requests.DEPTH, {"symbol": "A"}, 5),
        (requests.DEPTH, {"symbol": "A", "limit": "101"}, 25),
        (requests.DEPTH, {"symbol": "A", "limit": "1000"}, 50),
        (requests.DEPTH, {"symbol": "A", "limit": "1001"}, 250),
        (requests.OPEN_ORDERS, {}, 80),
        (requests.OPEN_ORDERS, {"symbol": "A"}, 6),
        (requests.MY_TRADES, {"symbol": "A", "orderId": "1"}, 5),
        (requests.MY_TRADES, {"symbol": "A"}, 20),
    ],
)
def test_the_weight_of_a_request_depends_on_what_it_asks(request_, fields, weight):
    assert request_.cost(request_.parse(fields)) == weight


def test_every_request_is_declared_once_and_has_something_that_does_it():
    declared = [
        *requests.ALL,
        *market_requests.ALL,
        *list_requests.ALL,
        *account_requests.ALL,
        batches.BATCH,
        batches.CANCEL_BATCH,
    ]
    assert len({(one.verb, one.path) for one in declared}) == len(declared)
    assert len({one.method for one in declared}) == len(declared)
    assert set(declared) == set(OPERATIONS)


def test_a_refusal_is_made_anew_each_time():
    # An exception remembers where it was raised: one object for all requests would grow for ever.
    raised = []
    for _ in range(2):
        with pytest.raises(Refused) as refusal:
            requests.PLACE.parse({"symbol": "A", "side": "x", "type": "LIMIT"})
        raised.append(refusal.value)
    assert raised[0] is not raised[1]
