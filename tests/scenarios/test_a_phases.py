"""Rules A-1, A-5, A-6: phases, collars, halts."""

import pytest

from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventFlag, EventKind, SessionPhase
from tests.desk import Desk
from tests.engines import ENGINES, SMALL
from tests.floor import play

CALLS = ("opening auction", "volatility auction", "closing auction")
SHUT = ("pre open", "closed", "halted")
WAY_TO = {"pre open": ("closed", "pre open")}


def go_to(exchange, phase):
    """Bring the market to a phase, from continuous trading."""
    for step in WAY_TO.get(phase, (phase,)):
        assert exchange.hear(f"phase {step}")[-1] == f"phase {step}"


@pytest.mark.parametrize("phase", SHUT)
def test_a_shut_market_admits_cancels_and_amends_only(exchange, phase):  # rule A-1
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a1
        alice sells 5 @ 10.00 as a2
        """,
    )
    go_to(exchange, phase)
    play(
        exchange,
        """
        bob buys 5 @ 9.00        -> rejected market closed
        bob buys 5 at market     -> rejected market closed
        bob buys 5 stop 11.00    -> rejected market closed
        bob lists l as oto: buys 1 @ 9.00 | sells 1 @ 10.00 -> rejected market closed
        alice replaces a1: sells 5 @ 10.00 -> rejected market closed
        alice amends a1 to 3     -> a1 amended to 3
        alice cancels a1         -> a1 cancelled
        alice cancels everything -> a2 cancelled
        """,
    )


@pytest.mark.parametrize("phase", CALLS)
@pytest.mark.parametrize(
    ("order", "admitted"),
    [
        ("buys 5 @ 9.00", True),
        ("buys 5 @ 9.00 day", True),
        ("buys 5 @ 9.00 gtd 60", True),
        ("buys 5 @ 9.00 at close", True),
        ("buys 5 @ 9.00 showing 2", True),
        ("sells 5 at market", True),
        ("sells 5 at market day", True),
        ("buys 5 stop 11.00", True),
        ("buys 5 @ 12.00 stop 11.00 ioc", True),
        ("buys 5 @ 9.00 ioc", False),
        ("buys 5 @ 9.00 fok", False),
        ("buys 5 at market ioc", False),
        ("buys 5 @ 9.00 post only", False),
        ("buys for 50.00 at market", False),
    ],
)
def test_what_a_call_admits(exchange, phase, order, admitted):  # rule A-1
    go_to(exchange, phase)
    play(
        exchange,
        f"alice {order} -> {'accepted' if admitted else 'rejected phase forbids ord type'}",
    )


@pytest.mark.parametrize("phase", CALLS)
def test_at_opening_is_for_the_opening_auction(exchange, phase):  # rule A-1
    go_to(exchange, phase)
    answer = "accepted" if phase == "opening auction" else "rejected phase forbids ord type"
    play(exchange, f"alice buys 5 @ 9.00 at opening -> {answer}")


MAY_FOLLOW = {
    "pre open": (
        "opening auction",
        "continuous",
        "volatility auction",
        "closing auction",
        "closed",
        "halted",
    ),
    "opening auction": ("continuous", "volatility auction", "closing auction", "closed", "halted"),
    "continuous": ("opening auction", "volatility auction", "closing auction", "closed", "halted"),
    "volatility auction": ("opening auction", "continuous", "closing auction", "closed", "halted"),
    "closing auction": ("opening auction", "continuous", "volatility auction", "closed", "halted"),
    "closed": (
        "pre open",
        "opening auction",
        "continuous",
        "volatility auction",
        "closing auction",
        "halted",
    ),
    "halted": ("opening auction", "volatility auction", "closing auction", "closed"),
}


@pytest.mark.parametrize("present", MAY_FOLLOW)
def test_which_phase_may_follow_which(exchange, present):  # rule A-1
    for phase in SessionPhase:
        name = phase.name.lower().replace("_", " ")
        market = exchange.add_market(b"M%d" % phase)
        steps = () if present == "continuous" else WAY_TO.get(present, (present,))
        for step in steps:
            term = SessionPhase[step.upper().replace(" ", "_")]
            exchange.ask(CommandKind.SET_PHASE, instrument=market, term=term)
        told = exchange.ask(CommandKind.SET_PHASE, instrument=market, term=phase)
        changed = any(event.kind == EventKind.PHASE_CHANGED for event in told)
        assert changed is (name in MAY_FOLLOW[present]), name
        if not changed:
            assert told[0].reason == RejectReason.INVALID_PHASE


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"instrument": 9}, RejectReason.UNKNOWN_INSTRUMENT),
        ({"price": -1}, RejectReason.INVALID_PRICE),
        ({"price": 100_001}, RejectReason.INVALID_PRICE),
        ({"term": 0}, RejectReason.INVALID_PHASE),
        ({"term": 8}, RejectReason.INVALID_PHASE),
        ({"term": (1 << 32) - 1}, RejectReason.INVALID_PHASE),
    ],
)
def test_a_phase_is_refused_with_the_reason(exchange, fields, reason):  # rule A-1
    told = exchange.ask(
        CommandKind.SET_PHASE, **{"instrument": 0, "term": SessionPhase.CLOSED, **fields}
    )
    assert [(event.kind, event.reason) for event in told] == [(EventKind.COMMAND_REJECTED, reason)]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_instrument_starts_in_pre_open(engine):  # rule A-1
    desk = Desk(ENGINES[engine](SMALL))
    desk.add_market(phase=SessionPhase.PRE_OPEN)
    told = desk.ask(CommandKind.SET_PHASE, term=SessionPhase.PRE_OPEN)
    assert told[0].reason == RejectReason.INVALID_PHASE


def test_a_phase_change_tells_reference_price_and_planned_end(exchange):  # rule A-1
    play(exchange, "phase opening auction reference 12.34 until 60 -> phase opening auction")
    changed = exchange.told_of(EventKind.PHASE_CHANGED)[0]
    assert (changed.price, changed.ord_status) == (1_234, SessionPhase.OPENING_AUCTION)
    assert changed.expire_ns > changed.at_ns
    play(exchange, "phase continuous -> uncrossed nothing; phase continuous")
    changed = exchange.told_of(EventKind.PHASE_CHANGED)[0]
    assert (changed.price, changed.expire_ns) == (1_234, 0)


def test_a_call_after_a_call_carries_its_orders_over(exchange):  # rule A-1
    play(
        exchange,
        """
        phase opening auction -> phase opening auction
        alice sells 5 @ 9.00 as a
        bob   buys  5 at market as b
        carol buys  1 @ 9.00 at opening as c
        phase closing auction -> phase closing auction
        phase closed          -> uncrossed 5 @ 9.00, 1 to buy; b bought 5 @ 9.00 from alice; c expired 1 after the auction; phase closed
        """,
    )


def test_a_crossed_book_never_goes_to_continuous_trading_without_an_uncross(exchange):  # rule A-1
    play(
        exchange,
        """
        phase opening auction -> phase opening auction
        alice sells 5 @ 9.00 as a
        bob   buys  5 @ 11.00 as b
        carol buys  5 at market as c
        phase halted          -> phase halted
        phase continuous      -> rejected invalid phase
        phase closed          -> phase closed; c expired 5 at the end of the day
        phase continuous      -> rejected invalid phase
        phase pre open        -> phase pre open
        phase continuous      -> rejected invalid phase
        alice amends a to 4   -> a amended to 4
        phase volatility auction -> phase volatility auction
        phase continuous      -> uncrossed 4 @ 11.00, 1 to buy; b bought 4 @ 11.00 from alice; phase continuous
        """,
    )


def test_a_dynamic_collar_stops_the_trade_before_it_prints_outside(exchange):  # rule A-5
    exchange.terms(dynamic_collar=500, volatility_auction_ns=60 * 10**9)
    play(
        exchange,
        """
        maker sells 1 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
        maker sells 5 @ 10.50 as m1
        maker sells 5 @ 10.51 as m2
        bob buys 12 @ 10.60 as b1 -> accepted; bought 5 @ 10.50 from maker; rests 7; phase volatility auction
        book -> 5 offered @ 10.51; 7 bid @ 10.60
        """,
    )
    changed = exchange.told_of(EventKind.PHASE_CHANGED)[0]
    assert changed.expire_ns == changed.at_ns + 60 * 10**9
    play(
        exchange,
        """
        clock 59 -> indicates 5 @ 10.60, 2 to buy
        """,
    )
    exchange.now_ns = changed.expire_ns
    play(
        exchange,
        "clock 0 -> uncrossed 5 @ 10.60, 2 to buy; b1 bought 5 @ 10.60 from maker; phase continuous",
    )


@pytest.mark.parametrize(
    ("order", "end"),
    [
        ("buys 5 @ 11.00", "rests 5"),
        ("buys 5 @ 11.00 day", "rests 5"),
        ("buys 5 @ 11.00 ioc", "expired 5 at the collar"),
        ("buys 5 at market", "expired 5 at the collar"),
    ],
)
def test_what_becomes_of_an_order_at_the_collar(exchange, order, end):  # rule A-5
    exchange.terms(dynamic_collar=500)
    play(
        exchange,
        f"""
        maker sells 1 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
        maker sells 5 @ 10.51 as m1
        bob {order}          -> accepted; {end}; phase volatility auction
        """,
    )
    assert exchange.told_of(EventKind.PHASE_CHANGED)[0].expire_ns == 0
    assert not exchange.told_of(EventKind.ACCEPTED)[0].flags & EventFlag.LEVEL


def test_fill_or_kill_counts_nothing_outside_the_collar(exchange):  # rules A-5, C-3
    exchange.terms(dynamic_collar=500)
    play(
        exchange,
        """
        maker sells 1 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
        maker sells 5 @ 10.50
        maker sells 5 @ 10.51
        bob buys 6 @ 11.00 fok -> accepted; expired 6 unfilled
        """,
    )


def test_the_collar_stops_at_its_price_whoever_rests_there(exchange):  # rules A-5, C-3
    exchange.terms(dynamic_collar=500)
    play(
        exchange,
        """
        maker sells 1 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
        bob   sells 5 @ 9.40 as b1
        maker sells 5 @ 9.60
        bob buys 5 @ 9.60 fok stp expire maker -> accepted; expired 5 unfilled
        bob buys 5 @ 9.60 ioc stp expire maker -> accepted; expired 5 at the collar; phase volatility auction
        """,
    )


def test_the_collar_is_measured_from_the_price_at_which_the_taker_began(exchange):  # rule A-5
    exchange.terms(dynamic_collar=500)
    play(
        exchange,
        """
        maker sells 1 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
        maker sells 5 @ 10.40 as m1
        maker sells 5 @ 10.80 as m2
        bob buys 10 @ 10.80 ioc -> accepted; bought 5 @ 10.40 from maker; expired 5 at the collar; phase volatility auction
        """,
    )


def test_a_collar_around_the_reference_before_the_first_trade(exchange):  # rule A-5
    exchange.terms(dynamic_collar=500, reference_price=1_000)
    play(
        exchange,
        """
        maker sells 1 @ 10.51
        bob buys 1 @ 10.51 ioc -> accepted; expired 1 at the collar; phase volatility auction
        """,
    )


def test_stops_elected_before_the_collar_act_in_the_call(exchange):  # rules A-5, S-4
    exchange.terms(dynamic_collar=500, max_price=2_000)
    play(
        exchange,
        """
        maker sells 1 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
        z buys 2 stop 10.20 as z
        y buys 2 @ 10.60 stop 10.20 ioc as y
        maker sells 1 @ 10.20
        maker sells 5 @ 10.60 as m
        bob buys 2 @ 10.60 ioc -> accepted; bought 1 @ 10.20 from maker; expired 1 at the collar; phase volatility auction; z triggered; y expired 2 as it can't be placed
        phase continuous       -> uncrossed 2 @ 10.60, 3 to sell; m sold 2 @ 10.60 to z; phase continuous   # z entered first
        """,
    )


def test_a_halt_keeps_the_orders(exchange):  # rule A-6
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a
        phase halted     -> phase halted
        book             -> 5 offered @ 10.00
        phase continuous -> rejected invalid phase
        phase volatility auction -> phase volatility auction
        phase continuous -> uncrossed nothing; phase continuous
        """,
    )


def test_a_halt_cancels_the_orders_when_told_to(exchange):  # rule A-6
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a
        bob   lists l1 as oto: buys 1 @ 5.00 as w | sells 1 @ 12.00 as p -> list l1 opened; w accepted; p pending
        alice buys 1 stop 12.00 as s
        alice sells 1 @ 12.00 at close as c
        phase halted cancelling all -> phase halted; a cancelled; w cancelled; p cancelled; list l1 done; s cancelled; c cancelled
        """,
    )


def test_an_instruments_halts_may_always_cancel(exchange):  # rule A-6
    exchange.terms(halt_cancels=1)
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a
        phase closed   -> phase closed
        phase pre open -> phase pre open
        phase halted   -> phase halted; a cancelled
        """,
    )


def test_the_end_of_the_day_may_cancel_too(exchange):  # rule A-6
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a
        alice sells 5 @ 10.00 day as d
        phase closed cancelling all -> phase closed; d expired 5 at the end of the day; a cancelled
        """,
    )


def test_other_phases_cancel_nothing(exchange):  # rule A-6
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a
        phase closing auction cancelling all -> phase closing auction
        """,
    )
