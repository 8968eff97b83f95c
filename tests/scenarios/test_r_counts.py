"""Rule R-4: counts, positions, account states, full tables."""

import dataclasses

import pytest

from protocol.terms import AccountState, AccountTerm, CommandKind, EventKind
from tests.engines import ENGINES, SMALL
from tests.floor import Floor, play

LAST_PRICE_10 = """
    maker sells 1 @ 10.00
    taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
"""


def test_open_orders_are_counted(exchange):  # rule R-4
    exchange.terms(max_num_orders=3, max_num_algo_orders=1, max_num_iceberg_orders=1)
    play(
        exchange,
        """
        alice sells 5 @ 10.00 stop 9.00 as a1
        alice sells 5 @ 10.00 stop 9.00        -> rejected max num algo orders
        alice sells 5 @ 12.00 showing 2 as a2
        alice sells 5 @ 12.00 showing 2        -> rejected max num iceberg orders
        alice sells 5 @ 12.00 as a3
        alice sells 5 @ 12.00                  -> rejected max num orders
        alice sells 5 at market                -> rejected max num orders
        bob   sells 5 @ 12.00
        alice cancels a3                       -> a3 cancelled
        alice lists l1 as oto: buys 1 @ 5.00 as w | sells 1 @ 12.00 as p -> rejected max num orders
        """,
    )


def test_a_stop_that_works_no_longer_counts_as_an_algo_order(exchange):  # rule R-4
    exchange.terms(max_num_algo_orders=1)
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        alice buys 5 @ 9.00 stop 10.50 as a1
        maker sells 1 @ 10.50
        taker buys 1 @ 10.50 -> accepted; bought 1 @ 10.50 from maker; a1 triggered
        alice buys 5 @ 9.00 stop 10.60 as a2
        alice buys 5 @ 9.00 stop 10.60 as a3 -> rejected max num algo orders
        """,
    )


def test_a_position_counts_what_is_had_and_what_is_bought(exchange):  # rule R-4
    exchange.trader_with("alice", shares=10, money="10000")
    exchange.terms(max_position=20)
    play(
        exchange,
        """
        alice sells 4 @ 11.00
        alice buys 6 @ 10.00
        alice buys 5 @ 10.00      -> rejected max position
        alice buys 4 @ 10.00 as a2
        alice cancels a2          -> a2 cancelled
        bob sells 5 @ 10.00 post only -> rejected would match
        bob sells 6 @ 10.50
        alice buys for 52.50 at market -> rejected max position
        alice buys for 42.00 at market -> accepted; bought 4 @ 10.50 from bob
        """,
    )


def test_a_limit_set_later_counts_what_is_there_already(exchange):  # rule R-4
    exchange.trader_with("alice", money="1000")
    play(exchange, "alice buys 5 @ 9.00 stop 10.50")
    play(exchange, "alice buys 5 @ 5.00 showing 2")
    exchange.terms(max_num_orders=3, max_num_algo_orders=1, max_num_iceberg_orders=1)
    play(
        exchange,
        """
        alice buys 1 @ 9.00 stop 10.50 -> rejected max num algo orders
        alice buys 5 @ 5.00 showing 2  -> rejected max num iceberg orders
        alice buys 1 @ 5.00
        alice buys 1 @ 5.00            -> rejected max num orders
        """,
    )
    exchange.terms(max_num_orders=0, max_position=12)
    play(
        exchange,
        """
        alice buys 2 @ 5.00 -> rejected max position
        alice buys 1 @ 5.00
        """,
    )


@pytest.mark.parametrize("state", [AccountState.CANCEL_ONLY, AccountState.FROZEN])
def test_account_states_hold_back_orders_and_cancels(exchange, state):  # rule R-4
    play(
        exchange,
        """
        alice sells 5 @ 10.00 as a1
        alice lists l1 as oto: buys 1 @ 5.00 as w | sells 1 @ 12.00 as p -> list l1 opened; w accepted; p pending
        """,
    )
    exchange.set_account("alice", AccountTerm.STATE, state)
    word = "account frozen" if state == AccountState.FROZEN else "account cancel only"
    play(
        exchange,
        f"""
        alice sells 5 @ 10.00                        -> rejected {word}
        alice replaces a1: sells 5 @ 10.00           -> rejected {word}
        alice amends a1 to 4                         -> rejected {word}
        alice lists l2 as oto: buys 1 @ 5.00 | sells 1 @ 12.00 -> rejected {word}
        """,
    )
    frozen = f"rejected {word}"
    if state == AccountState.FROZEN:
        play(
            exchange,
            f"""
            alice cancels a1         -> {frozen}
            alice cancels list l1    -> {frozen}
            alice cancels everything -> {frozen}
            """,
        )
    else:
        play(
            exchange,
            """
            alice cancels a1         -> a1 cancelled
            alice cancels list l1    -> w cancelled; p cancelled; list l1 done
            """,
        )
    play(exchange, "bob buys 5 @ 9.00")


def test_money_still_moves_for_a_frozen_account(exchange):  # rule R-4
    exchange.set_account("alice", AccountTerm.STATE, AccountState.FROZEN)
    alice = exchange.trader("alice")
    for kind in (CommandKind.DEPOSIT, CommandKind.WITHDRAW):
        told = exchange.ask(kind, account=alice, asset=0, amount=1)
        assert told[0].kind != EventKind.COMMAND_REJECTED


@pytest.mark.parametrize("engine", ENGINES)
def test_full_tables_refuse_cleanly(engine):  # section Checks
    tight = dataclasses.replace(
        SMALL, orders=6, account_orders=3, lists=2, iceberg_slices=5, dedupe_capacity=1
    )
    floor = Floor(ENGINES[engine](tight))
    play(
        floor,
        """
        alice buys 1 @ 5.00 as a1
        alice lists l1 as oto: buys 1 @ 5.00 as w | sells 1 @ 12.00 as p -> list l1 opened; w accepted; p pending
        alice buys 1 @ 5.00      -> rejected account order capacity
        bob   lists l2 as oto: buys 1 @ 5.00 | sells 1 @ 12.00 -> rejected order capacity
        bob   buys 6 @ 5.00 showing 1 -> rejected iceberg parts
        bob   buys 5 @ 5.00 showing 1 as b1
        carol buys 2 @ 5.00 showing 1 -> rejected iceberg parts
        carol buys 1 @ 5.00 as c1
        dora  buys 1 at market   -> rejected order capacity
        carol cancels c1         -> c1 cancelled
        bob   cancels b1         -> b1 cancelled
        carol buys 1 @ 5.00 as c1     # forgotten: only the last one is remembered
        bob   buys 1 @ 5.00 as b1 -> rejected duplicate cl ord id
        """,
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_list_needs_room_among_the_orders_of_its_account(engine):  # section Checks
    floor = Floor(ENGINES[engine](dataclasses.replace(SMALL, account_orders=3)))
    play(
        floor,
        """
        alice buys 1 @ 5.00
        alice buys 1 @ 5.00 as a2
        alice lists l1 as oto: buys 1 @ 5.00 as w | sells 1 @ 12.00 as p -> rejected account order capacity
        alice cancels a2 -> a2 cancelled
        alice lists l1 as oto: buys 1 @ 5.00 as w | sells 1 @ 12.00 as p -> list l1 opened; w accepted; p pending
        """,
    )
