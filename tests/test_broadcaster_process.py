"""The broadcaster as a process of its own: it waits for the matcher, serves, and stops in good order."""

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
from runtime.service import BAD_CONFIGURATION
from runtime.shared import Blocks
from runtime.sockets import Publish, Pull
from tests.market_events import FIRST_TRADE_ID, HandMarket

ROOT = Path(__file__).parent.parent
PATIENCE_S = 20.0
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
        self.child: subprocess.Popen[bytes] | None = None

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

    def start(self, **environ: str) -> subprocess.Popen[bytes]:
        settings = {"OPENBOURSE_DATA_DIR": str(self.data_dir), "OPENBOURSE_WS_PORT": "0", **environ}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "broadcaster"], cwd=ROOT, env={**os.environ, **settings}
        )
        return self.child

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
        if self.child is not None and self.child.poll() is None:
            self.child.kill()
            self.child.wait()
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


def _send_until_heard(matcher: StandIn, client: ClientConnection) -> dict[str, Any]:
    """Send one frame again and again until something is heard: connecting the wire takes a moment."""
    frame = matcher.frame()
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
    assert matcher.report("beat")["waiting"] == "for the matcher"
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


def test_an_address_that_cannot_be_had_is_a_matter_of_configuration(matcher):
    matcher.new_life()
    child = matcher.start(OPENBOURSE_WS_HOST="203.0.113.1")
    assert child.wait(PATIENCE_S) == BAD_CONFIGURATION


def test_a_wrong_setting_is_a_matter_of_configuration(matcher):
    child = matcher.start(OPENBOURSE_WS_PORT="many")
    assert child.wait(PATIENCE_S) == BAD_CONFIGURATION
