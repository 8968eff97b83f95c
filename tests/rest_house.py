"""A REST door over the slow exchange, in one process: for tests of requests and their answers.

The reference stands where the matcher would: frames of commands in, frames of events out, and after each
command the board that readers see. The books of record are a `FakeBooks` that gives rows it was told.
"""

import asyncio
import hashlib
import hmac
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from conf.sections import Rest
from ingress import errors
from ingress.app import create_app
from ingress.auth import KeyRing, KeyRow, key_of
from ingress.counts import SharedCounts
from ingress.door import Door
from ingress.gateway import Gateway
from ingress.limits import Limits
from ingress.params import Security
from ingress.views import Views
from protocol.board_reads import Board
from protocol.records import Command, Event
from runtime.endpoints import frame_of, rows_in
from runtime.listen_keys import ListenKeys
from tests.reference_market import START_NS, Market

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
SLOT, FIRST_ID = 7, 41
ANSWER_S, DEAF_S = 20.0, 0.2
"""How long an answer may take, unless a test says something else, and when none will come."""
EVERY_PERMISSION = tuple(kind.value for kind in Security if kind.value)


class Wire:
    """The orders wire with the reference behind it; it can be full, deaf, or pass frames on."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.full = False
        self.heed: Callable[[float], None] = lambda timeout_s: None  # noqa: ARG005
        """Told how long answers may take now."""
        self._deaf = False
        self.frames: list[bytes] = []
        self.deliver: Callable[[list[bytes]], None] = lambda frames: None  # noqa: ARG005

    @property
    def deaf(self) -> bool:
        """Tell whether frames are taken and never answered."""
        return self._deaf

    @deaf.setter
    def deaf(self, deaf: bool) -> None:
        # Only where no answer comes is it not waited for: a busy machine is no deaf matcher.
        self._deaf = deaf
        self.heed(DEAF_S if deaf else ANSWER_S)

    def send(self, frame: bytes) -> bool:
        """Take a frame as the matcher would; its events come back in a later turn of the loop."""
        if self.full:
            return False
        self.frames.append(frame)
        if not self.deaf:
            events = self.market.apply(rows_in(Command, frame))
            loop = asyncio.get_running_loop()
            loop.call_soon(self.deliver, [frame_of(Event, events)])
        return True


class FakeBooks:
    """The books of record: rows by a word of the statement; also the watermark, always far enough."""

    def __init__(self) -> None:
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.away = False
        self.reached: list[Any] = []

    async def fetch(self, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows told for a table that the statement reads."""
        if self.away:
            raise errors.disconnected()
        return next((rows for table, rows in self.rows.items() if f" {table} " in statement), [])

    async def reach(self, mark: Any) -> None:
        """Note what was waited for."""
        self.reached.append(mark)


class House:
    """A door with two accounts, and a client that signs for them."""

    def __init__(self, **rest: Any) -> None:
        self.market = Market()
        self.wire = Wire(self.market)
        self.books = FakeBooks()
        self.alice = self.market.account("alice", BTC=100, USDT=10_000_000, AAPL=1000, USD=100_000)
        self.bob = self.market.account("bob", BTC=100, USDT=10_000_000, AAPL=1000, USD=100_000)
        self.now_ns = START_NS
        self.rest = Rest(**{"answer_timeout_s": ANSWER_S, **rest})
        self.keys = KeyRing(self._stranger, time.monotonic_ns)
        for name, account in (("alice", self.alice), ("bob", self.bob)):
            row = KeyRow(name, account, SECRET, "HMAC", EVERY_PERMISSION, ())
            self.keys.put(name, key_of(row))

    async def _stranger(self, api_key: str) -> None:
        if self.books.away:
            raise errors.disconnected()

    async def _deep(self, instrument: Any) -> Any:
        return Board(lambda: self.market.board).deep(instrument.number)

    async def _queues(self, instrument: Any) -> Any:
        self.market.publish_queues(instrument.number)
        return Board(lambda: self.market.board).queues(instrument.number)

    def door(self, folder: Path) -> Door:
        """Make the parts of a worker; inside a running loop."""
        views = Views(lambda: self.market.board)
        loop, timeout_s = asyncio.get_running_loop(), self.rest.answer_timeout_s
        gateway = Gateway(self.wire, SLOT, loop, timeout_s, views.life, FIRST_ID)
        self.wire.deliver = gateway.take
        if timeout_s == ANSWER_S:
            self.wire.heed = partial(setattr, gateway, "_timeout_s")
        books: Any = self.books
        self.counts = SharedCounts(folder, 1)
        limits = Limits(self.rest, self.counts)
        return Door(
            self.rest,
            views,
            gateway,
            self.keys,
            limits,
            books,
            books,
            self._deep,
            lambda: self.now_ns,
            ListenKeys(folder, lambda: self.now_ns),
            self._queues,
        )

    @contextmanager
    def open(self) -> Iterator["Client"]:
        """Open the door for the requests of one test."""
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:

            async def make() -> Any:
                return create_app(self.door(Path(folder)))

            yield Client(self, runner, runner.run(make()))


class Answer:
    """One HTTP answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        """The body, which is always JSON."""
        assert self.headers["content-type"] == "application/json"
        return json.loads(self.body)

    @property
    def error(self) -> tuple[int, str]:
        """Code and text of a refusal."""
        return self.json["code"], self.json["msg"]


class Client:
    """Sends requests to the door, signed or not."""

    def __init__(self, house: House, runner: asyncio.Runner, app: Any) -> None:
        self.house = house
        self._runner = runner
        self._app = app

    def ask(
        self,
        verb: str,
        path: str,
        query: str | bytes = "",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Send a request as it stands."""
        return self._runner.run(self.exchange(verb, path, query, body, headers))

    def together(self, *requests: Any) -> list[Answer]:
        """Send requests (made by `signed_request`) in one turn of the loop."""

        async def send_all() -> list[Answer]:
            return await asyncio.gather(*(self.exchange(*request) for request in requests))

        return self._runner.run(send_all())

    async def exchange(
        self,
        verb: str,
        path: str,
        query: str | bytes = "",
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Drive the application through one request, the body in two pieces."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": verb,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query if isinstance(query, bytes) else query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
            "client": ("127.0.0.1", 40000),
            "server": ("127.0.0.1", 3000),
            "state": {},
        }
        middle = len(body) // 2
        pieces = [body[:middle], body[middle:]]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], told, sent[1].get("body", b""))

    def signed_request(self, verb: str, path: str, who: str = "alice", **fields: Any) -> Any:
        """Make a signed request, all parameters in the query string."""
        now_ms = self.house.now_ns // 1_000_000
        query = urlencode({**fields, "timestamp": now_ms})
        seal = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
        headers = {"X-MBX-APIKEY": who}
        return verb, f"/api/v3/{path}", f"{query}&signature={seal}", b"", headers

    def signed(self, verb: str, path: str, who: str = "alice", **fields: Any) -> Answer:
        """Send a signed request, all parameters in the query string."""
        return self.ask(*self.signed_request(verb, path, who, **fields))

    def order(self, who: str = "alice", **fields: Any) -> Answer:
        """POST an order, by default LIMIT GTC BTCUSDT."""
        limit = {"type": "LIMIT", "timeInForce": "GTC"} if "type" not in fields else {}
        return self.signed("POST", "order", who, **{"symbol": "BTCUSDT", **limit, **fields})
