"""Look at what the machine gives before anything is started, and say what to do where it is too little.

A finding is a warning, or a reason not to start: then the exchange could not do its work, and would
say so later and worse.
"""

import os
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conf.settings import Settings

SHARED = Path("/dev/shm")  # noqa: S108 - only looked at
SHARED_NEEDED = 32 << 20
"""What the shipped market touches when it is quiet; used up, its capacities touch up to a gigabyte."""
SHARED_ADVISED = 1 << 30
FILES_BESIDE = 200
"""Descriptors that a process has beside its connections."""
DISK_ADVISED_SEGMENTS = 4


@dataclass(frozen=True)
class Finding:
    """One thing that is too little; `fatal`: the exchange is not started."""

    text: str
    fatal: bool = False


def findings(settings: Settings) -> list[Finding]:
    """Return what is too little on this machine for these settings."""
    return [*_shared_memory(), *_files(settings), *_disk(settings)]


def _shared_memory() -> Iterator[Finding]:
    if not SHARED.is_dir() or not os.access(SHARED, os.W_OK):
        yield Finding(
            f"{SHARED} cannot be written: the books live there. Mount a tmpfs on it", True
        )
        return
    free = shutil.disk_usage(SHARED).free
    if free < SHARED_ADVISED:
        yield Finding(
            f"{_size(free)} are free in {SHARED}, {_size(SHARED_ADVISED)} are advised: "
            f"`mount -o remount,size=2G {SHARED}`, or --shm-size=1g for a container",
            free < SHARED_NEEDED,
        )


def _files(settings: Settings) -> Iterator[Finding]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.ws.max_connections + FILES_BESIDE
    if most != resource.RLIM_INFINITY and most < wanted:
        yield Finding(
            f"a process may open {most} files, {wanted} are needed for ws.max_connections = "
            f"{settings.ws.max_connections}: `ulimit -Hn {wanted}`, LimitNOFILE={wanted} in a systemd "
            "unit, or fewer connections"
        )


def _disk(settings: Settings) -> Iterator[Finding]:
    free = shutil.disk_usage(settings.data_dir).free
    segment = settings.journal.segment_bytes
    if free < DISK_ADVISED_SEGMENTS * segment:
        yield Finding(
            f"{_size(free)} are free on the disk of {settings.data_dir}, {_size(DISK_ADVISED_SEGMENTS * segment)} "
            "are advised: make room, name another --data-dir, or let old segments go (journal.keep = "
            '"needed")',
            free < segment // 4,
        )


def _size(amount: int) -> str:
    return f"{amount / (1 << 30):.1f} GiB" if amount >= 1 << 30 else f"{amount >> 20} MiB"
