import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matcher.bootstrap import check_accepted, opening_batches
from matcher.listings import read_listings
from matcher.trading_days import read_calendars
from protocol.board import AssetRow, InstrumentRow
from protocol.layout import Rows, rows_of
from protocol.records import Event
from protocol.rejects import RejectReason
from protocol.terms import (
    CommandKind,
    EventKind,
    InstrumentFeature,
    InstrumentTerm,
    OrdType,
    SessionPhase,
    StpMode,
)
from runtime.service import BadConfiguration

SHIPPED = tomllib.loads((Path(__file__).parent.parent / "conf" / "instruments.toml").read_text())
CALENDARS = read_calendars(
    tomllib.loads((Path(__file__).parent.parent / "conf" / "calendar.toml").read_text()), demo=False
)
MONDAY_NOON_NS = 1_796_058_000_000_000_000
"""2026-11-30 12:00 in New York."""
T = InstrumentTerm


def empty() -> dict[str, Any]:
    return {
        "assets": rows_of(AssetRow, 8),
        "instruments": rows_of(InstrumentRow, 4),
        "terms": np.zeros((4, 64), np.int64),
    }


def table(**changed: Any) -> dict[str, Any]:
    keys = {
        "base": "BTC",
        "quote": "USD",
        "price_decimals": 2,
        "qty_decimals": 5,
        "ladder_top": "1000.00",
        **changed,
    }
    return {
        "assets": {"BTC": 8, "USD": 6},
        "instruments": {"BTCUSD": {key: value for key, value in keys.items() if value is not None}},
    }


def carry_out(batches: list[Rows], blocks: dict[str, Any]) -> None:
    """Do to the blocks what the core does for administrative commands."""
    for row in (row for rows in batches for row in rows):
        if row["kind"] == CommandKind.ADD_ASSET:
            blocks["assets"][int(row["asset"])] = (row["amount"], 1, row["cl_ord_id"], 0)
        elif row["kind"] == CommandKind.ADD_INSTRUMENT:
            number = int(row["instrument"])
            blocks["instruments"]["symbol"][number] = row["cl_ord_id"]
            blocks["instruments"]["exists"][number] = 1
            blocks["terms"][number, :4] = [
                row["price"], row["order_qty"], row["asset"], row["term"],
            ]  # fmt: skip
        elif row["kind"] == CommandKind.SET_INSTRUMENT:
            blocks["terms"][int(row["instrument"]), int(row["term"])] = row["amount"]


def terms_of(rows: Rows) -> dict[InstrumentTerm, int]:
    chosen = rows[rows["kind"] == CommandKind.SET_INSTRUMENT]
    return {InstrumentTerm(int(row["term"])): int(row["amount"]) for row in chosen}


def test_everything_is_missing_at_the_first_start() -> None:
    batches = opening_batches(SHIPPED, empty(), CALENDARS, now_ns=MONDAY_NOON_NS)
    assets, *instruments = batches
    assert assets["kind"].tolist() == [CommandKind.ADD_ASSET] * 6
    assert assets["asset"].tolist() == list(range(6))
    assert assets["cl_ord_id"][0] == b"BTC"
    assert [rows["cl_ord_id"][0] for rows in instruments] == [
        symbol.encode() for symbol in SHIPPED["instruments"]
    ]
    for number, rows in enumerate(instruments):
        assert rows["kind"][0] == CommandKind.ADD_INSTRUMENT
        assert set(rows["kind"][1:-1]) == {CommandKind.SET_INSTRUMENT}
        assert (rows["kind"][-1], rows["term"][-1]) == (
            CommandKind.SET_PHASE,
            SessionPhase.CONTINUOUS,
        )
        assert (rows["instrument"] == number).all()


def test_nothing_is_left_to_do_once_all_was_done() -> None:
    blocks = empty()
    carry_out(opening_batches(SHIPPED, blocks, CALENDARS, now_ns=MONDAY_NOON_NS), blocks)
    assert opening_batches(SHIPPED, blocks, CALENDARS, now_ns=MONDAY_NOON_NS) == []


