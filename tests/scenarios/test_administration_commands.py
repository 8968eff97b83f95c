"""The section "Administration": assets, instruments, accounts, tiers, terms."""

import dataclasses

import pytest

from protocol.rejects import RejectReason
from protocol.terms import AccountTerm, CommandKind, EventKind, OrdType
from protocol.terms import InstrumentTerm as T
from tests.desk import Desk
from tests.engines import ENGINES, SMALL
from tests.floor import play
from tests.term_ranges import RANGES


@pytest.fixture(params=ENGINES)
def desk(request):
    """An exchange with room for three assets, one instrument and two accounts."""
    tight = dataclasses.replace(SMALL, assets=3, instruments=1, accounts=3, price_levels=1_001)
    return Desk(ENGINES[request.param](tight))


def answer(told):
    event = told[0]
    assert len(told) == 1
    if event.kind == EventKind.COMMAND_REJECTED:
        return RejectReason(event.reason).name
    return EventKind(event.kind).name


def test_assets_get_dense_numbers(desk):
    for number, (code, decimals) in enumerate([(b"A", 0), (b"B", 18), (b"C", 8)]):
        told = desk.ask(CommandKind.ADD_ASSET, cl_ord_id=code, amount=decimals, asset=7)
        assert answer(told) == "ASSET_ADDED"
        assert (told[0].asset, told[0].order_qty, told[0].cl_ord_id) == (number, decimals, code)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cl_ord_id": b""}, "INVALID_FIELDS"),
        ({"cl_ord_id": b"A", "amount": 99}, "ALREADY_EXISTS"),
        ({"amount": -1}, "INVALID_TERM"),
        ({"amount": 19}, "INVALID_TERM"),
    ],
)
def test_an_asset_is_refused_with_the_reason(desk, fields, reason):
    desk.ask(CommandKind.ADD_ASSET, cl_ord_id=b"A", amount=2)
    told = desk.ask(CommandKind.ADD_ASSET, **{"cl_ord_id": b"B", "amount": 2, **fields})
    assert answer(told) == reason


def test_a_full_table_of_assets_refuses(desk):
    for code in (b"A", b"B", b"C"):
        desk.ask(CommandKind.ADD_ASSET, cl_ord_id=code)
    assert answer(desk.ask(CommandKind.ADD_ASSET, cl_ord_id=b"D")) == "CAPACITY"


def add_instrument(desk, **fields):
    if not desk.seq:
        for code, decimals in ((b"A", 3), (b"B", 5), (b"C", 0)):
            desk.ask(CommandKind.ADD_ASSET, cl_ord_id=code, amount=decimals)
    given = {
        "cl_ord_id": b"AB",
        "asset": 0,
        "term": 1,
        "price": 2,
        "order_qty": 1,
        "amount": 1_000,
        **fields,
    }
    return desk.ask(CommandKind.ADD_INSTRUMENT, **given)


def test_an_instrument_tells_assets_and_decimals(desk):
    told = add_instrument(desk)
    assert answer(told) == "INSTRUMENT_ADDED"
    event = told[0]
    assert (event.instrument, event.asset, event.order_count) == (0, 0, 1)
    assert (event.price, event.order_qty, event.cl_ord_id) == (2, 1, b"AB")
    assert answer(add_instrument(desk)) == "ALREADY_EXISTS"
    assert answer(add_instrument(desk, cl_ord_id=b"AC")) == "CAPACITY"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"cl_ord_id": b"", "asset": 9}, "INVALID_FIELDS"),
        ({"asset": 3}, "UNKNOWN_ASSET"),
        ({"term": 3}, "UNKNOWN_ASSET"),
        ({"term": (1 << 32) - 1}, "UNKNOWN_ASSET"),
        ({"amount": 0}, "INVALID_AMOUNT"),
        ({"amount": -5}, "INVALID_AMOUNT"),
        ({"amount": 1_001}, "CAPACITY"),
        ({"amount": (1 << 63) - 1}, "CAPACITY"),
        ({"term": 0}, "INVALID_TERM"),
        ({"price": -1}, "INVALID_TERM"),
        ({"order_qty": -1}, "INVALID_TERM"),
        ({"order_qty": 4}, "INVALID_TERM"),
        ({"price": 5}, "INVALID_TERM"),
        ({"price": (1 << 63) - 1}, "INVALID_TERM"),
        ({"term": 2}, "INVALID_TERM"),
        ({"price": 4}, "INSTRUMENT_ADDED"),
    ],
)
def test_an_instrument_is_refused_with_the_reason(desk, fields, reason):
    assert answer(add_instrument(desk, **fields)) == reason


def test_a_ladder_whose_top_alone_would_overflow_is_refused(desk):
    for code, decimals in ((b"A", 0), (b"B", 18)):
        desk.ask(CommandKind.ADD_ASSET, cl_ord_id=code, amount=decimals)
    ladder = {"cl_ord_id": b"AB", "asset": 0, "term": 1}
    # 4 × 10^18 is the last multiple below 2^62.
    assert answer(desk.ask(CommandKind.ADD_INSTRUMENT, **ladder, amount=5)) == "INVALID_TERM"
    assert answer(desk.ask(CommandKind.ADD_INSTRUMENT, **ladder, amount=4)) == "INSTRUMENT_ADDED"


def test_scales_follow_from_the_decimals(desk):
    add_instrument(desk, price=1)
    desk.ask(CommandKind.SET_PHASE, term=3)
    buyer = desk.account("b", {1: 1_000_000})
    seller = desk.account("s", {0: 1_000_000})
    order = {"ord_type": OrdType.LIMIT, "time_in_force": 1, "price": 7, "order_qty": 3}
    buy = desk.ask(CommandKind.ENTER, account=buyer, **order)[0]
    assert buy.quote_locked == 7 * 3 * 1_000
    sell = desk.ask(CommandKind.ENTER, account=seller, side=1, **order)
    assert (sell[2].base_free, sell[2].quote_free) == (1_000_000 - 300, 21_000)
    assert sell[2].cum_quote == 21_000


