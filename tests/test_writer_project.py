"""Events become rows: orders, trades, amends, prevented matches, lists, and the rest."""

from typing import Any

import numpy as np
import pytest

from protocol.layout import Rows
from protocol.terms import AccountTerm, EventFlag, EventKind, ExpiryReason, OrdStatus, Side, StpMode
from tests.event_rows import AT_NS, commands, opening, order, trade
from writer.ledger import Holdings
from writer.project import Batch, project, whole_commands


def projected(*told: list[dict[str, Any]]) -> Batch:
    return project(commands(*opening(), *told), Holdings())


def later(events: Rows, cut: int) -> tuple[Batch, Batch]:
    """Project the events in two batches."""
    holdings = Holdings()
    return project(events[:cut], holdings), project(events[cut:], holdings)


def test_an_accepted_order_is_a_row_with_every_field_of_its_event() -> None:
    batch = projected(
        [
            order(
                EventKind.ACCEPTED,
                7,
                1,
                strategy_id=5,
                strategy_type=1_000_001,
                list_id=3,
                stop_px=9,
            )
        ]
    )
    (row,) = batch.appended["orders"]
    assert row["order_id"] == 7
    assert row["account"] == 1
    assert row["cl_ord_id"] == b"id-7"
    assert (row["strategy_id"], row["strategy_type"], row["list_id"], row["stop_px"]) == (
        5,
        1_000_001,
        3,
        9,
    )
    assert row["entered_qty"] == row["order_qty"] == row["leaves_qty"] == 10
    assert row["working"]
    assert row["reason"] == 0
    assert row["event_seq"] == batch.event_seq
    assert len(batch.changed_orders) == 0


def test_a_rejected_order_makes_no_row_but_moves_the_watermark() -> None:
    batch = projected([order(EventKind.REJECTED, 0, 1, ord_status=OrdStatus.REJECTED)])
    assert all(
        len(rows) == 0
        for name, rows in batch.appended.items()
        if name not in ("ledger", "balances", "transfers")
    )
    assert batch.seq == 10


def test_an_order_that_changes_in_its_own_batch_is_written_once_as_it_ends() -> None:
    batch = projected(
        [order(EventKind.ACCEPTED, 1, 1)],
        [order(EventKind.REPLACED, 1, 1, order_qty=6, leaves_qty=6)],
        [
            order(
                EventKind.EXPIRED,
                1,
                1,
                order_qty=6,
                leaves_qty=0,
                ord_status=OrdStatus.EXPIRED,
                reason=ExpiryReason.END_OF_DAY,
            )
        ],
    )
    (row,) = batch.appended["orders"]
    assert (row["entered_qty"], row["order_qty"], row["leaves_qty"]) == (10, 6, 0)
    assert row["ord_status"] == OrdStatus.EXPIRED
    assert row["reason"] == ExpiryReason.END_OF_DAY


def test_an_order_of_an_earlier_batch_is_changed_not_added() -> None:
    events = commands(
        *opening(),
        [order(EventKind.ACCEPTED, 1, 1)],
        [order(EventKind.CANCELED, 1, 1, leaves_qty=0, ord_status=OrdStatus.CANCELED, reason=0)],
    )
    _, batch = later(events, len(events) - 1)
    assert len(batch.appended["orders"]) == 0
    (row,) = batch.changed_orders
    assert (row["order_id"], row["ord_status"], row["leaves_qty"]) == (1, OrdStatus.CANCELED, 0)
    assert row["updated_ns"] == AT_NS + 10
    assert len(batch.renamed_orders) == 0


def test_the_reason_is_that_of_an_expiry_only() -> None:
    batch = projected(
        [order(EventKind.ACCEPTED, 1, 1)], [order(EventKind.CANCELED, 1, 1, reason=3)]
    )
    assert batch.appended["orders"]["reason"].tolist() == [0]


def test_the_two_sides_of_a_trade_are_one_row() -> None:
    maker = order(EventKind.TRADE, 1, 1, side=Side.SELL, fee=1, asset=1, list_id=4)
    taker = order(EventKind.TRADE, 2, 2, side=Side.BUY, fee=2, asset=0)
    batch = projected(
        [order(EventKind.ACCEPTED, 1, 1, side=Side.SELL)],
        [
            order(EventKind.ACCEPTED, 2, 2),
            *trade(
                maker, taker, last_px=100, last_qty=10, trade_id=100000001, agg_trade_id=100000001
            ),
        ],
    )
    (row,) = batch.appended["trades"]
    assert (
        row["maker_order_id"],
        row["maker_account"],
        row["maker_fee"],
        row["maker_fee_asset"],
    ) == (1, 1, 1, 1)
    assert (
        row["taker_order_id"],
        row["taker_account"],
        row["taker_fee"],
        row["taker_fee_asset"],
    ) == (2, 2, 2, 0)
    assert (row["maker_list_id"], row["taker_list_id"]) == (4, 0)
    assert (row["price"], row["qty"], row["trade_id"], row["side"]) == (
        100,
        10,
        100000001,
        Side.BUY,
    )
    assert row["event_seq"] == batch.event_seq - 1
    assert not row["auction"]


