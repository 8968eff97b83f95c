"""The streams of a running exchange tell what its REST door tells (API sections 11 and 12)."""

import contextlib
import itertools
import json
import os
import random
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from commands.rest_client import Keys, RestClient
from commands.venue import Rejected
from runtime.listen_keys import ListenKeys
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SYMBOL = "ETHUSDT"
PREFIX = "ethusdt@"
QUIET_S = 3.0
_NAMES = itertools.count()


@dataclass
class Trader:
    """An account of its own."""

    account: int
    keys: Keys


@dataclass
class Book:
    """A book kept by the recipe: snapshots from REST, differences from a stream."""

    rest: RestClient
    levels: dict[str, dict[Decimal, Decimal]] = field(default_factory=dict)
    last_id: int = 0
    fresh: bool = True
    restarts: int = -1

    def start(self) -> None:
        snapshot = self.rest.public("/api/v3/depth", symbol=SYMBOL, limit=5000)
        self.last_id, self.fresh = snapshot["lastUpdateId"], True
        self.restarts += 1
        self.levels = {
            side: {Decimal(price): Decimal(qty) for price, qty in snapshot[side]}
            for side in ("bids", "asks")
        }

    def take(self, update: dict[str, Any]) -> None:
        if self.restarts < 0:
            self.start()
        if update["u"] <= self.last_id:
            return
        next_id = self.last_id + 1
        if not (update["U"] <= next_id if self.fresh else update["U"] == next_id):
            self.start()
            return
        self.fresh = False
        self.last_id = update["u"]
        for side, letter in (("bids", "b"), ("asks", "a")):
            for price, qty in update[letter]:
                self.levels[side][Decimal(price)] = Decimal(qty)
                if not Decimal(qty):
                    del self.levels[side][Decimal(price)]


@dataclass
class Heard:
    """Everything that came on a combined stream, by stream name."""

    client: ClientConnection
    of: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def take(self, seconds: float) -> bool:
        """Take in one message; False when none came in so long."""
        try:
            told = json.loads(self.client.recv(timeout=seconds))
        except TimeoutError:
            return False
        self.of.setdefault(told["stream"], []).append(told["data"])
        return True

    def until_quiet(self) -> None:
        while self.take(QUIET_S):
            pass


@pytest.fixture
def pair(venue: Exchange) -> Iterator[tuple[Trader, Trader]]:
    """Two accounts with money and ether, whose orders are gone afterwards."""
    traders = []
    for _ in range(2):
        name = f"streams{next(_NAMES)}"
        deposits = ["--deposit", "USDT=10000000", "--deposit", "ETH=1000"]
        made = venue.asked("account", "create", name, *deposits)
        traders.append(Trader(made["account"], Keys(made["api_key"], made["secret"])))
    yield traders[0], traders[1]
    for trader in traders:
        _cancel_all(venue.client(), trader)


def _cancel_all(client: RestClient, trader: Trader) -> None:
    try:
        client.signed("DELETE", "/api/v3/openOrders", trader.keys, symbol=SYMBOL)
    except Rejected as refused:
        if "-2011" not in str(refused):
            raise


def _trade_at_random(client: RestClient, pair: tuple[Trader, Trader], turns: int) -> None:
    """Enter orders around 2000.00 that rest, cross and sweep; cancel some."""
    dice = random.Random(turns)
    for turn in range(turns):
        trader = pair[turn % 2]
        side = dice.choice(("BUY", "SELL"))
        away = dice.randint(-3, 25) * (-1 if side == "BUY" else 1)
        fields: dict[str, str] = {
            "type": "LIMIT",
            "timeInForce": dice.choice(("GTC", "GTC", "GTC", "IOC")),
            "price": str(2000 + away),
            "quantity": f"0.{dice.randint(1, 9)}",
        }
        client.signed("POST", "/api/v3/order", trader.keys, symbol=SYMBOL, side=side, **fields)
        if turn % 29 == 28:
            _cancel_all(client, trader)


