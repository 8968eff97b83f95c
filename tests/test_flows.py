"""Recorded flows are read into steps; what a record cannot promise is told, never invented."""

import dataclasses
import gzip
import json
import os
import pathlib

import pytest

from commands import flows, lobster, replay
from commands.core_venue import CoreVenue
from commands.steps import Amend, Cancel, Check, Enter, Skip, Step
from protocol.terms import Side

BUY, SELL = Side.BUY, Side.SELL
_BESIDE = pathlib.Path(__file__).parents[2] / "shared" / "market-data"
RECORDED = pathlib.Path(os.environ.get("OPENBOURSE_MARKET_DATA", _BESIDE))
AAPL = RECORDED / "lobster_aapl_l3"
AMZN = RECORDED / "lobster_amzn_l1" / "AMZN_2012-06-21_0930-1300_message_1.csv"
with_recordings = pytest.mark.skipif(
    not RECORDED.is_dir(),
    reason="no recordings in ../shared/market-data, and OPENBOURSE_MARKET_DATA names no others",
)

FLOW = """
{"t":"34200.004241176","op":"new","id":"L1","side":"SELL","type":"LIMIT","tif":"GTC","price":"587.00","qty":100,"note":"rested before 09:30"}
{"t":"34200.5","op":"new","id":"X2","side":"BUY","type":"LIMIT","tif":"IOC","price":"587.00","qty":40,"hit":"L1"}
{"t":"34201","op":"amend","id":"L1","qty":70}
{"t":"34202","op":"check","bids":[],"asks":[["587.00",30]],"levels":[0,1],"open_orders":1}
{"t":"34203","op":"cancel","id":"L1"}
"""


def _write(path: pathlib.Path, text: str) -> pathlib.Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def _lobster(rows: str, orderbook: str | None = None) -> list[Step]:
    return lobster.steps(rows, orderbook)


@pytest.mark.parametrize("name", ["day.flow.jsonl", "day.flow.jsonl.gz"])
def test_each_line_of_a_flow_is_a_step(tmp_path: pathlib.Path, name: str) -> None:
    assert flows.read(_write(tmp_path / name, FLOW)) == [
        Enter(34200_004241176, "L1", SELL, 58700, 100, note="rested before 09:30"),
        Enter(34200_500000000, "X2", BUY, 58700, 40, ioc=True, hit="L1"),
        Amend(34201_000000000, "L1", 70),
        Check(34202_000000000, (), ((58700, 30),), (0, 1), 1),
        Cancel(34203_000000000, "L1"),
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"op": "trade"}, "unknown op 'trade'"),
        ({"type": "MARKET"}, "MARKET GTC order"),
        ({"tif": "FOK"}, "LIMIT FOK order"),
        ({"price": "1.005"}, "1.005"),
        ({"side": "SHORT"}, "SHORT"),
        ({"qty": None}, "line 1"),
    ],
)
def test_a_line_that_is_no_step_is_named(
    tmp_path: pathlib.Path, change: dict[str, str], told: str
) -> None:
    row = json.loads(FLOW.split("\n")[1]) | change
    with pytest.raises(flows.NotAFlow, match="line 1") as refusal:
        flows.read(_write(tmp_path / "a.flow.jsonl", json.dumps(row)))
    assert told in str(refusal.value)


def test_a_file_of_another_name_is_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(flows.NotAFlow, match="expected the name"):
        flows.read(_write(tmp_path / "trades.csv", "1,2,3"))


