"""Rules O, at the door: legs gathered into a list, and what refuses one."""

import pytest

from protocol.rejects import RejectReason
from protocol.terms import CommandKind, EventKind, ListKind, OrdType
from tests.floor import play

LAST_PRICE_10 = """
    maker sells 1 @ 10.00
    taker buys 1 @ 10.00 -> accepted; bought 1 @ 10.00 from maker
"""


def test_the_first_leg_with_a_reason_tells_it(exchange):  # section Checks
    exchange.terms(max_price=2_000)
    play(
        exchange,
        """
        alice lists l1 as oco: sells 5 @ 21.00 post only as x | buys 5 stop 22.00 as y -> rejected price filter
        alice lists l1 as oto: buys 5 @ 10.00 as w | sells 5 @ 21.00 as p -> rejected price filter
        alice lists l1 as oto: buys 5 @ 10.00 as w | sells 5 @ 11.00 as w -> rejected duplicate cl ord id
        alice lists l1 as oto: buys 5 @ 10.00 as w | sells 5 @ 11.00 as p -> list l1 opened; w accepted; p pending
        alice lists l1 as oto: buys 5 @ 10.00 | sells 5 @ 11.00 -> rejected duplicate cl ord id
        alice sells 5 @ 11.00 as p -> rejected duplicate cl ord id
        """,
    )


def test_a_list_may_be_refused_for_what_would_happen_at_entry(exchange):  # section Checks
    exchange.terms(max_num_order_lists=1)
    play(exchange, LAST_PRICE_10)
    play(
        exchange,
        """
        bob buys 5 @ 10.50 ioc -> accepted; expired 5
        bob buys 5 @ 10.50
        alice lists l1 as oco: sells 5 @ 10.50 post only as x | sells 5 stop 9.00 as y -> rejected would match
        alice lists l1 as oto: buys 5 @ 9.00 as w | sells 5 @ 10.50 post only as p -> list l1 opened; w accepted; p pending
        alice lists l2 as oto: buys 5 @ 9.00 as v | sells 5 @ 10.50 as q -> rejected max num order lists
        """,
    )


def leg(exchange, number, **changes):
    fields = {
        "kind": CommandKind.ENTER,
        "account": exchange.trader("alice"),
        "side": 0,
        "ord_type": OrdType.LIMIT,
        "time_in_force": 1,
        "price": 1_000,
        "order_qty": 1,
        "list_kind": ListKind.OTO,
        "leg": number,
        "legs": 2,
        "list_cl_ord_id": b"l%d" % number,
        "request_id": 9,
        "reply_to": 3,
    }
    return {**fields, **changes}


def test_nothing_happens_before_the_last_leg(exchange):  # section Lists
    assert exchange.send(leg(exchange, 0)) == []
    told = exchange.send(leg(exchange, 1))
    assert [event.kind for event in told] == [
        EventKind.LIST_OPENED,
        EventKind.ACCEPTED,
        EventKind.ACCEPTED,
    ]
    assert told[0].cl_ord_id == b"l0"
    assert {(event.request_id, event.reply_to) for event in told} == {(9, 3)}


@pytest.mark.parametrize(
    "changes",
    [
        {"leg": 0, "legs": 3},
        {"leg": 2},
        {"legs": 3},
        {"list_kind": ListKind.OCO},
        {"list_kind": 7},
        {"account": 0},
        {"instrument": 5},
        {"request_id": 8},
        {"reply_to": 4},
    ],
)
def test_a_leg_that_does_not_continue_the_list_drops_it(exchange, changes):  # section Lists
    assert exchange.send(leg(exchange, 0)) == []
    told = exchange.send(leg(exchange, 1, **changes))
    assert [(event.kind, event.reason) for event in told] == [
        (EventKind.LIST_REJECTED, RejectReason.INVALID_FIELDS)
    ]
    again = exchange.send(leg(exchange, 1))
    assert [event.kind for event in again] == [EventKind.LIST_REJECTED]


def test_any_other_command_drops_an_unfinished_list_silently(exchange):  # section Lists
    assert exchange.send(leg(exchange, 0)) == []
    assert exchange.ask(CommandKind.TICK) == []
    assert exchange.send(leg(exchange, 1))[0].kind == EventKind.LIST_REJECTED
    assert exchange.send(leg(exchange, 0)) == []
    assert exchange.send(leg(exchange, 0)) == []
    assert exchange.send(leg(exchange, 1))[0].kind == EventKind.LIST_OPENED
