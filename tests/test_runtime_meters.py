"""Meters in shared memory, trails of the last batches, and the metrics made of them."""

import os

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from matcher.stages import Stages
from office import metrics
from protocol.layout import rows_of
from protocol.records import Command, Event
from runtime import clock
from runtime.meters import BOUNDS_NS, LONGEST_NS, Meter, Meters, readings
from runtime.trail import ROWS, Trail, TrailReader, trails

MS = 1_000_000
HISTOGRAM = Meter("openbourse_wait_seconds", "histogram", "A wait.", {"stage": "queued"})
COUNTER = Meter("openbourse_things_total", "counter", "Things.")


def samples(text):
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text.decode())
        for one in family.samples
    }


def test_what_is_counted_can_be_read_by_name_and_label(tmp_path):
    meters = Meters(tmp_path, "matcher", (HISTOGRAM, COUNTER))
    meters.count("openbourse_things_total").add(3)
    meters.histogram("openbourse_wait_seconds", stage="queued").note(3 * MS, 2)
    histogram, counter = readings(tmp_path)
    assert (counter.process, counter.pid, counter.cells) == ("matcher", os.getpid(), (3,))
    assert (histogram.meter, sum(histogram.cells[:-1]), histogram.cells[-1]) == (HISTOGRAM, 2, 6 * MS)  # fmt: skip


@pytest.mark.parametrize("count", [0, 1, 10, 60, 1000], ids=["none", "one", "few", "more", "many"])
def test_many_durations_at_once_count_as_they_do_one_by_one(tmp_path, count):
    durations = np.array([-5, 0, 1, *BOUNDS_NS, *(bound + 1 for bound in BOUNDS_NS)], np.int64)
    # Some of them twice.
    durations = np.append(durations, [*durations[::2], LONGEST_NS + 1])[:count]
    together = Meters(tmp_path, "a", (HISTOGRAM,))
    together.histogram(HISTOGRAM.name, stage="queued").note_all(durations)
    alone = Meters(tmp_path, "b", (HISTOGRAM,))
    for duration in durations.tolist():
        alone.histogram(HISTOGRAM.name, stage="queued").note(duration)
    first, second = readings(tmp_path)
    assert first.cells == second.cells
    assert sum(first.cells[:-1]) == len(durations)


def test_a_stamp_from_nowhere_counts_as_an_hour_and_stops_nothing(tmp_path):
    histogram = Meters(tmp_path, "a", (HISTOGRAM,)).histogram(HISTOGRAM.name, stage="queued")
    for _ in range(3):
        histogram.note(2**63 - 1, 1_000_000)
        histogram.note_all(np.array([2**63 - 1, 2**62], np.int64))
    [found] = readings(tmp_path)
    assert sum(found.cells[:-1]) == found.cells[-2] == 3_000_006
    assert found.cells[-1] == (3_000_006 * LONGEST_NS) % 2**63


def test_a_new_life_counts_from_nothing(tmp_path):
    Meters(tmp_path, "matcher", (COUNTER,)).count(COUNTER.name).add(7)
    Meters(tmp_path, "matcher", (COUNTER,))
    assert [one.cells for one in readings(tmp_path)] == [(0,)]


@pytest.mark.parametrize("content", [b"", b"{}", b"\0" * 20000, b'{"meters": 1, "pid": "x"}'])
def test_a_file_that_is_no_meters_file_is_passed_over(tmp_path, content):
    (tmp_path / "meters-odd").write_bytes(content)
    assert list(readings(tmp_path)) == []


def test_a_meter_that_was_not_declared_is_a_bug(tmp_path):
    with pytest.raises(KeyError):
        Meters(tmp_path, "matcher", (COUNTER,)).count("openbourse_other_total")


def test_metrics_are_read_by_a_prometheus_parser_and_buckets_are_cumulative(tmp_path):
    meters = Meters(tmp_path, "matcher", (HISTOGRAM, COUNTER))
    waits = meters.histogram(HISTOGRAM.name, stage="queued")
    for duration in (15_000, 3 * MS, 60_000 * MS):
        waits.note(duration)
    meters.count(COUNTER.name).add(2)
    found = samples(metrics.text(tmp_path))
    labels = (("process", "matcher"), ("stage", "queued"))
    assert found["openbourse_wait_seconds_count", labels] == 3
    assert found["openbourse_wait_seconds_sum", labels] == pytest.approx(60.003015)
    ends = {"1e-05": 0, "2e-05": 1, "0.002": 1, "0.005": 2, "20": 2, "+Inf": 3}
    for end, count in ends.items():
        key = tuple(sorted((*labels, ("le", end))))
        assert found["openbourse_wait_seconds_bucket", key] == count
    assert found["openbourse_things_total", (("process", "matcher"),)] == 2
    assert found["openbourse_up", ()] == 0