def test_a_later_start_sets_only_what_changed_and_no_phase() -> None:
    blocks = empty()
    carry_out(opening_batches(table(tick_size="0.01", maker_fee="0.001"), blocks), blocks)
    (rows,) = opening_batches(table(tick_size="0.01", maker_fee="0.002", phase="CLOSED"), blocks)
    assert terms_of(rows) == {T.MAKER_FEE_PPM: 2000}
    assert len(rows) == 1


def test_later_assets_and_instruments_get_the_next_numbers() -> None:
    blocks = empty()
    first = table()
    carry_out(opening_batches(first, blocks), blocks)
    first["assets"]["ETH"] = 8
    first["instruments"]["ETHUSD"] = {**first["instruments"]["BTCUSD"], "base": "ETH"}
    assets, instrument = opening_batches(first, blocks)
    assert (assets["asset"].tolist(), assets["cl_ord_id"].tolist()) == ([2], [b"ETH"])
    assert (instrument["instrument"][0], instrument["asset"][0], instrument["term"][0]) == (1, 2, 1)


def test_what_the_file_does_not_name_stays() -> None:
    blocks = empty()
    carry_out(opening_batches(table(min_notional="5"), blocks), blocks)
    assert opening_batches(table(), blocks) == []
    assert opening_batches({"assets": {}, "instruments": {}}, blocks) == []


def test_a_new_instrument_may_wait_before_its_opening() -> None:
    _, rows = opening_batches(table(phase="PRE_OPEN"), empty())
    assert CommandKind.SET_PHASE not in rows["kind"]


def test_a_new_instrument_with_a_calendar_opens_in_the_phase_of_the_hour() -> None:
    wanted = table(calendar="US_STOCKS", phase="CONTINUOUS")
    phases = []
    for hours in (-3, 0, 4, 24 * 5):
        now_ns = MONDAY_NOON_NS + hours * 3_600_000_000_000
        _, rows = opening_batches(wanted, empty(), CALENDARS, now_ns=now_ns)
        phases += [
            (
                SessionPhase(int(row["term"])).name,
                (int(row["expire_ns"]) - now_ns) // 60_000_000_000,
            )
            for row in rows
            if row["kind"] == CommandKind.SET_PHASE
        ]
    # At 9:00 it stays in PRE_OPEN; then with the minutes to the end of the phase.
    assert phases == [("CONTINUOUS", 230), ("CLOSED", 17 * 60), ("CLOSED", 45 * 60)]
    assert terms_of(rows)[T.CALENDAR] == 1


def test_a_calendar_goes_by_its_name_or_number_or_is_given_up() -> None:
    known = {"US_STOCKS": 1}
    for said, number in (("US_STOCKS", 1), (1, 1), ("", 0), (0, 0)):
        _, (listing,) = read_listings(table(calendar=said), known)
        assert listing.terms[T.CALENDAR] == number
    with pytest.raises(
        BadConfiguration, match=r"calendar is 'EU'; the file of calendars has US_ST"
    ):
        read_listings(table(calendar="EU"), known)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"price_decimals": 3}, "price_decimals is 2 for ever, not 3"),
        ({"qty_decimals": 4}, "qty_decimals is 5 for ever, not 4"),
        ({"base": "USD"}, "base_asset is 0 for ever, not 1"),
        ({"quote": "BTC"}, "quote_asset is 1 for ever, not 0"),
    ],
)
def test_what_cannot_change_is_refused(change: dict[str, Any], what: str) -> None:
    blocks = empty()
    carry_out(opening_batches(table(), blocks), blocks)
    with pytest.raises(BadConfiguration, match=what):
        opening_batches(table(**change), blocks)


def test_the_decimals_of_an_asset_cannot_change() -> None:
    blocks = empty()
    carry_out(opening_batches(table(), blocks), blocks)
    changed = table()
    changed["assets"]["USD"] = 7
    with pytest.raises(BadConfiguration, match=r"assets\.USD has 6 decimals for ever, not 7"):
        opening_batches(changed, blocks)


