"""Plain orders read by compiled code: a yes means the same record as in Python, and nearly all orders get a yes."""

import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingress import errors
from ingress.batches import BATCH
from ingress.form import Form, read_form
from ingress.plain import PlainForm, PlainOrders
from ingress.views import Views
from protocol.terms import TimeInForce
from tests.read_orders import PLAIN, agree, of_order
from tests.reference_market import Market

SEAL = "&signature=0123abc"
LIMIT = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01000",
    "price": "50000.00",
}
TIMES = {"recvWindow": "5000", "timestamp": "1764450000000"}


def without(order: dict[str, str], *names: str) -> dict[str, str]:
    """Leave out some fields."""
    return {name: text for name, text in order.items() if name not in names}


PLAIN_ORDERS = [
    LIMIT,
    {**LIMIT, "side": "SELL", "newClientOrderId": "x-3/Aa:9.b_7"},
    {**LIMIT, "newClientOrderId": "a" * 36, "newOrderRespType": "ACK"},
    {**LIMIT, "symbol": "AAPLUSD", "quantity": "1", "price": "150.25"},
    {**LIMIT, "selfTradePreventionMode": "EXPIRE_MAKER", "newOrderRespType": "RESULT"},
    {**LIMIT, "quantity": "0.010000000000000000", "price": "050000.0"},
    {**without(LIMIT, "price", "timeInForce"), "type": "MARKET"},
    {**without(LIMIT, "timeInForce"), "type": "LIMIT_MAKER"},
    *({**LIMIT, "timeInForce": time.name} for time in TimeInForce if time is not TimeInForce.GTD),
]


@pytest.mark.parametrize("order", PLAIN_ORDERS, ids=str)
@pytest.mark.parametrize("where", ["query", "body"])
def test_a_plain_order_is_read_as_python_reads_it(order, where):
    form = (urlencode({**order, **TIMES}) + SEAL).replace("%2F", "/").replace("%3A", ":").encode()
    read = PLAIN.read_order(form, b"") if where == "query" else PLAIN.read_order(b"", form)
    agree(read, [order])


@pytest.mark.parametrize("seal", ["00ff", "aB%2B%2F%3D", "aB+/=", "%41", ""])
def test_a_signature_of_any_spelling_is_read_as_python_reads_it(seal):
    form = f"{urlencode({**LIMIT, **TIMES})}&signature={seal}".encode()
    agree(PLAIN.read_order(b"", form), [LIMIT])


@pytest.mark.parametrize("spaces", [None, (",", ":")], ids=["spaces", "tight"])
@pytest.mark.parametrize("escape", [quote_plus, quote, str], ids=["plus", "percent", "raw"])
def test_a_batch_of_plain_orders_is_read_as_python_reads_it(spaces, escape):
    orders = (PLAIN_ORDERS * 5)[:50]
    text = escape(json.dumps(orders, separators=spaces))
    form = f"timestamp=1764450000000&batchOrders={text}&recvWindow=60000{SEAL}".encode()
    agree(PLAIN.read_batch(b"", form), orders)


NOT_PLAIN = [
    without(LIMIT, "price"),
    without(LIMIT, "quantity"),
    without(LIMIT, "timeInForce"),
    without(LIMIT, "symbol"),
    without(LIMIT, "side"),
    without(LIMIT, "type"),
    {**LIMIT, "type": "MARKET"},
    {**LIMIT, "type": "LIMIT_MAKER"},
    {**LIMIT, "symbol": "NONE"},
    {**LIMIT, "symbol": ""},
    {**LIMIT, "side": "buy"},
    {**LIMIT, "type": "STOP_LOSS_LIMIT", "stopPrice": "1"},
    {**LIMIT, "timeInForce": "GTD", "goodTillDate": "1864450000000"},
    {**LIMIT, "icebergQty": "0.001"},
    {**LIMIT, "quoteOrderQty": "10"},
    {**LIMIT, "quantity": "0"},
    {**LIMIT, "quantity": "0.000001"},
    {**LIMIT, "quantity": "1."},
    {**LIMIT, "quantity": ".5"},
    {**LIMIT, "quantity": "1.2.3"},
    {**LIMIT, "quantity": "-1"},
    {**LIMIT, "quantity": "1e3"},
    {**LIMIT, "quantity": "0." + "0" * 21},
    {**LIMIT, "price": "9" * 20},
    {**LIMIT, "price": "0." + "0" * 20 + "1"},
    {**LIMIT, "newClientOrderId": "a" * 37},
    {**LIMIT, "newClientOrderId": "a b"},
    {**LIMIT, "newClientOrderId": "é"},
    {**LIMIT, "newOrderRespType": "full"},
    {**LIMIT, "selfTradePreventionMode": "TRANSFER"},
    {**LIMIT, "selfTradePreventionMode": "DEFAULT"},
    {**LIMIT, "unknown": "1"},
]


