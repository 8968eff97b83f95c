"""What a run of chaos holds against the exchange, and what against the machine."""

import multiprocessing
import os
import time
from random import Random

import pytest

from tests.chaos import neighbours as module
from tests.chaos.faults import ALL, PAUSES, SEVERAL, SINGLE, SPARE, STANDBY
from tests.chaos.load import Told
from tests.chaos.neighbours import Neighbours
from tests.chaos.record import Record, Strike


def struck(seconds: float, crowd: float = 0.0, promised_s: float = 2.0) -> Record:
    record = Record(Random(1))
    record.season = "a matcher alone"
    strike = Strike(
        "kill matcher", 10.0, 15.0, 10.0 + seconds, 1, promised_s=promised_s, crowd=crowd
    )
    record.add(strike)
    record.end_season(Told())
    return record


def test_an_order_that_is_taken_too_late_after_a_kill_is_a_fault():
    assert struck(2.0).found == []
    (found,) = struck(2.1).found
    assert found.startswith("a matcher alone, kill matcher: the first order was taken after 2.10 s")
    assert "2 s are promised; others had 0%" in found


def test_it_is_no_fault_where_others_had_the_processors_and_that_is_said():
    record = struck(9.0, crowd=0.6)
    assert record.found == []
    assert "after 0 of 1 kills of the matcher" in record.notes[0]


def test_nothing_is_promised_when_nobody_waits_behind_the_matcher():
    promised = {
        one.name for one in (*SINGLE, *SPARE, *STANDBY, *SEVERAL, *PAUSES) if one.leaves_next
    }
    assert promised == {"kill matcher", "kill matcher and writer"}
    assert "spare" in ALL
    assert struck(9.0, promised_s=0.0).found == []


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_what_this_process_and_its_children_use_is_not_counted_as_others():
    used = 0.5
    neighbours = Neighbours()
    others, own = neighbours._busy, neighbours._own
    child = multiprocessing.get_context("spawn").Process(target=burn, args=(used,))
    child.start()
    child.join()
    burn(used)
    share = neighbours.share()
    assert module._own_s(os.getpid()) - own >= 2 * used - 0.05
    assert module._busy_s() - others >= 2 * used - 0.05
    assert 0.0 <= share <= 1.0


def test_what_a_stranger_uses_is():
    ours = Neighbours()
    ours._own += 1000.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.chaos.neighbours._busy_s", lambda: ours._busy + 1.0)
        patch.setattr("tests.chaos.neighbours._own_s", lambda _: ours._own + 0.5)
        patch.setattr("tests.chaos.neighbours.time.monotonic", lambda: ours._begun + 1.0)
        assert ours.share() == pytest.approx(0.5 / (os.cpu_count() or 1))
