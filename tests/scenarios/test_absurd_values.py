"""Zero, negative, boundary and absurd values in every numeric field of every command.

One sound command of each sort, then the same with one field changed. Both engines must answer alike and
with the right reason, and money, books and indexes are audited after each (rules R-3 and R-4). `seq` and
`at_ns` are not in it: the sequencer stamps them, whatever a client sends.
"""

import dataclasses

import numpy as np
import pytest

from protocol.records import ALL_INSTRUMENTS, COMMAND_FIELDS, Command
from protocol.rejects import RejectReason
from protocol.terms import AccountTerm, CommandKind, EventKind, InstrumentTerm, ListKind, OrdType
from tests.desk import START_NS, STEP_NS, Desk
from tests.engines import SMALL
from tests.term_ranges import MOST, RANGES, TOP
from tests.two_engines import TwoEngines

MIN, MAX = -(1 << 63), (1 << 63) - 1
U8, U16, U32 = 0xFF, 0xFFFF, 0xFFFFFFFF
CAPACITIES = dataclasses.replace(
    SMALL,
    orders=32,
    accounts=4,
    assets=4,
    instruments=3,
    account_orders=16,
    price_levels=1 << 18,
    dedupe_capacity=16,
    references=16,
    lists=8,
    iceberg_slices=64,
)
ROOM = CAPACITIES.price_levels - (TOP + 1)
"""What is left for other ladders."""
FUNDS = 10**9
ALICE, BOB = 1, 2

LIMIT = {
    "kind": CommandKind.ENTER,
    "account": ALICE,
    "ord_type": OrdType.LIMIT,
    "time_in_force": 1,
    "price": 900,
    "order_qty": 10,
}
MARKET = {**LIMIT, "ord_type": OrdType.MARKET, "price": 0, "order_qty": 3}
STOP = {**LIMIT, "ord_type": OrdType.STOP_LOSS, "price": 0, "stop_px": 1_500}
LEG = {**LIMIT, "side": 1, "order_qty": 3, "list_kind": ListKind.OCO, "legs": 2, "price": 0}

SOUND = {
    "LIMIT": [LIMIT],
    "ICEBERG": [{**LIMIT, "display_qty": 2}],
    "GTD": [{**LIMIT, "time_in_force": 5, "expire_ns": 1 << 62}],
    "MARKET": [MARKET],
    "BY QUOTE": [{**MARKET, "order_qty": 0, "quote_qty": 3_000}],
    "STOP": [STOP],
    "TRAILING STOP": [{**STOP, "stop_px": 0, "trailing_bips": 100}],
    "OCO": [
        {**LEG, "ord_type": OrdType.LIMIT_MAKER, "price": 1_100},
        {**LEG, "leg": 1, "ord_type": OrdType.STOP_LOSS, "stop_px": 900},
    ],
    "CANCEL": [{"kind": CommandKind.CANCEL, "account": ALICE, "order_id": 1}],
    "REPLACE": [{**LIMIT, "kind": CommandKind.REPLACE, "order_id": 1}],
    "AMEND": [{"kind": CommandKind.AMEND, "account": ALICE, "order_id": 1, "order_qty": 5}],
    "CANCEL ALL": [{"kind": CommandKind.CANCEL_ALL, "account": BOB}],
    "CANCEL LIST": [{"kind": CommandKind.CANCEL_LIST, "account": ALICE, "order_id": 1}],
    "SET PHASE": [{"kind": CommandKind.SET_PHASE, "term": 4}],
    "DEPOSIT": [{"kind": CommandKind.DEPOSIT, "account": ALICE, "asset": 1, "amount": 7}],
    "WITHDRAW": [{"kind": CommandKind.WITHDRAW, "account": BOB, "asset": 1, "amount": 7}],
    "ADD ASSET": [{"kind": CommandKind.ADD_ASSET, "cl_ord_id": b"GOLD", "amount": 2}],
    "ADD INSTRUMENT": [
        {"kind": CommandKind.ADD_INSTRUMENT, "cl_ord_id": b"PAIR", "term": 1, "amount": 1_000}
    ],
    "SET INSTRUMENT": [
        {"kind": CommandKind.SET_INSTRUMENT, "term": InstrumentTerm.MAX_NUM_ORDERS, "amount": 9}
    ],
    "ADD ACCOUNT": [{"kind": CommandKind.ADD_ACCOUNT, "cl_ord_id": b"carol"}],
    "SET ACCOUNT": [
        {"kind": CommandKind.SET_ACCOUNT, "account": 1, "term": AccountTerm.FEE_TIER, "amount": 1}
    ],
    "SET FEE TIER": [{"kind": CommandKind.SET_FEE_TIER, "term": 1, "price": 5, "order_qty": 5}],
}
"""Commands that are all right, the last of which is changed; in the market that `open_market` makes."""

