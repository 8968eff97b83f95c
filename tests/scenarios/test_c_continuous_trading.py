"""Rules C: what becomes of an order in continuous trading."""

import pytest

from protocol.terms import EventFlag, EventKind
from tests.floor import play


@pytest.mark.parametrize("time", ["", "day", "gtd 60"])
def test_remainder_of_a_limit_rests(exchange, time):  # rule C-1
    play(
        exchange,
        f"""
        alice sells 30 @ 10.05
        bob   buys 50 @ 10.05 {time} -> accepted; bought 30 @ 10.05 from alice; rests 20
        book                         -> 20 bid @ 10.05
        """,
    )


def test_an_order_that_meets_nothing_rests_before_it_is_told(exchange):  # rule C-1
    play(exchange, "bob buys 50 @ 10.05")
    accepted = exchange.told_of(EventKind.ACCEPTED)[0]
    assert accepted.flags == EventFlag.LEVEL | EventFlag.WORKING | EventFlag.LAST
    assert (accepted.level_qty, accepted.order_count, accepted.update_id) == (50, 1, 1)


def test_post_only_that_would_trade_is_rejected(exchange):  # rule C-2
    play(
        exchange,
        """
        alice sells 10 @ 10.05 as a1
        bob   buys  10 @ 10.05 post only -> rejected would match
        bob   buys  10 @ 10.04 post only
        alice buys  10 @ 10.06 post only -> rejected would match
        book                             -> 10 offered @ 10.05; 10 bid @ 10.04
        """,
    )


def test_fill_or_kill_trades_all_or_nothing(exchange):  # rule C-3
    play(
        exchange,
        """
        alice sells 10 @ 10.05
        carol sells 10 @ 10.06
        bob buys 20 @ 10.05 fok -> accepted; expired 20 unfilled
        bob buys 21 @ 10.06 fok -> accepted; expired 21 unfilled
        bob buys 20 @ 10.06 fok -> accepted; bought 10 @ 10.05 from alice; bought 10 @ 10.06 from carol
        """,
    )


def test_fill_or_kill_counts_hidden_quantity(exchange):  # rule C-3
    play(
        exchange,
        """
        alice sells 6 @ 10.05 showing 2
        bob buys 6 @ 10.05 fok -> accepted; bought 2 @ 10.05 from alice; bought 2 @ 10.05 from alice; bought 2 @ 10.05 from alice
        """,
    )


def test_fill_or_kill_does_not_count_own_orders_that_would_be_removed(exchange):  # rule C-3
    play(
        exchange,
        """
        bob   sells 5 @ 10.05 as b1
        alice sells 5 @ 10.05
        bob buys 6 @ 10.05 fok stp expire maker -> accepted; expired 6 unfilled
        bob buys 5 @ 10.05 fok stp expire maker -> accepted; b1 loses 5, 0 left; bought 5 @ 10.05 from alice
        """,
    )


@pytest.mark.parametrize("mode", ["expire taker", "expire both", "decrement"])
def test_fill_or_kill_counts_up_to_an_own_order_that_would_stop_it(exchange, mode):  # rule C-3
    play(
        exchange,
        f"""
        alice sells 8 @ 10.05 showing 3
        bob   sells 5 @ 10.05 as b1
        carol sells 9 @ 10.05
        bob buys 4 @ 10.05 fok stp {mode} -> accepted; expired 4 unfilled
        bob buys 3 @ 10.05 fok stp {mode} -> accepted; bought 3 @ 10.05 from alice
        """,
    )


def test_market_order_takes_what_there_is(exchange):  # rule C-4
    play(
        exchange,
        """
        alice sells 10 @ 10.05
        carol sells 10 @ 12.00
        bob buys 30 at market     -> accepted; bought 10 @ 10.05 from alice; bought 10 @ 12.00 from carol; expired 10 for lack of orders
        bob buys 30 at market     -> accepted; expired 30 for lack of orders
        bob buys 3 at market ioc  -> accepted; expired 3 for lack of orders
        bob buys 3 at market fok  -> accepted; expired 3 unfilled
        """,
    )


