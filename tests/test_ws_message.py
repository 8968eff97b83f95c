"""Messages of the WebSocket API: ids, wrong requests, and what a signature covers (API sections 2 and 13)."""

import json

import pytest

from ingress.ws_message import WrongMessage, read_call
from tests.stream_house import played
from tests.ws_house import sign_hmac, ws_house


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (None, None),
        (17, 17),
        (-(2**63) + 1, -(2**63) + 1),
        ("", ""),
        ("0b6d2a3c-36-characters-are-allowed-ok", None),
        ("36-characters-are-allowed-in-an-id-ok", None),
        ("exactly-36-characters-are-allowed-ok", "exactly-36-characters-are-allowed-ok"),
        (1.5, None),
        ([1], None),
        (True, None),
    ],
)
def test_ids(sent: object, told: object):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            await client.socket.send(json.dumps({"id": sent, "method": "ping"}))
            answer = await client.hear()
            assert answer["id"] == told
            if sent == told:
                assert answer["status"] == 200
            else:
                assert answer["status"] == 400
                assert answer["error"] == {
                    "code": -1130,
                    "msg": "Data sent for parameter 'id' is not valid.",
                }

    scenario()


@pytest.mark.parametrize(
    ("sent", "id_", "code", "msg"),
    [
        ("{", None, -1135, "Invalid JSON Request"),
        ("", None, -1135, "Invalid JSON Request"),
        ("[]", None, -1135, "Invalid JSON Request"),
        ('"ping"', None, -1135, "Invalid JSON Request"),
        ("[" * 60_000, None, -1135, "Invalid JSON Request"),
        (
            '{"id":1,"method":"ping","params":{"a":' + "[" * 60_000,
            None,
            -1135,
            "Invalid JSON Request",
        ),
        ('{"id":3,"method":"ping","params":{"a":"\\ud800"}}', None, -1135, "Invalid JSON Request"),
        (
            '{"id":3}',
            3,
            -1102,
            "Mandatory parameter 'method' was not sent, was empty/null, or malformed.",
        ),
        (
            '{"id":"x","method":7}',
            "x",
            -1102,
            "Mandatory parameter 'method' was not sent, was empty/null, or malformed.",
        ),
        (
            '{"id":3,"method":"ping","params":[]}',
            3,
            -1130,
            "Data sent for parameter 'params' is not valid.",
        ),
        (
            '{"id":3,"method":"no.such"}',
            3,
            -1020,
            "Unknown method 'no.such'. This operation is not supported.",
        ),
        (
            '{"id":3,"method":"depth"}',
            3,
            -1102,
            "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
        ),
        ('{"id":3,"method":"depth","params":{"symbol":"XXX"}}', 3, -1121, "Invalid symbol."),
        (
            '{"id":3,"method":"depth","params":{"symbol":{"a":1}}}',
            3,
            -1100,
            "Illegal characters found in parameter 'symbol'; legal range is '^[A-Z0-9-_.]{1,20}$'.",
        ),
        (
            '{"id":3,"method":"ping","params":{"returnRateLimits":"no"}}',
            3,
            -1130,
            "Data sent for parameter 'returnRateLimits' is not valid.",
        ),
    ],
)
def test_wrong_requests_hear_what_is_wrong(sent: str, id_: object, code: int, msg: str):
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            await client.socket.send(sent)
            told = await client.hear()
            assert (told["id"], told["status"]) == (id_, 400)
            assert told["error"] == {"code": code, "msg": msg}
            assert (await client.ask("ping"))["status"] == 200

    scenario()


def test_more_parameters_than_any_request_has_are_refused():
    @played
    async def scenario():
        async with ws_house() as house, house.client() as client:
            told = await client.ask("ping", {str(number): 1 for number in range(101)})
            assert told["error"]["code"] == -1101

    scenario()


def test_the_golden_signature_of_the_dialect_covers_the_sorted_parameters():
    params = {
        "symbol": "BTCUSDT",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01000000",
        "price": "52000.00",
        "recvWindow": 100,
        "timestamp": 1645423376532,
        "apiKey": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
        "signature": "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24",
    }
    call = read_call(json.dumps({"id": 1, "method": "order.place", "params": params}).encode())
    form = call.form(proved=False)
    assert sign_hmac(form.payload) == form.signature
    assert "apiKey" not in form.fields
    assert "signature" not in form.fields


def test_a_null_is_a_parameter_that_is_not_there():
    call = read_call(b'{"method":"x","params":{"a":null,"b":1.50,"c":[1, 2],"d":"\\u00e9"}}')
    assert (call.id, call.fields) == (b"null", {"b": "1.50", "c": "[1, 2]", "d": "é"})


def test_a_name_that_is_no_utf8_is_refused_where_it_is_passed_over_unread() -> None:
    """Found by `make fuzz-bytes`."""
    message = b'{"id":1,"method":"order.batch","params":{"batchOrders":[{"symb\xffl":"BTCUSDT"}]}}'
    with pytest.raises(WrongMessage) as told:
        read_call(message)
    assert told.value.refusal.code == -1135
