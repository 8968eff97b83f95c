"""What `openbourse status` makes of the supervisor's last word and of the processes that live."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conf.sections import Supervision
from conf.settings import Settings
from office import metrics, state
from supervision import page, status
from supervision.pids import alive, born, identity
from supervision.programs import Program
from supervision.states import Process


@pytest.fixture
def ended() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def running(name: str, pid: int, **facts: Any) -> Process:
    one = Process(Program(name, (name,)), Supervision())
    one.spawned(pid, 0)
    one.heard(pid, "ready", facts, 0)
    return one


def told(run: Path, *processes: Process) -> dict[str, Any]:
    status.StatusFile(run, Settings(data_dir=run)).write(processes)
    return status.told(run)


def test_all_at_work_is_running(tmp_path):
    found = told(tmp_path, running("matcher", os.getpid(), seq=9))
    assert (found["state"], found["seq"], found["rest"]) == ("running", 9, "http://127.0.0.1:3000")
    assert found["processes"][0]["state"] == "ready"


def test_a_process_that_died_since_the_last_word_makes_it_degraded(tmp_path, ended):
    found = told(tmp_path, running("matcher", os.getpid()), running("writer", ended))
    assert (found["state"], found["processes"][1]["state"]) == ("degraded", "gone")


def test_the_watermark_is_the_matchers_seq_once_every_event_is_written(tmp_path):
    # The clock's ticks are commands without events: they never reach the writer.
    matcher = running("matcher", os.getpid(), seq=110, event_seq=96)
    writer = running("writer", os.getpid(), seq=105, watermark=96)
    assert told(tmp_path, matcher, writer)["watermark"] == 110
    writer.heard(os.getpid(), "beat", {"watermark": 95}, 1)
    assert told(tmp_path, matcher, writer)["watermark"] == 105


def test_where_no_writer_is_no_watermark_is_told(tmp_path):
    found = told(tmp_path, running("edge", os.getpid(), role="edge", seq=110, event_seq=96))
    assert (found["seq"], found["watermark"]) == (110, None)
    assert page.page(found).splitlines()[0] == "running  seq 110"
    # One that has said nothing yet is one.
    found = told(tmp_path, running("matcher", os.getpid(), seq=9), running("writer", os.getpid()))
    assert page.page(found).splitlines()[0] == "running  seq 9  watermark 0"


def test_metrics_and_the_operators_page_tell_no_lag_where_no_writer_is(tmp_path):
    lag = b"openbourse_watermark_lag_events "
    edge = running("edge", os.getpid(), role="edge", event_seq=96, dropped_commands=3)
    told(tmp_path, edge)
    assert lag not in metrics.text(tmp_path)
    found = state.whole(tmp_path, tmp_path)
    assert found["watermark_lag_events"] is None
    assert found["drops"]["dropped_commands"] == 3
    told(
        tmp_path,
        running("matcher", os.getpid(), event_seq=96),
        running("writer", os.getpid(), watermark=90),
    )
    assert lag + b"6.0" in metrics.text(tmp_path)
    assert state.whole(tmp_path, tmp_path)["watermark_lag_events"] == 6


def test_the_seq_is_that_of_the_matcher_in_charge_and_the_page_says_which(tmp_path):
    behind = running("matcher", os.getpid(), role="standby", seq=7)
    in_charge = running("matcher-2", os.getpid(), role="primary", seq=9)
    found = told(tmp_path, behind, in_charge)
    assert found["seq"] == 9
    assert [one["role"] for one in found["processes"]] == ["standby", "primary"]
    lines = page.page(found).splitlines()
    assert [line.split()[-1] for line in lines[-2:]] == ["standby", "primary"]


def test_a_dead_supervisor_is_down_whatever_its_last_word_said(tmp_path, ended):
    told(tmp_path, running("matcher", os.getpid()), running("writer", ended))
    file = tmp_path / "status.json"
    last = json.loads(file.read_text())
    last["supervisor"]["born"] = "long ago"
    file.write_text(json.dumps(last))
    found = status.told(tmp_path)
    assert (found["state"], found["supervisor"]) == ("down", 0)
    assert [one["name"] for one in found["processes"]] == ["matcher"]


def test_a_pid_that_was_given_to_another_process_is_not_taken_for_ours(ended):
    me = identity(os.getpid())
    assert alive(me)
    assert not alive({**me, "born": "1"})
    assert not alive({"pid": ended, "born": born(ended)})
    assert not alive({"pid": 0, "born": ""})


def test_the_page_names_every_process(tmp_path):
    text = page.page(told(tmp_path, running("matcher", os.getpid(), seq=9)))
    assert "running  seq 9" in text
    assert f"matcher      ready     pid {os.getpid()}" in text
