"""Parameters out of raw bytes, and the bytes that a signature covers (API sections 1, 2 and 17)."""

from urllib.parse import quote_plus, unquote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingress.auth import HmacSeal
from ingress.errors import Refused
from ingress.form import PARAM_LIMIT, read_form
from tests.rest_house import SECRET

ORDER = b"symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC"
REST = b"quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
FULLWIDTH = b"%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96"


@pytest.mark.parametrize(
    ("query", "body", "signature"),
    [
        (
            ORDER + b"&" + REST,
            b"",
            "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
        ),
        (ORDER, REST, "0fd168b8ddb4876a0358a8d14d0c9f3da0e9b20c5d52b2a00fcf7d1c602f9a77"),
        (
            b"",
            b"symbol=" + FULLWIDTH + b"&side=BUY&type=LIMIT&timeInForce=GTC&" + REST,
            "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
        ),
    ],
    ids=["query alone", "query and body without a separator", "percent-encoded"],
)
def test_the_golden_signatures_fit_the_bytes_as_sent(query, body, signature):
    seal = f"&signature={signature}".encode()
    for form in (
        read_form(query, body + seal) if body else read_form(query + seal, b""),
        read_form(query, body + seal.upper().replace(b"SIGNATURE", b"signature"))
        if body
        else read_form(query + seal, b""),
    ):
        assert HmacSeal(SECRET).fits(form.signature or "", form.payload)


def test_a_signature_is_taken_out_wherever_it_stands():
    for part in (b"signature=ab&a=1&b=2", b"a=1&signature=ab&b=2", b"a=1&b=2&signature=ab"):
        for form in (read_form(part, b""), read_form(b"", part)):
            assert (form.signature, form.payload) == ("ab", b"a=1&b=2")
            assert form.fields == {"a": "1", "b": "2"}


def test_a_request_without_a_signature_has_none():
    form = read_form(b"a=1", b"b=2")
    assert (form.signature, form.payload) == (None, b"a=1b=2")
    assert read_form(b"", b"").fields == {}


def test_the_value_in_the_query_wins_over_the_one_in_the_body():
    form = read_form(b"symbol=A&side=BUY", b"symbol=B&quantity=1&signature=ab")
    assert form.fields == {"symbol": "A", "side": "BUY", "quantity": "1"}
    assert form.payload == b"symbol=A&side=BUYsymbol=B&quantity=1"


def test_the_signature_in_the_query_wins_over_the_one_in_the_body():
    assert read_form(b"a=1&signature=query", b"b=2&signature=body").signature == "query"


def test_values_are_decoded_and_the_covered_bytes_are_not():
    form = read_form(b"symbols=%5B%22BTCUSDT%22%2C+%22BNBUSDT%22%5D&signature=ab", b"")
    assert form.fields == {"symbols": '["BTCUSDT", "BNBUSDT"]'}
    assert form.payload == b"symbols=%5B%22BTCUSDT%22%2C+%22BNBUSDT%22%5D"


def test_brackets_and_quotes_may_come_as_they_are():
    assert read_form(b'symbols=["A","B"]', b"").fields == {"symbols": '["A","B"]'}


@pytest.mark.parametrize("sent", [b"ab%2Bcd%2F%3D", b"ab+cd/=", b"ab%2Bcd/="])
def test_a_base64_signature_is_read_encoded_or_not(sent):
    assert read_form(b"a=1&signature=" + sent, b"").signature == "ab+cd/="


def test_an_empty_value_is_kept_and_an_empty_pair_is_not():
    assert read_form(b"a=&&b=1&", b"").fields == {"a": "", "b": "1"}


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (b"a=1&a=2", b""),
        (b"", b"a=1&b=2&a=1&signature=ab"),
        (b"a=1&signature=ab&signature=ab", b""),
        (b"a=1&signature=ab&b=2&signature=ab", b""),
        (b"%61=1&a=2", b""),
        (b"a=1&%73ignature=ab&signature=ab", b""),
    ],
)
def test_a_parameter_sent_twice_in_one_place_is_refused(query, body):
    with pytest.raises(Refused) as refusal:
        read_form(query, body)
    assert (refusal.value.code, refusal.value.msg) == (
        -1101,
        "Duplicate values for a parameter detected.",
    )


@pytest.mark.parametrize("part", [b"a=\xff\xfe", b"a=%FF%FE", b"%C3%28=1", b"a=1&signature=\xff"])
def test_what_is_not_utf_8_is_refused(part):
    for query, body in ((part, b""), (b"", part)):
        with pytest.raises(Refused) as refusal:
            read_form(query, body)
        assert refusal.value.code == -1100


def test_more_parameters_than_any_request_has_are_refused():
    pairs = b"&".join(b"p%d=1" % number for number in range(PARAM_LIMIT + 1))
    with pytest.raises(Refused) as refusal:
        read_form(pairs, b"")
    assert refusal.value.msg == "Too many parameters; expected '100' and received '101'."


@given(value=st.text(st.characters(codec="utf-8"), min_size=100, max_size=200))
@example(value='[{"symbol":"BTCUSDT", "price":"1"}]' * 10)
@example(value="%22%2522%7B+%" * 30)
def test_a_long_value_is_decoded_as_python_decodes_it(value):
    encoded = quote_plus(value) + quote_plus(quote_plus(value)).replace("%25", "%25%7d")
    assert read_form(b"", f"batchOrders={encoded}&signature=s".encode()).fields == {
        "batchOrders": unquote_plus(encoded)
    }
