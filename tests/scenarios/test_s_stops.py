"""Rules S: stops, take-profits, trailing, the order of the cascade."""

import pytest

from protocol.terms import EventFlag, EventKind, OrdStatus
from tests.floor import play

LAST_PRICE_10 = """
    maker sells 1 @ 10.00
    taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
"""


@pytest.mark.parametrize(
    ("order", "price"),
    [
        ("buys 5 stop 10.50", "10.50"),
        ("sells 5 take 10.50", "10.50"),
        ("sells 5 stop 9.50", "9.50"),
        ("buys 5 take 9.50", "9.50"),
        ("buys 5 @ 12.00 stop 10.50", "10.50"),
        ("sells 5 @ 9.00 take 10.50", "10.50"),
        ("sells 5 @ 9.00 stop 9.50", "9.50"),
        ("buys 5 @ 12.00 take 9.50", "9.50"),
    ],
)
def test_a_stop_fires_at_its_price(exchange, order, price):  # rule S-1
    play(exchange, LAST_PRICE_10)
    play(exchange, f"alice {order} as a1")
    near = "10.49" if price == "10.50" else "9.51"
    for px, fires in ((near, False), (price, True)):
        play(exchange, f"maker sells 1 @ {px}")
        told = exchange.hear(f"taker buys 1 @ {px}")
        assert ("a1 triggered" in told) is fires, (px, told)


@pytest.mark.parametrize(
    "order",
    [
        "buys 5 stop 10.00",
        "buys 5 stop 9.50",
        "sells 5 take 10.00",
        "sells 5 stop 10.00",
        "sells 5 @ 9.00 stop 10.50",
        "buys 5 take 10.00",
        "buys 5 stop 10.00 trailing 100",
        "sells 5 stop 10.50 trailing 100",
    ],
)
def test_a_stop_that_would_fire_at_once_is_rejected(exchange, order):  # rule S-1
    play(exchange, LAST_PRICE_10)
    play(exchange, f"alice {order} -> rejected would trigger")


def test_before_the_first_trade_nothing_fires(exchange):  # rule S-1
    play(
        exchange,
        """
        alice buys  1 stop 9.00 as a1
        alice sells 1 stop 11.00 as a2
        alice cancels a1 -> a1 cancelled
        """,
    )


def test_an_unfired_stop_is_new_but_does_not_work(exchange):  # rule S-1
    play(exchange, LAST_PRICE_10)
    play(exchange, "alice sells 5 @ 9.00 stop 9.50 as a1")
    accepted = exchange.told_of(EventKind.ACCEPTED)[0]
    assert accepted.ord_status == OrdStatus.NEW
    assert not accepted.flags & EventFlag.WORKING
    assert accepted.working_ns == 0
    play(
        exchange,
        """
        book                 -> empty
        maker sells 1 @ 9.50
        taker buys 1 @ 9.50  -> accepted; bought 1 @ 9.50 from maker; a1 triggered
        book                 -> 5 offered @ 9.00
        """,
    )
    triggered = exchange.told_of(EventKind.TRIGGERED)[0]
    assert triggered.flags & EventFlag.WORKING
    assert triggered.working_ns == exchange.now_ns > triggered.created_ns


def test_triggered_orders_act_after_the_taker_is_done(exchange):  # rule S-2
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice buys 4 stop 10.10 as a1
        maker sells 2 @ 10.10
        maker sells 5 @ 10.20
        taker buys 6 @ 10.20 -> accepted; bought 2 @ 10.10 from maker; bought 4 @ 10.20 from maker; a1 triggered; a1 bought 1 @ 10.20 from maker; a1 expired 3 for lack of orders
        """,
    )


def test_the_price_reached_first_acts_first_then_the_earlier_entry(exchange):  # rule S-2
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice buys 1 stop 10.30 as far
        bob   buys 1 stop 10.10 as near
        carol buys 1 stop 10.10 as later
        maker sells 9 @ 10.30
        taker buys 1 @ 10.30 -> accepted; bought 1 @ 10.30 from maker; near triggered; near bought 1 @ 10.30 from maker; later triggered; later bought 1 @ 10.30 from maker; far triggered; far bought 1 @ 10.30 from maker
        """,
    )


