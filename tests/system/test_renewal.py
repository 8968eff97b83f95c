"""A running exchange whose doors are replaced under load: no request fails, streams are told goodbye properly."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
FAR = {"quantity": "0.001", "price": "20000"}


class Load:
    """Threads that ask without pause; whatever goes wrong is kept."""

    def __init__(self) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    @contextmanager
    def of(self, *bodies: Callable[[], None]) -> Iterator["Load"]:
        self._threads = [threading.Thread(target=self._ask, args=(body,)) for body in bodies]
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in self._threads:
                thread.join()

    def _ask(self, body: Callable[[], None]) -> None:
        while not self._over.is_set():
            try:
                body()
                self.answers += 1
            except Exception as error:  # noqa: BLE001 - every failure is the finding
                self.failures.append(repr(error))


def orders(venue: Exchange, pause_s: float) -> Callable[[], None]:
    """Orders and cancels over one kept connection; with a pause the connection is idle in between."""
    client, keys = venue.client(), venue.demo_keys("alice")

    def ask() -> None:
        placed = client.signed("POST", "/api/v3/order", keys, **ORDER, **FAR)
        client.signed("DELETE", "/api/v3/order", keys, symbol="BTCUSDT", orderId=placed["orderId"])
        client.public("/api/v3/klines", symbol="BTCUSDT", interval="1m", limit=5)
        time.sleep(pause_s)

    return ask


def newcomers(venue: Exchange) -> Callable[[], None]:
    """A connection for each request."""

    def ask() -> None:
        client = venue.client()
        client.public("/api/v3/depth", symbol="BTCUSDT", limit=5)
        client.connection.close()

    return ask


def test_no_request_fails_while_the_workers_of_the_ingress_are_replaced(venue):
    before = venue.process("ingress")["workers"]
    load = Load()
    with load.of(orders(venue, 0.0), orders(venue, 0.7), newcomers(venue)):
        venue.until(lambda: load.answers > 50, "answers before")
        assert venue.asked("restart", "ingress") == {"told": "restarted ingress"}
        answers = load.answers
        venue.until(lambda: load.answers > answers + 50, "answers after")
    assert load.failures == []
    assert not set(venue.process("ingress")["workers"]) & set(before)
    assert len(venue.process("ingress")["workers"]) == len(before)


def handshakes(venue: Exchange) -> Callable[[], None]:
    """A connection to the streams for each handshake."""
    host, _, port = venue.status()["ws"].removeprefix("ws://").rpartition(":")
    head = (
        f"GET /ws/btcusdt@bookTicker HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )

    def ask() -> None:
        with socket.create_connection((host, int(port)), 30) as plug:
            plug.sendall(head.encode())
            answer = plug.recv(4096)
            assert answer.startswith(b"HTTP/1.1 101 "), answer
        time.sleep(0.002)

    return ask


def test_streams_are_told_of_the_shutdown_and_newcomers_of_nothing(venue):
    before = venue.process("broadcaster")["pid"]
    told: list[dict[str, object]] = []
    load = Load()
    with (
        venue.stream("/ws/!serverShutdown") as listener,
        load.of(handshakes(venue), handshakes(venue)),
    ):
        venue.until(lambda: load.answers > 20, "connections before")
        assert venue.asked("restart", "broadcaster") == {"told": "restarted broadcaster"}
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                told.append(json.loads(listener.recv(30)))
        connections = load.answers
        venue.until(lambda: load.answers > connections + 20, "connections after")
    assert load.failures == []
    assert told[-1]["e"] == "serverShutdown"
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "Server shutdown")
    assert venue.process("broadcaster")["pid"] != before
    assert venue.process("broadcaster")["restarts"] == 0


def test_the_websocket_api_is_told_and_answers_what_it_has_taken(venue):
    host = venue.status()["rest"].replace("http", "ws")
    with connect(f"{host}/ws-api/v3", compression=None) as ws:
        restart = threading.Thread(target=venue.asked, args=("restart", "ingress"))
        restart.start()
        sent, heard = 0, []
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                sent += 1
                # What was said before the end is still to be read when nothing can be sent any more.
                with suppress(ConnectionClosed):
                    ws.send(json.dumps({"id": sent, "method": "ping"}))
                heard.append(json.loads(ws.recv(30)))
        restart.join()
    answered = [one["id"] for one in heard if "id" in one]
    assert answered == list(range(1, len(answered) + 1))
    assert [one["event"]["e"] for one in heard if "event" in one] == ["serverShutdown"]
    assert closed.value.rcvd.code == 1001


def test_a_limit_is_lowered_and_raised_while_it_runs(venue):
    def limit() -> int:
        # A connection of its own: one that is idle while a worker stops is closed after two seconds.
        shown = venue.client().public("/api/v3/exchangeInfo", symbol="BTCUSDT")["rateLimits"]
        return next(one["limit"] for one in shown if one["rateLimitType"] == "REQUEST_WEIGHT")

    before, streams = limit(), venue.process("broadcaster")["pid"]
    config = venue.config
    config.write_text("[rest]\nweight_limit = 87654321\n[ws]\nmax_streams = 2\n")
    with venue.stream("/ws/btcusdt@bookTicker") as stays:
        told = venue.asked("reload")["told"]
        assert f"rest.weight_limit {before} → 87654321" in told
        assert limit() == 87654321
        stays.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        answers = iter(lambda: json.loads(stays.recv(30)), None)
        assert next(one for one in answers if one.get("id") == 1)["result"] == [
            "btcusdt@bookTicker"
        ]
        names = [f"btcusdt@kline_{one}" for one in ("1m", "3m")]
        stays.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 2}))
        answer = next(one for one in answers if "msg" in one or one.get("id") == 2)
        assert "2" in answer["msg"]
    assert venue.process("broadcaster")["pid"] == streams
    config.write_text("[rest]\nworkers = 2\nweight_limit = 9\n")
    refused = venue.command("reload")
    assert refused.returncode == 1
    assert "rest.workers cannot change while the exchange runs" in refused.stderr
    assert limit() == 87654321
    config.write_text("")
    venue.asked("reload")
    assert limit() == before
