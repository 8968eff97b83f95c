"""Raw WebSocket clients for the stream benchmarks: they count bytes and parse nothing."""

import fcntl
import os
import resource
import socket
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_UPGRADE = (
    "GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def connected(port: int, receive_buffer: int = 0, path: str = "/ws/btcusdt@trade") -> socket.socket:
    """Return a client of a stream, without blocking from here on.

    Raises: OSError when the server does not take it.
    """
    plug = socket.socket()
    if receive_buffer:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plug.settimeout(60)
    plug.connect(("127.0.0.1", port))
    plug.sendall(_UPGRADE.format(path=path).encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += plug.recv(1)
    if not head.startswith(b"HTTP/1.1 101"):
        raise OSError(f"the server answered {head.splitlines()[0]!r}")
    plug.setblocking(False)
    return plug


def allow_many_files(clients: int) -> None:
    """Let this process and its children have so many sockets at each end."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = clients + 200
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, needed), most))


@contextmanager
def on_last_core() -> Iterator[None]:
    """Keep this process off the first core, which belongs to the server that is measured."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def cpu_seconds(pid: int) -> float:
    """Return how long a process has run on a core, in its own code and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def unread(plug: socket.socket) -> int:
    """Return how many bytes have come and were not read.

    Raises: OSError when the other side has dropped the connection.
    """
    if error := plug.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(error, os.strerror(error))
    return int(struct.unpack("i", fcntl.ioctl(plug, termios.FIONREAD, bytes(4)))[0])
