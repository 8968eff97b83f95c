"""Rules A-2 to A-4: the call, the price of the uncross, the allocation."""

from protocol.terms import EventFlag, EventKind, OrdStatus
from tests.floor import play

CALL = "phase opening auction -> phase opening auction"


def test_nothing_trades_in_a_call(exchange):  # rule A-2
    play(
        exchange,
        f"""
        {CALL}
        alice sells 10 @ 9.00
        bob   buys  10 @ 11.00
        carol buys  5 at market
        book -> 10 offered @ 9.00; 10 bid @ 11.00
        """,
    )


def test_the_indication_is_told_by_the_clock_when_it_changed(exchange):  # rule A-2
    play(
        exchange,
        f"""
        {CALL}
        clock 1 -> nothing
        alice sells 10 @ 10.00
        clock 2 -> nothing
        bob   buys  6 @ 10.00
        clock 3 -> indicates 6 @ 10.00, 4 to sell
        clock 4 -> nothing
        bob   buys  6 @ 10.00 as b2
        clock 5 -> indicates 10 @ 10.00, 2 to buy
        bob   cancels everything -> bob's cancelled; b2 cancelled
        clock 6 -> indicates nothing
        phase continuous -> uncrossed nothing; phase continuous
        clock 7 -> nothing
        """,
    )


def test_a_new_call_tells_its_indication_anew(exchange):  # rule A-2
    play(
        exchange,
        f"""
        {CALL}
        alice sells 10 @ 10.00
        bob   buys  6 @ 10.00
        clock 3 -> indicates 6 @ 10.00, 4 to sell
        phase volatility auction -> phase volatility auction
        clock 4 -> indicates 6 @ 10.00, 4 to sell
        """,
    )


def test_the_uncross_trades_at_one_price_and_says_what_was_left(exchange):  # rule A-3
    play(
        exchange,
        f"""
        {CALL}
        a buys  15 @ 1.00 as a
        b buys  15 @ 0.98 as b
        c sells 25 @ 0.98 as c
        d sells 10 @ 0.97 as d
        phase continuous -> uncrossed 30 @ 0.98, 5 to sell; d sold 10 @ 0.98 to a; c sold 5 @ 0.98 to a; c sold 15 @ 0.98 to b; phase continuous
        book             -> 5 offered @ 0.98
        """,
    )
    uncrossed = exchange.told_of(EventKind.UNCROSSED)[0]
    assert (uncrossed.order_qty, uncrossed.leaves_qty, uncrossed.side) == (30, 5, 1)
    assert all(event.flags & EventFlag.AUCTION for event in exchange.told_of(EventKind.TRADE))


def test_market_orders_come_first_then_price_then_time(exchange):  # rule A-4
    play(
        exchange,
        f"""
        {CALL}
        a buys 10 @ 1.00 as a
        b buys 10 @ 1.00 as b
        c buys 10 @ 1.02 as c
        d buys 10 at market as d
        s sells 35 @ 1.00 as s
        phase continuous -> uncrossed 35 @ 1.00, 5 to buy; s sold 10 @ 1.00 to d; s sold 10 @ 1.00 to c; s sold 10 @ 1.00 to a; s sold 5 @ 1.00 to b; phase continuous
        book             -> 5 bid @ 1.00
        """,
    )


def test_the_order_with_the_lower_id_is_the_maker(exchange):  # rule A-4
    play(
        exchange,
        f"""
        {CALL}
        s sells 10 @ 1.00 as s
        a buys 10 @ 1.00 as a
        phase continuous -> uncrossed 10 @ 1.00; a bought 10 @ 1.00 from s; phase continuous
        """,
    )
    maker, taker = exchange.told_of(EventKind.TRADE)
    assert maker.flags & EventFlag.MAKER and not taker.flags & EventFlag.MAKER
    assert maker.order_id < taker.order_id
    assert maker.flags & taker.flags & EventFlag.LEVEL


def test_leftover_market_orders_expire_and_leftover_limits_stay(exchange):  # rule A-4
    play(
        exchange,
        f"""
        {CALL}
        a buys 10 at market as a
        b buys 10 @ 1.00 as b
        c buys 3 at market as c
        s sells 5 @ 1.00 as s
        phase continuous -> uncrossed 5 @ 1.00, 18 to buy; s sold 5 @ 1.00 to a; a expired 5 after the auction; c expired 3 after the auction; phase continuous
        book             -> 10 bid @ 1.00
        """,
    )


