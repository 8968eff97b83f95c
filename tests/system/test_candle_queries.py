"""Every candle and every window equals the trades it covers: the door over a real PostgreSQL."""

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from protocol.intervals import DAY_NS, INTERVALS, MINUTE_NS, SECOND_NS, Interval
from protocol.tape import window_open_ns
from protocol.terms import Side
from tests.reference_market import START_NS
from tests.rest_house import House
from writer import statements, tables
from writer.candles import Candle, candles
from writer.migrate import migrate
from writer.store import connect

pytestmark = [pytest.mark.system, pytest.mark.property]
MS = 1_000_000
FIRST_ID = 100_000_001
gaps = st.one_of(
    st.integers(0, 2 * SECOND_NS),
    st.integers(0, 3 * MINUTE_NS),
    st.integers(0, 3 * DAY_NS),
    st.integers(0, 40 * DAY_NS),
)
tapes = st.lists(
    st.tuples(gaps, st.integers(1, 10**9), st.integers(1, 10**7), st.sampled_from(list(Side))),
    min_size=1,
    max_size=25,
)
zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: minutes * MINUTE_NS)


class Books:
    """What the door asks of the books of record, answered by the database."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    async def fetch(self, statement: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(statement.encode(), params).fetchall()

    async def reach(self, mark: Any) -> None:
        """Everything is there."""


@pytest.fixture
def books(database: str) -> Iterator["psycopg.Connection[Any]"]:
    connection = connect(database, 30)
    migrate(connection)
    yield connection
    connection.close()


def made(tape: list[tuple[int, int, int, Side]]) -> np.ndarray[Any, Any]:
    """The rows of trades, the gaps between them in time given; the last lies before START_NS."""
    rows = np.zeros(len(tape), tables.TRADES.dtype)
    ends_ns = list(itertools.accumulate(gap for gap, *_ in tape))
    for index, (_, price, qty, side) in enumerate(tape):
        at_ns = START_NS - ends_ns[-1] + ends_ns[index]
        for name, value in (("at_ns", at_ns), ("price", price), ("qty", qty), ("side", side)):
            rows[name][index] = value
        rows["trade_id"][index] = FIRST_ID + index
    return rows


def keep(connection: "psycopg.Connection[Any]", trades: np.ndarray[Any, Any], cut: int) -> None:
    """Write the candles of trades as the writer does, in two batches."""
    connection.execute("truncate klines_1s, klines_1m, klines_1h")
    for batch in (trades[:cut], trades[cut:]):
        for name, width_ns in tables.CANDLE_NS.items():
            parts = candles(batch, width_ns)
            columns = [[part[i] for part in parts] for i in range(len(Candle._fields))]
            connection.execute(statements.add_to_candles(name), columns)


def told_of(covered: list[tuple[int, int, bool]], before: int) -> list[str | int]:
    """Prices, volumes and counts of a kline, by a plain loop; prices in cents, sums in 1e-7."""
    prices = [price for price, _, _ in covered] or [before]
    money = [price * qty for price, qty, _ in covered]
    bought = [buy for _, _, buy in covered]
    cents = [prices[0], max(prices), min(prices), prices[-1]]
    return [
        *[text(one, 2) for one in cents],
        text(sum(qty for _, qty, _ in covered), 5),
        text(sum(money), 7),
        len(covered),
        text(sum(qty for _, qty, buy in covered if buy), 5),
        text(sum(one for one, buy in zip(money, bought, strict=True) if buy), 7),
    ]


def text(units: int, decimals: int) -> str:
    return f"{Decimal(units).scaleb(-decimals):.8f}"


def expected(
    trades: np.ndarray[Any, Any], interval: Interval, offset_ns: int, opens: list[int]
) -> list[list[Any]]:
    rows, before = [], 0
    for open_ns in opens:
        next_ns = interval.next_ns(open_ns, offset_ns)
        covered = [
            (int(one["price"]), int(one["qty"]), one["side"] == Side.BUY)
            for one in trades
            if open_ns <= one["at_ns"] < next_ns
        ]
        earlier = [int(one["price"]) for one in trades if one["at_ns"] < open_ns]
        before = earlier[-1] if earlier else 0
        *prices, volume, money, count, bought, paid = told_of(covered, before)
        rows.append(
            [open_ns // MS, *prices, volume, next_ns // MS - 1, money, count, bought, paid, "0"]
        )
    return rows


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tapes, zones, st.integers(0, 25), st.integers(1, 30))
def test_every_kline_is_the_sum_of_the_trades_it_covers(books, tape, offset_ns, cut, limit):
    trades = made(tape)
    keep(books, trades, cut)
    house = House()
    house.books = Books(books)  # type: ignore[assignment]
    now_ns = house.now_ns = START_NS + 90 * SECOND_NS
    sign, minutes = ("-" if offset_ns < 0 else ""), abs(offset_ns) // MINUTE_NS
    zone = f"{sign}{minutes // 60}:{minutes % 60:02}"
    with house.open() as client:
        for name, interval in INTERVALS.items():
            open_ns = interval.open_ns(now_ns, offset_ns)
            opens = []
            while len(opens) < limit and interval.next_ns(open_ns, offset_ns) > trades["at_ns"][0]:
                opens.insert(0, open_ns)
                open_ns = interval.open_ns(open_ns - 1, offset_ns)
            query = f"symbol=BTCUSDT&interval={name}&limit={limit}&timeZone={zone}"
            told = client.ask("GET", "/api/v3/klines", query).json
            assert told == expected(trades, interval, offset_ns, opens), name
            from_first = f"{query}&startTime=0&endTime={opens[-1] // MS}"
            oldest = client.ask("GET", "/api/v3/uiKlines", from_first).json
            first_ns = interval.open_ns(int(trades["at_ns"][0]), offset_ns)
            assert oldest[0][0] == first_ns // MS
            assert len(oldest) <= limit
            assert oldest == expected(trades, interval, offset_ns, [one[0] * MS for one in oldest])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(tapes, st.sampled_from([1, 5, 59, 60, 240, 1440, 7 * 1440]))
def test_every_window_is_the_sum_of_the_trades_since_it_opened(books, tape, minutes):
    trades = made(tape)
    keep(books, trades, 0)
    house = House()
    house.books = Books(books)  # type: ignore[assignment]
    now_ns = house.now_ns = START_NS + 30 * SECOND_NS
    size = f"{minutes}m" if minutes < 60 else f"{minutes // 60}h"
    size = f"{minutes // 1440}d" if minutes >= 1440 else size
    since_ns = window_open_ns(now_ns, minutes * MINUTE_NS)
    inside = trades[trades["at_ns"] >= since_ns]
    with house.open() as client:
        told = client.ask("GET", "/api/v3/ticker", f"symbol=BTCUSDT&windowSize={size}").json
    assert told["count"] == len(inside)
    assert told["openTime"] == since_ns // MS
    assert told["volume"] == text(int(inside["qty"].sum()), 5)
    money = sum(int(one["price"]) * int(one["qty"]) for one in inside)
    assert told["quoteVolume"] == text(money, 7)
    if len(inside):
        assert told["openPrice"] == text(int(inside["price"][0]), 2)
        assert told["lastPrice"] == text(int(inside["price"][-1]), 2)
        assert told["highPrice"] == text(int(inside["price"].max()), 2)
        assert told["lowPrice"] == text(int(inside["price"].min()), 2)
        assert (told["firstId"], told["lastId"]) == (
            inside["trade_id"][0],
            inside["trade_id"][-1],
        )
