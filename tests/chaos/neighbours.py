"""How much of the processors other people's programs have: what a time that was measured meanwhile is worth."""

import os
import time
from collections import defaultdict
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_IDLE = (3, 4)
"""Of the first line of /proc/stat: idle, and waiting for a disk. All else is work, or taken by a hypervisor."""
_GUESTS = 8
"""From here on it counts again what is in the fields before."""


class Neighbours:
    """Measures from its making on; this process and all that descend from it are not neighbours."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._busy, self._own = _busy_s(), _own_s(os.getpid())

    def share(self) -> float:
        """Return which part of all processors others have had since, from 0 to 1."""
        seconds = time.monotonic() - self._begun
        others = (_busy_s() - self._busy) - (_own_s(os.getpid()) - self._own)
        return min(1.0, max(0.0, others / (seconds * (os.cpu_count() or 1))))


def _busy_s() -> float:
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1 : 1 + _GUESTS]
    return sum(int(one) for place, one in enumerate(fields) if place not in _IDLE) / _TICKS


def _own_s(root: int) -> float:
    """Add up what a process and its descendants have used, with those that ended: their parents have it."""
    used: dict[int, int] = {}
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        children[int(fields[1])].append(pid)
        used[pid] = sum(map(int, fields[11:15]))
    found, total = [root], 0
    while found:
        pid = found.pop()
        total += used.get(pid, 0)
        found += children[pid]
    return total / _TICKS
