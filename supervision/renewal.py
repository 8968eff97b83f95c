"""Start running processes again, one after the other, without a request that fails.

Each way is a generator that the arbiter's loop resumes every turn: what happens one after the other
stands one below the other, and nothing here waits. Which way a program goes stands in its line of the table.
"""

import signal
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Protocol

from runtime import clock
from supervision.programs import Renewal
from supervision.states import WORKING, Process, State

Steps = Generator[None, None, None]


class GaveUp(Exception):
    """It could not be done; the message says what happened, and what goes on as before."""


class House(Protocol):
    """What a renewal needs of the arbiter."""

    processes: list[Process]

    @property
    def ready_timeout_s(self) -> float:
        """How long a process may take until it does its work."""

    def signal(self, process: Process, number: int) -> None:
        """Send a signal."""

    def ask_to_stop(self, process: Process) -> None:
        """Ask one process to stop."""

    def succeed(self, process: Process) -> Process:
        """Start a second process of the same program; the first one works on."""

    def change_over(self, process: Process, successor: Process) -> None:
        """Let the successor be the one that counts, and the first one go."""

    def drop(self, process: Process) -> None:
        """End a successor that is not wanted any more."""


def renew(house: House, names: Sequence[str]) -> Steps:
    """Renew the named processes, each whole before the next one begins.

    Raises: GaveUp.
    """
    for name in names:
        process = next(one for one in house.processes if one.program.name == name)
        yield from _WAYS[process.program.renewal](house, process)


def _by_workers(house: House, process: Process) -> Steps:
    """Let gunicorn start one more worker; when it serves, let it end the oldest one, which answers what it has."""
    old, pid = set(process.voices), process.pid
    while old:
        known = frozenset(process.voices)
        house.signal(process, signal.SIGTTIN)
        yield from _until(house, partial(_has_others, process, known), process, pid)
        house.signal(process, signal.SIGTTOU)
        yield from _until(house, partial(_lacks_one, process, frozenset(old)), process, pid)
        old &= set(process.voices)


def _has_others(process: Process, known: frozenset[int]) -> bool:
    return bool(set(process.voices) - known)


def _lacks_one(process: Process, known: frozenset[int]) -> bool:
    return not known <= set(process.voices)


def _by_successor(house: House, process: Process) -> Steps:
    """Start a second process at the same door; when it works, the first one says goodbye to its clients."""
    successor = house.succeed(process)
    try:
        yield from _until(house, lambda: successor.state in WORKING, successor, successor.pid)
    except GaveUp:
        house.drop(successor)
        raise
    house.change_over(process, successor)
    # The arbiter takes it out of its list when it has ended, killed if it must be.
    while process in house.processes:
        yield


def _by_pause(house: House, process: Process) -> Steps:
    """Stop it and start it; its work waits meanwhile."""
    house.ask_to_stop(process)
    while process.state is State.STOPPING:
        yield
    # The loop starts what has stopped as soon as what it needs is there.
    deadline_ns = clock.steady_ns() + int(house.ready_timeout_s * 1e9)
    while process.state not in WORKING:
        if clock.steady_ns() > deadline_ns:
            raise GaveUp(f"{process.program.name} is {process.state.value} after its restart")
        yield


_WAYS: dict[Renewal, Callable[[House, Process], Steps]] = {
    Renewal.WORKERS: _by_workers,
    Renewal.SUCCESSOR: _by_successor,
    Renewal.PAUSE: _by_pause,
}


def _until(house: House, happened: Callable[[], object], process: Process, pid: int) -> Steps:
    deadline_ns = clock.steady_ns() + int(house.ready_timeout_s * 1e9)
    while not happened():
        name = process.program.name
        if process.pid != pid:
            raise GaveUp(f"{name} (pid {pid}) died: {process.last_words}")
        if clock.steady_ns() > deadline_ns:
            raise GaveUp(f"the new {name} is not ready after {house.ready_timeout_s:g} s")
        yield