def test_a_trade_of_an_uncross_is_marked() -> None:
    sides = trade(order(EventKind.TRADE, 1, 1), order(EventKind.TRADE, 2, 2), trade_id=1)
    for side in sides:
        side["flags"] |= EventFlag.AUCTION
    batch = projected([order(EventKind.ACCEPTED, 1, 1)], [order(EventKind.ACCEPTED, 2, 2)], sides)
    assert batch.appended["trades"]["auction"].tolist() == [True]


def test_a_trade_without_its_other_side_stops_the_writer() -> None:
    sides = trade(order(EventKind.TRADE, 1, 1), order(EventKind.TRADE, 2, 2), trade_id=1)
    with pytest.raises(AssertionError, match="lacks a side"):
        projected([sides[0]])


def test_an_amend_keeps_the_old_text_id_that_its_label_told() -> None:
    label = {"kind": EventKind.LABELED, "order_id": 1, "account": 1, "cl_ord_id": "id-1"}
    events = commands(
        *opening(),
        [order(EventKind.ACCEPTED, 1, 1)],
        [label, order(EventKind.REPLACED, 1, 1, order_qty=6, cl_ord_id="new")],
        [order(EventKind.REPLACED, 1, 1, order_qty=5, cl_ord_id="new")],
    )
    _, batch = later(events, len(events) - 3)
    rows = batch.appended["amendments"]
    assert rows["orig_cl_ord_id"].tolist() == [b"id-1", b"new"]
    assert rows["cl_ord_id"].tolist() == [b"new", b"new"]
    assert rows["order_qty"].tolist() == [6, 5]
    assert batch.renamed_orders["cl_ord_id"].tolist() == [b"new"]


def test_a_label_of_a_cancel_says_nothing_about_an_amend_of_another_command() -> None:
    label = {"kind": EventKind.LABELED, "order_id": 1, "account": 1, "cl_ord_id": "cancel-id"}
    batch = projected(
        [order(EventKind.ACCEPTED, 1, 1)],
        [order(EventKind.REPLACED, 1, 1, order_qty=6)],
        [label, order(EventKind.CANCELED, 1, 1, ord_status=OrdStatus.CANCELED)],
    )
    assert batch.appended["amendments"]["orig_cl_ord_id"].tolist() == [b"id-1"]


PREVENTED = {"trade_id": 0, "last_px": 100}


def test_a_prevented_match_that_took_from_both_is_one_row_with_the_takers_mode() -> None:
    sides = trade(
        order(EventKind.PREVENTED, 1, 1, last_qty=4, stp_mode=StpMode.EXPIRE_MAKER),
        order(EventKind.PREVENTED, 2, 1, last_qty=4, stp_mode=StpMode.DECREMENT),
        **PREVENTED,
    )
    batch = projected(
        [order(EventKind.ACCEPTED, 1, 1)],
        [
            order(EventKind.ACCEPTED, 2, 1),
            *[{**side, "kind": EventKind.PREVENTED} for side in sides],
        ],
    )
    (row,) = batch.appended["prevented_matches"]
    assert (row["prevented_id"], row["maker_order_id"], row["taker_order_id"]) == (0, 1, 2)
    assert (row["maker_qty"], row["taker_qty"], row["stp_mode"]) == (4, 4, StpMode.DECREMENT)


@pytest.mark.parametrize(
    ("flag", "ids", "quantities", "mode"),
    [
        (EventFlag.MAKER, (1, 2), (4, 0), StpMode.EXPIRE_MAKER),
        (EventFlag(0), (2, 1), (0, 4), StpMode.EXPIRE_TAKER),
    ],
)
def test_a_prevented_match_that_took_from_one_side_names_both(
    flag: EventFlag, ids: tuple[int, int], quantities: tuple[int, int], mode: StpMode
) -> None:
    stp_mode = StpMode.NONE if flag else StpMode.EXPIRE_TAKER
    event = order(
        EventKind.PREVENTED,
        1,
        1,
        last_qty=4,
        contra_order_id=2,
        contra_account=2,
        stp_mode=stp_mode,
    )
    event = {**event, **PREVENTED, "flags": flag}
    batch = projected([order(EventKind.ACCEPTED, 1, 1)], [event])
    (row,) = batch.appended["prevented_matches"]
    assert (row["maker_order_id"], row["taker_order_id"]) == ids
    assert (row["maker_qty"], row["taker_qty"]) == quantities
    assert row["stp_mode"] == mode


