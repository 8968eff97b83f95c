"""binance-connector over the WebSocket API: numbers as JSON numbers, listen keys by request."""

import json
import queue
from typing import Any

from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from cases import MINE, REST, case, run

SYMBOL = "BTCUSDT"
heard: "queue.Queue[dict[str, Any]]" = queue.Queue()
client = SpotWebsocketAPIClient(
    stream_url=REST.replace("http:", "ws:") + "/ws-api/v3",
    api_key=MINE["api_key"],
    api_secret=MINE["secret"],
    on_message=lambda _, message: heard.put(json.loads(message)),
)
ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT"}
FAR = {"timeInForce": "GTC", "quantity": 0.001, "price": 30000}


def told(call: Any, *args: Any, **fields: Any) -> Any:
    """Return the result of a call, which must be a good one."""
    call(*args, **fields)
    answer = heard.get(timeout=20)
    assert answer["status"] == 200, answer
    return answer["result"]


@case
def reads_the_market() -> None:
    assert told(client.ping_connectivity) == {}
    assert told(client.server_time)["serverTime"] > 0
    assert told(client.exchange_info, symbols=[SYMBOL, "ETHUSDT"])["symbols"][1]["symbol"]
    assert told(client.order_book, SYMBOL)["bids"]
    assert told(client.recent_trades, SYMBOL)
    assert told(client.historical_trades, SYMBOL, MINE["api_key"])
    assert told(client.aggregate_trades, SYMBOL)
    assert told(client.klines, SYMBOL, "1m")
    assert told(client.ui_klines, SYMBOL, "1m")
    assert told(client.avg_price, SYMBOL)["mins"] == 5
    assert told(client.ticker_24hr, symbol=SYMBOL)["count"] > 0
    assert told(client.ticker, symbols=[SYMBOL, "ETHUSDT"])[1]["symbol"] == "ETHUSDT"
    assert told(client.ticker_price)
    assert told(client.ticker_book, symbol=SYMBOL)["bidPrice"]


@case
def places_asks_for_and_cancels() -> None:
    assert told(client.new_order_test, **ORDER, **FAR) == {}
    placed = told(client.new_order, **ORDER, **FAR, newOrderRespType="RESULT")
    assert told(client.get_order, SYMBOL, orderId=placed["orderId"])["status"] == "NEW"
    assert len(told(client.get_open_orders, symbol=SYMBOL)) == 1
    assert told(client.cancel_order, SYMBOL, orderId=placed["orderId"])["status"] == "CANCELED"
    told(client.new_order, **ORDER, **FAR)
    assert len(told(client.cancel_open_orders, SYMBOL)) == 1


@case
def reads_its_account() -> None:
    assert told(client.account)["canTrade"]
    assert told(client.order_rate_limit)
    assert told(client.order_history, symbol=SYMBOL)
    assert told(client.oco_history) == []
    assert told(client.my_trades, symbol=SYMBOL) == []
    assert told(client.prevented_matches, SYMBOL, orderId=1) == []


@case
def opens_extends_and_closes_a_listen_key() -> None:
    key = told(client.user_data_start)["listenKey"]
    assert told(client.user_data_ping, key) == {}
    assert told(client.user_data_stop, key) == {}


run(client.stop)
