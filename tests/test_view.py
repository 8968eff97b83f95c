"""The live view of `up`: what it says, and that it stays below the log on a real terminal."""

import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path

import pytest

from conf.sections import Supervision
from runtime.meters import BOUNDS_NS, Meter, Meters, quantile_ns, readings
from supervision import claim
from supervision.programs import Program
from supervision.states import Process
from supervision.view import Rates, View, say, view_on, written
from tests.fake_exchange import QUICK, ROOT, Exchange, until

SECOND = 1_000_000_000
WHOLE = "openbourse_order_seconds"
ROWS, COLUMNS = 30, 140


def process(name: str, **facts: object) -> Process:
    one = Process(Program(name, (name,)), Supervision())
    one.spawned(os.getpid(), 0)
    one.heard(os.getpid(), "ready", facts, 0)
    return one


def plain(lines: list[str]) -> list[str]:
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in lines]


def test_rates_and_latency_are_those_since_the_last_look(tmp_path):
    meters = Meters(
        tmp_path, "ingress", (Meter(WHOLE, "histogram", ""), Meter("openbourse_requests_total", "counter", ""))
    )  # fmt: skip
    requests, orders = meters.count("openbourse_requests_total"), meters.histogram(WHOLE)
    requests.add(500)
    orders.note(5 * SECOND, 500)
    rates = Rates()
    assert rates.look(list(readings(tmp_path)), SECOND)["requests"] == 0
    requests.add(30)
    orders.note(1_500_000, 98)
    orders.note(400_000_000, 2)
    told = rates.look(list(readings(tmp_path)), 3 * SECOND)
    assert told["requests"] == 15
    assert 1_000_000 < told["p50_ns"] <= 2_000_000
    assert 200_000_000 < told["p99_ns"] <= 500_000_000


def test_a_quantile_lies_in_the_bucket_where_the_share_is_reached():
    buckets = [0] * (len(BOUNDS_NS) + 1)
    assert quantile_ns(buckets, 0.5) == 0
    buckets[3] = 10
    assert quantile_ns(buckets, 0.5) == (BOUNDS_NS[2] + BOUNDS_NS[3]) / 2
    buckets[-1] = 1000
    assert quantile_ns(buckets, 0.99) == BOUNDS_NS[-1]


def test_the_view_says_rates_lag_and_how_each_process_stands():
    told = {"commands": 1234.0, "requests": 41.0, "written_events": 60.0}
    told |= {"delivered_messages": 2100.0, "p50_ns": 900_000.0, "p99_ns": 2_100_000.0}
    lines = plain(
        written(
            [
                process("matcher", seq=5000, event_seq=7000),
                process("writer", watermark=6900),
                process("broadcaster", connections=3),
            ],
            told,
            Rates(),
            200,
        )
    )
    assert lines[0].startswith("seq 5,000  lag 100 events  commands 1,234/s  requests 41/s")
    assert lines[0].endswith("messages 2,100/s to 3  order p50 0.9 ms p99 2.1 ms")
    assert lines[1].split() == ["process", "state", "pid", "restarts", "cpu", "memory", "files"]
    assert re.fullmatch(rf"writer +ready +{os.getpid()} +0 +0% +[\d,]+ MiB +[\d,]+", lines[3])
    assert max(map(len, plain(written([process("matcher")], told, Rates(), 60)))) <= 60


def test_at_an_edge_the_view_says_nothing_of_the_database():
    told = dict.fromkeys(("commands", "requests", "written_events"), 1.0)
    told |= {"delivered_messages": 1.0, "p50_ns": 0.0, "p99_ns": 0.0}
    lines = plain(written([process("edge", role="edge", seq=5000)], told, Rates(), 200))
    assert lines[0] == "seq 5,000  commands 1/s  requests 1/s  stream messages 1/s to 0"


def test_without_a_terminal_there_is_no_view(tmp_path):
    file = io.StringIO()
    assert view_on(tmp_path, file, file, {"TERM": "xterm"}) is None


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    one = Exchange(tmp_path / "data")
    yield one
    one.wipe()


