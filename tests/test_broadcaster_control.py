"""Addresses and requests of stream connections (API section 11)."""

import json

import pytest

from broadcaster.control import Opening, Request, WrongAddress, opening_of, request_of, result
from broadcaster.encode import MICROSECOND, MILLISECOND

EXPECTED = (
    "expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, "
    "`GET_PROPERTY`"
)


def _raw(*names: str, unit_ns: int = MILLISECOND) -> Opening:
    return Opening(names, combined=False, unit_ns=unit_ns)


def _wrapped(*names: str, unit_ns: int = MILLISECOND) -> Opening:
    return Opening(names, combined=True, unit_ns=unit_ns)


@pytest.mark.parametrize(
    ("target", "opening"),
    [
        ("/ws", _raw()),
        ("/ws/", _raw()),
        ("/ws/btcusdt@trade", _raw("btcusdt@trade")),
        ("/ws/btcusdt@trade/ethusdt@depth@100ms", _raw("btcusdt@trade", "ethusdt@depth@100ms")),
        ("/ws/btcusdt%40trade", _raw("btcusdt@trade")),
        ("/ws/!miniTicker@arr@1000ms", _raw("!miniTicker@arr@1000ms")),
        ("/ws/btcusdt@kline_1d@+08:00", _raw("btcusdt@kline_1d@+08:00")),
        ("/ws/0", _raw()),
        ("/0", _raw()),
        ("/", _raw()),
        ("/anything/else", _raw()),
        ("*", _raw()),
        ("/stream", _wrapped()),
        ("/stream?streams=", _wrapped()),
        ("/stream?streams=a@trade/b@trade", _wrapped("a@trade", "b@trade")),
        ("/stream?streams=a%40trade%2Fb%40trade", _wrapped("a@trade", "b@trade")),
        ("/stream?streams=a@kline_1d@+08:00", _wrapped("a@kline_1d@+08:00")),
        ("/stream?streams=a@trade/a@trade", _wrapped("a@trade")),
        ("/stream/ws/a@trade", _raw("a@trade")),
        ("/stream/ws", _raw()),
        ("/stream/3", _wrapped()),
        ("/ws/a@trade?timeUnit=MICROSECOND", _raw("a@trade", unit_ns=MICROSECOND)),
        ("/ws?timeUnit=millisecond", _raw()),
        ("/stream?timeUnit=microsecond&streams=a@b", _wrapped("a@b", unit_ns=MICROSECOND)),
    ],
)
def test_an_address_says_which_streams_in_which_form(target, opening):
    assert opening_of(target) == opening


def test_a_wrong_time_unit_is_refused():
    with pytest.raises(WrongAddress, match="-1194"):
        opening_of("/ws/btcusdt@trade?timeUnit=SECOND")


@pytest.mark.parametrize("id_", [1, 0, -5, 2**63 - 1, -(2**63), "", "a" * 36, None])
def test_a_request_may_carry_these_ids(id_):
    text = json.dumps({"method": "SUBSCRIBE", "params": ["a@trade"], "id": id_})
    asked = request_of(text)
    assert asked == Request("SUBSCRIBE", id_, names=("a@trade",))
    assert json.loads(result(asked, None)) == {"result": None, "id": id_}


def test_a_request_without_an_id_is_answered_with_null():
    asked = request_of('{"method":"LIST_SUBSCRIPTIONS"}')
    assert isinstance(asked, Request)
    assert result(asked, ["a@trade"]) == '{"result":["a@trade"],"id":null}'


@pytest.mark.parametrize(
    ("text", "code", "msg"),
    [
        ("", 3, "Invalid JSON: expected value at line 1 column 1"),
        ("nonsense", 3, "Invalid JSON: expected value at line 1 column 1"),
        ('{\n "method": }', 3, "Invalid JSON: expected value at line 2 column 12"),
        ("[" * 100_000, 3, "Invalid JSON: expected value at line 1 column 1"),
        ("1" * 5_000, 3, "Invalid JSON: expected value at line 1 column 1"),
        ('{"id":1}', 2, "Invalid request: missing field `method` at line 1 column 8"),
        ("[1]", 2, "Invalid request: missing field `method` at line 1 column 3"),
        ("null", 2, "Invalid request: missing field `method` at line 1 column 4"),
        (
            '{"method": "X","id":1}',
            2,
            f"Invalid request: unknown variant `X`, {EXPECTED} at line 1 column 14",
        ),
        (
            '{\n"method": "SUBSCRIBE_WRONG"}',
            2,
            f"Invalid request: unknown variant `SUBSCRIBE_WRONG`, {EXPECTED} at line 2 column 27",
        ),
        (
            '{"method":5}',
            2,
            f"Invalid request: unknown variant `5`, {EXPECTED} at line 1 column 11",
        ),
        (
            '{"method":"SUBSCRIBE","params":["a@b"],"id":1.5}',
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        (
            '{"method":"SUBSCRIBE","id":true}',
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        (
            '{"method":"SUBSCRIBE","id":9223372036854775808}',
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        (
            '{"method":"SUBSCRIBE","id":"0123456789012345678901234567890123456"}',
            2,
            "Invalid request: request ID must be an unsigned integer",
        ),
        ('{"method":"SUBSCRIBE","params":[1]}', 2, "Invalid request: stream names must be strings"),
        ('{"method":"SUBSCRIBE","params":{"a":1}}', 2, "Invalid request: params must be an array"),
        (
            '{"method":"LIST_SUBSCRIPTIONS","params":["x"]}',
            2,
            "Invalid request: too many parameters",
        ),
        (
            '{"method":"GET_PROPERTY","params":["combined","x"]}',
            2,
            "Invalid request: too many parameters",
        ),
        (
            '{"method":"SET_PROPERTY","params":["combined",true,1]}',
            2,
            "Invalid request: too many parameters",
        ),
        ('{"method":"GET_PROPERTY"}', 2, "Invalid request: property name must be a string"),
        (
            '{"method":"SET_PROPERTY","params":[5,true]}',
            2,
            "Invalid request: property name must be a string",
        ),
        (
            '{"method":"SET_PROPERTY","params":["combined","true"]}',
            1,
            "Invalid value type: expected Boolean",
        ),
        (
            '{"method":"SET_PROPERTY","params":["combined"]}',
            1,
            "Invalid value type: expected Boolean",
        ),
    ],
)
def test_a_wrong_request_is_refused_in_the_dialects_words(text, code, msg):
    refusal = request_of(text)
    assert isinstance(refusal, str)
    assert json.loads(refusal) == {"code": code, "msg": msg}


@pytest.mark.parametrize("method", ["GET_PROPERTY", "SET_PROPERTY"])
def test_an_unknown_property_is_refused_with_the_id(method):
    refusal = request_of(json.dumps({"method": method, "params": ["colour", True][:1], "id": 7}))
    assert refusal == '{"code":0,"msg":"Unknown property","id":7}'
