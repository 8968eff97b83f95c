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
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np

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
from matcher.bootstrap import check_accepted, opening_batches
from matcher.trading_days import Calendars
from protocol.board import BLOCKS, DEEP_LEVELS, DEEP_SLOTS, DEPTH_SLOTS, QUEUE_SLOTS
from protocol.board_reads import Board
from protocol.layout import Record, Rows, rows_of
from protocol.records import Command, Event
from protocol.terms import CommandKind, EventFlag
from runtime.endpoints import frame_of, rows_in
from runtime.listen_keys import ListenKeys
from tests.reference import Capacities, Reference

SECRET = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
START_NS = 1_700_000_000_000_000_000
SLOT, FIRST_ID = 7, 41
LIMITS = Capacities(price_levels=1 << 30)
TABLE = tomllib.loads((Path(__file__).parent.parent / "conf" / "instruments.toml").read_text())
EVERY_PERMISSION = tuple(kind.value for kind in Security if kind.value)


class Market:
    """The reference with the board that its readers see."""

    def __init__(self) -> None:
        self.core = Reference(LIMITS)
        self.seq = 0
        self.now_ns = START_NS
        self.board = {name: _block(name) for name in BLOCKS}
        for batch in opening_batches(TABLE, self.board, Calendars({"US_STOCKS": 1}, {})):
            check_accepted(self.apply(batch))

    def apply(self, commands: Rows) -> Rows:
        """Stamp and apply commands; their events."""
        commands = commands.copy()
        for row in commands:
            self.seq += 1
            self.now_ns += 1_000_000
            row["seq"], row["at_ns"] = self.seq, self.now_ns
        events, _ = self.core.apply(commands)
        self._publish(events)
        return events

    def command(self, **fields: Any) -> Rows:
        """Apply one command given by its fields."""
        rows = rows_of(Command, 1)
        for name, value in fields.items():
            rows[0][name] = value
        return self.apply(rows)

    def account(self, name: str, **deposits: int) -> int:
        """Add an account with deposits in whole units of the asset."""
        number = len(self.core.venue.accounts)
        self.command(kind=CommandKind.ADD_ACCOUNT, account=number, cl_ord_id=name.encode())
        codes = [asset.code.decode() for asset in self.core.venue.assets]
        for code, amount in deposits.items():
            self.command(
                kind=CommandKind.DEPOSIT,
                account=number,
                asset=codes.index(code),
                amount=amount * 10**8,
            )
        return number

    def _publish(self, events: Rows) -> None:
        venue, board = self.core.venue, self.board
        status = board["status"][0]
        status["seq"], status["at_ns"], status["event_seq"] = self.seq, self.now_ns, venue.event_seq
        status["ready"] = 1
        status["instruments"], status["assets"] = len(venue.instruments), len(venue.assets)
        for asset in venue.assets:
            board["assets"][asset.number] = (asset.decimals, 1, asset.code, 0)
        for one in venue.instruments:
            row = board["instruments"][one.number]
            row["symbol"], row["exists"], row["phase"] = one.symbol, 1, one.phase
            row["update_id"] = one.book.update_id
            terms = one.terms
            board["terms"][one.number, : len(terms)] = terms
            self._publish_depth(one.number)
            board["depth_count"][one.number] += DEPTH_SLOTS
        changed = {int(account) for account in events["account"]}
        for account in venue.accounts:
            if account.number in changed:
                self._publish_account(account)

    def _publish_depth(self, number: int) -> None:
        sides = self.core.depth(number)
        for ring, levels in (("depth", 4), ("deep", DEEP_LEVELS)):
            head = self.board[f"{ring}_heads"][number, 0]
            head["update_id"] = self.board["instruments"][number]["update_id"]
            head["at_ns"], head["complete"] = self.now_ns, max(map(len, sides)) <= levels
            for side, name in enumerate(("bids", "asks")):
                head[name] = min(len(sides[side]), levels)
                for place, level in enumerate(sides[side][:levels]):
                    self.board[f"{ring}_levels"][number, 0, side, place] = level

    def _publish_account(self, account: Any) -> None:
        row = self.board["accounts"][account.number]
        row["last_seq"], row["state"], row["exists"] = self.seq, account.state, 1
        row["name"], row["trade_group"] = account.name, account.trade_group
        for asset, balance in account.balances.items():
            self.board["balances"][account.number, asset] = (balance.free, balance.locked)
        row["order_count"] = len(account.orders)
        for place, order in enumerate(account.orders.values()):
            slot = order.order_id
            self.board["account_orders"][account.number, place] = slot
            _publish_order(self.board["orders"][slot], order, slot)
            _publish_extra(self.board["extras"][slot], order)


