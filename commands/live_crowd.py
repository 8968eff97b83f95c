"""A running exchange as the crowd's market: orders over the WebSocket API, each trader with his own account."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from commands import Refused
from commands.rest_client import Keys, RestClient, patiently
from commands.ws_api_client import Answer, ConnectionLost, WsApiClient, signed
from crowd.intents import Cancel, Intent, Listing, Outcome, Place, Style, View
from protocol.terms import SessionPhase, Side
from protocol.units import to_text, to_units

_PHASE_EVERY_S = 0.5
_RESTING = ("NEW", "PARTIALLY_FILLED")
_UNKNOWN = -1007
_STYLES: dict[Style, tuple[str, str]] = {
    Style.REST: ("LIMIT", "GTC"),
    Style.TAKE: ("LIMIT", "IOC"),
    Style.MARKET: ("MARKET", ""),
    Style.OPENING: ("LIMIT", "AT_OPENING"),
    Style.CLOSING: ("LIMIT", "AT_CLOSE"),
}


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
        """Do what the crowd wants, in order.

        Raises: ConnectionLost, also when the exchange does not know what became of an order.
        """
        answers = self._wire.ask([self._request(intent) for intent in intents])
        pairs = zip(intents, answers, strict=True)
        return [self._outcome(intent, _known(answer)) for intent, answer in pairs]

    def _view(self, told: dict[str, str]) -> View:
        listing = self._listings[told["symbol"]]
        bid, ask = (
            int(Decimal(told[name]).scaleb(listing.price_decimals))
            for name in ("bidPrice", "askPrice")
        )
        return View(bid, ask, self._phases[listing.symbol])

    def _request(self, intent: Intent) -> tuple[str, Mapping[str, Any]]:
        keys = self._keys[intent.trader]
        if isinstance(intent, Cancel):
            order_id = self._order_ids.pop(intent.number, 0)
            about: dict[str, str | int] = {"symbol": intent.symbol, "orderId": order_id}
            return "order.cancel", signed(keys, about)
        return "order.place", signed(keys, self._order(intent))

    def _order(self, intent: Place) -> dict[str, str | int]:
        listing = self._listings[intent.symbol]
        kind, in_force = _STYLES[intent.style]
        order: dict[str, str | int] = {
            "symbol": intent.symbol,
            "side": Side(intent.side).name,
            "type": kind,
            "quantity": to_text(intent.qty, listing.qty_decimals),
            "newOrderRespType": "RESULT",
        }
        if intent.price:
            order["price"] = to_text(intent.price, listing.price_decimals)
        if in_force:
            order["timeInForce"] = in_force
        return order

    def _outcome(self, intent: Intent, answer: Answer) -> Outcome:
        if answer["status"] != 200:
            return Outcome(refusal=answer["error"]["msg"])
        told, listing = answer["result"], self._listings[intent.symbol]
        filled, whole = (
            int(Decimal(told[name]).scaleb(listing.qty_decimals))
            for name in ("executedQty", "origQty")
        )
        if isinstance(intent, Cancel) or told["status"] not in _RESTING:
            return Outcome(filled=filled)
        self._order_ids[intent.number] = told["orderId"]
        return Outcome(filled=filled, leaves=whole - filled)


def _known(answer: Answer) -> Answer:
    """Pass an answer on, unless it says that nobody knows what was done."""
    if answer["status"] >= 500 or answer.get("error", {}).get("code") == _UNKNOWN:
        raise ConnectionLost(f"{answer['error']['code']} {answer['error']['msg']}")
    return answer