def test_metrics_of_one_process_leave_the_others_out(tmp_path):
    for name in ("ingress-1", "ingress-2", "matcher"):
        Meters(tmp_path, name, (COUNTER,)).count(COUNTER.name).add()
    found = samples(metrics.text(tmp_path, "ingress"))
    named = {dict(labels).get("process") for name, labels in found if "things" in name}
    assert named == {"ingress-1", "ingress-2"}


def test_meters_of_a_process_that_has_ended_are_left_out(tmp_path):
    child = os.fork()
    if not child:
        Meters(tmp_path, "writer", (COUNTER,))
        os._exit(0)
    os.waitpid(child, 0)
    assert [one.process for one in readings(tmp_path)] == ["writer"]
    assert b"things" not in metrics.text(tmp_path)


def test_a_trail_finds_the_newest_batch_that_covers_a_number(tmp_path):
    trail = Trail(tmp_path, "matcher")
    reader = TrailReader(tmp_path, "matcher")
    trail.add(1, 5, journaled_ns=10, matched_ns=20)
    trail.done(30)
    trail.add(6, 6, journaled_ns=40, matched_ns=50, done_ns=60)
    assert reader.find(3) == (1, 5, 10, 20, 30)
    assert reader.find(6) == (6, 6, 40, 50, 60)
    assert reader.find(7) is None
    assert reader.find(3, limit=1) is None
    trail.add(3, 3, done_ns=70)
    assert reader.find(3) == (3, 3, 0, 0, 70)


def test_a_trail_forgets_the_oldest_and_goes_on_after_a_restart(tmp_path):
    trail = Trail(tmp_path, "writer")
    for number in range(1, ROWS + 1):
        trail.add(number, number, done_ns=number)
    Trail(tmp_path, "writer").add(ROWS + 1, ROWS + 1, done_ns=1)
    reader = TrailReader(tmp_path, "writer")
    assert reader.find(1) is None
    assert reader.find(2) == (2, 2, 0, 0, 2)
    assert reader.find(ROWS + 1) is not None


def test_a_trail_that_is_not_there_finds_nothing(tmp_path):
    assert TrailReader(tmp_path, "matcher").find(1) is None
    Trail(tmp_path, "broadcaster-2")
    Trail(tmp_path, "broadcasting")
    assert len(trails(tmp_path, "broadcaster")) == 1


def test_the_matchers_stages_follow_one_another_and_count_only_who_waits(tmp_path):
    stages = Stages(tmp_path)
    rows, events = rows_of(Command, 3), rows_of(Event, 3)
    rows["seq"] = events["seq"] = [7, 8, 9]
    rows["at_ns"] = clock.wall_ns()
    rows["received_ns"] = [0, rows["at_ns"][0] - 4 * MS, rows["at_ns"][0] - 2 * MS]
    stages.journaled(rows)
    stages.matched(events)
    stages.told(events)
    found = {tuple(one.meter.labels.values()) or one.meter.name: one for one in readings(tmp_path)}
    queued = found["queued",]
    assert (sum(queued.cells[:-1]), queued.cells[-1]) == (2, 6 * MS)
    assert sum(found["journaled",].cells[:-1]) == sum(found["matched",].cells[:-1]) == 2
    assert found["openbourse_commands_total"].cells == (3,)
    step = TrailReader(tmp_path, "matcher").find(8)
    assert (step.first, step.last) == (7, 9)
    assert rows["at_ns"][0] <= step.journaled_ns <= step.matched_ns <= step.done_ns


def test_commands_without_events_leave_no_trail(tmp_path):
    stages = Stages(tmp_path)
    rows = rows_of(Command, 1)
    stages.journaled(rows)
    stages.matched(rows_of(Event, 0))
    stages.told(rows_of(Event, 0))
    assert TrailReader(tmp_path, "matcher").find(0) is None
