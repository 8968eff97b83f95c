"""schemathesis: requests made of the OpenAPI document, right ones and wrong ones, at a running exchange.

Every answer must be one that the document declares, in JSON, and no request may break anything.
"""

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import quote

import requests
import schemathesis
from cases import MINE, REST, case, run
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode

EXAMPLES = 5
"""For each request and each way of making it, right and wrong."""
SCHEMA = schemathesis.openapi.from_url(f"{REST}/api/v3/openapi.json")
DECLARED = {"200", "400", "401", "403", "404", "405", "409", "413", "418", "429", "431", "503"}
session = requests.Session()
session.headers["X-MBX-APIKEY"] = MINE["api_key"]
SEEN: dict[int, int] = {}


def send(operation: Any, query: dict[str, Any]) -> requests.Response:
    """Send a generated request; a signed one gets a right time and signature, so that it goes further."""
    fields = {name: value for name, value in query.items() if value is not None}
    signed = any(one["name"] == "signature" for one in operation.definition.raw["parameters"])
    if signed:
        fields.pop("signature", None)
        fields["timestamp"] = time.time_ns() // 1_000_000
        fields.pop("recvWindow", None)
    text = "&".join(f"{quote(str(n), safe='')}={quote(str(v), safe='')}" for n, v in fields.items())
    if signed:
        seal = hmac.new(MINE["secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
        text += f"&signature={seal}"
    return session.request(operation.method.upper(), f"{REST}{operation.path}?{text}", timeout=60)


def check(answer: requests.Response) -> None:
    """Check that an answer is in the form of the dialect."""
    SEEN[answer.status_code] = SEEN.get(answer.status_code, 0) + 1
    about = (answer.request.method, answer.request.url, answer.status_code, answer.text[:300])
    assert str(answer.status_code) in DECLARED, about
    assert answer.headers["content-type"] == "application/json", about
    told = answer.json()
    if answer.status_code != 200:
        assert isinstance(told["code"], int) and told["code"] < 0 and told["msg"], about


def attack(operation: Any, mode: GenerationMode) -> None:
    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def one(made: Any) -> None:
        check(send(operation, dict(made.query or {})))

    one()


OPERATIONS = [one.ok() for one in SCHEMA.get_all_operations()]


@case
def right_requests_get_answers() -> None:
    for operation in OPERATIONS:
        attack(operation, GenerationMode.POSITIVE)


@case
def wrong_requests_get_refusals() -> None:
    for operation in OPERATIONS:
        if operation.definition.raw["parameters"]:
            attack(operation, GenerationMode.NEGATIVE)


@case
def the_exchange_answers_as_before() -> None:
    assert SEEN.get(200, 0) > 50, SEEN
    assert SEEN.get(400, 0) > 200, SEEN
    assert session.get(f"{REST}/api/v3/ping", timeout=10).json() == {}


run()