def test_trades_elect_in_the_order_they_were_made(exchange):  # rule S-2
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice buys 1 stop 10.20 as first
        bob   buys 1 stop 10.10 as second
        maker sells 1 @ 10.10
        maker sells 1 @ 10.20
        maker sells 9 @ 10.40
        taker buys 2 @ 10.20 -> accepted; bought 1 @ 10.10 from maker; bought 1 @ 10.20 from maker; second triggered; second bought 1 @ 10.40 from maker; first triggered; first bought 1 @ 10.40 from maker
        """,
    )


def test_the_first_trade_of_all_elects_the_stop_nearest_to_itself(exchange):  # rule S-2
    play(
        exchange,
        """
        alice buys  1 @ 20.00 stop 9.00 as under
        bob   sells 1 @ 30.00 stop 10.30 as over
        carol buys  1 @ 19.00 stop 9.70 as as_near
        maker sells 1 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker; over triggered; as_near triggered; under triggered
        """,
    )


def test_a_cascade_runs_to_its_end_newly_elected_stops_queue_behind(exchange):  # rule S-2
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice sells 1 stop 9.90 as a1
        bob   sells 1 stop 9.90 as b1
        carol sells 1 stop 9.80 as c1
        maker buys 1 @ 9.90
        maker buys 1 @ 9.80
        maker buys 1 @ 9.70
        maker buys 1 @ 9.60
        taker sells 1 @ 9.90 -> accepted; sold 1 @ 9.90 to maker; a1 triggered; a1 sold 1 @ 9.80 to maker; b1 triggered; b1 sold 1 @ 9.70 to maker; c1 triggered; c1 sold 1 @ 9.60 to maker
        """,
    )


def trade_at(exchange, *prices):
    """Trade one share at each price; return what was said besides."""
    said = []
    for price in prices:
        exchange.hear(f"maker sells 1 @ {price}")
        said += exchange.hear(f"taker buys 1 @ {price} ioc")[2:]
    return said


def test_a_trailing_sell_follows_the_highest_price_down_from_entry(exchange):  # rule S-3
    play(exchange, LAST_PRICE_10)
    play(exchange, "alice sells 5 @ 1.00 trailing 1000 as a1")
    assert trade_at(exchange, "9.01", "12.00", "10.81") == []
    assert trade_at(exchange, "10.80") == ["a1 triggered"]


def test_a_trailing_buy_follows_the_lowest_price_up(exchange):  # rule S-3
    play(exchange, LAST_PRICE_10)
    play(exchange, "alice buys 5 @ 0.01 trailing 1000 as a1")
    assert trade_at(exchange, "8.00", "8.79") == []
    assert trade_at(exchange, "8.80") == ["a1 triggered"]


def test_trailing_starts_with_the_first_trade_when_there_was_none(exchange):  # rule S-3
    play(exchange, "alice sells 5 @ 1.00 trailing 1000 as a1")
    assert trade_at(exchange, "10.00", "9.01") == []
    assert trade_at(exchange, "9.00") == ["a1 triggered"]


@pytest.mark.parametrize(
    ("order", "away", "start", "fires"),
    [
        ("buys 5 @ 0.01 stop 11.00 trailing 500", "9.00", "11.00", "11.55"),
        ("sells 5 @ 99.00 stop 9.00 trailing 500", "11.00", "9.00", "8.55"),
        ("sells 5 @ 99.00 take 11.00 trailing 500", "9.00", "11.00", "10.45"),
        ("buys 5 @ 0.01 take 9.00 trailing 500", "11.00", "9.00", "9.45"),
    ],
)
def test_trailing_with_a_stop_price_starts_there(exchange, order, away, start, fires):  # rule S-3
    play(exchange, LAST_PRICE_10)
    play(exchange, f"alice {order} as a1")
    assert trade_at(exchange, away, "10.00", start) == []
    assert trade_at(exchange, fires) == ["a1 triggered"]


def test_a_trailing_stop_without_stop_price_can_take_profit_too(exchange):  # rule S-3
    play(exchange, LAST_PRICE_10)
    play(exchange, "alice sells 5 @ 1.00 trailing profit 1000 as a1")
    assert trade_at(exchange, "9.00") == ["a1 triggered"]


def test_trailing_and_fixed_stops_are_ordered_by_the_first_whole_price_that_fires(
    exchange,
):  # rule S-3
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice sells 1 @ 99.00 stop 9.49 as a1
        bob   sells 1 @ 99.00 trailing 501 as b1      # fires at 9.499, so at 9.49
        carol sells 1 @ 99.00 stop 9.50 as c1
        maker buys 1 @ 9.00
        taker sells 1 @ 9.00 -> accepted; sold 1 @ 9.00 to maker; c1 triggered; a1 triggered; b1 triggered
        """,
    )


def test_a_triggered_limit_joins_the_book_behind_the_others(exchange):  # rule S-4
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice sells 5 @ 9.40 stop 9.50 as a1
        bob   sells 5 @ 9.60 as b1
        maker buys 1 @ 9.50
        taker sells 1 @ 9.50 -> accepted; sold 1 @ 9.50 to maker; a1 triggered
        book                 -> 5 offered @ 9.40; 5 offered @ 9.60
        """,
    )