def test_remainder_of_an_ioc_is_expired(exchange):  # rule C-5
    play(
        exchange,
        """
        alice  sells 30 @ 10.05 as a1
        bob    buys  50 @ 10.05 ioc   -> accepted; bought 30 @ 10.05 from alice; expired 20
        alice  cancels a1             -> rejected unknown order
        book                          -> empty
        """,
    )


def test_market_buy_for_money_never_spends_more(exchange):  # rule C-6
    exchange.trader_with("bob", money="100")
    play(
        exchange,
        """
        alice sells 5 @ 10.00
        carol sells 9 @ 11.00
        bob buys for 99.00 at market -> accepted; bought 5 @ 10.00 from alice; bought 4 @ 11.00 from carol
        bob has                      -> 9 shares, 0 locked, 6.00 money, 0.00 locked
        """,
    )
    first = exchange.orders[3]
    assert (first.order_qty, first.quote_qty, first.cum_quote) == (9, 9_900, 9_400)


def test_market_sell_for_money_sells_at_most_that(exchange):  # rule C-6
    play(
        exchange,
        """
        alice buys 5 @ 10.00
        carol buys 9 @ 9.00
        bob sells for 80.00 at market -> accepted; sold 5 @ 10.00 to alice; sold 3 @ 9.00 to carol
        """,
    )


def test_market_order_for_more_money_than_the_book_takes_expires(exchange):  # rule C-6
    play(
        exchange,
        """
        alice sells 5 @ 10.00
        bob buys for 99.00 at market -> accepted; bought 5 @ 10.00 from alice; expired 0 for lack of orders
        """,
    )
    last_trade = exchange.told_of(EventKind.TRADE)[-1]
    assert (last_trade.ord_status, last_trade.leaves_qty, last_trade.order_qty) == (2, 0, 5)


def test_money_that_just_empties_the_book_fills_the_order(exchange):  # rule C-6
    play(
        exchange,
        """
        alice sells 5 @ 10.00
        bob buys for 50.00 at market -> accepted; bought 5 @ 10.00 from alice
        """,
    )
    assert exchange.told_of(EventKind.TRADE)[-1].ord_status == 3


def test_market_order_for_money_keeps_to_the_lot_grid(exchange):  # rule C-6
    exchange.terms(lot_size=4)
    play(
        exchange,
        """
        alice sells 20 @ 10.00
        bob buys for 99.00 at market -> accepted; bought 8 @ 10.00 from alice
        bob buys for 39.00 at market -> rejected no liquidity
        """,
    )
    exchange.terms(market_lot_size=6, market_max_qty=7)
    play(
        exchange,
        """
        bob buys for 900.00 at market -> accepted; bought 6 @ 10.00 from alice
        bob buys for 59.00 at market  -> rejected no liquidity
        """,
    )


def test_market_order_for_money_in_an_empty_book_is_rejected(exchange):  # rule C-6
    play(exchange, "bob buys for 99.00 at market -> rejected no liquidity")


def test_market_order_for_money_stops_at_own_orders(exchange):  # rule C-6
    play(
        exchange,
        """
        alice sells 5 @ 10.00
        bob   sells 5 @ 10.00 as b1
        carol sells 5 @ 10.00
        bob buys for 99.00 at market stp expire taker -> accepted; bought 5 @ 10.00 from alice; expired 0 for lack of orders
        alice sells 4 @ 10.00
        bob buys for 80.00 at market stp expire maker -> accepted; b1 loses 5, 0 left; bought 5 @ 10.00 from carol; bought 3 @ 10.00 from alice
        """,
    )


