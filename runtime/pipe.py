"""Frames through a pipe, from a child process to its parent: a length word before each frame.

For work that a process hands to a child because its own package must not do it. The child writes
to its standard output and says what went wrong on standard error, which is the parent's log.
"""

import fcntl
import os
import select
import struct
import subprocess
import sys
from collections.abc import Sequence
from typing import BinaryIO

_LENGTH = struct.Struct("<I")
_READ = 1 << 20
_LINUX_SET_SIZE = getattr(fcntl, "F_SETPIPE_SZ", 0)


class ChildFailed(RuntimeError):
    """The child ended with another exit status than 0; the log says why."""

    def __init__(self, argv: Sequence[str], status: int) -> None:
        super().__init__(f"{' '.join(argv)} ended with exit status {status}")
        self.status = status


def write_frame(out: BinaryIO, frame: bytes) -> None:
    """Write one frame.

    Raises: BrokenPipeError when the parent has gone.
    """
    out.write(_LENGTH.pack(len(frame)))
    out.write(frame)
    out.flush()


class Child:
    """A child process whose frames are read as they come; `close` ends it."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = list(argv)
        self._process = subprocess.Popen(self._argv, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        if _LINUX_SET_SIZE:
            fcntl.fcntl(self._out, _LINUX_SET_SIZE, _READ)
        self._buffer = bytearray()

    def fileno(self) -> int:
        """Return the descriptor that is readable when a frame, or the end, has come."""
        return self._out

    def read(self, timeout_s: float) -> list[bytes] | None:
        """Return the frames that have come, waiting for at most `timeout_s`; None at the end.

        Raises: ChildFailed.
        """
        # Not `select`, which knows no descriptors from 1,024 on.
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if not poll.poll(timeout_s * 1000):
            return []
        piece = os.read(self._out, _READ)
        if not piece:
            status = self._process.wait()
            if status or self._buffer:
                raise ChildFailed(self._argv, status)
            return None
        self._buffer += piece
        return self._whole_frames()

    def close(self) -> None:
        """End the child and wait for it."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _whole_frames(self) -> list[bytes]:
        frames, at = [], 0
        while at + _LENGTH.size <= len(self._buffer):
            (length,) = _LENGTH.unpack_from(self._buffer, at)
            end = at + _LENGTH.size + length
            if end > len(self._buffer):
                break
            frames.append(bytes(self._buffer[at + _LENGTH.size : end]))
            at = end
        del self._buffer[:at]
        return frames


def replay_events(event_seq: int) -> Child:
    """Start a replay of the journal that tells all events from `event_seq` on."""
    return Child(
        [sys.executable, "-m", "matcher.replay_events", "--from-event-seq", str(event_seq)]
    )
