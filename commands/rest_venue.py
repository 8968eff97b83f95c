"""Play a flow through the running exchange's REST door, as a client would.

Two accounts of its own: what rests belongs to one, what takes to the other, so that self-trade
prevention never speaks. An incoming order's answer says how much it traded, not with whom; that the named order
was hit is read from the maker's side: its executed quantity must have risen by just as much.
"""

import hashlib
import hmac
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from commands import Refused
from commands.account import create_account
from commands.desk import Desk
from commands.phase import start
from commands.steps import Enter, Levels
from commands.venue import Rejected, Seen
from conf.settings import Settings
from protocol.terms import CommandKind, SessionPhase
from protocol.units import to_text, to_units

_PRICE_DECIMALS = 2
_DEPTH_LIMIT = 5000
_RECV_WINDOW_MS = 60_000
_BASE, _QUOTE = "AAPL", "USD"
_OWN_SYMBOL = "REPLAY"
_HIGHEST_PRICE = 1_000_000
_BASE_FUNDS, _QUOTE_FUNDS = "10000000", "5000000000"


@dataclass(frozen=True, slots=True)
class Keys:
    """How one account signs."""

    api_key: str
    secret: str


class RestClient:
    """Signed requests over one kept-alive connection, one at a time."""

    def __init__(self, host: str, port: int, timeout_s: float = 30.0) -> None:
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout_s)

    def public(self, path: str, **fields: str | int) -> Any:
        """Ask without a key."""
        return self._request("GET", f"{path}?{urlencode(fields)}", {})

    def signed(self, method: str, path: str, keys: Keys, **fields: str | int) -> Any:
        """Ask on behalf of an account, all parameters in the query string.

        Raises: Rejected with the exchange's code and text.
        """
        now_ms = time.time_ns() // 1_000_000
        query = urlencode({**fields, "recvWindow": _RECV_WINDOW_MS, "timestamp": now_ms})
        seal = hmac.new(keys.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        return self._request(
            method, f"{path}?{query}&signature={seal}", {"X-MBX-APIKEY": keys.api_key}
        )

    def _request(self, method: str, target: str, headers: dict[str, str]) -> Any:
        try:
            self.connection.request(method, target, headers=headers)
            answer = self.connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as broken:
            self.connection.close()
            raise Rejected(
                f"no answer to {method} {target.partition('?')[0]}: {broken}"
            ) from broken
        try:
            content = json.loads(body)
        except ValueError as wrong:
            raise Rejected(f"HTTP {answer.status} without JSON: {body[:80]!r}") from wrong
        if answer.status != http.HTTPStatus.OK:
            raise Rejected(f"{content.get('code')} {content.get('msg')}")
        return content


class RestVenue:
    """An instrument of the running exchange, seen as a `replay.Venue`."""

    def __init__(self, client: RestClient, symbol: str, maker: Keys, taker: Keys) -> None:
        self.client = client
        self.symbol = symbol
        self.maker = maker
        self.taker = taker
        self.order_ids: dict[str, int] = {}
        self.executed: dict[str, int] = {}

    def enter(self, step: Enter) -> list[tuple[str, int]]:
        """POST the order; for a named hit, read the maker's order."""
        answer = self.client.signed(
            "POST",
            "/api/v3/order",
            self.taker if step.ioc else self.maker,
            symbol=self.symbol,
            side=step.side.name,
            type="LIMIT",
            timeInForce="IOC" if step.ioc else "GTC",
            price=to_text(step.price, _PRICE_DECIMALS),
            quantity=step.qty,
            newOrderRespType="FULL",
        )
        fills = [to_units(fill["qty"], 0) for fill in answer["fills"]]
        if not step.ioc:
            self.order_ids[step.order] = answer["orderId"]
            self.executed[step.order] = sum(fills)
        if step.hit and len(fills) == 1 and self._risen(step.hit) == fills[0]:
            return [(step.hit, fills[0])]
        return [("an order not named", qty) for qty in fills]

    def _risen(self, name: str) -> int:
        order = self.client.signed(
            "GET",
            "/api/v3/order",
            self.maker,
            symbol=self.symbol,
            orderId=self.order_ids.get(name, 0),
        )
        executed = to_units(order["executedQty"], 0)
        risen = executed - self.executed[name]
        self.executed[name] = executed
        return risen

    def cancel(self, name: str) -> None:
        """DELETE the order."""
        self.client.signed(
            "DELETE",
            "/api/v3/order",
            self.maker,
            symbol=self.symbol,
            orderId=self.order_ids.get(name, 0),
        )

    def amend(self, name: str, qty: int) -> None:
        """Amend the order in place, which keeps its priority."""
        self.client.signed(
            "PUT",
            "/api/v3/order/amend/keepPriority",
            self.maker,
            symbol=self.symbol,
            orderId=self.order_ids.get(name, 0),
            newQty=qty,
        )

    def book(self, levels: int | None) -> Seen:
        """GET the depth; the open orders only when the whole book is wanted."""
        depth = self.client.public(
            "/api/v3/depth", symbol=self.symbol, limit=_DEPTH_LIMIT if levels is None else levels
        )
        bids, asks = _levels(depth["bids"]), _levels(depth["asks"])
        open_orders = 0
        if levels is None:
            mine = self.client.signed("GET", "/api/v3/openOrders", self.maker, symbol=self.symbol)
            open_orders = len(mine)
        return Seen(bids, asks, (len(bids), len(asks)), open_orders)

    def close(self) -> None:
        """DELETE what is still open, so that the instrument can be used again."""
        try:
            self.client.signed("DELETE", "/api/v3/openOrders", self.maker, symbol=self.symbol)
        except Rejected:
            # Nothing was open, or the exchange is gone: either way there is nothing to do.
            return


def open_rest_venue(settings: Settings, symbol: str | None) -> RestVenue:
    """Make two funded accounts, and an instrument for the replay unless one is named.

    Raises: Refused when the exchange does not answer or the instrument is not fit for a replay.
    """
    symbol = symbol or _own_instrument(settings)
    client = RestClient(settings.rest.host, settings.rest.port)
    try:
        (about,) = client.public("/api/v3/exchangeInfo", symbol=symbol)["symbols"]
        depth = client.public("/api/v3/depth", symbol=symbol, limit=5)
    except Rejected as rejection:
        raise Refused(f"{symbol} cannot be had from the exchange: {rejection}") from rejection
    if about["status"] != "TRADING":
        raise Refused(f"{symbol} is in status {about['status']}, a replay needs it TRADING")
    if depth["bids"] or depth["asks"]:
        raise Refused(f"the book of {symbol} is not empty; a replay needs one of its own")
    deposits = {about["baseAsset"]: _BASE_FUNDS, about["quoteAsset"]: _QUOTE_FUNDS}
    mark = time.time_ns()
    made = [
        create_account(settings, f"replay-{role}-{mark}", deposits) for role in ("maker", "taker")
    ]
    maker, taker = (Keys(one["api_key"], one["secret"]) for one in made)
    return RestVenue(client, symbol, maker, taker)


def _own_instrument(settings: Settings) -> str:
    """Find an instrument that an earlier replay left empty, or list a new one.

    Its terms are those an instrument starts with: no filters, no fees, a tick of a cent, whole shares.
    """
    with Desk(settings.data_dir) as desk:
        symbols = desk.board.symbols()
        number = 1
        while (symbol := f"{_OWN_SYMBOL}{number}") in symbols:
            row = desk.board.instrument(symbols.index(symbol))
            empty = row["best_bid"] == 0 and row["best_ask"] == 0
            if empty and row["phase"] == SessionPhase.CONTINUOUS:
                return symbol
            number += 1
        codes = [code for code, _ in desk.board.assets()]
        if _BASE not in codes or _QUOTE not in codes:
            raise Refused(f"the exchange has no assets {_BASE} and {_QUOTE}: name a --symbol")
        desk.ask(
            {
                "kind": CommandKind.ADD_INSTRUMENT,
                "asset": codes.index(_BASE),
                "term": codes.index(_QUOTE),
                "price": _PRICE_DECIMALS,
                "amount": _HIGHEST_PRICE,
                "cl_ord_id": symbol.encode(),
            }
        )
        start(desk, symbol, SessionPhase.CONTINUOUS)
    return symbol


def _levels(rows: list[list[str]]) -> Levels:
    return tuple((to_units(price, _PRICE_DECIMALS), to_units(qty, 0)) for price, qty in rows)
