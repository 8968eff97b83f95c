"""What a running exchange says of its market, lists and accounts: REST against REST, and against its streams."""

import asyncio
import json
import random
from decimal import Decimal
from typing import Any

import pytest

from broadcaster.history import RestHistory
from broadcaster.recent import Recent
from commands.rest_client import Keys, RestClient
from commands.venue import Rejected
from protocol.intervals import HOUR_NS, INTERVALS, MINUTE_NS
from protocol.names import Asset, Instrument
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ENVIRON = {"OPENBOURSE_REST_WORKERS": "2"}
SYMBOL = "ETHUSDT"
ETHUSDT = Instrument(
    1, SYMBOL, Asset(1, "ETH", 8), Asset(2, "USDT", 8), price_decimals=2, qty_decimals=4
)
LIMIT = {"symbol": SYMBOL, "type": "LIMIT", "timeInForce": "GTC"}
MS = 1_000_000
Row = list[Any]


@pytest.fixture(scope="module")
def traders(venue: Exchange) -> tuple[Keys, Keys]:
    deposits = ("USDT=100000000", "ETH=100000")
    return venue.account("quotes", *deposits), venue.account("crosses", *deposits)


@pytest.fixture(scope="module")
def traded(venue: Exchange, traders: tuple[Keys, Keys]) -> list[dict[str, Any]]:
    """Every trade after a few seconds of trading at random, from the public tape."""
    client, dice = venue.client(), random.Random(3)
    for _ in range(150):
        side = dice.choice(("BUY", "SELL"))
        price = f"{dice.randint(199_000, 201_000) / 100:.2f}"
        order(
            client, dice.choice(traders), side=side, price=price, quantity=f"{dice.random():.3f}1"
        )
    for keys in traders:
        client.signed("DELETE", "/api/v3/openOrders", keys, symbol=SYMBOL)
    trades: list[dict[str, Any]] = client.public(
        "/api/v3/historicalTrades", symbol=SYMBOL, fromId=1, limit=1000
    )
    assert len(trades) > 30
    return trades


def order(client: RestClient, keys: Keys, **fields: Any) -> Any:
    return client.signed("POST", "/api/v3/order", keys, **{**LIMIT, **fields})


def of(trades: list[dict[str, Any]], open_ms: int, next_ms: int, before: str) -> Row:
    """A kline by a plain loop over the public tape."""
    covered = [one for one in trades if open_ms <= one["time"] < next_ms]
    prices = [Decimal(one["price"]) for one in covered] or [Decimal(before)]
    bought = [one for one in covered if not one["isBuyerMaker"]]

    def total(some: list[dict[str, Any]], name: str) -> str:
        return f"{sum((Decimal(one[name]) for one in some), Decimal(0)):.8f}"

    cents = [prices[0], max(prices), min(prices), prices[-1]]
    return [
        open_ms,
        *[f"{price:.8f}" for price in cents],
        total(covered, "qty"),
        next_ms - 1,
        total(covered, "quoteQty"),
        len(covered),
        total(bought, "qty"),
        total(bought, "quoteQty"),
        "0",
    ]