@pytest.mark.parametrize(
    ("time", "end"), [("ioc", "a1 expired 4"), ("fok", "a1 expired 5 unfilled")]
)
def test_a_triggered_limit_keeps_its_time_in_force(exchange, time, end):  # rule S-4
    play(exchange, LAST_PRICE_10)
    play(exchange, f"alice sells 5 @ 9.40 stop 9.50 {time} as a1")
    play(exchange, "maker buys 2 @ 9.50")
    told = exchange.hear("taker sells 1 @ 9.50")
    traded = ["a1 sold 1 @ 9.50 to maker"] if time == "ioc" else []
    assert told == ["accepted", "sold 1 @ 9.50 to maker", "a1 triggered", *traded, end]


def test_a_triggered_buy_without_the_money_expires_rejected(exchange):  # rule S-4
    exchange.trader_with("alice", money="106")
    play(exchange, LAST_PRICE_10)
    play(exchange, "alice buys 10 stop 10.50 as a1")
    play(
        exchange,
        """
        alice has            -> 0 shares, 0 locked, 1.00 money, 105.00 locked
        maker sells 1 @ 10.50
        maker sells 9 @ 10.60
        maker sells 9 @ 10.70
        taker buys 1 @ 10.50 -> accepted; bought 1 @ 10.50 from maker; a1 expired 10 as it can't be placed
        alice has            -> 0 shares, 0 locked, 106.00 money, 0.00 locked
        """,
    )


def test_a_triggered_buy_pays_from_all_that_is_free(exchange):  # rule S-4
    exchange.trader_with("alice", money="106.10")
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice buys 10 stop 10.50 as a1
        maker sells 1 @ 10.50
        maker sells 9 @ 10.60
        maker sells 9 @ 10.70
        taker buys 1 @ 10.50 -> accepted; bought 1 @ 10.50 from maker; a1 triggered; a1 bought 9 @ 10.60 from maker; a1 bought 1 @ 10.70 from maker
        alice has            -> 10 shares, 0 locked, 0.00 money, 0.00 locked
        """,
    )


def test_a_stop_elected_by_the_closing_auction_cannot_be_placed(exchange):  # rule S-4
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice buys 5 @ 12.00 stop 10.50 as a1
        phase closing auction -> phase closing auction
        maker sells 1 @ 10.50 as m1
        taker buys 1 @ 10.50 as t1
        phase closed          -> uncrossed 1 @ 10.50; t1 bought 1 @ 10.50 from maker; phase closed; a1 expired 5 as it can't be placed
        """,
    )


def test_a_cancelled_stop_is_not_part_of_a_cascade(exchange):  # rule S-2
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice sells 1 stop 9.90 as a1
        bob   sells 1 stop 9.90 as b1
        alice cancels a1     -> a1 cancelled
        maker buys 5 @ 9.90
        taker sells 1 @ 9.90 -> accepted; sold 1 @ 9.90 to maker; b1 triggered; b1 sold 1 @ 9.90 to maker
        """,
    )


def test_what_an_unfired_stop_holds(exchange):  # rule R-1
    exchange.trader_with("alice", money="1000", shares=7)
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice buys 10 stop 10.50 as a1
        alice has             -> 7 shares, 0 locked, 895.00 money, 105.00 locked
        alice buys 10 @ 11.00 stop 10.50 as a2
        alice has             -> 7 shares, 0 locked, 785.00 money, 215.00 locked
        alice buys 10 trailing 100 as a3
        alice has             -> 7 shares, 0 locked, 685.00 money, 315.00 locked
        alice sells 7 stop 9.50 as a4
        alice has             -> 0 shares, 7 locked, 685.00 money, 315.00 locked
        """,
    )


def test_a_trailing_buy_before_any_price_holds_the_reference_price_or_nothing(
    exchange,
):  # rule R-1
    exchange.trader_with("alice", money="1000")
    play(
        exchange,
        """
        alice buys 10 trailing 100 as a1
        alice has -> 0 shares, 0 locked, 1000.00 money, 0.00 locked
        """,
    )
    exchange.terms(reference_price=800)
    play(
        exchange,
        """
        alice buys 10 trailing 100 as a2
        alice has -> 0 shares, 0 locked, 920.00 money, 80.00 locked
        """,
    )


def test_the_first_trade_fires_no_trailing_stop_that_it_starts(exchange):  # rules S-2, S-3
    """With a coarse tick the trail begins on the trade's own level of the ladder, above its price."""
    exchange.terms(tick_size=50)
    play(
        exchange,
        """
        alice buys 1 trailing 100 as trail
        bob   buys 1 stop 9.50 as near
        carol buys 1 stop 9.00 as far
        maker sells 4 @ 10.00
        taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker; near triggered; near bought 1 @ 10.00 from maker; far triggered; far bought 1 @ 10.00 from maker
        alice cancels trail  -> trail cancelled
        """,
    )