def test_accounts_get_dense_numbers_after_the_fee_account(desk):
    told = desk.ask(CommandKind.ADD_ACCOUNT, cl_ord_id=b"alice", account=7)
    assert answer(told) == "ACCOUNT_ADDED"
    assert (told[0].account, told[0].cl_ord_id) == (1, b"alice")
    assert answer(desk.ask(CommandKind.ADD_ACCOUNT, cl_ord_id=b"alice")) == "ALREADY_EXISTS"
    assert answer(desk.ask(CommandKind.ADD_ACCOUNT)) == "INVALID_FIELDS"
    assert desk.ask(CommandKind.ADD_ACCOUNT, cl_ord_id=b"bob")[0].account == 2
    assert answer(desk.ask(CommandKind.ADD_ACCOUNT, cl_ord_id=b"carol")) == "CAPACITY"


@pytest.mark.parametrize(
    ("account", "term", "value", "reason"),
    [
        (1, AccountTerm.STATE, 2, "ACCOUNT_CHANGED"),
        (1, AccountTerm.STATE, 3, "INVALID_TERM"),
        (1, AccountTerm.STATE, -1, "INVALID_TERM"),
        (1, AccountTerm.TRADE_GROUP, (1 << 32) - 1, "ACCOUNT_CHANGED"),
        (1, AccountTerm.TRADE_GROUP, 1 << 32, "INVALID_TERM"),
        (1, AccountTerm.FEE_TIER, 15, "ACCOUNT_CHANGED"),
        (1, AccountTerm.FEE_TIER, 16, "INVALID_TERM"),
        (1, 3, 0, "INVALID_TERM"),
        (0, AccountTerm.FEE_TIER, 1, "ACCOUNT_CHANGED"),
        (2, AccountTerm.FEE_TIER, 1, "UNKNOWN_ACCOUNT"),
        ((1 << 32) - 1, 99, 1, "UNKNOWN_ACCOUNT"),
    ],
)
def test_account_terms_have_ranges(desk, account, term, value, reason):
    desk.account("alice")
    told = desk.ask(CommandKind.SET_ACCOUNT, account=account, term=term, amount=value)
    assert answer(told) == reason
    if reason == "ACCOUNT_CHANGED":
        assert (told[0].account, told[0].order_count, told[0].order_qty) == (account, term, value)


@pytest.mark.parametrize(
    ("term", "shares", "reason"),
    [
        (0, (0, 10_000), "FEE_TIER_CHANGED"),
        (15, (10_000, 0), "FEE_TIER_CHANGED"),
        (16, (0, 0), "INVALID_TERM"),
        (1, (-1, 0), "INVALID_TERM"),
        (1, (0, 10_001), "INVALID_TERM"),
    ],
)
def test_fee_tiers_have_ranges(desk, term, shares, reason):
    told = desk.ask(CommandKind.SET_FEE_TIER, term=term, price=shares[0], order_qty=shares[1])
    assert answer(told) == reason
    if reason == "FEE_TIER_CHANGED":
        event = told[0]
        assert (event.order_count, event.price, event.order_qty) == (term, *shares)


def set_term(exchange, term, value):
    return exchange.ask(CommandKind.SET_INSTRUMENT, term=term, amount=value)


@pytest.mark.parametrize("term", RANGES)
def test_a_term_keeps_to_its_range(exchange, term):
    least, most = RANGES[term]
    for value in (least, most):
        told = set_term(exchange, term, value)
        assert answer(told) == "INSTRUMENT_CHANGED"
        assert (told[0].order_count, told[0].order_qty) == (term, value)
    for value in (least - 1, most + 1, -(1 << 63), (1 << 63) - 1):
        assert answer(set_term(exchange, term, value)) == "INVALID_TERM", value


def test_every_term_has_a_range_or_is_fixed():
    assert {*RANGES, *list(T)[:6]} == set(T)


@pytest.mark.parametrize("term", [0, 1, 2, 3, 4, 5, 49, 63, 64, (1 << 32) - 1])
def test_some_terms_never_change(exchange, term):
    assert answer(set_term(exchange, term, 1)) == "INVALID_TERM"


def test_a_tick_size_changes_only_while_no_order_is_live(exchange):
    play(exchange, "alice buys 5 stop 10.50 as a")
    assert answer(set_term(exchange, T.TICK_SIZE, 5)) == "INVALID_TERM"
    play(exchange, "alice cancels a -> a cancelled")
    assert answer(set_term(exchange, T.TICK_SIZE, 5)) == "INSTRUMENT_CHANGED"
    play(
        exchange,
        """
        alice buys 5 @ 10.01 -> rejected price filter
        alice buys 5 @ 10.05
        bob sells 5 @ 10.05  -> accepted; sold 5 @ 10.05 to alice
        """,
    )


def test_an_unknown_instrument_or_command_is_refused(exchange):
    told = exchange.ask(CommandKind.SET_INSTRUMENT, instrument=9, term=99, asset=4, cl_ord_id=b"x")
    assert answer(told) == "UNKNOWN_INSTRUMENT"
    assert (told[0].instrument, told[0].asset, told[0].cl_ord_id) == (9, 4, b"x")
    for kind in (0, 7, 99, 255):
        assert answer(exchange.send({"kind": kind, "account": 3})) == "UNKNOWN_COMMAND"
