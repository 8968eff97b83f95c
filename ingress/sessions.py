"""The trading session of an instrument: an extension of the dialect, which knows no auctions (rules A-1, A-2)."""

from typing import Any

from ingress.door import Asked, Door
from ingress.market import status_of
from ingress.present import Told
from ingress.views import Instrument
from protocol.terms import SessionPhase, Side


async def session(door: Door, asked: Asked) -> Any:
    """GET /api/v3/session: phase, and what an uncross would do now."""
    if "symbol" in asked.values:
        return _told(door, door.views.instrument(asked.values["symbol"]), asked)
    return [_told(door, one, asked) for one in door.views.instruments()]


def _told(door: Door, instrument: Instrument, asked: Asked) -> Told:
    state = door.views.state(instrument)
    return {
        "symbol": instrument.symbol,
        "status": status_of(door, instrument),
        "phase": SessionPhase(state.phase).name,
        "phaseEndTime": asked.teller.time(state.phase_until_ns),
        "referencePrice": instrument.price(state.reference_price),
        "indicativePrice": instrument.price(state.indicative_price),
        "pairedQty": instrument.qty(state.paired_qty),
        "imbalanceQty": instrument.qty(state.imbalance_qty),
        "imbalanceSide": Side(state.imbalance_side).name if state.imbalance_qty else None,
    }
