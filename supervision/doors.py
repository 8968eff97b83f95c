"""Listening sockets that outlive the process behind them, while another one takes its place.

The supervisor only binds; the process listens when it does its work. Two processes of a program have the same
socket: who connects while one follows the other is taken by either, and lost by none. When nobody is left
the socket is closed, and whoever connects is refused at once instead of waiting for nobody.
"""

import socket
from contextlib import suppress

from runtime.ports import bound
from runtime.service import DOOR
from supervision.programs import Program


class Doors:
    """The sockets of one exchange, by program."""

    def __init__(self) -> None:
        self._sockets: dict[str, socket.socket] = {}

    def open(self, program: Program) -> tuple[int, ...]:
        """Return the descriptor of a program's door; () when it has none, or must open it itself to say why not."""
        if not program.door:
            return ()
        if program.name not in self._sockets:
            host, port, shared = program.door
            with suppress(OSError):
                self._sockets[program.name] = bound(host, port, shared=shared)
        plug = self._sockets.get(program.name)
        return (plug.fileno(),) if plug else ()

    def shut(self, name: str) -> None:
        """Close a program's door: nobody is behind it."""
        if plug := self._sockets.pop(name, None):
            plug.close()


def inherited(door: tuple[int, ...]) -> dict[str, str]:
    """Return what tells a process which descriptor its door is."""
    return {DOOR: str(door[0])} if door else {}
