"""freqtrade in live mode: round trips with real orders, stops on the exchange, and no error in its log.

It goes on until the first round trip is done, and for OPENBOURSE_SOAK_S seconds at least.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ccxt
from cases import MINE, case, run
from ccxt_settings import settings

PAIR = "ETH/USDT"
WAIT_S = 240
"""How long the first round trip may take: a candle must close first."""
SOAK_S = float(os.environ.get("OPENBOURSE_SOAK_S", "0"))
STRATEGY = '''
from freqtrade.strategy import IStrategy


class Flip(IStrategy):
    """Enter with every candle, leave with the next look at the trade."""

    INTERFACE_VERSION = 3
    timeframe = "1m"
    minimal_roi = {"0": -1}
    stoploss = -0.2
    startup_candle_count = 1
    process_only_new_candles = False
    order_types = {
        "entry": "limit",
        "exit": "market",
        "stoploss": "limit",
        "stoploss_on_exchange": True,
        "emergency_exit": "market",
    }

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe
'''


def configuration() -> dict[str, object]:
    about = settings(MINE)
    url = {"urls": about["urls"], "options": about["options"]}
    return {
        "dry_run": False,
        "initial_state": "running",
        "stake_currency": "USDT",
        "stake_amount": 500,
        "max_open_trades": 1,
        "trading_mode": "spot",
        "entry_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exit_pricing": {"price_side": "other", "use_order_book": True, "order_book_top": 1},
        "exchange": {
            "name": "binance",
            "key": MINE["api_key"],
            "secret": MINE["secret"],
            "enable_ws": False,
            "pair_whitelist": [PAIR],
            "ccxt_config": url,
            "ccxt_async_config": url,
        },
        "pairlists": [{"method": "StaticPairList"}],
        "internals": {"process_throttle_secs": 2},
    }


def trade(folder: Path) -> str:
    """Run the bot until it has sold what it bought, and return its log."""
    (folder / "flip.py").write_text(STRATEGY)
    (folder / "config.json").write_text(json.dumps(configuration()))
    log = folder / "log"
    words = ["trade", "--config", "config.json", "--strategy", "Flip", "--strategy-path", "."]
    words += ["--userdir", str(folder / "user"), "--db-url", "sqlite://"]
    (folder / "user").mkdir()
    with log.open("wb") as output:
        bot = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "freqtrade", *words],
            cwd=folder,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        began = time.monotonic()
        while time.monotonic() < began + max(WAIT_S, SOAK_S) and bot.poll() is None:
            if time.monotonic() >= began + SOAK_S and sold():
                break
            time.sleep(2)
        # Not SIGINT, which whoever is started in the background does not hear.
        bot.terminate()
        bot.wait(60)
    return log.read_text()


def sold() -> bool:
    return any(one["side"] == "sell" for one in exchange.fetch_my_trades(PAIR))


exchange = ccxt.binance(settings(MINE))
exchange.load_markets()
with tempfile.TemporaryDirectory() as name:
    LOG = trade(Path(name))


@case
def buys_and_sells_with_real_orders() -> None:
    sides = {one["side"] for one in exchange.fetch_my_trades(PAIR)}
    assert sides == {"buy", "sell"}, LOG[-1500:]


@case
def puts_a_stop_on_the_exchange_and_takes_it_away() -> None:
    orders = exchange.fetch_orders(PAIR)
    stops = [one for one in orders if one["info"]["type"] == "STOP_LOSS_LIMIT"]
    sales = [one for one in exchange.fetch_my_trades(PAIR) if one["side"] == "sell"]
    # The bot may have bought again before it was told to stop: the stop of an open trade stays.
    done = [one for one in stops if one["timestamp"] < sales[-1]["timestamp"]]
    assert done, LOG[-1500:]
    assert {one["status"] for one in done} == {"canceled"}


@case
def logs_no_error() -> None:
    wrong = [line for line in LOG.splitlines() if re.search(r" - (ERROR|CRITICAL) - ", line)]
    assert wrong == []


run()