@pytest.mark.parametrize("name", INTERVALS)
@pytest.mark.parametrize("zone", ["0", "8", "-3:30"])
def test_every_kline_is_the_sum_of_the_trades_on_the_tape(venue, traded, name, zone):
    interval = INTERVALS[name]
    hours, _, minutes = zone.partition(":")
    offset_ns = int(hours) * HOUR_NS
    offset_ns += (-1 if offset_ns < 0 else 1) * int(minutes or 0) * MINUTE_NS
    rows = venue.client().public(
        "/api/v3/klines", symbol=SYMBOL, interval=name, limit=1000, timeZone=zone
    )
    assert rows[0][0] == interval.open_ns(traded[0]["time"] * MS, offset_ns) // MS
    assert sum(row[8] for row in rows) == len(traded)
    before = "0"
    for row in rows:
        open_ns = row[0] * MS
        assert interval.open_ns(open_ns, offset_ns) == open_ns
        expected = of(traded, row[0], interval.next_ns(open_ns, offset_ns) // MS, before)
        assert row == expected
        before = row[4]


def test_candles_and_tickers_are_never_behind_an_answer(venue, traders):
    maker, taker = traders
    clients = [venue.client() for _ in range(4)]
    count = clients[0].public("/api/v3/ticker/24hr", symbol=SYMBOL)["count"]
    for turn in range(8):
        price = f"{2_100 + turn}.00"
        order(clients[turn % 4], maker, side="SELL", price=price, quantity="0.5")
        order(clients[turn % 4], taker, side="BUY", price=price, quantity="0.5")
        reader = clients[(turn + 1) % 4]
        assert Decimal(reader.public("/api/v3/ticker/price", symbol=SYMBOL)["price"]) == Decimal(
            price
        )
        kline = reader.public("/api/v3/klines", symbol=SYMBOL, interval="1d", limit=1)[0]
        assert Decimal(kline[4]) == Decimal(price)
        ticker = reader.public("/api/v3/ticker/24hr", symbol=SYMBOL)
        assert (ticker["count"], Decimal(ticker["lastPrice"])) == (count + turn + 1, Decimal(price))


def test_the_kinds_of_ticker_agree(venue, traded):
    client = venue.client()
    day = client.public("/api/v3/ticker/24hr", symbol=SYMBOL)
    rolling = client.public("/api/v3/ticker", symbol=SYMBOL)
    mini = client.public("/api/v3/ticker/24hr", symbol=SYMBOL, type="MINI")
    every = client.public("/api/v3/ticker/24hr")
    [listed] = client.public("/api/v3/ticker/24hr", symbols=json.dumps([SYMBOL]))
    for name in (
        "openPrice",
        "highPrice",
        "lowPrice",
        "lastPrice",
        "volume",
        "quoteVolume",
        "count",
    ):
        assert day[name] == rolling[name] == mini[name] == listed[name]
    assert [one["symbol"] for one in every][:2] == ["BTCUSDT", SYMBOL]
    low, high = Decimal(day["lowPrice"]), Decimal(day["highPrice"])
    assert low <= Decimal(day["weightedAvgPrice"]) <= high
    change = Decimal(day["lastPrice"]) - Decimal(day["openPrice"])
    assert Decimal(day["priceChange"]) == change
    percent = change / Decimal(day["openPrice"]) * 100
    assert abs(Decimal(day["priceChangePercent"]) - percent) <= Decimal("0.0005")
    average = client.public("/api/v3/avgPrice", symbol=SYMBOL)
    assert (average["mins"], low <= Decimal(average["price"]) <= high) == (5, True)
    assert average["closeTime"] >= traded[-1]["time"]


def test_the_streams_start_with_the_past_that_rest_tells(venue, traded):
    client = venue.client()
    host, _, port = venue.status()["rest"].removeprefix("http://").rpartition(":")
    now_ns = client.public("/api/v3/time")["serverTime"] * MS
    past = asyncio.run(RestHistory(host, int(port)).past(ETHUSDT, now_ns))
    recent = Recent()
    recent.load(past)
    ticker = client.public("/api/v3/ticker/24hr", symbol=SYMBOL)
    window = recent.window(now_ns, 24 * HOUR_NS)
    assert window is not None
    assert (window.trade_count, window.first_trade_id, window.last_trade_id) == (
        ticker["count"],
        ticker["firstId"],
        ticker["lastId"],
    )
    assert ETHUSDT.turnover(window.quote_qty) == ticker["quoteVolume"]


def test_lists_are_found_open_then_done(venue, traders):
    maker, _ = traders
    client, other = venue.client(), venue.client()
    pair = {
        "symbol": SYMBOL,
        "side": "SELL",
        "quantity": "1",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": "2900",
        "belowType": "STOP_LOSS",
        "belowStopPrice": "1500",
        "listClientOrderId": "a-pair",
    }
    placed = client.signed("POST", "/api/v3/orderList/oco", maker, **pair)
    number = placed["orderListId"]
    [shown] = other.signed("GET", "/api/v3/openOrderList", maker)
    assert shown == {
        **{name: value for name, value in placed.items() if name != "orderReports"},
        "transactionTime": shown["transactionTime"],
    }
    assert other.signed("GET", "/api/v3/orderList", maker, origClientOrderId="a-pair") == shown
    leg = {"symbol": SYMBOL, "orderId": placed["orders"][0]["orderId"]}
    done = client.signed("DELETE", "/api/v3/order", maker, **leg)
    assert (done["orderListId"], done["listOrderStatus"]) == (number, "ALL_DONE")
    assert other.signed("GET", "/api/v3/openOrderList", maker) == []
    last = other.signed("GET", "/api/v3/allOrderList", maker)[-1]
    assert (last["orderListId"], last["listStatusType"]) == (number, "ALL_DONE")
    assert last["orders"] == placed["orders"]


def test_amendments_and_prevented_matches_are_kept(venue, traders):
    maker, _ = traders
    client, other = venue.client(), venue.client()
    rested = order(client, maker, side="SELL", price="2950.00", quantity="4")
    about = {"symbol": SYMBOL, "orderId": rested["orderId"]}
    for qty in ("3", "2"):
        client.signed("PUT", "/api/v3/order/amend/keepPriority", maker, **about, newQty=qty)
    told = other.signed("GET", "/api/v3/order/amendments", maker, **about)
    assert [(Decimal(one["origQty"]), Decimal(one["newQty"])) for one in told] == [(4, 3), (3, 2)]
    later = other.signed(
        "GET", "/api/v3/order/amendments", maker, **about, fromExecutionId=told[1]["executionId"]
    )
    assert later == told[1:]
    own = order(client, maker, side="BUY", price="2950.00", quantity="1", newOrderRespType="FULL")
    [match] = own["preventedMatches"]
    [found] = other.signed("GET", "/api/v3/myPreventedMatches", maker, **about)
    assert found["preventedMatchId"] == match["preventedMatchId"]
    assert (found["takerOrderId"], found["makerOrderId"]) == (own["orderId"], rested["orderId"])
    assert Decimal(found["makerPreventedQuantity"]) == 2
    client.signed("DELETE", "/api/v3/order", maker, symbol=SYMBOL, orderId=own["orderId"])


def test_commission_is_what_a_fill_then_costs(venue, traders):
    maker, taker = traders
    client = venue.client()
    rates = client.signed("GET", "/api/v3/account/commission", taker, symbol=SYMBOL)
    rate = Decimal(rates["standardCommission"]["taker"])
    [fee] = client.signed("GET", "/sapi/v1/asset/tradeFee", taker, symbol=SYMBOL)
    assert Decimal(fee["takerCommission"]) == rate
    order(client, maker, side="SELL", price="2500.00", quantity="1")
    taken = order(client, taker, side="BUY", price="2500.00", quantity="1")
    assert Decimal(taken["fills"][0]["commission"]) == rate


def test_a_listen_key_opens_the_account_s_stream(venue, traders):
    maker, _ = traders
    client = venue.client()
    key = client.keyed("POST", "/api/v3/userDataStream", maker)["listenKey"]
    assert client.keyed("PUT", "/api/v3/userDataStream", maker, listenKey=key) == {}
    with venue.stream(f"/ws/{key}") as stream:
        placed = order(client, maker, side="BUY", price="1000.00", quantity="0.1")
        told = json.loads(stream.recv(timeout=20))
        while told["e"] != "executionReport":
            told = json.loads(stream.recv(timeout=20))
        assert (told["i"], told["x"]) == (placed["orderId"], "NEW")
    client.signed("DELETE", "/api/v3/order", maker, symbol=SYMBOL, orderId=placed["orderId"])
    assert client.keyed("DELETE", "/api/v3/userDataStream", maker, listenKey=key) == {}
    with pytest.raises(Rejected, match="-1125"):
        client.keyed("PUT", "/api/v3/userDataStream", maker, listenKey=key)


def test_fifty_orders_of_one_request_are_entered_in_their_order(venue, traders):
    maker, taker = traders
    client, other = venue.client(), venue.client()
    bids = [
        {**LIMIT, "side": "BUY", "price": f"{1_200 + number}.00", "quantity": "0.1"}
        for number in range(49)
    ]
    wrong = {**LIMIT, "side": "BUY", "price": "1300.00"}
    told = client.signed(
        "POST", "/api/v3/batchOrders", maker, batchOrders=json.dumps([*bids, wrong])
    )
    ids = [one["orderId"] for one in told[:49]]
    assert ids == sorted(ids)
    assert told[49]["code"] == -1102
    shown = other.signed("GET", "/api/v3/openOrders", maker, symbol=SYMBOL)
    assert set(ids) <= {one["orderId"] for one in shown}
    hit = {**LIMIT, "side": "SELL", "timeInForce": "IOC", "price": "1247.00", "quantity": "0.1"}
    told = client.signed("POST", "/api/v3/batchOrders", taker, batchOrders=json.dumps([hit] * 3))
    assert [one["status"] for one in told] == ["FILLED", "FILLED", "EXPIRED"]
    client.signed("DELETE", "/api/v3/openOrders", maker, symbol=SYMBOL)


def test_the_door_describes_itself(venue):
    client = venue.client()
    document = client.public("/api/v3/openapi.json")
    assert document["openapi"].startswith("3.")
    assert "/api/v3/batchOrders" in document["paths"]
    session = client.public("/api/v3/session", symbol=SYMBOL)
    assert (session["phase"], session["status"]) == ("CONTINUOUS", "TRADING")
