"""Rules R-1 to R-3: holds, settlement, fees."""

import pytest

from protocol.terms import AccountTerm, CommandKind, EventKind
from tests.floor import MONEY, SHARES, play


def test_a_buy_holds_price_times_quantity(exchange):  # rule R-1
    exchange.trader_with("alice", money="100")
    play(
        exchange,
        """
        alice buys 11 @ 10.00 -> rejected insufficient balance
        alice buys 9 @ 10.00 as a1
        alice has             -> 0 shares, 0 locked, 10.00 money, 90.00 locked
        alice buys 2 @ 10.00  -> rejected insufficient balance
        alice cancels a1      -> a1 cancelled
        alice has             -> 0 shares, 0 locked, 100.00 money, 0.00 locked
        """,
    )


def test_a_sell_holds_the_shares(exchange):  # rule R-1
    exchange.trader_with("alice", shares=10)
    play(
        exchange,
        """
        alice sells 11 @ 10.00  -> rejected insufficient balance
        alice sells 9 @ 10.00 as a1
        alice has               -> 1 shares, 9 locked, 0.00 money, 0.00 locked
        alice sells 2 at market -> rejected insufficient balance
        """,
    )


def test_a_market_buy_is_walked_and_its_whole_cost_checked(exchange):  # rule R-1
    exchange.trader_with("alice", money="100")
    play(
        exchange,
        """
        bob sells 5 @ 10.00
        bob sells 5 @ 10.10
        alice buys 10 at market -> rejected insufficient balance
        alice buys 9 at market  -> accepted; bought 5 @ 10.00 from bob; bought 4 @ 10.10 from bob
        alice has               -> 9 shares, 0 locked, 9.60 money, 0.00 locked
        """,
    )


