"""Play a recorded order flow as a live market: its orders at its times, in one instrument of the exchange.

Two accounts of simulated traders act for everybody in the record: what rests belongs to one, what takes to
the other. Other people may trade in the instrument too, so nothing is held to the record here; that is the work
of `openbourse replay`.
"""

import argparse
import time
from collections.abc import Sequence
from typing import Any

from commands import Refused, flows, traders
from commands.live_crowd import listings
from commands.rest_client import Keys, RestClient
from commands.steps import Amend, Cancel, Enter, Step
from commands.ws_api_client import Answer, ConnectionLost, WsApiClient, signed
from conf.settings import Settings
from protocol.units import to_text

_TRADERS = ("flow-maker", "flow-taker")
_SYMBOL = "AAPLUSD"
_AT_ONCE = 40
_NAP_S = 0.005


def play(settings: Settings, address: tuple[str, int], args: argparse.Namespace) -> dict[str, Any]:
    """Play the flow that the command line names; what was done.

    Raises: Refused when the file cannot be read, the instrument is not there or the exchange goes away.
    """
    symbol = args.symbol[0] if args.symbol else _SYMBOL
    try:
        steps = flows.read(args.flow)
    except (OSError, flows.NotAFlow) as wrong:
        raise Refused(f"cannot play {args.flow}: {wrong}") from wrong
    if args.speed <= 0:
        raise Refused(f"--speed {args.speed}: expected a number above 0")
    client = RestClient(*address)
    (listing,) = listings(client, [symbol])
    client.connection.close()
    if listing.price_decimals != flows.PRICE_DECIMALS or listing.qty_decimals:
        raise Refused(
            f"{symbol} is not priced in cents and dealt in whole shares, as recorded flows are"
        )
    maker, taker = traders.accounts(settings, _TRADERS)
    try:
        wire = WsApiClient(*address)
        try:
            return _FlowPlayer(wire, symbol, maker, taker).play(steps, args.speed, args.seconds)
        finally:
            wire.close()
    except ConnectionLost as why:
        raise Refused(f"the exchange went away: {why}") from why


class _FlowPlayer:
    def __init__(self, wire: WsApiClient, symbol: str, maker: Keys, taker: Keys) -> None:
        self._wire = wire
        self._symbol = symbol
        self._maker = maker
        self._taker = taker
        self._order_ids: dict[str, int] = {}
        self._told = {"orders": 0, "refused": 0}

    def play(self, steps: Sequence[Step], speed: float, seconds: float) -> dict[str, Any]:
        """Do each step when its time has come; `seconds` of the clock, 0: to the end of the record."""
        begun_s, first_ns, place = time.monotonic(), steps[0].at_ns, 0
        while place < len(steps):
            past_s = time.monotonic() - begun_s
            if seconds and past_s > seconds:
                break
            due_ns = first_ns + int(past_s * speed * 1e9)
            due = _due(steps, place, due_ns)
            if not due:
                time.sleep(_NAP_S)
            self._do(steps[place : place + due])
            place += due
        past_s = time.monotonic() - begun_s
        return {
            **self._told,
            "seconds": round(past_s, 1),
            "rate": round(self._told["orders"] / past_s, 1),
        }

    def _do(self, steps: Sequence[Step]) -> None:
        asked = [step for step in steps if isinstance(step, Enter | Cancel | Amend)]
        # A cancel names an id that the exchange gave: entries of the same turn must be answered first.
        while asked:
            named = {step.order for step in asked if isinstance(step, Enter)}
            later = next(
                (
                    n
                    for n, step in enumerate(asked)
                    if not isinstance(step, Enter) and step.order in named
                ),
                len(asked),
            )
            now, asked = asked[:later], asked[later:]
            answers = self._wire.ask([self._request(step) for step in now])
            for step, answer in zip(now, answers, strict=True):
                self._hear(step, answer)

    def _request(self, step: Enter | Cancel | Amend) -> tuple[str, dict[str, str | int]]:
        about: dict[str, str | int] = {"symbol": self._symbol}
        if isinstance(step, Enter):
            about |= {
                "side": step.side.name,
                "type": "LIMIT",
                "timeInForce": "IOC" if step.ioc else "GTC",
                "price": to_text(step.price, flows.PRICE_DECIMALS),
                "quantity": step.qty,
                "newOrderRespType": "RESULT",
            }
            return "order.place", signed(self._taker if step.ioc else self._maker, about)
        about["orderId"] = self._order_ids.get(step.order, 0)
        if isinstance(step, Amend):
            about["newQty"] = step.qty
            return "order.amend.keepPriority", signed(self._maker, about)
        return "order.cancel", signed(self._maker, about)

    def _hear(self, step: Enter | Cancel | Amend, answer: Answer) -> None:
        self._told["orders"] += 1
        if answer["status"] != 200:
            self._told["refused"] += 1
        elif isinstance(step, Enter) and not step.ioc:
            self._order_ids[step.order] = answer["result"]["orderId"]


def _due(steps: Sequence[Step], place: int, due_ns: int) -> int:
    """Count the steps from `place` on whose time has come, at most so many as go at once."""
    count = 0
    while count < _AT_ONCE and place + count < len(steps) and steps[place + count].at_ns <= due_ns:
        count += 1
    return count
