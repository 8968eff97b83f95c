"""binance-connector: its stream client, a thread with callbacks, raw and combined."""

import json
import queue
from collections.abc import Callable
from typing import Any

from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from cases import WS, case, run

SYMBOL = "btcusdt"


def heard(
    ask: Callable[[SpotWebsocketStreamClient], Any],
    wanted: Callable[[dict[str, Any]], bool],
    **options: Any,
) -> dict[str, Any]:
    """Subscribe to something and return the first message that is wanted."""
    told: queue.Queue[str] = queue.Queue()
    failures: queue.Queue[Exception] = queue.Queue()
    client = SpotWebsocketStreamClient(
        stream_url=WS,
        on_message=lambda _, message: told.put(message),
        on_error=lambda _, error: failures.put(error),
        **options,
    )
    try:
        ask(client)
        while True:
            message = json.loads(told.get(timeout=40))
            if wanted(message):
                assert failures.empty(), failures.get()
                found: dict[str, Any] = message
                return found
    finally:
        client.stop()


def event(name: str) -> Callable[[dict[str, Any]], bool]:
    return lambda told: told.get("e") == name


@case
def tells_trades_and_candles() -> None:
    heard(lambda one: one.trade(SYMBOL), event("trade"))
    heard(lambda one: one.agg_trade(SYMBOL), event("aggTrade"))
    assert heard(lambda one: one.kline(SYMBOL, "1m"), event("kline"))["k"]["i"] == "1m"
    heard(lambda one: one.kline_timezone_offset(SYMBOL, "1d"), event("kline"))


@case
def tells_tickers_of_one_and_of_all() -> None:
    heard(lambda one: one.ticker(SYMBOL), event("24hrTicker"))
    heard(lambda one: one.mini_ticker(SYMBOL), event("24hrMiniTicker"))
    heard(lambda one: one.rolling_window_ticker(SYMBOL, "1h"), event("1hTicker"))
    for ask in (lambda one: one.ticker(), lambda one: one.mini_ticker()):
        assert heard(ask, lambda told: isinstance(told, list))


@case
def tells_depth_and_best_prices() -> None:
    heard(lambda one: one.book_ticker(SYMBOL), lambda told: "B" in told)
    top = heard(lambda one: one.partial_book_depth(SYMBOL, 5, 100), lambda told: "bids" in told)
    assert len(top["asks"]) <= 5
    told = heard(lambda one: one.diff_book_depth(SYMBOL, 100), event("depthUpdate"))
    assert told["U"] <= told["u"]


@case
def answers_requests_with_their_ids() -> None:
    answer = heard(
        lambda one: one.subscribe([f"{SYMBOL}@trade"], id=7), lambda told: "result" in told
    )
    assert answer == {"result": None, "id": 7}
    answer = heard(lambda one: one.list_subscribe(id=8), lambda told: told.get("id") == 8)
    assert answer["result"] == []


@case
def names_the_stream_when_combined_and_counts_microseconds() -> None:
    told = heard(lambda one: one.trade(SYMBOL), lambda told: "stream" in told, is_combined=True)
    assert told["stream"] == f"{SYMBOL}@trade"
    told = heard(lambda one: one.trade(SYMBOL), event("trade"), time_unit="microsecond")
    assert told["T"] > 10**15


run()
