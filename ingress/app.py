"""The REST application: which path does what, wired by hand."""

import logging
from typing import Any

import falcon
import falcon.asgi
import msgspec

from ingress import (
    account,
    account_facts,
    account_requests,
    batches,
    book_orders,
    errors,
    klines,
    list_requests,
    lists,
    market,
    market_requests,
    openapi,
    orders,
    reference_page,
    requests,
    sessions,
    stream_keys,
    tickers,
    wallet,
)
from ingress.door import Door, Operation
from ingress.params import Request
from ingress.responder import Incoming, responder

log = logging.getLogger("ingress")

OPERATIONS: dict[Request, Operation] = {
    requests.PLACE: orders.place,
    requests.TEST: orders.test,
    requests.CANCEL: orders.cancel,
    requests.CANCEL_OPEN: orders.cancel_open,
    requests.CANCEL_REPLACE: orders.cancel_replace,
    requests.AMEND: orders.amend,
    batches.BATCH: batches.place,
    batches.CANCEL_BATCH: batches.cancel,
    requests.GET_ORDER: account.order,
    requests.OPEN_ORDERS: account.open_orders,
    requests.ALL_ORDERS: account.all_orders,
    requests.MY_TRADES: account.my_trades,
    requests.ACCOUNT: account.account,
    requests.PING: market.ping,
    requests.TIME: market.time,
    requests.EXCHANGE_INFO: market.exchange_info,
    requests.DEPTH: market.depth,
    requests.TRADES: market.trades,
    requests.HISTORICAL_TRADES: market.historical_trades,
    requests.AGG_TRADES: market.agg_trades,
    market_requests.KLINES: klines.klines,
    market_requests.UI_KLINES: klines.klines,
    market_requests.AVG_PRICE: klines.avg_price,
    market_requests.TICKER_24HR: tickers.day,
    market_requests.TRADING_DAY: tickers.trading_day,
    market_requests.TICKER: tickers.rolling,
    market_requests.TICKER_PRICE: tickers.price,
    market_requests.BOOK_TICKER: tickers.book,
    market_requests.SESSION: sessions.session,
    market_requests.L3: book_orders.l3,
    **{request: lists.placing(request) for request in list_requests.LISTS},
    list_requests.CANCEL_LIST: lists.cancel,
    list_requests.GET_LIST: lists.order_list,
    list_requests.ALL_LISTS: lists.all_lists,
    list_requests.OPEN_LISTS: lists.open_lists,
    account_requests.COMMISSION: account_facts.commission,
    account_requests.ORDER_COUNTS: account_facts.order_counts,
    account_requests.PREVENTED_MATCHES: account_facts.prevented_matches,
    account_requests.ALLOCATIONS: account_facts.allocations,
    account_requests.MY_FILTERS: account_facts.my_filters,
    account_requests.AMENDMENTS: account_facts.amendments,
    account_requests.START_STREAM: stream_keys.start,
    account_requests.PING_STREAM: stream_keys.ping,
    account_requests.STOP_STREAM: stream_keys.stop,
    account_requests.SYSTEM_STATUS: wallet.system_status,
    account_requests.TRADE_FEE: wallet.trade_fee,
    account_requests.COINS: wallet.coins,
    account_requests.MARGIN_PAIRS: wallet.margin_pairs,
    account_requests.ISOLATED_PAIRS: wallet.margin_pairs,
}
"""What does each request; the WebSocket API answers by the same table."""


class Path:
    """The responders of one path, as Falcon looks for them: `on_get`, `on_post` and so on."""

    def __init__(self, door: Door, path: str) -> None:
        for request, operation in OPERATIONS.items():
            if request.path == path:
                respond = responder(door, request, operation)
                setattr(self, f"on_{request.verb.lower()}", respond)


class Text:
    """One text that never changes: what the door says of itself."""

    def __init__(self, body: bytes, media_type: str) -> None:
        self._body = body
        self._media_type = media_type

    async def on_get(self, req: Incoming, resp: falcon.asgi.Response) -> None:
        """Answer with the text."""
        resp.data = self._body
        resp.content_type = self._media_type


def create_app(door: Door) -> falcon.asgi.App[Incoming, falcon.asgi.Response]:
    """Make the application over the parts of one worker; it answers every path."""
    app = falcon.asgi.App(request_type=Incoming)
    for path in {request.path: None for request in OPERATIONS}:
        app.add_route(path, Path(door, path))
    document = openapi.document(OPERATIONS)
    app.add_route("/api/v3/openapi.json", Text(msgspec.json.encode(document), falcon.MEDIA_JSON))
    app.add_route("/docs", Text(reference_page.page(document).encode(), falcon.MEDIA_HTML))
    app.add_error_handler(falcon.HTTPError, _refuse_http)
    app.add_error_handler(Exception, _refuse_unknown)
    return app


async def _refuse_http(
    req: Incoming, resp: falcon.asgi.Response, error: falcon.HTTPError, params: Any
) -> None:
    """Answer what Falcon itself refuses: no such path, no such verb, a broken header."""
    told = {404: errors.NOT_FOUND, 405: errors.UNSUPPORTED}.get(error.status_code, errors.MALFORMED)
    _tell(resp, errors.Refused(*told[:2], error.status_code))
    resp.set_headers(dict(error.headers or {}))


async def _refuse_unknown(
    req: Incoming, resp: falcon.asgi.Response, error: Exception, params: Any
) -> None:
    """Answer a bug: the client hears -1000, the log has the rest."""
    log.error("%s %s failed", req.method, req.path, exc_info=error)
    _tell(resp, errors.Refused(*errors.UNKNOWN))


def _tell(resp: falcon.asgi.Response, refusal: errors.Refused) -> None:
    resp.status = refusal.status
    resp.data = msgspec.json.encode(refusal.body())
