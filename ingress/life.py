"""The life of one worker: attach to everything after the fork, serve, drain, let go.

Nothing here may be made before the fork: a ZeroMQ context that crossed one sends into the void.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from conf.settings import Settings
from ingress.app import OPERATIONS, create_app
from ingress.auth import KeyRing
from ingress.counts import SharedCounts
from ingress.deep import DeepDepth, Queues
from ingress.door import Door
from ingress.gateway import Gateway, ReplySlot
from ingress.heads import Lane
from ingress.history import KeyFeed, Pool, Watermark, connector
from ingress.limits import Limits, WsLimits
from ingress.pages import add_pages
from ingress.redis_counts import RedisCounts
from ingress.responder import lane
from ingress.stopwatch import Stopwatch
from ingress.user_events import UserEvents
from ingress.views import Views
from ingress.ws_api import WsApi
from protocol.board_reads import Board
from runtime import clock, endpoints
from runtime.catalogue import Catalogue
from runtime.forwarded import Proxies
from runtime.listen_keys import ListenKeys
from runtime.pipe import replay_events
from runtime.postgres import EmbeddedPostgres
from runtime.service import Service
from runtime.shared import Reader, deep_requests, queue_requests
from runtime.sockets import Pull, Push, Subscribe
from runtime.vault import Vault, key_file

KEYS_WAIT_S = 5.0
"""A worker that cannot read the API keys within this time starts without them; look-ups follow."""
_BEAT_S = 0.5

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


class Life:
    """The ASGI application of one worker; its parts exist between start-up and shut-down."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: Any = None
        self.lane = Lane({})
        """What the connections serve without Falcon."""
        self.ws_api: WsApi | None = None
        """Where connections go that are upgraded."""
        self.body_limit = settings.rest.max_body_bytes
        self.proxies = Proxies(settings.rest.proxies)
        self.leaves = False
        """The worker stops: each answer is the last one of its connection."""
        self._tasks: list[asyncio.Task[None]] = []

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request, or (lifespan) the life of the worker."""
        if scope["type"] == "lifespan":
            return self._live(receive, send)
        served: Awaitable[None] = self._app(scope, receive, send)
        return served

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await self._start()
            elif message["type"] == "lifespan.shutdown":
                await self._stop()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _start(self) -> None:
        settings = self._settings
        loop = asyncio.get_running_loop()
        run = endpoints.run_dir(settings.data_dir)
        self._service = Service("ingress", run, settings.supervision.log_level)
        self._slot = ReplySlot(run)
        self._push, self._pull = Push(endpoints.ORDERS.limit), Pull(endpoints.REPLIES.limit)
        self._push.connect(endpoints.address(endpoints.ORDERS, run))
        self._pull.bind(endpoints.address(endpoints.REPLIES, run, self._slot.number))
        views = Views(Reader(run).current)
        timeout_s = settings.rest.answer_timeout_s
        self._gateway = Gateway(self._push, self._slot.number, loop, timeout_s, views.life)
        self._pull.attach(loop, self._gateway.take)
        connect = connector(self._dsn())
        self._pool = Pool(connect)
        feed = KeyFeed(
            connect, self._pool, Vault(key_file(settings.data_dir, settings.database.key_file))
        )
        keys = KeyRing(feed.look_up, clock.steady_ns)
        self._counts = self._open_counts(run)
        door = Door(
            settings.rest,
            views,
            self._gateway,
            keys,
            Limits(settings.rest, self._counts),
            self._pool,
            Watermark(self._pool, settings.rest.history_wait_s),
            DeepDepth(views, partial(deep_requests, run)).get,
            clock.wall_ns,
            ListenKeys(run),
            Queues(views, partial(queue_requests, run)).get,
            stopwatch=Stopwatch(run, f"ingress-{self._slot.number}"),
        )
        self._stopwatch = door.stopwatch
        self._app = create_app(door)
        add_pages(self._app, settings)
        self.lane = lane(door, OPERATIONS)
        self._events = self._user_events(run)
        limits = WsLimits(settings.rest, settings.ws, self._counts)
        self.ws_api = WsApi(door, OPERATIONS, settings.ws, self._events, limits)
        loaded = asyncio.Event()
        self._tasks = [
            asyncio.create_task(feed.follow(keys, loaded)),
            asyncio.create_task(self._beat()),
            asyncio.create_task(self._counts.follow()),
        ]
        with suppress(TimeoutError):
            await asyncio.wait_for(loaded.wait(), KEYS_WAIT_S)
        import gc

        gc.collect()
        gc.freeze()
        gc.set_threshold(100_000, 50, 100)
        self._service.ready(rest_port=settings.rest.port, slot=self._slot.number)

    def _user_events(self, run: Path) -> UserEvents:
        board = Board(Reader(run).current)

        def open_wire() -> Subscribe:
            wire = Subscribe(endpoints.MARKET.limit)
            wire.connect(endpoints.address(endpoints.MARKET, run))
            return wire

        return UserEvents(
            Catalogue(board).names(),
            lambda: int(board.status()["event_seq"]),
            open_wire,
            replay_events,
        )

    def _dsn(self) -> str:
        settings = self._settings
        if settings.database.dsn:
            return settings.database.dsn
        run = endpoints.run_dir(settings.data_dir)
        return EmbeddedPostgres(settings.data_dir, run, settings.database.bin_dir).dsn()

    def _open_counts(self, run: Path) -> SharedCounts | RedisCounts:
        rest = self._settings.rest
        if rest.limits:
            return RedisCounts(rest.limits, clock.wall_ns)
        # One more than there are workers: a worker may begin while its predecessor still ends.
        return SharedCounts(run, rest.workers + 1)

    async def _beat(self) -> None:
        while True:
            self._service.beat(pending=self._gateway.pending)
            self._stopwatch.pending.set(self._gateway.pending)
            await asyncio.sleep(_BEAT_S)

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._events.close()
        self._gateway.close()
        await self._counts.close()
        await self._pool.close()
        self._push.close(linger_ms=1000)
        asyncio.get_running_loop().remove_reader(self._pull.fileno())
        self._pull.close()
        self._slot.release()
