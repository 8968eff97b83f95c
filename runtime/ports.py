"""TCP ports of this host: bound, written, and found free for whoever asked for port 0.

A free port is found first and listened on later, by another process. The kernel's own choice would not
do: the near ends of outgoing connections come from the same range, and one of them may have the port
by then. Ports found here lie outside that range.
"""

import errno
import random
import socket
from pathlib import Path

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST = 10_000
"""Below lie most of the ports that services are known by."""
END = 65_536
TRIES = 1000
_chance = random.SystemRandom()


def free_port(host: str = "127.0.0.1", outgoing: Path = OUTGOING) -> int:
    """Return a port of this host that nobody listens on now and no outgoing connection will take.

    Raises:
        OSError: the host is not this machine, or 1,000 ports in a row were taken.
    """
    candidates = _candidates(outgoing)
    for _ in range(TRIES):
        port = _chance.choice(candidates)
        try:
            refuse_taken(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    raise OSError(errno.EADDRINUSE, "no free port was found")


def refuse_taken(host: str, port: int) -> None:
    """Raise OSError when somebody listens on a port, or the host is not this machine."""
    with bound(host, port) as plug:
        # Two may be bound to a port, and only one may listen.
        plug.listen()


def bound(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Return a socket that is bound and does not listen yet; `shared`: others may have the same port.

    Raises: OSError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    plug = socket.socket(family, socket.SOCK_STREAM)
    try:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        plug.bind((host, port))
    except OSError:
        plug.close()
        raise
    return plug


def written(host: str, port: int) -> str:
    """Write a host and a port as an address has them: an IPv6 host stands in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _candidates(outgoing: Path) -> range:
    """Return the larger part that outgoing connections leave; every port where they leave none or do not tell."""
    try:
        low, high = map(int, outgoing.read_text().split())
    except (OSError, ValueError):
        return range(FIRST, END)
    below, above = range(FIRST, max(low, FIRST)), range(max(high + 1, FIRST), END)
    return max(below, above, key=len) or range(FIRST, END)