def test_the_walk_goes_as_the_match_will_past_own_orders(exchange):  # rules R-1, T-1
    exchange.trader_with("alice", money="60", shares=5)
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a1
        bob   sells 5 @ 20.00
        alice buys 4 at market stp expire maker -> rejected insufficient balance
        alice buys 3 at market stp expire maker -> accepted; a1 loses 5, 0 left; bought 3 @ 20.00 from bob
        """,
    )


def test_a_market_buy_shows_its_hold_when_accepted(exchange):  # rule R-1
    exchange.trader_with("alice", money="100")
    play(
        exchange,
        """
        bob sells 5 @ 10.00
        alice buys 9 at market -> accepted; bought 5 @ 10.00 from bob; expired 4 for lack of orders
        """,
    )
    accepted = exchange.told_of(EventKind.ACCEPTED)[0]
    assert (accepted.quote_free, accepted.quote_locked) == (5_000, 5_000)


def test_price_improvement_is_freed_at_once(exchange):  # rule R-2
    exchange.trader_with("alice", money="100")
    play(
        exchange,
        """
        bob sells 5 @ 8.00
        alice buys 10 @ 10.00 -> accepted; bought 5 @ 8.00 from bob; rests 5
        alice has             -> 5 shares, 0 locked, 10.00 money, 50.00 locked
        """,
    )


def test_fees_are_taken_from_what_is_received_rounded_down(exchange):  # rule R-2
    exchange.terms(maker_fee_ppm=1_000, taker_fee_ppm=2_500)
    exchange.trader_with("alice", shares=999)
    exchange.trader_with("bob", money="9990")
    play(
        exchange,
        """
        alice sells 999 @ 10.00
        bob   buys 999 @ 10.00 -> accepted; bought 999 @ 10.00 from alice
        alice has              -> 0 shares, 0 locked, 9980.01 money, 0.00 locked
        bob has                -> 997 shares, 0 locked, 0.00 money, 0.00 locked
        """,
    )
    maker, taker = exchange.told_of(EventKind.TRADE)
    assert (maker.fee, maker.asset) == (999, MONEY)
    assert (taker.fee, taker.asset) == (2, SHARES)
    told = exchange.ask(CommandKind.WITHDRAW, account=0, asset=MONEY, amount=999)
    assert (told[0].kind, told[0].base_free) == (EventKind.WITHDRAWN, 0)
    told = exchange.ask(CommandKind.WITHDRAW, account=0, asset=SHARES, amount=3)
    assert told[0].kind == EventKind.COMMAND_REJECTED


def test_a_fee_tier_pays_its_share_of_the_rate_rounded_down(exchange):  # rule R-2
    exchange.terms(maker_fee_ppm=1_001, taker_fee_ppm=2_001)
    told = exchange.ask(CommandKind.SET_FEE_TIER, term=3, price=5_000, order_qty=0)
    assert told[0].kind == EventKind.FEE_TIER_CHANGED
    exchange.trader_with("alice", shares=100_000)
    exchange.set_account("alice", AccountTerm.FEE_TIER, 3)
    exchange.set_account("bob", AccountTerm.FEE_TIER, 3)
    play(
        exchange,
        """
        alice sells 100000 @ 10.00
        bob   buys 100000 @ 10.00 -> accepted; bought 100000 @ 10.00 from alice
        """,
    )
    maker, taker = exchange.told_of(EventKind.TRADE)
    assert maker.fee == 100_000 * 1_000 * 500 // 1_000_000  # half of 1,001 is 500
    assert taker.fee == 0


def test_both_sides_are_settled_before_the_first_is_told(exchange):  # rule R-2
    play(
        exchange,
        """
        alice sells 5 @ 10.00
        alice buys 5 @ 10.00 -> accepted; bought 5 @ 10.00 from alice
        """,
    )
    maker, taker = exchange.told_of(EventKind.TRADE)
    assert maker.base_free == taker.base_free
    assert maker.quote_free == taker.quote_free


@pytest.mark.parametrize(
    ("amount", "kind"),
    [(0, EventKind.COMMAND_REJECTED), (-5, EventKind.COMMAND_REJECTED), (5, EventKind.DEPOSITED)],
)
def test_a_deposit_is_positive(exchange, amount, kind):  # rule R-3
    told = exchange.ask(
        CommandKind.DEPOSIT, account=exchange.trader("alice"), asset=SHARES, amount=amount
    )
    assert [event.kind for event in told] == [kind]


def test_an_assets_total_never_passes_two_to_the_62nd(exchange):  # rule R-3
    exchange.trader_with("alice", shares=1)
    alice = exchange.trader("alice")

    def deposit(amount):
        told = exchange.ask(CommandKind.DEPOSIT, account=alice, asset=SHARES, amount=amount)
        return told[0].kind

    assert deposit(1 << 62) == EventKind.COMMAND_REJECTED
    assert deposit((1 << 62) - 1) == EventKind.DEPOSITED
    assert deposit(1) == EventKind.COMMAND_REJECTED
    told = exchange.ask(CommandKind.WITHDRAW, account=alice, asset=SHARES, amount=1 << 62)
    assert told[0].kind == EventKind.WITHDRAWN
    assert deposit(1) == EventKind.DEPOSITED


def test_a_withdrawal_takes_only_what_is_free(exchange):  # rule R-3
    exchange.trader_with("alice", shares=10)
    alice = exchange.trader("alice")
    play(exchange, "alice sells 4 @ 10.00")

    def withdraw(amount, text=b""):
        told = exchange.ask(
            CommandKind.WITHDRAW, account=alice, asset=SHARES, amount=amount, cl_ord_id=text
        )[0]
        return EventKind(told.kind).name, told.reason, told.last_qty, told.base_free

    assert withdraw(7) == ("COMMAND_REJECTED", 44, 0, 0)
    assert withdraw(6, b"w1") == ("WITHDRAWN", 0, 6, 0)
    assert withdraw(6, b"w1") == ("COMMAND_REJECTED", 54, 0, 0)  # done already, not too little


def test_a_reference_is_good_for_one_deposit(exchange):  # rule R-3
    alice, bob = exchange.trader("alice"), exchange.trader("bob")

    def move(kind=CommandKind.DEPOSIT, account=alice, asset=SHARES, text=b"r1"):
        told = exchange.ask(kind, account=account, asset=asset, amount=1, cl_ord_id=text)[0]
        return EventKind(told.kind).name

    assert move() == "DEPOSITED"
    assert move() == "COMMAND_REJECTED"
    assert move(kind=CommandKind.WITHDRAW) == "WITHDRAWN"
    assert move(account=bob) == "DEPOSITED"
    assert move(asset=MONEY) == "DEPOSITED"
    assert move(text=b"") == move(text=b"") == "DEPOSITED"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"account": 63, "asset": 99}, 2),
        ({"asset": 99}, 52),
        ({"asset": 99, "amount": -1}, 52),
        ({"amount": -1}, 53),
    ],
)
def test_money_commands_name_the_first_reason(exchange, fields, reason):  # rule R-3
    account = exchange.trader("alice")
    for kind in (CommandKind.DEPOSIT, CommandKind.WITHDRAW):
        told = exchange.ask(kind, **{"account": account, "asset": SHARES, "amount": 1, **fields})
        assert [(event.kind, event.reason) for event in told] == [
            (EventKind.COMMAND_REJECTED, reason)
        ]
        assert told[0].asset == fields.get("asset", SHARES)
