"""Rule O-1: OCO, one of two orders."""

import pytest

from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventKind
from tests.floor import play

LAST_PRICE_10 = """
    maker sells 1 @ 10.00
    taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
"""
SELL_OCO = (
    "alice lists l1 as oco: sells 5 @ 11.00 post only as x | sells 5 @ 8.00 stop 9.00 as y"
    " -> list l1 opened; x accepted; y accepted"
)


def test_any_fill_of_the_limit_leg_ends_the_stop_leg_after_the_trade(exchange):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(exchange, SELL_OCO)
    play(
        exchange,
        """
        bob buys 2 @ 11.00 -> accepted; bought 2 @ 11.00 from alice; y expired 5 by its other leg
        book               -> 3 offered @ 11.00
        bob buys 3 @ 11.00 -> accepted; bought 3 @ 11.00 from alice; list l1 done
        """,
    )


def test_a_whole_fill_of_the_limit_leg_ends_stop_leg_and_list(exchange):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(exchange, SELL_OCO)
    play(
        exchange,
        """
        carol sells 2 @ 11.00
        bob buys 7 @ 11.00 -> accepted; bought 5 @ 11.00 from alice; y expired 5 by its other leg; list l1 done; bought 2 @ 11.00 from carol
        """,
    )


def test_the_trigger_of_the_stop_leg_ends_the_limit_leg_before_it_acts(exchange):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(exchange, SELL_OCO)
    play(
        exchange,
        """
        bob   buys 3 @ 9.00
        carol sells 1 @ 9.00 -> accepted; sold 1 @ 9.00 to bob; x expired 5 by its other leg; y triggered; y sold 2 @ 9.00 to bob; y rests 3
        alice cancels y      -> y cancelled; list l1 done
        """,
    )


def test_the_trigger_of_a_take_profit_leg_ends_the_stop_leg(exchange):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice lists l1 as oco: buys 5 @ 9.50 take 9.50 as x | buys 5 stop 10.50 as y -> list l1 opened; x accepted; y accepted
        bob   buys 1 @ 9.50
        carol sells 2 @ 9.50 -> accepted; sold 1 @ 9.50 to bob; rests 1; y expired 5 by its other leg; x triggered; x bought 1 @ 9.50 from carol; x rests 4
        """,
    )


def test_a_leg_elected_by_the_trade_that_fills_its_sibling_is_skipped(exchange):  # rules O-1, S-2
    exchange.terms(reference_price=1_000)
    play(
        exchange,
        """
        alice lists l1 as oco: sells 5 @ 11.00 post only as x | sells 5 @ 8.00 stop 10.90 as y -> list l1 opened; x accepted; y accepted
        zoe   sells 1 @ 10.80 stop 11.10 as z
        bob   buys 1 @ 11.00 -> accepted; bought 1 @ 11.00 from alice; y expired 5 by its other leg; z triggered
        """,
    )


@pytest.mark.parametrize("leg", ["x", "y"])
def test_cancelling_one_leg_cancels_both_in_leg_order(exchange, leg):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(exchange, SELL_OCO)
    play(
        exchange,
        f"""
        alice cancels {leg} calling it c1 -> called c1; x cancelled; y cancelled; list l1 done
        book                              -> empty
        """,
    )


def test_a_list_can_be_cancelled_by_its_name_or_number(exchange):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(exchange, SELL_OCO)
    play(
        exchange,
        """
        bob   cancels list l1               -> rejected unknown list
        alice cancels list l2               -> rejected unknown list
        alice cancels list l1 calling it c1 -> called c1; x cancelled; y cancelled; list l1 done
        alice cancels list l1               -> rejected unknown list
        """,
    )
    play(
        exchange,
        SELL_OCO.replace("as x", "as x2")
        .replace("as y", "as y2")
        .replace("x acc", "x2 acc")
        .replace("y acc", "y2 acc"),
    )
    number = exchange.told_of(EventKind.LIST_OPENED)[0].list_id
    assert number == 2
    alice = exchange.trader("alice")
    told = exchange.ask(
        CommandKind.CANCEL_LIST, account=alice, order_id=number, list_cl_ord_id=b"l9"
    )
    assert told[0].reason == RejectReason.ORDER_ID_MISMATCH
    assert (told[0].order_id, told[0].cl_ord_id) == (number, b"l9")
    told = exchange.ask(CommandKind.CANCEL_LIST, account=alice, order_id=number)
    assert [event.kind for event in told] == [
        EventKind.CANCELED,
        EventKind.CANCELED,
        EventKind.LIST_DONE,
    ]


def test_any_other_end_of_one_leg_ends_the_other(exchange):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(exchange, SELL_OCO)
    play(
        exchange,
        """
        alice buys 9 @ 11.00 stp expire maker -> accepted; x loses 5, 0 left; y expired 5 by its other leg; list l1 done; rests 9
        alice cancels everything -> alice's cancelled
        alice lists l2 as oco: sells 5 @ 11.00 post only gtd 60 as v | sells 5 stop 9.00 as w -> list l2 opened; v accepted; w accepted
        clock 60 -> v expired 5 in time; w expired 5 by its other leg; list l2 done
        """,
    )


@pytest.mark.parametrize(
    "legs",
    [
        "sells 5 @ 10.00 post only | sells 5 stop 9.00",
        "sells 5 @ 11.00 post only | sells 5 stop 10.00",
        "sells 5 take 9.90 | sells 5 stop 9.00",
        "buys 5 @ 10.00 post only | buys 5 stop 11.00",
        "buys 5 @ 9.00 post only | buys 5 stop 10.00",
        "sells 5 stop 9.00 | sells 5 @ 9.50 post only",
        "buys 5 take 10.10 trailing 100 | buys 5 stop 11.00",
    ],
)
def test_the_legs_lie_on_their_sides_of_the_last_price(exchange, legs):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(exchange, f"alice lists l1 as oco: {legs} -> rejected list prices")


def test_with_no_last_price_only_the_relation_of_the_legs_counts(exchange):  # rule O-1
    play(
        exchange,
        """
        alice lists l1 as oco: sells 5 @ 8.00 post only as x | sells 5 stop 8.00 as y -> rejected list prices
        alice lists l1 as oco: sells 5 @ 8.01 post only as x | sells 5 stop 8.00 as y -> list l1 opened; x accepted; y accepted
        """,
    )


def test_a_trailing_leg_without_stop_price_is_not_compared(exchange):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice lists l1 as oco: sells 5 @ 10.01 post only as x | sells 5 trailing 100 as y -> list l1 opened; x accepted; y accepted
        """,
    )


