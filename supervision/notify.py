"""Tell systemd how the exchange stands: READY, RELOADING, STOPPING, WATCHDOG and one line of status.

The protocol of sd_notify(3): datagrams of text to the socket named by NOTIFY_SOCKET. Without one nothing is
said. The processes must not see that variable: gunicorn would say READY for the whole exchange.
"""

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

from runtime import clock

VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Notifier:
    """The line to systemd, if there is one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is in the abstract name space, where names begin with a zero byte.
        self._address = "\0" + path[1:] if path.startswith("@") else path
        asked_of = environ.get("WATCHDOG_PID", str(os.getpid()))
        usec = environ.get("WATCHDOG_USEC", "")
        wanted = usec.isdecimal() and asked_of == str(os.getpid())
        # Half of what systemd waits for, as it advises; the loop turns at least twice a second.
        self._every_ns = int(usec) * 1000 // 2 if wanted else 0
        self._alive_ns = 0

    def ready(self) -> None:
        """Say that every process does its work."""
        self._say("READY=1")

    def reloading(self) -> None:
        """Say that settings are being read anew; `ready` ends it."""
        self._say(f"RELOADING=1\nMONOTONIC_USEC={clock.steady_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the orderly stop has begun."""
        self._say("STOPPING=1")

    def status(self, text: str) -> None:
        """Say in one line how it stands."""
        self._say(f"STATUS={text}")

    def alive(self) -> None:
        """Say that the loop turns, as often as systemd asked for it; call it every turn."""
        now_ns = clock.steady_ns()
        if self._every_ns and now_ns - self._alive_ns >= self._every_ns:
            self._alive_ns = now_ns
            self._say("WATCHDOG=1")

    def _say(self, text: str) -> None:
        if not self._address:
            return
        # systemd may be away or its queue full: the next word may get through.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line, suppress(OSError):
            line.sendto(text.encode(), socket.MSG_DONTWAIT, self._address)
