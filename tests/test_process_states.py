"""The life of one supervised process, under a clock that the test holds."""

from typing import Any

import pytest

from conf.sections import Supervision
from supervision.programs import Program
from supervision.states import TRANSITIONS, Cause, Due, Process, State

SECOND = 10**9


def process(**program: Any) -> Process:
    policy = Supervision(backoff_first_s=1, backoff_limit_s=8, healthy_after_s=10)
    return Process(Program("matcher", ("matcher",), **program), policy)


def test_every_living_state_can_be_left_by_death_and_by_request():
    for state in (State.STARTING, State.READY, State.RUNNING):
        assert TRANSITIONS[state, Cause.DIED] is State.BACKOFF
        assert TRANSITIONS[state, Cause.ASKED] is State.STOPPING
        assert TRANSITIONS[state, Cause.REFUSED] is State.FATAL


def test_a_process_is_ready_when_it_says_so_and_running_when_it_has_lasted():
    one = process()
    one.spawned(100, 0)
    assert one.state is State.STARTING
    one.heard(100, "ready", {"seq": 3}, SECOND)
    assert one.state is State.READY
    assert one.facts == {"seq": 3}
    assert one.due(10 * SECOND) is Due.NOTHING
    assert one.state is State.READY
    one.due(11 * SECOND)
    assert one.state is State.RUNNING


def test_a_beat_before_ready_makes_nothing_ready():
    one = process()
    one.spawned(100, 0)
    one.heard(100, "beat", {}, SECOND)
    assert one.state is State.STARTING


def test_a_program_of_two_voices_is_ready_when_both_have_spoken():
    one = process(voices=2)
    one.spawned(100, 0)
    one.heard(101, "ready", {}, 1)
    assert one.state is State.STARTING
    one.heard(102, "ready", {}, 2)
    assert one.complete
    one.silenced(101)
    assert one.state is State.READY
    assert not one.complete


def test_each_failure_doubles_the_wait_up_to_the_limit():
    one, now, waits = process(), 0, []
    for _ in range(6):
        one.spawned(100, now)
        one.died(1, now)
        waits.append((one.due_ns - now) // SECOND)
        assert one.due(one.due_ns - 1) is Due.NOTHING
        now = one.due_ns
        assert one.due(now) is Due.SPAWN
    assert waits == [1, 2, 4, 8, 8, 8]
    assert one.restarts == 5


def test_a_process_that_lasted_is_started_again_at_once_and_its_backoff_begins_anew():
    one = process()
    for now in (0, SECOND, 3 * SECOND):
        one.spawned(100, now)
        one.died(1, now)
    one.spawned(100, 10 * SECOND)
    one.heard(100, "ready", {}, 10 * SECOND)
    one.due(20 * SECOND)
    one.died(-9, 21 * SECOND)
    assert one.due(21 * SECOND) is Due.SPAWN
    assert one.last_words == "signal 9"
    one.spawned(101, 21 * SECOND)
    one.heard(101, "ready", {}, 22 * SECOND)
    one.died(-9, 23 * SECOND)
    assert one.due_ns == 24 * SECOND


def test_exit_status_78_is_not_started_again():
    one = process()
    one.spawned(100, 0)
    one.died(78, SECOND)
    assert one.state is State.FATAL
    assert one.due(1000 * SECOND) is Due.NOTHING


def test_a_program_that_runs_once_is_done_with_status_0_and_fatal_with_any_other():
    for ended, state in ((0, State.DONE), (1, State.FATAL), (-9, State.FATAL)):
        one = process(once=True)
        one.spawned(100, 0)
        assert one.due(10_000 * SECOND) is Due.NOTHING
        one.died(ended, SECOND)
        assert one.state is state


def test_a_process_that_is_not_ready_in_time_is_killed_and_so_is_one_that_does_not_stop():
    one = process()
    one.spawned(100, 0)
    assert one.due(119 * SECOND) is Due.NOTHING
    assert one.due(120 * SECOND) is Due.KILL
    one.died(-9, 121 * SECOND)
    one.spawned(101, 130 * SECOND)
    one.asked_to_stop(131 * SECOND)
    assert one.due(132 * SECOND) is Due.NOTHING
    assert one.due(146 * SECOND) is Due.KILL
    one.died(-9, 147 * SECOND)
    assert one.state is State.STOPPED


def test_a_long_start_that_gets_on_is_not_killed():
    one = process()
    one.spawned(100, 0)
    one.heard(100, "progress", {"seq": 10}, 100 * SECOND)
    one.heard(100, "progress", {"seq": 20}, 200 * SECOND)
    assert one.due(319 * SECOND) is Due.NOTHING
    assert one.state is State.STARTING
    assert one.due(320 * SECOND) is Due.KILL


def test_progress_after_the_start_changes_nothing():
    one = process()
    one.spawned(100, 0)
    one.heard(100, "ready", {}, SECOND)
    one.heard(100, "progress", {}, 5 * SECOND)
    assert one.due(11 * SECOND) is Due.NOTHING
    assert one.state is State.RUNNING


def test_a_ready_process_that_says_nothing_for_too_long_is_stuck():
    one = process()
    one.spawned(100, 0)
    assert one.stuck(1000 * SECOND) == []
    one.heard(100, "ready", {}, SECOND)
    one.heard(100, "beat", {}, 50 * SECOND)
    assert one.stuck(70 * SECOND) == []
    assert one.stuck(71 * SECOND) == [100]


def test_an_impossible_turn_is_a_bug():
    with pytest.raises(AssertionError, match="matcher is stopped, and was died"):
        process().died(1, 0)


def test_a_needed_process_is_awaited_for_ever_and_a_demo_for_its_time_from_the_first_start_on():
    needed, demo = process(), process(awaited_s=30.0)
    assert needed.is_awaited(100 * SECOND)
    # It was not started: what it waits for is awaited.
    assert not demo.is_awaited(100 * SECOND)
    for one in (needed, demo):
        one.spawned(100, 100 * SECOND)
        assert one.is_awaited(129 * SECOND)
        one.died(1, 129 * SECOND)
        one.spawned(101, 130 * SECOND)
    assert needed.is_awaited(1000 * SECOND)
    assert not demo.is_awaited(130 * SECOND)


def test_a_process_at_work_is_not_awaited():
    for awaited_s in (0.0, 30.0):
        one = process(awaited_s=awaited_s)
        one.spawned(100, SECOND)
        assert one.is_awaited(2 * SECOND)
        one.ready(2 * SECOND)
        assert not one.is_awaited(2 * SECOND)