def test_two_prevented_matches_side_by_side_stay_two() -> None:
    events = [
        {
            **order(EventKind.PREVENTED, 1, 1, last_qty=4),
            "trade_id": number,
            "flags": EventFlag.MAKER,
        }
        for number in (0, 1)
    ]
    batch = projected([order(EventKind.ACCEPTED, 1, 1)], events)
    assert batch.appended["prevented_matches"]["prevented_id"].tolist() == [0, 1]
    assert batch.appended["prevented_matches"]["taker_qty"].tolist() == [0, 0]


def test_a_list_is_one_row_from_its_opening_to_its_end() -> None:
    about = {"account": 1, "list_id": 1, "ord_type": 1, "order_count": 2, "cl_ord_id": "oco"}
    opened = {"kind": EventKind.LIST_OPENED, **about}
    done = {"kind": EventKind.LIST_DONE, **about}
    events = commands(*opening(), [opened], [done])
    first, second = later(events, len(events) - 1)
    (row,) = first.replaced["order_lists"]
    assert (row["list_kind"], row["done"], row["order_count"], row["cl_ord_id"]) == (
        1,
        False,
        2,
        b"oco",
    )
    assert row["created_ns"] == AT_NS + 9
    (row,) = second.replaced["order_lists"]
    assert row["done"]
    assert row["updated_ns"] == AT_NS + 10


def test_administration_becomes_rows() -> None:
    batch = projected(
        [{"kind": EventKind.INSTRUMENT_CHANGED, "order_count": 6, "order_qty": 5}],
        [{"kind": EventKind.INSTRUMENT_CHANGED, "order_count": 6, "order_qty": 10}],
        [
            {
                "kind": EventKind.ACCOUNT_CHANGED,
                "account": 2,
                "order_count": AccountTerm.FEE_TIER,
                "order_qty": 3,
            }
        ],
        [{"kind": EventKind.FEE_TIER_CHANGED, "order_count": 3, "price": 5000, "order_qty": 7500}],
        [{"kind": EventKind.PHASE_CHANGED, "ord_status": 3, "price": 101, "expire_ns": 77}],
        [
            {
                "kind": EventKind.UNCROSSED,
                "price": 99,
                "order_qty": 8,
                "leaves_qty": 1,
                "side": Side.SELL,
            }
        ],
    )
    assert batch.added["assets"].tolist() == [(0, b"A", 8), (1, b"B", 8)]
    assert batch.added["instruments"].tolist() == [(0, b"AB", 0, 1, 2, 3, AT_NS + 2)]
    assert batch.added["accounts"]["name"].tolist() == [b"alice", b"bob"]
    assert batch.replaced["instrument_terms"].tolist() == [(0, 6, 10, batch.event_seq - 4)]
    assert batch.account_terms == [("fee_tier", 3, 2)]
    assert batch.replaced["fee_tiers"].tolist() == [(3, 5000, 7500)]
    assert batch.appended["phases"].tolist() == [(batch.event_seq - 1, 0, 3, 101, AT_NS + 13, 77)]
    assert batch.appended["auctions"].tolist() == [(batch.event_seq, 0, 99, 8, 1, 1, AT_NS + 14)]


def test_a_withdrawal_is_a_negative_transfer() -> None:
    batch = projected(
        [
            {
                "kind": EventKind.WITHDRAWN,
                "account": 2,
                "asset": 1,
                "last_qty": 300,
                "base_free": 700,
                "cl_ord_id": "out",
            }
        ]
    )
    rows = batch.appended["transfers"]
    assert rows["amount"].tolist() == [1000, 1000, 1000, 1000, -300]
    assert rows["reference"][-1] == b"out"


def test_only_whole_commands_are_taken() -> None:
    events = commands(
        [order(EventKind.ACCEPTED, 1, 1)],
        [order(EventKind.ACCEPTED, 2, 1), order(EventKind.RESTED, 2, 1)],
    )
    assert whole_commands(events) == 3
    assert whole_commands(events[:2]) == 1
    assert whole_commands(events[1:2]) == 0
    assert whole_commands(events[:0]) == 0


def test_the_watermark_goes_from_batch_to_batch_without_a_gap() -> None:
    first, second = later(commands(*opening(), [order(EventKind.ACCEPTED, 1, 1)]), 4)
    assert (first.previous_event_seq, first.event_seq, first.seq) == (0, 4, 4)
    assert (second.previous_event_seq, second.event_seq, second.seq) == (4, 10, 10)
    assert second.at_ns == AT_NS + 9


def test_a_batch_names_the_days_of_its_partitioned_rows() -> None:
    sides = trade(order(EventKind.TRADE, 1, 1), order(EventKind.TRADE, 1, 1), trade_id=1)
    batch = projected(
        [order(EventKind.ACCEPTED, 1, 1)],
        [{**side, "at_ns": AT_NS + 2 * 86_400_000_000_000} for side in sides],
    )
    assert np.diff(batch.days).tolist() == [2]
