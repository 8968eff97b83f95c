"""Who owns a data directory: one supervisor at a time, and nobody left over from the one before.

A supervisor that was killed with -9 leaves no lock (the kernel frees it) but may leave processes that
hold ports and journal. Its status file names them; they are stopped before anything is started.
"""

import fcntl
import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from runtime import log
from supervision import status
from supervision.pids import alive, send, send_group

_LOCK = "openbourse.lock"
_PAUSE_S = 0.02


class Taken(Exception):
    """Another supervisor owns the data directory."""


class Claim:
    """The lock on a data directory, held until released or until this process dies."""

    def __init__(self, data_dir: Path) -> None:
        """Take the lock.

        Raises: Taken, naming the pid of the owner.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        self._file = (data_dir / _LOCK).open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise Taken(
                f"an exchange is already running on {data_dir} (pid {owner(data_dir)}); "
                "stop it with `openbourse down` or choose another --data-dir"
            ) from error
        self._file.truncate(0)
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def release(self) -> None:
        """Give the directory up."""
        self._file.close()


def owner(data_dir: Path) -> int:
    """Return the pid of the supervisor that holds the directory now; 0 when nobody does."""
    try:
        with (data_dir / _LOCK).open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(file.read() or 0)
    except OSError:
        return 0
    return 0


def leftovers(run: Path) -> list[dict[str, Any]]:
    """Return the processes that an earlier supervisor started and that still live."""
    named = status.read(run).get("processes", [])
    everyone = [one for entry in named for one in (entry, *_workers(entry))]
    return [one for one in everyone if alive(one)]


def end_leftovers(run: Path, patience_s: float) -> int:
    """Stop what an earlier supervisor left behind, in reverse order of start; how many there were.

    Each is asked (PostgreSQL by SIGINT, its fast shutdown) and killed with its group when it has
    not ended after `patience_s`.
    """
    left = leftovers(run)
    for one in reversed(left):
        facts = log.facts(process=one["name"], pid=one["pid"])
        logging.getLogger("supervisor").warning("left by a dead supervisor, stopped %s", facts)
        send(one["pid"], signal.SIGINT if one["name"] == "postgres" else signal.SIGTERM)
        deadline = time.monotonic() + patience_s
        while alive(one) and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        if alive(one):
            send(one["pid"], signal.SIGKILL)
        # What the dead one had started itself may still hold its port, under its group.
        send_group(one["pid"], signal.SIGKILL)
    status.remove(run)
    return len(left)


def _workers(entry: dict[str, Any]) -> list[dict[str, Any]]:
    return [{**worker, "name": f"{entry['name']} worker"} for worker in entry["workers"]]
