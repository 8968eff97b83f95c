"""Event rows written by hand, for tests of those who read events."""

from typing import Any

from protocol.layout import Rows, rows_of
from protocol.records import Event
from protocol.terms import EventFlag, EventKind, OrdStatus, OrdType, Side, StpMode, TimeInForce

AT_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00 UTC."""

ORDER = {
    "instrument": 0,
    "side": Side.BUY,
    "ord_type": OrdType.LIMIT,
    "time_in_force": TimeInForce.GTC,
    "stp_mode": StpMode.EXPIRE_MAKER,
    "ord_status": OrdStatus.NEW,
    "price": 100,
    "order_qty": 10,
    "leaves_qty": 10,
    "created_ns": AT_NS,
    "working_ns": AT_NS,
}


def order(kind: EventKind, order_id: int, account: int, **fields: Any) -> dict[str, Any]:
    """Fields of an event about an order; what is not given is an untouched limit order."""
    given = {"flags": EventFlag.WORKING, "cl_ord_id": f"id-{order_id}", **ORDER, **fields}
    return {"kind": kind, "order_id": order_id, "account": account, **given}


def trade(maker: dict[str, Any], taker: dict[str, Any], **both: Any) -> list[dict[str, Any]]:
    """The two sides of a trade: order fields of each, and what both share."""
    sides = []
    for mine, other, flag in ((maker, taker, EventFlag.MAKER), (taker, maker, EventFlag(0))):
        fields = {
            **mine,
            **both,
            "kind": EventKind.TRADE,
            "contra_account": other["account"],
            "contra_order_id": other["order_id"],
        }
        fields["flags"] = fields["flags"] | flag
        sides.append(fields)
    return sides


def commands(*told: list[dict[str, Any]], first_seq: int = 1, first_event_seq: int = 1) -> Rows:
    """Event rows of commands, each a list of events; numbers, times and flag LAST are filled in."""
    rows = rows_of(Event, sum(len(events) for events in told))
    index = 0
    for number, events in enumerate(told):
        for position, fields in enumerate(events):
            row = rows[index]
            row["seq"], row["event_seq"] = first_seq + number, first_event_seq + index
            row["at_ns"] = AT_NS + number
            for name, value in fields.items():
                row[name] = value
            if position == len(events) - 1:
                row["flags"] |= EventFlag.LAST
            index += 1
    return rows


def opening() -> list[list[dict[str, Any]]]:
    """Commands that make assets 0 (A) and 1 (B), instrument 0 (AB) and accounts 1, 2 with money."""
    assets = [
        [{"kind": EventKind.ASSET_ADDED, "asset": number, "order_qty": 8, "cl_ord_id": code}]
        for number, code in enumerate("AB")
    ]
    instrument = {
        "kind": EventKind.INSTRUMENT_ADDED, "instrument": 0, "asset": 0, "order_count": 1,
        "price": 2, "order_qty": 3, "cl_ord_id": "AB",
    }  # fmt: skip
    accounts = [
        [{"kind": EventKind.ACCOUNT_ADDED, "account": number, "cl_ord_id": name}]
        for number, name in ((1, "alice"), (2, "bob"))
    ]
    deposits = [
        [
            {
                "kind": EventKind.DEPOSITED, "account": account, "asset": asset,
                "last_qty": 1000, "base_free": 1000, "cl_ord_id": f"ref-{account}-{asset}",
            }
        ]
        for account in (1, 2)
        for asset in (0, 1)
    ]  # fmt: skip
    return [*assets, [instrument], *accounts, *deposits]
