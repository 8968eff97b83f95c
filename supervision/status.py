"""What a person is told about the running exchange: written by the supervisor, read by anyone.

The file in the run-time directory says how things stood at the last change; the reader checks by pid
and time of birth that the processes it names are still those.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conf.settings import Settings
from runtime import clock
from runtime.ports import written
from supervision.pids import alive, born, identity
from supervision.states import SATISFIED, Part, Process, State

_FILE = "status.json"
_FRESH_NS = 500_000_000


class StatusFile:
    """The writer's side: rewritten when a state changed, else at most twice a second."""

    def __init__(self, run: Path, settings: Settings) -> None:
        self._path = run / _FILE
        self._head = {
            "supervisor": identity(os.getpid()),
            "data_dir": str(settings.data_dir),
            **urls(settings),
        }
        self._states: list[tuple[str, str, int]] = []
        self._births: dict[int, str] = {}
        self._written_ns = 0

    def write(self, processes: Sequence[Process]) -> None:
        """Write how the processes stand now."""
        states = [(one.name, one.state.value, one.pid) for one in processes]
        now_ns = clock.steady_ns()
        if states == self._states and now_ns - self._written_ns < _FRESH_NS:
            return
        self._states, self._written_ns = states, now_ns
        told = {
            **self._head,
            "state": "running" if all(map(_well, processes)) else "degraded",
            "processes": [self._entry(one) for one in processes if one.state is not State.DONE],
        }
        draft = self._path.with_suffix(".draft")
        draft.write_text(json.dumps(told))
        draft.replace(self._path)

    def _entry(self, process: Process) -> dict[str, object]:
        workers = [identity(pid) for pid in sorted(process.voices) if pid != process.pid]
        return {
            "name": process.name,
            "pid": process.pid,
            "born": self._born(process.pid),
            "state": process.state.value,
            "part": process.part.value,
            "restarts": process.restarts,
            "last_end": process.last_words,
            "workers": workers,
            "role": process.facts.get("role", ""),
            "facts": process.facts,
        }

    def _born(self, pid: int) -> str:
        if pid not in self._births:
            self._births[pid] = born(pid)
        return self._births[pid]


def urls(settings: Settings) -> dict[str, str]:
    """Return where REST, the streams and the office are."""
    return {
        "rest": f"http://{written(settings.rest.host, settings.rest.port)}",
        "ws": f"ws://{written(settings.ws.host, settings.ws.port)}",
        "office": f"http://{written(settings.office.host, settings.office.port)}",
    }


def read(run: Path) -> dict[str, Any]:
    """Return the last word of the supervisor of this run-time directory; {} when there is none."""
    try:
        told: dict[str, Any] = json.loads((run / _FILE).read_text())
    except (OSError, json.JSONDecodeError):
        return {}
    return told


def remove(run: Path) -> None:
    """Forget the last word: everything it named has stopped."""
    (run / _FILE).unlink(missing_ok=True)


def told(run: Path) -> dict[str, Any]:
    """Return what `openbourse status` says; what the file claims is checked against the living."""
    last, processes = _now(run)
    up = bool(last) and alive(last["supervisor"])
    if not up:
        processes = [entry for entry in processes if entry["state"] != "gone"]
    # Of two that follow one another the one that leaves may be gone.
    gone = any(entry["state"] == "gone" and not entry["part"] for entry in processes)
    facts = {entry["role"] or entry["name"]: entry["facts"] for entry in processes}
    matcher = facts.get("primary") or facts.get("matcher") or facts.get("edge", {})
    return {
        "state": ("degraded" if gone else last["state"]) if up else "down",
        "supervisor": last["supervisor"]["pid"] if up else 0,
        "processes": processes,
        "rest": last.get("rest", ""),
        "ws": last.get("ws", ""),
        "office": last.get("office", ""),
        "seq": matcher.get("seq", 0),
        "watermark": _watermark(matcher, facts.get("writer")),
    }


def _watermark(matcher: dict[str, Any], writer: dict[str, Any] | None) -> int | None:
    """Return the last command that is in the database; None where no writer is: at an edge it is not known."""
    if writer is None:
        return None
    # Commands without events (the clock's ticks) never reach the writer: what counts is the last event.
    written = "event_seq" in matcher and writer.get("watermark", -1) >= matcher["event_seq"]
    return int(matcher["seq"] if written else writer.get("seq", 0))


def _now(run: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the last word and its processes, checked; what ends while it is being read is looked up again."""
    last = read(run)
    while True:
        processes = [_checked(entry) for entry in last.get("processes", [])]
        if all(entry["state"] != "gone" for entry in processes):
            return last, processes
        again = read(run)
        if again == last:
            return last, processes
        last = again


def _well(process: Process) -> bool:
    if process.part is not Part.SOLE:
        return True
    return process.complete or (process.program.once and process.state in SATISFIED)


def _checked(entry: dict[str, Any]) -> dict[str, Any]:
    lives = not entry["pid"] or alive(entry)
    seen = dict(entry) if lives else {**entry, "state": "gone"}
    del seen["born"]
    seen["workers"] = [worker["pid"] for worker in entry["workers"] if alive(worker)]
    return seen