NOT_TAKEN = {"INVALID_FIELDS": [MIN, -1, 1, MAX]}
PRICE = {"INVALID_PRICE": [MIN, -1, 0], "PRICE_FILTER": [TOP + 1, MAX]}
QTY = {"INVALID_QTY": [MIN, -1, 0], "INSUFFICIENT_BALANCE": [MOST], "LOT_SIZE": [MOST + 1, MAX]}
NOW = START_NS + STEP_NS * 16
"""The `at_ns` of the command, the 16th of the market."""

Answers = dict[str, list[int]]
ENTER_ROWS: list[tuple[str, str, Answers]] = [
    ("LIMIT", "account", {"INSUFFICIENT_BALANCE": [0], "ACCEPTED": [1, 2], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("LIMIT", "instrument", {"ACCEPTED": [0], "UNKNOWN_INSTRUMENT": [1, U16]}),
    ("LIMIT", "side", {"ACCEPTED": [0], "RESTED": [1], "INVALID_SIDE": [2, U8]}),
    ("LIMIT", "list_kind", {"ACCEPTED": [0], "INVALID_FIELDS": [1, 4, U8]}),
    ("LIMIT", "leg", {"ACCEPTED": [0, 1, U8]}),
    ("LIMIT", "legs", {"ACCEPTED": [0, 1, U8]}),
    ("LIMIT", "flags", {"ACCEPTED": [0, 1, U32]}),
    ("MARKET", "price", {"TRADE": [0], **NOT_TAKEN}),
    ("MARKET", "order_qty", {**QTY, "INSUFFICIENT_BALANCE": [], "TRADE": [1, 4], "EXPIRED": [5, MOST]}),
    ("MARKET", "quote_qty", {"TRADE": [0], **NOT_TAKEN}),
    ("BY QUOTE", "quote_qty", {"INVALID_QTY": [MIN, -1, 0], "NO_LIQUIDITY": [1, 999], "TRADE": [1_000, 4_000], "EXPIRED": [5_000, 1 << 62, MAX]}),
    ("BY QUOTE", "order_qty", {"TRADE": [0], **NOT_TAKEN}),
    ("ICEBERG", "order_qty", {**QTY, "INSUFFICIENT_BALANCE": [], "ICEBERG_QTY_TOO_LARGE": [1, 2], "ACCEPTED": [3, 128], "ICEBERG_PARTS": [129, MOST]}),
    ("ICEBERG", "display_qty", {"INVALID_QTY": [MIN, -1], "ACCEPTED": [0, 1, 9], "ICEBERG_QTY_TOO_LARGE": [10, MOST], "LOT_SIZE": [MOST + 1, MAX]}),
    ("GTD", "expire_ns", {"INVALID_FIELDS": [MIN, -1, 0, 1, NOW], "ACCEPTED": [NOW + 1, MAX]}),
    ("STOP", "stop_px", {"INVALID_PRICE": [MIN, -1], "INVALID_FIELDS": [0], "WOULD_TRIGGER": [1, 1_000], "ACCEPTED": [1_001, TOP], "PRICE_FILTER": [TOP + 1, MAX]}),
    ("STOP", "price", {"ACCEPTED": [0], **NOT_TAKEN}),
    ("STOP", "order_qty", {**QTY, "ACCEPTED": [1]}),
    ("TRAILING STOP", "trailing_bips", {"INVALID_FIELDS": [0], "ACCEPTED": [1, 9_999], "TRAILING_DELTA": [10_000, U32]}),
    ("TRAILING STOP", "stop_px", {"INVALID_PRICE": [MIN, -1], "ACCEPTED": [0, 1_001, TOP], "WOULD_TRIGGER": [1, 1_000], "PRICE_FILTER": [TOP + 1, MAX]}),
    ("OCO", "account", {"INVALID_FIELDS": [0, 2, U32], "ACCEPTED": [1]}),
    ("OCO", "instrument", {"ACCEPTED": [0], "INVALID_FIELDS": [1, U16]}),
    ("OCO", "order_qty", {"INVALID_QTY": [MIN, -1, 0], "INVALID_FIELDS": [1, 4, MOST], "ACCEPTED": [3], "LOT_SIZE": [MOST + 1, MAX]}),
    ("OCO", "stop_px", {"INVALID_PRICE": [MIN, -1], "INVALID_FIELDS": [0], "ACCEPTED": [1, 999], "LIST_PRICES": [1_000, TOP], "PRICE_FILTER": [TOP + 1, MAX]}),
    ("OCO", "list_kind", {"ACCEPTED": [0, 1], "INVALID_FIELDS": [2, 4, U8]}),
    ("OCO", "reply_to", {"ACCEPTED": [0], "INVALID_FIELDS": [1, U16]}),
    ("OCO", "request_id", {"ACCEPTED": [0], "INVALID_FIELDS": [1, U32]}),
    ("OCO", "leg", {"nothing": [0], "ACCEPTED": [1], "INVALID_FIELDS": [2, U8]}),
    ("OCO", "legs", {"INVALID_FIELDS": [0, 1, 3, U8], "ACCEPTED": [2]}),
]  # fmt: skip
ORDER_FIELDS: list[tuple[str, Answers]] = [
    ("ord_type", {"INVALID_ORD_TYPE": [0, 8, U8], "ACCEPTED": [1], "INVALID_FIELDS": [2, 7]}),
    ("time_in_force", {"INVALID_TIME_IN_FORCE": [0, 8, U8], "ACCEPTED": [1, 7], "INVALID_FIELDS": [5]}),
    ("stp_mode", {"ACCEPTED": [0, 1, 5], "STP_MODE_NOT_ALLOWED": [6, U8]}),
    ("price", {**PRICE, "ACCEPTED": [1, 999], "RESTED": [TOP]}),
    ("order_qty", {**QTY, "ACCEPTED": [1]}),
    ("quote_qty", {"ACCEPTED": [0], **NOT_TAKEN}),
    ("stop_px", {"ACCEPTED": [0], **NOT_TAKEN}),
    ("trailing_bips", {"ACCEPTED": [0], "INVALID_FIELDS": [1, U32]}),
    ("display_qty", {"INVALID_QTY": [MIN, -1], "ACCEPTED": [0, 1, 9], "ICEBERG_QTY_TOO_LARGE": [10, MOST], "LOT_SIZE": [MOST + 1, MAX]}),
    ("expire_ns", {"ACCEPTED": [0], **NOT_TAKEN}),
]  # fmt: skip
"""Of a LIMIT order and of the order that a REPLACE enters."""
NO_ORDER = {"UNKNOWN_ORDER": [MIN, -1, 0, 2, 6, MAX]}
OTHER_ROWS: list[tuple[str, str, Answers]] = [
    ("CANCEL", "account", {"UNKNOWN_ORDER": [0, 2], "CANCELED": [1], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("CANCEL", "instrument", {"CANCELED": [0], "UNKNOWN_INSTRUMENT": [1, U16]}),
    ("CANCEL", "order_id", {**NO_ORDER, "CANCELED": [1]}),
    ("CANCEL", "flags", {"CANCELED": [0, 1, 2], "CANCEL_RESTRICTED": [4, U32]}),
    ("REPLACE", "account", {"UNKNOWN_ORDER": [0, 2], "ACCEPTED": [1], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("REPLACE", "instrument", {"ACCEPTED": [0], "UNKNOWN_INSTRUMENT": [1, U16]}),
    ("REPLACE", "side", {"ACCEPTED": [0, 1], "INVALID_SIDE": [2, U8]}),
    ("REPLACE", "order_id", {**NO_ORDER, "ACCEPTED": [1]}),
    ("REPLACE", "flags", {"ACCEPTED": [0, 1, 2, U32], "CANCEL_RESTRICTED": [4, 6]}),
    ("AMEND", "account", {"UNKNOWN_ORDER": [0, 2], "REPLACED": [1], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("AMEND", "instrument", {"REPLACED": [0], "UNKNOWN_INSTRUMENT": [1, U16]}),
    ("AMEND", "order_id", {**NO_ORDER, "REPLACED": [1]}),
    ("AMEND", "order_qty", {"INVALID_QTY": [MIN, -1, 0], "REPLACED": [1, 8], "AMEND_NO_CHANGE": [9], "AMEND_NOT_DECREASE": [10, MOST], "LOT_SIZE": [MOST + 1, MAX]}),
    ("AMEND", "flags", {"REPLACED": [0, 1, U32]}),
    ("CANCEL ALL", "account", {"UNKNOWN_ORDER": [0], "LIST_DONE": [1], "CANCELED": [2], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("CANCEL ALL", "instrument", {"CANCELED": [0, ALL_INSTRUMENTS], "UNKNOWN_INSTRUMENT": [1, ALL_INSTRUMENTS - 1]}),
    ("CANCEL ALL", "flags", {"CANCELED": [0, 1, U32]}),
    ("CANCEL LIST", "account", {"UNKNOWN_LIST": [0, 2], "LIST_DONE": [1], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("CANCEL LIST", "instrument", {"LIST_DONE": [0], "UNKNOWN_INSTRUMENT": [1, U16]}),
    ("CANCEL LIST", "order_id", {"UNKNOWN_LIST": [MIN, -1, 0, 2, 4, MAX], "LIST_DONE": [1]}),
    ("CANCEL LIST", "flags", {"LIST_DONE": [0, 1, U32]}),
    ("SET PHASE", "account", {"PHASE_CHANGED": [0, 1, U32]}),
    ("SET PHASE", "instrument", {"PHASE_CHANGED": [0], "UNKNOWN_INSTRUMENT": [1, U16]}),
    ("SET PHASE", "term", {"INVALID_PHASE": [0, 1, 3, 8, U32], "PHASE_CHANGED": [2, 7]}),
    ("SET PHASE", "price", {"INVALID_PRICE": [MIN, -1, TOP + 1, MAX], "PHASE_CHANGED": [0, 1, TOP]}),
    ("SET PHASE", "expire_ns", {"INVALID_FIELDS": [MIN, -1], "PHASE_CHANGED": [0, 1, NOW, MAX]}),
    ("SET PHASE", "flags", {"PHASE_CHANGED": [0, 1, U32]}),
    ("DEPOSIT", "account", {"DEPOSITED": [0, 1, 2], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("DEPOSIT", "asset", {"DEPOSITED": [0, 1], "UNKNOWN_ASSET": [2, U32]}),
    ("DEPOSIT", "amount", {"INVALID_AMOUNT": [MIN, -1, 0, (1 << 62) - 2 * FUNDS + 1, MAX], "DEPOSITED": [1, (1 << 62) - 2 * FUNDS]}),
    ("DEPOSIT", "flags", {"DEPOSITED": [0, 1, U32]}),
    ("WITHDRAW", "account", {"INSUFFICIENT_BALANCE": [0], "WITHDRAWN": [1, 2], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("WITHDRAW", "asset", {"WITHDRAWN": [0, 1], "UNKNOWN_ASSET": [2, U32]}),
    ("WITHDRAW", "amount", {"INVALID_AMOUNT": [MIN, -1, 0], "WITHDRAWN": [1, FUNDS + 1_000], "INSUFFICIENT_BALANCE": [FUNDS + 1_001, MAX]}),
    ("WITHDRAW", "flags", {"WITHDRAWN": [0, 1, U32]}),
    ("ADD ASSET", "account", {"ASSET_ADDED": [0, 1, U32]}),
    ("ADD ASSET", "asset", {"ASSET_ADDED": [0, 1, U32]}),
    ("ADD ASSET", "amount", {"INVALID_TERM": [MIN, -1, 19, MAX], "ASSET_ADDED": [0, 1, 18]}),
    ("ADD ASSET", "flags", {"ASSET_ADDED": [0, 1, U32]}),
    ("ADD INSTRUMENT", "account", {"INSTRUMENT_ADDED": [0, 1, U32]}),
    ("ADD INSTRUMENT", "instrument", {"INSTRUMENT_ADDED": [0, 1, U16]}),
    ("ADD INSTRUMENT", "asset", {"INSTRUMENT_ADDED": [0], "INVALID_TERM": [1], "UNKNOWN_ASSET": [2, U32]}),
    ("ADD INSTRUMENT", "term", {"INVALID_TERM": [0], "INSTRUMENT_ADDED": [1], "UNKNOWN_ASSET": [2, U32]}),
    ("ADD INSTRUMENT", "price", {"INVALID_TERM": [MIN, -1, 3, MAX], "INSTRUMENT_ADDED": [0, 1, 2]}),
    ("ADD INSTRUMENT", "order_qty", {"INVALID_TERM": [MIN, -1, 1, MAX], "INSTRUMENT_ADDED": [0]}),
    ("ADD INSTRUMENT", "amount", {"INVALID_AMOUNT": [MIN, -1, 0], "INSTRUMENT_ADDED": [1, ROOM - 1], "CAPACITY": [ROOM, MAX]}),
    ("ADD INSTRUMENT", "flags", {"INSTRUMENT_ADDED": [0, 1, U32]}),
    ("SET INSTRUMENT", "account", {"INSTRUMENT_CHANGED": [0, 1, U32]}),
    ("SET INSTRUMENT", "instrument", {"INSTRUMENT_CHANGED": [0], "UNKNOWN_INSTRUMENT": [1, U16]}),
    ("SET INSTRUMENT", "term", {"INVALID_TERM": [0, 1, 5, 49, U32], "INSTRUMENT_CHANGED": [7, 48]}),
    ("SET INSTRUMENT", "amount", {"INVALID_TERM": [MIN, -1, 1 << 31, MAX], "INSTRUMENT_CHANGED": [0, 1, (1 << 31) - 1]}),
    ("SET INSTRUMENT", "flags", {"INSTRUMENT_CHANGED": [0, 1, U32]}),
    ("ADD ACCOUNT", "account", {"ACCOUNT_ADDED": [0, 1, U32]}),
    ("ADD ACCOUNT", "flags", {"ACCOUNT_ADDED": [0, 1, U32]}),
    ("SET ACCOUNT", "account", {"ACCOUNT_CHANGED": [0, 1, 2], "UNKNOWN_ACCOUNT": [3, U32]}),
    ("SET ACCOUNT", "term", {"ACCOUNT_CHANGED": [0, 1, 2], "INVALID_TERM": [3, U32]}),
    ("SET ACCOUNT", "amount", {"INVALID_TERM": [MIN, -1, 16, MAX], "ACCOUNT_CHANGED": [0, 1, 15]}),
    ("SET ACCOUNT", "flags", {"ACCOUNT_CHANGED": [0, 1, U32]}),
    ("SET FEE TIER", "account", {"FEE_TIER_CHANGED": [0, 1, U32]}),
    ("SET FEE TIER", "term", {"FEE_TIER_CHANGED": [0, 1, 15], "INVALID_TERM": [16, U32]}),
    ("SET FEE TIER", "price", {"INVALID_TERM": [MIN, -1, 10_001, MAX], "FEE_TIER_CHANGED": [0, 1, 10_000]}),
    ("SET FEE TIER", "order_qty", {"INVALID_TERM": [MIN, -1, 10_001, MAX], "FEE_TIER_CHANGED": [0, 1, 10_000]}),
    ("SET FEE TIER", "flags", {"FEE_TIER_CHANGED": [0, 1, U32]}),
]  # fmt: skip
ROWS = [
    *ENTER_ROWS,
    *((sort, name, answers) for sort in ("LIMIT", "REPLACE") for name, answers in ORDER_FIELDS),
    *OTHER_ROWS,
]
CARRIED = ("reply_to", "request_id", "received_ns", "strategy_id", "strategy_type")
"""What the exchange gives back or keeps as it was given, whatever it is."""
REFUSALS = (
    EventKind.REJECTED,
    EventKind.CANCEL_REJECTED,
    EventKind.AMEND_REJECTED,
    EventKind.LIST_REJECTED,
    EventKind.COMMAND_REJECTED,
)
WIDTHS = dict(Command.fields)


def open_market(terms=None):
    """A market with two traders, orders of both, a last price of 10.00 and a list."""
    desk = Desk(TwoEngines(CAPACITIES))
    desk.add_market(terms=terms)
    for name in ("alice", "bob"):
        desk.account(name, {0: FUNDS, 1: FUNDS})
    order = {"kind": CommandKind.ENTER, "ord_type": OrdType.LIMIT, "time_in_force": 1}
    oto = {**order, "account": ALICE, "list_kind": ListKind.OTO, "legs": 2, "order_qty": 2}
    desk.send(
        {**order, "account": ALICE, "price": 900, "order_qty": 9},
        {**order, "account": BOB, "side": 1, "price": 1_000, "order_qty": 5},
        {**order, "account": ALICE, "price": 1_000, "order_qty": 1},
        {**oto, "price": 800},
        {**oto, "leg": 1, "side": 1, "price": 1_200},
    )
    assert desk.engine.faults() == []
    return desk


def money_of(desk):
    """Everyone's free and locked, of every asset."""
    return [
        [(balance.free, balance.locked) for _, balance in sorted(account.balances.items())]
        for account in desk.engine.slow.venue.accounts
    ]


def answer(told):
    """Name what came last: the reason of a refusal, or what happened."""
    if not told:
        return "nothing"
    if told[-1].kind in REFUSALS:
        return RejectReason(told[-1].reason).name
    return EventKind(told[-1].kind).name


def ask_with(sort, field, value):
    """Ask a sound command with one field changed; return the events, after an audit."""
    desk = open_market()
    before = money_of(desk)
    *others, changed = SOUND[sort]
    told = desk.send(*(dict(one) for one in others), {**changed, field: value})
    assert desk.engine.faults() == []
    if len(told) == 1 and told[0].kind in REFUSALS:
        assert money_of(desk) == before, "refused, and yet money has moved"
    return told


@pytest.mark.parametrize(
    ("sort", "field", "answers"), ROWS, ids=[f"{sort}-{field}" for sort, field, _ in ROWS]
)
def test_an_absurd_value_is_refused_for_the_right_reason(sort, field, answers):  # rules
    expected = {value: name for name, values in answers.items() for value in values}
    found = {value: answer(ask_with(sort, field, value)) for value in expected}
    assert found == expected


@pytest.mark.parametrize("sort", [sort for sort in SOUND if sort != "OCO"])
def test_what_is_only_carried_may_be_anything(sort):  # section Events
    used = COMMAND_FIELDS[CommandKind(SOUND[sort][-1]["kind"]).name].split()
    sound = answer(ask_with(sort, "received_ns", 0))
    for field in CARRIED:
        if field not in used:
            continue
        for value in (MIN, -1, 1, MAX) if WIDTHS[field].kind == "i" else (1, ends_of(field)[1]):
            told = ask_with(sort, field, value)
            assert answer(told) == sound, (field, value)
            if field != "received_ns":
                assert getattr(told[-1], field) == value


def ends_of(field):
    """The lowest and the highest number that a field can hold."""
    info = np.iinfo(WIDTHS[field])
    return int(info.min), int(info.max)


def test_every_number_of_every_command_is_in_the_tables():
    tried = {}
    for sort, field, answers in ROWS:
        kind = CommandKind(SOUND[sort][-1]["kind"]).name
        values = {value for listed in answers.values() for value in listed}
        tried.setdefault((kind, field), set()).update(values)
    for kind, names in COMMAND_FIELDS.items():
        for field in names.split():
            if WIDTHS[field].kind != "S" and field not in CARRIED:
                least, most = ends_of(field)
                wanted = {0, 1, least, most} | ({-1} if least < 0 else set())
                assert wanted <= tried.get((kind, field), set()), (kind, field)


@pytest.mark.parametrize("term", RANGES)
def test_the_books_stay_in_order_with_a_term_at_its_ends(term):  # rules
    for value in RANGES[term]:
        if term in (InstrumentTerm.TICK_SIZE, InstrumentTerm.FIRST_TRADE_ID):
            # These change only before there are orders and trades.
            desk = open_market({term: value})
        else:
            desk = open_market()
            desk.set_term(term, value)
        for sort, commands in SOUND.items():
            for side in (0, 1):
                taken = [{**one, "side": side} if sort != "OCO" else dict(one) for one in commands]
                if commands[0]["kind"] == CommandKind.ENTER:
                    desk.send(*({**one, "account": BOB} for one in taken))
                    desk.send(*taken)
        desk.ask(CommandKind.SET_PHASE, term=4)
        desk.send(dict(LIMIT, price=1_100), dict(LIMIT, account=BOB, side=1, price=1_000))
        desk.ask(CommandKind.SET_PHASE, term=3)
        assert desk.engine.faults() == [], value
