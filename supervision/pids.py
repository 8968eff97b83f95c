"""Other processes by number: whether they live, whether they are still the same ones, signals to them."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def born(pid: int) -> str:
    """Return what tells this life of a pid from another: its time of birth; "" when it is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return _born_by_ps(pid) if pid and not Path("/proc/self").exists() else ""
    fields = stat.rpartition(b")")[2].split()
    state, start_ticks = fields[0], fields[19]
    return "" if state in (b"Z", b"X") else start_ticks.decode()


def identity(pid: int) -> dict[str, Any]:
    """Return what `alive` needs to know this very process again."""
    return {"pid": pid, "born": born(pid)}


def alive(one: Mapping[str, Any]) -> bool:
    """Whether this very process lives; its number alone may be somebody else's by now."""
    pid = int(one["pid"])
    return pid > 0 and born(pid) == one["born"] != ""


def is_stopped(pid: int) -> bool:
    """Whether a signal (SIGSTOP, SIGTSTP) has stopped this process; a debugger's stop does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] == b"T"
    except (OSError, IndexError):
        return False


def usage(pid: int) -> tuple[float, float, float, float] | None:
    """Return resident and private bytes, open descriptors and processor seconds; None: not to be had."""
    try:
        proc = Path(f"/proc/{pid}")
        _, resident, shared = (proc / "statm").read_text().split()[:3]
        fields = (proc / "stat").read_text().rpartition(")")[2].split()
        files = sum(1 for _ in (proc / "fd").iterdir())
    except (OSError, ValueError):
        return None
    private = int(resident) - int(shared)
    seconds = (int(fields[11]) + int(fields[12])) / _TICKS
    return int(resident) * _PAGE, private * _PAGE, files, seconds


def send(pid: int, number: int) -> None:
    """Send a signal to one process, if it still exists."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def send_group(pid: int, number: int) -> None:
    """Send a signal to the process group that `pid` leads, or led: its children may outlive it."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return


def has_terminal() -> bool:
    """Whether this process has a terminal that signals can come from; one that was closed is none."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True


def group_of(pid: int) -> int:
    """Return the process group of a pid, 0 when there is no such process."""
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


def _born_by_ps(pid: int) -> str:
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, check=False
    )
    return found.stdout.decode().strip()
