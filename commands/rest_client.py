"""A small REST client of the exchange: signed requests, and what to do when no answer comes.

An answer that never came says nothing about the request: it may have been done. `Unknown` says so,
and only so; whoever asked must look before asking again (`patiently` asks again what is safe to ask twice).
"""

import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from commands.venue import Rejected

_RECV_WINDOW_MS = 60_000
_PATIENCE_S = 60.0
_PAUSE_S = 0.2
_Answer = TypeVar("_Answer")


class Unknown(Rejected):
    """No answer, or one that says it does not know: the request may have been done or not."""


@dataclass(frozen=True, slots=True)
class Keys:
    """How one account signs."""

    api_key: str
    secret: str


class RestClient:
    """Signed requests over one kept-alive connection, one at a time."""

    def __init__(self, host: str, port: int, timeout_s: float = 30.0) -> None:
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout_s)

    def public(self, path: str, **fields: str | int) -> Any:
        """Ask without a key.

        Raises: Rejected with the exchange's code and text; Unknown.
        """
        return self._request("GET", f"{path}?{urlencode(fields)}", {})

    def keyed(self, method: str, path: str, keys: Keys, **fields: str | int) -> Any:
        """Ask with the key alone, unsigned.

        Raises: Rejected with the exchange's code and text; Unknown.
        """
        target = f"{path}?{urlencode(fields)}"
        return self._request(method, target, {"X-MBX-APIKEY": keys.api_key})

    def signed(self, method: str, path: str, keys: Keys, **fields: str | int) -> Any:
        """Ask on behalf of an account, all parameters in the query string.

        Raises: Rejected with the exchange's code and text; Unknown.
        """
        now_ms = time.time_ns() // 1_000_000
        query = urlencode({**fields, "recvWindow": _RECV_WINDOW_MS, "timestamp": now_ms})
        seal = hmac.new(keys.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return self._request(
            method, f"{path}?{query}&signature={seal}", {"X-MBX-APIKEY": keys.api_key}
        )

    def _request(self, method: str, target: str, headers: dict[str, str]) -> Any:
        try:
            self.connection.request(method, target, headers=headers)
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as broken:
            self.connection.close()
            raise Unknown(f"no answer to {method} {target.partition('?')[0]}: {broken}") from broken
        try:
            content = json.loads(body)
        except ValueError as wrong:
            raise Rejected(f"HTTP {answer.status} without JSON: {body[:80]!r}") from wrong
        if answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
            raise Unknown(f"{content.get('code')} {content.get('msg')}")
        if answer.status != http.HTTPStatus.OK:
            raise Rejected(f"{content.get('code')} {content.get('msg')}")
        return content


def patiently(ask: Callable[[], _Answer]) -> _Answer:
    """Ask again while the outcome is unknown; for what does no harm when it is done twice.

    Raises: Rejected; Unknown when a minute of asking brought no answer.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except Unknown:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