@pytest.mark.parametrize(
    "legs",
    [
        "sells 5 @ 11.00 post only | buys 5 stop 11.00",
        "sells 5 @ 11.00 post only | sells 6 stop 9.00",
        "sells 5 @ 11.00 post only | sells 5 take 12.00",
        "sells 5 stop 9.00 | sells 5 @ 8.00 stop 9.50",
        "sells 5 @ 11.00 | sells 5 stop 9.00",
    ],
)
def test_legs_that_make_no_oco_are_refused(exchange, legs):  # rule O-1
    play(exchange, LAST_PRICE_10)
    play(exchange, f"alice lists l1 as oco: {legs} -> rejected invalid fields")


def test_an_oco_holds_the_larger_need_once(exchange):  # rules O-1, R-1
    exchange.trader_with("alice", money="550")
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice lists l1 as oco: buys 50 @ 9.00 post only as x | buys 50 @ 11.01 stop 10.50 as y -> rejected insufficient balance
        alice lists l1 as oco: buys 50 @ 9.00 post only as x | buys 50 @ 11.00 stop 10.50 as y -> list l1 opened; x accepted; y accepted
        alice has           -> 0 shares, 0 locked, 0.00 money, 550.00 locked
        bob sells 20 @ 9.00 -> accepted; sold 20 @ 9.00 to alice; y expired 50 by its other leg
        alice has           -> 20 shares, 0 locked, 100.00 money, 270.00 locked
        alice cancels x     -> x cancelled; list l1 done
        alice has           -> 20 shares, 0 locked, 370.00 money, 0.00 locked
        """,
    )


def test_the_fill_itself_frees_nothing_the_end_of_the_sibling_does(exchange):  # rule R-1
    exchange.trader_with("alice", money="550")
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice lists l1 as oco: buys 50 @ 9.00 post only as x | buys 50 @ 11.00 stop 10.50 as y -> list l1 opened; x accepted; y accepted
        bob sells 50 @ 9.00 -> accepted; sold 50 @ 9.00 to alice; y expired 50 by its other leg; list l1 done
        """,
    )
    trade = exchange.told_of(EventKind.TRADE)[0]
    ended = exchange.told_of(EventKind.EXPIRED)[0]
    assert (trade.quote_free, trade.quote_locked) == (0, 10_000)
    assert (ended.quote_free, ended.quote_locked) == (10_000, 0)


def test_amending_one_leg_of_an_oco_amends_both(exchange):  # rules O-1, P-3
    exchange.trader_with("alice", money="550")
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice lists l1 as oco: buys 50 @ 9.00 post only as x | buys 50 @ 11.00 stop 10.50 as y -> list l1 opened; x accepted; y accepted
        alice amends y to 30              -> x amended to 30; y amended to 30
        alice has                         -> 0 shares, 0 locked, 220.00 money, 330.00 locked
        alice amends x to 20 calling it z -> called x; z amended to 20; y amended to 20; list l1 updated
        book                              -> 20 bid @ 9.00
        """,
    )


def test_an_amend_that_one_leg_cannot_take_is_refused_for_both(exchange):  # rules O-1, P-3, T-1
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice lists l1 as oco: sells 9 @ 11.00 post only as x | sells 9 stop 9.00 as y -> list l1 opened; x accepted; y accepted
        alice buys 4 @ 11.00 stp decrement -> accepted; x loses 4, 5 left; loses 4, 0 left
        alice amends y to 4 -> rejected amend below filled
        alice amends y to 5 -> x amended to 5; y amended to 5
        book                -> 1 offered @ 11.00
        """,
    )
