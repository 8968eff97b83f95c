"""A market that lives by chance: seeded commands of every kind, for those who read their events.

Prices are close together and accounts few, so that most orders meet something. Account 0, which collects
the fees, trades too: it is an account like any other.
"""

from typing import Any

import numpy as np

from protocol.layout import Rows, rows_of
from protocol.records import ALL_INSTRUMENTS, Command
from protocol.terms import (
    AccountTerm,
    CommandKind,
    InstrumentTerm,
    ListKind,
    OrdType,
    SessionPhase,
    Side,
    StpMode,
    TimeInForce,
)

AT_NS = 1_767_225_600_000_000_000
ACCOUNTS = 4
INSTRUMENTS = 2
_LIMITS = (OrdType.LIMIT, OrdType.LIMIT_MAKER, OrdType.STOP_LOSS_LIMIT, OrdType.TAKE_PROFIT_LIMIT)


class Story:
    """Makes stamped Command rows, portion by portion; the same seed makes the same story."""

    def __init__(self, seed: int, step_ns: int = 5_000_000_000) -> None:
        self._random = np.random.default_rng(seed)
        self._step_ns = step_ns
        self._seq = 0
        self._at_ns = AT_NS
        self._orders = 0
        self._recent: list[tuple[int, int, str]] = []

    def opening(self) -> Rows:
        """Assets, instruments with fees, accounts with money; the markets open."""
        told: list[dict[str, Any]] = [
            {"kind": CommandKind.ADD_ASSET, "asset": number, "amount": 8, "cl_ord_id": code}
            for number, code in enumerate(("BTC", "ETH", "USD"))
        ]
        for number in range(INSTRUMENTS):
            told += self._new_instrument(number)
        told += [
            {"kind": CommandKind.ADD_ACCOUNT, "account": account, "cl_ord_id": f"trader {account}"}
            for account in range(1, ACCOUNTS)
        ]
        told += [
            {"kind": CommandKind.DEPOSIT, "account": account, "asset": asset, "amount": 10**13,
             "cl_ord_id": f"start-{account}-{asset}"}
            for account in range(ACCOUNTS)
            for asset in range(3)
        ]  # fmt: skip
        return self._stamped(told)

    def _new_instrument(self, number: int) -> list[dict[str, Any]]:
        added = {"kind": CommandKind.ADD_INSTRUMENT, "instrument": number, "asset": number, "term": 2,
                 "price": 2, "order_qty": 4, "amount": 2000, "cl_ord_id": f"PAIR{number}"}  # fmt: skip
        terms = (
            (InstrumentTerm.MAKER_FEE_PPM, 1000),
            (InstrumentTerm.TAKER_FEE_PPM, 2500),
            (InstrumentTerm.MAKER_FEE_PPM, 1500),
        )
        phases = (SessionPhase.OPENING_AUCTION, SessionPhase.CONTINUOUS)
        return [
            added,
            *({"kind": CommandKind.SET_INSTRUMENT, "instrument": number, "term": term, "amount": value}
              for term, value in terms),
            *({"kind": CommandKind.SET_PHASE, "instrument": number, "term": phase} for phase in phases),
        ]  # fmt: skip

    def portion(self, count: int) -> Rows:
        """About `count` further commands."""
        told: list[dict[str, Any]] = []
        while len(told) < count:
            told += self._any_commands()
        return self._stamped(told)

    def _any_commands(self) -> list[dict[str, Any]]:
        chance = float(self._random.random())
        if chance < 0.55:
            return [
                self._order(self._pick(_LIMITS if self._pick(range(4)) == 0 else (OrdType.LIMIT,)))
            ]
        if chance < 0.65:
            return [
                self._order(self._pick((OrdType.MARKET, OrdType.STOP_LOSS, OrdType.TAKE_PROFIT)))
            ]
        if chance < 0.75:
            return self._list()
        if chance < 0.97:
            return [self._about_an_order()]
        return [self._administration()]

    def _order(self, ord_type: OrdType) -> dict[str, Any]:
        self._orders += 1
        limit = ord_type in _LIMITS
        order: dict[str, Any] = {
            "kind": CommandKind.ENTER, "account": self._account(), "instrument": self._instrument(),
            "side": self._pick((Side.BUY, Side.SELL)), "ord_type": ord_type, "time_in_force": TimeInForce.GTC,
            "stp_mode": self._pick(tuple(StpMode)), "price": self._price() if limit else 0,
            "order_qty": self._pick(range(1, 30)) * 1000, "cl_ord_id": self._text_id(),
        }  # fmt: skip
        if order["cl_ord_id"]:
            self._recent.append((order["account"], order["instrument"], order["cl_ord_id"]))
        if "STOP" in ord_type.name or "PROFIT" in ord_type.name:
            order["stop_px"] = self._price()
        elif ord_type is OrdType.LIMIT:
            order["time_in_force"] = self._pick(
                (TimeInForce.GTC,) * 4 + (TimeInForce.IOC, TimeInForce.FOK)
            )
            if order["time_in_force"] == TimeInForce.GTC and self._pick(range(6)) == 0:
                order["display_qty"] = max(1, order["order_qty"] // 4)
            order["strategy_id"] = self._pick((0, 0, 77))
        return order

    def _list(self) -> list[dict[str, Any]]:
        kind = self._pick((ListKind.OCO, ListKind.OTO))
        side, qty = self._pick((Side.BUY, Side.SELL)), self._pick(range(1, 9)) * 1000
        away = -15 if side == Side.BUY else 15
        first = {**self._order(OrdType.LIMIT_MAKER), "price": 1000 + away}
        second = {
            **self._order(OrdType.STOP_LOSS_LIMIT),
            "stop_px": 1000 - away,
            "price": 1000 - away,
        }
        if kind == ListKind.OTO:
            first = {
                **self._order(OrdType.LIMIT),
                "display_qty": 0,
                "time_in_force": TimeInForce.GTC,
            }
        shared = {"list_kind": kind, "legs": 2, "order_qty": qty, "side": side}
        shared |= {"account": first["account"], "instrument": first["instrument"]}
        shared["list_cl_ord_id"] = f"list-{self._orders}"
        return [{**leg, **shared, "leg": number} for number, leg in enumerate((first, second))]

    def _about_an_order(self) -> dict[str, Any]:
        kind = self._pick(
            (CommandKind.CANCEL,) * 4 + (CommandKind.AMEND,) * 3 + (CommandKind.REPLACE,)
        )
        account, instrument, target = (
            self._pick(self._recent[-30:]) if self._recent else (0, 0, "none")
        )
        about: dict[str, Any] = {
            "kind": kind, "account": account, "instrument": instrument, "target_cl_ord_id": target,
            "cl_ord_id": self._pick(("", f"label-{self._seq}-{self._orders}")),
        }  # fmt: skip
        if kind == CommandKind.AMEND:
            about["order_qty"] = self._pick(range(1, 9)) * 1000
        elif kind == CommandKind.REPLACE:
            about = {**self._order(OrdType.LIMIT), **about, "cl_ord_id": self._text_id()}
        return about

    def _administration(self) -> dict[str, Any]:
        account, instrument = self._account(), self._instrument()
        return self._pick(
            (
                {"kind": CommandKind.CANCEL_ALL, "account": account, "instrument": ALL_INSTRUMENTS},
                {"kind": CommandKind.DEPOSIT, "account": account, "asset": 2, "amount": 12345},
                {"kind": CommandKind.WITHDRAW, "account": account, "asset": 1, "amount": 777,
                 "cl_ord_id": "a withdrawal"},
                {"kind": CommandKind.WITHDRAW, "account": 0, "asset": 2, "amount": 10},
                {"kind": CommandKind.SET_ACCOUNT, "account": account, "term": AccountTerm.FEE_TIER,
                 "amount": self._pick(range(3))},
                {"kind": CommandKind.SET_FEE_TIER, "term": 1, "price": self._pick(range(10_000)),
                 "order_qty": 5000},
                {"kind": CommandKind.SET_PHASE, "instrument": instrument, "term": SessionPhase.VOLATILITY_AUCTION},
                {"kind": CommandKind.SET_PHASE, "instrument": instrument, "term": SessionPhase.CONTINUOUS},
                {"kind": CommandKind.SET_PHASE, "instrument": instrument, "term": SessionPhase.CONTINUOUS},
                {"kind": CommandKind.TICK},
            )
        )  # fmt: skip

    def _stamped(self, told: list[dict[str, Any]]) -> Rows:
        rows = rows_of(Command, len(told))
        for row, fields in zip(rows, told, strict=True):
            for name, value in fields.items():
                row[name] = value
        rows["seq"] = self._seq + 1 + np.arange(len(told))
        rows["at_ns"] = self._at_ns + np.cumsum(self._random.integers(0, self._step_ns, len(told)))
        self._seq += len(told)
        self._at_ns = int(rows["at_ns"][-1])
        return rows

    def _text_id(self) -> str:
        return self._pick(("", f"mine-{self._orders}", f"{self._orders:032x}"))

    def _account(self) -> int:
        return int(self._random.integers(0, ACCOUNTS))

    def _instrument(self) -> int:
        return int(self._random.integers(0, INSTRUMENTS))

    def _price(self) -> int:
        return int(self._random.integers(985, 1016))

    def _pick(self, choices: Any) -> Any:
        return choices[int(self._random.integers(0, len(choices)))]
