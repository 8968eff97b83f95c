"""What an account is told about its orders and balances (API section 12), from real event sequences."""

from typing import Any

import pytest

from protocol.terms import CommandKind
from protocol.user_reports import ListenKeyExpired
from tests.desk import STEP_NS
from tests.floor import ENOUGH
from tests.user_floor import ALICE_GROUP, MS, NOW_NS, UserFloor


@pytest.fixture
def floor() -> UserFloor:
    return UserFloor()


def _words(told: list[dict[str, Any]]) -> list[str]:
    """Say the reports in short: execution and status, list status, or the kind."""
    words = []
    for one in told:
        if one["e"] == "executionReport":
            words.append(f"{one['x']}/{one['X']}")
        elif one["e"] == "listStatus":
            words.append(f"list {one['l']}/{one['L']}")
        else:
            words.append(one["e"])
    return words


POSITION = "outboundAccountPosition"


def test_a_resting_limit_order_is_reported_with_every_letter(floor):
    told = floor.hear("alice", "alice buys 30 @ 10.05 as a1")
    at_ms = floor.floor.now_ns // MS
    assert told == [
        {
            "e": "executionReport",
            "E": NOW_NS // MS,
            "s": "XYZUSD",
            "c": "a1",
            "S": "BUY",
            "o": "LIMIT",
            "f": "GTC",
            "q": "30.00000000",
            "p": "10.05000000",
            "P": "0.00000000",
            "F": "0.00000000",
            "g": -1,
            "C": "",
            "x": "NEW",
            "X": "NEW",
            "r": "NONE",
            "i": told[0]["i"],
            "l": "0.00000000",
            "z": "0.00000000",
            "L": "0.00000000",
            "n": "0",
            "N": None,
            "T": at_ms,
            "t": -1,
            "I": told[0]["I"],
            "w": True,
            "m": False,
            "M": False,
            "O": at_ms,
            "Z": "0.00000000",
            "Y": "0.00000000",
            "Q": "0.00000000",
            "V": "NONE",
            "W": at_ms,
        },
        {
            "e": "outboundAccountPosition",
            "E": NOW_NS // MS,
            "u": at_ms,
            "B": [
                {"a": "XYZ", "f": f"{ENOUGH}.00000000", "l": "0.00000000"},
                {"a": "USD", "f": "9999698.50000000", "l": "301.50000000"},
            ],
        },
    ]
    letters = "e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q V W"
    assert " ".join(told[0]) == letters


