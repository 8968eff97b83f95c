"""What holds for an account beside its orders: fees, counts, filters, amends, prevented matches (API section 9)."""

from ingress import errors, list_queries
from ingress.door import Asked, Door
from ingress.history import Mark
from ingress.instrument_info import filters
from ingress.list_queries import PreventedMatch
from ingress.market import ROWS_DEFAULT
from ingress.present import Told
from ingress.views import PLACES, Instrument
from protocol.terms import InstrumentTerm as Term
from protocol.terms import StpMode
from protocol.units import to_text

_PPM_DECIMALS = 6
_WHOLE_SHARE = 10_000
_NO_RATES = dict.fromkeys(("maker", "taker", "buyer", "seller"), to_text(0, PLACES))


async def commission(door: Door, asked: Asked) -> Told:
    """GET /api/v3/account/commission."""
    instrument = door.views.instrument(asked.values["symbol"])
    maker, taker = await fee_shares(door, asked.account)
    return {
        "symbol": instrument.symbol,
        "standardCommission": {**_NO_RATES, **rates(door, instrument, maker, taker)},
        "specialCommission": _NO_RATES,
        "taxCommission": _NO_RATES,
        "discount": {
            "enabledForAccount": False,
            "enabledForSymbol": False,
            "discountAsset": "",
            "discount": to_text(0, PLACES),
        },
    }


async def fee_shares(door: Door, account: int) -> tuple[int, int]:
    """Return which share of an instrument's maker and taker rate the account's tier pays, in bips."""
    await door.watermark.reach(Mark(seq=door.views.status().seq))
    tier = door.views.account(account).fee_tier
    rows = await door.pool.fetch(list_queries.FEE_TIER, [tier])
    return (rows[0][0], rows[0][1]) if rows else (_WHOLE_SHARE, _WHOLE_SHARE)


def rates(door: Door, instrument: Instrument, maker: int, taker: int) -> dict[str, str]:
    """Write the maker and taker rate of an instrument for a tier with these shares (rule R-2)."""
    terms = door.views.terms(instrument)
    return {
        role: to_text(int(terms[term]) * share // _WHOLE_SHARE, _PPM_DECIMALS, PLACES)
        for role, term, share in (
            ("maker", Term.MAKER_FEE_PPM, maker),
            ("taker", Term.TAKER_FEE_PPM, taker),
        )
    }


async def order_counts(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/rateLimit/order."""
    counts = door.limits.count_orders(asked.account, 0, asked.now_ns)
    return [
        {**limit.told(), "count": count}
        for limit, count in zip(door.limits.order_limits, counts, strict=True)
    ]


async def my_filters(door: Door, asked: Asked) -> Told:
    """GET /api/v3/myFilters."""
    instrument = door.views.instrument(asked.values["symbol"])
    return {
        "exchangeFilters": [],
        "symbolFilters": filters(instrument, door.views.terms(instrument)),
        "assetFilters": [],
    }


async def amendments(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/order/amendments."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    await door.watermark.reach(Mark(seq=door.views.account(asked.account).last_seq))
    rows = await door.pool.fetch(
        *list_queries.amendments(
            asked.account,
            instrument.number,
            values["orderId"],
            values.get("fromExecutionId", 0),
            values.get("limit", ROWS_DEFAULT),
        )
    )
    return [
        {
            "symbol": instrument.symbol,
            "orderId": values["orderId"],
            "executionId": execution_id,
            "origClientOrderId": before_id,
            "newClientOrderId": after_id,
            "origQty": instrument.qty(before),
            "newQty": instrument.qty(after),
            "time": at_ns // asked.teller.unit_ns,
        }
        for execution_id, before, after, at_ns, before_id, after_id in rows
    ]


async def prevented_matches(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/myPreventedMatches: one by its id, or those of an order."""
    values = asked.values
    instrument = door.views.instrument(values["symbol"])
    if "preventedMatchId" in values:
        if "orderId" in values or "fromPreventedMatchId" in values:
            raise errors.Refused(*errors.BAD_COMBINATION)
        column, value = "prevented_id", values["preventedMatchId"]
    elif "orderId" in values:
        column, value = "order_id", values["orderId"]
    else:
        raise errors.one_of_two("preventedMatchId", "orderId")
    view = door.views.account(asked.account)
    await door.watermark.reach(Mark(seq=view.last_seq))
    first = values.get("fromPreventedMatchId", 0)
    limit = values.get("limit", ROWS_DEFAULT)
    rows = await door.pool.fetch(
        *list_queries.prevented(asked.account, instrument.number, column, value, first, limit)
    )
    group = view.trade_group or -1
    return [_prevented(PreventedMatch(*row), instrument, group, asked) for row in rows]


def _prevented(match: PreventedMatch, instrument: Instrument, group: int, asked: Asked) -> Told:
    told: Told = {
        "symbol": instrument.symbol,
        "preventedMatchId": match.prevented_id,
        "takerOrderId": match.taker_order_id,
        "makerSymbol": instrument.symbol,
        "makerOrderId": match.maker_order_id,
        "tradeGroupId": group,
        "selfTradePreventionMode": StpMode(match.stp_mode).name,
        "price": instrument.price(match.price),
    }
    for side, qty in (("maker", match.maker_qty), ("taker", match.taker_qty)):
        if qty:
            told[f"{side}PreventedQuantity"] = instrument.qty(qty)
    told["transactTime"] = match.at_ns // asked.teller.unit_ns
    return told


async def allocations(door: Door, asked: Asked) -> list[Told]:
    """GET /api/v3/myAllocations: none, because no order is routed elsewhere."""
    door.views.instrument(asked.values["symbol"])
    return []
