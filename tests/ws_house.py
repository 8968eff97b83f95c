"""The WebSocket API of one worker over the slow exchange, in one process, on a free port.

The HTTP connection, the upgrade, the door and the user events are the real ones; the reference stands where
the matcher would, and the market wire is fed by hand, so that a test can lose frames on it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from uvicorn import Config
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect

from conf.sections import Ws
from ingress.app import OPERATIONS, create_app
from ingress.auth import KeyRow, key_of
from ingress.connection import Connection
from ingress.limits import WsLimits
from ingress.responder import lane
from ingress.user_events import UserEvents
from ingress.ws_api import WsApi
from protocol.board_reads import Board
from protocol.layout import Rows
from protocol.records import Event
from runtime.catalogue import Catalogue
from runtime.endpoints import frame_of
from runtime.pipe import write_frame
from tests.rest_house import EVERY_PERMISSION, SECRET, House
from tests.stream_house import UPGRADE, soon, until

ED25519 = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: Any) -> str:
    """Return the public half as the books of record hold it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def sign_hmac(payload: bytes) -> str:
    return hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest()


def sign_ed25519(payload: bytes) -> str:
    return base64.b64encode(ED25519.sign(payload)).decode()


def sign_rsa(payload: bytes) -> str:
    return base64.b64encode(RSA.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode()


SEALS = {"alice-ed": sign_ed25519, "bob-ed": sign_ed25519, "alice-rsa": sign_rsa}
"""How keys sign that are not HMAC."""


class HandWire:
    """The market wire at the worker: frames come when the market does something, unless it is cut."""

    def __init__(self) -> None:
        self.cut = False
        self.opened = 0
        self._take: Callable[[list[bytes]], None] = lambda frames: None  # noqa: ARG005
        self._descriptor = os.eventfd(0)

    def open(self) -> "HandWire":
        self.opened += 1
        return self

    def attach(self, loop: Any, take: Callable[[list[bytes]], None], limit: int) -> None:
        self._take = take

    def send(self, frames: list[bytes]) -> None:
        if not self.cut and self.opened:
            self._take(frames)

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)


class HandReplay:
    """A replay that tells what the house remembers, over a real pipe, as a child process would."""

    def __init__(self, frames: list[bytes], *, broken: bool) -> None:
        self._out, into = os.pipe()
        self._broken = broken
        with os.fdopen(into, "wb") as pipe:
            for frame in frames:
                write_frame(pipe, frame)
        self._frames: list[bytes] | None = frames

    def fileno(self) -> int:
        return self._out

    def read(self, timeout_s: float) -> list[bytes] | None:
        frames, self._frames = self._frames, None
        if self._broken:
            from runtime.pipe import ChildFailed

            raise ChildFailed(["replay"], 1)
        return frames

    def close(self) -> None:
        os.close(self._out)


class Client:
    """One connection to the API that can sign."""

    def __init__(self, house: "WsHouse", socket: ClientConnection) -> None:
        self.socket = socket
        self.events: list[dict[str, Any]] = []
        """Events that came while an answer was waited for."""
        self._house = house
        self._ids = 0

    async def send(self, method: str, params: Any = None, **more: Any) -> int:
        """Send a request; return its id."""
        self._ids += 1
        request = {"id": self._ids, "method": method, **more}
        if params is not None:
            request["params"] = params
        await self.socket.send(json.dumps(request))
        return self._ids

    async def hear(self) -> dict[str, Any]:
        """Return the next message."""
        told: dict[str, Any] = json.loads(await soon(self.socket.recv()))
        return told

    async def answer(self, id_: Any) -> dict[str, Any]:
        """Return the answer with this id; events before it are put aside."""
        while True:
            told = await self.hear()
            if "event" not in told:
                assert told["id"] == id_, told
                return told
            self.events.append(told)

    async def ask(self, method: str, params: Any = None, **more: Any) -> dict[str, Any]:
        """Send a request and return its answer."""
        return await self.answer(await self.send(method, params, **more))

    async def signed(self, method: str, who: str = "alice", **params: Any) -> dict[str, Any]:
        """Send a signed request and return its answer."""
        return await self.ask(method, self._house.signed(who, **params))

    async def event(self) -> dict[str, Any]:
        """Return the next event, of those put aside or to come."""
        told = self.events.pop(0) if self.events else await self.hear()
        assert "event" in told, told
        return told


