"""Rules P: price and time, cancel, amend, replace, text ids."""

import pytest

from protocol.terms import CommandKind, EventKind, InstrumentTerm
from tests.desk import START_NS
from tests.floor import play


def test_a_trade_happens_at_the_makers_price(exchange):  # rule P-1
    play(
        exchange,
        """
        alice sells 30 @ 10.05 as a1
        bob   buys  50 @ 10.10 as b1 -> accepted; bought 30 @ 10.05 from alice; rests 20
        book                         -> 20 bid @ 10.10
        """,
    )


def test_the_better_price_trades_first(exchange):  # rule P-1
    play(
        exchange,
        """
        alice sells 10 @ 10.06
        carol sells 10 @ 10.05
        bob   buys  15 @ 10.06 -> accepted; bought 10 @ 10.05 from carol; bought 5 @ 10.06 from alice
        """,
    )


def test_earlier_order_trades_first_at_the_same_price(exchange):  # rule P-1
    play(
        exchange,
        """
        alice buys  10 @ 10.00
        carol buys  10 @ 10.00
        bob   sells 15 @ 10.00 -> accepted; sold 10 @ 10.00 to alice; sold 5 @ 10.00 to carol
        book                   -> 5 bid @ 10.00
        """,
    )


def test_trade_ids_are_dense_from_the_first_trade_id_one_per_maker(exchange):  # rule P-1
    play(
        exchange,
        """
        alice sells 10 @ 10.00
        carol sells 10 @ 10.00
        bob   buys  20 @ 10.00 -> accepted; bought 10 @ 10.00 from alice; bought 10 @ 10.00 from carol
        """,
    )
    ids = [event.trade_id for event in exchange.told_of(EventKind.TRADE)]
    assert ids == [100_000_001, 100_000_001, 100_000_002, 100_000_002]


def test_first_trade_id_is_a_term_until_the_first_trade(exchange):  # rule P-1
    exchange.terms(first_trade_id=7)
    play(
        exchange,
        """
        alice sells 1 @ 10.00
        bob   buys  1 @ 10.00 -> accepted; bought 1 @ 10.00 from alice
        """,
    )
    assert [event.trade_id for event in exchange.told_of(EventKind.TRADE)] == [7, 7]
    told = exchange.ask(
        CommandKind.SET_INSTRUMENT, term=InstrumentTerm.FIRST_TRADE_ID, amount=1_000
    )
    assert told[0].kind == EventKind.COMMAND_REJECTED


def test_orders_that_do_not_rest_all_give_the_same_answer_to_a_cancel(exchange):  # rule P-2
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        bob   buys  10 @ 10.00 -> accepted; bought 10 @ 10.00 from alice
        alice cancels a1       -> rejected unknown order
        alice cancels nothing  -> rejected unknown order
        alice sells 10 @ 10.00 as a2
        bob   cancels a2       -> rejected unknown order
        alice cancels a2       -> a2 cancelled
        alice cancels a2       -> rejected unknown order
        """,
    )


def test_a_cancel_by_number_finds_only_the_accounts_own_order_on_that_instrument(
    exchange,
):  # rule P-2
    play(exchange, "alice sells 10 @ 10.00 as a1")
    number = exchange.told_of(EventKind.ACCEPTED)[0].order_id
    alice, bob = exchange.trader("alice"), exchange.trader("bob")
    second = exchange.add_market(b"SECOND")

    def cancel(**fields):
        event = exchange.ask(CommandKind.CANCEL, **fields)[-1]
        return EventKind(event.kind).name, event.reason, event.order_id

    assert cancel(account=bob, order_id=number)[:2] == ("CANCEL_REJECTED", 6)
    assert cancel(account=alice, order_id=number, instrument=second)[:2] == ("CANCEL_REJECTED", 6)
    assert cancel(account=alice)[:2] == ("CANCEL_REJECTED", 6)
    assert cancel(account=alice, order_id=-1)[:2] == ("CANCEL_REJECTED", 6)
    assert cancel(account=alice, order_id=number, target_cl_ord_id=b"other")[1] == 7
    both = cancel(account=alice, order_id=number, target_cl_ord_id=b"a1")
    assert both == ("CANCELED", 0, number)


def test_a_cancel_carries_its_own_text_id_in_front(exchange):  # rule P-2
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        alice cancels a1 calling it c1 -> called c1; a1 cancelled
        """,
    )


