"""What the door says of itself: the OpenAPI document and the page for people."""

import re

import pytest

from ingress.app import OPERATIONS
from tests.rest_house import House


@pytest.fixture
def client():
    with House().open() as client:
        yield client


@pytest.fixture
def document(client):
    return client.ask("GET", "/api/v3/openapi.json").json


def test_every_request_is_described_with_its_parameters(document):
    for request in OPERATIONS:
        told = document["paths"][request.path][request.verb.lower()]
        names = [param["name"] for param in told["parameters"]]
        own = [param.name for param in request.params]
        signed = ["timestamp", "recvWindow", "signature"] if request.signed else []
        assert names == own + signed
        assert ("security" in told) == bool(request.permission)
        assert told["summary"]


def test_operations_have_names_of_their_own(document):
    names = [one["operationId"] for verbs in document["paths"].values() for one in verbs.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)


def test_a_list_of_names_is_one_json_text(document):
    parameters = document["paths"]["/api/v3/exchangeInfo"]["get"]["parameters"]
    [symbols] = [one for one in parameters if one["name"] == "symbols"]
    assert symbols["content"]["application/json"]["schema"]["type"] == "array"


def test_every_pattern_is_one_that_a_reader_can_compile(document):
    for verbs in document["paths"].values():
        for one in verbs.values():
            for param in one["parameters"]:
                re.compile(param.get("schema", {}).get("pattern", ""))


def test_the_page_names_every_path_and_loads_nothing(client):
    answer = client.ask("GET", "/docs")
    assert answer.headers["content-type"].startswith("text/html")
    text = answer.body.decode()
    assert all(request.path in text for request in OPERATIONS)
    assert re.findall(r"(?:src|href)=\"(?!/api/v3/openapi\.json)", text) == []
    assert "http://" not in text
    assert "https://" not in text
