"""Rule A-3: the price of the uncross, under every rule set."""

import pytest

from protocol.terms import AuctionRule
from tests.floor import play

CALL = "phase opening auction -> phase opening auction"


@pytest.mark.parametrize(
    ("orders", "reference", "price"),
    [
        # Largest volume.
        ("a buys 10 @ 1.05 | b sells 5 @ 1.00 | c sells 5 @ 1.03", "0", "1.05"),
        # Smallest surplus.
        ("a buys 10 @ 1.05 | b buys 5 @ 1.02 | c sells 10 @ 1.00", "0", "1.05"),
        # Buy pressure: the highest; sell pressure: the lowest.
        ("a buys 15 @ 1.05 | c sells 10 @ 1.00", "1.01", "1.05"),
        ("a buys 10 @ 1.05 | c sells 15 @ 1.00", "1.04", "1.00"),
        # No surplus: nearest to the reference, which counts as it is inside.
        ("a buys 10 @ 1.05 | c sells 10 @ 1.00", "1.20", "1.05"),
        ("a buys 10 @ 1.05 | c sells 10 @ 1.00", "0.80", "1.00"),
        ("a buys 10 @ 1.05 | c sells 10 @ 1.00", "1.03", "1.03"),
        # No reference, no last price: the highest.
        ("a buys 10 @ 1.05 | c sells 10 @ 1.00", "0", "1.05"),
        # Market orders stretch the prices to the reference.
        ("a buys 10 at market | c sells 12 @ 1.05", "1.00", "1.05"),
        ("a buys 10 at market | c sells 10 @ 1.05", "1.20", "1.20"),
        ("a buys 10 at market | c sells 10 @ 1.05", "0", "1.05"),
        # No limit at all: the reference is the only candidate.
        ("a buys 10 at market | c sells 7 at market", "1.11", "1.11"),
    ],
)
def test_four_step_price(exchange, orders, reference, price):  # rule A-3
    play(exchange, CALL)
    for order in orders.split("|"):
        play(exchange, order)
    told = exchange.hear(
        f"phase continuous reference {reference}" if reference != "0" else "phase continuous"
    )
    assert told[0].split(",")[0].endswith(f"@ {price}"), told


def test_only_market_orders_without_any_price_trade_nothing(exchange):  # rule A-3
    play(
        exchange,
        f"""
        {CALL}
        a buys 10 at market as a
        b sells 7 at market as b
        phase continuous -> uncrossed nothing; a expired 10 after the auction; b expired 7 after the auction; phase continuous
        """,
    )


def test_the_last_price_stands_in_for_the_reference(exchange):  # rule A-3
    play(
        exchange,
        f"""
        m sells 1 @ 1.02
        t buys 1 @ 1.02 -> accepted; bought 1 @ 1.02 from m
        {CALL}
        a buys 10 @ 1.05 as a
        c sells 10 @ 1.00 as c
        phase continuous -> uncrossed 10 @ 1.02; c sold 10 @ 1.02 to a; phase continuous
        """,
    )


@pytest.mark.parametrize(
    ("rule", "price"),
    [
        (AuctionRule.FOUR_STEP, "1.03"),
        (AuctionRule.XETRA, "1.05"),
        (AuctionRule.LIMITS_ONLY, "1.05"),
        (AuctionRule.TMX, "1.05"),
        (AuctionRule.BNB, "1.03"),
        (AuctionRule.VEGA_MID, "1.02"),
    ],
)
def test_the_rule_is_a_term(exchange, rule, price):  # rule A-3
    exchange.terms(auction_rule=rule)
    play(exchange, CALL)
    play(exchange, "a buys 10 @ 1.05")
    play(exchange, "c sells 10 @ 1.00")
    told = exchange.hear("phase continuous reference 1.03")
    assert told[0] == f"uncrossed 10 @ {price}"


@pytest.mark.parametrize(
    ("orders", "price"),
    [
        ("a buys 10 @ 0.99 | b buys 10 @ 0.94 | c sells 50 @ 0.92", "0.94"),
        ("a buys 10 @ 1.01 | b buys 10 @ 0.96 | c sells 50 @ 0.94", "0.95"),
        ("a sells 10 @ 1.01 | b sells 10 @ 1.06 | c buys 50 @ 1.08", "1.06"),
        ("a sells 10 @ 0.99 | b sells 10 @ 1.04 | c buys 50 @ 1.06", "1.05"),
    ],
)
def test_bnb_keeps_the_pressure_inside_five_percent(exchange, orders, price):  # rule A-3
    exchange.terms(auction_rule=AuctionRule.BNB)
    play(exchange, CALL)
    for order in orders.split("|"):
        play(exchange, order)
    told = exchange.hear("phase continuous reference 1.00")
    assert told[0].split(",")[0] == f"uncrossed 20 @ {price}"


def test_prices_keep_to_the_tick(exchange):  # rule A-3
    exchange.terms(tick_size=10, auction_rule=AuctionRule.VEGA_MID)
    play(exchange, CALL)
    play(exchange, "a buys 10 @ 1.50")
    play(exchange, "c sells 10 @ 1.00")
    assert exchange.hear("phase volatility auction") == ["phase volatility auction"]
    assert exchange.hear("clock 9") == ["indicates 10 @ 1.20"]
