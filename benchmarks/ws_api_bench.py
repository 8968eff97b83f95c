"""Orders per second through the WebSocket API, beside the echo loop of `websockets`.

End to end: `order.place` over a few connections with many requests under way on each, one ingress worker, the matcher with
the journal synced to disk before it answers, and the whole answer back at the client. Of two accounts one buys and one sells, at
one price, so every second order trades and the book stays small; in the next turn they change sides. Once each request is signed, once
the sessions have logged on and none is. The yardstick gets frames of the same size from the same client, parses nothing and sends them back.
"""

import base64
import hashlib
import hmac
import itertools
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.report import Report, Row, compare
from benchmarks.rest_load import Load
from benchmarks.rest_stage import Stage, stage, wait_until
from benchmarks.ws_load import ask_once, drive_frames, frame_of, open_lines
from runtime.ports import free_port

CONNECTIONS = 4
LOADS = ((32, "FULL"), (128, "FULL"), (128, "ACK"))
"""Requests under way on each connection, and how orders are answered: as a client with some orders to place does it, as one that streams
them, and as one that also hears of its trades elsewhere."""
SECONDS = 2.0
_FASTEST = 40_000
"""Messages a second for which frames are made beforehand, for each connection."""
_PATH = "/ws-api/v3?returnRateLimits=false"
_GOOD = b'"status":200'
_PARAMS = (
    '"newClientOrderId":"ws-bench-{number}","newOrderRespType":"{answer}","price":"50000.00","quantity":"0.01000","recvWindow":60000,"side":"{side}",'
    '"symbol":"BTCUSDT","timeInForce":"GTC","timestamp":{now_ms},"type":"LIMIT"'
)
"""In the order in which they are signed."""
_MARKS = str.maketrans({'"': None, ":": "=", ",": "&"})
_SIDES = ("BUY", "SELL")
_NAMES = ("left", "right")


def run(runs: int) -> Report:
    """Measure signed orders and those of sessions that have logged on."""
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder)) as running, _echo() as echo:
        bench = _Bench(running, running.start(), echo)
        rows = [*bench.signed(runs), *bench.logged_on(runs, Path(folder))]
    return Report(
        bench="ws_api",
        rows=rows,
        excluded="signing at the client, connecting; the writer and the broadcaster, which follow the matcher "
        "and are not waited for",
    )