class WsHouse:
    """The parts, and what a test does with them."""

    def __init__(self, ws: Ws, **rest: Any) -> None:
        self.house = House(**rest)
        self.wire = HandWire()
        self.replay_breaks = False
        self.replayed: list[int] = []
        self.ws = ws
        self.state = ServerState()
        self.told: list[bytes] = []
        for name, account, kind, secret in (
            ("alice-ed", self.house.alice, "ED25519", pem(ED25519)),
            ("bob-ed", self.house.bob, "ED25519", pem(ED25519)),
            ("alice-rsa", self.house.alice, "RSA", pem(RSA)),
        ):
            row = KeyRow(name, account, secret, kind, EVERY_PERMISSION, ())
            self.house.keys.put(name, key_of(row))

    def signed(self, who: str = "alice", **params: Any) -> dict[str, Any]:
        """Return parameters with key, time and signature."""
        told = {**params, "apiKey": who, "timestamp": self.house.now_ns // 1_000_000}
        text = {True: "true", False: "false"}
        pairs = [
            f"{name}={text[told[name]] if isinstance(told[name], bool) else told[name]}"
            for name in sorted(told)
        ]
        seal = SEALS.get(who, sign_hmac)
        return {**told, "signature": seal("&".join(pairs).encode())}

    def limit(self, **fields: Any) -> dict[str, Any]:
        """Return the parameters of a limit order far from the market."""
        plain = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        return {**plain, "quantity": "0.01", "price": "50000.00", **fields}

    def tell(self, rows: Rows) -> None:
        """Tell events on the market wire, and remember them for a replay."""
        frame = frame_of(Event, rows)
        self.told.append(frame)
        self.wire.send([frame])

    def replay(self, event_seq: int) -> HandReplay:
        """Tell again what happened from an event on."""
        self.replayed.append(event_seq)
        return HandReplay(list(self.told), broken=self.replay_breaks)

    async def start(self, folder: Path) -> asyncio.Server:
        door = self.house.door(folder)
        board = Board(lambda: self.house.market.board)
        events = UserEvents(
            Catalogue(board).names(),
            lambda: int(board.status()["event_seq"]),
            self.wire.open,
            self.replay,
        )
        self.events = events
        limits = WsLimits(self.house.rest, self.ws, self.house.counts)
        self.api = WsApi(door, OPERATIONS, self.ws, events, limits)
        apply = self.house.market.apply

        def apply_and_tell(commands: Rows) -> Rows:
            rows = apply(commands)
            self.tell(rows)
            return rows

        self.house.market.apply = apply_and_tell  # type: ignore[method-assign]
        app: Any = create_app(door)
        shell = _Shell(app, lane(door, OPERATIONS), self.api)
        config = Config(shell, lifespan="off", ws="none", interface="asgi3", proxy_headers=False)
        config.load()
        loop = asyncio.get_running_loop()

        def connection() -> Connection:
            return Connection(config=config, server_state=self.state, app_state={})

        self.server = await loop.create_server(connection, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self.server

    @asynccontextmanager
    async def client(self, query: str = "") -> AsyncIterator[Client]:
        url = f"ws://127.0.0.1:{self.port}/ws-api/v3{query}"
        options: Any = {"compression": None, "ping_interval": None, "proxy": None}
        async with connect(url, **options) as socket:
            yield Client(self, socket)

    async def raw(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a socket and do the handshake by hand."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(UPGRADE.format(path="/ws-api/v3").encode())
        head = await soon(reader.readuntil(b"\r\n\r\n"))
        assert head.startswith(b"HTTP/1.1 101"), head
        return reader, writer


class _Shell:
    """What `Life` is to a connection: the application, the lane, the API."""

    def __init__(self, app: Any, lane_: Any, api: WsApi) -> None:
        self._app, self.lane, self.ws_api = app, lane_, api
        self.body_limit = api.message_limit

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, send)


@asynccontextmanager
async def ws_house(**settings: Any) -> AsyncIterator[WsHouse]:
    """Run the API with these settings of the `ws` section; `rest` may hold settings of that one."""
    rest = settings.pop("rest", {})
    with tempfile.TemporaryDirectory() as folder:
        house = WsHouse(Ws(**settings), **rest)
        server = await house.start(Path(folder))
        try:
            yield house
        finally:
            server.close()
            for one in list(house.state.connections):
                one.shutdown()
            await until(lambda: not house.state.connections and not house.state.tasks)
            house.events.close()
