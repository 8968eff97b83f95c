"""The market for everyone: ping, time, instruments, depth, trades (API sections 6 and 7).

Depth comes from shared memory, trades from the books of record once they have come as far as the
market had when the request came. Answers are kept encoded for as long as what they show is unchanged.
"""

from collections.abc import Mapping
from typing import Any

from ingress import errors, queries
from ingress.account import span_of
from ingress.door import Asked, Door
from ingress.history import Mark
from ingress.queries import AggTrade, Span, Trade
from ingress.requests import STATUS_OF_PHASE
from ingress.views import Instrument
from protocol.terms import SessionPhase, Side

Told = dict[str, Any]
DEPTH_DEFAULT = 100
ROWS_DEFAULT = 500


async def ping(door: Door, asked: Asked) -> Told:
    """GET /api/v3/ping."""
    return {}


async def time(door: Door, asked: Asked) -> Told:
    """GET /api/v3/time."""
    return {"serverTime": asked.now_ns // asked.teller.unit_ns}


async def exchange_info(door: Door, asked: Asked) -> Told:
    """GET /api/v3/exchangeInfo."""
    values = asked.values
    shown = _instruments_asked(door, values)
    permissions = values.get("showPermissionSets", True)
    return {
        "timezone": "UTC",
        "serverTime": asked.now_ns // asked.teller.unit_ns,
        "rateLimits": [limit.told() for limit in door.limits.rate_limits],
        "exchangeFilters": [],
        "symbols": [
            door.kept.symbol_info(door.views, one, permissions=permissions) for one in shown
        ],
    }


def _instruments_asked(door: Door, values: Mapping[str, Any]) -> list[Instrument]:
    named = "symbol" in values or "symbols" in values
    if named and ("permissions" in values or "symbolStatus" in values):
        raise errors.Refused(*errors.BAD_COMBINATION)
    if "symbol" in values and "symbols" in values:
        raise errors.Refused(*errors.BAD_COMBINATION)
    if "symbol" in values:
        return [door.views.instrument(values["symbol"])]
    if "symbols" in values:
        return [door.views.instrument(symbol) for symbol in values["symbols"]]
    if "SPOT" not in values.get("permissions", ["SPOT"]):
        return []
    status = values.get("symbolStatus")
    return [one for one in door.views.instruments() if status in (None, status_of(door, one))]


def status_of(door: Door, instrument: Instrument) -> str:
    """Return the dialect's status of an instrument."""
    return STATUS_OF_PHASE[SessionPhase(door.views.state(instrument).phase)]


def check_status(door: Door, instrument: Instrument, wanted: str | None) -> None:
    """Check that an instrument has the status that the client asks for, if it asks for one.

    Raises: Refused (-1220).
    """
    if wanted is not None and wanted != status_of(door, instrument):
        text = "The symbol's status does not match the requested symbolStatus."
        raise errors.Refused(-1220, text)


async def depth(door: Door, asked: Asked) -> bytes:
    """GET /api/v3/depth."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    check_status(door, instrument, values.get("symbolStatus"))
    limit = values.get("limit", DEPTH_DEFAULT)
    mark = door.views.depth_mark(instrument)
    kept = door.kept.depth(instrument, limit, mark)
    if kept is not None:
        return kept
    view = door.views.depth(instrument)
    if not view.complete and limit > max(len(view.bids), len(view.asks)):
        view = await door.deep(instrument)
    return door.kept.keep_depth(instrument, limit, mark, view)


async def trades(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/trades: the newest trades."""
    return await _trades(door, asked, Span(asked.values.get("limit", ROWS_DEFAULT)))


async def historical_trades(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/historicalTrades: trades from an id on."""
    return await _trades(door, asked, span_of(asked.values, "fromId"))


async def _trades(door: Door, asked: Asked, span: Span) -> list[Told]:
    instrument = door.views.instrument(asked.values["symbol"])
    await reach_market(door)
    rows = await door.pool.fetch(*queries.trades(instrument.number, span))
    return [_trade(Trade(*row), instrument, asked) for row in span.turned(rows)]


def _trade(trade: Trade, instrument: Instrument, asked: Asked) -> Told:
    return {
        "id": trade.trade_id,
        "price": instrument.price(trade.price),
        "qty": instrument.qty(trade.qty),
        "quoteQty": instrument.notional(trade.price, trade.qty),
        "time": trade.at_ns // asked.teller.unit_ns,
        "isBuyerMaker": trade.aggressor_side == Side.SELL,
        "isBestMatch": True,
    }


async def agg_trades(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/aggTrades."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    if "fromId" in values and ("startTime" in values or "endTime" in values):
        raise errors.Refused(*errors.BAD_COMBINATION)
    span = span_of(values, "fromId")
    await reach_market(door)
    rows = await door.pool.fetch(*queries.agg_trades(instrument.number, span))
    return [_agg_trade(AggTrade(*row), instrument, asked) for row in span.turned(rows)]


def _agg_trade(trade: AggTrade, instrument: Instrument, asked: Asked) -> Told:
    return {
        "a": trade.agg_trade_id,
        "p": instrument.price(trade.price),
        "q": instrument.qty(trade.qty),
        "f": trade.first_id,
        "l": trade.last_id,
        "T": trade.at_ns // asked.teller.unit_ns,
        "m": trade.aggressor_side == Side.SELL,
        "M": True,
    }


async def reach_market(door: Door) -> None:
    """Wait until the books of record hold every event up to now."""
    await door.watermark.reach(Mark(event_seq=door.views.status().event_seq))
