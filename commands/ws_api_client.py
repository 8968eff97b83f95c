"""A client of the WebSocket API that asks many things at once: signed requests over one blocking socket.

The requests of one call leave in one write, the answers are collected by their ids. The protocol layer is that
of `websockets`, without its tasks and queues: a market simulated at ten thousand orders a second has no time
for them. Nor for many signatures, which is why orders go in batches.
"""

import hmac
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from commands.rest_client import Keys

PATH = "/ws-api/v3?returnRateLimits=false"
_CHUNK = 1 << 18
_RECV_WINDOW_MS = 60_000
Answer = dict[str, Any]
_encode, _decode = msgspec.json.encode, msgspec.json.decode


class _Numbered(msgspec.Struct):
    id: int | str | None = None


class ConnectionLost(Exception):
    """The connection ended, or an answer did not come in time: what was asked may have been done."""


class WsApiClient:
    """One connection. Not for use by several threads.

    Raises (every method): ConnectionLost.
    """

    def __init__(self, host: str, port: int, timeout_s: float = 15.0) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout_s)
        except OSError as error:
            raise ConnectionLost(f"cannot connect to {host}:{port}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timeout_s = timeout_s
        self._protocol = ClientProtocol(parse_uri(f"ws://{host}:{port}{PATH}"))
        self._protocol.send_request(self._protocol.connect())
        self._parts: list[bytes] = []
        self._receive()
        while self._protocol.state is State.CONNECTING and not self._protocol.handshake_exc:
            self._receive()
        if self._protocol.state is not State.OPEN:
            self.close()
            raise ConnectionLost(
                f"no WebSocket API at {host}:{port}: {self._protocol.handshake_exc}"
            )

    def ask(self, requests: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Answer]:
        """Send methods with their parameters; the answers, in the order of the requests."""
        asked = [(method, _encode(params)) for method, params in requests]
        return [_decode(answer) for answer in self.exchange(asked)]

    def exchange(self, requests: Sequence[tuple[str, bytes]]) -> list[bytes]:
        """Send methods with their parameters as JSON; the answers as they came, in the order of the requests."""
        for number, (method, params) in enumerate(requests):
            text = b'{"id":%d,"method":"%b","params":%b}' % (number, method.encode(), params)
            self._protocol.send_text(text)
        answers: dict[int, bytes] = {}
        deadline = time.monotonic() + self._timeout_s
        self._flush()
        while len(answers) < len(requests):
            for message in self._receive():
                told = _decode(message, type=_Numbered).id
                if isinstance(told, int):
                    answers[told] = message
            if time.monotonic() > deadline:
                raise ConnectionLost(f"{len(answers)} of {len(requests)} answers came in time")
        return [answers[number] for number in range(len(requests))]

    def close(self) -> None:
        """Close the connection without ceremony."""
        self._socket.close()

    def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        try:
            if data:
                self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {error}") from error

    def _receive(self) -> list[bytes]:
        """Take in what has arrived, waiting for something; the messages that are whole."""
        self._flush()
        try:
            data = self._socket.recv(_CHUNK)
        except OSError as error:
            raise ConnectionLost(f"the connection broke: {error}") from error
        if not data:
            raise ConnectionLost("the exchange closed the connection")
        self._protocol.receive_data(data)
        messages = []
        for event in self._protocol.events_received():
            if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.CONT):
                self._parts.append(bytes(event.data))
                if event.fin:
                    messages.append(b"".join(self._parts))
                    self._parts.clear()
        # Pings are answered by the protocol layer; the answers leave here.
        self._flush()
        return messages


def signed(keys: Keys, params: Mapping[str, str | int]) -> dict[str, str | int]:
    """Add key, time and signature to the parameters of a request (API section 2)."""
    whole: dict[str, str | int] = {
        **params,
        "apiKey": keys.api_key,
        "recvWindow": _RECV_WINDOW_MS,
        "timestamp": time.time_ns() // 1_000_000,
    }
    payload = "&".join(f"{name}={whole[name]}" for name in sorted(whole))
    return {**whole, "signature": _seal(keys, payload)}


def signed_batch(keys: Keys, orders: str) -> bytes:
    """Write the parameters of a batch; `orders` is the JSON of its array, and what is signed is that text."""
    now_ms = time.time_ns() // 1_000_000
    known = f"recvWindow={_RECV_WINDOW_MS}&timestamp={now_ms}"
    seal = _seal(keys, f"apiKey={keys.api_key}&batchOrders={orders}&{known}")
    return (
        f'{{"apiKey":"{keys.api_key}","batchOrders":{orders},"recvWindow":{_RECV_WINDOW_MS},'
        f'"timestamp":{now_ms},"signature":"{seal}"}}'
    ).encode()


def _seal(keys: Keys, payload: str) -> str:
    return hmac.digest(keys.secret.encode(), payload.encode(), "sha256").hex()
