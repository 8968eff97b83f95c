import json
import logging
import os
import re
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import endpoints, log, service
from runtime.log import facts
from runtime.service import BAD_CONFIGURATION, CRASHED, STOPPED, BadConfiguration, Service
from runtime.sockets import Pull


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # Not under tmp_path: the path of a Unix socket may not exceed 107 bytes.
    folder = tempfile.TemporaryDirectory(prefix="ob")
    monkeypatch.setenv("XDG_RUNTIME_DIR", folder.name)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    folder.cleanup()
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, handler in kept.items():
        signal.signal(number, handler)


def reports(data_dir: Path, count: int) -> list[dict[str, object]]:
    wire = Pull(100)
    wire.bind(endpoints.address(endpoints.REPORTS, endpoints.run_dir(data_dir)))
    found: list[dict[str, object]] = []
    deadline = time.monotonic() + 10
    while len(found) < count:
        assert time.monotonic() < deadline
        wire.wait(50)
        found += [json.loads(frame) for frame in wire.drain(100)]
    wire.close()
    return found


def test_a_body_that_returns_stops_in_good_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert service.run("clerk", tmp_path, "INFO", Service.beat) == STOPPED
    assert capsys.readouterr().err.endswith("clerk INFO stopped\n")


def test_whatever_escapes_is_logged_and_ends_the_process(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(one: Service) -> None:
        raise ZeroDivisionError("a bug")

    assert service.run("clerk", tmp_path, "INFO", body) == CRASHED
    told = capsys.readouterr().err
    assert "clerk ERROR crashed" in told
    assert "ZeroDivisionError: a bug" in told


def test_bad_configuration_is_one_line_and_its_own_exit_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def body(one: Service) -> None:
        raise BadConfiguration("rest.port is 0; allowed is 1")

    assert service.run("clerk", tmp_path, "INFO", body) == BAD_CONFIGURATION
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("clerk CRITICAL bad configuration: rest.port is 0; allowed is 1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_only_raises_a_flag(tmp_path: Path, number: signal.Signals) -> None:
    seen = []

    def body(one: Service) -> None:
        seen.append(one.stopping)
        os.kill(os.getpid(), number)
        seen.append(one.stopping)

    assert service.run("clerk", tmp_path, "INFO", body) == STOPPED
    assert seen == [False, True]


def test_the_supervisor_hears_who_is_ready_and_with_what(tmp_path: Path) -> None:
    one = Service("clerk", endpoints.run_dir(tmp_path))
    one.ready(port=3000)
    (found,) = reports(tmp_path, 1)
    one.close()
    expected = {"process": "clerk", "pid": os.getpid(), "report": "ready", "port": 3000}
    assert found == expected


def test_beats_may_be_called_often_and_are_sent_seldom(tmp_path: Path) -> None:
    one = Service("clerk", endpoints.run_dir(tmp_path))
    for number in range(1000):
        one.beat(number=number)
    one.ready()
    found = reports(tmp_path, 2)
    one.close()
    assert [report["report"] for report in found] == ["beat", "ready"]
    assert found[0]["number"] == 0


def test_facts_of_a_beat_that_is_not_sent_are_not_gathered(tmp_path: Path) -> None:
    one = Service("clerk", endpoints.run_dir(tmp_path))
    gathered: list[dict[str, object]] = []

    def facts_now() -> dict[str, object]:
        gathered.append({"number": len(gathered)})
        return gathered[-1]

    for _ in range(1000):
        one.beat_with(facts_now)
    (found,) = reports(tmp_path, 1)
    one.close()
    assert (found["report"], found["number"], len(gathered)) == ("beat", 0, 1)


def test_a_log_line_is_time_process_level_and_facts(capsys: pytest.CaptureFixture[str]) -> None:
    logger = log.open_log("clerk", "INFO")
    logger.debug("not told")
    logger.info("filed %s", facts(count=3, seconds=0.12345, what="two words", empty=""))
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z clerk INFO "
        r'filed count=3 seconds=0\.123 what="two words" empty=""',
        line,
    )