@pytest.mark.parametrize("order", NOT_PLAIN, ids=str)
def test_whatever_is_not_plain_is_left_to_python(order):
    form = (urlencode({**order, **TIMES}) + SEAL).encode()
    assert type(PLAIN.read_order(b"", form)) is Form
    batch = urlencode({"batchOrders": json.dumps([LIMIT, order]), **TIMES}) + SEAL
    assert type(PLAIN.read_batch(b"", batch.encode())) is Form


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[{}]",
        "{}",
        "[",
        "[{",
        json.dumps([LIMIT])[:-1],
        json.dumps([LIMIT])[:-2],
        json.dumps([LIMIT]) + "x",
        json.dumps([LIMIT]) + "]",
        json.dumps([LIMIT, LIMIT]).replace("}, {", "} {"),
        json.dumps([LIMIT]).replace('"BUY"', '"BUY",'),
        json.dumps([LIMIT]).replace('"BUY"', '"B\\u0055Y"'),
        json.dumps([LIMIT]).replace('"BUY"', '"BUY\x01"'),
        json.dumps([LIMIT]).replace('"0.01000"', "0.01000"),
        json.dumps([LIMIT]).replace('"side"', '"side": "SELL", "side"'),
        json.dumps([{**LIMIT, "timestamp": "1"}]),
        json.dumps([LIMIT] * 51),
        json.dumps([LIMIT]) + " " * 70_000,
    ],
)
def test_json_that_is_not_plain_is_left_to_python(text):
    form = urlencode({"batchOrders": text, **TIMES}) + SEAL
    assert type(PLAIN.read_batch(b"", form.encode())) is Form


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"&signature=1",
        b"symbol",
        b"symbol=BTCUSDT",
        (urlencode(LIMIT) + SEAL + "&timestamp=1").encode(),
        (urlencode(LIMIT) + "&" + SEAL).encode(),
        (urlencode(LIMIT) + "&side=BUY" + SEAL).encode(),
        (urlencode(LIMIT) + "&signature=1" + SEAL).encode(),
        b"signature=1" + SEAL.encode(),
        (urlencode(LIMIT) + "&timestamp=1%20" + SEAL).encode(),
        (urlencode(LIMIT) + "&signature=%FF").encode(),
        (urlencode(LIMIT) + "&signature=1&signature=%41").encode(),
        (urlencode(LIMIT) + "&batchOrders=1" + SEAL).encode(),
    ],
)
def test_forms_that_are_not_plain_are_left_to_python(form):
    outcomes = []
    for read in (read_form, PLAIN.read_order):
        try:
            outcomes.append(read(b"", form))
        except errors.Refused as refusal:
            outcomes.append(refusal.body())
    assert outcomes[0] == outcomes[1]
    assert type(outcomes[1]) in (Form, dict)


def test_query_and_body_together_are_left_to_python():
    query, body = urlencode(LIMIT).encode(), (urlencode(TIMES) + SEAL).encode()
    assert type(PLAIN.read_order(query, body)) is Form


def test_a_batch_that_came_as_json_is_read_as_python_reads_it():
    form = Form({"batchOrders": json.dumps(PLAIN_ORDERS), **TIMES}, "abc", b"signed", proved=True)
    read = PLAIN.batch_of_fields(form)
    agree(read, PLAIN_ORDERS)
    assert (read.again(), read.proved, read.fields) == (form, True, form.fields)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"batchOrders": json.dumps([{**LIMIT, "newClientOrderId": "a%41"}])},
        {"batchOrders": json.dumps([{**LIMIT, "newClientOrderId": "a+b"}])},
        {"batchOrders": json.dumps([{**LIMIT, "newClientOrderId": "a&timestamp=1"}])},
        {"batchOrders": json.dumps([LIMIT]), "x": "1"},
        {"batchOrders": json.dumps([{**LIMIT, "quantity": 1}])},
        {"batchOrders": json.dumps([LIMIT]), "side=BUY": ""},
        {"batchOrders": json.dumps([LIMIT]), **LIMIT},
        {"batchOrders": "[]"},
    ],
    ids=str,
)
def test_fields_that_are_not_plain_stay_as_they_are(fields):
    form = Form(fields, None, b"")
    assert PLAIN.batch_of_fields(form) is form


def test_an_instrument_that_is_added_is_known_by_the_next_life_of_the_tables():
    market = Market()
    board = dict(market.board)
    views = Views(lambda: board)
    plain = PlainOrders(views)
    form = (urlencode({**LIMIT, **TIMES}) + SEAL).encode()
    assert isinstance(plain.read_order(b"", form), PlainForm)
    board["instruments"] = board["instruments"][:0]
    views._names = None
    assert type(plain.read_order(b"", form)) is Form


SCRAPS = """newClientOrderId MARKET LIMIT_MAKER SELL IOC timestamp recvWindow 1 0.5 . = & % %41 + é id " \\"""
PARTS = st.sampled_from([*LIMIT, *LIMIT.values(), *SCRAPS.split(), "", "\0", "9" * 19])
TEXT = st.lists(PARTS, max_size=3).map("".join) | st.text(max_size=4)


@given(
    st.dictionaries(st.sampled_from([*LIMIT, "newClientOrderId", "x"]) | TEXT, TEXT, max_size=9),
    st.booleans(),
)
@example({**LIMIT, "price": "92233720368547758.07"}, True)
@example({**LIMIT, "price": "0000000000000000.01"}, True)
def test_any_order_is_read_as_python_reads_it_or_left_to_python(changes, raw):
    fields = {**LIMIT, **changes}
    pairs = "&".join(f"{name}={text}" for name, text in fields.items())
    form = ((pairs if raw else urlencode(fields)) + SEAL).encode()
    try:
        read = PLAIN.read_order(b"", form)
    except errors.Refused:
        return
    if isinstance(read, PlainForm):
        agree(read, [of_order(read.again().fields)])


@given(
    st.lists(st.dictionaries(st.sampled_from([*LIMIT]), TEXT, max_size=2), min_size=1, max_size=3),
    st.binary(max_size=2),
    st.integers(0, 900),
)
def test_any_batch_is_read_as_python_reads_it_or_left_to_python(changes, noise, at):
    orders = [{**LIMIT, **change} for change in changes]
    form = (urlencode({"batchOrders": json.dumps(orders), **TIMES}) + SEAL).encode()
    form = form[:at] + noise + form[at + len(noise) :]
    try:
        read = PLAIN.read_batch(b"", form)
    except errors.Refused:
        return
    if isinstance(read, PlainForm):
        agree(read, BATCH.parse(read.again().fields)["batchOrders"])