class Screen:
    """Just enough of a terminal: lines, a cursor, a scroll region."""

    def __init__(self) -> None:
        self.lines = [""] * ROWS
        self.row, self.column, self.top, self.end = 0, 0, 0, ROWS
        self._saved = (0, 0)
        self._waiting = ""

    def take(self, text: str) -> None:
        self._waiting += text
        while found := re.match(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[78]|[^\x1b]", self._waiting):
            self._waiting = self._waiting[found.end() :]
            self._do(found[0])

    def _do(self, code: str) -> None:
        numbers = [int(one) for one in re.findall(r"\d+", code)] if code[0] == "\x1b" else []
        match code if len(code) == 1 else "^" + code[-1]:
            case "\n":
                if self.row + 1 == self.end:
                    del self.lines[self.top]
                    self.lines.insert(self.end - 1, "")
                else:
                    self.row += 1
            case "\r":
                self.column = 0
            case "^7":
                self._saved = (self.row, self.column)
            case "^8":
                self.row, self.column = self._saved
            case "^A":
                self.row -= numbers[0]
            case "^H":
                self.row, self.column = numbers[0] - 1, numbers[1] - 1
            case "^K":
                self.lines[self.row] = ""
            case "^r":
                self.top, self.end = numbers[0] - 1, numbers[1]
                self.row = self.column = 0
            case "^m":
                pass
            case _:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + code + line[self.column + 1 :]
                self.column += 1


def start_on_a_terminal(exchange: Exchange) -> int:
    """Start an exchange that owns a terminal; the descriptor of the terminal's other end."""
    exchange.data_dir.mkdir()
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    programs = '[["matcher", "steady", []], ["writer", "steady", ["matcher"]]]'
    script = str(ROOT / "tests" / "fake_supervisor.py")
    words = [script, str(exchange.data_dir), json.dumps(QUICK), programs, "[]"]
    exchange.child = subprocess.Popen(
        # The first terminal that the leader of a new session opens is its own.
        ["sh", "-c", 'exec "$@" <>"$0" >&0 2>&0', os.ttyname(theirs), sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "", "LINES": ""},
        start_new_session=True,
    )
    os.set_blocking(ours, False)
    # Held until the child has opened it: a terminal that nobody has open is hung up.
    until(lambda: claim.owner(exchange.data_dir), "the child has begun")
    os.close(theirs)
    return ours


@pytest.mark.skipif(
    sys.platform != "linux", reason="terminals of other systems differ in who owns them"
)
def test_on_a_terminal_the_view_stays_below_the_log_and_leaves_it_whole(exchange):
    ours = start_on_a_terminal(exchange)
    screen = Screen()

    def shown(*texts: str) -> bool:
        try:
            screen.take(os.read(ours, 65536).decode())
        except (BlockingIOError, OSError):
            time.sleep(0.01)
        return all(any(text in line for line in screen.lines) for text in texts)

    until(lambda: shown("lag 0 events"), "the view")
    until(lambda: re.match("writer +ready", screen.lines[-1]) or shown("~"), "its last line")
    assert screen.lines[-4].startswith("seq 7 ")
    assert any("INFO ready process=writer" in line for line in screen.lines[:-4])
    os.kill(exchange.child.pid, signal.SIGTERM)
    until(lambda: exchange.child.poll() is not None and not shown("~"), "the end")
    assert (screen.top, screen.end) == (0, ROWS)
    assert not any("lag 0 events" in line for line in screen.lines)
    assert any("stopped process=writer" in line for line in screen.lines)
    os.close(ours)


@pytest.mark.skipif(
    sys.platform != "linux", reason="terminals of other systems differ in who owns them"
)
def test_a_closed_terminal_ends_the_exchange_though_the_signal_means_reload_elsewhere(exchange):
    ours = start_on_a_terminal(exchange)

    def is_up() -> bool:
        with suppress(BlockingIOError):
            os.read(ours, 65536)
        return exchange.state("writer") in ("ready", "running")

    until(is_up, "up")
    os.close(ours)
    until(lambda: exchange.child.poll() is not None, "the end")
    assert sorted(exchange.lives())[-2:] == ["writer started", "writer stopped"]
    assert exchange.child.returncode == 0


def test_an_exchange_whose_reader_has_gone_stays_up_and_stops_in_good_order(exchange):
    exchange.data_dir.mkdir()
    programs = '[["matcher", "steady", []], ["writer", "steady", ["matcher"]]]'
    words = [str(exchange.data_dir), json.dumps(QUICK), programs, "[]"]
    read, write = os.pipe()
    os.close(read)
    with exchange.output.open("ab") as errors:
        exchange.child = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "fake_supervisor.py"), *words],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=write,
            stderr=errors,
        )
    os.close(write)
    until(lambda: exchange.state("writer") == "running", "up")
    assert exchange.end() == 0
    assert "Error" not in exchange.text()
    assert sorted(exchange.lives())[-2:] == ["writer started", "writer stopped"]


def test_a_terminal_that_is_hung_up_between_a_look_and_a_write_takes_the_text(
    tmp_path, monkeypatch
):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as file:
        view = View(tmp_path, file)
        monkeypatch.setattr("supervision.view._is_ours", lambda _: True)
        view.draw([process("writer", watermark=5)])
        assert os.read(ours, 10)
        os.close(ours)
        with pytest.raises(OSError, match="Input/output"):
            os.write(theirs, b"lost")
        view.draw([process("writer"), process("matcher")])
        view.close()
        say("after it\n", file)