def test_cancel_restrictions_hold_the_cancel_back(exchange):  # rule P-2
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        alice cancels a1 if partially filled -> rejected cancel restricted
        bob   buys  4 @ 10.00                -> accepted; bought 4 @ 10.00 from alice
        alice cancels a1 if new              -> rejected cancel restricted
        alice cancels a1 if partially filled -> a1 cancelled
        """,
    )


def test_amend_reduces_in_place_and_keeps_the_place(exchange):  # rule P-3
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        carol sells 10 @ 10.00 as c1
        alice amends a1 to 6    -> a1 amended to 6
        book                    -> 16 offered @ 10.00
        bob   buys  8 @ 10.00   -> accepted; bought 6 @ 10.00 from alice; bought 2 @ 10.00 from carol
        """,
    )


def test_amend_refuses_what_it_may_not_do(exchange):  # rule P-3
    exchange.terms(lot_size=2, max_num_order_amends=1)
    play(
        exchange,
        """
        alice sells 20 @ 10.00 as a1
        bob   buys  6 @ 10.00   -> accepted; bought 6 @ 10.00 from alice
        alice amends a1 to 22   -> rejected amend not decrease
        alice amends a1 to 20   -> rejected amend no change
        alice amends a1 to 6    -> rejected amend below filled
        alice amends a1 to 15   -> rejected lot size
        alice amends a1 to 0    -> rejected invalid qty
        alice amends a1 to -2   -> rejected invalid qty
        alice amends x to 8     -> rejected unknown order
        alice amends a1 to 12   -> a1 amended to 12
        alice amends a1 to 10   -> rejected max num order amends
        """,
    )


def test_amend_may_rename_the_order(exchange):  # rule P-3
    play(
        exchange,
        """
        alice sells 20 @ 10.00 as a1
        alice sells 20 @ 10.00 as a2
        alice amends a1 to 15 calling it a2 -> rejected duplicate cl ord id
        alice amends a1 to 15 calling it a1 -> a1 amended to 15
        alice amends a1 to 10 calling it a3 -> called a1; a3 amended to 10
        alice cancels a1                    -> rejected unknown order
        alice sells 1 @ 10.00 as a1         -> rejected duplicate cl ord id
        alice cancels a3                    -> a3 cancelled
        """,
    )


def test_amend_frees_what_is_no_longer_needed(exchange):  # rule P-3
    exchange.trader_with("alice", money="100")
    play(
        exchange,
        """
        alice buys 10 @ 10.00 as a1
        alice has           -> 0 shares, 0 locked, 0.00 money, 100.00 locked
        alice amends a1 to 4 -> a1 amended to 4
        alice has           -> 0 shares, 0 locked, 60.00 money, 40.00 locked
        """,
    )


def test_replace_goes_to_the_back_and_may_trade(exchange):  # rule P-4
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        carol sells 10 @ 10.00 as c1
        alice replaces a1: sells 10 @ 10.00 as a2 -> a1 cancelled; accepted
        bob   buys  12 @ 10.00 -> accepted; bought 10 @ 10.00 from carol; bought 2 @ 10.00 from alice
        dora  buys 5 @ 9.00 as d1
        alice replaces a2: sells 9 @ 9.00 as a3   -> a2 cancelled; accepted; sold 5 @ 9.00 to dora; rests 4
        """,
    )


def test_replace_is_refused_as_a_whole_by_the_first_checks(exchange):  # rule P-4
    exchange.terms(max_num_orders=1)
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        alice replaces a1: sells 10 @ 9000.00 as a2 -> rejected price filter
        alice replaces a1: sells 10 @ 9.00 as a2    -> rejected max num orders
        book                                        -> 10 offered @ 10.00
        """,
    )


def test_replace_has_the_money_that_its_cancel_frees(exchange):  # rule P-4
    exchange.trader_with("alice", money="100")
    play(
        exchange,
        """
        alice buys 10 @ 10.00 as a1
        alice replaces a1: buys 9 @ 11.00 as a2  -> a1 cancelled; accepted
        alice replaces a2: buys 10 @ 11.00 as a3 -> a2 cancelled; rejected insufficient balance
        book                                     -> empty
        """,
    )


