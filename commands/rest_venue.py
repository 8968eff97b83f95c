"""Play a flow through the running exchange's REST door, as a client would.

Two accounts of its own: what rests belongs to one, what takes to the other, so that self-trade
prevention never speaks. An incoming order's answer says how much it traded, not with whom; that the named order
was hit is read from the maker's side: its executed quantity must have risen by just as much.

Processes of the exchange may be killed meanwhile. A request without an answer is asked again under the same
text id: either the exchange never took it, or it says that it did, and the order tells what came of it.
"""

import itertools
import time
from typing import Any
from urllib.parse import urlsplit

from commands import Refused
from commands.account import create_account
from commands.desk import Desk
from commands.phase import start
from commands.rest_client import Keys, RestClient, Unknown, patiently
from commands.steps import Enter, Levels
from commands.venue import Rejected, Seen
from conf.settings import Settings
from protocol.terms import CommandKind, SessionPhase
from protocol.units import to_text, to_units
from runtime.endpoints import run_dir
from supervision import status

_PRICE_DECIMALS = 2
_DEPTH_LIMIT = 5000
_BASE, _QUOTE = "AAPL", "USD"
_OWN_SYMBOL = "REPLAY"
_HIGHEST_PRICE = 1_000_000
_BASE_FUNDS, _QUOTE_FUNDS = "10000000", "5000000000"


class RestVenue:
    """An instrument of the running exchange, seen as a `replay.Venue`."""

    def __init__(self, client: RestClient, symbol: str, maker: Keys, taker: Keys) -> None:
        self.client = client
        self.symbol = symbol
        self.maker = maker
        self.taker = taker
        self.order_ids: dict[str, int] = {}
        self.executed: dict[str, int] = {}
        self.numbers = itertools.count(1)

    def enter(self, step: Enter) -> list[tuple[str, int]]:
        """POST the order; for a named hit, read the maker's order."""
        keys = self.taker if step.ioc else self.maker
        order = self._entered(step, keys, f"replay-{next(self.numbers)}")
        executed = to_units(order["executedQty"], 0)
        if not step.ioc:
            self.order_ids[step.order] = order["orderId"]
            self.executed[step.order] = executed
        if step.hit and executed and self._risen(step.hit) == executed:
            return [(step.hit, executed)]
        return [("an order not named", executed)] if executed else []

    def _entered(self, step: Enter, keys: Keys, text_id: str) -> Any:
        def post() -> Any:
            return self.client.signed(
                "POST",
                "/api/v3/order",
                keys,
                symbol=self.symbol,
                side=step.side.name,
                type="LIMIT",
                timeInForce="IOC" if step.ioc else "GTC",
                price=to_text(step.price, _PRICE_DECIMALS),
                quantity=step.qty,
                newClientOrderId=text_id,
                newOrderRespType="RESULT",
            )

        try:
            return post()
        except Unknown:
            try:
                return patiently(post)
            except Rejected:
                # "Duplicate order sent.": it was taken the first time. Anything else shows here.
                return self._order(keys, origClientOrderId=text_id)

    def _order(self, keys: Keys, **which: str | int) -> Any:
        return patiently(
            lambda: self.client.signed("GET", "/api/v3/order", keys, symbol=self.symbol, **which)
        )

    def _risen(self, name: str) -> int:
        order = self._order(self.maker, orderId=self.order_ids.get(name, 0))
        executed = to_units(order["executedQty"], 0)
        risen = executed - self.executed[name]
        self.executed[name] = executed
        return risen

    def _change(self, method: str, path: str, done: dict[str, str], **fields: str | int) -> None:
        """Change a resting order; after a lost answer a refusal counts if the order stands as wanted.

        Raises: Rejected.
        """

        def ask() -> Any:
            return self.client.signed(method, path, self.maker, symbol=self.symbol, **fields)

        try:
            ask()
        except Unknown:
            try:
                patiently(ask)
            except Rejected:
                order = self._order(self.maker, orderId=fields["orderId"])
                if any(order[field] != wanted for field, wanted in done.items()):
                    raise

    def cancel(self, name: str) -> None:
        """DELETE the order."""
        order_id = self.order_ids.get(name, 0)
        self._change("DELETE", "/api/v3/order", {"status": "CANCELED"}, orderId=order_id)

    def amend(self, name: str, qty: int) -> None:
        """Amend the order in place, which keeps its priority."""
        order_id = self.order_ids.get(name, 0)
        path = "/api/v3/order/amend/keepPriority"
        self._change("PUT", path, {"origQty": f"{qty}.00000000"}, orderId=order_id, newQty=qty)

    def book(self, levels: int | None) -> Seen:
        """GET the depth; the open orders only when the whole book is wanted."""
        limit = _DEPTH_LIMIT if levels is None else levels
        depth = patiently(
            lambda: self.client.public("/api/v3/depth", symbol=self.symbol, limit=limit)
        )
        bids, asks = _levels(depth["bids"]), _levels(depth["asks"])
        open_orders = 0
        if levels is None:
            path = "/api/v3/openOrders"
            mine = patiently(
                lambda: self.client.signed("GET", path, self.maker, symbol=self.symbol)
            )
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
    where = urlsplit(status.told(run_dir(settings.data_dir))["rest"])
    client = RestClient(where.hostname or settings.rest.host, where.port or settings.rest.port)
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
