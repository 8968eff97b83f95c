"""What may be said on the trading floor: one turn of talk becomes the fields of Commands.

alice buys 30 @ 10.05                          a LIMIT, good till cancelled
alice sells 30 at market                       also: buys for 300.00 at market
... ioc | fok | day | gtd 60 | at opening | at close      time in force; 60 s after the start
... post only                                  LIMIT_MAKER
... showing 10                                 iceberg
... stop 9.90 | take 11.00 | trailing 500      a stop; with a limit price its _LIMIT kind
... trailing profit 500                        a take-profit that trails
... stp decrement                              self-trade prevention; "stp none" when left out
... as a1                                      the order's text id
alice cancels a1 [if new | if partially filled] [calling it c1]
alice cancels everything | alice cancels list l1
alice amends a1 to 20 [calling it a2]
alice replaces a1: buys 20 @ 10.00 as a2 [or not at all | or anyway]
alice lists l1 as oco: sells 30 @ 11.00 post only as x | sells 30 stop 9.50 as y
phase closing auction [reference 10.00] [until 60] [cancelling all]
clock 60                                       a TICK, 60 s after the start
"""

import re

from protocol.terms import (
    CommandFlag,
    CommandKind,
    ListKind,
    OrdType,
    SessionPhase,
    Side,
    StpMode,
    TimeInForce,
)
from tests.desk import START_NS

Fields = dict[str, int | bytes]

PRICE = r"[\d.]+"
_CENTS = 100
_SECOND = 10**9

_ORDER = re.compile(r"(?P<side>buys|sells)(?: (?P<qty>-?\d+)| for (?P<money>[\d.]+))(?P<terms>.*)")
_TERMS: tuple[tuple[str, str], ...] = (
    ("price", rf"@ *({PRICE})"),
    ("market", r"(at market)"),
    ("time", r"(ioc|fok|day|at opening|at close)"),
    ("until", r"gtd (\d+)"),
    ("post", r"(post only)"),
    ("display", r"showing (\d+)"),
    ("stop", rf"stop ({PRICE})"),
    ("take", rf"take ({PRICE})"),
    ("trail", r"trailing (\d+)"),
    ("profit", r"trailing profit (\d+)"),
    ("stp", r"stp (\w+(?: (?:taker|maker|both))?)"),
    ("name", r"as (\w+)"),
)
_CANCEL = re.compile(
    r"cancels (?P<name>\w+)(?: if (?P<when>new|partially filled))?(?: calling it (?P<label>\w+))?"
)
_CANCEL_LIST = re.compile(r"cancels list (?P<name>\w+)(?: calling it (?P<label>\w+))?")
_AMEND = re.compile(r"amends (?P<name>\w+) to (?P<qty>-?\d+)(?: calling it (?P<label>\w+))?")
_REPLACE = re.compile(
    r"replaces (?P<name>\w+)(?: if (?P<when>new|partially filled))?: (?P<order>.*?)"
    r"(?P<anyway> or anyway)?(?: calling it (?P<label>\w+))?"
)
_LIST = re.compile(r"lists (?P<name>\w+) as (?P<kind>oco|otoco|oto): (?P<legs>.*)")
_PHASE = re.compile(
    rf"phase (?P<phase>[a-z ]+?)(?: reference (?P<price>{PRICE}))?(?: until (?P<until>\d+))?"
    r"(?P<cancelling> cancelling all)?"
)
_RESTRICTIONS = {
    "new": CommandFlag.ONLY_NEW,
    "partially filled": CommandFlag.ONLY_PARTIALLY_FILLED,
    None: 0,
}


class NotUnderstood(ValueError):
    """Nobody on the floor speaks like that."""


def cents(text: str) -> int:
    """Read a price with at most two decimals."""
    whole, _, fraction = text.partition(".")
    return int(whole) * _CENTS + int(fraction.ljust(2, "0") or "0")


def at_second(text: str) -> int:
    """Read a time, in seconds after the start."""
    return START_NS + int(text) * _SECOND


def market_turn(said: str) -> Fields | None:
    """Read what the floor itself says: a phase or the clock; None: somebody else speaks."""
    if said.startswith("clock "):
        return {"kind": CommandKind.TICK}
    found = _PHASE.fullmatch(said)
    if found is None:
        return None
    return {
        "kind": CommandKind.SET_PHASE,
        "term": SessionPhase[found["phase"].upper().replace(" ", "_")],
        "price": cents(found["price"] or "0"),
        "expire_ns": at_second(found["until"]) if found["until"] else 0,
        "flags": CommandFlag.CANCEL_ORDERS if found["cancelling"] else 0,
    }


