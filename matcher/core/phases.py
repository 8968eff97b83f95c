"""Session phases: the step from one to the next, and when a planned one ends (rules A-1, A-5)."""

from matcher.core.emit import new_event
from matcher.core.kernel import kernel
from matcher.core.state import Core
from matcher.core.terms import term_of
from protocol.records import Command
from protocol.terms import EventKind, InstrumentTerm, SessionPhase


@kernel
def enter_phase(core: Core, cmd: Command, instrument: int, phase: int, until_ns: int) -> None:
    """Begin a phase and tell so; what a call indicated before is forgotten."""
    row = core.instruments[instrument]
    row.phase = phase
    row.phase_until_ns = until_ns
    row.indicative_price = 0
    row.paired_qty = 0
    row.imbalance_qty = 0
    row.imbalance_side = 0
    plan_ends(core)
    event = new_event(core, cmd, EventKind.PHASE_CHANGED)
    event.instrument = instrument
    event.ord_status = phase
    event.price = row.reference_price
    event.expire_ns = until_ns


@kernel
def start_volatility_auction(core: Core, cmd: Command, instrument: int) -> None:
    """Interrupt continuous trading: a trade would have printed outside the collar (rule A-5)."""
    length_ns = term_of(core, instrument, InstrumentTerm.VOLATILITY_AUCTION_NS)
    until_ns = cmd.at_ns + length_ns if length_ns != 0 else 0
    enter_phase(core, cmd, instrument, SessionPhase.VOLATILITY_AUCTION, until_ns)


@kernel
def ends_ns(core: Core, instrument: int) -> int:
    """Return when the clock ends an instrument's volatility auction; 0: it does not."""
    row = core.instruments[instrument]
    return row.phase_until_ns if row.phase == SessionPhase.VOLATILITY_AUCTION else 0


@kernel
def plan_ends(core: Core) -> None:
    """Note the earliest planned end among all instruments."""
    earliest = 0
    for instrument in range(core.state.instruments):
        until_ns = ends_ns(core, instrument)
        if until_ns > 0 and (earliest == 0 or until_ns < earliest):
            earliest = until_ns
    core.state.phase_due_ns = earliest
