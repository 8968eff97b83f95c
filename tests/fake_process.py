"""A process for the supervisor to watch: `python fake_process.py NAME RUN BEHAVIOUR`.

It writes its life (`NAME started`, `NAME stopped`) into RUN/lives, one line each, and behaves as told.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from runtime.service import BAD_CONFIGURATION, BadConfiguration, Service, door


def main(name: str, run: Path, behaviour: str) -> int:  # noqa: C901 - a table of behaviours
    def note(what: str) -> None:
        with (run / "lives").open("a") as lives:
            lives.write(f"{name} {what}\n")

    note("started")
    service = Service(name, run)
    service.catch_signals()
    match behaviour:
        case "refuses":
            return BAD_CONFIGURATION
        case "dies always":
            return 1
        case "finishes":
            note("stopped")
            return 0
        case "is late":
            while not (run / "come").exists() and not service.stopping:
                time.sleep(0.02)
            note("stopped")
            return 0
        case "never ready":
            steady(service)
        case "dies once":
            if (run / "lives").read_text().count(f"{name} started") == 1:
                return 1
        case "is ready once":
            if (run / "lives").read_text().count(f"{name} started") > 1:
                steady(service)
        case "listens":
            listen(run)
        case "refuses later":
            service.ready()
            while not (run / "refuse").exists():
                time.sleep(0.02)
            return BAD_CONFIGURATION
        case "leaves a child":
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            (run / "child").write_text(str(child.pid))
        case "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        case "stands by":
            service.ready(role="standby")
        case "has a spare" | "has a sick spare":
            take_the_lock(service, run)
        case "is the spare":
            note("waits")
            service.ready(role="spare")
            take_the_lock(service, run)
        case "falls silent":
            fall_silent(service)
    if behaviour not in ("stands by", "has a spare", "has a sick spare", "is the spare"):
        service.ready(seq=7)
    steady(service)
    note("stopped")
    return 0


def take_the_lock(service: Service, run: Path) -> None:
    """Wait until no other process has it, as a matcher does; it is kept until this process ends."""
    descriptor = os.open(run / "one-at-a-time", os.O_RDWR | os.O_CREAT, 0o600)
    while not service.stopping:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            service.beat(role="spare")
            time.sleep(0.02)
        else:
            # What a recovery takes.
            time.sleep(0.3)
            service.ready(role="primary")
            return


def listen(run: Path) -> None:
    plug = door()
    assert plug is not None
    plug.listen()
    (run / f"port-{os.getpid()}").write_text(str(plug.getsockname()[1]))
    # As long as this process lives.
    plug.detach()


def fall_silent(service: Service) -> None:
    service.ready()
    service.beat()
    while not service.stopping:
        time.sleep(0.02)


def steady(service: Service) -> None:
    while not service.stopping:
        service.beat(seq=7, news=service.has_news)
        time.sleep(0.02)


if __name__ == "__main__":
    try:
        status = main(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
    except BadConfiguration:
        status = BAD_CONFIGURATION
    os._exit(status)
