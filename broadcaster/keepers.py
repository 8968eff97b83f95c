"""What a broadcaster fetches beside the events: the past of the tapes, snapshots of the queues."""

import asyncio
import logging
from collections.abc import Callable

from broadcaster.history import Unavailable
from broadcaster.l3 import Orders
from broadcaster.messages import Message
from broadcaster.surroundings import History, Market
from broadcaster.tapes import Need, Tapes
from runtime import clock

HISTORY_PAUSE_S = 0.5
HISTORY_LONGEST_PAUSE_S = 8.0
"""Between two looks at what the tapes lack; longer while REST does not answer."""
QUEUES_PAUSE_S = 0.02
QUEUES_PATIENCE_S = 1.0
"""How long a snapshot of queues is waited for before it is asked for again."""


async def keep_history(tapes: Tapes, history: History, log: logging.Logger) -> None:
    """Bring what the tapes lack, now and whenever it is missing."""
    told = ""
    pause_s = HISTORY_PAUSE_S
    while True:
        try:
            for need in tapes.needs():
                await _bring(need, tapes, history)
            pause_s = HISTORY_PAUSE_S
        except Unavailable as error:
            if told != str(error):
                log.info("history cannot be had yet: %s", error)
            told = str(error)
            pause_s = min(2 * pause_s, HISTORY_LONGEST_PAUSE_S)
        await asyncio.sleep(pause_s)


async def _bring(need: Need, tapes: Tapes, history: History) -> None:
    if need.from_agg_trade_id is None:
        past = await history.past(need.instrument, clock.wall_ns())
        tapes.load(need.number, past)
    else:
        trades = await history.trades_from(need.instrument, need.from_agg_trade_id)
        tapes.fill(need.number, trades)


async def keep_queues(
    orders: Orders, market: Market, tell: Callable[[list[Message]], None]
) -> None:
    """Bring snapshots of the queues to the order-by-order feeds that begin."""
    while True:
        for number in orders.needs():
            asked = market.ask_queues(number)
            if asked is not None:
                await _load(number, asked, orders, market, tell)
        await asyncio.sleep(QUEUES_PAUSE_S)


async def _load(
    number: int, asked: int, orders: Orders, market: Market, tell: Callable[[list[Message]], None]
) -> None:
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + QUEUES_PATIENCE_S
    while loop.time() < deadline_s:
        view = market.queues(number, asked)
        if view is not None:
            tell(orders.load(number, view, clock.wall_ns()))
            return
        await asyncio.sleep(QUEUES_PAUSE_S / 10)
