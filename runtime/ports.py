"""Free TCP ports, for whoever asked for port 0.

A port is found first and listened on later, by another process. The kernel's own choice would not
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
            socket.create_server((host, port)).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    raise OSError(errno.EADDRINUSE, "no free port was found")


def _candidates(outgoing: Path) -> range:
    """Return the larger part that outgoing connections leave; every port where they leave none or do not tell."""
    try:
        low, high = map(int, outgoing.read_text().split())
    except (OSError, ValueError):
        return range(FIRST, END)
    below, above = range(FIRST, max(low, FIRST)), range(max(high + 1, FIRST), END)
    return max(below, above, key=len) or range(FIRST, END)
