"""The supervisor: the life of one process as a table, and the loop over real (small) processes."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import supervisor
from conf.settings import Supervision
from runtime import endpoints
from supervision import claim, pids, status
from supervision.programs import Program
from supervision.states import TRANSITIONS, Cause, Due, Process, State

ROOT = Path(__file__).parent.parent
SECOND = 10**9
QUICK = {"backoff_first_s": 0.05, "stop_timeout_s": 1.0, "ready_timeout_s": 20.0}


# The table ------------------------------------------------------------------------------------


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


def test_a_process_that_lasted_starts_its_backoff_anew():
    one = process()
    for now in (0, SECOND, 3 * SECOND):
        one.spawned(100, now)
        one.died(1, now)
    one.spawned(100, 10 * SECOND)
    one.heard(100, "ready", {}, 10 * SECOND)
    one.due(20 * SECOND)
    one.died(-9, 21 * SECOND)
    assert one.due_ns == 22 * SECOND
    assert one.last_words == "signal 9"


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


def test_a_ready_process_that_says_nothing_for_too_long_is_stuck():
    one = process()
    one.spawned(100, 0)
    assert one.stuck(1000 * SECOND) == []
    one.heard(100, "ready", {}, SECOND)
    one.heard(100, "beat", {}, 50 * SECOND)
    assert one.stuck(140 * SECOND) == []
    assert one.stuck(141 * SECOND) == [100]


def test_an_impossible_turn_is_a_bug():
    with pytest.raises(AssertionError, match="matcher is stopped, and was died"):
        process().died(1, 0)


# The loop -------------------------------------------------------------------------------------


class Exchange:
    """A fake exchange under a real supervisor process."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.run = endpoints.run_dir(data_dir)
        self.output = data_dir / "output"
        self.child: subprocess.Popen[bytes] | None = None

    def up(
        self,
        *programs: tuple[str, str, tuple[str, ...]],
        stop_order: tuple[str, ...] = (),
        **policy: float,
    ) -> None:
        script = str(ROOT / "tests" / "fake_supervisor.py")
        arguments = [json.dumps(QUICK | policy), json.dumps(programs), json.dumps(stop_order)]
        self.data_dir.mkdir(exist_ok=True)
        with self.output.open("ab") as output:
            self.child = subprocess.Popen(
                [sys.executable, script, str(self.data_dir), *arguments],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdout=output,
                stderr=output,
            )

    def is_up(self) -> bool:
        return "up\n" in self.text()

    def state(self, name: str) -> str:
        return str(self.entry(name)["state"])

    def entry(self, name: str) -> dict[str, Any]:
        found = status.told(self.run)["processes"]
        return next((one for one in found if one["name"] == name), {"state": "", "pid": 0})

    def lives(self) -> list[str]:
        path = self.run / "lives"
        return path.read_text().splitlines() if path.exists() else []

    def text(self) -> str:
        return self.output.read_text()

    def end(self) -> int:
        assert self.child is not None
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(30)


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    one = Exchange(tmp_path / "data")
    yield one
    if one.child is not None and one.child.poll() is None:
        one.child.kill()
        one.child.wait()
    claim.end_leftovers(one.run, 1.0)
    for path in one.run.iterdir():
        path.unlink()
    one.run.rmdir()


def until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def dead(pid: int) -> bool:
    return pids.born(pid) == ""


def test_processes_start_when_what_they_need_is_ready_and_stop_in_the_stop_order(exchange):
    exchange.up(
        ("last", "steady", ("middle",)),
        ("middle", "steady", ("first",)),
        ("first", "finishes", ()),
        stop_order=("middle", "last"),
    )
    until(exchange.is_up, "up")
    assert exchange.end() == 0
    assert exchange.lives() == [
        "first started",
        "first stopped",
        "middle started",
        "last started",
        "middle stopped",
        "last stopped",
    ]
    assert status.told(exchange.run)["state"] == "down"


def test_a_killed_process_is_started_again_and_the_exchange_is_whole_again(exchange):
    exchange.up(("matcher", "steady", ()))
    until(exchange.is_up, "up")
    first = exchange.entry("matcher")["pid"]
    os.kill(first, signal.SIGKILL)
    until(lambda: exchange.entry("matcher")["pid"] not in (0, first), "a new life")
    until(lambda: status.told(exchange.run)["state"] == "running", "running")
    entry = exchange.entry("matcher")
    assert (entry["restarts"], entry["last_end"]) == (1, "signal 9")
    assert status.told(exchange.run)["seq"] == 7


def test_a_process_that_dies_before_it_is_ready_is_started_again(exchange):
    exchange.up(("matcher", "dies once", ()))
    until(exchange.is_up, "up")
    assert exchange.lives() == ["matcher started", "matcher started"]


def test_bad_configuration_at_the_start_stops_everything_and_says_so(exchange):
    exchange.up(("writer", "steady", ()), ("matcher", "refuses", ("writer",)))
    assert exchange.child.wait(20) == 1
    assert "writer stopped" in exchange.lives()
    assert exchange.lives().count("matcher started") == 1
    assert "CRITICAL cannot run" in exchange.text()


def test_bad_configuration_later_leaves_the_others_working(exchange):
    exchange.up(("writer", "steady", ()), ("relay", "refuses later", ()))
    until(exchange.is_up, "up")
    (exchange.run / "refuse").touch()
    until(lambda: exchange.state("relay") == "fatal", "fatal")
    assert exchange.state("writer") in ("ready", "running")
    assert status.told(exchange.run)["state"] == "degraded"
    assert exchange.end() == 1


