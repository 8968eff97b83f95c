"""A stream server on a free port, fed by hand, for tests with real clients and raw sockets."""

import asyncio
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from broadcaster.history import Unavailable
from broadcaster.recent import Past
from broadcaster.server import Server
from broadcaster.user_streams import Journal
from conf.sections import Ws
from protocol.names import Instrument
from protocol.records import Event
from protocol.tape import AggTrade
from protocol.terms import EventKind, Side
from runtime.endpoints import frame_of
from runtime.forwarded import Proxies
from runtime.listen_keys import ListenKeys
from tests.market_events import HandMarket

T = TypeVar("T")
PATIENCE_S = 30.0
UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class HandHistory:
    """A history that is there at once, and says what the test put in."""

    def __init__(self) -> None:
        self.of: dict[str, Past] = {}
        self.trades: list[AggTrade] = []
        self.away = False

    async def past(self, instrument: Instrument, now_ns: int) -> Past:
        """Return what was before; nothing, when nothing was put in."""
        self._check()
        return self.of.get(instrument.symbol, Past([], [], [], None))

    async def trades_from(self, instrument: Instrument, agg_trade_id: int) -> list[AggTrade]:
        """Return what was put in, from an id on."""
        self._check()
        return [trade for trade in self.trades if trade.agg_trade_id >= agg_trade_id]

    def _check(self) -> None:
        if self.away:
            raise Unavailable("away")


class HandSource:
    """A source whose frames come when the test says so."""

    def attach(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[list[bytes]], None], limit: int
    ) -> None:
        self.take = take


@dataclass
class StreamHouse:
    """The server with its market."""

    market: HandMarket
    server: Server
    source: HandSource
    history: HandHistory
    keys: ListenKeys

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.server.port}"

    def send(self) -> None:
        """Send what the market did to the server, in one frame."""
        self.source.take([frame_of(Event, self.market.rows())])

    def trade(self, qty: int = 1) -> None:
        """Rest and hit one order, and send it."""
        with self.market.command():
            self.market.level(Side.SELL, 110, qty)
        with self.market.command():
            self.market.trade(Side.SELL, 110, qty)
        self.send()

    @asynccontextmanager
    async def client(self, path: str, **options: object) -> AsyncIterator[ClientConnection]:
        options = {"compression": None, "ping_interval": None, "proxy": None, **options}
        async with connect(f"{self.url}{path}", **options) as client:
            yield client

    async def raw(self, path: str = "/ws") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a socket and do the handshake by hand."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        writer.write(UPGRADE.format(path=path).encode())
        head = await soon(reader.readuntil(b"\r\n\r\n"))
        assert head.startswith(b"HTTP/1.1 101"), head
        return reader, writer


@asynccontextmanager
async def stream_house(
    journal: Journal | None = None, proxies: str = "", **settings: object
) -> AsyncIterator[StreamHouse]:
    """Run a server with these settings of the `ws` section, with a journal behind it or without."""
    # Limits of time are looked at ten times as often, so that tests need not wait.
    with tempfile.TemporaryDirectory() as run, patch("broadcaster.server.CHECK_S", 0.1):
        async with _house(Path(run), Ws(**{"port": 0, **settings}), journal, proxies) as house:
            yield house


@asynccontextmanager
async def _house(
    run: Path, ws: Ws, journal: Journal | None, proxies: str
) -> AsyncIterator[StreamHouse]:
    market = HandMarket(instruments=2)
    source = HandSource()
    log = logging.getLogger("broadcaster")
    keys = ListenKeys(run)
    history = HandHistory()
    server = Server(
        ws, source, market, history, keys, log, journal=journal, proxies=Proxies(proxies)
    )
    await server.start()
    house = StreamHouse(market, server, source, history, keys)
    with market.command():
        market.other(EventKind.ASSET_ADDED)
    house.send()
    try:
        yield house
    finally:
        await server.stop()


def played(scenario: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Make a test of a scenario: run it on the loop that the broadcaster runs on.

    An exception that nobody caught on the loop fails the test.
    """

    async def watched() -> None:
        loose: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: loose.append(context))
        await scenario()
        assert loose == []

    def test() -> None:
        uvloop.run(watched())

    test.__name__ = scenario.__name__
    return test


async def soon(awaitable: Coroutine[None, None, T]) -> T:
    """Wait for it, but not for ever."""
    return await asyncio.wait_for(awaitable, PATIENCE_S)


async def hear(client: ClientConnection) -> object:
    """Return the next message of a client, read as JSON."""
    return json.loads(await soon(client.recv()))


async def ask(client: ClientConnection, method: str, *params: object, id_: int = 1) -> object:
    """Send a request; return its answer, which must be the next message."""
    await client.send(json.dumps({"method": method, "params": list(params), "id": id_}))
    return await hear(client)


def masked(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    """Write one frame as a client does."""
    return Frame(opcode, data, fin=fin).serialize(mask=True)


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """Read to the end, which the server may also make by force."""
    heard = b""
    try:
        while data := await soon(reader.read(65536)):
            heard += data
    except ConnectionResetError:
        pass
    return heard


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is true."""

    async def wait() -> None:
        while not true():  # noqa: ASYNC110 - what a socket does has no event to wait for
            await asyncio.sleep(0.005)

    await soon(wait())
