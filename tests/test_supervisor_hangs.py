"""Processes that are stopped by a signal or hang are replaced; what systemd is told of it all."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervision.notify import Notifier
from supervision.states import Process
from tests.fake_exchange import Exchange, until
from tests.test_process_states import SECOND, process


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    one = Exchange(tmp_path / "data")
    yield one
    one.wipe()


def test_a_process_that_a_signal_stopped_is_replaced(exchange):
    exchange.up(("matcher", "steady", ()), ("writer", "steady", ()), stopped_limit_s=0.5)
    until(exchange.is_up, "up")
    first = exchange.entry("matcher")["pid"]
    os.kill(first, signal.SIGSTOP)
    until(lambda: exchange.entry("matcher")["pid"] not in (0, first), "a new life")
    assert f"stopped by a signal, killed process=matcher pid={first}" in exchange.text()
    assert exchange.entry("writer")["restarts"] == 0


def test_a_process_that_goes_on_in_time_is_left_alone():
    one = process()
    limit = int(5 * SECOND)
    assert one.stopped([7], 0) == []
    assert one.stopped([], limit - 1) == []
    assert one.stopped([7], limit) == []
    assert one.stopped([7], 2 * limit) == [7]


def test_a_program_with_patience_may_be_silent_longer():
    hasty, patient = process(), process(patience_s=60)
    for one in (hasty, patient):
        one.spawned(7, 0)
        one.heard(7, "ready", {}, 0)
    assert stuck_from(hasty) == 20
    assert stuck_from(patient) == 80


def stuck_from(one: Process) -> int:
    return next(second for second in range(200) if one.stuck(second * SECOND + 1))


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
        one.bind(str(tmp_path / "notify"))
        one.settimeout(20)
        yield one


def test_systemd_is_told_ready_watchdog_and_stopping(exchange, systemd, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    monkeypatch.setenv("WATCHDOG_USEC", "200000")
    exchange.up(("matcher", "steady", ()))
    heard: set[str] = set()
    while heard < {"READY=1", "WATCHDOG=1"}:
        heard.add(systemd.recv(1000).decode())
    exchange.child.send_signal(signal.SIGTERM)
    while "STOPPING=1" not in heard:
        heard.add(systemd.recv(1000).decode())
    assert exchange.child.wait(20) == 0


def test_the_processes_do_not_see_the_line_to_systemd(exchange, systemd, monkeypatch):
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.getsockname())
    exchange.up(("matcher", "steady", ()))
    until(exchange.is_up, "up")
    environ = Path(f"/proc/{exchange.entry('matcher')['pid']}/environ").read_bytes()
    assert b"NOTIFY_SOCKET" not in environ
    assert b"PYTHONPATH" in environ


def test_a_name_in_the_abstract_space_and_a_systemd_that_is_gone(systemd):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as abstract:
        abstract.bind(f"\0openbourse-{os.getpid()}")
        abstract.settimeout(20)
        line = Notifier({"NOTIFY_SOCKET": f"@openbourse-{os.getpid()}"})
        line.status("well")
        assert abstract.recv(100) == b"STATUS=well"
    line.ready()
    Notifier({}).ready()


def test_no_watchdog_is_told_that_was_not_asked_of_this_process(systemd):
    for environ in ({"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"}, {}):
        line = Notifier({"NOTIFY_SOCKET": systemd.getsockname(), **environ})
        line.alive()
        line.ready()
        assert systemd.recv(100) == b"READY=1"