def test_a_process_that_will_not_stop_is_killed(exchange):
    exchange.up(("deaf", "deaf", ()), stop_timeout_s=0.5)
    until(exchange.is_up, "up")
    assert exchange.end() == 0
    assert exchange.lives() == ["deaf started"]
    assert "too slow, killed process=deaf" in exchange.text()


def test_a_process_that_never_gets_ready_is_killed_and_started_again(exchange):
    exchange.up(("slow", "never ready", ()), ready_timeout_s=1)
    until(lambda: exchange.lives().count("slow started") >= 2, "a second start")


def test_a_process_that_falls_silent_is_killed_and_started_again(exchange):
    exchange.up(("matcher", "falls silent", ()), silence_limit_s=2)
    until(lambda: exchange.entry("matcher").get("restarts"), "a restart")
    assert "stuck process=matcher" in exchange.text()


def test_what_a_dead_process_had_started_dies_with_it(exchange):
    exchange.up(("ingress", "leaves a child", ()))
    until(exchange.is_up, "up")
    child = int((exchange.run / "child").read_text())
    assert not dead(child)
    os.kill(exchange.entry("ingress")["pid"], signal.SIGKILL)
    until(lambda: dead(child), "the child's end")


def test_a_second_supervisor_on_the_same_data_directory_is_refused(exchange):
    exchange.up(("matcher", "steady", ()))
    until(exchange.is_up, "up")
    with pytest.raises(claim.Taken, match=f"pid {exchange.child.pid}"):
        claim.Claim(exchange.data_dir)
    assert claim.owner(exchange.data_dir) == exchange.child.pid


@pytest.mark.skipif(sys.platform != "linux", reason="the tie to the parent's death is Linux's")
def test_the_processes_of_a_killed_supervisor_stop_by_themselves(exchange):
    exchange.up(("matcher", "steady", ()))
    until(exchange.is_up, "up")
    pid = exchange.entry("matcher")["pid"]
    exchange.child.kill()
    exchange.child.wait()
    until(lambda: dead(pid), "the process's end")
    assert exchange.lives() == ["matcher started", "matcher stopped"]


def test_the_next_supervisor_ends_what_a_killed_one_left_behind(exchange):
    exchange.up(("matcher", "deaf", ()), stop_timeout_s=0.2)
    until(exchange.is_up, "up")
    left = exchange.entry("matcher")["pid"]
    exchange.child.kill()
    exchange.child.wait()
    assert not dead(left)
    assert status.told(exchange.run)["state"] == "down"
    exchange.output.unlink()
    exchange.up(("matcher", "steady", ()), stop_timeout_s=0.2)
    until(exchange.output.exists, "output")
    until(exchange.is_up, "up again")
    assert dead(left)
    assert f"left by a dead supervisor, stopped process=matcher pid={left}" in exchange.text()


def test_garbage_on_the_reports_wire_is_noted_and_ignored(exchange):
    exchange.up(("matcher", "steady", ()))
    until(exchange.is_up, "up")
    from runtime.sockets import Push

    wire = Push(10)
    wire.connect(endpoints.address(endpoints.REPORTS, exchange.run))
    for frame in (
        b"\xff",
        b"[]",
        b'{"process": 1}',
        b'{"process": "matcher", "pid": "x", "report": "ready"}',
    ):
        wire.send(frame)
    until(lambda: exchange.text().count("unreadable report") == 4, "four notes")
    wire.close()
    assert exchange.state("matcher") in ("ready", "running")


# The command line -----------------------------------------------------------------------------


def openbourse(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(ROOT / "supervisor.py"), *words],
        capture_output=True,
        text=True,
        env={**os.environ, **environ},
        check=False,
        timeout=60,
    )


def test_status_of_nothing_is_down_with_exit_status_3(tmp_path):
    done = openbourse("status", "--json", "--data-dir", str(tmp_path))
    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, told["state"], told["processes"]) == (3, "down", [])


def test_down_of_nothing_leaves_nothing_running(tmp_path):
    done = openbourse("down", "--data-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, "not running\n")


def test_down_stops_a_running_exchange_and_waits_for_it(exchange):
    exchange.up(("matcher", "steady", ()))
    until(exchange.is_up, "up")
    done = openbourse("down", "--data-dir", str(exchange.data_dir))
    assert (done.returncode, done.stdout) == (0, "down\n")
    assert exchange.lives()[-1] == "matcher stopped"
    assert exchange.child.wait(5) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["up", "--rest-port", "99999"], "rest.port is 99999"),
        (["up", "--config", "nowhere.toml"], "cannot read the configuration file nowhere.toml"),
        (["bench", "core", "--runs", "0"], "--runs is 0"),
    ],
)
def test_bad_input_is_one_clear_line_and_exit_status_1(tmp_path, words, said):
    done = openbourse(*words, "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path):
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = openbourse("up", "--rest-port", str(port), "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


@pytest.mark.parametrize("words", [[], ["dance"], ["up", "--rest-port", "x"]])
def test_a_command_line_that_cannot_be_read_is_exit_status_2(words):
    with contextlib.redirect_stderr(None), pytest.raises(SystemExit) as ended:
        supervisor.main(words)
    assert ended.value.code == 2
