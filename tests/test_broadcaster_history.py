"""The past, asked of the REST door (API section 7): against a door that keeps the dialect's rules."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from broadcaster.history import PAGE, RestHistory, Unavailable
from broadcaster.recent import Past, Recent
from protocol.intervals import HOUR_NS, INTERVALS, MINUTE_NS, SECOND_NS
from protocol.tape import AggTrade, candle_of, rolled_up
from tests.market_events import BTCUSDT

NOW_NS = 1_700_049_600 * SECOND_NS + 30 * SECOND_NS
MINUTE = NOW_NS - NOW_NS % MINUTE_NS
MS = 1_000_000


class Door(BaseHTTPRequestHandler):
    """GET aggTrades and klines, as the dialect answers them, over trades that a test made."""

    trades: ClassVar[list[AggTrade]] = []
    status: ClassVar[int] = 200
    answer: ClassVar[bytes | None] = None
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        values = {name: values[0] for name, values in parse_qs(url.query).items()}
        assert values.pop("symbol") == "BTCUSDT"
        self.asked.append(url.path)
        what = {"/api/v3/aggTrades": self._agg_trades, "/api/v3/klines": self._klines}[url.path]
        body = self.answer if self.answer is not None else json.dumps(what(values)).encode()
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _agg_trades(self, asked: dict[str, str]) -> list[dict[str, Any]]:
        limit = int(asked.get("limit", 500))
        if "fromId" in asked:
            found = [one for one in self.trades if one.agg_trade_id >= int(asked["fromId"])]
            found = found[:limit]
        elif "startTime" in asked:
            found = [one for one in self.trades if one.at_ns // MS >= int(asked["startTime"])]
            found = found[:limit]
        else:
            found = self.trades[-limit:]
        return [
            {
                "a": one.agg_trade_id,
                "p": BTCUSDT.price(one.price),
                "q": BTCUSDT.qty(one.qty),
                "f": one.first_trade_id,
                "l": one.last_trade_id,
                "T": one.at_ns // MS,
                "m": one.buyer_is_maker,
                "M": True,
            }
            for one in found
        ]

    def _klines(self, asked: dict[str, str]) -> list[list[Any]]:
        interval = INTERVALS[asked["interval"]]
        first_ns, last_ns = int(asked.get("startTime", 0)) * MS, int(asked["endTime"]) * MS
        opens = sorted({interval.open_ns(one.at_ns) for one in self.trades})
        opens = [one for one in opens if first_ns <= one <= last_ns]
        limit = int(asked["limit"])
        opens = opens[:limit] if "startTime" in asked else opens[-limit:]
        return [self._kline(open_ns, interval.next_ns(open_ns)) for open_ns in opens]

    def _kline(self, open_ns: int, next_ns: int) -> list[Any]:
        own = [candle_of(one, open_ns) for one in self.trades if open_ns <= one.at_ns < next_ns]
        one = rolled_up(own, open_ns)
        assert one
        prices = [BTCUSDT.price(price) for price in (one.open, one.high, one.low, one.close)]
        return [
            open_ns // MS,
            *prices,
            BTCUSDT.qty(one.qty),
            next_ns // MS - 1,
            BTCUSDT.turnover(one.quote_qty),
            one.trade_count,
            BTCUSDT.qty(one.taker_buy_qty),
            BTCUSDT.turnover(one.taker_buy_quote_qty),
            "0",
        ]

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def history() -> Iterator[RestHistory]:
    Door.trades, Door.status, Door.answer, Door.asked = [], 200, None, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield RestHistory("127.0.0.1", server.server_port)
    server.shutdown()
    thread.join()
    server.server_close()


def _trades(times: list[int]) -> list[AggTrade]:
    """Make aggregated trades of one to three fills at these times."""
    made, trade_id = [], 1001
    for number, at_ns in enumerate(times, 501):
        fills = number % 3 + 1
        price, qty = 100 + number % 7, 5 * fills
        last_id = trade_id + fills - 1
        made.append(AggTrade(number, price, qty, trade_id, last_id, at_ns, number % 2 == 0))
        trade_id = last_id + 1
    return made


def _past(history: RestHistory) -> Past:
    return asyncio.run(history.past(BTCUSDT, NOW_NS))


def test_a_market_without_trades_has_no_past(history):
    assert _past(history) == Past([], [], [], None)


def test_the_first_trades_of_a_market_have_nothing_before_them(history):
    Door.trades = _trades([MINUTE, MINUTE + SECOND_NS])
    assert _past(history) == Past([], [], Door.trades, None)


def test_a_quiet_minute_has_the_last_trade_before_it(history):
    Door.trades = _trades([MINUTE - 3 * HOUR_NS, MINUTE - 2 * HOUR_NS])
    past = _past(history)
    assert past.trades == []
    assert past.last == Door.trades[-1]
    assert [one.open_ns for one in past.minutes] == [MINUTE - 3 * HOUR_NS, MINUTE - 2 * HOUR_NS]


@pytest.mark.parametrize("count", [10, 2500])
def test_candles_out_of_the_past_are_those_of_all_its_trades(history, count):
    step_ns = 40 * 24 * HOUR_NS // count if count == 10 else 60 * SECOND_NS
    times = [NOW_NS - 1 - place * step_ns for place in range(count)]
    Door.trades = _trades([time - time % MS for time in reversed(times)])
    recent, whole = Recent(), Recent()
    recent.load(_past(history))
    for trade in Door.trades:
        whole.add(trade)
    assert recent.last == whole.last
    for name, interval in INTERVALS.items():
        if name == "1s":
            continue
        open_ns = interval.open_ns(NOW_NS)
        next_ns = interval.next_ns(open_ns)
        assert recent.candle(interval, open_ns, next_ns) == whole.candle(
            interval, open_ns, next_ns
        ), name
    for width_ns in (5 * MINUTE_NS, HOUR_NS, 24 * HOUR_NS):
        assert recent.window(NOW_NS, width_ns) == whole.window(NOW_NS, width_ns)


def test_missing_trades_come_in_as_many_pages_as_they_need(history):
    Door.trades = _trades([MINUTE + place for place in range(2 * PAGE + 5)])
    first = Door.trades[3].agg_trade_id
    found = asyncio.run(history.trades_from(BTCUSDT, first))
    assert [one.agg_trade_id for one in found] == list(range(first, 501 + 2 * PAGE + 5))
    assert Door.asked == ["/api/v3/aggTrades"] * 3


@pytest.mark.parametrize(
    ("status", "answer"),
    [(503, b'{"code":-1008}'), (404, b"{}"), (200, b'{"code":-1121}'), (200, b"<html>")],
)
def test_an_answer_that_is_none_says_so(history, status, answer):
    Door.status, Door.answer = status, answer
    with pytest.raises(Unavailable, match="/api/v3/klines"):
        _past(history)


def test_a_door_that_is_not_there_says_so():
    with pytest.raises(Unavailable, match="refused"):
        _past(RestHistory("127.0.0.1", 1))