def test_hidden_quantity_takes_part_at_its_orders_place(exchange):  # rule A-4
    play(
        exchange,
        f"""
        {CALL}
        a sells 10 @ 1.00 showing 2 as a
        b sells 10 @ 1.00 as b
        t buys 7 @ 1.00 as t
        phase continuous -> uncrossed 7 @ 1.00, 13 to sell; t bought 7 @ 1.00 from a; phase continuous
        book             -> 12 offered @ 1.00
        u buys 11 @ 1.00 -> accepted; bought 10 @ 1.00 from b; bought 1 @ 1.00 from a
        """,
    )


def test_an_unused_slice_keeps_its_place_in_an_uncross(exchange):  # rule A-4
    play(
        exchange,
        f"""
        {CALL}
        a sells 10 @ 1.00 showing 4 as a
        b sells 10 @ 1.00 as b
        t buys 3 @ 1.00 as t
        phase continuous -> uncrossed 3 @ 1.00, 17 to sell; t bought 3 @ 1.00 from a; phase continuous
        book             -> 11 offered @ 1.00
        u buys 2 @ 1.00  -> accepted; bought 1 @ 1.00 from a; bought 1 @ 1.00 from b
        """,
    )


def test_at_opening_orders_are_for_the_opening_only(exchange):  # rules
    play(
        exchange,
        f"""
        a buys 5 @ 1.00 at opening -> rejected phase forbids ord type
        {CALL}
        a buys 5 @ 1.00 at opening as a
        b buys 5 at market at opening as b
        c buys 5 @ 1.00 as c
        s sells 7 @ 1.00 as s
        phase continuous -> uncrossed 7 @ 1.00, 8 to buy; s sold 5 @ 1.00 to b; s sold 2 @ 1.00 to a; a expired 3 after the auction; phase continuous
        phase closing auction -> phase closing auction
        a buys 5 @ 1.00 at opening -> rejected phase forbids ord type
        """,
    )


def test_at_close_orders_wait_unseen_for_the_closing_call(exchange):  # rules
    exchange.terms(max_price=200)
    exchange.trader_with("b", money="20")
    play(
        exchange,
        """
        a sells 5 @ 1.00 at close as a
        b buys 10 at market at close as b
        c buys 5 @ 1.00 ioc   -> accepted; expired 5
        book                  -> empty
        b has                 -> 0 shares, 0 locked, 0.00 money, 20.00 locked
        phase closing auction -> phase closing auction; a rests 5; b rests 10
        book                  -> 5 offered @ 1.00
        d sells 2 @ 1.00 at close as d
        phase closed          -> uncrossed 7 @ 1.00, 3 to buy; b bought 5 @ 1.00 from a; d sold 2 @ 1.00 to b; b expired 3 after the auction; phase closed
        b has                 -> 7 shares, 0 locked, 13.00 money, 0.00 locked
        """,
    )
    waiting = exchange.orders[1]
    assert waiting.working_ns > waiting.created_ns


def test_waiting_orders_join_the_closing_call_lowest_order_id_first(exchange):  # rule A-1
    play(
        exchange,
        """
        a lists l1 as oto: buys 5 @ 1.00 as w | sells 5 @ 1.50 at close as p -> list l1 opened; w accepted; p pending
        b sells 3 @ 1.60 at close as b
        c sells 5 @ 1.00      -> accepted; sold 5 @ 1.00 to a; p triggered
        phase closing auction -> phase closing auction; p rests 5; b rests 3
        """,
    )


def test_at_close_orders_that_never_came_to_their_call_end_with_the_day(exchange):  # rule A-1
    play(
        exchange,
        """
        a sells 5 @ 1.00 at close as a
        phase closed -> phase closed; a expired 5 at the end of the day
        """,
    )


def test_a_market_buy_in_a_call_holds_the_highest_price_it_may_pay(exchange):  # rule R-1
    exchange.trader_with("a", money="1100")
    exchange.terms(static_collar=1_000, reference_price=1_000)
    play(
        exchange,
        f"""
        {CALL}
        a buys 101 at market -> rejected insufficient balance
        a buys 100 at market as a
        a has                -> 0 shares, 0 locked, 0.00 money, 1100.00 locked
        s sells 60 @ 9.50 as s
        phase continuous     -> uncrossed 60 @ 10.00, 40 to buy; s sold 60 @ 10.00 to a; a expired 40 after the auction; phase continuous
        a has                -> 60 shares, 0 locked, 500.00 money, 0.00 locked
        """,
    )


