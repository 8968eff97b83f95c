"""The broadcaster as a process of its own: it waits for the matcher, serves, and stops in good order."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from protocol.board import BLOCKS, DEPTH_SLOTS
from protocol.records import Event
from protocol.terms import InstrumentTerm, Side
from runtime.endpoints import MARKET, REPORTS, address, frame_of, run_dir
from runtime.ports import free_port
from runtime.service import BAD_CONFIGURATION
from runtime.shared import Blocks
from runtime.sockets import Publish, Pull
from tests.market_events import FIRST_TRADE_ID, HandMarket

ROOT = Path(__file__).parent.parent
PATIENCE_S = 60.0
LEVELS = 20


class StandIn:
    """What a broadcaster sees of a matcher and a supervisor: a board, the market wire, its reports."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.run = run_dir(data_dir)
        self.market = HandMarket()
        self.wire = Publish(MARKET.limit)
        self.wire.bind(address(MARKET, self.run))
        self.reports = Pull(REPORTS.limit)
        self.reports.bind(address(REPORTS, self.run))
        self.epoch = 0
        self.blocks: Blocks | None = None
        self.children: list[subprocess.Popen[bytes]] = []

    def new_life(self) -> None:
        """Publish a board as a matcher does that has just come up."""
        self.epoch += 1
        self.blocks = Blocks(self.run, self.epoch)
        shapes = {
            "status": (1,),
            "assets": (2,),
            "instruments": (2,),
            "terms": (2, 64),
            "depth_count": (2,),
            "depth_heads": (2, DEPTH_SLOTS),
            "depth_levels": (2, DEPTH_SLOTS, 2, LEVELS),
        }
        for name, shape in shapes.items():
            record: Any = BLOCKS[name][0]
            self.blocks.allocate(name, getattr(record, "dtype", None) or np.dtype(record), shape)
        arrays = self.blocks.arrays
        arrays["instruments"][0]["symbol"], arrays["instruments"][0]["exists"] = b"BTCUSDT", 1
        arrays["assets"]["code"], arrays["assets"]["exists"] = [b"BTC", b"USDT"], 1
        arrays["terms"][0, InstrumentTerm.QUOTE_ASSET] = 1
        arrays["terms"][0, InstrumentTerm.PRICE_DECIMALS] = 2
        arrays["terms"][0, InstrumentTerm.QTY_DECIMALS] = 5
        self._show_depth()
        self.blocks.publish()
        arrays["status"]["ready"] = 1

    def frame(self) -> bytes:
        """Show the depth and return the frame of what happened, in the matcher's order."""
        self._show_depth()
        return frame_of(Event, self.market.rows())

    def restart(self) -> None:
        """Die and come up again with the same journal."""
        self.wire.close()
        self.new_life()
        self.wire = Publish(MARKET.limit)
        self.wire.bind(address(MARKET, self.run))

    def start(self, name: str = "broadcaster", **environ: str) -> subprocess.Popen[bytes]:
        settings = {"OPENBOURSE_DATA_DIR": str(self.data_dir), "OPENBOURSE_WS_PORT": "0", **environ}
        child = subprocess.Popen(
            [sys.executable, "-m", "broadcaster", name], cwd=ROOT, env={**os.environ, **settings}
        )
        self.children.append(child)
        return child

    def report(self, what: str) -> dict[str, Any]:
        """Wait for a report of this kind."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.reports.wait(100)
            for frame in self.reports.drain(100):
                told: dict[str, Any] = json.loads(frame)
                if told["report"] == what:
                    return told
        raise AssertionError(f"no report {what!r}")

    def close(self) -> None:
        for child in self.children:
            child.kill()
            child.wait()
        if self.blocks is not None:
            self.blocks.remove()
        self.wire.close()
        self.reports.close()
        shutil.rmtree(self.run)

    def _show_depth(self) -> None:
        assert self.blocks is not None
        view = self.market.depth(0, LEVELS)
        head = self.blocks.arrays["depth_heads"][0, 0]
        head["update_id"], head["bids"], head["asks"] = (
            view.update_id,
            len(view.bids),
            len(view.asks),
        )
        levels = self.blocks.arrays["depth_levels"][0, 0]
        levels[0, : len(view.bids)], levels[1, : len(view.asks)] = view.bids, view.asks


@pytest.fixture
def matcher(tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn(tmp_path)
    yield stand_in
    stand_in.close()


def _trade(matcher: StandIn) -> None:
    with matcher.market.command():
        matcher.market.level(Side.SELL, 110, 1)
    with matcher.market.command():
        matcher.market.trade(Side.SELL, 110, 1)


def _send_until_heard(
    matcher: StandIn, client: ClientConnection, frame: bytes = b""
) -> dict[str, Any]:
    """Send one frame again and again until something is heard: connecting the wire takes a moment."""
    frame = frame or matcher.frame()
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        matcher.wire.send(frame)
        try:
            return _heard(client, 0.05)
        except TimeoutError:
            continue
    raise AssertionError("nothing was heard")


def _heard(client: ClientConnection, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(client.recv(timeout=timeout_s))
    return told


def test_it_waits_for_the_matcher_serves_and_stops_in_good_order(matcher):
    child = matcher.start()
    assert matcher.report("progress")["waiting"] == "for the matcher"
    matcher.new_life()
    port = matcher.report("ready")["port"]
    with connect(f"ws://127.0.0.1:{port}/ws/btcusdt@trade", compression=None) as client:
        _trade(matcher)
        assert _send_until_heard(matcher, client)["t"] == FIRST_TRADE_ID
        _trade(matcher)
        matcher.wire.send(matcher.frame())
        assert _heard(client)["t"] == FIRST_TRADE_ID + 1
        child.send_signal(signal.SIGTERM)
        assert _heard(client)["e"] == "serverShutdown"
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=PATIENCE_S)
    assert child.wait(PATIENCE_S) == 0


def test_a_matcher_restart_that_loses_nothing_leaves_no_hole_for_connected_clients(matcher):
    matcher.new_life()
    matcher.start()
    port = matcher.report("ready")["port"]
    path = "/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"
    with connect(f"ws://127.0.0.1:{port}{path}", compression=None) as client:
        assert _heard(client)["stream"] == "btcusdt@bookTicker"
        for life in (1, 2, 3):
            with matcher.market.command():
                matcher.market.level(Side.BUY, 100 + life, 1)
            told = _send_until_heard(matcher, client)
            while told["stream"] != "btcusdt@depth@100ms":
                assert told["data"]["u"] == life
                assert told["data"]["b"] == f"1.0{life}000000"
                told = _heard(client)
            assert (told["data"]["U"], told["data"]["u"]) == (life, life)
            matcher.restart()


def test_workers_share_a_port_and_one_that_is_killed_takes_only_its_own_clients_along(matcher):
    matcher.new_life()
    shared = {"OPENBOURSE_WS_WORKERS": "2", "OPENBOURSE_WS_PORT": str(free_port())}
    names = ("broadcaster", "broadcaster-2")
    children = {matcher.start(name, **shared).pid for name in names}
    told = [matcher.report("ready") for _ in names]
    assert {one["process"] for one in told} == set(names)
    url = f"ws://127.0.0.1:{shared['OPENBOURSE_WS_PORT']}/ws/btcusdt@trade"
    with contextlib.ExitStack() as sockets:
        clients = [
            sockets.enter_context(connect(url, compression=None, open_timeout=PATIENCE_S))
            for _ in range(32)
        ]
        _trade(matcher)
        frame = matcher.frame()
        assert _send_until_heard(matcher, clients[0], frame)["t"] == FIRST_TRADE_ID
        assert {_sent_again(matcher, client, frame) for client in clients[1:]} == {FIRST_TRADE_ID}
        os.kill(children.pop(), signal.SIGKILL)
        _trade(matcher)
        matcher.wire.send(matcher.frame())
        alive = 0
        for client in clients:
            with contextlib.suppress(ConnectionClosed):
                assert _heard(client)["t"] == FIRST_TRADE_ID + 1
                alive += 1
        # By the hash of their ports: all of 32 in one process is once in two thousand million.
        assert 0 < alive < len(clients)


def _sent_again(matcher: StandIn, client: ClientConnection, frame: bytes) -> int:
    return int(_send_until_heard(matcher, client, frame)["t"])


def test_an_address_that_cannot_be_had_is_a_matter_of_configuration(matcher):
    matcher.new_life()
    child = matcher.start(OPENBOURSE_WS_HOST="203.0.113.1")
    assert child.wait(PATIENCE_S) == BAD_CONFIGURATION


def test_a_wrong_setting_is_a_matter_of_configuration(matcher):
    child = matcher.start(OPENBOURSE_WS_PORT="many")
    assert child.wait(PATIENCE_S) == BAD_CONFIGURATION
