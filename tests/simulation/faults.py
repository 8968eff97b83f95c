"""What may go wrong in one run, how often, and the one source of chance that decides it."""

import hashlib
from dataclasses import dataclass, fields
from random import Random


class Killed(BaseException):
    """The process that runs now is killed, here."""


class PowerLost(BaseException):
    """The machine loses power, here: every process ends, and the disk forgets."""


@dataclass
class Rates:
    """How often each fault strikes, per chance that it has. Times are in virtual milliseconds."""

    kill: float = 0.0
    """Per call of a seam: a disk or wire operation, a database statement."""
    power_cut: float = 0.0
    """Per disk operation."""
    sync_fails: float = 0.0
    write_fails: float = 0.0
    short_write: float = 0.0
    disk_fills: float = 0.0
    """Per turn of the world; it empties again by itself."""
    flip: float = 0.0
    """Per restart of the matcher: a bit of a journal file, found and mended, or of a snapshot, left."""
    drop: float = 0.0
    """Per frame, on wires that may drop."""
    duplicate: float = 0.0
    delay_ms: float = 0.0
    """Longest time on a wire."""
    pause: float = 0.0
    """Per turn of the world: one process stands still for a while."""
    database_lost: float = 0.0
    """Per statement: before or after its commit."""
    database_away: float = 0.0
    """Per turn of the world: nobody reaches it for a while."""
    database_late: float = 0.0
    """Per turn of the world: it answers after a while."""
    failover: float = 0.0
    """Per loss: to a replica that lacks the last transactions."""


_RANGES = {
    "kill": (0.0, 0.001, 0.006),
    "power_cut": (0.0, 0.002, 0.02),
    "sync_fails": (0.0, 0.0, 0.01),
    "write_fails": (0.0, 0.0, 0.005),
    "short_write": (0.0, 0.05),
    "disk_fills": (0.0, 0.0, 0.004),
    "flip": (0.0, 0.3),
    "drop": (0.0, 0.01, 0.1),
    "duplicate": (0.0, 0.05),
    "delay_ms": (0.0, 2.0, 30.0),
    "pause": (0.0, 0.002, 0.01),
    "database_lost": (0.0, 0.02, 0.1),
    "database_away": (0.0, 0.002),
    "database_late": (0.0, 0.002, 0.01),
    "failover": (0.0, 0.0, 0.3),
}
"""What each rate may be in a run. Each run has some faults and not others: some hide behind others."""


def drawn(rng: Random) -> Rates:
    """Choose the rates of one run."""
    return Rates(**{one.name: rng.choice(_RANGES[one.name]) for one in fields(Rates)})


class Fate:
    """Decides, in one run, what goes wrong where. `rates` are all 0 while the run begins and ends."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.drawn = drawn(self.rng)
        self.rates = Rates()
        self.counts: dict[str, int] = {}
        """How often each fault struck."""
        self._trace = hashlib.blake2b(digest_size=16)

    def strikes(self, fault: str) -> bool:
        """Decide whether a fault strikes now, and count it."""
        rate = getattr(self.rates, fault)
        if rate == 0 or self.rng.random() >= rate:
            return False
        self.note(fault)
        return True

    def trace(self, what: bytes) -> None:
        """Take something that happened into the sum of the run."""
        self._trace.update(what)

    @property
    def digest(self) -> str:
        """The sum of all that happened: equal for equal seeds, wherever they are played."""
        return self._trace.hexdigest()

    def note(self, what: str) -> None:
        """Count something that happened."""
        self.trace(what.encode())
        self.counts[what] = self.counts.get(what, 0) + 1

    def step(self) -> None:
        """Give a process the chance to die here.

        Raises: Killed.
        """
        if self.strikes("kill"):
            raise Killed
