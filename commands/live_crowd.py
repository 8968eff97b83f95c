"""A running exchange as the crowd's market: orders over the WebSocket API, each trader with his own account.

What a trader wants of a round goes in two batches at most (what he cancels, what he places): a signature, a message
and an answer for each order would cost the traders and the door more than the order does.
"""

import itertools
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from commands import Refused
from commands.rest_client import Keys, RestClient, patiently
from commands.ws_api_client import Answer, ConnectionLost, WsApiClient, signed, signed_batch
from crowd.intents import Cancel, Intent, Listing, Outcome, Place, Style, View
from protocol.terms import SessionPhase, Side
from protocol.units import to_text, to_units

_PHASE_EVERY_S = 0.5
_BATCH_LIMIT = 50
_RESTING = ("NEW", "PARTIALLY_FILLED")
_LOST = (-1000, -1001, -1007, -1008)
"""Refusals that say nothing of the order: the exchange, or a part of it, is away."""
_SIDES = {side: side.name for side in Side}
_STYLES = {
    Style.REST: '"type":"LIMIT","timeInForce":"GTC"',
    Style.TAKE: '"type":"LIMIT","timeInForce":"IOC"',
    Style.MARKET: '"type":"MARKET"',
    Style.OPENING: '"type":"LIMIT","timeInForce":"AT_OPENING"',
    Style.CLOSING: '"type":"LIMIT","timeInForce":"AT_CLOSE"',
}
"""How an order of each style is written."""


class _Told(msgspec.Struct, rename="camel"):
    """What the exchange says of one order: how it stands, or why it was refused."""

    order_id: int = 0
    status: str = ""
    executed_qty: str = "0"
    code: int = 0
    msg: str = ""


class _Batch(msgspec.Struct):
    """The answer to a batch: an entry for each order, or why there is none."""

    status: int
    result: list[_Told] = []
    error: _Told | None = None


_decode_batch = msgspec.json.Decoder(_Batch).decode


def listings(client: RestClient, symbols: Sequence[str]) -> list[Listing]:
    """Return the instruments asked for, all when none is named.

    Raises: Refused when one is not there.
    """
    told = patiently(lambda: client.public("/api/v3/exchangeInfo"))["symbols"]
    found = {one["symbol"]: _listing(one) for one in told}
    unknown = [symbol for symbol in symbols if symbol not in found]
    if unknown:
        raise Refused(f"no instrument {', '.join(unknown)}; there are {', '.join(sorted(found))}")
    return [found[symbol] for symbol in symbols or sorted(found)]


def last_prices(client: RestClient) -> dict[str, float]:
    """Return the last price of every instrument that has traded."""
    told = patiently(lambda: client.public("/api/v3/ticker/price"))
    return {one["symbol"]: float(one["price"]) for one in told if float(one["price"]) > 0}


def _listing(told: dict[str, Any]) -> Listing:
    filters = {one["filterType"]: one for one in told["filters"]}
    tick, lot = filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"]
    price_decimals, qty_decimals = _decimals(tick), _decimals(lot)
    notional = filters.get("NOTIONAL", {}).get("minNotional", "0")
    return Listing(
        symbol=told["symbol"],
        base=told["baseAsset"],
        quote=told["quoteAsset"],
        price_decimals=price_decimals,
        qty_decimals=qty_decimals,
        tick=to_units(tick, price_decimals),
        lot=to_units(lot, qty_decimals),
        min_notional=float(notional),
    )


def _decimals(text: str) -> int:
    return max(-int(Decimal(text).normalize().as_tuple().exponent), 0)


