"""Generate command streams that collide: few prices, few accounts, every kind of command.

A stream is made by a seeded generator that listens to the slow exchange, so that most cancels and
amends find an order and most phases are legal. The same seed gives the same stream. Now and then a
field is set to a value at the edge of its range, and some exchanges are made so small that every
table fills up.
"""

from collections.abc import Callable
from random import Random

from protocol.layout import Rows
from protocol.records import ALL_INSTRUMENTS, COMMAND_FIELDS, Command
from protocol.terms import (
    AccountState,
    AccountTerm,
    CommandFlag,
    CommandKind,
    InstrumentTerm,
    SessionPhase,
)
from tests.desk import START_NS, command_rows
from tests.random_orders import OrderMaker
from tests.reference import Reference
from tests.reference.state import CALLS
from tests.world import ACCOUNTS, TOP, Fields, World, make_world, random_term

CHUNK = 16
_EDGE = 0.02
"""How often a field of a command is set to a value at the edge of its range."""
_REOPEN = 0.2
"""How often the next command opens a market again, while one is shut."""
_EDGES = (0, 1, 2, 9_999, 10_000, 1 << 31, 1 << 52, 1 << 62, (1 << 63) - 1, -1, -(1 << 63))

_STEPS_NS = (*[1_000] * 12, *[20_000] * 6, 400_000, 3_000_000)


