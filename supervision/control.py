"""How a command asks the running supervisor for something: a socket in the run-time directory.

One line of JSON each way: `{"word": "restart", "names": ["ingress"], "who": "…"}`, and when it is done,
which may take a while, `{"done": true, "told": "…"}`. Only this user can reach the directory.
"""

import json
import socket
from pathlib import Path
from typing import Any

from runtime import endpoints

_FILE = "control"
_LIMIT = 65536
_PATIENCE_S = 0.5
"""How long the supervisor waits for a line whose connection is there; it has others to look after."""


class NotAsked(Exception):
    """The supervisor could not be asked, or did not answer; the message says why."""


class Request:
    """What was asked, and the connection on which the answer is waited for."""

    def __init__(self, asked: dict[str, Any], line: socket.socket) -> None:
        self.asked = asked
        self._line = line

    def answer(self, told: str, *, done: bool) -> None:
        """Say what came of it, if anybody still listens."""
        try:
            self._line.sendall(json.dumps({"done": done, "told": told}).encode() + b"\n")
        except OSError:
            return
        finally:
            self._line.close()


class Control:
    """The supervisor's end."""

    def __init__(self, run: Path) -> None:
        path = run / _FILE
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen(8)
        self._socket.setblocking(False)
        self._path = path

    def fileno(self) -> int:
        """Return the descriptor to `select` on."""
        return self._socket.fileno()

    def take(self) -> Request | None:
        """Return what somebody asks now, if anybody does."""
        try:
            line, _ = self._socket.accept()
        except BlockingIOError:
            return None
        line.settimeout(_PATIENCE_S)
        try:
            asked = json.loads(line.makefile("rb").readline(_LIMIT))
            if isinstance(asked, dict):
                return Request(asked, line)
        except (OSError, ValueError):
            pass
        line.close()
        return None

    def close(self) -> None:
        """Take the socket away."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ask(data_dir: Path, asked: dict[str, Any], timeout_s: float) -> str:
    """Ask the supervisor of a data directory and wait until it is done; what it told.

    Raises: NotAsked, also when it was asked and could not do it.
    """
    path = endpoints.run_dir(data_dir) / _FILE
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(timeout_s)
        try:
            line.connect(str(path))
            line.sendall(json.dumps(asked).encode() + b"\n")
            told = json.loads(line.makefile("rb").readline(_LIMIT) or b"{}")
        except TimeoutError as error:
            raise NotAsked(f"no answer within {timeout_s:g} s: see the log") from error
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotAsked(
                f"the exchange on {data_dir} is not running: start it with `openbourse up`"
            ) from error
    if not told:
        raise NotAsked("the supervisor ended before it had answered")
    if not told["done"]:
        raise NotAsked(told["told"])
    return str(told["told"])
