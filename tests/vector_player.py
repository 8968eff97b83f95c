"""Play one conformance vector (format: `tests/vectors/SCHEMA.md`) on one engine.

What a vector leaves open is chosen here: every account has ample funds, no `stp` means NONE, the
initial last price is made by a trade between two accounts of the exchange's own, a call is an
OPENING_AUCTION, and of the assumed rules only those of docs/market-model.md are played.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from protocol.terms import (
    AuctionRule,
    CommandKind,
    EventFlag,
    EventKind,
    InstrumentTerm,
    ListKind,
    OrdStatus,
    OrdType,
    SessionPhase,
    Side,
    StpMode,
    TimeInForce,
)
from tests.desk import Desk, Engine, Told
from tests.vector_words import allowed_names, decimals_of, numbers_under, totals, units_of

Vector = dict[str, Any]
Fields = dict[str, int | bytes]

ASSUMED = frozenset(
    {
        "amend_below_filled=reject",
        "auction_rejects_ioc_fok",
        "decrement_keeps_priority",
        "fok_feasibility_excludes_own_orders",
        "iceberg_hidden_counts_for_fok",
        "iceberg_refresh=back_of_level_when_slice_used_up",
        "market_residual_expires",
        "oco_price_relation_checked",
        "order_ids_unique_forever",
        "stop_activation=after_aggressor",
        "stop_election=price_then_time",
        "stop_immediate_trigger=reject",
        "stop_trigger=last_trade_price",
        "trailing_base=trades_since_entry_or_activation",
        "trailing_unit=bips",
        *(f"auction_algo={rule.name}" for rule in AuctionRule),
    }
)
"""The rules of docs/market-model.md, under the names that vectors use."""

_KEPT_BY_REPLACE = (
    "side", "ord_type", "time_in_force", "price", "display_qty", "stop_px", "trailing_bips",
)  # fmt: skip
_STEPS = {"new", "cancel", "amend", "replace", "oco", "phase", "uncross"}
_FUNDS = 1 << 55
_PRICES = ("price", "stop_price", "tick", "initial_last_price", "reference_price")
_QUANTITIES = ("qty", "display_qty", "lot")
_ROOM_ABOVE = 2
"""A ladder so many times as high as the vector's highest price."""
_LEAST_TOP = 1_000


def read_vectors(folder: Path) -> list[Vector]:
    """Read every vector of a folder, by file name."""
    paths = sorted(path for path in folder.glob("*.json") if path.name != "INDEX.json")
    return [json.loads(path.read_text()) for path in paths]


def foreign_rules(vector: Vector) -> str:
    """Say which rules the vector assumes that are none of this exchange's; "": none.

    Such a vector is played too: it may still pass, for not every rule decides in every case. When it
    does not, it says nothing about this exchange and counts as skipped. A vector of level `core` rests
    on no choice and is never skipped.
    """
    unknown = sorted(set(vector.get("assumes", ())) - ASSUMED)
    if not unknown or vector.get("level") == "core":
        return ""
    return f"assumes {', '.join(unknown)}"


def play_vector(vector: Vector, make_engine: Callable[[], Engine]) -> list[str]:
    """Play a vector on a fresh engine; return what differs from its expectations."""
    steps = sorted({step["op"] for step in vector["steps"]} - _STEPS)
    if steps:
        return [f"has a step that is not known: {', '.join(steps)}"]
    where = "before the first step"
    try:
        player = _Player(vector, Desk(make_engine()))
        for number, step in enumerate(vector["steps"], 1):
            where = f"step {number} ({step['op']} {step.get('id', '')})".replace(" )", ")")
            player.play(step, where)
        where = "at the end"
        player.check_end()
    except (KeyError, ValueError, TypeError, ArithmeticError) as error:
        # A word or number that the format does not have, or an engine that broke: never a pass.
        return [f"{where}: cannot be played: {type(error).__name__} {error}"]
    return player.differences


