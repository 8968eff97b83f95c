"""Rules T: self-trade prevention."""

import pytest

from protocol.terms import AccountTerm, EventFlag, EventKind, OrdStatus, StpMode
from tests.floor import play


def prevented(exchange):
    """Id, account's order, quantity, what it has left and status of each prevention told."""
    return [
        (
            event.trade_id,
            event.order_id,
            event.last_qty,
            event.leaves_qty,
            OrdStatus(event.ord_status).name,
        )
        for event in exchange.told_of(EventKind.PREVENTED)
    ]


def test_expire_taker_ends_the_taker_at_the_own_order(exchange):  # rule T-1
    play(
        exchange,
        """
        bob   sells 2 @ 10.00 as b1
        alice sells 5 @ 10.00 as a1
        alice buys  6 @ 10.00 stp expire taker as a2 -> accepted; bought 2 @ 10.00 from bob; loses 4, 0 left
        book                                         -> 5 offered @ 10.00
        """,
    )
    assert prevented(exchange) == [(0, 3, 4, 0, "EXPIRED_IN_MATCH")]


def test_expire_maker_removes_the_own_order_and_goes_on(exchange):  # rule T-1
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a1
        bob   sells 2 @ 10.00 as b1
        alice buys  6 @ 10.00 stp expire maker as a2 -> accepted; a1 loses 5, 0 left; bought 2 @ 10.00 from bob; rests 4
        """,
    )
    assert prevented(exchange) == [(0, 1, 5, 0, "EXPIRED_IN_MATCH")]
    event = exchange.told_of(EventKind.PREVENTED)[0]
    assert event.flags & (EventFlag.MAKER | EventFlag.LEVEL) == EventFlag.MAKER | EventFlag.LEVEL
    assert (event.last_px, event.contra_order_id, event.prevented_qty) == (1_000, 3, 5)


def test_expire_both_ends_both(exchange):  # rule T-1
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a1
        alice sells 5 @ 10.00 as a2
        alice buys  6 @ 10.00 stp expire both as a3 -> accepted; a1 loses 5, 0 left; loses 6, 0 left
        book                                        -> 5 offered @ 10.00
        """,
    )
    assert [(p[0], p[1]) for p in prevented(exchange)] == [(0, 1), (0, 3)]


@pytest.mark.parametrize(
    ("qty", "answers"),
    [
        (3, "a1 loses 3, 2 left; loses 3, 0 left"),
        (5, "a1 loses 5, 0 left; loses 5, 0 left"),
        (8, "a1 loses 5, 0 left; loses 5, 3 left; rests 3"),
    ],
)
def test_decrement_takes_the_smaller_quantity_off_both(exchange, qty, answers):  # rule T-1
    play(
        exchange,
        f"""
        alice sells 5 @ 10.00 as a1
        alice buys {qty} @ 10.00 stp decrement as a2 -> accepted; {answers}
        """,
    )


def test_a_decremented_maker_keeps_its_place_and_its_ordered_quantity(exchange):  # rule T-1
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a1
        bob   sells 5 @ 10.00 as b1
        alice buys 3 @ 10.00 stp decrement -> accepted; a1 loses 3, 2 left; loses 3, 0 left
        carol buys 3 @ 10.00 -> accepted; bought 2 @ 10.00 from alice; bought 1 @ 10.00 from bob
        """,
    )
    maker = exchange.orders[1]
    assert (maker.order_qty, maker.cum_qty, maker.prevented_qty) == (5, 2, 3)
    assert maker.ord_status == OrdStatus.FILLED


def test_decrement_of_an_iceberg_counts_what_it_hides(exchange):  # rule T-1
    play(
        exchange,
        """
        alice sells 10 @ 10.00 showing 3 as a1
        alice buys 6 @ 10.00 stp decrement -> accepted; a1 loses 6, 4 left; loses 6, 0 left
        book                               -> 3 offered @ 10.00
        """,
    )
    assert not exchange.told_of(EventKind.PREVENTED)[0].flags & EventFlag.LEVEL
    play(
        exchange,
        """
        alice buys 2 @ 10.00 stp decrement -> accepted; a1 loses 2, 2 left; loses 2, 0 left
        book                               -> 2 offered @ 10.00
        """,
    )
    assert exchange.told_of(EventKind.PREVENTED)[0].flags & EventFlag.LEVEL


def test_none_lets_an_account_trade_with_itself(exchange):  # rule T-1
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a1
        alice buys 5 @ 10.00 stp none -> accepted; bought 5 @ 10.00 from alice
        """,
    )


