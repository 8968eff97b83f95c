"""What an account has: balances, orders, trades (API section 9).

Open orders and balances come from shared memory. What is finished comes from the books of record, once
they hold the last command that changed the account: so nothing that was acknowledged is missing.
"""

from collections.abc import Mapping
from typing import Any

from ingress import errors, live_orders, present, queries
from ingress.door import Asked, Door
from ingress.history import Mark
from ingress.queries import OwnTrade, Span
from ingress.requests import ROWS_LIMIT
from ingress.views import Instrument
from protocol.records import Event
from protocol.terms import AccountState, Side
from protocol.terms import InstrumentTerm as Term
from protocol.units import to_text

Told = dict[str, Any]
ROWS_DEFAULT = 500
LONGEST_SPAN_H = 24
_RATE_DECIMALS = 6
_BIPS_IN_PPM = 100
_HOUR_NS = 3_600_000_000_000


async def account(door: Door, asked: Asked) -> Told:
    """GET /api/v3/account."""
    view = door.views.account(asked.account)
    terms = [door.views.terms(one) for one in door.views.instruments()]
    maker = max((int(one[Term.MAKER_FEE_PPM]) for one in terms), default=0)
    taker = max((int(one[Term.TAKER_FEE_PPM]) for one in terms), default=0)
    amounts = view.balances.tolist()
    balances = [
        {
            "asset": asset.code,
            "free": asset.text(amounts[asset.number][0]),
            "locked": asset.text(amounts[asset.number][1]),
        }
        for asset in door.views.assets()
        if any(amounts[asset.number]) or not asked.values.get("omitZeroBalances")
    ]
    return {
        "makerCommission": maker // _BIPS_IN_PPM,
        "takerCommission": taker // _BIPS_IN_PPM,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": to_text(maker, _RATE_DECIMALS, 8),
            "taker": to_text(taker, _RATE_DECIMALS, 8),
            "buyer": to_text(0, 8),
            "seller": to_text(0, 8),
        },
        "canTrade": view.state == AccountState.ACTIVE,
        "canWithdraw": True,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": door.views.status().at_ns // asked.teller.unit_ns,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": asked.account,
        **({"tradeGroupId": view.trade_group} if view.trade_group else {}),
    }


async def order(door: Door, asked: Asked) -> Told:
    """GET /api/v3/order: the open order, else the finished one (of several with one text id the newest)."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    order_id, text = values.get("orderId"), values.get("origClientOrderId")
    if order_id is None and text is None:
        raise errors.one_of_two("orderId", "origClientOrderId")
    view = door.views.account(asked.account)
    found = live_orders.open_order(view, instrument.number, order_id, text)
    if found is None:
        await door.watermark.reach(Mark(seq=view.last_seq))
        found = await _stored_order(door, asked.account, instrument, values)
    if found is None:
        raise errors.Refused(*errors.NO_SUCH_ORDER)
    if text is not None and present.text_of(found.cl_ord_id) != text:
        raise errors.Refused(*errors.WRONG_ID_PAIR)
    return present.queried(found, asked.teller)


async def _stored_order(
    door: Door, account: int, instrument: Instrument, values: Mapping[str, Any]
) -> Event | None:
    if "orderId" in values:
        rows = await door.pool.fetch(
            queries.ORDER_BY_ID, [values["orderId"], account, instrument.number]
        )
    else:
        rows = await door.pool.fetch(
            queries.ORDER_BY_TEXT, [account, instrument.number, values["origClientOrderId"]]
        )
    return queries.order_of(rows[0]) if rows else None


async def open_orders(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/openOrders."""
    symbol = asked.values.get("symbol")
    number = None if symbol is None else door.views.instrument(symbol).number
    view = door.views.account(asked.account)
    return [present.queried(event, asked.teller) for event in live_orders.open_orders(view, number)]


async def all_orders(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/allOrders."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    if "orderId" in values and ("startTime" in values or "endTime" in values):
        raise errors.Refused(*errors.BAD_COMBINATION)
    span = span_of(values, "orderId", longest_h=LONGEST_SPAN_H)
    await door.watermark.reach(Mark(seq=door.views.account(asked.account).last_seq))
    rows = await door.pool.fetch(*queries.orders(asked.account, instrument.number, span))
    return [present.queried(queries.order_of(row), asked.teller) for row in span.turned(rows)]


_TRADE_FILTERS = ("orderId", "fromId", "startTime", "endTime")
_TRADE_COMBINATIONS: tuple[set[str], ...] = (
    set(),
    {"orderId"},
    {"startTime"},
    {"endTime"},
    {"fromId"},
    {"startTime", "endTime"},
    {"orderId", "fromId"},
)


async def my_trades(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/myTrades."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    if {name for name in _TRADE_FILTERS if name in values} not in _TRADE_COMBINATIONS:
        raise errors.Refused(*errors.BAD_COMBINATION)
    span = span_of(values, "fromId", longest_h=LONGEST_SPAN_H)
    await door.watermark.reach(Mark(seq=door.views.account(asked.account).last_seq))
    statement, params = queries.own_trades(
        asked.account, instrument.number, span, values.get("orderId")
    )
    rows = span.turned(await door.pool.fetch(statement, params))
    return [_own_trade(door, asked, OwnTrade(*row), instrument) for row in rows]


def _own_trade(door: Door, asked: Asked, trade: OwnTrade, instrument: Instrument) -> Told:
    asset = door.views.asset(trade.fee_asset)
    return {
        "symbol": instrument.symbol,
        "id": trade.trade_id,
        "orderId": trade.order_id,
        "orderListId": trade.list_id or -1,
        "price": instrument.price(trade.price),
        "qty": instrument.qty(trade.qty),
        "quoteQty": instrument.notional(trade.price, trade.qty),
        "commission": asset.text(trade.fee),
        "commissionAsset": asset.code,
        "time": trade.at_ns // asked.teller.unit_ns,
        "isBuyer": (trade.aggressor_side == Side.BUY) != trade.is_maker,
        "isMaker": trade.is_maker,
        "isBestMatch": True,
    }


def span_of(values: Mapping[str, Any], from_name: str, *, longest_h: int = 0) -> Span:
    """Read which rows of a list are wanted.

    Raises: Refused (-1127) when the times lie further apart than `longest_h` hours (0: no limit).
    """
    start_ns, end_ns = values.get("startTime"), values.get("endTime")
    span_ns = 0 if start_ns is None or end_ns is None else end_ns - start_ns
    if longest_h and span_ns > longest_h * _HOUR_NS:
        told = f"More than {longest_h} hours between startTime and endTime."
        raise errors.Refused(-1127, told)
    limit = min(values.get("limit", ROWS_DEFAULT), ROWS_LIMIT)
    return Span(limit, values.get(from_name), start_ns, end_ns)
