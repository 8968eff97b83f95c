"""Any commands in any order: both engines say the same, and the books stay in balance.

A state machine of Hypothesis: it shrinks a failure to the few steps that show it. The long streams
of `test_generated_streams.py` reach deeper states, this one simpler ones.
"""

import dataclasses
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from matcher.core.invariants import check
from matcher.core.kernel import INTERPRETED
from protocol.records import ALL_INSTRUMENTS
from protocol.terms import (
    AccountState,
    AccountTerm,
    CommandFlag,
    CommandKind,
    ListKind,
    OrdType,
    SessionPhase,
    StpMode,
    TimeInForce,
)
from tests.audit import faults
from tests.comparison import first_difference
from tests.desk import START_NS, Desk, apply_all, command_rows
from tests.engines import SMALL, core, reference
from tests.world import random_term

ACCOUNTS = 3
ROOMY = dataclasses.replace(
    SMALL, orders=256, accounts=8, instruments=2, account_orders=128, price_levels=256, lists=64
)
"""More than a story needs, and little to walk after each of its steps."""
TIGHT = dataclasses.replace(
    ROOMY, orders=14, account_orders=8, lists=4, dedupe_capacity=3, dedupe_window_ns=50_000
)

prices = st.integers(8, 12)
quantities = st.sampled_from([1, 2, 3, 5, 8])
accounts = st.integers(1, ACCOUNTS)
names = st.sampled_from([b"", b"", b"a", b"b", b"c", b"d"])


@st.composite
def orders(draw):
    """The fields of an order: mostly sound, sometimes with one field that does not belong."""
    ord_type = draw(st.sampled_from([OrdType.LIMIT, OrdType.LIMIT, *OrdType]))
    fields = {
        "side": draw(st.integers(0, 1)),
        "ord_type": ord_type,
        "time_in_force": draw(st.sampled_from([TimeInForce.GTC, TimeInForce.GTC, *TimeInForce])),
        "stp_mode": draw(st.sampled_from(list(StpMode))),
        "order_qty": draw(quantities),
        "cl_ord_id": draw(names),
    }
    if ord_type not in (OrdType.MARKET, OrdType.STOP_LOSS, OrdType.TAKE_PROFIT):
        fields["price"] = draw(prices)
        fields["display_qty"] = draw(st.sampled_from([0, 0, 0, 1, 2]))
    elif ord_type == OrdType.MARKET and draw(st.booleans()):
        fields.update(order_qty=0, quote_qty=draw(st.integers(5, 120)))
    if ord_type >= OrdType.STOP_LOSS:
        trails = draw(st.booleans())
        fields["trailing_bips"] = draw(st.sampled_from([500, 2_000])) if trails else 0
        fields["stop_px"] = draw(prices) if not trails or draw(st.booleans()) else 0
    if fields["time_in_force"] == TimeInForce.GTD:
        fields["expire_in"] = draw(st.sampled_from([3_000, 30_000]))
    return fields


