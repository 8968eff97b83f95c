"""Rule O-2: OTO and OTOCO, orders that wait for another to be filled."""

import pytest

from protocol.terms import EventFlag, EventKind, OrdStatus
from tests.floor import play

LAST_PRICE_10 = """
    maker sells 1 @ 10.00
    taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
"""


def test_the_pending_order_enters_when_the_working_order_is_filled(exchange):  # rule O-2
    exchange.trader_with("alice", money="50")
    play(
        exchange,
        """
        alice lists l1 as oto: buys 5 @ 10.00 as w | sells 5 @ 12.00 as p -> list l1 opened; w accepted; p pending
        alice has           -> 0 shares, 0 locked, 0.00 money, 50.00 locked
        bob sells 3 @ 10.00 -> accepted; sold 3 @ 10.00 to alice
        bob sells 2 @ 10.00 -> accepted; sold 2 @ 10.00 to alice; p triggered
        alice has           -> 0 shares, 5 locked, 0.00 money, 0.00 locked
        bob buys 5 @ 12.00  -> accepted; bought 5 @ 12.00 from alice; list l1 done
        """,
    )


def test_a_pending_order_is_pending_new_and_does_not_work(exchange):  # rule O-2
    play(
        exchange,
        """
        alice lists l1 as oto: buys 5 @ 10.00 as w | sells 5 @ 12.00 as p -> list l1 opened; w accepted; p pending
        """,
    )
    working, pending = exchange.told_of(EventKind.ACCEPTED)
    assert pending.ord_status == OrdStatus.PENDING_NEW
    assert not pending.flags & EventFlag.WORKING and pending.working_ns == 0
    assert pending.order_id == working.order_id + 1
    assert working.list_id == pending.list_id == 1


def test_a_working_order_filled_at_once_still_shows_its_pending_order_first(exchange):  # rule O-2
    play(
        exchange,
        """
        bob sells 5 @ 10.00
        bob buys 5 @ 9.00
        alice lists l1 as oto: buys 5 @ 10.00 as w | sells 5 at market as p -> list l1 opened; w accepted; p pending; w bought 5 @ 10.00 from bob; p triggered; p sold 5 @ 9.00 to bob; list l1 done
        """,
    )


@pytest.mark.parametrize(
    ("working", "end"),
    [
        (
            "alice cancels w -> w cancelled; p cancelled; list l1 done",
            "",
        ),
        (
            "alice cancels p -> w cancelled; p cancelled; list l1 done",
            "",
        ),
        (
            "clock 60 -> w expired 5 in time; p expired 7 with its working order; list l1 done",
            "gtd 60",
        ),
    ],
)
def test_the_pending_order_dies_with_its_working_order(exchange, working, end):  # rule O-2
    play(
        exchange,
        f"""
        alice lists l1 as oto: buys 5 @ 10.00 {end} as w | sells 7 @ 12.00 as p -> list l1 opened; w accepted; p pending
        {working}
        """,
    )


def test_a_working_order_that_expires_at_entry_takes_the_list_along(exchange):  # rule O-2
    play(
        exchange,
        """
        bob sells 3 @ 10.00
        alice lists l1 as oto: buys 5 @ 10.00 ioc as w | sells 5 @ 12.00 as p -> list l1 opened; w accepted; p pending; w bought 3 @ 10.00 from bob; w expired 2; p expired 5 with its working order; list l1 done
        """,
    )


def test_a_working_order_ended_by_prevention_takes_the_list_along(exchange):  # rules O-2, T-1
    play(
        exchange,
        """
        alice sells 3 @ 10.00 as a1
        alice lists l1 as oto: buys 5 @ 10.00 stp expire taker as w | sells 5 @ 12.00 as p -> list l1 opened; w accepted; p pending; w loses 5, 0 left; p expired 5 with its working order; list l1 done
        """,
    )


def test_otoco_enters_both_legs_and_ends_one_with_the_other(exchange):  # rule O-2
    play(
        exchange,
        """
        alice lists l1 as otoco: buys 5 @ 10.00 as w | sells 5 @ 11.00 post only as x | sells 5 @ 8.00 stop 9.00 as y -> list l1 opened; w accepted; x pending; y pending
        bob sells 5 @ 10.00 -> accepted; sold 5 @ 10.00 to alice; x triggered; y triggered
        book                -> 5 offered @ 11.00
        bob buys 5 @ 11.00  -> accepted; bought 5 @ 11.00 from alice; y expired 5 by its other leg; list l1 done
        """,
    )


def test_pending_legs_that_cannot_be_placed_expire_as_one(exchange):  # rule O-2
    play(
        exchange,
        """
        alice lists l1 as otoco: buys 5 @ 10.00 as w | sells 5 @ 11.00 post only as x | sells 5 stop 10.00 as y -> list l1 opened; w accepted; x pending; y pending
        bob sells 5 @ 10.00 -> accepted; sold 5 @ 10.00 to alice; x expired 5 as it can't be placed; y expired 5 as it can't be placed; list l1 done
        """,
    )


def test_a_pending_order_without_funds_or_room_expires(exchange):  # rule O-2
    exchange.trader_with("alice", money="60")
    play(
        exchange,
        """
        alice lists l1 as oto: buys 5 @ 10.00 as w | buys 5 @ 9.00 as p -> list l1 opened; w accepted; p pending
        bob sells 5 @ 10.00 -> accepted; sold 5 @ 10.00 to alice; p expired 5 as it can't be placed; list l1 done
        carol lists l2 as oto: buys 5 @ 10.00 as w | sells 5 @ 9.50 post only as p -> list l2 opened; w accepted; p pending
        dora buys 1 @ 9.50
        bob sells 5 @ 10.00 -> accepted; sold 5 @ 10.00 to carol; p expired 5 as it can't be placed; list l2 done
        """,
    )


def test_pending_orders_act_before_triggered_stops(exchange):  # rules O-2, S-2
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        zoe   sells 1 stop 9.90 as z
        alice lists l1 as oto: buys 5 @ 9.90 as w | buys 1 @ 9.80 as p -> list l1 opened; w accepted; p pending
        bob   sells 5 @ 9.90 -> accepted; sold 5 @ 9.90 to alice; p triggered; z triggered; z sold 1 @ 9.80 to alice; list l1 done
        """,
    )


def test_a_pending_leg_may_be_amended(exchange):  # rules O-2, P-3
    exchange.trader_with("alice", money="50")
    play(
        exchange,
        """
        alice lists l1 as otoco: buys 5 @ 10.00 as w | sells 5 @ 11.00 post only as x | sells 5 @ 8.00 stop 9.00 as y -> list l1 opened; w accepted; x pending; y pending
        alice amends y to 4 -> x amended to 4; y amended to 4
        alice amends w to 4 -> w amended to 4
        bob sells 4 @ 10.00 -> accepted; sold 4 @ 10.00 to alice; x triggered; y triggered
        alice has           -> 0 shares, 4 locked, 10.00 money, 0.00 locked
        """,
    )


@pytest.mark.parametrize(
    "legs",
    [
        "buys 5 at market | sells 5 @ 11.00",
        "buys 5 @ 11.00 stop 10.50 | sells 5 @ 11.00",
        "buys 5 @ 10.00 | sells for 50.00 at market",
    ],
)
def test_orders_that_make_no_oto_are_refused(exchange, legs):  # rule O-2
    play(exchange, f"alice lists l1 as oto: {legs} -> rejected invalid fields")
