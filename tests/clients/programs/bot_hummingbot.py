"""Hummingbot: its Binance connector on a clock of its own; user data by the WebSocket API, form bodies labelled JSON."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cases import MINE, REST, WS, case, run
from hummingbot.connector.exchange.binance import binance_constants
from hummingbot.connector.exchange.binance.binance_exchange import BinanceExchange
from hummingbot.core.clock import Clock, ClockMode
from hummingbot.core.data_type.common import OrderType, TradeType
from hummingbot.core.data_type.in_flight_order import OrderState
from hummingbot.core.event.event_logger import EventLogger
from hummingbot.core.event.events import MarketEvent, OrderFilledEvent

PAIR = "BTC-USDT"
LITTLE = Decimal("0.001")
WAIT_S = 40
ALL_EVENTS = (
    MarketEvent.BuyOrderCreated,
    MarketEvent.SellOrderCreated,
    MarketEvent.OrderCancelled,
    MarketEvent.OrderFilled,
    MarketEvent.OrderFailure,
    MarketEvent.BuyOrderCompleted,
    MarketEvent.SellOrderCompleted,
)
# Its logger puts warnings on the application's screen, which imports all of its exchanges; not where a test tool is named.
sys.argv.append("pytest")
binance_constants.REST_URL = f"{REST}/api/"
binance_constants.WSS_URL = f"{WS}/ws"
binance_constants.WSS_API_URL = f"{REST.replace('http', 'ws')}/ws-api/v3"


class Trial:
    """The connector, its clock, and what it said."""

    def __init__(self) -> None:
        self.exchange = BinanceExchange(MINE["api_key"], MINE["secret"], trading_pairs=[PAIR])
        self.heard = EventLogger()
        for event in ALL_EVENTS:
            self.exchange.add_listener(event, self.heard)
        self._clock = Clock(ClockMode.REALTIME, tick_size=0.5)
        self._clock.add_iterator(self.exchange)
        self._task = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        with self._clock:
            await self._clock.run()

    async def until(self, true: Callable[[], bool], what: str) -> None:
        for _ in range(WAIT_S * 10):
            if true():
                return
            await asyncio.sleep(0.1)
        raise TimeoutError(f"{what} within {WAIT_S} s; heard {self.words()}")

    def words(self) -> list[tuple[str, str]]:
        return [(type(one).__name__, getattr(one, "order_id", "")) for one in self.heard.event_log]

    async def heard_of(self, order: str, event: str) -> None:
        await self.until(lambda: (event, order) in self.words(), f"{event} of {order}")

    def filled(self, order: str) -> list[Any]:
        log = self.heard.event_log
        return [one for one in log if isinstance(one, OrderFilledEvent) and one.order_id == order]

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self.exchange.stop_network()


_trial: list[Trial] = []


async def ready() -> Trial:
    """Return the connector once it has read markets, book, balances and listens to its account."""
    if not _trial:
        _trial.append(Trial())
        exchange = _trial[0].exchange
        await _trial[0].until(lambda: exchange.ready, f"ready: {exchange.status_dict}")
    return _trial[0]


@case
async def becomes_ready_and_keeps_a_book() -> None:
    trial = await ready()
    book = trial.exchange.get_order_book(PAIR)
    assert 0 < book.get_price(False) < book.get_price(True)
    rule = trial.exchange.trading_rules[PAIR]
    assert rule.min_price_increment == Decimal("0.01")
    assert trial.exchange.get_available_balance("USDT") > 0
    seen = book.last_diff_uid
    await trial.until(lambda: book.last_diff_uid > seen, "the book moves")
    trades = await trial.exchange.get_last_traded_prices([PAIR])
    assert trades[PAIR] > 0


@case
async def rests_and_cancels() -> None:
    trial = await ready()
    kinds = (OrderType.LIMIT, OrderType.LIMIT_MAKER)
    for kind in kinds:
        order = trial.exchange.buy(PAIR, LITTLE, kind, Decimal(30000))
        await trial.heard_of(order, "BuyOrderCreatedEvent")
        trial.exchange.cancel(PAIR, order)
        await trial.heard_of(order, "OrderCancelledEvent")
    assert not trial.exchange.in_flight_orders


@case
async def trades_at_market_both_ways() -> None:
    trial = await ready()
    before = trial.exchange.get_balance("BTC")
    order = trial.exchange.buy(PAIR, LITTLE, OrderType.MARKET, Decimal("NaN"))
    await trial.heard_of(order, "BuyOrderCompletedEvent")
    bought = trial.filled(order)
    assert sum(one.amount for one in bought) == LITTLE
    assert {one.trade_type for one in bought} == {TradeType.BUY}
    await trial.until(lambda: trial.exchange.get_balance("BTC") > before, "the balance grows")
    order = trial.exchange.sell(PAIR, LITTLE, OrderType.MARKET, Decimal("NaN"))
    await trial.heard_of(order, "SellOrderCompletedEvent")
    assert sum(one.amount for one in trial.filled(order)) == LITTLE


@case
async def tells_fees_and_finds_its_orders_again_by_asking() -> None:
    trial = await ready()
    price = trial.exchange.get_price(PAIR, is_buy=True) * Decimal("1.01")
    order = trial.exchange.buy(PAIR, LITTLE, OrderType.LIMIT, price.quantize(Decimal("0.01")))
    await trial.heard_of(order, "BuyOrderCompletedEvent")
    assert all(one.trade_fee.flat_fees[0].token == "BTC" for one in trial.filled(order))
    resting = trial.exchange.buy(PAIR, LITTLE, OrderType.LIMIT, Decimal(30000))
    await trial.heard_of(resting, "BuyOrderCreatedEvent")
    tracked = trial.exchange.in_flight_orders[resting]
    told = await trial.exchange._request_order_status(tracked)
    assert told.new_state is OrderState.OPEN
    assert told.exchange_order_id == tracked.exchange_order_id
    assert await trial.exchange._all_trade_updates_for_order(tracked) == []
    trial.exchange.cancel(PAIR, resting)
    await trial.heard_of(resting, "OrderCancelledEvent")


@case
async def learns_of_a_refusal() -> None:
    trial = await ready()
    order = trial.exchange.sell(PAIR, Decimal(20), OrderType.LIMIT, Decimal(90000))
    await trial.heard_of(order, "MarketOrderFailureEvent")
    assert order not in trial.exchange.in_flight_orders


@case
async def quotes_both_sides_for_a_while() -> None:
    trial = await ready()
    failures = [one[0] for one in trial.words()].count("MarketOrderFailureEvent")
    for turn in range(5):
        away = Decimal(turn)
        buy = trial.exchange.buy(PAIR, LITTLE, OrderType.LIMIT_MAKER, Decimal(30000) - away)
        sell = trial.exchange.sell(PAIR, LITTLE, OrderType.LIMIT_MAKER, Decimal(90000) + away)
        await trial.heard_of(buy, "BuyOrderCreatedEvent")
        await trial.heard_of(sell, "SellOrderCreatedEvent")
        done = await trial.exchange.cancel_all(10)
        assert {one.order_id: one.success for one in done} == {buy: True, sell: True}
    assert [one[0] for one in trial.words()].count("MarketOrderFailureEvent") == failures


async def finish() -> None:
    """End the clock and the connector's tasks."""
    if _trial:
        await _trial[0].stop()


run(finish)
