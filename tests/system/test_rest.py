"""The REST door of a whole exchange, two workers: what was acknowledged is seen by every reader."""

import itertools
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from commands.rest_client import Keys, RestClient
from commands.venue import Rejected
from tests.system.exchange_fixture import Exchange

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
ENVIRON = {"OPENBOURSE_REST_WORKERS": "2"}
LIMIT = {"symbol": "BTCUSDT", "type": "LIMIT", "timeInForce": "GTC"}
DEPOSITS = ("BTC=100000", "USDT=5000000000", "ETH=1000", "AAPL=100000", "USD=10000000")
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def traders(venue: Exchange) -> tuple[Keys, Keys]:
    return venue.account("maker", *DEPOSITS), venue.account("taker", *DEPOSITS)


@pytest.fixture
def clients(venue: Exchange) -> list[RestClient]:
    """Connections enough that both workers have some of them."""
    return [venue.client() for _ in range(8)]


def order(client: RestClient, keys: Keys, **fields: Any) -> Any:
    return client.signed("POST", "/api/v3/order", keys, **{**LIMIT, **fields})


def refusal(client: RestClient, keys: Keys) -> str:
    """What an account hears instead of its balances, or nothing."""
    try:
        client.signed("GET", "/api/v3/account", keys)
    except Rejected as rejection:
        return str(rejection)
    return ""


def price_of_its_own() -> str:
    """A price at which no other test trades."""
    return f"{20_000 + 10 * next(_numbers)}.00"


def test_every_reader_sees_an_order_as_soon_as_it_is_acknowledged(clients, traders):
    maker, _ = traders
    for turn in range(24):
        writer, reader = clients[turn % 8], clients[(turn + 3) % 8]
        placed = order(writer, maker, side="BUY", price=price_of_its_own(), quantity="0.001")
        about = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        assert reader.signed("GET", "/api/v3/order", maker, **about)["status"] == "NEW"
        shown = reader.public("/api/v3/depth", symbol="BTCUSDT", limit=100)["bids"]
        assert placed["price"] in [price for price, _ in shown]
        open_ones = reader.signed("GET", "/api/v3/openOrders", maker, symbol="BTCUSDT")
        assert placed["orderId"] in [one["orderId"] for one in open_ones]
        writer.signed("DELETE", "/api/v3/order", maker, **about)
        assert reader.signed("GET", "/api/v3/order", maker, **about)["status"] == "CANCELED"
        shown = reader.public("/api/v3/depth", symbol="BTCUSDT", limit=100)["bids"]
        assert placed["price"] not in [price for price, _ in shown]


def test_every_reader_sees_a_trade_as_soon_as_it_is_acknowledged(clients, traders):
    maker, taker = traders
    for turn in range(12):
        writer, reader = clients[turn % 8], clients[(turn + 5) % 8]
        price = price_of_its_own()
        rested = order(writer, maker, side="SELL", price=price, quantity="0.002")
        taken = order(writer, taker, side="BUY", price=price, quantity="0.001")
        number = taken["fills"][0]["tradeId"]
        for keys, order_id, is_maker in (
            (maker, rested["orderId"], True),
            (taker, taken["orderId"], False),
        ):
            mine = reader.signed("GET", "/api/v3/myTrades", keys, symbol="BTCUSDT")[-1]
            assert (mine["id"], mine["orderId"], mine["isMaker"]) == (number, order_id, is_maker)
            every = reader.signed("GET", "/api/v3/allOrders", keys, symbol="BTCUSDT")
            assert every[-1]["orderId"] == order_id
            assert Decimal(every[-1]["executedQty"]) == Decimal("0.001")
        assert reader.public("/api/v3/trades", symbol="BTCUSDT")[-1]["id"] == number
        aggregated = reader.public("/api/v3/aggTrades", symbol="BTCUSDT", limit=1)
        assert aggregated[-1]["l"] == number
        writer.signed("DELETE", "/api/v3/openOrders", maker, symbol="BTCUSDT")


