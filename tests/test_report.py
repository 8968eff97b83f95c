"""How benchmarks compare and report."""

import argparse
import io
import json
import sys
import types

import pytest
from rich.console import Console

from benchmarks.report import Report, Row, compare, machine, spread
from commands import Refused, bench


def figures(*values: float):
    remaining = list(values)
    return lambda: remaining.pop(0)


def test_subject_and_yardstick_take_turns_and_alternate_who_goes_first():
    order = ""

    def note(letter: str) -> float:
        nonlocal order
        order += letter
        return 1.0

    compare(lambda: note("s"), lambda: note("y"), 3, warm_ups=1)
    assert order == "ys" + "ys" + "sy" + "ys"


def test_the_ratio_is_the_median_of_the_pairs_so_that_a_drift_cancels_out():
    slow, fast = figures(9, 10, 20, 40), figures(9, 5, 10, 20)
    found = compare(slow, fast, 3)
    assert (found.value, found.yardstick, found.ratio, found.runs) == (20, 10, 2, 3)


def test_the_spread_says_how_far_the_runs_lie_apart():
    assert spread([9.0, 10.0, 12.0]) == pytest.approx(0.3)


def test_a_comparison_makes_the_row_of_a_report():
    row = compare(figures(1, 30), figures(1, 10), 1).row("one instrument", "ns", p99=2.5)
    assert (row.value, row.yardstick, row.ratio, row.p99, row.spread) == (30, 10, 3, 2.5, 0)


def test_a_report_is_one_json_object_of_the_agreed_form():
    report = Report("core", [Row("one instrument", 30.0, "ns", yardstick=10.0, ratio=3.0)])
    told = json.loads(report.as_json())
    assert told["bench"] == "core"
    assert {"case", "value", "unit", "yardstick", "ratio", "p50", "p99", "runs"} <= set(
        told["rows"][0]
    )
    assert {"cpu", "cores", "memory_gib", "python", "numba", "load"} <= set(machine())


def test_a_report_is_shown_with_its_machine_and_what_is_not_in_it():
    out = io.StringIO()
    rows = [Row("one instrument", 23456.0, "ns", yardstick=7.9, ratio=2.94, spread=0.04, runs=11)]
    Report("core", rows, excluded="the journal").show(Console(file=out, width=200))
    for part in ("core:", "23,456", "7.9", "2.94", "4%", "not in the numbers: the journal"):
        assert part in out.getvalue()


def test_a_narrow_report_has_its_notes_below():
    out = io.StringIO()
    rows = [
        Row("1 instrument, batch 1024", 93.4, "ns/command", yardstick=15.9, ratio=5.87, note="why")
    ]
    Report("core", rows).show(Console(file=out, width=80))
    assert "1 instrument, batch 1024: why" in out.getvalue()
    assert "ns/command" in out.getvalue()


def fake_bench(monkeypatch: pytest.MonkeyPatch, name: str, value: float) -> None:
    module = types.ModuleType(f"benchmarks.{name}_bench")
    module.run = lambda runs: Report(name, [Row("case", value, "ns", runs=runs)])
    monkeypatch.setitem(sys.modules, f"benchmarks.{name}_bench", module)


def test_bench_prints_one_json_object_as_its_last_line(monkeypatch, capsys):
    fake_bench(monkeypatch, "core", 30.0)
    assert bench.run(argparse.Namespace(name="core", runs=5, json=True)) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["bench"], told["rows"][0]["value"], told["rows"][0]["runs"]) == ("core", 30.0, 5)


def test_bench_all_puts_every_bench_into_one_object(monkeypatch, capsys):
    for number, name in enumerate(bench.BENCHES):
        fake_bench(monkeypatch, name, float(number))
    assert bench.run(argparse.Namespace(name="all", runs=1, json=True)) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [row["case"] for row in told["rows"]] == [f"{name}: case" for name in bench.BENCHES]


def test_bench_without_runs_is_refused():
    with pytest.raises(Refused, match="--runs is 0"):
        bench.run(argparse.Namespace(name="core", runs=0, json=False))
