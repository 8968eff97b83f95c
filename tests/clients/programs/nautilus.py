"""NautilusTrader: a live node with the Binance adapter; user data by listen key, orders in the query string."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

from cases import MINE, REST, WS, case, run
from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.config import InstrumentProviderConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

INSTRUMENT = InstrumentId.from_str("BTCUSDT.BINANCE")
SEEN: Counter[str] = Counter()
WAIT_S = 40


class Trial(Strategy):  # type: ignore[misc]
    """Rest one order and cancel it; take once; count what is heard."""

    def on_start(self) -> None:
        self.resting: Any = None
        self.subscribe_quote_ticks(INSTRUMENT)
        self.subscribe_trade_ticks(INSTRUMENT)

    def on_quote_tick(self, tick: Any) -> None:
        SEEN["quotes"] += 1
        if self.resting is not None:
            return
        about = self.cache.instrument(INSTRUMENT)
        price = about.make_price(30000)
        make = self.order_factory
        self.resting = make.limit(
            INSTRUMENT, OrderSide.BUY, about.make_qty(0.001), price, post_only=True
        )
        self.submit_order(self.resting)
        self.submit_order(make.market(INSTRUMENT, OrderSide.BUY, about.make_qty(0.002)))

    def on_trade_tick(self, tick: Any) -> None:
        SEEN["trades"] += 1

    def on_order_accepted(self, event: Any) -> None:
        SEEN["accepted"] += 1
        if event.client_order_id == self.resting.client_order_id:
            self.cancel_order(self.resting)

    def on_order_canceled(self, event: Any) -> None:
        SEEN["canceled"] += 1

    def on_order_filled(self, event: Any) -> None:
        SEEN["filled"] += 1

    def on_order_rejected(self, event: Any) -> None:
        SEEN["rejected"] += 1

    def on_stop(self) -> None:
        """Leave everything as it is."""


async def trade() -> None:
    """Run a node until it has heard of everything that it should."""
    about = {
        "api_key": MINE["api_key"],
        "api_secret": MINE["secret"],
        "account_type": BinanceAccountType.SPOT,
        "base_url_http": REST,
        "base_url_ws": WS,
        "instrument_provider": InstrumentProviderConfig(load_ids=frozenset({INSTRUMENT})),
    }
    node = TradingNode(
        config=TradingNodeConfig(
            trader_id=TraderId("TRIAL-001"),
            logging=LoggingConfig(log_level="ERROR"),
            data_clients={BINANCE: BinanceDataClientConfig(**about)},
            exec_clients={BINANCE: BinanceExecClientConfig(**about)},
            timeout_connection=20.0,
            timeout_disconnection=5.0,
            timeout_post_stop=1.0,
        )
    )
    node.trader.add_strategy(Trial())
    node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
    node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
    node.build()
    running = asyncio.create_task(node.run_async())
    for _ in range(WAIT_S * 10):
        await asyncio.sleep(0.1)
        if {"trades", "canceled", "filled"} <= set(SEEN):
            break
    SEEN["instruments"] = len(node.cache.instruments())
    SEEN["accounts"] = len(node.cache.accounts())
    await node.stop_async()
    await running


# The node stops the loop that it runs in, so it has one of its own.
with contextlib.suppress(RuntimeError):
    asyncio.run(trade())


@case
def reads_the_instrument_and_the_account() -> None:
    assert (SEEN["instruments"], SEEN["accounts"]) == (1, 1)


@case
def hears_the_market() -> None:
    assert SEEN["quotes"] and SEEN["trades"]


@case
def hears_that_both_orders_were_accepted() -> None:
    assert (SEEN["accepted"], SEEN["rejected"]) == (2, 0)


@case
def hears_of_the_cancel_and_of_the_fill() -> None:
    assert SEEN["canceled"] == 1
    assert SEEN["filled"] >= 1


run()