class _Player:
    def __init__(self, vector: Vector, desk: Desk) -> None:
        self.vector = vector
        self.desk = desk
        self.differences: list[str] = []
        self.ids: dict[str, int] = {}
        """Order id of each name of the vector; 0: it was refused."""
        self.owners: dict[str, str] = {}
        """Account of each name."""
        self.qty_decimals = max(map(decimals_of, numbers_under(vector, _QUANTITIES)))
        money = max(map(decimals_of, numbers_under(vector, ("quote_qty",))), default=0)
        prices = map(decimals_of, numbers_under(vector, _PRICES))
        self.price_decimals = max(money - self.qty_decimals, *prices)
        self.numbers = {
            "price": ("price", self.price),
            "stop_price": ("stop_px", self.price),
            "qty": ("order_qty", self.qty),
            "display_qty": ("display_qty", self.qty),
            "quote_qty": ("quote_qty", self.money),
        }
        """Of each number in a step: the field of a Command and how it is read."""
        highest = max(self.price(text) for text in numbers_under(vector, _PRICES))
        top = max(_LEAST_TOP, highest) * _ROOM_ABOVE
        tick, lot = vector["symbol"]["tick"], vector["symbol"]["lot"]
        self.instrument = desk.add_market(
            price_decimals=self.price_decimals,
            qty_decimals=self.qty_decimals,
            top=top,
            terms={
                InstrumentTerm.TICK_SIZE: self.price(tick),
                InstrumentTerm.LOT_SIZE: self.qty(lot),
            },
        )
        if vector.get("initial_last_price"):
            price = self.price(vector["initial_last_price"])
            for side in (Side.SELL, Side.BUY):
                desk.send(
                    self.order_fields(
                        account=self.account(f"helper {side.name}"),
                        side=side,
                        ord_type=OrdType.LIMIT,
                        time_in_force=TimeInForce.GTC,
                        price=price,
                        order_qty=self.qty(lot),
                    )
                )

    def price(self, text: str) -> int:
        return units_of(text, self.price_decimals)

    def qty(self, text: str) -> int:
        return units_of(text, self.qty_decimals)

    def money(self, text: str) -> int:
        return units_of(text, self.price_decimals + self.qty_decimals)

    def account(self, name: str) -> int:
        return self.desk.account(name, {0: _FUNDS, 1: _FUNDS})

    def order_fields(self, **fields: int | bytes) -> Fields:
        fields.setdefault("stp_mode", StpMode.NONE)
        return {"kind": CommandKind.ENTER, "instrument": self.instrument, **fields}

    def asked_order(self, step: Vector) -> Fields:
        """Turn a `new` step (or a leg of an `oco`) into the fields of a Command."""
        self.owners.setdefault(step["id"], step["account"])
        fields = self.order_fields(
            account=self.account(step["account"]),
            cl_ord_id=step["id"].encode(),
            side=Side[step["side"]],
            ord_type=OrdType[step["type"]],
            stp_mode=StpMode[step.get("stp") or "NONE"],
            trailing_bips=int(step.get("trailing_bips") or 0),
        )
        if step.get("tif"):
            fields["time_in_force"] = TimeInForce[step["tif"]]
        for name, (field, read) in self.numbers.items():
            if step.get(name) is not None:
                fields[field] = read(step[name])
        return fields

    def play(self, step: Vector, where: str) -> None:
        expect = step.get("expect") or {}
        told = getattr(self, f"do_{step['op']}")(step, expect, where)
        self.check_fills(expect, told, where)
        for name, state in (expect.get("others") or {}).items():
            self.check_state(name, state, where)

    def differ(self, where: str, what: str, expected: object, found: object) -> None:
        if expected != found:
            self.differences.append(f"{where}: {what} should be {expected}, is {found}")

    def do_new(self, step: Vector, expect: Vector, where: str) -> list[Told]:
        # An explicit display of zero can't be said in a Command: the edge refuses it.
        is_unsayable = step.get("display_qty") is not None and self.qty(step["display_qty"]) == 0
        told = [] if is_unsayable else self.desk.send(self.asked_order(step))
        entered = self.note_entry(step["id"], told)
        allowed = allowed_names(expect)
        if entered:
            self.check_state(step["id"], expect, where)
        elif allowed and "REJECTED" not in allowed:
            self.differ(where, "status", " or ".join(sorted(allowed)), "REJECTED")
        self.check_accepted(expect, where, done=entered)
        return told

    def check_accepted(self, expect: Vector, where: str, *, done: bool) -> None:
        if expect.get("accepted") is not None:
            self.differ(where, "accepted", expect["accepted"], done)

    def note_entry(self, name: str, told: list[Told]) -> bool:
        """Note which order got the name; a refused one leaves an earlier bearer its name."""
        entered = [event for event in told if event.kind == EventKind.ACCEPTED]
        if entered:
            self.ids[name] = entered[-1].order_id
        else:
            self.ids.setdefault(name, 0)
        return bool(entered)

    def named(self, step: Vector) -> Fields:
        """Name the order that a cancel, amend or replace is about."""
        return {
            "instrument": self.instrument,
            "account": self.account(step.get("account") or self.owners[step["id"]]),
            "target_cl_ord_id": step["id"].encode(),
        }

    def do_cancel(self, step: Vector, expect: Vector, where: str) -> list[Told]:
        told = self.desk.send({"kind": CommandKind.CANCEL, **self.named(step)})
        done = any(event.kind == EventKind.CANCELED for event in told)
        self.check_accepted(expect, where, done=done)
        return told

    def do_amend(self, step: Vector, expect: Vector, where: str) -> list[Told]:
        fields = {**self.named(step), "order_qty": self.qty(step["qty"])}
        told = self.desk.send({"kind": CommandKind.AMEND, **fields})
        done = any(event.kind == EventKind.REPLACED for event in told)
        self.check_accepted(expect, where, done=done)
        return told

    def do_replace(self, step: Vector, expect: Vector, where: str) -> list[Told]:
        old = self.desk.orders.get(self.ids.get(step["id"], 0))
        fields: Fields = {"side": Side.BUY, "ord_type": OrdType.LIMIT, "time_in_force": 1}
        if old:
            fields = {name: getattr(old, name) for name in _KEPT_BY_REPLACE}
            fields["order_qty"] = old.leaves_qty
        for name, (field, read) in self.numbers.items():
            if step.get(name) is not None:
                fields[field] = read(step[name])
        if int(fields.get("display_qty", 0)) >= int(fields.get("order_qty", 0)):
            fields["display_qty"] = 0  # What is left has no hidden part: a plain order.
        named = self.named(step)
        self.owners.setdefault(step["new_id"], step.get("account") or self.owners[step["id"]])
        command = self.order_fields(
            **{**named, **fields},
            cl_ord_id=step["new_id"].encode(),
            stp_mode=StpMode[step.get("stp") or "NONE"],
        )
        told = self.desk.send({**command, "kind": CommandKind.REPLACE})
        kinds = [event.kind for event in told]
        done = EventKind.CANCELED in kinds and EventKind.ACCEPTED in kinds
        self.check_accepted(expect, where, done=done)
        if done:
            self.note_entry(step["new_id"], told)
        self.check_state(step["new_id"], expect, where)
        return told

    def do_oco(self, step: Vector, expect: Vector, where: str) -> list[Told]:
        legs = [self.asked_order(leg) for leg in step["legs"]]
        for number, leg in enumerate(legs):
            leg.update(list_kind=ListKind.OCO, leg=number, legs=len(legs))
        told = self.desk.send(*legs)
        entered = [event.order_id for event in told if event.kind == EventKind.ACCEPTED]
        for leg, order_id in zip(step["legs"], entered or [0] * len(legs), strict=True):
            self.ids[leg["id"]] = order_id
        self.check_accepted(expect, where, done=bool(entered))
        return told

    def do_phase(self, step: Vector, expect: Vector, where: str) -> list[Told]:
        if step.get("phase") != "AUCTION":
            raise ValueError(f"phase {step.get('phase')!r}; AUCTION is the only one")
        return self.set_phase(SessionPhase.OPENING_AUCTION)

    def set_phase(self, phase: SessionPhase) -> list[Told]:
        told = self.desk.ask(CommandKind.SET_PHASE, instrument=self.instrument, term=phase)
        if not any(event.kind == EventKind.PHASE_CHANGED for event in told):
            raise ValueError(f"the phase {phase.name} was refused")
        return told

    def do_uncross(self, step: Vector, expect: Vector, where: str) -> list[Told]:
        desk = self.desk
        rule = AuctionRule[step.get("algo") or "FOUR_STEP"]
        desk.set_term(InstrumentTerm.AUCTION_RULE, rule, self.instrument)
        if step.get("reference_price"):
            price = self.price(step["reference_price"])
            desk.set_term(InstrumentTerm.REFERENCE_PRICE, price, self.instrument)
        told = self.set_phase(SessionPhase.CONTINUOUS)
        found = next(event for event in told if event.kind == EventKind.UNCROSSED)
        if "price" in expect:
            self.differ(where, "price", self.price(expect["price"] or "0"), found.price)
        if expect.get("volume") is not None:
            self.differ(where, "volume", self.qty(expect["volume"]), found.order_qty)
        if expect.get("imbalance") is not None:
            sign = -1 if found.side == Side.SELL else 1
            surplus = sign * found.leaves_qty
            self.differ(where, "imbalance", self.qty(expect["imbalance"]), surplus)
        filled: Counter[str] = Counter()
        for event in told:
            if event.kind == EventKind.TRADE and event.flags & EventFlag.AUCTION:
                filled[self.name_of(event.order_id)] += event.last_qty
        if expect.get("filled_by_order") is not None:
            said = expect["filled_by_order"].items()
            wanted = {name: self.qty(qty) for name, qty in said if self.qty(qty)}
            self.differ(where, "filled_by_order", wanted, dict(filled))
        return told

    def name_of(self, order_id: int) -> str:
        return next((name for name, known in self.ids.items() if known == order_id), "?")

    def check_fills(self, expect: Vector, told: list[Told], where: str) -> None:
        if expect.get("fills") is None:
            return
        fills = [
            (
                self.name_of(event.contra_order_id),
                self.name_of(event.order_id),
                event.last_px,
                event.last_qty,
            )
            for event in told
            if event.kind == EventKind.TRADE and not event.flags & EventFlag.MAKER
        ]
        wanted = [
            (fill["maker"], fill["taker"], self.price(fill["price"]), self.qty(fill["qty"]))
            for fill in expect["fills"]
        ]
        if self.vector.get("compare") == "totals":
            self.differ(where, "fills", totals(wanted), totals(fills))
        else:
            self.differ(where, "fills", wanted, fills)

    def status(self, name: str) -> str:
        order_id = self.ids.get(name, 0)
        if order_id == 0:
            return "REJECTED"
        event = self.desk.orders[order_id]
        is_waiting = event.ord_status == OrdStatus.NEW and not event.flags & EventFlag.WORKING
        return "PENDING" if is_waiting else OrdStatus(event.ord_status).name

    def check_state(self, name: str, state: Vector, where: str) -> None:
        allowed = allowed_names(state)
        found = self.status(name)
        if allowed and found not in allowed:
            self.differences.append(f"{where}: {name} should be {sorted(allowed)}, is {found}")

    def check_end(self) -> None:
        where = "at the end"
        for name, state in (self.vector.get("final_orders") or {}).items():
            self.check_state(name, state, where)
            event = self.desk.orders.get(self.ids.get(name, 0))
            if state.get("filled") is not None:
                filled = event.cum_qty if event else 0
                self.differ(where, f"{name} filled", self.qty(state["filled"]), filled)
            if state.get("remaining") is not None:
                left = event.leaves_qty if event else 0
                self.differ(where, f"{name} remaining", self.qty(state["remaining"]), left)
            if state.get("prevented") is not None:
                lost = event.prevented_qty if event else 0
                self.differ(where, f"{name} prevented", self.qty(state["prevented"]), lost)
        bids, asks = self.desk.depth(self.instrument)
        for side, found in (("bids", bids), ("asks", asks)):
            levels = (self.vector.get("final_book") or {}).get(side)
            if levels is None:
                continue
            wanted = [(self.price(price), self.qty(qty)) for price, qty in levels]
            self.differ(where, side, wanted, found)
        self.check_hidden(where)

    def check_hidden(self, where: str) -> None:
        """Compare visible plus hidden quantity by price, where the vector tells it."""
        for side_name, levels in (self.vector.get("final_book_total_qty") or {}).items():
            side = Side.BUY if side_name == "bids" else Side.SELL
            totals: Counter[int] = Counter()
            for event in self.desk.orders.values():
                if event.leaves_qty and event.side == side and event.flags & EventFlag.WORKING:
                    totals[event.price] += event.leaves_qty
            wanted = {self.price(price): self.qty(qty) for price, qty in levels}
            self.differ(where, f"{side_name} with hidden quantity", wanted, dict(totals))
