"""Candles and tickers as clients ask for them: parameters, and which candles are meant (API section 7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingress import market_requests
from ingress.candle_queries import table_of
from ingress.errors import Refused
from ingress.klines import opens_asked
from protocol.intervals import DAY_NS, HOUR_NS, INTERVALS, MINUTE_NS, SECOND_NS
from protocol.terms import CommandKind, SessionPhase, Side
from tests.reference_market import START_NS
from tests.rest_house import House

names = st.sampled_from(list(INTERVALS))
offsets = st.integers(-12 * 60, 14 * 60).map(lambda minutes: minutes * MINUTE_NS)
KLINES = {"symbol": "A", "interval": "1m"}


@pytest.fixture
def house():
    return House()


@pytest.fixture
def client(house):
    with house.open() as client:
        yield client


@given(names, offsets, st.integers(0, 400 * DAY_NS), st.integers(-5, 40), st.integers(1, 20))
def test_the_candles_asked_for_are_the_oldest_or_newest_that_open_between_two_times(
    name, offset_ns, past_ns, ahead, limit
):
    interval = INTERVALS[name]
    start_ns = START_NS - past_ns
    end_ns = start_ns + ahead * (interval.width_ns or 31 * DAY_NS)
    every, open_ns = [], interval.open_ns(start_ns, offset_ns)
    while open_ns <= end_ns:
        if open_ns >= start_ns:
            every.append(open_ns)
        open_ns = interval.next_ns(open_ns, offset_ns)
    span = {"start_ns": start_ns, "end_ns": end_ns, "limit": limit}
    assert opens_asked(interval, offset_ns, **span, newest=False) == every[:limit]
    assert opens_asked(interval, offset_ns, **span, newest=True) == every[-limit:]


@given(names, offsets, st.integers(0, 400 * DAY_NS))
def test_every_candle_begins_and_ends_with_the_parts_it_is_made_of(name, offset_ns, past_ns):
    interval = INTERVALS[name]
    open_ns = interval.open_ns(START_NS - past_ns, offset_ns)
    table = table_of(interval, offset_ns)
    width_ns = {"klines_1s": SECOND_NS, "klines_1m": MINUTE_NS, "klines_1h": HOUR_NS}[table]
    assert open_ns % width_ns == interval.next_ns(open_ns, offset_ns) % width_ns == 0


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("0", 0), ("8", 480), ("+08:00", 480), ("-12:00", -720), ("14", 840), ("05:45", 345)],
)
def test_a_time_zone_is_hours_with_or_without_minutes(text, minutes):
    assert market_requests.KLINES.parse({**KLINES, "timeZone": text})["timeZone"] == (
        minutes * MINUTE_NS
    )


@pytest.mark.parametrize("text", ["14:01", "-12:30", "15", "8:5", "Z", "1:60", "+-1"])
def test_a_time_zone_that_does_not_exist_is_refused(text):
    with pytest.raises(Refused) as refusal:
        market_requests.KLINES.parse({**KLINES, "timeZone": text})
    assert refusal.value.code == -1130


@pytest.mark.parametrize(
    ("text", "minutes"), [("1m", 1), ("59m", 59), ("23h", 1380), ("7d", 10080)]
)
def test_a_window_is_up_to_59_minutes_23_hours_or_7_days(text, minutes):
    values = market_requests.TICKER.parse({"symbol": "A", "windowSize": text})
    assert values["windowSize"] == minutes * MINUTE_NS


@pytest.mark.parametrize("text", ["0m", "60m", "24h", "8d", "1w", "m", "1M"])
def test_any_other_window_is_refused(text):
    with pytest.raises(Refused) as refusal:
        market_requests.TICKER.parse({"symbol": "A", "windowSize": text})
    assert refusal.value.code == -1130


@pytest.mark.parametrize(
    ("request_", "count", "weight"),
    [
        (market_requests.TICKER_24HR, 0, 80),
        (market_requests.TICKER_24HR, 20, 2),
        (market_requests.TICKER_24HR, 21, 40),
        (market_requests.TRADING_DAY, 3, 12),
        (market_requests.TICKER, 60, 200),
        (market_requests.TICKER_PRICE, 0, 4),
    ],
)
def test_a_ticker_costs_by_the_number_of_instruments(request_, count, weight):
    assert request_.cost({"symbols": ["A"] * count} if count else {}) == weight


@pytest.mark.parametrize(
    ("path", "query", "error"),
    [
        ("klines", "symbol=BTCUSDT&interval=7m", (-1120, "Invalid interval.")),
        ("klines", "symbol=NONE&interval=1m", (-1121, "Invalid symbol.")),
        ("ticker/24hr", "symbol=BTCUSDT&type=ALL", (-1139, "Invalid ticker type.")),
        (
            "ticker",
            "",
            (-1102, "Param 'symbol' or 'symbols' must be sent, but both were empty/null!"),
        ),
        (
            "ticker/price",
            'symbol=BTCUSDT&symbols=["BTCUSDT"]',
            (-1128, "Combination of optional parameters invalid."),
        ),
        (
            "ticker/bookTicker",
            "symbol=BTCUSDT&symbolStatus=HALT",
            (-1220, "The symbol's status does not match the requested symbolStatus."),
        ),
    ],
)
def test_what_cannot_be_answered_is_refused_in_the_dialect(client, path, query, error):
    assert client.ask("GET", f"/api/v3/{path}", query).error == error


def test_best_prices_are_those_of_the_moment_even_without_the_books_of_record(client, house):
    house.books.away = True
    client.order(side="BUY", price="100", quantity="1")
    client.order("bob", side="SELL", price="101", quantity="2")
    assert client.ask("GET", "/api/v3/ticker/bookTicker", "symbol=BTCUSDT").json == {
        "symbol": "BTCUSDT",
        "bidPrice": "100.00000000",
        "bidQty": "1.00000000",
        "askPrice": "101.00000000",
        "askQty": "2.00000000",
    }
    every = client.ask("GET", "/api/v3/ticker/bookTicker").json
    assert len(every) == 4
    assert {one["bidQty"] for one in every[1:]} == {"0.00000000"}
    assert client.ask("GET", "/api/v3/klines", "symbol=BTCUSDT&interval=1m").error[0] == -1001


def test_without_any_trade_a_ticker_is_zeros_and_there_is_no_candle(client):
    told = client.ask("GET", "/api/v3/ticker/tradingDay", "symbol=BTCUSDT").json
    assert (told["count"], told["firstId"], told["lastId"]) == (0, -1, -1)
    assert (told["lastPrice"], told["priceChangePercent"]) == ("0.00000000", "0.000")
    assert client.ask("GET", "/api/v3/klines", "symbol=BTCUSDT&interval=1m").json == []


def test_a_status_chooses_among_several_instruments(client, house):
    house.market.command(kind=CommandKind.SET_PHASE, term=SessionPhase.HALTED)
    told = client.ask("GET", "/api/v3/ticker/price", "symbolStatus=HALT").json
    assert [one["symbol"] for one in told] == ["BTCUSDT"]


def test_a_session_tells_its_phase_and_what_an_uncross_would_do(client, house):
    told = client.ask("GET", "/api/v3/session", "symbol=BTCUSDT").json
    assert (told["phase"], told["status"], told["phaseEndTime"]) == ("CONTINUOUS", "TRADING", -1)
    house.market.command(kind=CommandKind.SET_PHASE, term=SessionPhase.CLOSING_AUCTION)
    row = house.market.board["instruments"][0]
    row["indicative_price"], row["paired_qty"], row["imbalance_qty"] = 10_000, 100_000, 50_000
    row["imbalance_side"] = Side.SELL
    told = client.ask("GET", "/api/v3/session", "symbol=BTCUSDT").json
    assert (told["phase"], told["indicativePrice"]) == ("CLOSING_AUCTION", "100.00000000")
    assert (told["pairedQty"], told["imbalanceQty"]) == ("1.00000000", "0.50000000")
    assert told["imbalanceSide"] == "SELL"
    assert len(client.ask("GET", "/api/v3/session").json) == 4