def test_times_come_in_the_unit_that_was_asked_for(floor):
    floor.floor.hear("alice buys 30 @ 10.05 as a1")
    messages = list(floor.feed.take(floor.engine.taken(), {floor.of("alice")}))
    report = messages[0].report.told(NOW_NS, 1_000)
    assert (report["E"], report["T"]) == (NOW_NS // 1_000, floor.floor.now_ns // 1_000)


def test_both_sides_of_a_trade_are_reported_with_their_fees(floor):
    floor.floor.terms(maker_fee_ppm=1_000, taker_fee_ppm=2_000)
    floor.say("alice sells 30 @ 10.00 as a1")
    floor.floor.hear("bob buys 20 @ 10.05 as b1")
    rows = floor.engine.taken()
    (maker, position) = [
        message.report.told(NOW_NS, MS) for message in floor.feed.take(rows, {floor.of("alice")})
    ]
    assert (maker["x"], maker["X"], maker["m"], maker["M"]) == (
        "TRADE",
        "PARTIALLY_FILLED",
        True,
        True,
    )
    assert (maker["l"], maker["L"], maker["Y"]) == ("20.00000000", "10.00000000", "200.00000000")
    assert (maker["z"], maker["Z"]) == ("20.00000000", "200.00000000")
    assert (maker["n"], maker["N"]) == ("0.20000000", "USD")
    assert maker["w"] is True
    assert position["e"] == POSITION
    told = [message.report.told(NOW_NS, MS) for message in floor.feed.take(rows, {floor.of("bob")})]
    assert _words(told) == ["NEW/NEW", "TRADE/FILLED", POSITION]
    taker = told[1]
    assert taker["t"] == maker["t"] > 0
    assert (taker["m"], taker["w"]) == (False, False)
    assert (taker["n"], taker["N"]) == ("0.00000000", "XYZ")
    assert taker["I"] > told[0]["I"]


def test_a_market_order_that_runs_dry_is_new_then_trades_then_expires(floor):
    floor.say("alice sells 10 @ 10.00", "alice sells 10 @ 10.01")
    told = floor.hear("bob", "bob buys 30 at market as b1")
    assert _words(told) == [
        "NEW/NEW",
        "TRADE/PARTIALLY_FILLED",
        "TRADE/PARTIALLY_FILLED",
        "EXPIRED/EXPIRED",
        POSITION,
    ]
    expired = told[3]
    assert expired["eR"] == "INSUFFICIENT_LIQUIDITY"
    assert (expired["l"], expired["z"], expired["o"], expired["f"]) == (
        "0.00000000",
        "20.00000000",
        "MARKET",
        "GTC",
    )
    assert expired["p"] == "0.00000000"
    assert expired["w"] is False


def test_a_market_order_by_money_tells_the_money(floor):
    floor.say("alice sells 10 @ 10.00")
    told = floor.hear("bob", "bob buys for 50.00 at market")
    assert told[0]["Q"] == "50.00000000"


def test_a_cancel_tells_its_own_id_and_the_orders_id(floor):
    floor.say("alice buys 30 @ 10.05 as a1")
    told = floor.hear("alice", "alice cancels a1 calling it c1")
    assert _words(told) == ["CANCELED/CANCELED", POSITION]
    assert (told[0]["c"], told[0]["C"]) == ("c1", "a1")
    assert told[1]["B"][1] == {"a": "USD", "f": "10000000.00000000", "l": "0.00000000"}


def test_a_cancel_without_an_id_tells_the_orders_id(floor):
    floor.say("alice buys 30 @ 10.05 as a1")
    told = floor.hear("alice", "alice cancels a1")
    assert (told[0]["c"], told[0]["C"]) == ("a1", "a1")


def test_one_cancel_of_everything_tells_its_id_for_each_order(floor):
    floor.say("alice buys 30 @ 10.05 as a1", "alice buys 30 @ 10.04 as a2")
    account = floor.of("alice")
    floor.floor.ask(CommandKind.CANCEL_ALL, account=account, instrument=0, cl_ord_id=b"c1")
    messages = floor.feed.take(floor.engine.taken(), {account})
    told = [message.report.told(NOW_NS, MS) for message in messages]
    assert _words(told) == ["CANCELED/CANCELED", "CANCELED/CANCELED", POSITION]
    assert [(one["c"], one["C"]) for one in told[:2]] == [("c1", "a1"), ("c1", "a2")]


def test_an_amend_tells_the_new_id_and_the_old_one(floor):
    floor.say("alice buys 30 @ 10.05 as a1")
    told = floor.hear("alice", "alice amends a1 to 20 calling it a2")
    assert _words(told) == ["REPLACED/NEW", POSITION]
    assert (told[0]["c"], told[0]["C"], told[0]["q"]) == ("a2", "a1", "20.00000000")


def test_a_replace_tells_the_cancel_and_the_new_order(floor):
    floor.say("alice buys 30 @ 10.05 as a1")
    told = floor.hear("alice", "alice replaces a1: buys 20 @ 10.00 as a2 calling it c1")
    assert _words(told) == ["CANCELED/CANCELED", "NEW/NEW", POSITION]
    assert [(one["c"], one["C"]) for one in told[:2]] == [("c1", "a1"), ("a2", "")]


def test_the_refused_half_of_a_replace_is_told(floor):
    floor.say("bob sells 10 @ 10.00", "alice buys 30 @ 9.00 as a1")
    told = floor.hear("alice", "alice replaces a1: buys 20 @ 10.00 post only as a2")
    assert _words(told) == ["CANCELED/CANCELED", "REJECTED/REJECTED", POSITION]
    assert told[1]["r"] == "WOULD_MATCH_IMMEDIATELY"


def test_a_refused_order_is_not_told(floor):
    assert floor.hear("alice", "alice buys 30000000 @ 10.00 as a1") == []


def test_a_refused_cancel_or_amend_is_not_told(floor):
    floor.say("alice buys 30 @ 10.05 as a1")
    assert floor.hear("alice", "alice cancels a2") == []
    assert floor.hear("alice", "alice amends a1 to 31") == []


def test_a_stop_that_fires_is_new_again_and_works(floor):
    floor.say("bob buys 5 @ 10.00", "bob sells 5 @ 10.00", "bob buys 50 @ 9.00")
    told = floor.hear("alice", "alice sells 5 stop 9.50 as a1")
    assert _words(told) == ["NEW/NEW", POSITION]
    assert told[0]["w"] is False
    assert "W" not in told[0]
    assert (told[0]["o"], told[0]["P"]) == ("STOP_LOSS", "9.50000000")
    told = floor.hear("alice", "bob sells 1 @ 9.00")
    assert _words(told)[:2] == ["NEW/NEW", "TRADE/FILLED"]
    assert told[0]["w"] is True
    assert told[0]["W"] == told[0]["T"]


def test_a_trailing_stop_tells_its_delta_and_since_when_it_trails(floor):
    floor.say("bob buys 5 @ 10.00", "bob sells 5 @ 10.00")
    told = floor.hear("alice", "alice sells 5 trailing 500 as a1")
    assert told[0]["d"] == 500
    assert told[0]["D"] == told[0]["O"]


def test_a_trailing_stop_with_a_stop_price_trails_only_from_there_on(floor):
    told = floor.hear("alice", "alice sells 30 stop 9.50 trailing 500 as a1")[0]
    assert (told["P"], told["d"]) == ("9.50000000", 500)
    assert "D" not in told


def test_a_strategy_is_told_as_it_was_given(floor):
    order = {"account": floor.of("alice"), "ord_type": 1, "time_in_force": 1, "price": 5}
    for given in ({"strategy_id": -7}, {"strategy_type": 1_000_001}, {}):
        floor.floor.ask(CommandKind.ENTER, **order, order_qty=1, **given)
        (message, _) = floor.feed.take(floor.engine.taken(), {floor.of("alice")})
        told = message.report.told(NOW_NS, MS)
        assert told.get("j") == given.get("strategy_id")
        assert told.get("J") == given.get("strategy_type")


def test_a_key_that_ran_out_is_said(floor):
    assert ListenKeyExpired("abc").told(NOW_NS, MS) == {
        "e": "listenKeyExpired",
        "E": NOW_NS // MS,
        "listenKey": "abc",
    }


def test_an_iceberg_tells_its_display_quantity(floor):
    assert floor.hear("alice", "alice buys 30 @ 10.00 showing 10")[0]["F"] == "10.00000000"


def test_a_prevented_match_is_told_with_its_letters(floor):
    floor.say("alice sells 30 @ 10.00 as a1")
    told = floor.hear("alice", "alice buys 20 @ 10.00 stp expire maker as a2")
    assert _words(told) == ["NEW/NEW", "TRADE_PREVENTION/EXPIRED_IN_MATCH", POSITION]
    prevented = told[1]
    assert prevented["c"] == "a1"
    assert (
        prevented.items()
        >= {
            "v": 0,
            "A": "30.00000000",
            "B": "30.00000000",
            "u": ALICE_GROUP,
            "U": told[0]["i"],
            "Cs": "XYZUSD",
            "pl": "30.00000000",
            "pL": "10.00000000",
            "pY": "300.00000000",
            "l": "0.00000000",
            "L": "0.00000000",
            "Y": "0.00000000",
        }.items()
    )


def test_an_oco_list_tells_its_status_with_its_orders(floor):
    floor.say("bob buys 5 @ 10.00", "bob sells 5 @ 10.00")
    legs = "sells 30 @ 11.00 post only as x | sells 30 stop 9.50 as y"
    told = floor.hear("alice", f"alice lists l1 as oco: {legs}")
    assert _words(told) == ["list EXEC_STARTED/EXECUTING", "NEW/NEW", "NEW/NEW", POSITION]
    opened = told[0]
    members = [
        {"s": "XYZUSD", "i": one["i"], "c": text}
        for one, text in zip(told[1:3], ("x", "y"), strict=True)
    ]
    assert opened == {
        "e": "listStatus",
        "E": NOW_NS // MS,
        "s": "XYZUSD",
        "g": opened["g"],
        "c": "OCO",
        "l": "EXEC_STARTED",
        "L": "EXECUTING",
        "r": "NONE",
        "C": "l1",
        "T": floor.floor.now_ns // MS,
        "O": members,
    }
    assert {one["g"] for one in told[:3]} == {opened["g"]}
    told = floor.hear("alice", "alice cancels x calling it c1")
    assert _words(told) == [
        "CANCELED/CANCELED",
        "CANCELED/CANCELED",
        "list ALL_DONE/ALL_DONE",
        POSITION,
    ]
    assert told[2]["O"] == members


def test_a_list_that_ends_later_still_tells_all_of_its_orders(floor):
    working, pending = "buys 30 @ 10.00 as w", "sells 30 @ 12.00 as p"
    told = floor.hear("alice", f"alice lists l1 as oto: {working} | {pending}")
    assert _words(told)[:3] == ["list EXEC_STARTED/EXECUTING", "NEW/NEW", "NEW/PENDING_NEW"]
    assert told[0]["c"] == "OTO"
    floor.say("bob sells 30 @ 10.00")
    told = floor.hear("alice", "bob buys 30 @ 12.00")
    done = next(one for one in told if one["e"] == "listStatus")
    assert (done["l"], [one["c"] for one in done["O"]]) == ("ALL_DONE", ["w", "p"])


def test_the_oldest_list_is_forgotten_when_there_are_too_many(floor, monkeypatch):
    monkeypatch.setattr("protocol.user_feed.LISTS_LIMIT", 2)
    for name in ("l1", "l2", "l3"):
        floor.say(f"alice lists {name} as oto: buys 1 @ 5.00 as w{name} | sells 1 @ 12.00")
    kept = floor.hear("alice", "alice cancels wl3")[2]
    assert [one["c"] for one in kept["O"]] == ["wl3", ""]
    # What ends a forgotten list is all that is known of it.
    forgotten = floor.hear("alice", "alice cancels wl1")[2]
    assert (forgotten["L"], [one["c"] for one in forgotten["O"]]) == ("ALL_DONE", ["wl1", ""])
    assert len(floor.feed._members) <= 2


def test_deposits_and_withdrawals_tell_the_change_and_the_balance(floor):
    account = floor.of("alice")
    floor.floor.ask(CommandKind.DEPOSIT, account=account, asset=1, amount=250)
    floor.floor.ask(CommandKind.WITHDRAW, account=account, asset=0, amount=3)
    messages = floor.feed.take(floor.engine.taken(), {account})
    told = [message.report.told(NOW_NS, MS) for message in messages]
    assert _words(told) == ["balanceUpdate", POSITION, "balanceUpdate", POSITION]
    at_ms = floor.floor.now_ns // MS
    assert told[0] == {
        "e": "balanceUpdate",
        "E": NOW_NS // MS,
        "a": "USD",
        "d": "2.50000000",
        "T": (floor.floor.now_ns - STEP_NS) // MS,
    }
    assert told[1]["B"] == [{"a": "USD", "f": "10000002.50000000", "l": "0.00000000"}]
    assert (told[2]["d"], told[2]["T"]) == ("-3.00000000", at_ms)


def test_an_account_hears_only_of_itself(floor):
    floor.say("alice sells 30 @ 10.00")
    told = floor.hear("bob", "bob buys 20 @ 10.00")
    assert _words(told) == ["NEW/NEW", "TRADE/FILLED", POSITION]
    assert floor.hear("bob", "alice cancels everything") == []