def _book_of(snapshot: dict[str, Any]) -> dict[str, dict[Decimal, Decimal]]:
    return {
        side: {Decimal(price): Decimal(qty) for price, qty in snapshot[side]}
        for side in ("bids", "asks")
    }


def test_every_public_stream_agrees_with_rest(venue, pair):
    client = venue.client()
    names = ("depth@100ms", "depth", "trade", "aggTrade", "bookTicker", "depth20@100ms")
    streams = "/".join(PREFIX + name for name in names)
    with venue.stream(f"/stream?streams={streams}") as socket:
        heard = Heard(socket)
        books = {name: Book(client) for name in ("depth@100ms", "depth")}
        for book in books.values():
            book.start()
        _trade_at_random(client, pair, 300)
        heard.until_quiet()
    snapshot = client.public("/api/v3/depth", symbol=SYMBOL, limit=5000)
    for name, book in books.items():
        for update in heard.of[PREFIX + name]:
            book.take(update)
        assert book.restarts == 0, name
        assert book.last_id == snapshot["lastUpdateId"], name
        assert book.levels == _book_of(snapshot), name
    best = heard.of[PREFIX + "depth20@100ms"][-1]
    assert best["lastUpdateId"] == snapshot["lastUpdateId"]
    assert (best["bids"], best["asks"]) == (snapshot["bids"][:20], snapshot["asks"][:20])
    _check_trades(client, heard)
    _check_quotes(heard.of[PREFIX + "bookTicker"], snapshot)


def _check_trades(client: RestClient, heard: Heard) -> None:
    told = heard.of[PREFIX + "trade"]
    rest = client.public("/api/v3/trades", symbol=SYMBOL, limit=len(told))
    assert [one["t"] for one in told] == [one["id"] for one in rest]
    for one, other in zip(told, rest, strict=True):
        assert (one["p"], one["q"], one["T"], one["m"]) == (
            other["price"],
            other["qty"],
            other["time"],
            other["isBuyerMaker"],
        )
    told = heard.of[PREFIX + "aggTrade"]
    rest = client.public("/api/v3/aggTrades", symbol=SYMBOL, fromId=told[0]["a"], limit=1000)
    letters = ("a", "p", "q", "f", "l", "T", "m", "M")
    assert [{letter: one[letter] for letter in letters} for one in told] == rest


def _check_quotes(quotes: list[dict[str, Any]], snapshot: dict[str, Any]) -> None:
    ids = [one["u"] for one in quotes]
    assert ids == sorted(ids)
    for one in quotes:
        empty = not Decimal(one["B"]) or not Decimal(one["A"])
        assert empty or Decimal(one["b"]) < Decimal(one["a"])
    sides = ((snapshot["bids"], "bB"), (snapshot["asks"], "aA"))
    for levels, letters in sides:
        best = levels[0] if levels else ["0.00000000", "0.00000000"]
        assert [quotes[-1][letter] for letter in letters] == best


def test_a_user_stream_agrees_with_the_account(venue, pair):
    client, (trader, _) = venue.client(), pair
    key = ListenKeys(venue.run).open(trader.account)
    with venue.stream(f"/stream?streams={key}") as socket:
        heard = Heard(socket)
        _trade_at_random(client, pair, 120)
        _cancel_all(client, trader)
        heard.until_quiet()
    told = heard.of[key]
    reports = [one for one in told if one["e"] == "executionReport"]
    ids = [one["I"] for one in reports]
    assert ids == sorted(set(ids))
    held: dict[str, tuple[str, str]] = {}
    for one in told:
        if one["e"] == "outboundAccountPosition":
            held.update({balance["a"]: (balance["f"], balance["l"]) for balance in one["B"]})
    account = client.signed("GET", "/api/v3/account", trader.keys)
    for balance in account["balances"]:
        if balance["asset"] in held:
            assert held[balance["asset"]] == (balance["free"], balance["locked"])
    last = {one["i"]: one for one in reports}
    for order in client.signed("GET", "/api/v3/allOrders", trader.keys, symbol=SYMBOL):
        report = last.pop(order["orderId"])
        assert (report["X"], report["z"], report["Z"], report["q"]) == (
            order["status"],
            order["executedQty"],
            order["cummulativeQuoteQty"],
            order["origQty"],
        )
    assert last == {}
    fills = {one["t"]: one for one in reports if one["x"] == "TRADE"}
    for one in client.signed("GET", "/api/v3/myTrades", trader.keys, symbol=SYMBOL):
        fill = fills.pop(one["id"])
        assert (fill["L"], fill["l"], Decimal(fill["n"]), fill["N"], fill["m"]) == (
            one["price"],
            one["qty"],
            Decimal(one["commission"]),
            one["commissionAsset"],
            one["isMaker"],
        )
    assert fills == {}