class _Bench:
    """The running exchange, the echo, and the accounts that trade."""

    def __init__(self, running: Stage, accounts: list[dict[str, str]], echo_port: int) -> None:
        self._stage = running
        self._accounts = accounts
        self._echo_port = echo_port
        self._numbers = itertools.count()
        self._turns = itertools.count()

    def signed(self, runs: int) -> list[Row]:
        """Measure orders that are each signed with HMAC."""
        plugs = open_lines(self._stage.port, _PATH, CONNECTIONS)
        return self._rows("signed order", plugs, runs)

    def logged_on(self, runs: int, folder: Path) -> list[Row]:
        """Measure orders of sessions: half of the connections belong to each account."""
        plugs = open_lines(self._stage.port, _PATH, CONNECTIONS)
        for account, name in enumerate(_NAMES):
            secret = Ed25519PrivateKey.generate()
            api_key = self._add_key(name, secret, folder / f"{name}.pem")
            for plug in plugs[account :: len(_NAMES)]:
                _log_on(plug, api_key, secret)
        return self._rows("order of a session", plugs, runs, signed=False)

    def _rows(
        self, case: str, plugs: list[socket.socket], runs: int, *, signed: bool = True
    ) -> list[Row]:
        """Measure one kind of orders under all loads."""
        echo_plugs = open_lines(self._echo_port, "/", CONNECTIONS)
        try:
            return [self._row(case, plugs, echo_plugs, runs, load, signed=signed) for load in LOADS]
        finally:
            for plug in (*plugs, *echo_plugs):
                plug.close()

    def _row(
        self,
        case: str,
        plugs: list[socket.socket],
        echo_plugs: list[socket.socket],
        runs: int,
        load: tuple[int, str],
        *,
        signed: bool,
    ) -> Row:
        in_flight, answer = load
        loads: list[Load] = []

        def subject() -> float:
            loads.append(_measure(plugs, self._frames(answer, signed=signed), in_flight))
            assert loads[-1].good == loads[-1].answers, "an order was refused"
            return loads[-1].rate

        def yardstick() -> float:
            return _measure(echo_plugs, self._echoes(answer, signed=signed), in_flight).rate

        found = compare(subject, yardstick, runs)
        middle = sorted(loads[-runs:], key=lambda load: load.rate)[runs // 2]
        return found.row(
            case,
            "orders/s",
            p50=middle.percentile(0.5),
            p99=middle.percentile(0.99),
            note=f"{CONNECTIONS} connections, {in_flight} under way on each, answered by {answer}",
        )

    def _frames(self, answer: str, *, signed: bool) -> list[Iterator[bytes]]:
        """Make what each connection sends: every second one is of the second account."""
        # Made as lists before the clock starts: writing and signing is the client's work, not ours.
        now_ms, turn = time.time_ns() // 1_000_000, next(self._turns)
        made = []
        for connection in range(CONNECTIONS):
            account = connection % len(_NAMES)
            side = _SIDES[(account + turn) % len(_SIDES)]
            signer = self._accounts[account] if signed else None
            numbers = itertools.islice(self._numbers, int(SECONDS * _FASTEST))
            made.append(
                [frame_of(_order(number, side, answer, now_ms, signer)) for number in numbers]
            )
        return [iter(frames) for frames in made]

    def _echoes(self, answer: str, *, signed: bool) -> list[Iterator[bytes]]:
        signer = self._accounts[0] if signed else None
        payload = _order(0, _SIDES[0], answer, time.time_ns() // 1_000_000, signer)
        marked = json.dumps({**json.loads(payload), "status": 200}, separators=(",", ":"))
        return [itertools.repeat(frame_of(marked.encode()))] * CONNECTIONS

    def _add_key(self, name: str, secret: Ed25519PrivateKey, file: Path) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        file.write_bytes(secret.public_key().public_bytes(serialization.Encoding.PEM, form))
        words = ["key", "create", name, "--type", "ED25519", "--public-key", str(file)]
        return self._stage.account(*words)["api_key"]


def _order(
    number: int, side: str, answer: str, now_ms: int, signer: Mapping[str, str] | None
) -> bytes:
    """Write the request for an order, by hand: `json` takes longer than everything else here."""
    params = _PARAMS.format(number=number, side=side, answer=answer, now_ms=now_ms)
    if signer is not None:
        params = f'"apiKey":"{signer["api_key"]}",{params}'
        text = params.translate(_MARKS).encode()
        seal = hmac.digest(signer["secret"].encode(), text, hashlib.sha256)
        params = f'{params},"signature":"{seal.hex()}"'
    return b'{"id":%d,"method":"order.place","params":{%b}}' % (number, params.encode())


def _request(method: str, params: Mapping[str, object], number: int) -> bytes:
    request = {"id": number, "method": method, "params": params}
    return json.dumps(request, separators=(",", ":")).encode()


def _log_on(plug: socket.socket, api_key: str, secret: Ed25519PrivateKey) -> None:
    """Log a session on; a worker may not yet know a key that was just made, so ask until it does."""

    def is_logged_on() -> bool:
        now_ms = time.time_ns() // 1_000_000
        signed = secret.sign(f"apiKey={api_key}&timestamp={now_ms}".encode())
        params: dict[str, object] = {
            "apiKey": api_key,
            "timestamp": now_ms,
            "signature": base64.b64encode(signed).decode(),
        }
        return _GOOD in ask_once(plug, _request("session.logon", params, 0))

    wait_until(is_logged_on, "the session")


def _measure(plugs: list[socket.socket], frames: list[Iterator[bytes]], in_flight: int) -> Load:
    return drive_frames(plugs, frames, _GOOD, in_flight=in_flight, seconds=SECONDS)


@contextmanager
def _echo() -> Iterator[int]:
    """Run the yardstick's server; give its port."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.ws_echo", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: _listens(port), "the echo")
        yield port
    finally:
        server.terminate()
        server.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