class CommandStream:
    """An endless stream of commands for a made-up exchange, and the slow exchange's answers."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.world: World = make_world(self.rng)
        self.reference = Reference(self.world.capacities)
        self._seq = 0
        self._now_ns = START_NS
        self._orders = OrderMaker(self.rng)
        self._opening = list(self.world.opening)
        self._makers: list[Callable[[], list[Fields]]] = []
        self._weights: list[int] = []
        for maker, weight in (
            (self._order, 52),
            (self._cancel, 7),
            (self._replace, 6),
            (self._amend, 6),
            (self._list, 9),
            (self._cancel_list, 2),
            (self._cancel_all, 1),
            (self._phase, 2),
            (self._tick, 4),
            (self._money, 2),
            (self._term, 2),
            (self._account_term, 1),
            (self._addition, 1),
        ):
            self._makers.append(maker)
            self._weights.append(weight)

    def next_chunk(self) -> tuple[Rows, Rows]:
        """Return the next commands, stamped, and the events that the slow exchange answers."""
        asked: list[Fields] = []
        if self._opening:
            asked, self._opening = self._stamped(self._opening), []
        else:
            while len(asked) < CHUNK:
                asked += self._stamped(self._next())
        commands = command_rows(asked)
        events, _ = self.reference.apply(commands)
        return commands, events

    def _stamped(self, asked: list[Fields]) -> list[Fields]:
        for fields in asked:
            self._seq += 1
            self._now_ns += self.rng.choice(_STEPS_NS)
            fields.update(seq=self._seq, at_ns=self._now_ns)
        return asked

    def _next(self) -> list[Fields]:
        """Make up the next command, or the legs of a list."""
        self._orders.now_ns = self._now_ns
        self._orders.last_px = self.reference.venue.instruments[0].last_px
        if self.rng.random() < _REOPEN and self._is_shut():
            return self._phase()
        made = self.rng.choices(self._makers, self._weights)[0]()
        if self.rng.random() < _EDGE:
            self._push_to_the_edge(made[-1])
        return made

    def _is_shut(self) -> bool:
        admitting = (SessionPhase.CONTINUOUS, *CALLS)
        return any(i.phase not in admitting for i in self.reference.venue.instruments)

    def _push_to_the_edge(self, fields: Fields) -> None:
        """Set one field that the kind uses (or the kind itself) to an extreme value."""
        name = self.rng.choice(
            ["kind", *COMMAND_FIELDS[CommandKind(int(fields["kind"])).name].split()]
        )
        width = dict(Command.fields)[name]
        if width.kind == "S":
            fields[name] = self.rng.choice([b"", b"x" * 36])
            return
        edge = self.rng.choice(_EDGES)
        fields[name] = edge if width.kind == "i" else edge % (1 << 8 * width.itemsize)

    def _head(self, kind: CommandKind) -> Fields:
        return {
            "kind": kind,
            "account": self.rng.randint(1, ACCOUNTS),
            "instrument": self.rng.randrange(self.world.instruments),
            "reply_to": 1,
            "request_id": self._seq & 0xFFFF,
        }

    def _order(self) -> list[Fields]:
        return [{**self._head(CommandKind.ENTER), **self._orders.order()}]

    def _target(self, kind: CommandKind) -> Fields:
        """Name a live order, mostly: by id, by text, or by both."""
        fields = self._head(kind)
        rng = self.rng
        orders = self.reference.venue.orders
        if orders and rng.random() < 0.95:
            order = orders[rng.choice(list(orders))]
            if rng.random() < 0.97:
                fields.update(account=order.account.number, instrument=order.instrument.number)
            by_text = bool(order.cl_ord_id) and rng.random() < 0.4
            if by_text:
                fields["target_cl_ord_id"] = order.cl_ord_id
            if not by_text or rng.random() < 0.2:
                fields["order_id"] = order.order_id
            if rng.random() < 0.03:
                fields["target_cl_ord_id"] = b"other"
        else:
            fields["order_id"] = rng.randint(1, self.reference.venue.next_order_id)
        restriction = rng.random()
        if restriction < 0.05:
            fields["flags"] = CommandFlag.ONLY_NEW
        elif restriction < 0.1:
            fields["flags"] = CommandFlag.ONLY_PARTIALLY_FILLED
        return fields

    def _cancel(self) -> list[Fields]:
        return [{**self._target(CommandKind.CANCEL), "cl_ord_id": self.rng.choice([b"", b"c"])}]

    def _replace(self) -> list[Fields]:
        target = self._target(CommandKind.REPLACE)
        fields = {**target, **self._orders.order()}
        if self.rng.random() < 0.3:
            fields["flags"] = int(fields.get("flags", 0)) | CommandFlag.ALLOW_FAILURE
        if self.rng.random() < 0.3:
            fields["list_cl_ord_id"] = b"c"
        return [fields]

    def _amend(self) -> list[Fields]:
        fields = self._target(CommandKind.AMEND)
        order = self.reference.venue.orders.get(int(fields.get("order_id", 0)))
        present = order.order_qty if order else 6
        fields["order_qty"] = max(1, present + self.rng.randint(-4, 1))
        if self.rng.random() < 0.4:
            fields["cl_ord_id"] = self._orders.name()
        return [fields]

    def _list(self) -> list[Fields]:
        rng = self.rng
        kind, legs = self._orders.legs()
        head = self._head(CommandKind.ENTER)
        head.update(list_kind=kind, legs=len(legs), list_cl_ord_id=rng.choice([b"", b"l1", b"l2"]))
        asked = [{**head, **leg, "leg": number} for number, leg in enumerate(legs)]
        if rng.random() < 0.03:
            del asked[rng.randrange(len(asked))]
        return asked

    def _cancel_list(self) -> list[Fields]:
        fields = self._head(CommandKind.CANCEL_LIST)
        lists = self.reference.venue.lists
        if lists and self.rng.random() < 0.9:
            found = lists[self.rng.choice(list(lists))]
            fields.update(account=found.account.number, instrument=found.instrument.number)
            if self.rng.random() < 0.6 or not found.cl_ord_id:
                fields["order_id"] = found.list_id
            if self.rng.random() < 0.5:
                fields["list_cl_ord_id"] = found.cl_ord_id
        return [fields]

    def _cancel_all(self) -> list[Fields]:
        fields = self._head(CommandKind.CANCEL_ALL)
        if self.rng.random() < 0.4:
            fields["instrument"] = ALL_INSTRUMENTS
        return [{**fields, "cl_ord_id": self.rng.choice([b"", b"c"])}]

    def _phase(self) -> list[Fields]:
        """Go to some phase; from anything but continuous trading mostly back to it."""
        fields = self._head(CommandKind.SET_PHASE)
        rng = self.rng
        present = self.reference.venue.instruments[int(fields["instrument"])].phase
        ways_back = {
            SessionPhase.HALTED: SessionPhase.VOLATILITY_AUCTION,
            SessionPhase.CLOSED: SessionPhase.PRE_OPEN,
            SessionPhase.PRE_OPEN: SessionPhase.OPENING_AUCTION,
        }
        phase = ways_back.get(SessionPhase(present), SessionPhase.CONTINUOUS)
        if present == SessionPhase.CONTINUOUS:
            phase = rng.choice([*CALLS, *CALLS, SessionPhase.HALTED, SessionPhase.CLOSED])
        if rng.random() < 0.1:
            phase = rng.choice(list(SessionPhase))
        fields["term"] = phase
        if rng.random() < 0.2:
            fields["price"] = self._orders.price()
        if rng.random() < 0.3:
            fields["expire_ns"] = self._now_ns + rng.choice([50_000, 1_000_000])
        if rng.random() < 0.1:
            fields["flags"] = CommandFlag.CANCEL_ORDERS
        return [fields]

    def _tick(self) -> list[Fields]:
        return [{"kind": CommandKind.TICK}]

    def _money(self) -> list[Fields]:
        kind = self.rng.choice([CommandKind.DEPOSIT, CommandKind.WITHDRAW])
        amount = self.rng.choice([1, 50, 1_000, 20_000, 1 << 60])
        reference = self.rng.choice([b"", b"r%d" % self.rng.randrange(12)])
        asset = self.rng.randrange(3)
        return [{**self._head(kind), "asset": asset, "amount": amount, "cl_ord_id": reference}]

    def _term(self) -> list[Fields]:
        term, value = random_term(self.rng)
        fields = self._head(CommandKind.SET_INSTRUMENT)
        if self.rng.random() < 0.05:
            term = self.rng.choice(list(InstrumentTerm))
            value = self.rng.choice(_EDGES)
        return [{**fields, "term": term, "amount": value}]

    def _account_term(self) -> list[Fields]:
        term = self.rng.choice(list(AccountTerm))
        active = self.rng.random() < 0.85
        values = {
            AccountTerm.STATE: AccountState.ACTIVE if active else self.rng.randrange(4),
            AccountTerm.TRADE_GROUP: self.rng.choice([0, 0, 7, 8]),
            AccountTerm.FEE_TIER: self.rng.choice([0, 1, 15, 16]),
        }
        fields = self._head(CommandKind.SET_ACCOUNT)
        return [{**fields, "term": term, "amount": values[term]}]

    def _addition(self) -> list[Fields]:
        """Add something, or set a fee tier; mostly there is one of that name already."""
        rng = self.rng
        number = rng.randrange(9)
        return [
            rng.choice(
                [
                    {
                        "kind": CommandKind.ADD_ASSET,
                        "cl_ord_id": b"ASSET%d" % number,
                        "amount": number * 3,
                    },
                    {"kind": CommandKind.ADD_ACCOUNT, "cl_ord_id": b"trader%d" % number},
                    {
                        "kind": CommandKind.ADD_INSTRUMENT,
                        "cl_ord_id": b"PAIR%d" % number,
                        "asset": rng.randrange(4),
                        "term": rng.randrange(4),
                        "price": rng.randrange(3),
                        "order_qty": rng.randrange(3),
                        "amount": rng.choice([TOP, 0]),
                    },
                    {
                        "kind": CommandKind.SET_FEE_TIER,
                        "term": number * 2,
                        "price": rng.choice([0, 5_000, 10_000, 10_001]),
                        "order_qty": rng.choice([0, 5_000, 10_000, -1]),
                    },
                ]
            )
        ]
