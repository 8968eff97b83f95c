"""Whatever is sent, the answer is the dialect's JSON (API section 1)."""

import logging

import pytest

from ingress.door import Door
from runtime.shared import NotPublished
from tests.rest_house import House

UNKNOWN = (
    "Timeout waiting for response from backend server. "
    "Send status unknown; execution status unknown."
)


@pytest.fixture
def house():
    return House(max_body_bytes=1024)


@pytest.fixture
def client(house):
    with house.open() as client:
        yield client


def test_a_path_that_does_not_exist(client):
    for path in ("/", "/api/v3", "/api/v3/order/", "/api/v3/nothing", "/api/v3/\u00e9", "//"):
        answer = client.ask("GET", path)
        assert (answer.status, answer.error) == (
            404,
            (-1099, "Not found, authenticated, or authorized"),
        )


def test_a_verb_that_a_path_does_not_have(client):
    for verb in ("PUT", "PATCH", "TRACE"):
        answer = client.ask(verb, "/api/v3/order")
        assert (answer.status, answer.error) == (405, (-1020, "This operation is not supported."))
        assert "POST" in answer.headers["allow"]


def test_a_verb_that_does_not_exist(client):
    assert client.ask("BREW", "/api/v3/order").error[0] < 0


@pytest.mark.parametrize("size", [1025, 3000, 100_000])
def test_a_body_above_the_limit(client, size):
    answer = client.ask("POST", "/api/v3/order", body=b"x" * size)
    assert (answer.status, answer.error) == (413, (-1000, "The request body is too large."))


def test_bytes_that_are_not_text(client):
    for query, body in ((b"symbol=\xff", b""), (b"", b"\x00\xff\xfe"), (b"%FF=%FE", b"")):
        answer = client.ask("POST", "/api/v3/order", query, body)
        assert answer.error[0] == -1100


@pytest.mark.parametrize(
    "number", ["1" * 1000, "9" * 20, "-1", "1e999", "NaN", "\u0660", "0x10", " 1", "+1"]
)
def test_numbers_that_are_none(client, number):
    for query in (f"symbol=BTCUSDT&limit={number}", f"symbol=BTCUSDT&fromId={number}"):
        answer = client.ask("GET", "/api/v3/historicalTrades", query.encode())
        assert (answer.status, answer.error[0]) in ((400, -1100), (400, -1108), (400, -1130))


@pytest.mark.parametrize(
    ("way", "more"), [("ask_records", {}), ("ask", {"strategyId": 1})], ids=["plain", "not"]
)
def test_an_operation_that_fails_is_told_as_unknown_and_logged(
    client, monkeypatch, caplog, way, more
):
    def fail(*args: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Door, way, fail)
    with caplog.at_level(logging.ERROR):
        answer = client.order(side="BUY", price="100", quantity="1", **more)
    assert (answer.status, answer.error) == (
        500,
        (-1000, "An unknown error occurred while processing the request."),
    )
    assert "a bug" in caplog.text


def test_no_matcher_is_told_as_such(client, monkeypatch):
    def away(self: object) -> None:
        raise NotPublished("the matcher has not announced its shared memory")

    monkeypatch.setattr("ingress.views.Views.names", away)
    for answer in (
        client.order(side="BUY", price="100", quantity="1"),
        client.ask("GET", "/api/v3/depth", "symbol=BTCUSDT"),
    ):
        assert (answer.status, answer.error[0], answer.headers["retry-after"]) == (503, -1001, "1")


def test_a_matcher_that_takes_no_commands_is_busy(client, house):
    house.market.board["status"]["ready"] = 0
    answer = client.order(side="BUY", price="100", quantity="1")
    assert (answer.status, answer.error[0]) == (503, -1008)
    assert house.wire.frames == []


def test_a_wire_that_is_full_refuses_and_sends_nothing(client, house):
    house.wire.full = True
    answer = client.order(side="BUY", price="100", quantity="1")
    assert (answer.status, answer.error) == (
        503,
        (
            -1008,
            "Server is currently overloaded with other requests. Please try again in a few minutes.",
        ),
    )
    house.wire.full = False
    assert client.signed("GET", "openOrders").json == []


def test_an_answer_that_does_not_come_is_status_unknown(client, house):
    house.wire.deaf = True
    answer = client.order(side="BUY", price="100", quantity="1")
    assert (answer.status, answer.error) == (
        504,
        (-1007, UNKNOWN),
    )