def test_a_used_up_slice_goes_to_the_back_of_its_level(exchange):  # rule C-7
    play(
        exchange,
        """
        alice sells 6 @ 10.00 showing 2 as a1
        carol sells 3 @ 10.00
        book                  -> 5 offered @ 10.00
        bob buys 4 @ 10.00    -> accepted; bought 2 @ 10.00 from alice; bought 2 @ 10.00 from carol
        book                  -> 3 offered @ 10.00
        bob buys 2 @ 10.00    -> accepted; bought 1 @ 10.00 from carol; bought 1 @ 10.00 from alice
        bob buys 4 @ 10.00    -> accepted; bought 1 @ 10.00 from alice; bought 2 @ 10.00 from alice; rests 1
        """,
    )


def test_a_slice_only_partly_used_keeps_its_place(exchange):  # rule C-7
    play(
        exchange,
        """
        alice sells 6 @ 10.00 showing 2
        carol sells 3 @ 10.00
        bob buys 1 @ 10.00    -> accepted; bought 1 @ 10.00 from alice
        bob buys 2 @ 10.00    -> accepted; bought 1 @ 10.00 from alice; bought 1 @ 10.00 from carol
        """,
    )


def test_an_incoming_iceberg_trades_all_of_itself_first(exchange):  # rule C-7
    play(
        exchange,
        """
        alice sells 7 @ 10.00
        bob buys 12 @ 10.00 showing 3 -> accepted; bought 7 @ 10.00 from alice; rests 5
        book                          -> 3 bid @ 10.00
        """,
    )


def test_the_last_slice_shows_what_is_left(exchange):  # rule C-7
    play(
        exchange,
        """
        alice sells 5 @ 10.00 showing 3
        bob buys 3 @ 10.00 -> accepted; bought 3 @ 10.00 from alice
        book               -> 2 offered @ 10.00
        """,
    )


def test_an_amended_iceberg_shows_no_more_than_it_has(exchange):  # rule C-7
    play(
        exchange,
        """
        alice sells 9 @ 10.00 showing 4 as a1
        alice amends a1 to 6 -> a1 amended to 6
        book                 -> 4 offered @ 10.00
        alice amends a1 to 3 -> a1 amended to 3
        book                 -> 3 offered @ 10.00
        """,
    )


def test_good_till_date_ends_by_the_clock_command_only(exchange):  # rule C-8
    play(
        exchange,
        """
        alice sells 5 @ 10.00 gtd 60 as a1
        carol sells 5 @ 10.00 gtd 50 as c1
        alice sells 5 @ 11.00 gtd 50 as a2
        alice sells 1 stop 9.00 gtd 50 as a3
        alice sells 9 @ 12.00 gtd 61 as a4
        """,
    )
    exchange.now_ns += 120 * 10**9
    play(
        exchange,
        """
        bob buys 1 @ 10.00 ioc -> accepted; bought 1 @ 10.00 from alice
        clock 60 -> c1 expired 5 in time; a2 expired 5 in time; a3 expired 1 in time; a1 expired 4 in time; a4 expired 9 in time
        clock 60 -> nothing
        """,
    )


def test_good_till_date_is_due_at_its_very_time(exchange):  # rule C-8
    play(exchange, "alice sells 5 @ 10.00 gtd 60 as a1")
    exchange.now_ns = exchange.orders[1].expire_ns - 2_000
    play(exchange, "clock 0 -> nothing")
    exchange.now_ns = exchange.orders[1].expire_ns - 1_000
    play(exchange, "clock 0 -> a1 expired 5 in time")


def test_day_orders_end_when_the_market_closes(exchange):  # rule C-8
    play(
        exchange,
        """
        alice sells 5 @ 10.00 day as a1
        alice sells 5 @ 10.00 as a2
        bob   buys  5 stop 11.00 day as b1
        phase closed -> phase closed; a1 expired 5 at the end of the day; b1 expired 5 at the end of the day
        book         -> 5 offered @ 10.00
        """,
    )