class LiveMarket:
    """The markets of a running exchange; `keys` by trader number."""

    def __init__(
        self, address: tuple[str, int], markets: Sequence[Listing], keys: Sequence[Keys]
    ) -> None:
        self._rest = RestClient(*address)
        self._wire = WsApiClient(*address)
        self._listings = {one.symbol: one for one in markets}
        self._keys = keys
        self._order_ids: dict[int, int] = {}
        self._phases: dict[str, SessionPhase] = {}
        self._phases_at_s = float("-inf")

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()
        self._rest.connection.close()

    def clear(self) -> None:
        """Cancel whatever the traders have open, from this life or an earlier one.

        Raises: ConnectionLost; Refused when the exchange does not take the keys.
        """
        for keys in self._keys:
            found = self._wire.ask([("openOrders.status", signed(keys, {}))])[0]
            if found["status"] != 200:
                raise Refused(f"the exchange does not know its traders: {found['error']['msg']}")
            symbols = sorted({one["symbol"] for one in found["result"]} & self._listings.keys())
            asked = [
                ("openOrders.cancelAll", signed(keys, {"symbol": symbol})) for symbol in symbols
            ]
            for answer in self._wire.ask(asked):
                _known(answer)
        self._order_ids.clear()

    def views(self, now_s: float) -> dict[str, View]:
        """Show all markets; phases are looked at twice a second of the crowd's time.

        Raises: ConnectionLost.
        """
        if now_s - self._phases_at_s >= _PHASE_EVERY_S:
            told = patiently(lambda: self._rest.public("/api/v3/session"))
            self._phases = {one["symbol"]: SessionPhase[one["phase"]] for one in told}
            self._phases_at_s = now_s
        symbols = list(self._listings)
        answer = _known(self._wire.ask([("ticker.book", {"symbols": symbols})])[0])
        if answer["status"] != 200:
            raise ConnectionLost(f"no prices: {answer['error']['msg']}")
        return {one["symbol"]: self._view(one) for one in answer["result"]}

    def ask(self, intents: Sequence[Intent]) -> list[Outcome]:
        """Do what the crowd wants, in order; what one trader wants of one kind should stand together.

        Raises: ConnectionLost, also when the exchange does not know what became of an order.
        """
        runs = list(_runs(intents))
        answers = self._wire.exchange([self._request(run) for run in runs])
        return [
            outcome
            for run, answer in zip(runs, answers, strict=True)
            for outcome in self._outcomes(run, _decode_batch(answer))
        ]

    def _view(self, told: dict[str, str]) -> View:
        listing = self._listings[told["symbol"]]
        bid, ask = (
            to_units(told[name], listing.price_decimals) for name in ("bidPrice", "askPrice")
        )
        return View(bid, ask, self._phases[listing.symbol])

    def _request(self, run: Sequence[Intent]) -> tuple[str, bytes]:
        """Write a batch of one trader: all cancels or all orders."""
        keys = self._keys[run[0].trader]
        orders = ",".join(
            [self._cancel(one) if isinstance(one, Cancel) else self._order(one) for one in run]
        )
        method = "order.cancelBatch" if isinstance(run[0], Cancel) else "order.batch"
        return method, signed_batch(keys, f"[{orders}]")

    def _cancel(self, intent: Cancel) -> str:
        order_id = self._order_ids.pop(intent.number, 0)
        return f'{{"symbol":"{intent.symbol}","orderId":"{order_id}"}}'

    def _order(self, intent: Place) -> str:
        listing = self._listings[intent.symbol]
        price = ""
        if intent.price:
            price = f'"price":"{to_text(intent.price, listing.price_decimals)}",'
        return (
            f'{{"symbol":"{intent.symbol}","side":"{_SIDES[intent.side]}",{_STYLES[intent.style]},{price}'
            f'"quantity":"{to_text(intent.qty, listing.qty_decimals)}","newOrderRespType":"RESULT"}}'
        )

    def _outcomes(self, run: Sequence[Intent], answer: _Batch) -> list[Outcome]:
        told = [answer.error] * len(run) if answer.error is not None else answer.result
        return [self._outcome(intent, one) for intent, one in zip(run, told, strict=True)]

    def _outcome(self, intent: Intent, told: _Told) -> Outcome:
        if told.code:
            if told.code in _LOST:
                raise ConnectionLost(f"{told.code} {told.msg}")
            return Outcome(refusal=told.msg)
        if told.status == "NEW" and isinstance(intent, Place):
            # Most orders: nothing has traded, so no number needs to be read.
            self._order_ids[intent.number] = told.order_id
            return Outcome(leaves=intent.qty)
        filled = to_units(told.executed_qty, self._listings[intent.symbol].qty_decimals)
        if isinstance(intent, Cancel) or told.status not in _RESTING:
            return Outcome(filled=filled)
        self._order_ids[intent.number] = told.order_id
        return Outcome(filled=filled, leaves=intent.qty - filled)


def _runs(intents: Sequence[Intent]) -> Iterator[list[Intent]]:
    """Cut what is wanted into batches: neighbours of one trader and one kind."""
    for _, run in itertools.groupby(intents, lambda one: (one.trader, type(one))):
        rest = list(run)
        while rest:
            yield rest[:_BATCH_LIMIT]
            rest = rest[_BATCH_LIMIT:]


def _known(answer: Answer) -> Answer:
    """Pass an answer on, unless it says that nobody knows what was done."""
    if answer["status"] >= 500 or answer.get("error", {}).get("code") in _LOST:
        raise ConnectionLost(f"{answer['error']['code']} {answer['error']['msg']}")
    return answer
