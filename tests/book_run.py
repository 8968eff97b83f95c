"""Keep books from the streams of an exchange under load while its processes are killed: `make books`.

Clients keep a book each by the recipes of the documents: from the two depth streams and from the order-by-order
feed. Every few seconds trading pauses and every book must be the exchange's; then a process is killed and trading
goes on. `python -m tests.book_run --seconds 600` prints what was done; the exit status says whether it held.
"""

import argparse
import itertools
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from commands.venue import Rejected
from tests.depth_book import DepthBook
from tests.l3_book import L3Book
from tests.system.exchange_fixture import Exchange

SYMBOL = "ETHUSDT"
PREFIX = "ethusdt@"
STEP_S = 5.0
"""Trading between two looks at the books."""
PATIENCE_S = 90.0
VICTIMS = ("broadcaster", "broadcaster-2", "broadcaster", "broadcaster-2", "matcher")
ENVIRON = {"OPENBOURSE_WS_WORKERS": "2", "OPENBOURSE_MATCHER_SPARE": "true"}


class Follower(threading.Thread):
    """A client of one stream that connects again whenever its connection ends."""

    def __init__(self, venue: Exchange, stream: str) -> None:
        super().__init__(name=stream, daemon=True)
        self._venue = venue
        self._rest = venue.client()
        self._stream = f"{PREFIX}{stream}"
        self.connects = 0
        self.failure: BaseException | None = None
        self.ended = threading.Event()
        path = "/api/v3/l3" if stream == "orders" else "/api/v3/depth"
        fields = {} if stream == "orders" else {"limit": 5000}
        self.path, self.fields = path, {"symbol": SYMBOL, **fields}
        self.book: Any = (L3Book if stream == "orders" else DepthBook)(self._snapshot)

    def run(self) -> None:
        try:
            while not self.ended.is_set():
                self._follow()
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            self.failure = error

    def _follow(self) -> None:
        try:
            with connect(
                f"{self._venue.status()['ws']}/ws/{self._stream}", compression=None
            ) as one:
                self.connects += 1
                if isinstance(self.book, DepthBook):
                    self.book.connected()
                while not self.ended.is_set():
                    try:
                        self.book.take(json.loads(one.recv(timeout=1.0)))
                    except TimeoutError:
                        continue
        except (OSError, WebSocketException):
            self.ended.wait(0.1)

    def _snapshot(self) -> dict[str, Any]:
        """Ask as a client does: again, while the exchange is not whole."""
        while not self.ended.is_set():
            try:
                told: dict[str, Any] = self._rest.public(self.path, **self.fields)
            except (Rejected, OSError):
                self.ended.wait(0.1)
            else:
                return told
        raise TimeoutError("ended while waiting for a snapshot")


class Trading(threading.Thread):
    """Two accounts that enter, sweep, amend by icebergs and cancel, until told to pause."""

    def __init__(self, venue: Exchange, seed: int) -> None:
        super().__init__(name="trading", daemon=True)
        self._rest = venue.client()
        names = (f"{who}-{seed}" for who in ("ann", "ben"))
        self._keys = [venue.account(name, "USDT=100000000", "ETH=100000") for name in names]
        self._dice = random.Random(seed)
        self.go, self.ended = threading.Event(), threading.Event()
        self.idle = threading.Event()
        self.requests = 0

    def run(self) -> None:
        for turn in itertools.count():
            if not self.go.is_set():
                self.idle.set()
                if self.ended.is_set():
                    return
                self.go.wait(0.1)
                continue
            self.idle.clear()
            try:
                self._act(turn)
            except (Rejected, OSError):
                # Refused, or the exchange is not whole for a moment.
                time.sleep(0.005)
            self.requests += 1

    def _act(self, turn: int) -> None:
        dice, keys = self._dice, self._keys[turn % 2]
        if turn % 37 == 36:
            self._rest.signed("DELETE", "/api/v3/openOrders", keys, symbol=SYMBOL)
            return
        side = dice.choice(("BUY", "SELL"))
        away = dice.randint(-3, 25) * (-1 if side == "BUY" else 1)
        fields = {"type": "LIMIT", "timeInForce": dice.choice(("GTC", "GTC", "GTC", "IOC"))}
        fields |= {"price": str(2000 + away), "quantity": f"{dice.randint(1, 30) / 10:.1f}"}
        if fields["timeInForce"] == "GTC" and float(fields["quantity"]) > 1:
            fields["icebergQty"] = dice.choice(("0.5", "0.7", "0.9"))
        self._rest.signed("POST", "/api/v3/order", keys, symbol=SYMBOL, side=side, **fields)

    def pause(self) -> None:
        """Return when nothing is under way."""
        self.go.clear()
        self.idle.wait(PATIENCE_S)


class Run:
    """One exchange with its traders and clients."""

    def __init__(self, venue: Exchange, seed: int) -> None:
        self.venue = venue
        self._rest = venue.client()
        self._trading = Trading(venue, seed)
        streams = ("depth@100ms", "depth", "orders", "depth@100ms", "orders")
        self._followers = [Follower(venue, stream) for stream in streams]
        self._dice = random.Random(seed)
        self.checks = self.kills = 0

    def go_on(self, seconds: float) -> None:
        """Trade, look and kill for so long."""
        for thread in (self._trading, *self._followers):
            thread.start()
        victims = itertools.cycle(VICTIMS)
        until_s = time.monotonic() + seconds
        try:
            while time.monotonic() < until_s:
                self._trading.go.set()
                time.sleep(STEP_S * self._dice.uniform(0.3, 0.7))
                self._kill(next(victims))
                time.sleep(STEP_S * self._dice.uniform(0.3, 0.7))
                self._trading.pause()
                self._look()
        finally:
            for thread in (self._trading, *self._followers):
                thread.ended.set()

    def report(self) -> dict[str, int]:
        """Return what was done."""
        return {
            "checks": self.checks,
            "kills": self.kills,
            "requests": self._trading.requests,
            "snapshots": sum(one.book.snapshots for one in self._followers),
            "connects": sum(one.connects for one in self._followers),
        }

    def _kill(self, victim: str) -> None:
        pid = self.venue.process(victim)["pid"]
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        self.venue.until(
            lambda: self.venue.process(victim)["pid"] not in (0, pid), "another in its place", 120
        )
        self.venue.until(self.venue.is_whole, "whole again", 120)

    def _look(self) -> None:
        """Every book must come to be the exchange's, which does not change now."""
        for one in self._followers:
            self._until(one, lambda one=one: self._is_right(one))
        self.checks += 1

    def _is_right(self, one: Follower) -> bool:
        true = self._rest.public(one.path, **one.fields)
        book = one.book
        if book.last_id != true["lastUpdateId"]:
            return False
        if isinstance(book, DepthBook):
            right = book.is_that_of(true)
        else:
            sides = ([list(order) for order in book.side(side)] for side in ("BUY", "SELL"))
            right = list(sides) == [true["bids"], true["asks"]]
        assert right, f"{one.name} differs from the exchange at update id {book.last_id}"
        return True

    def _until(self, one: Follower, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not true():
            if one.failure is not None:
                raise one.failure
            assert time.monotonic() < deadline, f"{one.name} stays at {one.book.last_id}"
            time.sleep(0.05)


def main() -> int:
    """Run as long as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        venue = Exchange(Path(folder) / "data", "--no-demo", **ENVIRON)
        try:
            venue.start()
            run = Run(venue, args.seed)
            run.go_on(args.seconds)
            print(json.dumps(run.report()))
        finally:
            venue.wipe()
    return 0


if __name__ == "__main__":
    sys.exit(main())
