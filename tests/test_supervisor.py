"""The supervisor's loop over real (small) processes, and the words up, down and status."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

import supervisor
from commands import Refused
from conf.settings import Settings
from runtime import endpoints
from runtime.sockets import Push
from supervision import claim, pids, status
from tests.fake_exchange import Exchange, until

ROOT = Path(__file__).parent.parent


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    one = Exchange(tmp_path / "data")
    yield one
    one.wipe()


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


def test_who_stands_by_stops_before_anyone_whose_place_it_could_take(exchange):
    exchange.up(
        ("door", "steady", ()),
        ("first", "stands by", ()),
        ("second", "steady", ()),
        stop_order=("door", "second", "first"),
    )
    until(exchange.is_up, "up")
    assert exchange.end() == 0
    ends = [line for line in exchange.lives() if line.endswith("stopped")]
    assert ends == ["first stopped", "door stopped", "second stopped"]


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


def test_a_start_that_cannot_succeed_is_given_up(exchange):
    exchange.up(("writer", "steady", ()), ("matcher", "dies always", ()), start_tries=3)
    assert exchange.child.wait(20) == 1
    assert exchange.lives().count("matcher started") == 3
    assert "writer stopped" in exchange.lives()
    assert "CRITICAL matcher cannot run: the start is given up" in exchange.text()


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


def test_the_exchange_is_up_without_a_demo_that_is_late_and_the_demo_comes_later(exchange):
    exchange.up(
        ("market", "steady", ("demo",)), ("demo", "is late", ("door",)), ("door", "steady", ())
    )
    until(exchange.is_up, "up")
    assert (exchange.state("demo"), exchange.state("market")) == ("starting", "stopped")
    assert status.told(exchange.run)["state"] == "degraded"
    (exchange.run / "come").touch()
    until(lambda: status.told(exchange.run)["state"] == "running", "running")
    assert exchange.lives() == ["door started", "demo started", "demo stopped", "market started"]
    assert exchange.end() == 0


def test_a_market_that_dies_again_and_again_ends_no_start(exchange):
    exchange.up(("market", "dies always", ()), ("door", "steady", ()), start_tries=2)
    until(exchange.is_up, "up")
    until(lambda: exchange.lives().count("market started") > 4, "tried again")
    assert "is given up" not in exchange.text()
    assert exchange.end() == 0


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


def test_a_run_time_directory_too_long_for_sockets_is_refused_by_name(tmp_path):
    deep = tmp_path / ("deep" * 20)
    deep.mkdir()
    done = openbourse("up", "--data-dir", str(tmp_path), XDG_RUNTIME_DIR=str(deep))
    assert done.returncode == 1
    assert "set XDG_RUNTIME_DIR to a shorter directory" in done.stderr


def test_a_data_directory_that_is_a_file_is_one_clear_line(tmp_path):
    (tmp_path / "data").touch()
    done = openbourse("up", "--data-dir", str(tmp_path / "data"))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


def test_a_port_in_use_is_refused_before_anything_starts(tmp_path):
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


def test_a_second_exchange_finds_an_office_port_of_its_own(tmp_path):
    usual = Settings(data_dir=tmp_path)
    with ExitStack() as held:
        # Whoever else has the port serves the test as well as we do.
        with suppress(OSError):
            held.enter_context(socket.create_server((usual.office.host, usual.office.port)))
        assert supervisor._office_port(usual) not in (0, usual.office.port)
        asked = replace(usual, office=replace(usual.office, host="localhost"))
        with pytest.raises(Refused, match="choose another --office-port"):
            supervisor._office_port(asked)