def test_a_balance_is_right_in_the_next_read(clients, traders):
    maker, _ = traders

    def free(client: RestClient) -> Decimal:
        account = client.signed("GET", "/api/v3/account", maker)
        return Decimal(next(b["free"] for b in account["balances"] if b["asset"] == "USDT"))

    before = free(clients[0])
    placed = order(clients[1], maker, side="BUY", price="10000.00", quantity="1")
    assert before - free(clients[2]) == 10_000
    clients[3].signed("DELETE", "/api/v3/order", maker, symbol="BTCUSDT", orderId=placed["orderId"])
    assert free(clients[4]) == before


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "90"}, "NEW"),
        ({"type": "LIMIT", "timeInForce": "IOC", "price": "90"}, "EXPIRED"),
        ({"type": "LIMIT", "timeInForce": "FOK", "price": "90"}, "EXPIRED"),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "90", "icebergQty": "2"}, "NEW"),
        ({"type": "LIMIT_MAKER", "price": "90"}, "NEW"),
        ({"type": "MARKET"}, "EXPIRED"),
        ({"type": "STOP_LOSS", "stopPrice": "120"}, "NEW"),
        ({"type": "STOP_LOSS", "trailingDelta": "100"}, "NEW"),
        (
            {"type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "price": "121", "stopPrice": "120"},
            "NEW",
        ),
        ({"type": "TAKE_PROFIT", "stopPrice": "80"}, "NEW"),
        (
            {"type": "TAKE_PROFIT_LIMIT", "timeInForce": "GTC", "price": "81", "stopPrice": "80"},
            "NEW",
        ),
        ({"type": "LIMIT", "timeInForce": "DAY", "price": "90"}, "NEW"),
        (
            {
                "type": "LIMIT",
                "timeInForce": "GTD",
                "price": "90",
                "goodTillDate": "4000000000000",
            },
            "NEW",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(map(str, value.values())),
)
def test_every_order_type_is_taken_and_read_back_the_same(clients, traders, fields, status):
    maker, _ = traders
    about = {"symbol": "AAPLUSD", "side": "BUY", "quantity": "10", "newOrderRespType": "RESULT"}
    placed = clients[0].signed("POST", "/api/v3/order", maker, **about, **fields)
    assert placed["status"] == status
    read = clients[1].signed(
        "GET", "/api/v3/order", maker, symbol="AAPLUSD", orderId=placed["orderId"]
    )
    same = set(placed) & set(read)
    assert {name: placed[name] for name in same} == {name: read[name] for name in same}
    assert set(placed) - same == {"transactTime"}
    if status == "NEW":
        clients[2].signed("DELETE", "/api/v3/openOrders", maker, symbol="AAPLUSD")
        gone = clients[1].signed(
            "GET", "/api/v3/order", maker, symbol="AAPLUSD", orderId=placed["orderId"]
        )
        assert gone["status"] == "CANCELED"


def test_a_book_deeper_than_what_is_published_can_be_had_whole(clients, traders):
    maker, _ = traders
    for level in range(130):
        price = f"{1000 + level}.00"
        order(clients[0], maker, symbol="ETHUSDT", side="BUY", price=price, quantity="0.01")
    for limit in (130, 5000):
        book = clients[1].public("/api/v3/depth", symbol="ETHUSDT", limit=limit)
        assert [Decimal(price) for price, _ in book["bids"]] == [1129 - n for n in range(130)]
    assert len(clients[1].public("/api/v3/depth", symbol="ETHUSDT")["bids"]) == 100
    clients[0].signed("DELETE", "/api/v3/openOrders", maker, symbol="ETHUSDT")
    assert clients[2].public("/api/v3/depth", symbol="ETHUSDT", limit=5000)["bids"] == []


def test_lists_of_own_trades_are_chosen_by_order_id_and_time(clients, traders):
    maker, taker = traders
    price = price_of_its_own()
    order(clients[0], maker, side="SELL", price=price, quantity="0.003")
    taken = [order(clients[0], taker, side="BUY", price=price, quantity="0.001") for _ in range(3)]
    numbers = [one["fills"][0]["tradeId"] for one in taken]

    def mine(**fields: Any) -> list[int]:
        told = clients[1].signed("GET", "/api/v3/myTrades", taker, symbol="BTCUSDT", **fields)
        return [one["id"] for one in told]

    assert mine()[-3:] == numbers
    assert mine(limit=2) == numbers[1:]
    assert mine(fromId=numbers[1], limit=1) == numbers[1:2]
    assert mine(orderId=taken[2]["orderId"]) == numbers[2:]
    at = taken[0]["transactTime"]
    assert numbers[0] in mine(startTime=at, endTime=at)
    assert mine(endTime=at - 1)[-1:] != numbers[:1]
    assert mine(startTime=at + 3_600_000) == []


def test_orders_are_listed_from_an_id_and_in_a_time(clients, traders):
    maker, _ = traders
    placed = [
        order(clients[0], maker, side="BUY", price="5000.00", quantity="0.001") for _ in range(3)
    ]
    ids = [one["orderId"] for one in placed]

    def every(**fields: Any) -> list[int]:
        told = clients[1].signed("GET", "/api/v3/allOrders", maker, symbol="BTCUSDT", **fields)
        return [one["orderId"] for one in told]

    assert every(orderId=ids[1], limit=2) == ids[1:]
    assert every(limit=2) == ids[1:]
    at = placed[0]["transactTime"]
    assert ids[0] in every(startTime=at, endTime=at)
    assert every(startTime=at + 3_600_000) == []
    clients[0].signed("DELETE", "/api/v3/openOrders", maker, symbol="BTCUSDT")


def test_of_several_orders_with_one_text_id_the_open_one_is_meant(venue, clients, traders):
    maker, _ = traders
    fields = {"side": "BUY", "price": "9000.00", "quantity": "0.002", "newClientOrderId": "again"}
    first = order(clients[0], maker, **fields)
    about = {"symbol": "BTCUSDT", "origClientOrderId": "again"}
    clients[0].signed("DELETE", "/api/v3/order", maker, **about)
    with pytest.raises(Rejected, match="-2010 Duplicate order sent"):
        order(clients[1], maker, **fields)
    read = clients[1].signed("GET", "/api/v3/order", maker, **about)
    assert (read["orderId"], read["status"]) == (first["orderId"], "CANCELED")


def test_a_key_works_as_soon_as_it_is_made_and_not_after_it_is_revoked(venue, clients):
    keys = venue.account("dave")
    for client in clients:
        assert client.signed("GET", "/api/v3/account", keys)["accountType"] == "SPOT"
    venue.asked("account", "key", "revoke", keys.api_key)

    def is_refused_by_all() -> bool:
        return all(refusal(client, keys).startswith("-2015") for client in clients)

    venue.until(is_refused_by_all, "the key is refused by every worker", seconds=2.0)


def test_known_keys_trade_on_while_the_database_is_away(venue, clients, traders):
    maker, _ = traders
    for client in clients:
        client.signed("GET", "/api/v3/account", maker)
    with psycopg.connect(venue.dsn(), autocommit=True) as database:
        database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name = 'openbourse ingress'"
        )
    for client in clients:
        placed = order(client, maker, side="BUY", price="9000.00", quantity="0.002")
        about = {"symbol": "BTCUSDT", "orderId": placed["orderId"]}
        client.signed("DELETE", "/api/v3/order", maker, **about)
        # The first read finds its connection dead and takes a new one.
        assert client.signed("GET", "/api/v3/order", maker, **about)["status"] == "CANCELED"