def test_a_trade_group_counts_as_one(exchange):  # rule T-1
    for name in ("alice", "bob"):
        exchange.set_account(name, AccountTerm.TRADE_GROUP, 5)
    exchange.set_account("carol", AccountTerm.TRADE_GROUP, 6)
    play(
        exchange,
        """
        carol sells 1 @ 10.00
        dora  sells 1 @ 10.00
        bob   sells 5 @ 10.00 as b1
        alice buys 7 @ 10.00 stp expire maker -> accepted; bought 1 @ 10.00 from carol; bought 1 @ 10.00 from dora; b1 loses 5, 0 left; rests 5
        """,
    )


def test_the_takers_mode_decides(exchange):  # rule T-1
    play(
        exchange,
        """
        alice sells 5 @ 10.00 stp expire taker as a1
        alice buys  2 @ 10.00 stp expire maker as a2 -> accepted; a1 loses 5, 0 left; rests 2
        """,
    )


def test_prevention_ids_are_dense_from_zero(exchange):  # rule T-1
    play(
        exchange,
        """
        alice sells 2 @ 10.00 as a1
        alice sells 2 @ 10.00 as a2
        alice buys  3 @ 10.00 stp decrement as a3 -> accepted; a1 loses 2, 0 left; loses 2, 1 left; a2 loses 1, 1 left; loses 1, 0 left
        """,
    )
    assert [p[0] for p in prevented(exchange)] == [0, 0, 1, 1]


def test_a_market_order_whose_makers_were_all_removed_expires(exchange):  # rules T-1, C-4
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a1
        alice buys 3 at market stp expire maker -> accepted; a1 loses 5, 0 left; expired 3 for lack of orders
        """,
    )


def test_prevention_frees_what_was_held(exchange):  # rules T-1, R-1
    exchange.trader_with("alice", money="100", shares=10)
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        alice buys  6 @ 10.00 stp decrement -> accepted; a1 loses 6, 4 left; loses 6, 0 left
        alice has                           -> 6 shares, 4 locked, 100.00 money, 0.00 locked
        """,
    )


def test_the_instrument_has_a_default_mode_and_allows_some(exchange):  # rule T-2
    exchange.terms(default_stp=StpMode.EXPIRE_BOTH)
    play(exchange, "alice sells 5 @ 10.00 as a1")
    play(
        exchange,
        "alice buys 5 @ 10.00 stp default -> accepted; a1 loses 5, 0 left; loses 5, 0 left",
    )
    assert exchange.told_of(EventKind.ACCEPTED)[0].stp_mode == StpMode.EXPIRE_BOTH
    exchange.terms(allowed_stp=1 << StpMode.EXPIRE_TAKER)
    play(
        exchange,
        """
        alice sells 5 @ 10.00 stp none         -> rejected stp mode not allowed
        alice sells 5 @ 10.00 stp default      -> rejected stp mode not allowed
        alice sells 5 @ 10.00 stp expire taker
        """,
    )


def test_an_uncross_prevents_nothing(exchange):  # rule T-1
    play(
        exchange,
        """
        phase opening auction -> phase opening auction
        alice sells 5 @ 10.00 stp expire both as a1
        alice buys  5 @ 10.00 stp expire both as a2
        phase continuous -> uncrossed 5 @ 10.00; a2 bought 5 @ 10.00 from alice; phase continuous
        """,
    )


def test_a_leg_that_became_a_market_buy_keeps_what_its_walk_costs(exchange):  # rules T-1, R-1
    exchange.trader_with("alice", shares=2, money="200")
    play(
        exchange,
        """
        maker sells 1 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
        alice lists l1 as oco: buys 9 take 9.50 stp decrement as x | buys 9 stop 11.00 as y -> list l1 opened; x accepted; y accepted
        alice sells 2 @ 9.70 as a
        maker sells 3 @ 9.60
        maker sells 9 @ 9.80
        maker buys 1 @ 9.50
        taker sells 1 @ 9.50 -> accepted; sold 1 @ 9.50 to maker; y expired 9 by its other leg; x triggered; x bought 3 @ 9.60 from maker; a loses 2, 0 left; x loses 2, 4 left; x bought 4 @ 9.80 from maker; list l1 done
        """,
    )
    prevented = exchange.told_of(EventKind.PREVENTED)[1]
    assert prevented.quote_locked == 4 * 980