def trader_turn(said: str) -> list[Fields]:
    """Read what a trader says, without the name: the fields of one Command, or of all legs."""
    if said == "cancels everything":
        return [{"kind": CommandKind.CANCEL_ALL}]
    for pattern, read in (
        (_CANCEL_LIST, _cancel_list),
        (_CANCEL, _cancel),
        (_AMEND, _amend),
        (_REPLACE, _replace),
    ):
        if found := pattern.fullmatch(said):
            return [read(found)]
    if found := _LIST.fullmatch(said):
        return _legs(found)
    return [_order(said)]


def _cancel_list(found: re.Match[str]) -> Fields:
    return {
        "kind": CommandKind.CANCEL_LIST,
        "list_cl_ord_id": found["name"].encode(),
        "cl_ord_id": (found["label"] or "").encode(),
    }


def _cancel(found: re.Match[str]) -> Fields:
    return {
        "kind": CommandKind.CANCEL,
        "target_cl_ord_id": found["name"].encode(),
        "cl_ord_id": (found["label"] or "").encode(),
        "flags": _RESTRICTIONS[found["when"]],
    }


def _amend(found: re.Match[str]) -> Fields:
    return {
        "kind": CommandKind.AMEND,
        "target_cl_ord_id": found["name"].encode(),
        "order_qty": int(found["qty"]),
        "cl_ord_id": (found["label"] or "").encode(),
    }


def _replace(found: re.Match[str]) -> Fields:
    anyway = CommandFlag.ALLOW_FAILURE if found["anyway"] else 0
    return {
        **_order(found["order"]),
        "kind": CommandKind.REPLACE,
        "target_cl_ord_id": found["name"].encode(),
        "list_cl_ord_id": (found["label"] or "").encode(),
        "flags": _RESTRICTIONS[found["when"]] | anyway,
    }


def _legs(found: re.Match[str]) -> list[Fields]:
    legs = [_order(leg.strip()) for leg in found["legs"].split("|")]
    for number, leg in enumerate(legs):
        leg.update(
            list_kind=ListKind[found["kind"].upper()],
            leg=number,
            legs=len(legs),
            list_cl_ord_id=found["name"].encode(),
        )
    return legs


def _order(said: str) -> Fields:
    found = _ORDER.fullmatch(said)
    if found is None:
        raise NotUnderstood(f"nobody on the floor understands {said!r}")
    given = _terms(found["terms"])
    fields: Fields = {
        "kind": CommandKind.ENTER,
        "side": Side.BUY if found["side"] == "buys" else Side.SELL,
        "ord_type": _type_of(given),
        "time_in_force": _time_of(given),
        "stp_mode": StpMode[given.get("stp", "none").upper().replace(" ", "_")],
        "price": cents(given.get("price", "0")),
        "order_qty": int(found["qty"] or 0),
        "quote_qty": cents(found["money"] or "0"),
        "stop_px": cents(given.get("stop") or given.get("take") or "0"),
        "trailing_bips": int(given.get("trail") or given.get("profit") or 0),
        "display_qty": int(given.get("display", 0)),
        "expire_ns": at_second(given["until"]) if "until" in given else 0,
        "cl_ord_id": given.get("name", "").encode(),
    }
    return fields


def _terms(said: str) -> dict[str, str]:
    """Read the terms of an order, in any order."""
    given: dict[str, str] = {}
    while said := said.strip():
        for name, pattern in _TERMS:
            if found := re.match(pattern + r"(?= |$)", said):
                given[name] = found[1]
                said = said[found.end() :]
                break
        else:
            raise NotUnderstood(f"nobody on the floor understands {said!r}")
    return given


def _type_of(given: dict[str, str]) -> OrdType:
    has_limit = "price" in given
    if "post" in given:
        return OrdType.LIMIT_MAKER
    if "take" in given or "profit" in given:
        return OrdType.TAKE_PROFIT_LIMIT if has_limit else OrdType.TAKE_PROFIT
    if "stop" in given or "trail" in given:
        return OrdType.STOP_LOSS_LIMIT if has_limit else OrdType.STOP_LOSS
    return OrdType.LIMIT if has_limit else OrdType.MARKET


def _time_of(given: dict[str, str]) -> TimeInForce:
    if "until" in given:
        return TimeInForce.GTD
    return TimeInForce[given.get("time", "gtc").upper().replace(" ", "_")]