def test_a_file_that_is_not_gzip_is_refused(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.flow.jsonl.gz"
    path.write_bytes(b"plain text")
    with pytest.raises((flows.NotAFlow, OSError)):
        flows.read(path)


def test_an_execution_is_an_ioc_that_must_hit_the_head_of_the_queue() -> None:
    rows = "1.0,1,10,100,5850000,-1\n2.0,1,11,50,5850000,-1\n3.0,4,10,30,5850000,-1"
    assert _lobster(rows) == [
        Enter(1_000000000, "L10", SELL, 58500, 100),
        Enter(2_000000000, "L11", SELL, 58500, 50),
        Enter(3_000000000, "X2", BUY, 58500, 30, ioc=True, hit="L10"),
    ]


def test_an_execution_out_of_queue_order_is_told_as_a_skip() -> None:
    rows = (
        "1.0,1,10,100,5850000,1\n2.0,1,11,50,5850000,1\n"
        "3.0,4,11,20,5850000,1\n4.0,4,11,30,5850000,1"
    )
    assert _lobster(rows)[2:] == [
        Skip(3_000000000, lobster.OUT_OF_ORDER),
        Amend(3_000000000, "L11", 30, lobster.OUT_OF_ORDER),
        Skip(4_000000000, lobster.OUT_OF_ORDER),
        Cancel(4_000000000, "L11", lobster.OUT_OF_ORDER),
    ]


def test_an_amend_names_the_total_quantity_with_the_filled_part() -> None:
    rows = "1.0,1,10,100,5850000,1\n2.0,4,10,30,5850000,1\n3.0,2,10,20,5850000,1"
    assert _lobster(rows)[2] == Amend(3_000000000, "L10", 80)


def test_orders_never_entered_stand_where_their_ids_place_them() -> None:
    rows = (
        "1.0,1,10,100,5850000,1\n2.0,1,30,100,5840000,1\n"
        "3.0,3,20,40,5850000,1\n4.0,4,5,60,5860000,1\n5.0,3,5,10,5860000,1"
    )
    assert _lobster(rows)[:4] == [
        Enter(1_000000000, "L5", BUY, 58600, 70, note="rested before the file"),
        Enter(1_000000000, "L10", BUY, 58500, 100),
        Enter(2_000000000, "L20", BUY, 58500, 40, note="entered out of view"),
        Enter(2_000000000, "L30", BUY, 58400, 100),
    ]


def test_hidden_executions_and_halts_are_left_out() -> None:
    assert _lobster("1.0,5,0,100,5850050,1\n2.0,7,0,0,-1,-1\n3.0,1,1,10,5850000,1") == [
        Enter(3_000000000, "L1", BUY, 58500, 10)
    ]


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("", "no rows"),
        ("1.0,1,10,100,5850000", "row 1"),
        ("1.0,1,10,100,5850000,1\n1.0,9,10,100,5850000,1", "row 2"),
        ("1.0,1,10,100,5850050,1", "whole cents"),
        ("1.0,1,10,100,5850000,1\n2.0,3,10,101,5850000,1", "row 2 takes 101"),
    ],
)
def test_a_row_that_cannot_be_understood_is_named(rows: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        _lobster(rows)


def test_every_500th_row_of_a_file_without_orderbook_checks_five_levels() -> None:
    rows = [f"{n}.0,1,{n},10,{5800000 + n % 7 * 100},1" for n in range(1, 1001)]
    checks = [step for step in _lobster("\n".join(rows)) if isinstance(step, Check)]
    assert [check.at_ns for check in checks] == [500_000000000, 1000_000000000]
    assert checks[0].bids is not None
    assert [price for price, _ in checks[0].bids] == [58006, 58005, 58004, 58003, 58002]
    assert (checks[0].level_counts, checks[0].open_orders) == ((7, 0), 500)


MESSAGES = """Time,Type,OrderId,Size,Price,Direction
1.0,1,10,100,5850000,1
2.0,1,11,20,5850100,1
3.0,3,11,20,5850100,1
4.0,3,10,100,5850000,1
5.0,4,7,30,5840000,1
"""


def test_a_determined_best_price_is_checked_and_a_revealed_one_is_fitted() -> None:
    book = """BestAsk,BestAskVolume,BestBid,BestBidVolume
5860000,40,5850000,100
5860000,40,5850100,20
5860000,40,5850000,100
5860000,40,5840000,75
5860000,40,5840000,45
"""
    steps = _lobster(MESSAGES, book)
    ask = ((58600, 40),)
    assert steps[:2] == [
        Enter(1_000000000, "L7", BUY, 58400, 30, note="rested before the file"),
        Enter(1_000000000, "L10", BUY, 58500, 100),
    ]
    assert [step for step in steps if isinstance(step, Check)] == [
        Check(1_000000000, ((58500, 100),), None),
        Check(2_000000000, ((58501, 20),), ask),
        Check(3_000000000, ((58500, 100),), ask),
        Check(4_000000000, None, ask),
        Check(5_000000000, ((58400, 45),), ask),
    ]
    revealed = [step for step in steps if isinstance(step, Enter) and step.order[0] == "F"]
    assert [(order.order, order.price, order.qty) for order in revealed] == [
        ("F1", 58600, 40),
        ("F2", 58400, 45),
    ]


def test_what_left_out_of_view_is_cancelled_when_its_level_is_revealed() -> None:
    rows = (
        "1.0,1,10,100,5850000,1\n2.0,1,11,60,5850000,1\n3.0,1,12,5,5850100,1\n"
        "4.0,3,12,5,5850100,1\n5.0,3,11,40,5850000,1"
    )
    book = (
        "5860000,1,5850000,100\n5860000,1,5850000,160\n5860000,1,5850100,5\n"
        "5860000,1,5850000,40\n5860000,1,5840000,9"
    )
    fitted = [step for step in _lobster(rows, book) if step.at_ns == 4_000000000]
    assert fitted == [
        Cancel(4_000000000, "L12"),
        Cancel(4_000000000, "L10"),
        Amend(4_000000000, "L11", 40),
        Skip(4_000000000, "a level comes into view whose orders the file does not name"),
        Check(4_000000000, None, ((58600, 1),)),
    ]


def test_an_order_named_while_its_level_is_the_best_stood_there_when_it_was_revealed() -> None:
    rows = "1.0,1,10,10,5850000,1\n2.0,3,10,10,5850000,1\n3.0,4,90,30,5840000,1"
    book = "5860000,1,5850000,10\n5860000,1,5840000,75\n5860000,1,5840000,45"
    revealed = [step for step in _lobster(rows, book) if step.at_ns >= 2_000000000]
    told = "a level comes into view whose orders the file does not name"
    assert revealed == [
        Cancel(2_000000000, "L10"),
        Enter(2_000000000, "L90", BUY, 58400, 30, note=told),
        Enter(2_000000000, "F2", BUY, 58400, 45, note=told),
        Skip(2_000000000, told),
        Check(2_000000000, None, ((58600, 1),)),
        Enter(3_000000000, "X2", SELL, 58400, 30, ioc=True, hit="L90"),
        Check(3_000000000, ((58400, 45),), ((58600, 1),)),
    ]


def test_an_orderbook_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="5 message rows, but 1 orderbook rows"):
        _lobster(MESSAGES, "5860000,40,5850000,100")


