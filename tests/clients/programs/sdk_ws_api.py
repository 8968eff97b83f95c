"""binance-sdk-spot over the WebSocket API: typed answers and the user data stream."""

import asyncio
from typing import Any

from binance_common.configuration import ConfigurationWebSocketAPI
from binance_sdk_spot.spot import Spot
from cases import MINE, REST, case, run

SYMBOL = "BTCUSDT"
api = Spot(
    config_ws_api=ConfigurationWebSocketAPI(
        api_key=MINE["api_key"],
        api_secret=MINE["secret"],
        stream_url=REST.replace("http:", "ws:") + "/ws-api/v3",
    )
).websocket_api
ORDER: dict[str, Any] = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "time_in_force": "GTC"}
OPEN: dict[str, Any] = {}


def mine() -> Any:
    return OPEN["mine"]


def told(answer: Any) -> Any:
    """Return the result of an answer, as its model has it."""
    return answer.data().result


@case
async def reads_the_market() -> None:
    OPEN["mine"] = await api.create_connection()
    await mine().ping()
    assert told(await mine().time()).server_time > 0
    info = (await mine().exchange_info(symbol=SYMBOL)).data()
    # The model of this one answer has no `result`, so its fields stay empty, whoever answers.
    assert info.symbols is None
    assert told(await mine().depth(SYMBOL, limit=5)).last_update_id > 0
    assert told(await mine().trades_recent(SYMBOL, limit=3))[0].id > 0
    assert told(await mine().trades_aggregate(SYMBOL, limit=3))[0].a > 0
    assert len(told(await mine().klines(SYMBOL, "1m", limit=3))[0]) == 12
    assert told(await mine().avg_price(SYMBOL)).mins == 5


@case
async def places_asks_for_and_cancels() -> None:
    placed = told(await mine().order_place(**ORDER, quantity=0.001, price=30000))
    assert placed.status == "NEW"
    about = {"symbol": SYMBOL, "order_id": placed.order_id}
    assert told(await mine().order_status(**about)).status == "NEW"
    assert told(await mine().open_orders_status(symbol=SYMBOL))[0].order_id == placed.order_id
    assert told(await mine().order_cancel(**about)).status == "CANCELED"
    assert told(await mine().all_orders(SYMBOL))
    assert told(await mine().account_status()).can_trade is True
    assert told(await mine().account_commission(SYMBOL)).symbol == SYMBOL
    assert told(await mine().session_status()).api_key is None


@case
async def hears_what_happens_to_the_account() -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    subscribed = await mine().user_data_stream_subscribe_signature()
    stream = subscribed.stream
    stream.on("message", heard.put_nowait)
    placed = told(await mine().order_place(**ORDER, quantity=0.001, price=30000))
    report = None
    # What was done before the subscription may be told a moment later.
    while getattr(report, "i", None) != placed.order_id:
        report = (await asyncio.wait_for(heard.get(), 20)).actual_instance
    assert type(report).__name__ == "ExecutionReport", report
    await mine().open_orders_cancel_all(SYMBOL)
    assert told(await mine().session_subscriptions())[0].subscription_id == 0
    await mine().user_data_stream_unsubscribe()


async def close() -> None:
    await mine().close_connection()


run(close)
