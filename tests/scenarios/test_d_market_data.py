"""Rules D: update ids, levels in events, aggregated trades; what every event carries."""

from protocol.terms import CommandKind, EventFlag, EventKind, OrdType
from tests.floor import play


def levels(exchange):
    """Side, price, quantity, count and id of every level that the last turn's events tell."""
    return [
        (event.side, event.price, event.level_qty, event.order_count, event.update_id)
        for event in exchange.last_told
        if event.flags & EventFlag.LEVEL
    ]


def test_every_visible_change_raises_the_update_id_by_one(exchange):  # rule D-1
    play(exchange, "alice sells 10 @ 10.00 as a1")
    assert levels(exchange) == [(1, 1_000, 10, 1, 1)]
    play(exchange, "carol sells 5 @ 10.00 as c1")
    assert levels(exchange) == [(1, 1_000, 15, 2, 2)]
    play(exchange, "alice amends a1 to 8 -> a1 amended to 8")
    assert levels(exchange) == [(1, 1_000, 13, 2, 3)]
    exchange.hear("bob buys 20 @ 10.00")
    assert levels(exchange) == [
        (1, 1_000, 5, 1, 4),
        (1, 1_000, 0, 0, 5),
        (0, 1_000, 7, 1, 6),
    ]
    exchange.hear("bob cancels everything")
    assert levels(exchange) == [(0, 1_000, 0, 0, 7)]


def test_what_is_not_seen_does_not_raise_it(exchange):  # rule D-1
    play(
        exchange,
        """
        alice sells 10 @ 10.00 showing 2 as a1
        alice amends a1 to 8       -> a1 amended to 8
        """,
    )
    assert levels(exchange) == []
    play(exchange, "alice sells 5 stop 9.00 as a2")
    assert levels(exchange) == []
    play(exchange, "alice cancels a2 -> a2 cancelled")
    assert levels(exchange) == []
    exchange.hear("bob buys 2 @ 10.00")
    assert levels(exchange) == [(1, 1_000, 2, 1, 2)]  # a refreshed slice is told all the same


def test_events_without_a_level_have_zeros_there(exchange):  # rule D-1
    play(
        exchange,
        """
        alice sells 10 @ 10.00
        bob   buys 10 @ 10.00 -> accepted; bought 10 @ 10.00 from alice
        """,
    )
    for event in exchange.last_told:
        if not event.flags & EventFlag.LEVEL:
            assert (event.level_qty, event.order_count, event.update_id) == (0, 0, 0)


def test_update_ids_are_each_instruments_own(exchange):  # rule D-1
    play(exchange, "alice sells 10 @ 10.00")
    market = exchange.add_market(b"SECOND")
    account = exchange.trader("alice")
    exchange.ask(CommandKind.DEPOSIT, account=account, asset=3, amount=10_000)
    told = exchange.ask(
        CommandKind.ENTER,
        instrument=market,
        account=account,
        ord_type=OrdType.LIMIT,
        time_in_force=1,
        price=10,
        order_qty=1,
    )
    assert told[0].update_id == 1


def test_consecutive_fills_of_a_taker_at_a_price_are_one_aggregated_trade(exchange):  # rule D-2
    play(
        exchange,
        """
        alice sells 5 @ 10.00
        carol sells 5 @ 10.00
        dora  sells 5 @ 10.01
        """,
    )
    exchange.hear("bob buys 12 @ 10.01")
    trades = exchange.told_of(EventKind.TRADE)
    assert [event.trade_id - 100_000_001 for event in trades] == [0, 0, 1, 1, 2, 2]
    assert [event.agg_trade_id - 100_000_001 for event in trades] == [0, 0, 0, 0, 1, 1]
    exchange.hear("bob buys 1 @ 10.01")
    assert [event.agg_trade_id - 100_000_001 for event in exchange.told_of(EventKind.TRADE)] == [
        2,
        2,
    ]


def test_in_an_uncross_the_taker_of_each_pair_counts(exchange):  # rule D-2
    play(
        exchange,
        """
        phase opening auction -> phase opening auction
        a buys 5 @ 10.00 as a
        b buys 5 @ 10.00 as b
        s sells 8 @ 10.00 as s
        t sells 2 @ 10.00 as t
        """,
    )
    exchange.hear("phase continuous")
    trades = exchange.told_of(EventKind.TRADE)[::2]
    assert [event.agg_trade_id - 100_000_001 for event in trades] == [0, 0, 1]


def test_event_ids_are_dense_and_the_last_event_of_a_command_is_marked(exchange):  # section Events
    exchange.trader("bob")
    play(exchange, "alice sells 5 @ 10.00")
    first = exchange.last_told[-1].event_seq
    exchange.hear("bob buys 8 @ 10.00")
    told = exchange.last_told
    assert [event.event_seq for event in told] == list(range(first + 1, first + 1 + len(told)))
    assert [bool(event.flags & EventFlag.LAST) for event in told] == [False] * (len(told) - 1) + [
        True
    ]
    assert {event.seq for event in told} == {exchange.seq}


def test_events_carry_the_waiter_of_the_command_that_caused_them(exchange):  # section Events
    play(exchange, "alice sells 5 @ 10.00")
    told = exchange.ask(
        CommandKind.ENTER,
        account=exchange.trader("bob"),
        ord_type=OrdType.LIMIT,
        time_in_force=1,
        price=1_000,
        order_qty=5,
        reply_to=4,
        request_id=77,
    )
    assert {(event.reply_to, event.request_id) for event in told} == {(4, 77)}
    assert {event.account for event in told} == {
        exchange.trader("alice"),
        exchange.trader("bob"),
    }


def test_an_order_event_tells_all_about_its_order(exchange):  # section Events
    play(exchange, "alice sells 3 @ 10.00")
    told = exchange.ask(
        CommandKind.ENTER,
        account=exchange.trader("bob"),
        ord_type=OrdType.LIMIT,
        time_in_force=1,
        stp_mode=1,
        price=1_010,
        order_qty=8,
        display_qty=2,
        strategy_id=-5,
        strategy_type=1_000_000,
        cl_ord_id=b"b1",
    )
    accepted, _, trade, rested = told
    assert accepted.cum_qty == 0 and accepted.leaves_qty == 8
    assert (trade.cum_qty, trade.cum_quote, trade.leaves_qty, trade.order_qty) == (3, 3_000, 5, 8)
    assert (rested.level_qty, rested.leaves_qty, rested.display_qty) == (2, 5, 2)
    for event in (accepted, trade, rested):
        assert (event.strategy_id, event.strategy_type, event.cl_ord_id) == (-5, 1_000_000, b"b1")
        assert event.created_ns == event.working_ns == exchange.now_ns
    assert (accepted.quote_locked, trade.quote_locked) == (8 * 1_010, 5 * 1_010)
    assert trade.quote_free == 10**9 - 3_000 - 5 * 1_010