Facts = dict[int, tuple[str, str, str, str]]
"""Of each order by its id: status, executed quantity, what that came to, quantity."""


def _orders_of(client: RestClient, trader: Trader) -> Facts:
    told = client.signed("GET", "/api/v3/allOrders", trader.keys, symbol=SYMBOL, limit=1000)
    names = ("status", "executedQty", "cummulativeQuoteQty", "origQty")
    return {order["orderId"]: tuple(order[name] for name in names) for order in told}


@pytest.mark.parametrize("victim", ["matcher", "broadcaster"])
def test_orders_told_by_a_listen_key_are_right_after_a_kill(venue, pair, victim):
    """By the rule of docs/streams.md: who lost the connection connects, then asks for the state."""
    client, (trader, _) = venue.client(), pair
    key = ListenKeys(venue.run).open(trader.account)
    known: Facts = {}
    with contextlib.ExitStack() as sockets:
        heard = Heard(sockets.enter_context(venue.stream(f"/stream?streams={key}")))
        for _ in range(2):
            _trade_at_random(client, pair, 40)
            _kill(venue, victim)
            if victim == "broadcaster":
                heard = Heard(sockets.enter_context(venue.stream(f"/stream?streams={key}")))
                known = _orders_of(client, trader)
            _trade_at_random(client, pair, 10)
            heard.until_quiet()
            reports = [one for one in heard.of.pop(key) if one["e"] == "executionReport"]
            ids = [one["I"] for one in reports]
            assert ids == sorted(set(ids))
            known |= {one["i"]: (one["X"], one["z"], one["Z"], one["q"]) for one in reports}
            assert known == _orders_of(client, trader)
        _cancel_all(client, trader)


@pytest.mark.parametrize("victim", ["matcher", "broadcaster"])
def test_books_of_clients_are_right_after_a_kill(venue, pair, victim):
    client = venue.client()
    book = Book(client)
    path = f"/stream?streams={PREFIX}depth@100ms"
    with contextlib.ExitStack() as sockets:
        heard = Heard(sockets.enter_context(venue.stream(path)))
        book.start()
        for _ in range(3):
            _trade_at_random(client, pair, 40)
            _kill(venue, victim)
            if victim == "broadcaster":
                heard = Heard(sockets.enter_context(venue.stream(path)))
                book.start()
            _trade_at_random(client, pair, 10)
            heard.until_quiet()
            for update in heard.of.pop(f"{PREFIX}depth@100ms"):
                book.take(update)
            snapshot = client.public("/api/v3/depth", symbol=SYMBOL, limit=5000)
            assert book.last_id == snapshot["lastUpdateId"]
            assert book.levels == _book_of(snapshot)


def _kill(venue: Exchange, victim: str) -> None:
    pid = venue.process(victim)["pid"]
    os.kill(pid, signal.SIGKILL)
    venue.until(lambda: venue.process(victim)["pid"] not in (0, pid), "another in its place", 60)
    venue.until(venue.is_whole, "whole again", 60)
