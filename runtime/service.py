"""The skeleton of a process: log, signals, reports to the supervisor, exit codes.

Signal handlers only raise a flag; the process's own loop looks at it. The only place that catches
every exception: whatever escapes a body is logged and ends the process with CRASHED, the supervisor
starts it again and the journal restores it.
"""

import json
import logging
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from runtime import clock, endpoints, log
from runtime.sockets import Push

STOPPED = 0
CRASHED = 1
BAD_CONFIGURATION = 78
"""EX_CONFIG: the supervisor does not start the process again."""
DOOR = "OPENBOURSE_DOOR_FD"
"""Names the descriptor of a bound socket that the supervisor hands over (`supervision/doors.py`)."""
BEAT_NS = 500_000_000
"""How often a process says that it is alive."""


class BadConfiguration(Exception):
    """Something a person must change; the message says what was found and what to do."""


class Service:
    """One running process: its name, its log, whether it should stop, its voice to the supervisor."""

    def __init__(self, name: str, run: Path, level: str = "INFO") -> None:
        self.name = name
        self.run = run
        self.log: logging.Logger = log.open_log(name, level)
        self.stopping = False
        self.has_news = False
        """Settings have changed: load them anew. Only who looks at it is told (SIGHUP)."""
        self._reports = Push(endpoints.REPORTS.limit)
        self._reports.connect(endpoints.address(endpoints.REPORTS, run))
        self._beaten_ns = 0

    def catch_signals(self) -> None:
        """Turn SIGTERM and SIGINT into `stopping`, SIGHUP into `has_news`."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.stopping = True

        def take_news(number: int, frame: FrameType | None) -> None:
            self.has_news = True

        signal.signal(signal.SIGHUP, take_news)
        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)

    def ready(self, **facts: object) -> None:
        """Tell the supervisor and the log that this process does its work now."""
        self.log.info("ready %s", log.facts(**facts))
        self._report("ready", facts)

    def progress(self, **facts: object) -> None:
        """Tell the supervisor, before `ready`, that a long start goes on; call it as you like."""
        self._report_now_and_then("progress", facts)

    def beat(self, **facts: object) -> None:
        """Tell the supervisor that the loop turns; call it as often as you like."""
        self._report_now_and_then("beat", facts)

    def beat_with(self, facts: Callable[[], dict[str, object]]) -> None:
        """Do the same with facts that are only gathered when they are told: for loops that turn very often."""
        if clock.steady_ns() - self._beaten_ns >= BEAT_NS:
            self.beat(**facts())

    def close(self) -> None:
        """Close the wire to the supervisor, giving the last report a moment to leave."""
        self._reports.close(linger_ms=100)

    def _report_now_and_then(self, what: str, facts: dict[str, object]) -> None:
        now = clock.steady_ns()
        if now - self._beaten_ns >= BEAT_NS:
            self._beaten_ns = now
            self._report(what, facts)

    def _report(self, what: str, facts: dict[str, object]) -> None:
        report = {"process": self.name, "pid": os.getpid(), "report": what, **facts}
        self._reports.send(json.dumps(report).encode())


def door() -> socket.socket | None:
    """Return the bound socket that the supervisor handed over, if it did."""
    number = os.environ.get(DOOR, "")
    return socket.socket(fileno=int(number)) if number.isdecimal() else None


def run(name: str, data_dir: Path, level: str, body: Callable[[Service], None]) -> int:
    """Run `body` as the process `name` until it returns; the result is the exit status."""
    service = Service(name, endpoints.run_dir(data_dir), level)
    service.catch_signals()
    try:
        body(service)
    except BadConfiguration as error:
        service.log.critical("bad configuration: %s", error)
        return BAD_CONFIGURATION
    except Exception:
        service.log.exception("crashed")
        return CRASHED
    finally:
        service.close()
    service.log.info("stopped")
    return STOPPED
