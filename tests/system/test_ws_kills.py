"""The WebSocket API of a running exchange: nothing missed while processes are killed (API section 13, rule P-6)."""

import hashlib
import hmac
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from commands.rest_client import Keys
from tests.system.exchange_fixture import ROOT, Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
PATIENCE_S = 60.0
ANSWER_TIMEOUT_S = 60
ENVIRON = {
    "OPENBOURSE_REST_ANSWER_TIMEOUT_S": str(ANSWER_TIMEOUT_S),
    "OPENBOURSE_MATCHER_SPARE": "true",
}
DEPOSITS = ("BTC=100", "USDT=10000000", "ETH=1000")
_NAMES = itertools.count()
DOCUMENT = ROOT / "docs" / "ws-api.md"


class Api:
    """A connection to the WebSocket API that signs for one account."""

    def __init__(self, socket: ClientConnection, keys: Keys) -> None:
        self.events: list[dict[str, Any]] = []
        self.answers: dict[int, dict[str, Any]] = {}
        self._socket = socket
        self._keys = keys
        self._ids = itertools.count(1)

    def send(self, method: str, **params: Any) -> int:
        """Send a signed request."""
        params |= {"apiKey": self._keys.api_key, "timestamp": int(time.time() * 1000)}
        text = "&".join(f"{name}={params[name]}" for name in sorted(params))
        seal = hmac.new(self._keys.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        id_ = next(self._ids)
        told = {"id": id_, "method": method, "params": {**params, "signature": seal}}
        self._socket.send(json.dumps(told))
        return id_

    def take(self, seconds: float = PATIENCE_S) -> bool:
        """Take in one message; False when none came in so long."""
        try:
            told = json.loads(self._socket.recv(timeout=seconds))
        except TimeoutError:
            return False
        if "event" in told:
            self.events.append(told["event"])
        else:
            self.answers[told["id"]] = told
        return True

    def answer(self, id_: int) -> dict[str, Any]:
        """Wait for one answer."""
        while id_ not in self.answers:
            assert self.take(), f"no answer to {id_}"
        return self.answers.pop(id_)

    def ask(self, method: str, **params: Any) -> Any:
        """Send a request that must succeed; return its result."""
        told = self.answer(self.send(method, **params))
        assert told["status"] == 200, told
        return told["result"]


@contextmanager
def api(venue: Exchange, keys: Keys) -> Iterator[Api]:
    url = venue.status()["rest"].replace("http:", "ws:") + "/ws-api/v3"
    with connect(url, compression=None, proxy=None) as socket:
        yield Api(socket, keys)


def limit(number: int, **fields: Any) -> dict[str, Any]:
    plain = {"symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    return {
        **plain,
        "quantity": "0.01",
        "price": "1000",
        "newClientOrderId": f"n{number}",
        **fields,
    }


def kill(venue: Exchange, name: str) -> None:
    os.kill(venue.process(name)["pid"], signal.SIGKILL)


def test_user_data_misses_nothing_while_the_matcher_is_killed(venue: Exchange) -> None:
    keys = venue.account(f"killed{next(_NAMES)}", *DEPOSITS)
    with api(venue, keys) as one:
        one.ask("userDataStream.subscribe.signature")
        for round_ in range(2):
            sent = {one.send("order.place", **limit(100 * round_ + number)) for number in range(50)}
            kill(venue, "matcher")
            begun = time.monotonic()
            told = [one.answer(id_) for id_ in sent]
            assert {answer["status"] for answer in told} <= {200, 503, 504}
            # Unknown as soon as another matcher is there, not when patience ends.
            assert time.monotonic() - begun < ANSWER_TIMEOUT_S / 2
            venue.until(venue.is_whole, "the exchange is whole again", 120)
        one.ask("order.place", **limit(999))
        open_orders = {order["clientOrderId"] for order in one.ask("openOrders.status")}
        deadline = time.monotonic() + PATIENCE_S
        while True:
            reports = [event for event in one.events if event["e"] == "executionReport"]
            told_of = [event["c"] for event in reports if event["x"] == "NEW"]
            if open_orders <= set(told_of) or time.monotonic() > deadline:
                break
            one.take(1.0)
        assert sorted(told_of) == sorted(open_orders)
        ids = [event["I"] for event in reports]
        assert ids == sorted(set(ids))
        one.ask("openOrders.cancelAll", symbol="ETHUSDT")


def test_the_program_of_the_document_runs(venue: Exchange, tmp_path: Path) -> None:
    keys = venue.account(f"reader{next(_NAMES)}", *DEPOSITS)
    (text,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    for shown, real in (
        ("ws://127.0.0.1:3000", venue.status()["rest"].replace("http:", "ws:")),
        ("YOUR_KEY", keys.api_key),
        ("YOUR_SECRET", keys.secret),
    ):
        assert shown in text
        text = text.replace(shown, real)
    program = tmp_path / "program.py"
    program.write_text(text)
    done = subprocess.run(
        [sys.executable, program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    words = done.stdout.split()
    assert words.count("NEW") == 1 and words.count("executionReport") == 2
    assert set(words) == {"NEW", "executionReport", "outboundAccountPosition"}