def test_replace_without_its_target_enters_nothing_unless_told_to(exchange):  # rule P-4
    play(
        exchange,
        """
        alice replaces a1: sells 5 @ 10.00 as a2           -> rejected unknown order
        book                                               -> empty
        alice replaces a1: sells 5 @ 10.00 as a2 or anyway -> rejected unknown order; accepted
        alice replaces a2 if partially filled: sells 5 @ 10.00 as a3 -> rejected cancel restricted
        alice replaces a2 if new: sells 6 @ 10.00 as a3 calling it c1 -> called c1; a2 cancelled; accepted
        """,
    )


def test_replace_of_a_leg_ends_its_whole_list(exchange):  # rule P-4
    play(
        exchange,
        """
        alice lists l1 as oco: sells 5 @ 11.00 post only as x | sells 5 stop 9.00 as y -> list l1 opened; x accepted; y accepted
        alice replaces y: sells 5 @ 12.00 as z -> x cancelled; y cancelled; list l1 done; accepted
        """,
    )


def test_a_text_id_is_taken_while_its_order_lives(exchange):  # rule P-5
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        alice sells 10 @ 10.00 as a1 -> rejected duplicate cl ord id
        bob   buys  10 @ 9.00 as a1            # another account's may be the same
        alice sells 10 @ 10.00                 # none is never a duplicate
        alice sells 10 @ 10.00
        """,
    )
    assert exchange.add_market(b"SECOND") == 1
    other = exchange.ask(CommandKind.DEPOSIT, account=exchange.trader("alice"), asset=2, amount=100)
    assert other[0].kind == EventKind.DEPOSITED
    told = exchange.ask(
        CommandKind.ENTER,
        account=exchange.trader("alice"),
        instrument=1,
        side=1,
        ord_type=1,
        time_in_force=1,
        price=1_000,
        order_qty=1,
        cl_ord_id=b"a1",
    )
    assert told[0].kind == EventKind.ACCEPTED  # and so may one on another instrument


def test_a_text_id_stays_taken_for_the_window_after_the_order_finished(exchange):  # rule P-5
    play(
        exchange,
        """
        alice sells 10 @ 10.00 ioc as a1 -> accepted; expired 10
        alice sells 10 @ 10.00 as a1     -> rejected duplicate cl ord id
        """,
    )
    finished_at = exchange.now_ns - 1_000
    exchange.now_ns = finished_at + 600 * 10**9 - 2_000
    play(exchange, "alice sells 10 @ 10.00 as a1 -> rejected duplicate cl ord id")
    exchange.now_ns = finished_at + 600 * 10**9 - 1_000
    play(exchange, "alice sells 10 @ 10.00 as a1")


def test_a_rejected_order_does_not_use_up_its_text_id(exchange):  # rule P-5
    play(
        exchange,
        """
        alice sells 10 @ 9000.00 as a1 -> rejected price filter
        alice sells 10 @ 10.00 as a1
        """,
    )


@pytest.mark.parametrize("everywhere", [False, True])
def test_cancel_all_goes_through_every_order_of_the_account(exchange, everywhere):  # rule P-6
    play(
        exchange,
        """
        alice sells 10 @ 10.00 as a1
        alice buys  10 @ 9.00 as a2
        alice lists l1 as oco: sells 5 @ 11.00 post only as x | sells 5 stop 8.50 as y -> list l1 opened; x accepted; y accepted
        alice sells 3 stop 8.00 as a3
        bob   buys  10 @ 8.50 as b1
        """,
    )
    if everywhere:
        told = exchange.ask(
            CommandKind.CANCEL_ALL, account=exchange.trader("alice"), instrument=0xFFFF
        )
        texts = [event.cl_ord_id for event in told]
        assert texts == [b"a1", b"a2", b"x", b"y", b"l1", b"a3"]
    else:
        play(
            exchange,
            "alice cancels everything -> a1 cancelled; a2 cancelled; x cancelled; y cancelled; "
            "list l1 done; a3 cancelled",
        )
    play(
        exchange,
        """
        alice cancels everything -> rejected unknown order
        book                     -> 10 bid @ 8.50
        """,
    )


def test_time_is_the_commands_own(exchange):  # rule P-1
    exchange.now_ns = START_NS + 5
    play(exchange, "alice sells 10 @ 10.00")
    accepted = exchange.told_of(EventKind.ACCEPTED)[0]
    assert accepted.at_ns == accepted.created_ns == accepted.working_ns == exchange.now_ns
