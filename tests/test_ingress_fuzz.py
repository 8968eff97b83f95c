"""Whatever the parameters of whichever request: an answer, or a refusal in the dialect's words; never a 500."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingress.app import OPERATIONS
from ingress.params import Request
from tests.rest_house import SECRET, Answer, Client, House

REQUESTS = list(OPERATIONS)
_HUGE = "9" * 400
_ODD = st.sampled_from(
    ["", "0", "-1", "1", "1.5", "0.00000001", "1e5", "NaN", "Infinity", "9223372036854775807",
     "9223372036854775808", "99999999999999999999", _HUGE, "1." + "0" * 50, "٣", "１２", "\x00", "%",
     "BTCUSDT", "btcusdt", "AAPLUSD", "BUY", "SELL", "LIMIT", "MARKET", "STOP_LOSS", "GTC", "FULL",
     "NONE", "true", "[]", '["BTCUSDT"]', '["BTCUSDT","BTCUSDT"]', "[" * 2000, '[{"symbol":1}]',
     '[{"symbol":"BTCUSDT","side":"BUY","type":"MARKET","quantity":[]}]', "1m", "1M", "7d", "+14:00",
     "' or 1=1 --", "../../etc", "🙂"]
)  # fmt: skip
_VALUES = _ODD | st.text(max_size=40) | st.integers(-(2**70), 2**70).map(str)


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """One door for all cases: each leaves its marks, as in life."""
    with House().open() as one:
        yield one


@st.composite
def calls(draw: st.DrawFn) -> tuple[Request, dict[str, str]]:
    """A request with some of its parameters, some that it does not have, and any values."""
    request = draw(st.sampled_from(REQUESTS))
    names = [param.name for param in request.params]
    likely = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    fields = {
        name: value for name, value in likely.items() if name in names and draw(st.booleans())
    }
    chosen = draw(st.lists(st.sampled_from([*names, "other"]), max_size=6, unique=True))
    return request, fields | {name: draw(_VALUES) for name in chosen}


def call(client: Client, request: Request, fields: dict[str, str], *, in_body: bool) -> Answer:
    """Send any request, signed when it must be, in its query string or as a form body."""
    if request.signed:
        fields = {**fields, "timestamp": str(client.house.now_ns // 1_000_000)}
    form = urlencode(fields)
    if request.signed:
        seal = hmac.new(SECRET.encode(), form.encode(), hashlib.sha256).hexdigest()
        form += f"&signature={seal}"
    headers = {"X-MBX-APIKEY": "alice"}
    if in_body and request.verb != "GET":
        return client.ask(request.verb, request.path, "", form.encode(), headers)
    return client.ask(request.verb, request.path, form, b"", headers)


@settings(max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls(), st.booleans())
def test_any_parameters_get_an_answer_or_a_refusal(client, asked, in_body):
    answer = call(client, *asked, in_body=in_body)
    told = json.loads(answer.body)
    if answer.status != 200:
        assert 400 <= answer.status < 500, (answer.status, told)
        assert isinstance(told["code"], int) and told["code"] < 0
        assert isinstance(told["msg"], str) and told["msg"]
        assert set(told) <= {"code", "msg", "data"}