@pytest.mark.parametrize(
    ("key", "value", "terms"),
    [
        ("tick_size", "0.05", {T.TICK_SIZE: 5}),
        ("lot_size", "0.001", {T.LOT_SIZE: 100}),
        ("max_position", "2", {T.MAX_POSITION: 200_000}),
        ("min_notional", "5.5", {T.MIN_NOTIONAL: 5_500_000}),
        ("taker_fee", "0.0005", {T.TAKER_FEE_PPM: 500}),
        ("static_collar", "0.1", {T.STATIC_COLLAR: 1000}),
        ("volatility_auction_s", "2.5", {T.VOLATILITY_AUCTION_NS: 2_500_000_000}),
        ("max_num_orders", 7, {T.MAX_NUM_ORDERS: 7}),
        ("halt_cancels", True, {T.HALT_CANCELS: 1}),
        ("default_stp", "NONE", {T.DEFAULT_STP: StpMode.NONE}),
        ("allowed_stp", ["NONE", "DECREMENT"], {T.ALLOWED_STP: 1 << 1 | 1 << 5}),
        ("ord_types", ["LIMIT", "MARKET"], {T.ALLOWED_ORD_TYPES: 1 << OrdType.LIMIT | 4}),
        (
            "features",
            ["ICEBERG", "AMEND", "ICEBERG"],
            {T.FEATURES: InstrumentFeature.ICEBERG | InstrumentFeature.AMEND},
        ),
        (
            "percent_price",
            ["5", "0.2", "4", "0.25"],
            {
                T.BID_MULTIPLIER_UP: 50_000,
                T.BID_MULTIPLIER_DOWN: 2000,
                T.ASK_MULTIPLIER_UP: 40_000,
                T.ASK_MULTIPLIER_DOWN: 2500,
            },
        ),
        (
            "trailing_delta",
            [10, 2000, 20, 3000],
            {
                T.MIN_TRAILING_ABOVE: 10,
                T.MAX_TRAILING_ABOVE: 2000,
                T.MIN_TRAILING_BELOW: 20,
                T.MAX_TRAILING_BELOW: 3000,
            },
        ),
    ],
)
def test_each_key_is_read_in_its_own_unit(
    key: str, value: Any, terms: dict[InstrumentTerm, int]
) -> None:
    _, (listing,) = read_listings(table(**{key: value}))
    assert listing.terms == terms


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"tick_size": "0.001"}, r"BTCUSD\.tick_size is '0\.001'.*at most 2 decimals"),
        ({"tick_size": "-1"}, "decimal number"),
        ({"max_num_orders": "7"}, "whole number"),
        ({"max_num_orders": True}, "whole number"),
        ({"max_num_orders": 1 << 31}, "whole number"),
        ({"halt_cancels": 1}, "true or false"),
        ({"default_stp": "SOMETIMES"}, "one of DEFAULT, NONE"),
        ({"phase": 3}, "one of PRE_OPEN"),
        ({"features": "ICEBERG"}, "a list of names"),
        ({"percent_price": ["5", "0.2"]}, "a list of 4"),
        ({"tick": "0.01"}, r"BTCUSD\.tick is unknown; known are .*tick_size"),
        ({"base": "ETH"}, r"not among \[assets\]"),
        ({"price_decimals": 19}, "whole number from 0 to 18"),
        ({"ladder_top": None}, "ladder_top is missing"),
        ({"quote": None}, "quote is missing"),
    ],
)
def test_a_wrong_key_is_refused_by_name(change: dict[str, Any], what: str) -> None:
    with pytest.raises(BadConfiguration, match=what):
        read_listings(table(**change))


@pytest.mark.parametrize("name", ["", "BTC USD", "BTC-USD", "Ü", "A" * 37])
def test_symbols_and_codes_are_letters_and_digits(name: str) -> None:
    with pytest.raises(BadConfiguration, match="letters and digits"):
        read_listings({"assets": {name: 8}})
    found = table()
    found["instruments"] = {name: found["instruments"]["BTCUSD"]}
    with pytest.raises(BadConfiguration, match="letters and digits"):
        read_listings(found)


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(BadConfiguration, match="unknown table 'asset'; known are"):
        read_listings({"asset": {}})


def test_a_rejected_command_of_the_opening_is_told() -> None:
    events = rows_of(Event, 2)
    events["kind"] = EventKind.INSTRUMENT_CHANGED
    check_accepted(events)
    events["kind"][1], events["seq"][1] = EventKind.COMMAND_REJECTED, 17
    events["reason"][1] = RejectReason.INVALID_TERM
    with pytest.raises(BadConfiguration, match="INVALID_TERM at command 17"):
        check_accepted(events)
