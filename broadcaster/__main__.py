"""The broadcaster process: `python -m broadcaster [NAME]`; several share one port, each with its name."""

import asyncio
import contextlib
import functools
import resource
import sys
from dataclasses import asdict

import uvloop

from broadcaster.delays import Delays
from broadcaster.history import RestHistory
from broadcaster.live_market import LiveMarket
from broadcaster.server import Server
from broadcaster.start import start
from broadcaster.user_streams import Journal
from conf.settings import Settings, load
from protocol.board_reads import Board
from runtime import log
from runtime.endpoints import MARKET, address
from runtime.forwarded import Proxies
from runtime.listen_keys import ListenKeys
from runtime.pipe import replay_events
from runtime.ports import written
from runtime.service import BadConfiguration, Service, door
from runtime.shared import NotPublished, Reader, queue_requests
from runtime.sockets import Subscribe

_TURN_S = 0.1
_WAITING_FRAMES = 256
"""Frames that may wait for a busy broadcaster; beyond them it has a gap, and says so to its clients."""


def main() -> int:
    """Run until stopped; the result is the exit status."""
    return start(sys.argv[1] if len(sys.argv) > 1 else "broadcaster", _run)


def _run(settings: Settings, process: Service) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(_broadcast(settings, process))


async def _broadcast(settings: Settings, process: Service) -> None:
    failures: list[BaseException] = []
    asyncio.get_running_loop().set_exception_handler(functools.partial(_note, process, failures))
    blocks = Reader(process.run)
    board = Board(blocks.current)
    source = Subscribe(_WAITING_FRAMES)
    source.connect(address(MARKET, process.run))
    server = Server(
        settings.ws,
        source,
        LiveMarket(
            board, lambda: queue_requests(process.run, len(blocks.current()["instruments"]))
        ),
        _history(settings),
        ListenKeys(process.run),
        process.log,
        delays := Delays(process.run, process.name),
        Journal(functools.partial(_told, board), replay_events),
        Proxies(settings.rest.proxies),
    )
    await _wait_for_matcher(board, process)
    try:
        await server.start(door())
    except OSError as error:
        raise BadConfiguration(
            f"cannot listen on {written(settings.ws.host, settings.ws.port)}: {error}; free the port or set ws.port"
        ) from error
    process.ready(host=settings.ws.host, port=server.port)
    while not process.stopping and not failures:
        if process.has_news:
            process.has_news = False
            server.ws = load().ws
            process.log.info("settings taken %s", log.facts(**asdict(server.ws)))
        process.beat(connections=server.connections, delivered=server.delivered)
        delays.connections.set(server.connections)
        delays.delivered.set(server.delivered)
        await asyncio.sleep(_TURN_S)
    await server.stop()
    if failures:
        raise failures[0]


def _history(settings: Settings) -> RestHistory:
    """Return the REST door that knows the past: that of this host, unless another one is named."""
    host, _, port = settings.redis.history.rpartition(":")
    if not settings.redis.history:
        return RestHistory(settings.rest.host, settings.rest.port)
    if not host or not port.isdecimal():
        raise BadConfiguration(
            f"redis.history is {settings.redis.history!r}; host:port of a REST door is needed"
        )
    return RestHistory(host, int(port))


def _told(board: Board) -> int:
    """Return the last event that the matcher has published; 0 while there is no matcher."""
    try:
        return int(board.status()["event_seq"])
    except NotPublished:
        return 0


async def _wait_for_matcher(board: Board, process: Service) -> None:
    while not process.stopping:
        with contextlib.suppress(NotPublished):
            if board.status()["ready"]:
                return
        # On a host that stands by this may be for ever, and is no failure.
        process.progress(waiting="for the matcher")
        await asyncio.sleep(_TURN_S)


def _note(
    process: Service,
    failures: list[BaseException],
    loop: asyncio.AbstractEventLoop,
    context: dict[str, object],
) -> None:
    """Log what nobody caught. On a connection it ended that connection, elsewhere it ends the process."""
    error = context.get("exception")
    process.log.error("%s", context.get("message"), exc_info=error)  # type: ignore[arg-type]
    if "transport" not in context and isinstance(error, BaseException):
        failures.append(error)


if __name__ == "__main__":
    sys.exit(main())