@with_recordings
def test_the_message_file_gives_the_recorded_flow() -> None:
    (flow_file,) = AAPL.glob("*.flow.jsonl.gz")
    (message_file,) = AAPL.glob("*_message_50.csv.gz")
    flow, read = flows.read(flow_file), flows.read(message_file)
    entered = {step.order for step in read if isinstance(step, Enter)}
    # The flow was made from the whole day; four of its orders are named only after this file's end.
    only_there = {step.order for step in flow if isinstance(step, Enter)} - entered
    assert len(only_there) == 4

    def plain(step: Step) -> Step:
        if isinstance(step, Check):
            return dataclasses.replace(step, level_counts=None, open_orders=None)
        return step if isinstance(step, Skip) else dataclasses.replace(step, note="")

    ours = [plain(step) for step in read if not isinstance(step, Skip)]
    theirs = [plain(step) for step in flow if getattr(step, "order", "") not in only_there]
    assert ours == theirs


@with_recordings
@pytest.mark.slow
def test_a_level_one_file_determines_most_of_what_it_shows() -> None:
    steps = flows.read(AMZN)
    sides = [side for step in steps if isinstance(step, Check) for side in (step.bids, step.asks)]
    hits = sum(isinstance(step, Enter) and step.hit != "" for step in steps)
    out_of_order = sum(
        isinstance(step, Skip) and step.reason == lobster.OUT_OF_ORDER for step in steps
    )
    assert (len(sides), sides.count(None)) == (2 * 31099, 3674)
    assert (hits, out_of_order) == (4170, 112)
    assert replay.play(steps, CoreVenue()).failures == []


@with_recordings
@pytest.mark.slow
def test_the_core_plays_the_recorded_flow_as_it_was() -> None:
    (flow_file,) = AAPL.glob("*.flow.jsonl.gz")
    steps = flows.read(flow_file)
    hits = sum(isinstance(step, Enter) and step.hit != "" for step in steps)
    checks = sum(isinstance(step, Check) for step in steps)
    tally = replay.play(steps, CoreVenue())
    assert tally.failures == []
    assert tally.passed == hits + checks > 2000