def _publish_order(row: Any, order: Any, slot: int) -> None:
    values = {
        "order_id": order.order_id,
        "price": order.price,
        "leaves_qty": order.leaves_qty,
        "updated_ns": order.created_ns,
        "account": order.account.number,
        "instrument": order.instrument.number,
        "side": order.side,
        "ord_type": order.ord_type,
        "time_in_force": order.time_in_force,
        "stp_mode": order.stp_mode,
        "ord_status": order.status,
        "flags": EventFlag.WORKING if order.working else 0,
        "extra": slot,
        "cum_qty": order.cum_qty,
        "cum_quote": order.cum_quote,
        "created_ns": order.created_ns,
        "cl_ord_id": order.cl_ord_id,
    }
    for name, value in values.items():
        row[name] = value


def _publish_extra(row: Any, order: Any) -> None:
    for name in ("stop_px", "display_qty", "quote_qty", "expire_ns", "working_ns", "strategy_id"):
        row[name] = getattr(order, name)
    row["strategy_type"], row["trailing_bips"] = order.strategy_type, order.trailing_bips
    row["prevented_qty"] = order.prevented_qty
    row["list_id"] = order.order_list.list_id if order.order_list else 0


def _block(name: str) -> np.ndarray[Any, Any]:
    shapes: dict[str, tuple[int, ...]] = {
        "status": (1,),
        "assets": (LIMITS.assets,),
        "instruments": (LIMITS.instruments,),
        "terms": (LIMITS.instruments, 64),
        "accounts": (LIMITS.accounts,),
        "balances": (LIMITS.accounts, LIMITS.assets),
        "account_orders": (LIMITS.accounts, LIMITS.account_orders),
        "orders": (LIMITS.orders,),
        "extras": (LIMITS.orders,),
        "depth_count": (LIMITS.instruments,),
        "depth_heads": (LIMITS.instruments, DEPTH_SLOTS),
        "depth_levels": (LIMITS.instruments, DEPTH_SLOTS, 2, 4),
        "deep_count": (LIMITS.instruments,),
        "deep_heads": (LIMITS.instruments, DEEP_SLOTS),
        "deep_levels": (LIMITS.instruments, DEEP_SLOTS, 2, DEEP_LEVELS),
        "queue_heads": (QUEUE_SLOTS,),
        "queue_orders": (QUEUE_SLOTS, LIMITS.orders),
    }
    record = BLOCKS[name][0]
    dtype = np.dtype(record) if isinstance(record, str) else record.dtype
    assert isinstance(record, str) or issubclass(record, Record)
    return np.zeros(shapes.get(name, (1,)), dtype)


class Wire:
    """The orders wire with the reference behind it; it can be full, deaf, or pass frames on."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.full = False
        self.deaf = False
        self.frames: list[bytes] = []
        self.deliver: Callable[[list[bytes]], None] = lambda frames: None  # noqa: ARG005

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
        self._rest = Rest(**{"answer_timeout_s": 0.2, **rest})
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
        return Board(lambda: self.market.board).queues(instrument.number)

    def door(self, folder: Path) -> Door:
        """Make the parts of a worker; inside a running loop."""
        gateway = Gateway(
            self.wire, SLOT, asyncio.get_running_loop(), self._rest.answer_timeout_s, FIRST_ID
        )
        self.wire.deliver = gateway.take
        views = Views(lambda: self.market.board)
        books: Any = self.books
        limits = Limits(self._rest, SharedCounts(folder, 1))
        return Door(
            self._rest,
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