def test_a_market_buy_pays_no_more_than_it_holds_for(exchange):  # rules
    exchange.terms(static_collar=1_000, reference_price=1_000)
    play(
        exchange,
        f"""
        {CALL}
        a buys 5 at market as a
        """,
    )
    exchange.terms(static_collar=0)
    play(
        exchange,
        """
        s sells 5 @ 11.01 as s
        b buys 5 @ 11.05 as b
        phase continuous -> uncrossed 5 @ 11.01; b bought 5 @ 11.01 from s; a expired 5 after the auction; phase continuous
        """,
    )


def test_of_two_market_buys_the_one_that_may_pay_more_comes_first(exchange):  # rules
    exchange.terms(static_collar=1_000, reference_price=1_000)
    play(
        exchange,
        f"""
        {CALL}
        a buys 5 at market as a
        """,
    )
    exchange.terms(static_collar=2_000)
    play(
        exchange,
        """
        b buys 5 at market as b
        s sells 5 @ 10.00 as s
        phase continuous -> uncrossed 5 @ 10.00, 5 to buy; s sold 5 @ 10.00 to b; a expired 5 after the auction; phase continuous
        """,
    )


def test_an_auction_trade_elects_stops_which_act_in_the_new_phase(exchange):  # rules S-2, A-3
    play(
        exchange,
        f"""
        m sells 1 @ 10.00
        t buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from m
        z buys 2 stop 10.50 as z
        {CALL}
        a buys 5 @ 10.60 as a
        b sells 7 @ 10.60 as b
        phase continuous -> uncrossed 5 @ 10.60, 2 to sell; b sold 5 @ 10.60 to a; phase continuous; z triggered; z bought 2 @ 10.60 from b
        """,
    )


def test_fees_and_lists_work_in_an_auction_as_elsewhere(exchange):  # rules A-4, O-1
    exchange.terms(maker_fee_ppm=100_000)
    play(
        exchange,
        f"""
        m sells 1 @ 10.00
        t buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from m
        a lists l1 as oco: sells 10 @ 11.00 post only as x | sells 10 stop 9.00 as y -> list l1 opened; x accepted; y accepted
        {CALL}
        b buys 4 @ 11.00 as b
        phase continuous -> uncrossed 4 @ 11.00, 6 to sell; b bought 4 @ 11.00 from a; y expired 10 by its other leg; phase continuous
        """,
    )
    maker, taker = exchange.told_of(EventKind.TRADE)
    assert (maker.fee, taker.fee) == (440, 0)
    assert maker.ord_status == OrdStatus.PARTIALLY_FILLED


def test_an_oco_leg_pays_the_auction_price_and_its_list_frees_the_rest(exchange):  # rules A-4, O-1
    exchange.trader_with("b", money="60")
    play(
        exchange,
        """
        b lists l1 as oco: buys 5 @ 10.00 post only as bx | buys 5 stop 12.00 as by -> list l1 opened; bx accepted; by accepted
        b has                 -> 0 shares, 0 locked, 0.00 money, 60.00 locked
        phase opening auction -> phase opening auction
        c sells 9 @ 9.00 as c
        phase continuous      -> uncrossed 5 @ 9.00, 4 to sell; c sold 5 @ 9.00 to b; by expired 5 by its other leg; list l1 done; phase continuous
        b has                 -> 5 shares, 0 locked, 15.00 money, 0.00 locked
        """,
    )
    trade = exchange.told_of(EventKind.TRADE)[0]
    assert (trade.quote_free, trade.quote_locked) == (500, 1_000)


def test_market_orders_of_a_call_trade_by_entry_however_many_there_are(exchange):  # rule A-4
    play(exchange, f"phase closed -> phase closed\n{CALL}")
    sellers = ["a", "b", "c", "d", "e", "f", "g"]
    for name in sellers:
        play(exchange, f"{name} sells 1 at market as {name}1")
    # Who leaves makes the last one take the place.
    play(exchange, "c cancels c1 -> c1 cancelled")
    play(exchange, "buyer buys 5 @ 10.00")
    exchange.hear("phase continuous")
    sold = [one.account for one in exchange.told_of(EventKind.TRADE) if one.side == 1]
    assert [exchange.trader_of(account) for account in sold] == ["a", "b", "d", "e", "f"]
    expired = exchange.told_of(EventKind.EXPIRED)
    assert [exchange.trader_of(one.account) for one in expired] == ["g"]