class BothExchanges(RuleBasedStateMachine):
    """Sends every command to the slow and to the compiled exchange and compares their events."""

    @initialize(tight=st.booleans(), terms=st.lists(st.integers(0, 10**6), max_size=4))
    def open(self, tight, terms):
        capacities = TIGHT if tight else ROOMY
        self.slow, self.fast = reference(capacities), core(capacities)
        self.seq, self.now_ns = 0, START_NS
        desk = Desk(self)
        desk.add_market(price_decimals=0, top=64, phase=SessionPhase.CONTINUOUS)
        for number in range(ACCOUNTS):
            funds = 40 if number == 0 else 400
            desk.account(f"trader{number}", {0: funds, 1: funds * 10})
        self.seq, self.now_ns = desk.seq, desk.now_ns
        for choice in terms:
            self.set_term(choice)

    def apply(self, commands):
        """Play commands on both engines; Desk and all rules come through here."""
        expected, found = apply_all(self.slow, commands), apply_all(self.fast, commands)
        difference = first_difference(expected, found)
        assert not difference, difference
        return expected, len(commands)

    def send(self, *asked):
        for fields in asked:
            self.seq += 1
            self.now_ns += 1_000
            if "expire_in" in fields:
                fields["expire_ns"] = self.now_ns + fields.pop("expire_in")
            fields.update(seq=self.seq, at_ns=self.now_ns)
        self.apply(command_rows(asked))

    def live(self, choice):
        """Name one of the live orders."""
        known = sorted(self.slow.venue.orders)
        if not known:
            return {"order_id": choice, "account": 1 + choice % ACCOUNTS}
        order = self.slow.venue.orders[known[choice % len(known)]]
        return {"order_id": order.order_id, "account": order.account.number}

    @rule(account=accounts, order=orders())
    def enter(self, account, order):
        self.send({"kind": CommandKind.ENTER, "account": account, **order})

    @rule(
        account=accounts,
        kind=st.sampled_from(list(ListKind)),
        legs=st.lists(orders(), min_size=3, max_size=3),
        alike=st.booleans(),
    )
    def enter_list(self, account, kind, legs, alike):
        legs = legs[: 3 if kind == ListKind.OTOCO else 2]
        if alike:
            for leg in legs[-2:]:
                leg.update(side=legs[-1]["side"], order_qty=legs[-1]["order_qty"])
        head = {"kind": CommandKind.ENTER, "account": account, "list_kind": kind}
        self.send(*({**head, "legs": len(legs), "leg": n, **leg} for n, leg in enumerate(legs)))

    @rule(account=accounts, side=st.integers(0, 1), far=st.integers(1, 3), stop=prices)
    def enter_oco(self, account, side, far, stop):
        """An OCO that is mostly right: a limit leg on one side of a stop leg."""
        limit = max(1, stop + far if side else stop - far)
        head = {"kind": CommandKind.ENTER, "account": account, "list_kind": ListKind.OCO, "legs": 2}
        leg = {"side": side, "time_in_force": TimeInForce.GTC, "order_qty": 3}
        self.send(
            {**head, **leg, "leg": 0, "ord_type": OrdType.LIMIT_MAKER, "price": limit},
            {**head, **leg, "leg": 1, "ord_type": OrdType.STOP_LOSS, "stop_px": stop},
        )

    @rule(choice=st.integers(0, 20), flags=st.sampled_from([0, 0, *CommandFlag]), label=names)
    def cancel(self, choice, flags, label):
        self.send(
            {"kind": CommandKind.CANCEL, "flags": flags, "cl_ord_id": label, **self.live(choice)}
        )

    @rule(choice=st.integers(0, 20), order=orders(), flags=st.sampled_from([0, 0, *CommandFlag]))
    def replace(self, choice, order, flags):
        self.send({"kind": CommandKind.REPLACE, "flags": flags, **order, **self.live(choice)})

    @rule(choice=st.integers(0, 20), qty=quantities, name=names)
    def amend(self, choice, qty, name):
        fields = {"order_qty": qty, "cl_ord_id": name}
        self.send({"kind": CommandKind.AMEND, **fields, **self.live(choice)})

    @rule(account=accounts, everywhere=st.booleans())
    def cancel_all(self, account, everywhere):
        instrument = ALL_INSTRUMENTS if everywhere else 0
        self.send({"kind": CommandKind.CANCEL_ALL, "account": account, "instrument": instrument})

    @rule(
        phase=st.sampled_from([SessionPhase.CONTINUOUS, *SessionPhase]),
        reference_price=st.sampled_from([0, 0, 9, 11]),
        flags=st.sampled_from([0, 0, CommandFlag.CANCEL_ORDERS]),
        length=st.sampled_from([0, 0, 5_000]),
    )
    def set_phase(self, phase, reference_price, flags, length):
        fields = {"term": phase, "price": reference_price, "flags": flags}
        if length:
            fields["expire_in"] = length
        self.send({"kind": CommandKind.SET_PHASE, **fields})

    @rule(wait=st.sampled_from([0, 2_000, 60_000]))
    def tick(self, wait):
        self.now_ns += wait
        self.send({"kind": CommandKind.TICK})

    @rule(
        kind=st.sampled_from([CommandKind.DEPOSIT, CommandKind.WITHDRAW]),
        account=accounts,
        asset=st.integers(0, 1),
        amount=st.integers(0, 50),
        name=names,
    )
    def move_money(self, kind, account, asset, amount, name):
        fields = {"account": account, "asset": asset, "amount": amount, "cl_ord_id": name}
        self.send({"kind": kind, **fields})

    @rule(choice=st.integers(0, 10**6))
    def set_term(self, choice):
        term, value = random_term(Random(choice))
        self.send({"kind": CommandKind.SET_INSTRUMENT, "term": term, "amount": value})

    @rule(account=accounts, term=st.sampled_from(list(AccountTerm)), value=st.integers(0, 2))
    def set_account(self, account, term, value):
        if term == AccountTerm.STATE:
            value = AccountState.ACTIVE
        fields = {"account": account, "term": term, "amount": value}
        self.send({"kind": CommandKind.SET_ACCOUNT, **fields})

    @invariant()
    def books_are_in_balance(self):
        if hasattr(self, "slow"):
            assert faults(self.slow.venue) == []
            assert check(self.fast) == []


TestAnyCommands = pytest.mark.property(BothExchanges.TestCase)
TestAnyCommands.settings = settings(
    stateful_step_count=30 if INTERPRETED else 50,
    suppress_health_check=list(HealthCheck),
)
