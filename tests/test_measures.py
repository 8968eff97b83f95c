"""The figures of a market, on records small enough to check by hand."""

import pytest

from commands.recorded import record_of
from commands.steps import Amend, Cancel, Check, Enter, Skip
from crowd.measures import Record, Sample, measure
from protocol.terms import Side

SECOND = 1_000_000_000


def value(record, name):
    return {one.name: one.value for one in measure(record)}[name]


def record(samples, **more):
    return Record(samples=samples, trade_qtys=[10], **more)


def test_the_spread_is_told_in_hundredths_of_a_per_cent():
    told = record([Sample(9_990, 10_010, (5,), (5,))] * 40)
    assert value(told, "spread, median, bips") == pytest.approx(20)
    assert value(told, "spread, mean / median") == pytest.approx(1)


def test_depth_is_told_beside_the_best_level_of_the_same_side():
    told = record([Sample(99, 101, (10, 20), (30, 90)), Sample(99, 101, (10,), (10,))] * 20)
    assert value(told, "depth of level 2 / of level 1") == pytest.approx(110 / 40)
    assert value(told, "depth of level 5 / of level 1") == 0


def test_a_price_that_goes_up_and_down_in_turn_has_returns_against_each_other():
    told = record([Sample(99, 101, (1,), (1,)), Sample(100, 102, (1,), (1,))] * 50)
    assert value(told, "autocorrelation of returns, 1 s") == pytest.approx(-1, abs=0.05)
    assert value(told, "autocorrelation of absolute returns, 1 s") < 0
    assert value(told, "returns of 1 s, excess kurtosis") == pytest.approx(-2, abs=0.05)


def test_a_price_that_never_moves_has_no_shape():
    told = record([Sample(99, 101, (1,), (1,))] * 40)
    assert value(told, "returns of 1 s, deviation, bips") == 0
    assert value(told, "returns of 1 s, excess kurtosis") == 0
    assert value(told, "autocorrelation of returns, 1 s") == 0


def test_counts_are_told_as_ratios():
    told = record([Sample(99, 101, (1,), (1,))] * 40, limit_orders=50, takers=5, cancels=40)
    assert value(told, "cancels / limit orders") == pytest.approx(0.8)
    assert value(told, "limit orders / taking orders") == pytest.approx(10)


@pytest.mark.parametrize(
    "told",
    [
        Record(samples=[Sample(99, 101, (1,), (1,))] * 29, trade_qtys=[1]),
        Record(samples=[Sample(0, 101, (), (1,))] * 100, trade_qtys=[1]),
        Record(samples=[Sample(99, 101, (1,), (1,))] * 100),
    ],
)
def test_too_little_to_measure_is_refused(told):
    with pytest.raises(ValueError, match="too few to measure"):
        measure(told)


def test_a_recorded_flow_is_counted_and_sampled_every_second():
    steps = [
        Enter(0, "old", Side.BUY, 9_900, 50, note="rested before the file"),
        Enter(1, "b", Side.BUY, 10_000, 30),
        Enter(2, "a", Side.SELL, 10_010, 20),
        Check(SECOND, None, None),
        Enter(SECOND + 1, "x", Side.SELL, 10_000, 10, ioc=True, hit="b"),
        Amend(SECOND + 2, "a", 15),
        Skip(SECOND + 3, "why"),
        Cancel(3 * SECOND, "old"),
        Cancel(4 * SECOND, "a"),
    ]
    told = record_of(steps)
    assert (told.limit_orders, told.takers, told.cancels, told.trade_qtys) == (2, 1, 3, [10])
    assert told.samples == [
        Sample(10_000, 10_010, (30, 50), (20,)),
        Sample(10_000, 10_010, (20, 50), (15,)),
        Sample(10_000, 10_010, (20, 50), (15,)),
        Sample(10_000, 10_010, (20,), (15,)),
    ]
